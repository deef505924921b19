// Arena: everything of one request. Allocate, never free, reset at the end. Bounded.
// Not thread-safe; different arenas may be used in parallel.

#pragma once

#include "base/str.h"

struct om_arena;

// `total_max` bounds all bytes handed out between two resets.
OM_MUST_USE struct om_arena *om_arena_create(size_t total_max);
void om_arena_destroy(struct om_arena *arena);  // accepts NULL
// Zeroed, aligned to 16, valid until reset; NULL at the bound.
OM_MUST_USE void *om_arena_alloc(struct om_arena *arena, size_t size);
// A NUL-terminated copy; NULL at the bound.
OM_MUST_USE char *om_arena_strdup(struct om_arena *arena, om_str s);
// Everything handed out is gone; the first block is kept.
void om_arena_reset(struct om_arena *arena);
size_t om_arena_used(const struct om_arena *arena);
