// The schema stays the JSON tree it was parsed to. Loading walks it once and checks that every
// keyword is one of the table and has a value it can have; checking walks schema and value
// together.

#include "event/schema.h"

#include <math.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

enum { DEPTH_MAX = 128, STEPS_MAX = 100000, PATH_MAX_BYTES = 160 };

struct om_schema {
    struct om_json *root;
};

// One walk over schema and value. The path is that of the value, for the message.
struct check {
    const struct om_json *root;
    struct om_error *err;
    char path[PATH_MAX_BYTES];
    size_t path_len;
    int depth;
    int steps;
    bool is_over;  // a limit was hit: everything fails from here on
};

// A keyword: what its value must be, and how a value is checked against it (NULL for notes and for
// those that another keyword reads).
struct keyword {
    const char *name;
    bool (*fits)(const struct om_json *word);
    bool (*check)(struct check *c, const struct om_json *schema, const struct om_json *word,
                  const struct om_json *value);
    enum { HOLDS_NOTHING, HOLDS_SCHEMA, HOLDS_LIST, HOLDS_MAP } holds;
};

static bool check_value(struct check *c, const struct om_json *schema, const struct om_json *value);

// ---- messages and paths ------------------------------------------------------------------------

static bool wrong(struct check *c, const char *what)
{
    om_error_set(c->err, OM_INVALID, "%s: %s", c->path_len ? c->path : "/", what);
    return false;
}

static bool over(struct check *c)
{
    c->is_over = true;
    om_error_set(c->err, OM_LIMIT, "%s: the schema asks for too much here", c->path);
    return false;
}

static size_t path_push(struct check *c, const char *key, size_t index)
{
    size_t before = c->path_len;
    size_t room = sizeof(c->path) - before;
    int n = key ? snprintf(c->path + before, room, "/%s", key)
                : snprintf(c->path + before, room, "/%zu", index);
    c->path_len = OM_MIN(before + (size_t)OM_MAX(n, 0), sizeof(c->path) - 1);
    return before;
}

static void path_pop(struct check *c, size_t before)
{
    c->path_len = before;
    c->path[before] = '\0';
}

static bool check_at(struct check *c, const struct om_json *schema, const struct om_json *value,
                     const char *key, size_t index)
{
    size_t before = path_push(c, key, index);
    bool ok = check_value(c, schema, value);
    path_pop(c, before);
    return ok;
}

// ---- values ------------------------------------------------------------------------------------

static bool is_integer(const struct om_json *value)
{
    double real = om_json_as_double(value, 0.5);
    return real == floor(real);
}

static bool has_type(const struct om_json *value, om_str name)
{
    static const struct {
        om_str name;
        enum om_json_type type;
    } names[] = {
        {OM_STR("null"), OM_JSON_NULL},     {OM_STR("boolean"), OM_JSON_BOOL},
        {OM_STR("number"), OM_JSON_NUMBER}, {OM_STR("string"), OM_JSON_STRING},
        {OM_STR("array"), OM_JSON_ARRAY},   {OM_STR("object"), OM_JSON_OBJECT},
    };
    if (om_str_equal(name, OM_STR("integer")))
        return om_json_type(value) == OM_JSON_NUMBER && is_integer(value);
    for (size_t i = 0; i < OM_ARRAY_LEN(names); i++) {
        if (om_str_equal(name, names[i].name))
            return om_json_type(value) == names[i].type;
    }
    return false;
}

static bool equal(const struct om_json *a, const struct om_json *b)
{
    enum om_json_type type = om_json_type(a);
    const char *key;
    const struct om_json *one;
    if (type != om_json_type(b) || om_json_len(a) != om_json_len(b))
        return false;
    switch (type) {
    case OM_JSON_BOOL:
        return om_json_as_bool(a, false) == om_json_as_bool(b, false);
    case OM_JSON_NUMBER:
        return om_json_as_double(a, 0) == om_json_as_double(b, 0) &&
               om_json_as_int(a, 0) == om_json_as_int(b, 0);
    case OM_JSON_STRING:
        return om_str_equal(om_json_as_str(a, OM_STR("")), om_json_as_str(b, OM_STR("")));
    case OM_JSON_ARRAY:
        for (size_t i = 0; i < om_json_len(a); i++) {
            if (!equal(om_json_at(a, i), om_json_at(b, i)))
                return false;
        }
        return true;
    case OM_JSON_OBJECT:
        for (void *at = NULL; om_json_next(a, &at, &key, &one);) {
            const struct om_json *other = om_json_get(b, key);
            if (!other || !equal(one, other))
                return false;
        }
        return true;
    case OM_JSON_NULL:
        break;
    }
    return true;
}

// Characters, not bytes: every byte but the continuation bytes of UTF-8 begins one.
static size_t text_len(om_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

// ---- formats -----------------------------------------------------------------------------------

static bool is_date_time(om_str s)
{
    int64_t us;
    return om_time_parse(s.p, s.n, &us);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_uuid(om_str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}

// The characters of RFC 3986, '%' only before two hex digits.
static bool is_uri_reference(om_str s)
{
    const om_str marks = OM_STR("-._~:/?#[]@!$&'()*+,;=");
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_word = is_hex(c) || (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z');
        bool is_escape = c == '%' && s.n - i > 2 && is_hex(s.p[i + 1]) && is_hex(s.p[i + 2]);
        if (!is_word && !is_escape && om_str_find_char(marks, c) < 0)
            return false;
    }
    return true;
}

static const struct {
    om_str name;
    bool (*is)(om_str s);
} formats[] = {
    {OM_STR("date-time"), is_date_time},
    {OM_STR("uuid"), is_uuid},
    {OM_STR("uri-reference"), is_uri_reference},
};

// ---- what a keyword's value may be -------------------------------------------------------------

static bool fits_any(const struct om_json *word)
{
    (void)word;
    return true;
}

static bool fits_text(const struct om_json *word)
{
    return om_json_type(word) == OM_JSON_STRING;
}

static bool fits_number(const struct om_json *word)
{
    return om_json_type(word) == OM_JSON_NUMBER;
}

static bool fits_count(const struct om_json *word)
{
    return om_json_type(word) == OM_JSON_NUMBER && is_integer(word) &&
           om_json_as_int(word, -1) >= 0;
}

static bool fits_list(const struct om_json *word)
{
    return om_json_type(word) == OM_JSON_ARRAY && om_json_len(word) > 0;
}

static bool fits_map(const struct om_json *word)
{
    return om_json_type(word) == OM_JSON_OBJECT;
}

static bool is_type_name(const struct om_json *word)
{
    static const char *const names[] = {"null",   "boolean", "number", "integer",
                                        "string", "array",   "object"};
    for (size_t i = 0; i < OM_ARRAY_LEN(names); i++) {
        if (om_str_equal(om_json_as_str(word, OM_STR("")), om_str_from(names[i])))
            return true;
    }
    return false;
}

static bool fits_type(const struct om_json *word)
{
    if (om_json_type(word) != OM_JSON_ARRAY)
        return is_type_name(word);
    for (size_t i = 0; i < om_json_len(word); i++) {
        if (!is_type_name(om_json_at(word, i)))
            return false;
    }
    return om_json_len(word) > 0;
}

static bool fits_texts(const struct om_json *word)
{
    if (om_json_type(word) != OM_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < om_json_len(word); i++) {
        if (om_json_type(om_json_at(word, i)) != OM_JSON_STRING)
            return false;
    }
    return true;
}

static bool fits_format(const struct om_json *word)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(formats); i++) {
        if (om_str_equal(om_json_as_str(word, OM_STR("")), formats[i].name))
            return true;
    }
    return false;
}

// ---- the checks --------------------------------------------------------------------------------

#define CHECK(name)                                                                                \
    static bool name(struct check *c, const struct om_json *schema, const struct om_json *word,    \
                     const struct om_json *value)

CHECK(check_type)
{
    (void)schema;
    if (om_json_type(word) != OM_JSON_ARRAY)
        return has_type(value, om_json_as_str(word, OM_STR(""))) || wrong(c, "is of another type");
    for (size_t i = 0; i < om_json_len(word); i++) {
        if (has_type(value, om_json_as_str(om_json_at(word, i), OM_STR(""))))
            return true;
    }
    return wrong(c, "is of another type");
}

CHECK(check_enum)
{
    (void)schema;
    for (size_t i = 0; i < om_json_len(word); i++) {
        if (equal(om_json_at(word, i), value))
            return true;
    }
    return wrong(c, "is none of the values it may have");
}

CHECK(check_const)
{
    (void)schema;
    return equal(word, value) || wrong(c, "is not the one value it may have");
}

CHECK(check_properties)
{
    (void)schema;
    const char *key;
    const struct om_json *inner;
    for (void *at = NULL; om_json_next(word, &at, &key, &inner);) {
        const struct om_json *member = om_json_get(value, key);
        if (member && !check_at(c, inner, member, key, 0))
            return false;
    }
    return true;
}

CHECK(check_required)
{
    (void)schema;
    for (size_t i = 0; om_json_type(value) == OM_JSON_OBJECT && i < om_json_len(word); i++) {
        const char *key = om_json_as_str(om_json_at(word, i), OM_STR("")).p;
        if (!om_json_get(value, key)) {
            path_push(c, key, 0);
            return wrong(c, "is missing");
        }
    }
    return true;
}

CHECK(check_additional)
{
    const struct om_json *known = om_json_get(schema, "properties");
    const char *key;
    const struct om_json *member;
    for (void *at = NULL; om_json_next(value, &at, &key, &member);) {
        if (om_json_get(known, key))
            continue;
        if (om_json_type(word) == OM_JSON_BOOL && !om_json_as_bool(word, true)) {
            path_push(c, key, 0);
            return wrong(c, "is not known to the schema");
        }
        if (!check_at(c, word, member, key, 0))
            return false;
    }
    return true;
}

CHECK(check_prefix_items)
{
    (void)schema;
    size_t count = om_json_type(value) == OM_JSON_ARRAY ? om_json_len(value) : 0;
    for (size_t i = 0; i < OM_MIN(count, om_json_len(word)); i++) {
        if (!check_at(c, om_json_at(word, i), om_json_at(value, i), NULL, i))
            return false;
    }
    return true;
}

CHECK(check_items)
{
    size_t count = om_json_type(value) == OM_JSON_ARRAY ? om_json_len(value) : 0;
    for (size_t i = om_json_len(om_json_get(schema, "prefixItems")); i < count; i++) {
        if (!check_at(c, word, om_json_at(value, i), NULL, i))
            return false;
    }
    return true;
}

#define CHECK_NUMBER(name, op, what)                                                               \
    CHECK(name)                                                                                    \
    {                                                                                              \
        (void)schema;                                                                              \
        return om_json_type(value) != OM_JSON_NUMBER ||                                            \
               om_json_as_double(value, 0) op om_json_as_double(word, 0) || wrong(c, what);        \
    }
CHECK_NUMBER(check_minimum, >=, "is below the minimum")
CHECK_NUMBER(check_maximum, <=, "is above the maximum")
CHECK_NUMBER(check_exclusive_minimum, >, "is not above the minimum")
CHECK_NUMBER(check_exclusive_maximum, <, "is not below the maximum")

#define CHECK_COUNT(name, type, count, op, what)                                                   \
    CHECK(name)                                                                                    \
    {                                                                                              \
        (void)schema;                                                                              \
        return om_json_type(value) != (type) || (int64_t)(count)op om_json_as_int(word, 0) ||      \
               wrong(c, what);                                                                     \
    }
#define TEXT_LEN text_len(om_json_as_str(value, OM_STR("")))
CHECK_COUNT(check_min_length, OM_JSON_STRING, TEXT_LEN, >=, "is too short")
CHECK_COUNT(check_max_length, OM_JSON_STRING, TEXT_LEN, <=, "is too long")
CHECK_COUNT(check_min_items, OM_JSON_ARRAY, om_json_len(value), >=, "has too few items")
CHECK_COUNT(check_max_items, OM_JSON_ARRAY, om_json_len(value), <=, "has too many items")
CHECK_COUNT(check_min_properties, OM_JSON_OBJECT, om_json_len(value), >=, "has too few members")
CHECK_COUNT(check_max_properties, OM_JSON_OBJECT, om_json_len(value), <=, "has too many members")

CHECK(check_format)
{
    (void)schema;
    if (om_json_type(value) != OM_JSON_STRING)
        return true;
    for (size_t i = 0; i < OM_ARRAY_LEN(formats); i++) {
        if (om_str_equal(om_json_as_str(word, OM_STR("")), formats[i].name))
            return formats[i].is(om_json_as_str(value, OM_STR(""))) || wrong(c, "is malformed");
    }
    return true;
}

// "#" or "#/$defs/name"; NULL when it points to nothing.
static const struct om_json *resolve(const struct om_json *root, om_str ref)
{
    const om_str defs = OM_STR("#/$defs/");
    if (om_str_equal(ref, OM_STR("#")))
        return root;
    if (!om_str_starts_with(ref, defs))
        return NULL;
    return om_json_get(om_json_get(root, "$defs"), ref.p + defs.n);
}

CHECK(check_ref)
{
    (void)schema;
    return check_value(c, resolve(c->root, om_json_as_str(word, OM_STR(""))), value);
}

// How many of the schemas in `word` accept the value, at most `enough`. Their messages are not
// kept.
static int count_accepting(struct check *c, const struct om_json *word, const struct om_json *value,
                           int enough)
{
    int count = 0;
    struct om_error *err = c->err;
    size_t path_len = c->path_len;
    c->err = NULL;
    for (size_t i = 0; i < om_json_len(word) && count < enough; i++) {
        count += check_value(c, om_json_at(word, i), value);
        path_pop(c, path_len);
    }
    c->err = err;
    return c->is_over ? -1 : count;
}

CHECK(check_all_of)
{
    (void)schema;
    for (size_t i = 0; i < om_json_len(word); i++) {
        if (!check_value(c, om_json_at(word, i), value))
            return false;
    }
    return true;
}

CHECK(check_any_of)
{
    (void)schema;
    int count = count_accepting(c, word, value, 1);
    return count < 0 ? over(c) : count == 1 || wrong(c, "fits none of the alternatives");
}

CHECK(check_one_of)
{
    (void)schema;
    int count = count_accepting(c, word, value, 2);
    return count < 0 ? over(c) : count == 1 || wrong(c, "does not fit exactly one alternative");
}

CHECK(check_not)
{
    (void)schema;
    struct om_error *err = c->err;
    size_t path_len = c->path_len;
    c->err = NULL;
    bool accepts = check_value(c, word, value);
    path_pop(c, path_len);
    c->err = err;
    return c->is_over ? over(c) : !accepts || wrong(c, "is what it must not be");
}

// ---- the table ---------------------------------------------------------------------------------

static const struct keyword keywords[] = {
    {"$schema", fits_text, NULL, HOLDS_NOTHING},
    {"$id", fits_text, NULL, HOLDS_NOTHING},
    {"$comment", fits_text, NULL, HOLDS_NOTHING},
    {"title", fits_text, NULL, HOLDS_NOTHING},
    {"description", fits_text, NULL, HOLDS_NOTHING},
    {"examples", fits_list, NULL, HOLDS_NOTHING},
    {"default", fits_any, NULL, HOLDS_NOTHING},
    {"$defs", fits_map, NULL, HOLDS_MAP},
    {"$ref", fits_text, check_ref, HOLDS_NOTHING},
    {"type", fits_type, check_type, HOLDS_NOTHING},
    {"enum", fits_list, check_enum, HOLDS_NOTHING},
    {"const", fits_any, check_const, HOLDS_NOTHING},
    {"required", fits_texts, check_required, HOLDS_NOTHING},
    {"properties", fits_map, check_properties, HOLDS_MAP},
    {"additionalProperties", fits_any, check_additional, HOLDS_SCHEMA},
    {"prefixItems", fits_list, check_prefix_items, HOLDS_LIST},
    {"items", fits_any, check_items, HOLDS_SCHEMA},
    {"minimum", fits_number, check_minimum, HOLDS_NOTHING},
    {"maximum", fits_number, check_maximum, HOLDS_NOTHING},
    {"exclusiveMinimum", fits_number, check_exclusive_minimum, HOLDS_NOTHING},
    {"exclusiveMaximum", fits_number, check_exclusive_maximum, HOLDS_NOTHING},
    {"minLength", fits_count, check_min_length, HOLDS_NOTHING},
    {"maxLength", fits_count, check_max_length, HOLDS_NOTHING},
    {"minItems", fits_count, check_min_items, HOLDS_NOTHING},
    {"maxItems", fits_count, check_max_items, HOLDS_NOTHING},
    {"minProperties", fits_count, check_min_properties, HOLDS_NOTHING},
    {"maxProperties", fits_count, check_max_properties, HOLDS_NOTHING},
    {"format", fits_format, check_format, HOLDS_NOTHING},
    {"allOf", fits_list, check_all_of, HOLDS_LIST},
    {"anyOf", fits_list, check_any_of, HOLDS_LIST},
    {"oneOf", fits_list, check_one_of, HOLDS_LIST},
    {"not", fits_any, check_not, HOLDS_SCHEMA},
};

static bool check_value(struct check *c, const struct om_json *schema, const struct om_json *value)
{
    if (c->is_over || ++c->steps > STEPS_MAX || c->depth >= DEPTH_MAX)
        return over(c);
    if (om_json_type(schema) == OM_JSON_BOOL)
        return om_json_as_bool(schema, true) || wrong(c, "is not allowed");
    c->depth++;
    bool ok = true;
    for (size_t i = 0; ok && i < OM_ARRAY_LEN(keywords); i++) {
        const struct om_json *word = om_json_get(schema, keywords[i].name);
        if (word && keywords[i].check)
            ok = keywords[i].check(c, schema, word, value);
    }
    c->depth--;
    return ok;
}

// ---- loading -----------------------------------------------------------------------------------

static bool load_schema(const struct om_json *root, const struct om_json *schema,
                        struct om_error *err);

static bool load_inner(const struct om_json *root, const struct keyword *keyword,
                       const struct om_json *word, struct om_error *err)
{
    if (keyword->holds == HOLDS_SCHEMA)
        return load_schema(root, word, err);
    const char *key;
    const struct om_json *inner;
    for (void *at = NULL; keyword->holds == HOLDS_MAP && om_json_next(word, &at, &key, &inner);) {
        if (!load_schema(root, inner, err))
            return false;
    }
    for (size_t i = 0; keyword->holds == HOLDS_LIST && i < om_json_len(word); i++) {
        if (!load_schema(root, om_json_at(word, i), err))
            return false;
    }
    return true;
}

static const struct keyword *find_keyword(const char *name)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(keywords); i++) {
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    }
    return NULL;
}

static bool load_schema(const struct om_json *root, const struct om_json *schema,
                        struct om_error *err)
{
    if (om_json_type(schema) == OM_JSON_BOOL)
        return true;
    if (om_json_type(schema) != OM_JSON_OBJECT) {
        om_error_set(err, OM_INVALID, "a schema is an object, true or false");
        return false;
    }
    const char *key;
    const struct om_json *word;
    for (void *at = NULL; om_json_next(schema, &at, &key, &word);) {
        const struct keyword *keyword = find_keyword(key);
        if (!keyword || !keyword->fits(word)) {
            om_error_set(err, keyword ? OM_INVALID : OM_UNSUPPORTED,
                         keyword ? "schema: the value of \"%s\" is none that it can have"
                                 : "schema: the keyword \"%s\" is not known",
                         key);
            return false;
        }
        if (keyword->check == check_ref && !resolve(root, om_json_as_str(word, OM_STR("")))) {
            om_error_set(err, OM_INVALID, "schema: $ref points to nothing here");
            return false;
        }
        if (!load_inner(root, keyword, word, err))
            return false;
    }
    return true;
}

struct om_schema *om_schema_load(om_str text, struct om_error *err)
{
    om_auto_json root = om_json_parse(text, err);
    if (!root || !load_schema(root, root, err))
        return NULL;
    struct om_schema *schema = om_new(struct om_schema);
    schema->root = om_steal(&root);
    return schema;
}

void om_schema_destroy(struct om_schema *schema)
{
    if (!schema)
        return;
    om_json_destroy(schema->root);
    om_free(schema);
}

enum om_status om_schema_check(const struct om_schema *schema, const struct om_json *value,
                               struct om_error *err)
{
    om_assert(value);
    struct check c = {.root = schema->root, .err = err};
    if (check_value(&c, schema->root, value))
        return OM_OK;
    return c.is_over ? OM_LIMIT : OM_INVALID;
}
