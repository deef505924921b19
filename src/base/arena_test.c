#include "base/arena.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"

static void test_pieces(void)
{
    enum { PIECES = 2000, TOTAL = 1 << 20 };
    struct om_arena *arena = om_arena_create(TOTAL);
    static unsigned char *pieces[PIECES];
    struct om_rand rand;
    om_rand_init(&rand, 1);
    for (int i = 0; i < PIECES; i++) {
        size_t n = om_rand_below(&rand, 400) + 1;
        pieces[i] = om_arena_alloc(arena, n);
        om_assert(pieces[i] && (uintptr_t)pieces[i] % 16 == 0);
        for (size_t b = 0; b < n; b++)
            om_assert(pieces[i][b] == 0);
        memset(pieces[i], i & 0xff, n);
    }
    for (int i = 0; i < PIECES; i++)
        om_assert(pieces[i][0] == (i & 0xff));
    om_arena_destroy(arena);
    om_arena_destroy(NULL);
}

static void test_bound(void)
{
    struct om_arena *arena = om_arena_create(100);
    om_assert(!om_arena_alloc(arena, 101));
    om_assert(!om_arena_alloc(arena, SIZE_MAX - 3));
    om_assert(om_arena_alloc(arena, 100));
    om_assert(om_arena_used(arena) == 100 && !om_arena_alloc(arena, 1));
    om_arena_reset(arena);
    om_assert(om_arena_used(arena) == 0);
    int count = 0;
    while (om_arena_alloc(arena, 0))  // nothing is not for nothing
        count++;
    om_assert(count > 0 && count <= 100);
    om_arena_destroy(arena);
}

static void test_reset_keeps_first_block(void)
{
    struct om_arena *arena = om_arena_create(100000);
    om_arena_reset(arena);  // nothing there yet
    char *copy = om_arena_strdup(arena, OM_STR("request"));
    om_assert(om_str_equal(om_str_from(copy), OM_STR("request")));
    om_arena_reset(arena);
    uint64_t before = om_mem_alloc_count();
    char *again = om_arena_alloc(arena, 8);
    om_assert(again[0] == 0);  // zeroed although "request" stood here
    om_assert(again == copy && om_mem_alloc_count() == before);
    om_assert(om_arena_alloc(arena, 50000));
    om_arena_reset(arena);
    om_assert(om_arena_alloc(arena, 90000));  // the bound counts from zero again
    om_assert(!om_arena_strdup(arena, om_str_n("", SIZE_MAX)));
    om_arena_destroy(arena);
}

int main(void)
{
    test_pieces();
    test_bound();
    test_reset_keeps_first_block();
    return 0;
}
