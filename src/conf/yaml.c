#include "conf/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"

enum {
    DEPTH_MAX = 64,
    NODES_MAX = 1000 * 1000,
    ARENA_BYTES_MAX = 256 * 1024 * 1024,
    TEXT_BYTES_MAX = 64 * 1024 * 1024,
};

struct om_yaml_node {
    enum om_yaml_type type;
    int line;
    bool is_quoted;
    om_str text;  // scalars; NUL-terminated
    om_str key;   // of a pair of a map; NUL-terminated
    int key_line;
    struct om_yaml_node *first, *last;  // children
    struct om_yaml_node *next;          // sibling
    size_t len;
    struct om_yaml_node **index;  // children in order, made at the end of a long list or map
};

struct om_yaml {
    struct om_arena *arena;
    struct om_yaml_node *root;
};

struct parse {
    struct om_yaml *doc;
    yaml_parser_t parser;
    const char *name;
    struct om_error *err;
    int depth, nodes;
};

// ---- events to a tree --------------------------------------------------------------------------

static bool fail(struct parse *p, size_t line, const char *text)
{
    om_error_set(p->err, OM_INVALID, "%s:%zu: %s", p->name, line + 1, text);
    om_error_hint(p->err, "one plain YAML or JSON document is taken, without tricks");
    return false;
}

static bool next_event(struct parse *p, yaml_event_t *event)
{
    if (yaml_parser_parse(&p->parser, event))
        return true;
    const char *problem = p->parser.problem ? p->parser.problem : "not YAML";
    om_error_set(p->err, OM_INVALID, "%s:%zu: %s%s%s", p->name, p->parser.problem_mark.line + 1,
                 p->parser.context ? p->parser.context : "", p->parser.context ? ", " : "",
                 problem);
    om_error_hint(p->err, "check the indentation, and quote texts with : or #");
    return false;
}

static struct om_yaml_node *new_node(struct parse *p, enum om_yaml_type type,
                                     const yaml_event_t *event)
{
    struct om_yaml_node *node = ++p->nodes <= NODES_MAX
                                    ? om_arena_alloc(p->doc->arena, sizeof(*node))
                                    : NULL;
    if (!node) {
        om_error_set(p->err, OM_LIMIT, "%s: more than the document may hold", p->name);
        return NULL;
    }
    node->type = type;
    node->line = (int)event->start_mark.line + 1;
    return node;
}

static bool copy_text(struct parse *p, const yaml_event_t *event, om_str *ret)
{
    om_str text = om_str_n((const char *)event->data.scalar.value, event->data.scalar.length);
    char *copy = om_arena_strdup(p->doc->arena, text);
    if (!copy) {
        om_error_set(p->err, OM_LIMIT, "%s: more than the document may hold", p->name);
        return false;
    }
    *ret = om_str_n(copy, text.n);
    return true;
}

static bool is_null_text(om_str text)
{
    return text.n == 0 || om_str_equal(text, OM_STR("~")) || om_str_equal(text, OM_STR("null")) ||
           om_str_equal(text, OM_STR("Null")) || om_str_equal(text, OM_STR("NULL"));
}

static struct om_yaml_node *take_scalar(struct parse *p, const yaml_event_t *event)
{
    struct om_yaml_node *node = new_node(p, OM_YAML_SCALAR, event);
    if (!node || !copy_text(p, event, &node->text))
        return NULL;
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!node->is_quoted && is_null_text(node->text))
        node->type = OM_YAML_NULL;
    return node;
}

static void append(struct om_yaml_node *parent, struct om_yaml_node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->len++;
}

static struct om_yaml_node *take_node(struct parse *p, const yaml_event_t *event);

static bool make_index(struct parse *p, struct om_yaml_node *node)
{
    if (node->len == 0)
        return true;
    node->index = om_arena_alloc(p->doc->arena, node->len * sizeof(*node->index));
    if (!node->index) {
        om_error_set(p->err, OM_LIMIT, "%s: more than the document may hold", p->name);
        return false;
    }
    size_t i = 0;
    for (struct om_yaml_node *child = node->first; child; child = child->next)
        node->index[i++] = child;
    return true;
}

static bool take_list(struct parse *p, struct om_yaml_node *list)
{
    for (;;) {
        yaml_event_t event;
        if (!next_event(p, &event))
            return false;
        bool is_end = event.type == YAML_SEQUENCE_END_EVENT;
        struct om_yaml_node *child = is_end ? NULL : take_node(p, &event);
        yaml_event_delete(&event);
        if (is_end)
            return make_index(p, list);
        if (!child)
            return false;
        append(list, child);
    }
}

static int compare_keys(const void *a, const void *b)
{
    const struct om_yaml_node *x = *(struct om_yaml_node *const *)a;
    const struct om_yaml_node *y = *(struct om_yaml_node *const *)b;
    int order = om_str_compare(x->key, y->key);
    return order ? order : x->key_line - y->key_line;
}

// Sorts a copy of the index, so that a large map takes no quadratic time.
static bool has_no_twins(struct parse *p, const struct om_yaml_node *map)
{
    if (map->len < 2)
        return true;
    om_auto_free struct om_yaml_node **sorted = om_new_array(struct om_yaml_node *, map->len);
    memcpy(sorted, map->index, map->len * sizeof(*sorted));
    qsort(sorted, map->len, sizeof(*sorted), compare_keys);
    for (size_t i = 1; i < map->len; i++) {
        if (!om_str_equal(sorted[i - 1]->key, sorted[i]->key))
            continue;
        om_error_set(p->err, OM_INVALID, "%s:%d: \"%.*s\" stands here twice", p->name,
                     sorted[i]->key_line, OM_STR_ARG(sorted[i]->key));
        om_error_hint(p->err, "the first one is in line %d", sorted[i - 1]->key_line);
        return false;
    }
    return true;
}

static bool take_pair(struct parse *p, struct om_yaml_node *map, const yaml_event_t *key_event)
{
    size_t line = key_event->start_mark.line;
    om_str key;
    if (key_event->type != YAML_SCALAR_EVENT)
        return fail(p, line, "a key must be a plain text");
    if (!copy_text(p, key_event, &key))
        return false;
    yaml_event_t event;
    if (!next_event(p, &event))
        return false;
    struct om_yaml_node *value = take_node(p, &event);
    yaml_event_delete(&event);
    if (!value)
        return false;
    value->key = key;
    value->key_line = (int)line + 1;
    append(map, value);
    return true;
}

static bool take_map(struct parse *p, struct om_yaml_node *map)
{
    for (;;) {
        yaml_event_t event;
        if (!next_event(p, &event))
            return false;
        bool is_end = event.type == YAML_MAPPING_END_EVENT;
        bool is_taken = is_end || take_pair(p, map, &event);
        yaml_event_delete(&event);
        if (is_end)
            return make_index(p, map) && has_no_twins(p, map);
        if (!is_taken)
            return false;
    }
}

// NULL with *err. The event stays the caller's.
static struct om_yaml_node *take_node(struct parse *p, const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        return take_scalar(p, event);
    if (event->type == YAML_ALIAS_EVENT) {
        (void)fail(p, event->start_mark.line, "aliases (*name) are not taken");
        om_error_hint(p->err, "write the value out; aliases could make a small file huge");
        return NULL;
    }
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    if (!is_list && event->type != YAML_MAPPING_START_EVENT) {
        (void)fail(p, event->start_mark.line, "a value was expected");
        return NULL;
    }
    if (p->depth == DEPTH_MAX) {
        (void)fail(p, event->start_mark.line, "nested too deep");
        return NULL;
    }
    struct om_yaml_node *node = new_node(p, is_list ? OM_YAML_LIST : OM_YAML_MAP, event);
    if (!node)
        return NULL;
    p->depth++;
    bool is_whole = is_list ? take_list(p, node) : take_map(p, node);
    p->depth--;
    return is_whole ? node : NULL;
}

// Events around the document: stream start, document start, [value], document end, stream end.
static bool take_document(struct parse *p)
{
    bool was_value = false;
    for (;;) {
        yaml_event_t event;
        if (!next_event(p, &event))
            return false;
        yaml_event_type_t type = event.type;
        bool is_ok = true;
        if (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
            type == YAML_MAPPING_START_EVENT || type == YAML_ALIAS_EVENT) {
            is_ok = !was_value && (p->doc->root = take_node(p, &event));
            if (was_value)
                (void)fail(p, event.start_mark.line, "one document only");
            was_value = true;
        }
        yaml_event_delete(&event);
        if (!is_ok)
            return false;
        if (type == YAML_STREAM_END_EVENT)
            return true;
    }
}

// libyaml compares each %TAG directive with all before it: a few megabytes of them would take
// hours. Counted wherever they stand, as there are more line ends in YAML than one would think.
static bool has_many_directives(om_str text)
{
    enum { DIRECTIVES_MAX = 16 };
    const om_str directive = OM_STR("%TAG");
    int count = 0;
    ptrdiff_t at;
    while (count <= DIRECTIVES_MAX && (at = om_str_find(text, directive)) >= 0) {
        count++;
        text = om_str_sub(text, (size_t)at + directive.n, text.n);
    }
    return count > DIRECTIVES_MAX;
}

struct om_yaml *om_yaml_parse(om_str text, const char *name, struct om_error *err)
{
    if (text.n > TEXT_BYTES_MAX) {
        om_error_set(err, OM_LIMIT, "%s: larger than %d MiB", name, TEXT_BYTES_MAX >> 20);
        return NULL;
    }
    if (has_many_directives(text)) {
        om_error_set(err, OM_LIMIT, "%s: too many %%TAG directives", name);
        om_error_hint(err, "Omma needs no YAML directives, take them out");
        return NULL;
    }
    om_auto(om_yaml) doc = om_new(struct om_yaml);
    doc->arena = om_arena_create(ARENA_BYTES_MAX);
    struct parse p = {.doc = doc, .name = name, .err = err};
    if (!yaml_parser_initialize(&p.parser)) {
        om_error_set(err, OM_NO_MEMORY, "%s: no memory", name);
        return NULL;
    }
    yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.parser, (const unsigned char *)text.p, text.n);
    bool is_whole = take_document(&p);
    yaml_parser_delete(&p.parser);
    return is_whole ? om_steal(&doc) : NULL;
}

void om_yaml_destroy(struct om_yaml *doc)
{
    if (!doc)
        return;
    om_arena_destroy(doc->arena);
    om_free(doc);
}

// ---- questions ---------------------------------------------------------------------------------

const struct om_yaml_node *om_yaml_root(const struct om_yaml *doc)
{
    return doc->root;
}

enum om_yaml_type om_yaml_type(const struct om_yaml_node *node)
{
    return node ? node->type : OM_YAML_NULL;
}

int om_yaml_line(const struct om_yaml_node *node)
{
    return node ? node->line : 0;
}

size_t om_yaml_len(const struct om_yaml_node *node)
{
    return node ? node->len : 0;
}

const struct om_yaml_node *om_yaml_at(const struct om_yaml_node *list, size_t i)
{
    return om_yaml_type(list) == OM_YAML_LIST && i < list->len ? list->index[i] : NULL;
}

const struct om_yaml_node *om_yaml_get(const struct om_yaml_node *map, const char *key)
{
    for (size_t i = 0; om_yaml_type(map) == OM_YAML_MAP && i < map->len; i++) {
        if (om_str_equal(map->index[i]->key, om_str_from(key)))
            return map->index[i];
    }
    return NULL;
}

const struct om_yaml_node *om_yaml_pair(const struct om_yaml_node *map, size_t i, om_str *ret_key,
                                        int *ret_key_line)
{
    if (om_yaml_type(map) != OM_YAML_MAP || i >= map->len)
        return NULL;
    *ret_key = map->index[i]->key;
    if (ret_key_line)
        *ret_key_line = map->index[i]->key_line;
    return map->index[i];
}

om_str om_yaml_str(const struct om_yaml_node *node, om_str fallback)
{
    return om_yaml_type(node) == OM_YAML_SCALAR ? node->text : fallback;
}

bool om_yaml_is_quoted(const struct om_yaml_node *node)
{
    return node && node->is_quoted;
}

static bool is_plain_scalar(const struct om_yaml_node *node)
{
    return om_yaml_type(node) == OM_YAML_SCALAR && !node->is_quoted;
}

bool om_yaml_double(const struct om_yaml_node *node, double *ret)
{
    return is_plain_scalar(node) && om_str_to_double(node->text, ret);
}

bool om_yaml_int(const struct om_yaml_node *node, int64_t *ret)
{
    return is_plain_scalar(node) && om_str_to_int64(node->text, ret);
}

bool om_yaml_bool(const struct om_yaml_node *node, bool *ret)
{
    static const struct {
        om_str word;
        bool value;
    } words[] = {
        {OM_STR("true"), true},   {OM_STR("yes"), true}, {OM_STR("on"), true},
        {OM_STR("false"), false}, {OM_STR("no"), false}, {OM_STR("off"), false},
    };
    for (size_t i = 0; is_plain_scalar(node) && i < OM_ARRAY_LEN(words); i++) {
        if (om_str_equal_nocase(node->text, words[i].word)) {
            *ret = words[i].value;
            return true;
        }
    }
    return false;
}
