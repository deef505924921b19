#include "base/buf.h"

#include "base/assert.h"
#include "base/mem.h"

static void test_builds(void)
{
    om_auto_buf buf;
    om_buf_init(&buf, 1000);
    om_assert(om_str_equal(om_buf_str(&buf), OM_STR("")) && om_buf_text(&buf)[0] == '\0');
    om_buf_append_text(&buf, "ab");
    om_buf_append_char(&buf, 'c');
    om_buf_printf(&buf, "-%d-%s", 42, "x");
    om_buf_append_str(&buf, OM_STR("!"));
    om_assert(om_str_equal(om_buf_str(&buf), OM_STR("abc-42-x!")));
    om_buf_consume(&buf, 4);
    om_assert(om_str_equal(om_str_from(om_buf_text(&buf)), OM_STR("42-x!")));
    om_buf_clear(&buf);
    om_buf_printf(&buf, "%0900d", 7);  // longer than any small buffer inside
    om_assert(buf.len == 900 && buf.data[899] == '7' && !buf.has_failed);
}

static void test_bound_is_sticky(void)
{
    om_auto_buf buf;
    om_buf_init(&buf, 8);
    om_buf_append_text(&buf, "12345678");
    om_assert(!buf.has_failed && buf.len == 8);
    om_buf_append_char(&buf, '9');
    om_assert(buf.has_failed && buf.len == 8);
    om_buf_consume(&buf, 8);
    om_buf_append_char(&buf, 'x');  // there is room now, but something is missing before it
    om_assert(buf.len == 0);
    om_assert(!om_buf_take(&buf, NULL));
    om_buf_clear(&buf);
    om_buf_append_char(&buf, 'x');
    om_assert(!buf.has_failed && buf.len == 1);
    om_buf_printf(&buf, "%s", "too long for it");
    om_assert(buf.has_failed && buf.len == 1);
}

static void test_big_endian(void)
{
    static const unsigned char wanted[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    om_auto_buf buf;
    om_buf_init(&buf, 15);
    om_buf_append_u8(&buf, 0x01);
    om_buf_append_u16be(&buf, 0x0203);
    om_buf_append_u32be(&buf, 0x04050607);
    om_buf_append_u64be(&buf, 0x08090a0b0c0d0e0f);
    om_assert(om_str_equal(om_buf_str(&buf), om_str_n((const char *)wanted, sizeof(wanted))));
}

static void test_reserve_and_take(void)
{
    struct om_buf buf;
    om_buf_init(&buf, 100);
    char *at = om_buf_reserve(&buf, 50);
    om_assert(at);
    memcpy(at, "hello", 5);
    om_buf_add_len(&buf, 5);
    size_t n = 0;
    char *text = om_buf_take(&buf, &n);
    om_assert(n == 5 && om_str_equal(om_str_from(text), OM_STR("hello")));
    om_free(text);
    om_assert(buf.len == 0 && !buf.data && buf.len_max == 100);
    om_assert(!om_buf_reserve(&buf, 101) && buf.has_failed);
    om_buf_finish(&buf);

    text = om_buf_take(&buf, &n);  // an empty buffer gives an empty text
    om_assert(text && n == 0 && text[0] == '\0');
    om_free(text);
}

int main(void)
{
    test_builds();
    test_bound_is_sticky();
    test_big_endian();
    test_reserve_and_take();
    return 0;
}
