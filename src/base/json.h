// JSON. Writing: straight into an om_buf, no tree, for hot paths. Reading: a tree (jansson behind
// json.c), for documents that come from people and clients.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct om_error;

// ---- writing ----------------------------------------------------------------------------------
// A writer puts the commas. Depth is at most 32 (asserted: it is the code's own nesting).
struct om_json_writer {
    struct om_buf *buf;  // borrowed; its sticky failure is the writer's
    uint32_t has_item;   // one bit a depth: whether a comma is due
    int depth;
    bool after_key;
};

void om_json_begin(struct om_json_writer *w, struct om_buf *buf);
void om_json_object(struct om_json_writer *w);
void om_json_object_end(struct om_json_writer *w);
void om_json_array(struct om_json_writer *w);
void om_json_array_end(struct om_json_writer *w);
void om_json_key(struct om_json_writer *w, const char *key);
// Invalid UTF-8 is replaced by U+FFFD, control characters are escaped.
void om_json_str(struct om_json_writer *w, om_str value);
void om_json_text(struct om_json_writer *w, const char *value);  // NULL gives null
void om_json_int(struct om_json_writer *w, int64_t value);
// With at most `digits` digits after the point, trailing zeros dropped; not finite gives null.
void om_json_double(struct om_json_writer *w, double value, int digits);
void om_json_bool(struct om_json_writer *w, bool value);
void om_json_null(struct om_json_writer *w);
// A value that is JSON already.
void om_json_raw(struct om_json_writer *w, om_str json);

// Key and value in one call.
void om_json_kv_str(struct om_json_writer *w, const char *key, om_str value);
void om_json_kv_text(struct om_json_writer *w, const char *key, const char *value);
void om_json_kv_int(struct om_json_writer *w, const char *key, int64_t value);
void om_json_kv_double(struct om_json_writer *w, const char *key, double value, int digits);
void om_json_kv_bool(struct om_json_writer *w, const char *key, bool value);

// ---- reading ----------------------------------------------------------------------------------
// A value of a parsed document; borrowed from its root, which lives until om_json_destroy(root).
struct om_json;

enum om_json_type {
    OM_JSON_NULL,
    OM_JSON_BOOL,
    OM_JSON_NUMBER,
    OM_JSON_STRING,
    OM_JSON_ARRAY,
    OM_JSON_OBJECT
};

// Parses one document (duplicate keys refused, depth <= 64). NULL with line and column in *err.
OM_MUST_USE struct om_json *om_json_parse(om_str text, struct om_error *err);
void om_json_destroy(struct om_json *root);  // accepts NULL; only for what om_json_parse() returned

// All accept NULL and the wrong type: then they give the fallback / NULL / 0 / OM_JSON_NULL.
enum om_json_type om_json_type(const struct om_json *value);
const struct om_json *om_json_get(const struct om_json *object, const char *key);
size_t om_json_len(const struct om_json *array_or_object);
const struct om_json *om_json_at(const struct om_json *array, size_t i);
// Walks an object in document order: start with *at = NULL; false at the end. *ret_key lives as
// long as the root.
bool om_json_next(const struct om_json *object, void **at, const char **ret_key,
                  const struct om_json **ret_value);
om_str om_json_as_str(const struct om_json *value, om_str fallback);  // NUL-terminated
double om_json_as_double(const struct om_json *value, double fallback);
int64_t om_json_as_int(const struct om_json *value, int64_t fallback);  // integral numbers only
bool om_json_as_bool(const struct om_json *value, bool fallback);

static inline void om_json_cleanup(struct om_json **root)
{
    om_json_destroy(*root);
}
#define om_auto_json __attribute__((cleanup(om_json_cleanup))) struct om_json *
