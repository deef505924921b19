#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/rand.h"

static void test_writes(void)
{
    om_auto_buf buf;
    om_buf_init(&buf, 1000);
    struct om_json_writer w;
    om_json_begin(&w, &buf);
    om_json_object(&w);
    om_json_kv_text(&w, "a", "x\"\\\n\x01");
    om_json_kv_text(&w, "b", NULL);
    om_json_key(&w, "c");
    om_json_array(&w);
    om_json_int(&w, INT64_MIN);
    om_json_object(&w);
    om_json_object_end(&w);
    om_json_array(&w);
    om_json_array_end(&w);
    om_json_raw(&w, OM_STR("[1]"));
    om_json_array_end(&w);
    om_json_kv_bool(&w, "d", true);
    om_json_kv_int(&w, "e", 7);
    om_json_object_end(&w);
    static const char wanted
        [] = "{\"a\":\"x\\\"\\\\\\n\\u0001\",\"b\":null,\"c\":[-9223372036854775808,{},[],[1]],"
             "\"d\":true,\"e\":7}";
    om_assert(strcmp(om_buf_text(&buf), wanted) == 0);
    om_assert(w.depth == 0);
}

static void test_doubles(void)
{
    static const struct {
        double value;
        int digits;
        const char *text;
    } cases[] = {
        {0.1 + 0.2, 4, "0.3"}, {-12.5, 3, "-12.5"},   {1234.5678, 2, "1234.57"},
        {0, 3, "0"},           {-0.00001, 3, "0"},    {100, 0, "100"},
        {100, 2, "100"},       {NAN, 3, "null"},      {-INFINITY, 3, "null"},
        {1e20, 3, "1e+20"},    {0.0625, 9, "0.0625"}, {999.9996, 3, "1000"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        om_auto_buf buf;
        om_buf_init(&buf, 100);
        struct om_json_writer w;
        om_json_begin(&w, &buf);
        om_json_double(&w, cases[i].value, cases[i].digits);
        om_assert(strncmp(om_buf_text(&buf), cases[i].text, strlen(cases[i].text)) == 0);
    }
}

// The writer's own digits say what printf's say, to half a unit of the last one.
static void test_doubles_like_printf(void)
{
    struct om_rand rand;
    om_rand_init(&rand, 11);
    for (int i = 0; i < 20000; i++) {
        int digits = (int)om_rand_below(&rand, 10);
        double size = (double)(1u << om_rand_below(&rand, 30));
        double value = (om_rand_unit(&rand) - 0.5) * size;
        char text[400];
        om_auto_buf buf;
        om_buf_init(&buf, 100);
        struct om_json_writer w;
        om_json_begin(&w, &buf);
        om_json_double(&w, value, digits);
        double got = 0, wanted = 0;
        om_assert(om_str_to_double(om_buf_str(&buf), &got));
        int n = snprintf(text, sizeof(text), "%.*f", digits, value);
        om_assert(om_str_to_double(om_str_n(text, (size_t)n), &wanted));
        om_assert(fabs(got - wanted) <= fabs(wanted) * 1e-15 + 1e-300 ||
                  fabs(got - value) <= 0.5000001 * pow(10, -digits));
        ptrdiff_t point = om_str_find_char(om_buf_str(&buf), '.');
        om_assert(point < 0 ||
                  (buf.len - (size_t)point - 1 <= (size_t)digits && buf.data[buf.len - 1] != '0'));
    }
}

// What comes out is valid UTF-8, whatever went in.
static void test_utf8(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xf0\x9f\x9a\x97", "\"\xf0\x9f\x9a\x97\""},
        {"\xff", "\"\xef\xbf\xbd\""},
        {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                  // overlong NUL
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},  // a surrogate
        {"a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},                // cut off
        {"\x7f", "\"\\u007f\""},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        om_auto_buf buf;
        om_buf_init(&buf, 100);
        struct om_json_writer w;
        om_json_begin(&w, &buf);
        om_json_str(&w, om_str_from(cases[i].in));
        om_assert(strcmp(om_buf_text(&buf), cases[i].out) == 0);
    }
}

static void test_reads(void)
{
    om_str text = OM_STR(
        "{\"n\": 3, \"r\": 2.5, \"w\": 4.0, \"s\": \"x\", \"t\": true, \"z\": null,"
        " \"l\": [1, [2]], \"o\": {\"k\": 1}}");
    struct om_error err;
    om_auto_json root = om_json_parse(text, &err);
    om_assert(root && om_json_type(root) == OM_JSON_OBJECT && om_json_len(root) == 8);
    om_assert(om_json_as_int(om_json_get(root, "n"), -1) == 3);
    om_assert(om_json_as_int(om_json_get(root, "r"), -1) == -1);
    om_assert(om_json_as_int(om_json_get(root, "w"), -1) == 4);
    om_assert(om_json_as_double(om_json_get(root, "r"), -1) == 2.5);
    om_assert(om_json_as_double(om_json_get(root, "s"), -1) == -1);
    om_assert(om_str_equal(om_json_as_str(om_json_get(root, "s"), OM_STR("")), OM_STR("x")));
    om_assert(om_json_as_bool(om_json_get(root, "t"), false));
    om_assert(om_json_as_bool(om_json_get(root, "n"), true));
    om_assert(om_json_get(root, "z") && om_json_type(om_json_get(root, "z")) == OM_JSON_NULL);
    const struct om_json *list = om_json_get(root, "l");
    om_assert(om_json_len(list) == 2 && om_json_as_int(om_json_at(list, 0), 0) == 1);
    om_assert(!om_json_at(list, 2) && !om_json_get(list, "n") && !om_json_get(NULL, "n"));
    om_assert(om_json_len(NULL) == 0 && om_json_type(NULL) == OM_JSON_NULL);
}

static void test_walks(void)
{
    om_auto_json root = om_json_parse(OM_STR("{\"z\":0,\"a\":1,\"m\":2}"), NULL);
    const char *key;
    const struct om_json *value;
    void *at = NULL;
    int64_t n = 0;
    while (om_json_next(root, &at, &key, &value)) {
        om_assert(om_json_as_int(value, -1) == n);
        om_assert(om_json_get(root, key) == value);
        n++;
    }
    om_assert(n == 3);

    om_auto_json list = om_json_parse(OM_STR("[1,2]"), NULL);
    at = NULL;
    om_assert(!om_json_next(list, &at, &key, &value) && !om_json_next(NULL, &at, &key, &value));
}

static void test_refused(void)
{
    static const char *const bad[] = {
        "",      "{",         "[1,]",   "{\"a\":1,\"a\":2}",
        "1 2",   "nul",       "{a:1}",  "\"\xff\"",
        "[1] x", "{\"a\" 1}", "'x'",    "01",
        "NaN",   "[1e999]",   "\"\n\"", "99999999999999999999999",
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(bad); i++) {
        struct om_error err = {0};
        om_assert(!om_json_parse(om_str_from(bad[i]), &err));
        om_assert(err.status == OM_INVALID && err.text[0]);
    }
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    om_assert(!om_json_parse(om_str_n(deep, 200), NULL));
    om_auto_json ok = om_json_parse(om_str_n(deep + 36, 128), NULL);
    om_assert(ok);
    char after[300];  // too deep behind a text that ends
    int n = snprintf(after, sizeof(after), "[\"x\",%.64s%.64s]", deep, deep + 136);
    om_assert(!om_json_parse(om_str_n(after, (size_t)n), NULL));
    om_auto_json brackets = om_json_parse(OM_STR("\"[[\\\"[[[[\""), NULL);
    om_assert(brackets);
}

int main(void)
{
    test_writes();
    test_doubles();
    test_doubles_like_printf();
    test_utf8();
    test_reads();
    test_walks();
    test_refused();
    return 0;
}
