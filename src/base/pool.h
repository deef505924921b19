// Pool: equally sized, 64-byte aligned blocks with a bound, handed out in O(1) without allocating
// once warm. Safe from any thread. A pool is counted: it may be dropped by its owner while blocks
// are still out; the last block that comes back frees it.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct om_pool;

struct om_pool_stats {
    size_t out;       // blocks handed out now
    size_t kept;      // blocks kept for reuse
    size_t out_max;   // the most that were ever out
    uint64_t misses;  // takes refused at the bound
};

// `blocks_max` bounds blocks out plus kept. Blocks are allocated when first needed.
OM_MUST_USE struct om_pool *om_pool_create(size_t block_bytes, size_t blocks_max);
// Gives up the owner's hold; accepts NULL.
void om_pool_destroy(struct om_pool *pool);
// A block with undefined content, or NULL at the bound / when memory is out.
OM_MUST_USE void *om_pool_take(struct om_pool *pool);
// Gives a block back; accepts NULL.
void om_pool_put(struct om_pool *pool, void *block);
size_t om_pool_block_bytes(const struct om_pool *pool);
struct om_pool_stats om_pool_stats(struct om_pool *pool);
