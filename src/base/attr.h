// The few GNU attributes Omma uses, each behind one name.

#pragma once

#include <stddef.h>

#define OM_MUST_USE __attribute__((warn_unused_result))
#define OM_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define OM_NORETURN __attribute__((noreturn))
#define OM_COLD __attribute__((cold))
#define OM_UNUSED __attribute__((unused))
// One clone of a hot kernel for each x86-64 level, chosen once at load time. Other machines compile
// the plain function. Sanitizers cannot follow the resolver, so they get the plain function too.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) &&                        \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define OM_KERNEL __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define OM_KERNEL
#endif

#define OM_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define OM_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define OM_MIN(a, b) ((a) < (b) ? (a) : (b))
#define OM_MAX(a, b) ((a) > (b) ? (a) : (b))
#define OM_CLAMP(x, lo, hi) ((x) < (lo) ? (lo) : (x) > (hi) ? (hi) : (x))
