// Memory for tensors, by kind, from pools that keep what was given back: page-locked memory takes
// milliseconds to get, and models come and go with the same sizes. Every byte that is out is
// counted, so that a leak is a number.
//
// Threads: any.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cleanup.h"

enum om_memory_kind {
    OM_MEMORY_HOST,    // plain memory, 64-byte aligned
    OM_MEMORY_PINNED,  // page-locked memory of the host, from a provider
    OM_MEMORY_KIND_COUNT
};

struct om_device_memory_stats {
    int64_t bytes_out, bytes_kept, bytes_out_max;
    uint64_t takes, reuses;
};
// Of the whole process.
struct om_device_memory_stats om_device_memory_stats(enum om_memory_kind kind);
const char *om_memory_kind_name(enum om_memory_kind kind);

struct om_device_pool_ops {
    void *(*alloc)(void *ctx, size_t bytes);  // NULL when there is none; need not be zeroed
    void (*release)(void *ctx, void *block);
};

struct om_device_pool;

// `kept_max` bounds what is kept for reuse. NULL ops: memory of om_try_alloc_aligned().
OM_MUST_USE struct om_device_pool *om_device_pool_create(enum om_memory_kind kind,
                                                         const struct om_device_pool_ops *ops,
                                                         void *ctx, size_t kept_max);
// Every block must be back. Accepts NULL.
void om_device_pool_destroy(struct om_device_pool *pool);
OM_DEFINE_AUTO(om_device_pool);
// A zeroed block of at least `bytes`, or NULL.
OM_MUST_USE void *om_device_pool_take(struct om_device_pool *pool, size_t bytes);
// Gives it back; accepts NULL.
void om_device_pool_put(struct om_device_pool *pool, void *block);
enum om_memory_kind om_device_pool_kind(const struct om_device_pool *pool);
// The process's own pool of plain memory.
struct om_device_pool *om_device_pool_host(void);
