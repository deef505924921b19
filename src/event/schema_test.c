#include "event/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"

#define LIST "{\"properties\": {\"next\": {\"$ref\": \"#\"}}, \"additionalProperties\": false}"

static const struct {
    const char *schema, *value;
    bool ok;
} rows[] = {
    {"true", "1", true},
    {"false", "1", false},
    {"{}", "[1]", true},
    {"{\"type\": \"integer\"}", "1.0", true},
    {"{\"type\": \"integer\"}", "1.5", false},
    {"{\"type\": \"integer\"}", "1e300", true},
    {"{\"type\": \"number\"}", "1.5", true},
    {"{\"type\": \"boolean\"}", "0", false},
    {"{\"type\": [\"null\", \"string\"]}", "null", true},
    {"{\"type\": [\"null\", \"string\"]}", "7", false},
    {"{\"enum\": [1, \"a\", null, [1, {\"b\": 2}]]}", "[1, {\"b\": 2.0}]", true},
    {"{\"enum\": [1, \"a\", null, [1, {\"b\": 2}]]}", "[1, {\"b\": 3}]", false},
    {"{\"enum\": [1, \"a\", null]}", "true", false},
    {"{\"enum\": [1, \"a\", null]}", "\"a\"", true},
    {"{\"const\": {\"a\": [true]}}", "{\"a\": [true]}", true},
    {"{\"const\": {\"a\": [true]}}", "{\"b\": [true]}", false},
    {"{\"required\": [\"a\"]}", "{\"a\": null}", true},
    {"{\"required\": [\"a\"]}", "{\"b\": 1}", false},
    {"{\"required\": [\"a\"]}", "[]", true},
    {"{\"properties\": {\"a\": {\"minimum\": 2}}}", "{\"a\": 2}", true},
    {"{\"properties\": {\"a\": {\"minimum\": 2}}}", "{\"a\": 1}", false},
    {"{\"additionalProperties\": {\"type\": \"null\"}}", "{\"a\": null}", true},
    {"{\"additionalProperties\": {\"type\": \"null\"}}", "{\"a\": 1}", false},
    {"{\"items\": {\"maximum\": 3}}", "[1, 2, 3]", true},
    {"{\"items\": {\"maximum\": 3}}", "[1, 2, 4]", false},
    {"{\"prefixItems\": [{\"const\": 1}], \"items\": false}", "[1]", true},
    {"{\"prefixItems\": [{\"const\": 1}], \"items\": false}", "[1, 2]", false},
    {"{\"prefixItems\": [{\"const\": 1}]}", "[2]", false},
    {"{\"exclusiveMinimum\": 0}", "0", false},
    {"{\"exclusiveMinimum\": 0}", "0.1", true},
    {"{\"exclusiveMaximum\": 1}", "1", false},
    {"{\"exclusiveMaximum\": 1}", "0.9", true},
    {"{\"minLength\": 2}", "\"\\u00e4\"", false},
    {"{\"minLength\": 2}", "\"ab\"", true},
    {"{\"maxLength\": 1}", "\"\\u20ac\"", true},
    {"{\"maxLength\": 1}", "\"ab\"", false},
    {"{\"minItems\": 1}", "[]", false},
    {"{\"maxItems\": 1}", "[1, 2]", false},
    {"{\"minProperties\": 1}", "{}", false},
    {"{\"maxProperties\": 1}", "{\"a\": 1, \"b\": 2}", false},
    {"{\"maxProperties\": 1}", "{\"a\": 1}", true},
    {"{\"format\": \"date-time\"}", "\"2026-11-21T10:52:40.5+01:00\"", true},
    {"{\"format\": \"date-time\"}", "\"yesterday\"", false},
    {"{\"format\": \"date-time\"}", "7", true},
    {"{\"format\": \"uuid\"}", "\"019e0b3c-6f2b-7c41-9a53-2b8f4d6e1a70\"", true},
    {"{\"format\": \"uuid\"}", "\"019e0b3c-6f2b-7c41-9a53-2b8f4d6e1a7g\"", false},
    {"{\"format\": \"uuid\"}", "\"019e0b3c+6f2b-7c41-9a53-2b8f4d6e1a70\"", false},
    {"{\"format\": \"uuid\"}", "\"019e0b3c\"", false},
    {"{\"format\": \"uri-reference\"}", "\"/a%20b?c#d\"", true},
    {"{\"format\": \"uri-reference\"}", "\"/a b\"", false},
    {"{\"format\": \"uri-reference\"}", "\"/a%2\"", false},
    {LIST, "{\"next\": {\"next\": {}}}", true},
    {LIST, "{\"next\": {\"prev\": {}}}", false},
    {"{\"$defs\": {\"n\": {\"minimum\": 5}}, \"items\": {\"$ref\": \"#/$defs/n\"}}", "[5]", true},
    {"{\"$defs\": {\"n\": {\"minimum\": 5}}, \"items\": {\"$ref\": \"#/$defs/n\"}}", "[4]", false},
    {"{\"allOf\": [{\"minimum\": 1}, {\"maximum\": 3}]}", "2", true},
    {"{\"allOf\": [{\"minimum\": 1}, {\"maximum\": 3}]}", "4", false},
    {"{\"anyOf\": [{\"minimum\": 5}, {\"maximum\": 1}]}", "0", true},
    {"{\"anyOf\": [{\"minimum\": 5}, {\"maximum\": 1}]}", "3", false},
    {"{\"oneOf\": [{\"minimum\": 1}, {\"maximum\": 3}]}", "4", true},
    {"{\"oneOf\": [{\"minimum\": 1}, {\"maximum\": 3}]}", "2", false},
    {"{\"not\": {\"type\": \"null\"}}", "1", true},
    {"{\"not\": {\"type\": \"null\"}}", "null", false},
    {"{\"title\": \"t\", \"description\": \"d\", \"default\": 1, \"examples\": [1]}", "2", true},
};

static void test_rows(void)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_error err = {0};
        om_auto(om_schema) schema = om_schema_load(om_str_from(rows[i].schema), &err);
        om_auto_json value = om_json_parse(om_str_from(rows[i].value), &err);
        om_assert(schema && value);
        bool ok = om_schema_check(schema, value, &err) == OM_OK;
        if (ok != rows[i].ok)
            fprintf(stderr, "%s with %s\n", rows[i].schema, rows[i].value);
        om_assert(ok == rows[i].ok);
        om_assert(ok || err.text[0] == '/');
    }
}

static void test_bad_schemas(void)
{
    static const struct {
        const char *schema;
        enum om_status status;
    } bad[] = {
        {"{\"pattern\": \"^a\"}", OM_UNSUPPORTED},
        {"{\"if\": true}", OM_UNSUPPORTED},
        {"{\"properties\": {\"a\": {\"Type\": \"null\"}}}", OM_UNSUPPORTED},
        {"{\"not\": {\"uniqueItems\": true}}", OM_UNSUPPORTED},
        {"{\"allOf\": [{\"contains\": {}}]}", OM_UNSUPPORTED},
        {"{\"type\": \"text\"}", OM_INVALID},
        {"{\"type\": [\"null\", 7]}", OM_INVALID},
        {"{\"type\": []}", OM_INVALID},
        {"{\"required\": \"a\"}", OM_INVALID},
        {"{\"required\": [1]}", OM_INVALID},
        {"{\"minLength\": -1}", OM_INVALID},
        {"{\"minLength\": 1.5}", OM_INVALID},
        {"{\"maximum\": \"3\"}", OM_INVALID},
        {"{\"anyOf\": []}", OM_INVALID},
        {"{\"format\": \"email\"}", OM_INVALID},
        {"{\"$ref\": \"#/$defs/a\"}", OM_INVALID},
        {"{\"$ref\": \"other.json\"}", OM_INVALID},
        {"{\"items\": 3}", OM_INVALID},
        {"[]", OM_INVALID},
        {"{", OM_INVALID},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(bad); i++) {
        struct om_error err = {0};
        om_assert(!om_schema_load(om_str_from(bad[i].schema), &err));
        om_assert(err.status == bad[i].status && err.text[0]);
    }
}

// A schema that never ends is stopped.
static void test_limits(void)
{
    static const char *const endless[] = {
        "{\"$ref\": \"#\"}",
        "{\"anyOf\": [{\"$ref\": \"#\"}, {\"$ref\": \"#\"}]}",
        "{\"not\": {\"$ref\": \"#\"}}",
        "{\"oneOf\": [{\"$ref\": \"#\"}]}",
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(endless); i++) {
        struct om_error err = {0};
        om_auto(om_schema) schema = om_schema_load(om_str_from(endless[i]), &err);
        om_auto_json value = om_json_parse(OM_STR("1"), &err);
        om_assert(schema && value);
        om_assert(om_schema_check(schema, value, &err) == OM_LIMIT);
        om_assert(err.status == OM_LIMIT);
    }
}

int main(void)
{
    test_rows();
    test_bad_schemas();
    test_limits();
    return 0;
}
