#include "base/json.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"

enum { DEPTH_MAX = 32, PARSE_DEPTH_MAX = 64 };

// ---- writing -----------------------------------------------------------------------------------

void om_json_begin(struct om_json_writer *w, struct om_buf *buf)
{
    *w = (struct om_json_writer){.buf = buf};
}

static void before_value(struct om_json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    uint32_t bit = 1u << w->depth;
    if (w->has_item & bit)
        om_buf_append_char(w->buf, ',');
    w->has_item |= bit;
}

static void open_level(struct om_json_writer *w, char c)
{
    before_value(w);
    om_buf_append_char(w->buf, c);
    w->depth++;
    om_assert(w->depth < DEPTH_MAX);
    w->has_item &= ~(1u << w->depth);
}

static void close_level(struct om_json_writer *w, char c)
{
    om_assert(w->depth > 0 && !w->after_key);
    w->depth--;
    om_buf_append_char(w->buf, c);
}

void om_json_object(struct om_json_writer *w)
{
    open_level(w, '{');
}

void om_json_object_end(struct om_json_writer *w)
{
    close_level(w, '}');
}

void om_json_array(struct om_json_writer *w)
{
    open_level(w, '[');
}

void om_json_array_end(struct om_json_writer *w)
{
    close_level(w, ']');
}

// Length of the valid UTF-8 sequence at s (RFC 3629: no overlong forms, no surrogates), 0 when
// there is none.
static size_t utf8_len(om_str s)
{
    const unsigned char *b = (const unsigned char *)s.p;
    if (b[0] < 0x80)
        return 1;
    size_t n = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    }
    bool is_bad = (b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
                  (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f);
    return is_bad ? 0 : n;
}

static void append_escaped(struct om_buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        om_buf_append(buf, "\\\"", 2);
        return;
    case '\\':
        om_buf_append(buf, "\\\\", 2);
        return;
    case '\n':
        om_buf_append(buf, "\\n", 2);
        return;
    case '\r':
        om_buf_append(buf, "\\r", 2);
        return;
    case '\t':
        om_buf_append(buf, "\\t", 2);
        return;
    default:
        om_buf_printf(buf, "\\u%04x", c);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static size_t plain_run(om_str s)
{
    size_t run = 0;
    while (run < s.n && is_plain((unsigned char)s.p[run]))
        run++;
    return run;
}

static void append_odd_string(struct om_buf *buf, om_str s)
{
    om_buf_append_char(buf, '"');
    while (s.n > 0) {
        size_t run = plain_run(s);
        om_buf_append(buf, s.p, run);
        s = om_str_sub(s, run, s.n);
        if (s.n == 0)
            break;
        size_t n = utf8_len(s);
        if (n == 0)
            om_buf_append(buf, "\xef\xbf\xbd", 3);
        else if (n == 1)
            append_escaped(buf, (unsigned char)s.p[0]);
        else
            om_buf_append(buf, s.p, n);
        s = om_str_sub(s, n ? n : 1, s.n);
    }
    om_buf_append_char(buf, '"');
}

// Nearly all strings are plain; those go in one piece.
static void append_string(struct om_buf *buf, om_str s)
{
    if (plain_run(s) != s.n || s.n > SIZE_MAX / 4) {
        append_odd_string(buf, s);
        return;
    }
    char *at = om_buf_reserve(buf, s.n + 2);
    if (!at)
        return;
    at[0] = '"';
    memcpy(at + 1, s.p, s.n);
    at[s.n + 1] = '"';
    om_buf_add_len(buf, s.n + 2);
}

void om_json_key(struct om_json_writer *w, const char *key)
{
    om_assert(!w->after_key);
    before_value(w);
    append_string(w->buf, om_str_from(key));
    om_buf_append_char(w->buf, ':');
    w->after_key = true;
}

void om_json_str(struct om_json_writer *w, om_str value)
{
    before_value(w);
    append_string(w->buf, value);
}

void om_json_text(struct om_json_writer *w, const char *value)
{
    if (value)
        om_json_str(w, om_str_from(value));
    else
        om_json_null(w);
}

void om_json_raw(struct om_json_writer *w, om_str json)
{
    before_value(w);
    om_buf_append_str(w->buf, json);
}

// Writes the digits of `value` so that they end at `end`, at least `digits_min`; returns where they
// begin.
static char *put_digits(char *end, uint64_t value, int digits_min)
{
    for (; value > 0 || digits_min > 0; digits_min--, value /= 10)
        *--end = (char)('0' + value % 10);
    return end;
}

void om_json_int(struct om_json_writer *w, int64_t value)
{
    char text[24], *end = text + sizeof(text);
    char *at = put_digits(end, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);
    if (value < 0)
        *--at = '-';
    om_json_raw(w, om_str_n(at, (size_t)(end - at)));
}

// The usual numbers, without printf: `scaled` is the value times 10 to the power of `digits`.
static void append_fixed(struct om_json_writer *w, int64_t scaled, uint64_t scale, int digits)
{
    char text[32], *end = text + sizeof(text);
    uint64_t all = scaled < 0 ? -(uint64_t)scaled : (uint64_t)scaled;
    for (; digits > 0 && all % 10 == 0; digits--, scale /= 10)
        all /= 10;
    char *at = end;
    if (digits > 0) {
        at = put_digits(at, all % scale, digits);
        *--at = '.';
    }
    at = put_digits(at, all / scale, 1);
    if (scaled < 0)
        *--at = '-';
    om_json_raw(w, om_str_n(at, (size_t)(end - at)));
}

void om_json_double(struct om_json_writer *w, double value, int digits)
{
    static const double scales[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    if (!isfinite(value)) {
        om_json_null(w);
        return;
    }
    if (digits >= 0 && digits < (int)OM_ARRAY_LEN(scales) && fabs(value) * scales[digits] < 1e15) {
        append_fixed(w, llrint(value * scales[digits]), (uint64_t)scales[digits], digits);
        return;
    }
    char text[64];
    // %f of a huge number has hundreds of digits; those go out in exponent form.
    int n = fabs(value) < 1e15 ? snprintf(text, sizeof(text), "%.*f", digits, value)
                               : snprintf(text, sizeof(text), "%.17g", value);
    om_assert(n > 0 && (size_t)n < sizeof(text));
    if (memchr(text, '.', (size_t)n) && !memchr(text, 'e', (size_t)n)) {
        while (text[n - 1] == '0')
            n--;
        if (text[n - 1] == '.')
            n--;
    }
    if (n == 2 && text[0] == '-' && text[1] == '0')
        om_json_raw(w, OM_STR("0"));
    else
        om_json_raw(w, om_str_n(text, (size_t)n));
}

void om_json_bool(struct om_json_writer *w, bool value)
{
    om_json_raw(w, value ? OM_STR("true") : OM_STR("false"));
}

void om_json_null(struct om_json_writer *w)
{
    om_json_raw(w, OM_STR("null"));
}

void om_json_kv_str(struct om_json_writer *w, const char *key, om_str value)
{
    om_json_key(w, key);
    om_json_str(w, value);
}

void om_json_kv_text(struct om_json_writer *w, const char *key, const char *value)
{
    om_json_key(w, key);
    om_json_text(w, value);
}

void om_json_kv_int(struct om_json_writer *w, const char *key, int64_t value)
{
    om_json_key(w, key);
    om_json_int(w, value);
}

void om_json_kv_double(struct om_json_writer *w, const char *key, double value, int digits)
{
    om_json_key(w, key);
    om_json_double(w, value, digits);
}

void om_json_kv_bool(struct om_json_writer *w, const char *key, bool value)
{
    om_json_key(w, key);
    om_json_bool(w, value);
}

// ---- reading -----------------------------------------------------------------------------------

// struct om_json is jansson's json_t under our name, never defined.
static json_t *lib(const struct om_json *value)
{
    return (json_t *)(uintptr_t)value;
}

static const struct om_json *ours(const json_t *value)
{
    return (const struct om_json *)(uintptr_t)value;
}

// jansson's own bound is 2048 levels; ours is asked for before it builds anything.
static bool is_too_deep(om_str text)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > PARSE_DEPTH_MAX)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

struct om_json *om_json_parse(om_str text, struct om_error *err)
{
    if (is_too_deep(text)) {
        om_error_set(err, OM_INVALID, "JSON nested deeper than %d levels", PARSE_DEPTH_MAX);
        return NULL;
    }
    json_error_t what;
    json_t *root = json_loadb(text.p, text.n,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &what);
    if (!root) {
        om_error_set(err, OM_INVALID, "not JSON: line %d, column %d: %s", what.line, what.column,
                     what.text);
        return NULL;
    }
    return (struct om_json *)root;
}

void om_json_destroy(struct om_json *root)
{
    json_decref(lib(root));
}

enum om_json_type om_json_type(const struct om_json *value)
{
    if (!value)
        return OM_JSON_NULL;
    switch (json_typeof(lib(value))) {
    case JSON_OBJECT:
        return OM_JSON_OBJECT;
    case JSON_ARRAY:
        return OM_JSON_ARRAY;
    case JSON_STRING:
        return OM_JSON_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return OM_JSON_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return OM_JSON_BOOL;
    case JSON_NULL:
    default:
        return OM_JSON_NULL;
    }
}

const struct om_json *om_json_get(const struct om_json *object, const char *key)
{
    return ours(json_object_get(lib(object), key));
}

size_t om_json_len(const struct om_json *value)
{
    return om_json_type(value) == OM_JSON_OBJECT ? json_object_size(lib(value))
                                                 : json_array_size(lib(value));
}

const struct om_json *om_json_at(const struct om_json *array, size_t i)
{
    return ours(json_array_get(lib(array), i));
}

bool om_json_next(const struct om_json *object, void **at, const char **ret_key,
                  const struct om_json **ret_value)
{
    *at = *at ? json_object_iter_next(lib(object), *at) : json_object_iter(lib(object));
    if (!*at)
        return false;
    *ret_key = json_object_iter_key(*at);
    *ret_value = ours(json_object_iter_value(*at));
    return true;
}

om_str om_json_as_str(const struct om_json *value, om_str fallback)
{
    if (om_json_type(value) != OM_JSON_STRING)
        return fallback;
    return om_str_n(json_string_value(lib(value)), json_string_length(lib(value)));
}

double om_json_as_double(const struct om_json *value, double fallback)
{
    return om_json_type(value) == OM_JSON_NUMBER ? json_number_value(lib(value)) : fallback;
}

int64_t om_json_as_int(const struct om_json *value, int64_t fallback)
{
    if (!value || !json_is_number(lib(value)))
        return fallback;
    if (json_is_integer(lib(value)))
        return json_integer_value(lib(value));
    double real = json_real_value(lib(value));
    bool is_whole = real == floor(real) && fabs(real) < 0x1p53;
    return is_whole ? (int64_t)real : fallback;
}

bool om_json_as_bool(const struct om_json *value, bool fallback)
{
    return om_json_type(value) == OM_JSON_BOOL ? json_is_true(lib(value)) : fallback;
}
