// Feeds base/json.c: the reader (om_json_parse), then the writer with what was read, and the reader
// again, which must take what the writer made.

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct om_json_writer *w, const struct om_json *value, int depth);

static void write_members(struct om_json_writer *w, const struct om_json *value, int depth)
{
    void *at = NULL;
    const char *key;
    const struct om_json *member;
    om_json_object(w);
    while (om_json_next(value, &at, &key, &member)) {
        om_json_key(w, key);
        write_value(w, member, depth + 1);
    }
    om_json_object_end(w);
}

static void write_value(struct om_json_writer *w, const struct om_json *value, int depth)
{
    enum { DEPTH_MAX = 30 };  // the writer's own bound is for code, not for documents
    switch (depth < DEPTH_MAX ? om_json_type(value) : OM_JSON_NULL) {
    case OM_JSON_NULL:
        om_json_null(w);
        return;
    case OM_JSON_BOOL:
        om_json_bool(w, om_json_as_bool(value, false));
        return;
    case OM_JSON_NUMBER:
        om_json_int(w, om_json_as_int(value, 0));
        return;
    case OM_JSON_STRING:
        om_json_str(w, om_json_as_str(value, OM_STR("")));
        return;
    case OM_JSON_OBJECT:
        write_members(w, value, depth);
        return;
    case OM_JSON_ARRAY:
        om_json_array(w);
        for (size_t i = 0; i < om_json_len(value); i++)
            write_value(w, om_json_at(value, i), depth + 1);
        om_json_array_end(w);
    }
}

static void write_bytes(const uint8_t *data, size_t size, struct om_buf *out)
{
    struct om_json_writer w;
    om_json_begin(&w, out);
    om_json_array(&w);
    om_json_str(&w, om_str_n((const char *)data, size));
    double real = 0;
    memcpy(&real, data, size < sizeof(real) ? size : sizeof(real));
    for (int digits = 0; digits <= 17; digits++)
        om_json_double(&w, real, digits);
    om_json_array_end(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 24);
    if (size > 0)
        write_bytes(data, size, &out);
    om_auto_json bytes = om_json_parse(size ? om_buf_str(&out) : OM_STR("[]"), NULL);
    om_assert(bytes);

    struct om_error err = {0};
    om_auto_json root = om_json_parse(om_str_n((const char *)data, size), &err);
    om_assert(root || (err.status == OM_INVALID && err.text[0]));
    if (!root)
        return 0;
    om_buf_clear(&out);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    write_value(&w, root, 0);
    om_auto_json again = om_json_parse(om_buf_str(&out), NULL);
    om_assert(again && om_json_type(again) == om_json_type(root));
    om_assert(om_json_len(again) == om_json_len(root));
    return 0;
}
