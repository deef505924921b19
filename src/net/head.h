// Header fields of one request: one bounded block of text and a table of where names and values
// lie. Filled piece by piece by the HTTP/1.1 parser or field by field by HTTP/2; names become lower
// case.
//
// Not thread-safe while it is filled; afterwards it is constant.

#pragma once

#include "base/buf.h"

struct om_field {
    uint32_t name_at, name_n;
    uint32_t value_at, value_n;
};

struct om_head {
    struct om_buf text;  // names and values, back to back
    struct om_field *fields;
    int count, cap, count_max;
    bool is_in_name;   // the last piece belonged to a name
    bool is_too_long;  // a bound was hit; nothing is added any more
};

// At most `bytes_max` bytes of names and values in at most `count_max` fields.
void om_head_init(struct om_head *head, size_t bytes_max, int count_max);
// Accepts an all-zero struct.
void om_head_finish(struct om_head *head);

// A piece of a name after a value starts the next field. False when a bound is hit.
bool om_head_add_name(struct om_head *head, om_str piece);
bool om_head_add_value(struct om_head *head, om_str piece);
// A whole field.
bool om_head_add(struct om_head *head, om_str name, om_str value);

// The first field called `name` (lower case), its value without blanks at the ends; valid while the
// head is and does not change.
bool om_head_get(const struct om_head *head, const char *name, om_str *ret);
int om_head_count(const struct om_head *head, const char *name);
// The i-th field, 0 <= i < head->count.
void om_head_at(const struct om_head *head, int i, om_str *ret_name, om_str *ret_value);

// Whether the comma-separated list `value` holds `token` (any case), parameters aside.
bool om_head_list_has(om_str value, const char *token);
