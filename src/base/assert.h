// Assertions for what only a bug can break; they stay in release builds. Never for network, disk,
// model or user input: those return OM_INVALID.

#pragma once

#include <assert.h>

#include "base/attr.h"

#define om_assert(cond)                                                                            \
    (__builtin_expect(!!(cond), 1) ? (void)0 : om_assert_failed(#cond, __FILE__, __LINE__))

// Writes one line to stderr and aborts.
OM_NORETURN OM_COLD void om_assert_failed(const char *cond, const char *file, int line);
