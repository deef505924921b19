// YAML (and so JSON) documents as a tree with line numbers; libyaml behind yaml.c. For files that
// people write: configuration, manifests, lines. Bounded: depth 64, 1,000,000 nodes, aliases
// refused, duplicate keys refused, one document.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/str.h"

struct om_error;

enum om_yaml_type { OM_YAML_NULL, OM_YAML_SCALAR, OM_YAML_LIST, OM_YAML_MAP };

// Borrowed from the document; all accessors accept NULL.
struct om_yaml_node;
struct om_yaml;

// `name` is used in messages ("omma.yaml:12: ..."); NULL with the reason in *err.
OM_MUST_USE struct om_yaml *om_yaml_parse(om_str text, const char *name, struct om_error *err);
void om_yaml_destroy(struct om_yaml *doc);  // accepts NULL
OM_DEFINE_AUTO(om_yaml);

const struct om_yaml_node *om_yaml_root(const struct om_yaml *doc);
enum om_yaml_type om_yaml_type(const struct om_yaml_node *node);  // NULL: OM_YAML_NULL
int om_yaml_line(const struct om_yaml_node *node);                // from 1; 0 for NULL
size_t om_yaml_len(const struct om_yaml_node *node);              // of lists and maps
const struct om_yaml_node *om_yaml_at(const struct om_yaml_node *list, size_t i);
const struct om_yaml_node *om_yaml_get(const struct om_yaml_node *map, const char *key);
// The i-th pair of a map in document order; *ret_key_line may be NULL.
const struct om_yaml_node *om_yaml_pair(const struct om_yaml_node *map, size_t i, om_str *ret_key,
                                        int *ret_key_line);
// The text of a scalar (NUL-terminated), or the fallback. Plain null, ~ and an empty value are NULL
// nodes.
om_str om_yaml_str(const struct om_yaml_node *node, om_str fallback);
bool om_yaml_is_quoted(const struct om_yaml_node *node);
// False when it is no such value; *ret is untouched then. Booleans: true/false, yes/no, on/off.
OM_MUST_USE bool om_yaml_double(const struct om_yaml_node *node, double *ret);
OM_MUST_USE bool om_yaml_int(const struct om_yaml_node *node, int64_t *ret);
OM_MUST_USE bool om_yaml_bool(const struct om_yaml_node *node, bool *ret);
