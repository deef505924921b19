// WebSocket frames by hand: what RFC 6455 asks for, and what attackers send.

#include "net/ws.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"

struct seen {
    struct om_buf text;  // messages, each ended by '|'
    int count;
};

static void on_message(void *ctx, bool is_text, om_str data)
{
    struct seen *seen = ctx;
    om_buf_append_char(&seen->text, is_text ? 't' : 'b');
    om_buf_append_str(&seen->text, data);
    om_buf_append_char(&seen->text, '|');
    seen->count++;
}

// A frame as a client sends it.
static void put(struct om_buf *out, int first_byte, om_str data, bool is_masked)
{
    static const char mask[4] = {1, 2, 3, 4};
    om_buf_append_u8(out, (uint8_t)first_byte);
    uint8_t bit = is_masked ? 0x80 : 0;
    if (data.n < 126) {
        om_buf_append_u8(out, (uint8_t)(bit | data.n));
    } else {
        om_assert(data.n <= UINT16_MAX);
        om_buf_append_u8(out, bit | 126);
        om_buf_append_u16be(out, (uint16_t)data.n);
    }
    if (is_masked)
        om_buf_append(out, mask, 4);
    for (size_t i = 0; i < data.n; i++)
        om_buf_append_char(out, is_masked ? (char)(data.p[i] ^ mask[i % 4]) : data.p[i]);
}

static int close_code(om_str out)
{
    // The last frame is a close frame with a code.
    ptrdiff_t at = om_str_find_char(out, '\x88');
    return at < 0 || out.n < (size_t)at + 4 ? 0
                                            : (uint8_t)out.p[at + 2] * 256 + (uint8_t)out.p[at + 3];
}

enum { NO_CODE = -1 };

static const struct {
    const char *name;
    struct {
        int first_byte;
        om_str data;
    } frames[4];
    bool is_unmasked;
    const char *messages;
    int close_code;  // 0: goes on; NO_CODE: ends without one
} cases[] = {
    {"text", {{0x81, {"hello", 5}}}, false, "thello|", 0},
    {"binary", {{0x82, {"\0\xff", 2}}}, false, NULL, 0},
    {"empty", {{0x81, {"", 0}}}, false, "t|", 0},
    {"fragments", {{0x01, {"he", 2}}, {0x89, {"p", 1}}, {0x80, {"llo", 3}}}, false, "thello|", 0},
    {"close", {{0x88, {"\x03\xe8", 2}}}, false, "", 1000},
    {"close without code", {{0x88, {"", 0}}}, false, "", NO_CODE},
    {"not masked", {{0x81, {"hello", 5}}}, true, "", 1002},
    {"bad utf-8", {{0x81, {"\xc3\x28", 2}}}, false, "", 1007},
    {"utf-8 cut in two frames", {{0x01, {"\xc3", 1}}, {0x80, {"\xb6", 1}}}, false, "t\xc3\xb6|", 0},
    {"reserved bit", {{0xc1, {"x", 1}}}, false, "", 1002},
    {"reserved opcode", {{0x83, {"x", 1}}}, false, "", 1002},
    {"continues nothing", {{0x80, {"x", 1}}}, false, "", 1002},
    {"begins twice", {{0x01, {"x", 1}}, {0x81, {"y", 1}}}, false, "", 1002},
    {"fragmented ping", {{0x09, {"x", 1}}}, false, "", NO_CODE},
    {"bad close code", {{0x88, {"\x03\xed", 2}}}, false, "", 1002},
};

static void test_cases(void)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        // In one piece, and byte by byte.
        for (size_t step = 1; step <= 4096; step *= 4096) {
            struct seen seen = {.count = 0};
            om_buf_init(&seen.text, 1 << 16);
            om_auto_buf in, out;
            om_buf_init(&in, 1 << 16);
            om_buf_init(&out, 1 << 16);
            for (size_t k = 0; k < 4 && cases[i].frames[k].first_byte; k++)
                put(&in, cases[i].frames[k].first_byte, cases[i].frames[k].data,
                    !cases[i].is_unmasked);
            struct om_ws *ws = om_ws_create(1000, on_message, &seen);
            bool goes_on = true;
            for (size_t at = 0; at < in.len && goes_on; at += step)
                goes_on = om_ws_feed(ws, om_str_sub(om_buf_str(&in), at, at + step), &out);
            bool is_fine = goes_on == (cases[i].close_code == 0) &&
                           close_code(om_buf_str(&out)) == OM_MAX(cases[i].close_code, 0);
            if (cases[i].messages)
                is_fine = is_fine &&
                          om_str_equal(om_buf_str(&seen.text), om_str_from(cases[i].messages));
            if (!is_fine)
                fprintf(stderr, "%s: goes on %d, code %d, messages %s\n", cases[i].name, goes_on,
                        close_code(om_buf_str(&out)), om_buf_text(&seen.text));
            om_assert(is_fine);
            om_ws_destroy(ws);
            om_buf_finish(&seen.text);
        }
    }
}

static void test_ping(void)
{
    struct seen seen = {.count = 0};
    om_auto_buf in, out;
    om_buf_init(&in, 1 << 16);
    om_buf_init(&out, 1 << 16);
    struct om_ws *ws = om_ws_create(1000, on_message, &seen);
    put(&in, 0x89, OM_STR("are you there"), true);
    om_assert(om_ws_feed(ws, om_buf_str(&in), &out));
    om_assert(om_str_equal(om_buf_str(&out), OM_STR("\x8a\x0d"
                                                    "are you there")));
    om_ws_destroy(ws);
}

// Above the bound: 1009, whether announced at once or in pieces; and endless tiny pieces: 1008.
static void test_limits(void)
{
    struct seen seen = {.count = 0};
    om_auto_buf in, out;
    om_buf_init(&in, 1 << 20);
    om_buf_init(&out, 1 << 16);
    om_auto_free char *data = om_alloc(2000, 1);
    struct om_ws *ws = om_ws_create(1000, on_message, &seen);
    put(&in, 0x82, om_str_n(data, 1001), true);
    om_assert(!om_ws_feed(ws, om_buf_str(&in), &out));
    om_assert(close_code(om_buf_str(&out)) == 1009 && seen.count == 0);
    om_ws_destroy(ws);
    om_buf_clear(&in);
    om_buf_clear(&out);
    ws = om_ws_create(1000, on_message, &seen);
    put(&in, 0x02, om_str_n(data, 600), true);
    put(&in, 0x80, om_str_n(data, 600), true);
    om_assert(!om_ws_feed(ws, om_buf_str(&in), &out));
    om_assert(close_code(om_buf_str(&out)) == 1009 && seen.count == 0);
    om_ws_destroy(ws);
    om_buf_clear(&in);
    om_buf_clear(&out);
    ws = om_ws_create(1 << 20, on_message, &seen);
    put(&in, 0x02, OM_STR("x"), true);
    for (int i = 0; i < 5000; i++)
        put(&in, 0x00, OM_STR("x"), true);
    om_assert(!om_ws_feed(ws, om_buf_str(&in), &out));
    om_assert(close_code(om_buf_str(&out)) == 1008);
    om_ws_destroy(ws);
}

static void test_put_frame(void)
{
    static const struct {
        size_t n;
        om_str start;
    } frames[] = {
        {5, {"\x82\x05", 2}},
        {125, {"\x82\x7d", 2}},
        {126, {"\x82\x7e\x00\x7e", 4}},
        {65535, {"\x82\x7e\xff\xff", 4}},
        {65536, {"\x82\x7f\0\0\0\0\0\1\0\0", 10}},
    };
    om_auto_free char *data = om_alloc(65536, 1);
    for (size_t i = 0; i < OM_ARRAY_LEN(frames); i++) {
        om_auto_buf out;
        om_buf_init(&out, 1 << 20);
        om_ws_put_frame(&out, OM_WS_BINARY, om_str_n(data, frames[i].n));
        om_assert(om_str_starts_with(om_buf_str(&out), frames[i].start));
        om_assert(out.len == frames[i].start.n + frames[i].n);
    }
    char text[OM_WS_ACCEPT_SIZE];
    om_ws_accept_key(OM_STR("dGhlIHNhbXBsZSBub25jZQ=="), text);  // RFC 6455, 1.3
    om_assert(strcmp(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0);
}

int main(void)
{
    test_cases();
    test_ping();
    test_limits();
    test_put_frame();
    return 0;
}
