#include "infer/device_memory.h"

#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"

// Plain memory is cheap to get again, so little of it is kept.
#define HOST_KEPT_MAX ((size_t)16 << 20)

struct block {
    struct om_list link;  // in `out` or in `kept`
    void *data;
    size_t bytes;
};

struct om_device_pool {
    // Constant after create.
    enum om_memory_kind kind;
    struct om_device_pool_ops ops;
    void *ctx;
    size_t kept_max;

    struct om_mutex lock;
    // Under `lock`.
    struct om_list out, kept;  // blocks; kept: the last one given back first
    size_t kept_bytes;
};

static struct om_mutex stats_lock = OM_MUTEX_INIT;
static struct om_device_memory_stats stats[OM_MEMORY_KIND_COUNT];  // under `stats_lock`

static void count(const struct om_device_pool *pool, int64_t out, int64_t kept, bool is_reuse)
{
    om_with_lock(&stats_lock);
    struct om_device_memory_stats *s = &stats[pool->kind];
    s->bytes_out += out;
    s->bytes_kept += kept;
    s->bytes_out_max = OM_MAX(s->bytes_out_max, s->bytes_out);
    s->takes += out > 0;
    s->reuses += is_reuse;
}

struct om_device_memory_stats om_device_memory_stats(enum om_memory_kind kind)
{
    om_with_lock(&stats_lock);
    return stats[kind];
}

const char *om_memory_kind_name(enum om_memory_kind kind)
{
    return kind == OM_MEMORY_PINNED ? "pinned" : "host";
}

static void *host_alloc(void *ctx, size_t bytes)
{
    (void)ctx;
    return om_try_alloc_aligned(bytes);
}

static void host_release(void *ctx, void *data)
{
    (void)ctx;
    om_free(data);
}

struct om_device_pool *om_device_pool_create(enum om_memory_kind kind,
                                             const struct om_device_pool_ops *ops, void *ctx,
                                             size_t kept_max)
{
    static const struct om_device_pool_ops host = {host_alloc, host_release};
    struct om_device_pool *pool = om_new(struct om_device_pool);
    pool->kind = kind;
    pool->ops = ops ? *ops : host;
    pool->ctx = ctx;
    pool->kept_max = kept_max;
    om_mutex_init(&pool->lock);
    om_list_init(&pool->out);
    om_list_init(&pool->kept);
    return pool;
}

void om_device_pool_destroy(struct om_device_pool *pool)
{
    if (!pool)
        return;
    om_assert(om_list_is_empty(&pool->out));
    om_list_each(block, &pool->kept, struct block, link)
    {
        count(pool, 0, -(int64_t)block->bytes, false);
        pool->ops.release(pool->ctx, block->data);
        om_free(block);
    }
    om_mutex_finish(&pool->lock);
    om_free(pool);
}

// The tightest kept block that is not more than a quarter too big.
static struct block *find_kept(struct om_device_pool *pool, size_t bytes)
{
    struct block *best = NULL;
    om_mutex_assert_held(&pool->lock);
    om_list_each(block, &pool->kept, struct block, link)
    {
        bool fits = block->bytes >= bytes && block->bytes - bytes <= bytes / 4;
        if (fits && (!best || block->bytes < best->bytes))
            best = block;
    }
    return best;
}

static struct block *new_block(struct om_device_pool *pool, size_t bytes)
{
    struct block *block = om_try_new(struct block);
    if (!block)
        return NULL;
    block->bytes = bytes;
    block->data = pool->ops.alloc(pool->ctx, bytes);
    if (!block->data) {
        om_free(block);
        return NULL;
    }
    om_list_init(&block->link);
    return block;
}

void *om_device_pool_take(struct om_device_pool *pool, size_t bytes)
{
    om_assert(bytes > 0);
    om_with_lock(&pool->lock);
    struct block *block = find_kept(pool, bytes);
    bool is_reuse = block;
    if (is_reuse) {
        om_list_remove(&block->link);
        pool->kept_bytes -= block->bytes;
    } else {
        block = new_block(pool, bytes);
        if (!block)
            return NULL;
    }
    memset(block->data, 0, block->bytes);
    om_list_push_front(&pool->out, &block->link);
    count(pool, (int64_t)block->bytes, is_reuse ? -(int64_t)block->bytes : 0, is_reuse);
    return block->data;
}

static struct block *find_out(struct om_device_pool *pool, const void *data)
{
    om_list_each(block, &pool->out, struct block, link)
    {
        if (block->data == data)
            return block;
    }
    return NULL;
}

void om_device_pool_put(struct om_device_pool *pool, void *data)
{
    if (!data)
        return;
    om_with_lock(&pool->lock);
    struct block *block = find_out(pool, data);
    om_assert(block);
    int64_t bytes = (int64_t)block->bytes;
    om_list_remove(&block->link);
    bool is_kept = pool->kept_bytes + block->bytes <= pool->kept_max;
    count(pool, -bytes, is_kept ? bytes : 0, false);
    if (is_kept) {
        pool->kept_bytes += block->bytes;
        om_list_push_front(&pool->kept, &block->link);
        return;
    }
    pool->ops.release(pool->ctx, block->data);
    om_free(block);
}

enum om_memory_kind om_device_pool_kind(const struct om_device_pool *pool)
{
    return pool->kind;
}

struct om_device_pool *om_device_pool_host(void)
{
    static struct om_mutex lock = OM_MUTEX_INIT;
    static struct om_device_pool *pool;  // under `lock`; lives as long as the process
    om_with_lock(&lock);
    if (!pool)
        pool = om_device_pool_create(OM_MEMORY_HOST, NULL, NULL, HOST_KEPT_MAX);
    return pool;
}
