#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void om_mem_share_arenas(void)
{
    enum { ARENAS = 2, MMAP_BYTES = 256 * 1024 };
    (void)mallopt(M_ARENA_MAX, ARENAS);
    // A fixed threshold: pictures go back to the kernel when they are freed, whatever came before.
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
}
