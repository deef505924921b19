// Heap memory. Small internal allocations abort when memory is out (om_new...); whatever is sized
// by the outside uses om_try_... after its size was bounded, and handles NULL. All memory comes
// zeroed.
//
// Every allocation is counted, so that "no allocation per frame in steady state" is a number that
// tests and `omma bench memory` read.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

// `count` elements of `size` bytes, zeroed; aborts when memory is out, also on overflow.
OM_MUST_USE void *om_alloc(size_t count, size_t size);
// The same, but returns NULL when memory is out or count * size overflows.
OM_MUST_USE void *om_try_alloc(size_t count, size_t size);
// Grows or shrinks to `count` elements; new bytes are NOT zeroed. Aborts / returns NULL as above;
// on NULL the old block is untouched.
OM_MUST_USE void *om_realloc(void *ptr, size_t count, size_t size);
OM_MUST_USE void *om_try_realloc(void *ptr, size_t count, size_t size);
// Aligned to 64 bytes, zeroed, NULL when memory is out. Freed by om_free().
OM_MUST_USE void *om_try_alloc_aligned(size_t size);
// Copies; abort when memory is out. `text` may be NULL, then so is the copy.
OM_MUST_USE char *om_strdup(const char *text);
OM_MUST_USE char *om_strndup(const char *text, size_t n);
// Accepts NULL.
void om_free(void *ptr);

#define om_new(type) ((type *)om_alloc(1, sizeof(type)))
#define om_try_new(type) ((type *)om_try_alloc(1, sizeof(type)))
#define om_new_array(type, count) ((type *)om_alloc((count), sizeof(type)))
#define om_try_new_array(type, count) ((type *)om_try_alloc((count), sizeof(type)))
// A struct with a flexible array `member` of `count` elements.
#define om_try_new_flex(type, member, count)                                                       \
    ((type *)((size_t)(count) > (SIZE_MAX - sizeof(type)) / sizeof(((type *)0)->member[0])         \
                  ? NULL                                                                           \
                  : om_try_alloc(1, sizeof(type) +                                                 \
                                        (size_t)(count) * sizeof(((type *)0)->member[0]))))

// For `om_auto_free char *text = om_strdup(...)`.
void om_auto_free_cleanup(void *ptr_to_ptr);
#define om_auto_free __attribute__((cleanup(om_auto_free_cleanup)))

// For programs with many threads, once at their start: the C library's default of eight arenas a
// core would keep what each thread once needed for ever; two hold the process to about what is in
// use.
void om_mem_share_arenas(void);

// Gives the pages of freed memory back to the kernel when they have become many since the last
// time: the C library keeps them, and what all cameras needed at the same moment once would stay
// for ever. Cheap when there is nothing to do; some milliseconds else. For one thread, now and
// then. Returns whether it did.
bool om_mem_give_back(void);

// Allocations (om_alloc, om_try_..., om_realloc, om_strdup) since the process started, all threads.
uint64_t om_mem_alloc_count(void);
