#include "base/pool.h"

#include <stdbool.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"

struct om_pool {
    size_t block_bytes, blocks_max;  // constant

    struct om_mutex lock;
    // Under `lock`.
    void **kept;  // a stack of blocks_max places
    struct om_pool_stats stats;
    bool is_dropped;
};

struct om_pool *om_pool_create(size_t block_bytes, size_t blocks_max)
{
    om_assert(block_bytes > 0 && blocks_max > 0);
    struct om_pool *pool = om_new(struct om_pool);
    pool->block_bytes = block_bytes;
    pool->blocks_max = blocks_max;
    pool->kept = om_new_array(void *, blocks_max);
    om_mutex_init(&pool->lock);
    return pool;
}

static void pool_free(struct om_pool *pool)
{
    while (pool->stats.kept > 0)
        om_free(pool->kept[--pool->stats.kept]);
    om_mutex_finish(&pool->lock);
    om_free(pool->kept);
    om_free(pool);
}

void om_pool_destroy(struct om_pool *pool)
{
    if (!pool)
        return;
    bool is_last;
    {
        om_with_lock(&pool->lock);
        pool->is_dropped = true;
        is_last = pool->stats.out == 0;
    }
    if (is_last)
        pool_free(pool);
}

// A kept block, or with *ret = NULL the right to allocate one. False at the bound.
static bool take_kept(struct om_pool *pool, void **ret)
{
    om_with_lock(&pool->lock);
    if (pool->stats.out == pool->blocks_max) {
        pool->stats.misses++;
        return false;
    }
    *ret = pool->stats.kept > 0 ? pool->kept[--pool->stats.kept] : NULL;
    pool->stats.out++;
    pool->stats.out_max = OM_MAX(pool->stats.out_max, pool->stats.out);
    return true;
}

void *om_pool_take(struct om_pool *pool)
{
    void *block;
    if (!take_kept(pool, &block))
        return NULL;
    if (block)
        return block;
    // Outside of the lock: clearing a large block takes long, and others may only want a kept one.
    block = om_try_alloc_aligned(pool->block_bytes);
    if (!block) {
        om_with_lock(&pool->lock);
        pool->stats.out--;
        pool->stats.misses++;
    }
    return block;
}

void om_pool_put(struct om_pool *pool, void *block)
{
    if (!block)
        return;
    bool is_last;
    {
        om_with_lock(&pool->lock);
        om_assert(pool->stats.out > 0);
        pool->stats.out--;
        pool->kept[pool->stats.kept++] = block;
        is_last = pool->is_dropped && pool->stats.out == 0;
    }
    if (is_last)
        pool_free(pool);
}

size_t om_pool_block_bytes(const struct om_pool *pool)
{
    return pool->block_bytes;
}

struct om_pool_stats om_pool_stats(struct om_pool *pool)
{
    om_with_lock(&pool->lock);
    return pool->stats;
}
