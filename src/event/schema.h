// JSON Schema (draft 2020-12), the part of it that Omma's own schemas use. A schema with a keyword
// that is not known here is refused when it is loaded, so nothing is ever silently left unchecked.
//
//     type enum const properties required additionalProperties items prefixItems minItems maxItems
//     minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum minProperties
//     maxProperties format (date-time, uuid, uri-reference) $defs $ref ("#" or "#/$defs/name")
//     allOf anyOf oneOf not and the notes $schema $id $comment title description examples default
//
// Threads: a loaded schema is constant; any number of threads may check with it.

#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

struct om_json;
struct om_schema;

// NULL with the place in *err: no JSON, an unknown keyword, a value that a keyword cannot have, a
// $ref to nothing.
OM_MUST_USE struct om_schema *om_schema_load(om_str text, struct om_error *err);
void om_schema_destroy(struct om_schema *schema);  // accepts NULL
OM_DEFINE_AUTO(om_schema);

// OM_OK; OM_INVALID with the path and what is wrong there; OM_LIMIT when the schema asks for more
// than 100,000 steps or nests deeper than 128.
OM_MUST_USE enum om_status om_schema_check(const struct om_schema *schema,
                                           const struct om_json *value, struct om_error *err);
