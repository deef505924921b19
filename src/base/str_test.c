#include "base/str.h"

#include "base/assert.h"

static bool is(om_str s, const char *text)
{
    return om_str_equal(s, om_str_from(text));
}

static void test_compare(void)
{
    om_assert(om_str_equal(om_str_from(NULL), OM_STR("")));
    om_assert(!om_str_equal(OM_STR("a"), OM_STR("A")));
    om_assert(om_str_equal_nocase(OM_STR("Content-Length"), OM_STR("content-length")));
    om_assert(!om_str_equal_nocase(OM_STR("a"), OM_STR("ab")));
    om_assert(om_str_starts_with(OM_STR("rtsp://x"), OM_STR("rtsp://")));
    om_assert(!om_str_starts_with(OM_STR("rts"), OM_STR("rtsp://")));
    om_assert(om_str_ends_with(OM_STR("x.onnx"), OM_STR(".onnx")));
    om_assert(!om_str_ends_with(OM_STR("nnx"), OM_STR(".onnx")));
    om_assert(om_str_compare(OM_STR("a"), OM_STR("b")) < 0);
    om_assert(om_str_compare(OM_STR("ab"), OM_STR("a")) > 0);
    om_assert(om_str_compare(OM_STR(""), OM_STR("")) == 0);
}

static void test_find_and_cut(void)
{
    om_assert(om_str_find_char(OM_STR("a=b=c"), '=') == 1);
    om_assert(om_str_find_char(OM_STR("abc"), '=') == -1);
    om_assert(om_str_find(OM_STR("a ${X}"), OM_STR("${")) == 2);
    om_assert(om_str_find(OM_STR("a"), OM_STR("ab")) == -1);
    om_assert(is(om_str_sub(OM_STR("hello"), 1, 3), "el"));
    om_assert(is(om_str_sub(OM_STR("hello"), 3, 100), "lo"));
    om_assert(is(om_str_sub(OM_STR("hello"), 100, 3), ""));
    om_assert(is(om_str_trim(OM_STR(" \t x y\r\n")), "x y"));
    om_assert(is(om_str_trim(OM_STR("  ")), ""));
}

static void test_split(void)
{
    static const struct {
        const char *text, *pieces[4];
        size_t count;
    } cases[] = {
        {"a,,b", {"a", "", "b"}, 3}, {"", {0}, 0},         {"a", {"a"}, 1},
        {"a,b", {"a", "b"}, 2},      {",a", {"", "a"}, 2},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        om_str rest = om_str_from(cases[i].text), piece;
        size_t n = 0;
        while (om_str_split(&rest, ',', &piece)) {
            om_assert(n < cases[i].count && is(piece, cases[i].pieces[n]));
            n++;
        }
        om_assert(n == cases[i].count);
    }
}

static void test_integers(void)
{
    static const struct {
        const char *text;
        bool is_ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-17", true, -17},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1x", false, 0},
        {"0x10", false, 0},
        {"1.0", false, 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        int64_t value = 42;
        om_assert(om_str_to_int64(om_str_from(cases[i].text), &value) == cases[i].is_ok);
        om_assert(value == (cases[i].is_ok ? cases[i].value : 42));
    }
    uint64_t big = 42;
    om_assert(om_str_to_uint64(OM_STR("18446744073709551615"), &big) && big == UINT64_MAX);
    om_assert(!om_str_to_uint64(OM_STR("-1"), &big) && big == UINT64_MAX);
    om_assert(!om_str_to_int64(om_str_n("1\0002", 3), &(int64_t){0}));
}

static void test_doubles(void)
{
    static const struct {
        const char *text;
        bool is_ok;
        double value;
    } cases[] = {
        {"0.5", true, 0.5}, {"-2.5e1", true, -25}, {"1e-3", true, 0.001},
        {"inf", false, 0},  {"nan", false, 0},     {"1e999", false, 0},
        {"", false, 0},     {"1,5", false, 0},     {"--1", false, 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        double value = 42;
        om_assert(om_str_to_double(om_str_from(cases[i].text), &value) == cases[i].is_ok);
        om_assert(value == (cases[i].is_ok ? cases[i].value : 42));
    }
}

static void test_copy_and_ids(void)
{
    char small[4];
    om_assert(om_str_copy(small, sizeof(small), OM_STR("abc")) && is(om_str_from(small), "abc"));
    om_assert(!om_str_copy(small, sizeof(small), OM_STR("abcd")) && is(om_str_from(small), "abc"));
    om_assert(!om_str_copy(small, 0, OM_STR("")));

    om_assert(om_str_is_id(OM_STR("gate_2-left")));
    om_assert(!om_str_is_id(OM_STR("")) && !om_str_is_id(OM_STR("Gate")) &&
              !om_str_is_id(OM_STR("../x")) && !om_str_is_id(OM_STR("a b")));
    char long_id[65];
    memset(long_id, 'a', sizeof(long_id));
    om_assert(om_str_is_id(om_str_n(long_id, 64)) && !om_str_is_id(om_str_n(long_id, 65)));
}

static void test_distance(void)
{
    om_assert(om_str_distance(OM_STR("zones"), OM_STR("zones")) == 0);
    om_assert(om_str_distance(OM_STR("zoness"), OM_STR("zones")) == 1);
    om_assert(om_str_distance(OM_STR("lsiten"), OM_STR("listen")) == 1);  // neighbours swapped
    om_assert(om_str_distance(OM_STR(""), OM_STR("abc")) == 3);
    om_assert(om_str_distance(OM_STR("kitten"), OM_STR("sitting")) == 3);
    char long_text[65] = {0};
    om_assert(om_str_distance(om_str_n(long_text, 65), OM_STR("a")) == 64);
}

int main(void)
{
    test_compare();
    test_find_and_cut();
    test_split();
    test_integers();
    test_doubles();
    test_copy_and_ids();
    test_distance();
    return 0;
}
