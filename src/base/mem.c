#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"

static atomic_uint_fast64_t alloc_count;

OM_NORETURN OM_COLD static void out_of_memory(size_t count, size_t size)
{
    fprintf(stderr, "omma: out of memory for %zu x %zu bytes\n", count, size);
    abort();
}

void *om_try_alloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed);
    return calloc(count ? count : 1, size ? size : 1);
}

void *om_alloc(size_t count, size_t size)
{
    void *ptr = om_try_alloc(count, size);
    if (!ptr)
        out_of_memory(count, size);
    return ptr;
}

void *om_try_realloc(void *ptr, size_t count, size_t size)
{
    atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed);
    return reallocarray(ptr, count ? count : 1, size ? size : 1);
}

void *om_realloc(void *ptr, size_t count, size_t size)
{
    void *grown = om_try_realloc(ptr, count, size);
    if (!grown)
        out_of_memory(count, size);
    return grown;
}

void *om_try_alloc_aligned(size_t size)
{
    enum { ALIGN = 64 };
    if (size > SIZE_MAX - ALIGN)
        return NULL;
    atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed);
    size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    void *ptr = aligned_alloc(ALIGN, rounded ? rounded : ALIGN);
    if (ptr)
        memset(ptr, 0, rounded);
    return ptr;
}

char *om_strndup(const char *text, size_t n)
{
    if (!text)
        return NULL;
    size_t len = strnlen(text, n);
    char *copy = om_alloc(len + 1, 1);
    memcpy(copy, text, len);
    return copy;
}

char *om_strdup(const char *text)
{
    return om_strndup(text, SIZE_MAX - 1);
}

void om_free(void *ptr)
{
    free(ptr);
}

void om_auto_free_cleanup(void *ptr_to_ptr)
{
    free(*(void **)ptr_to_ptr);
}

uint64_t om_mem_alloc_count(void)
{
    return atomic_load_explicit(&alloc_count, memory_order_relaxed);
}

// Private memory that the kernel counts as resident, and nobody asked for.
static int64_t idle_bytes(int64_t *ret_used)
{
    struct mallinfo2 info = mallinfo2();
    *ret_used = (int64_t)(info.uordblks + info.hblkhd);
    return om_machine_private_bytes() - *ret_used;
}

bool om_mem_give_back(void)
{
    enum { WORTH_BYTES = 8 << 20, WORTH_SHARE = 8 };
    static int64_t left_bytes;  // after the last time: what cannot be given back
    int64_t used, idle = idle_bytes(&used);
    if (idle < left_bytes + OM_MAX(WORTH_BYTES, used / WORTH_SHARE)) {
        left_bytes = OM_MIN(left_bytes, OM_MAX(idle, 0));
        return false;
    }
    (void)malloc_trim(0);
    left_bytes = OM_MAX(idle_bytes(&used), 0);
    return true;
}

void om_mem_share_arenas(void)
{
    enum { ARENAS = 2, MMAP_BYTES = 256 * 1024 };
    (void)mallopt(M_ARENA_MAX, ARENAS);
    // A fixed threshold: pictures go back to the kernel when they are freed, whatever came before.
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
}
