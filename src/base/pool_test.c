#include "base/pool.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"

enum { THREADS = 4, ROUNDS = 5000 };

static void test_bound_and_reuse(void)
{
    struct om_pool *pool = om_pool_create(100, 2);
    om_assert(om_pool_block_bytes(pool) == 100);
    void *a = om_pool_take(pool), *b = om_pool_take(pool);
    om_assert(a && b && a != b && (uintptr_t)a % 64 == 0 && (uintptr_t)b % 64 == 0);
    om_assert(!om_pool_take(pool));
    om_pool_put(pool, a);
    om_pool_put(pool, NULL);
    uint64_t before = om_mem_alloc_count();
    om_assert(om_pool_take(pool) == a && om_mem_alloc_count() == before);
    om_pool_put(pool, a);
    om_pool_put(pool, b);
    struct om_pool_stats stats = om_pool_stats(pool);
    om_assert(stats.out == 0 && stats.kept == 2 && stats.out_max == 2 && stats.misses == 1);
    om_pool_destroy(pool);
    om_pool_destroy(NULL);
}

// Blocks may outlive the owner; the sanitizers see that nothing leaks.
static void test_owner_goes_first(void)
{
    struct om_pool *pool = om_pool_create(1 << 20, 3);
    char *a = om_pool_take(pool), *b = om_pool_take(pool);
    om_pool_destroy(pool);
    memset(a, 1, 1 << 20);
    om_pool_put(pool, a);
    memset(b, 2, 1 << 20);
    om_pool_put(pool, b);
}

static void pool_main(void *ctx)
{
    struct om_pool *pool = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        int *block = om_pool_take(pool);
        if (!block)
            continue;
        block[0] = i;
        block[9] = i;
        om_assert(block[0] == block[9]);
        om_pool_put(pool, block);
    }
}

static void test_many_threads(void)
{
    struct om_pool *pool = om_pool_create(10 * sizeof(int), THREADS - 1);
    struct om_thread threads[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        om_assert(om_thread_start(&threads[i], "pool", 0, pool_main, pool));
    for (int i = 0; i < THREADS; i++)
        om_thread_join(&threads[i]);
    struct om_pool_stats stats = om_pool_stats(pool);
    om_assert(stats.out == 0 && stats.kept <= THREADS - 1 && stats.out_max <= THREADS - 1);
    om_pool_destroy(pool);
}

int main(void)
{
    test_bound_and_reuse();
    test_owner_goes_first();
    test_many_threads();
    return 0;
}
