// Strings for reading: a slice of bytes somebody else owns. Parsing never copies and never writes
// NULs. A slice may hold any byte, NUL too.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

typedef struct {
    const char *p;
    size_t n;
} om_str;

// A slice of a literal, usable in constants: OM_STR("rtsp").
#define OM_STR(literal) ((om_str){(literal), sizeof(literal) - 1})
// For printf: "%.*s", OM_STR_ARG(s).
#define OM_STR_ARG(s) (int)OM_MIN((s).n, (size_t)4096), (s).p

// NULL gives the empty slice.
static inline om_str om_str_from(const char *text)
{
    return (om_str){text ? text : "", text ? strlen(text) : 0};
}

static inline om_str om_str_n(const char *p, size_t n)
{
    return (om_str){p, n};
}

bool om_str_equal(om_str a, om_str b);
bool om_str_equal_nocase(om_str a, om_str b);  // ASCII only
bool om_str_starts_with(om_str s, om_str prefix);
bool om_str_ends_with(om_str s, om_str suffix);
// Like memcmp, then by length: <0, 0, >0.
int om_str_compare(om_str a, om_str b);
// Index of the first byte c / first occurrence of part, or -1.
ptrdiff_t om_str_find_char(om_str s, char c);
ptrdiff_t om_str_find(om_str s, om_str part);
// The part from `from` up to (not with) `to`; both are clamped to the length.
om_str om_str_sub(om_str s, size_t from, size_t to);
// Without blanks (space, tab, CR, LF) at both ends.
om_str om_str_trim(om_str s);
// Takes the piece up to the next `sep` out of *rest into *ret_piece and returns true; false at the
// end. "a,,b" gives "a", "", "b"; "" gives nothing.
bool om_str_split(om_str *rest, char sep, om_str *ret_piece);

// The whole slice must be the number, in range; otherwise false and *ret is untouched.
OM_MUST_USE bool om_str_to_int64(om_str s, int64_t *ret);
OM_MUST_USE bool om_str_to_uint64(om_str s, uint64_t *ret);
OM_MUST_USE bool om_str_to_double(om_str s, double *ret);  // finite only, '.' whatever the locale

// Copies into `dst` of `size` bytes, cut if need be, always NUL-terminated. Returns whether it fit.
bool om_str_copy(char *dst, size_t size, om_str s);

// Whether `s` is an id: 1 to 64 of [a-z0-9_-]. Ids are the only names that ever become file names.
bool om_str_is_id(om_str s);

// Edit distance (insert, delete, replace, swap of neighbours), for "did you mean"; slices over 64
// bytes count as 64 apart.
int om_str_distance(om_str a, om_str b);
