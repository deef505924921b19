#include "base/mem.h"

#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/machine.h"

// Sanitizers end a program that asks for too much, unless they are told that NULL is looked at
// here.
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

struct flex {
    int count;
    uint64_t items[];
};

static void test_bounds(void)
{
    om_assert(!om_try_alloc(SIZE_MAX / 2, 3));
    om_assert(!om_try_realloc(NULL, SIZE_MAX / 2, 3));
    om_assert(!om_try_alloc_aligned(SIZE_MAX - 3));
    om_assert(!om_try_new_flex(struct flex, items, SIZE_MAX / 8));
    struct flex *flex = om_try_new_flex(struct flex, items, 10);
    om_assert(flex && flex->items[9] == 0);
    om_free(flex);
}

static void test_zeroed_and_aligned(void)
{
    unsigned char *block = om_try_alloc_aligned(1000);
    om_assert(block && (uintptr_t)block % 64 == 0);
    for (int i = 0; i < 1000; i++)
        om_assert(block[i] == 0);
    om_free(block);
}

// Their allocators keep what they like.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

static void test_counted(void)
{
    uint64_t before = om_mem_alloc_count();
    om_auto_free char *text = om_strdup("abc");
    om_auto_free char *cut = om_strndup("abcdef", 2);
    om_assert(strcmp(text, "abc") == 0 && strcmp(cut, "ab") == 0);
    om_assert(om_strdup(NULL) == NULL);
    om_assert(om_mem_alloc_count() == before + 2);
    char *taken = om_steal(&text);
    om_assert(!text && strcmp(taken, "abc") == 0);
    om_free(taken);
    om_free(NULL);
}

// Blocks too small to be mapped alone, freed behind a few that stay: the C library keeps them.
static void test_given_back(void)
{
    enum { BLOCKS = 4000, BYTES = 16000 };
    static char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = om_alloc(1, BYTES);
        memset(blocks[i], 1, BYTES);
    }
    om_assert(!om_mem_give_back());  // all of it is in use
    for (int i = 0; i < BLOCKS - 1; i++)
        om_free(blocks[i]);
    int64_t before = om_machine_private_bytes();
    om_assert(om_mem_give_back());
    om_assert(om_machine_private_bytes() < before - BLOCKS * BYTES / 2);
    om_assert(!om_mem_give_back());  // nothing is left to give
    om_free(blocks[BLOCKS - 1]);
}

int main(void)
{
    test_bounds();
    test_zeroed_and_aligned();
    test_counted();
    if (!is_sanitized)
        test_given_back();
    return 0;
}
