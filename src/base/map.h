// Hash map from strings to pointers; keys are copied. Seeded per map against chosen collisions.
// Not thread-safe; different maps may be used in parallel.

#pragma once

#include <stdbool.h>

#include "base/str.h"

struct om_map;

OM_MUST_USE struct om_map *om_map_create(void);
void om_map_destroy(struct om_map *map);  // accepts NULL; the values are the caller's business
size_t om_map_len(const struct om_map *map);
// NULL when there is none.
void *om_map_get(const struct om_map *map, om_str key);
// Puts or replaces; returns the value that was there before, or NULL. `value` is not NULL.
void *om_map_put(struct om_map *map, om_str key, void *value);
// Takes it out and returns it, or NULL.
void *om_map_remove(struct om_map *map, om_str key);
// Walks in no particular order: start with *at = 0; false at the end. The map must not change
// meanwhile.
bool om_map_next(const struct om_map *map, size_t *at, om_str *ret_key, void **ret_value);
