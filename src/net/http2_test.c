// HTTP/2 without a socket: nghttp2's own client on the other side, and an attacker that writes
// frames.

#include "net/http2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"

static void never(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    (void)x;
}

static const struct om_route routes[] = {
    {"GET", "/", never, "public", 0, 0, ""},
    {"POST", "/echo", never, "control", 100000, 0, ""},
    {0},
};

static const struct om_request_policy policy = {
    .routes = routes, .header_bytes_max = 4096, .uri_max = 1024, .headers_max = 20};

struct bench {
    struct om_hub *hub;
    struct om_flow *flow;
    struct om_http2 *http2;
    nghttp2_session *client;
    struct om_buf answer;  // body of the last answer
    int status;
    char trailer[32];
    uint32_t closed_with;
    int closed_count;
};

static int on_client_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                          size_t n, void *ctx)
{
    (void)session, (void)flags, (void)id;
    om_buf_append(&((struct bench *)ctx)->answer, data, n);
    return 0;
}

static int on_client_header(nghttp2_session *session, const nghttp2_frame *frame,
                            const uint8_t *name, size_t name_n, const uint8_t *value,
                            size_t value_n, uint8_t flags, void *ctx)
{
    struct bench *b = ctx;
    (void)session, (void)flags, (void)frame;
    om_str field = om_str_n((const char *)name, name_n);
    om_str text = om_str_n((const char *)value, value_n);
    int64_t status;
    if (om_str_equal(field, OM_STR(":status")) && om_str_to_int64(text, &status))
        b->status = (int)status;
    if (om_str_equal(field, OM_STR("grpc-status")))
        om_str_copy(b->trailer, sizeof(b->trailer), text);
    return 0;
}

static int on_client_close(nghttp2_session *session, int32_t id, uint32_t error, void *ctx)
{
    struct bench *b = ctx;
    (void)session, (void)id;
    b->closed_with = error;
    b->closed_count++;
    return 0;
}

static void start(struct bench *b)
{
    *b = (struct bench){.hub = om_hub_create(-1), .flow = om_flow_create()};
    om_buf_init(&b->answer, 1 << 24);
    struct om_http2_host host = {.hub = b->hub,
                                 .flow = b->flow,
                                 .policy = &policy,
                                 .write_budget = 1 << 20,
                                 .bodies_bytes_max = 1 << 24,
                                 .local_name = "127.0.0.1"};
    b->http2 = om_http2_create(&host);
    nghttp2_session_callbacks *callbacks;
    om_assert(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_client_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_client_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_client_close);
    om_assert(nghttp2_session_client_new(&b->client, callbacks, b) == 0);
    nghttp2_session_callbacks_del(callbacks);
    om_assert(nghttp2_submit_settings(b->client, 0, NULL, 0) == 0);
}

static void let_go(struct om_exchange *x)
{
    om_exchange_detach(x);
    om_exchange_unref(&x);
}

static void drop_done(struct bench *b)
{
    for (struct om_exchange *x; (x = om_http2_take_done(b->http2));)
        let_go(x);
}

static void stop(struct bench *b)
{
    om_http2_abandon(b->http2);
    drop_done(b);
    om_http2_destroy(b->http2);
    nghttp2_session_del(b->client);
    om_buf_finish(&b->answer);
    om_flow_unref(b->flow);
    om_hub_unref(b->hub);
}

// Carries bytes to and fro until both are silent.
static enum om_status exchange_bytes(struct bench *b)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 24);
    enum om_status status = OM_OK;
    for (bool has_moved = true; has_moved;) {
        has_moved = false;
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(b->client, &data);
        if (n > 0) {
            enum om_status fed = om_http2_feed(b->http2, om_str_n((const char *)data, (size_t)n));
            status = status == OM_OK ? fed : status;
            has_moved = true;
        }
        om_buf_clear(&out);
        om_assert(om_http2_send(b->http2, &out, 16384));
        if (out.len)
            om_assert(nghttp2_session_mem_recv(b->client, (const uint8_t *)out.data, out.len) ==
                      (ssize_t)out.len);
        has_moved |= out.len > 0;
    }
    return status;
}

#define NV(name_, value_)                                                                          \
    {                                                                                              \
        .name = (uint8_t *)(uintptr_t)(name_), .namelen = sizeof(name_) - 1,                       \
        .value = (uint8_t *)(uintptr_t)(value_), .valuelen = strlen(value_),                       \
        .flags = NGHTTP2_NV_FLAG_NONE                                                              \
    }

static ssize_t read_zeros(nghttp2_session *session, int32_t id, uint8_t *buf, size_t n,
                          uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    size_t *left = source->ptr;
    (void)session, (void)id, (void)ctx;
    n = OM_MIN(n, *left);
    memset(buf, 'z', n);
    *left -= n;
    if (*left == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static void request(struct bench *b, const char *method, const char *path, size_t *body)
{
    nghttp2_nv nv[] = {NV(":method", method), NV(":scheme", "http"), NV(":authority", "localhost"),
                       NV(":path", path),     NV("cookie", "a=1"),   NV("cookie", "b=2")};
    nghttp2_data_provider provider = {.source.ptr = body, .read_callback = read_zeros};
    b->status = 0;
    b->closed_with = UINT32_MAX;
    om_buf_clear(&b->answer);
    om_assert(nghttp2_submit_request(b->client, NULL, nv, OM_ARRAY_LEN(nv), body ? &provider : NULL,
                                     NULL) > 0);
    om_assert(exchange_bytes(b) == OM_OK);
}

// The next exchange as the connection would get it, refusals answered.
static struct om_exchange *take(struct bench *b)
{
    struct om_exchange *x = om_http2_take_ready(b->http2);
    if (!x)
        return NULL;
    x->is_dispatched = true;
    if (x->refusal.reason) {
        om_exchange_refuse(x, &x->refusal);
        om_http2_pump(b->http2, x);
        om_assert(exchange_bytes(b) == OM_OK);
    }
    return x;
}

static void test_get(struct bench *b)
{
    om_str cookie;
    request(b, "GET", "/", NULL);
    struct om_exchange *x = take(b);
    om_assert(x && !x->refusal.reason && om_exchange_header(x, "cookie", &cookie));
    om_assert(om_str_equal(cookie, OM_STR("a=1; b=2")));
    om_exchange_reply(x, 200, "text/plain", OM_STR("hello"));
    om_http2_pump(b->http2, x);
    om_assert(exchange_bytes(b) == OM_OK && b->status == 200);
    om_assert(om_str_equal(om_buf_str(&b->answer), OM_STR("hello")));
    om_assert(b->closed_with == NGHTTP2_NO_ERROR && om_http2_stream_count(b->http2) == 0);
    drop_done(b);
}

static void test_post(struct bench *b)
{
    size_t body = 90000;
    request(b, "POST", "/echo", &body);
    struct om_exchange *x = take(b);
    om_assert(x && om_exchange_body(x).n == 90000);
    om_exchange_reply(x, 200, "text/plain", om_exchange_body(x));
    om_http2_pump(b->http2, x);
    om_assert(exchange_bytes(b) == OM_OK && b->answer.len == 90000);
    om_assert(atomic_load(&b->flow->unsent) == 0);
    drop_done(b);
    body = 100001;
    request(b, "POST", "/echo", &body);
    om_assert(take(b)->refusal.status == 413 && b->status == 413);
    om_assert(om_str_find(om_buf_str(&b->answer), OM_STR("larger")) > 0);
    drop_done(b);
    request(b, "GET", "/nothing", NULL);
    om_assert(take(b)->refusal.status == 404 && b->status == 404);
    drop_done(b);
}

static void test_stream(struct bench *b)
{
    request(b, "GET", "/", NULL);
    struct om_exchange *x = take(b);
    om_exchange_stream(x, 200, "application/grpc", NULL, NULL);
    om_http2_pump(b->http2, x);
    om_assert(exchange_bytes(b) == OM_OK && b->status == 200 && b->answer.len == 0);
    om_assert(om_exchange_write(x, OM_STR("one")) == OM_OK);
    om_http2_pump(b->http2, x);
    om_assert(exchange_bytes(b) == OM_OK && b->answer.len == 3);
    om_exchange_set_trailer(x, "grpc-status", "7");
    om_exchange_end(x);
    om_http2_pump(b->http2, x);
    om_assert(exchange_bytes(b) == OM_OK && strcmp(b->trailer, "7") == 0);
    om_assert(b->closed_with == NGHTTP2_NO_ERROR);
    drop_done(b);
}

static void test_large_head(struct bench *b)
{
    char value[3000];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    nghttp2_nv nv[] = {NV(":method", "GET"), NV(":scheme", "http"), NV(":authority", "localhost"),
                       NV(":path", "/"),     NV("a", value),        NV("b", value)};
    om_assert(nghttp2_submit_request(b->client, NULL, nv, OM_ARRAY_LEN(nv), NULL, NULL) > 0);
    om_assert(exchange_bytes(b) == OM_OK);
    om_assert(take(b)->refusal.status == 431 && b->status == 431);
    drop_done(b);
}

// ---- attackers ---------------------------------------------------------------------------------

static void put_frame(struct om_buf *out, int type, int flags, uint32_t stream, om_str payload)
{
    om_buf_append_u8(out, (uint8_t)(payload.n >> 16));
    om_buf_append_u16be(out, (uint16_t)payload.n);
    om_buf_append_u8(out, (uint8_t)type);
    om_buf_append_u8(out, (uint8_t)flags);
    om_buf_append_u32be(out, stream);
    om_buf_append_str(out, payload);
}

// ":method: GET", ":scheme: http", ":path: /" from HPACK's static table, ":authority: localhost".
#define HEAD_BLOCK OM_STR("\x82\x86\x84\x01\x09localhost")

static void put_reset(struct om_buf *out, int i)
{
    uint32_t id = (uint32_t)(2 * i + 1);
    put_frame(out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id,
              HEAD_BLOCK);
    put_frame(out, NGHTTP2_RST_STREAM, 0, id, OM_STR("\0\0\0\x08"));
}

static void put_ping(struct om_buf *out, int i)
{
    (void)i;
    put_frame(out, NGHTTP2_PING, 0, 0, OM_STR("12345678"));
}

static void put_settings(struct om_buf *out, int i)
{
    (void)i;
    put_frame(out, NGHTTP2_SETTINGS, 0, 0, OM_STR(""));
}

static void put_empty_data(struct om_buf *out, int i)
{
    if (i == 0)
        put_frame(out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
                  OM_STR("\x83\x86\x04\x05/echo\x01\x09localhost"));
    put_frame(out, NGHTTP2_DATA, 0, 1, OM_STR(""));
}

static void put_continuation(struct om_buf *out, int i)
{
    put_frame(out, i == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION, 0, 1,
              i ? OM_STR("") : HEAD_BLOCK);
}

// Streams that the server has to reset, because their windows overflow.
static void put_bad_window(struct om_buf *out, int i)
{
    uint32_t id = (uint32_t)(2 * i + 1);
    put_frame(out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, HEAD_BLOCK);
    put_frame(out, NGHTTP2_WINDOW_UPDATE, 0, id, OM_STR("\x7f\xff\xff\xff"));
    put_frame(out, NGHTTP2_WINDOW_UPDATE, 0, id, OM_STR("\x7f\xff\xff\xff"));
}

static void put_unknown(struct om_buf *out, int i)
{
    (void)i;
    put_frame(out, NGHTTP2_PRIORITY, 0, 1, OM_STR("\0\0\0\0\x10"));
}

static const struct {
    const char *name;
    void (*put)(struct om_buf *out, int i);
    bool reads;  // whether the attacker takes what it is sent
} floods[] = {
    {"rapid reset", put_reset, true},         {"ping", put_ping, true},
    {"ping, unread", put_ping, false},        {"settings", put_settings, true},
    {"empty data", put_empty_data, true},     {"continuation", put_continuation, true},
    {"made you reset", put_bad_window, true}, {"priority", put_unknown, true},
};

static void test_floods(void)
{
    for (size_t f = 0; f < OM_ARRAY_LEN(floods); f++) {
        struct bench b;
        start(&b);
        om_auto_buf out, in;
        om_buf_init(&out, 1 << 20);
        om_buf_init(&in, 1 << 24);
        om_buf_append_text(&out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        put_frame(&out, NGHTTP2_SETTINGS, 0, 0, OM_STR(""));
        enum om_status status = om_http2_feed(b.http2, om_buf_str(&out));
        om_assert(status == OM_OK);
        int count = 0;
        for (; count < 5000 && status == OM_OK; count++) {
            om_buf_clear(&out);
            floods[f].put(&out, count);
            status = om_http2_feed(b.http2, om_buf_str(&out));
            om_buf_clear(&in);
            if (floods[f].reads)
                om_assert(om_http2_send(b.http2, &in, 1 << 20));
            drop_done(&b);
            if (om_http2_is_over(b.http2) || in.len == 0)
                status = om_http2_is_over(b.http2) ? OM_LIMIT : status;
        }
        if (status == OM_OK)
            fprintf(stderr, "flood \"%s\" was not noticed\n", floods[f].name);
        om_assert(status != OM_OK && count < 1500);
        stop(&b);
    }
}

static void test_bad_preface(void)
{
    struct bench b;
    start(&b);
    om_assert(om_http2_feed(b.http2, OM_STR("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")) == OM_INVALID);
    stop(&b);
    // A first frame that is no SETTINGS.
    om_auto_buf out, in;
    om_buf_init(&out, 1 << 10);
    om_buf_init(&in, 1 << 16);
    om_buf_append_text(&out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    put_frame(&out, NGHTTP2_PING, 0, 0, OM_STR("12345678"));
    start(&b);
    enum om_status status = om_http2_feed(b.http2, om_buf_str(&out));
    om_assert(om_http2_send(b.http2, &in, 1 << 16));
    om_assert(status != OM_OK || om_http2_is_over(b.http2));
    stop(&b);
}

// Time is given: a body that crawls is refused, a client that takes nothing is cut.
static void test_sweep(void)
{
    struct bench b;
    start(&b);
    struct om_http_opts opts = om_http_opts_default;
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    om_buf_append_text(&out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    put_frame(&out, NGHTTP2_SETTINGS, 0, 0, OM_STR("\0\x04\0\0\0\0"));  // a window of nothing
    put_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
              OM_STR("\x83\x86\x04\x05/echo\x01\x09localhost"));
    put_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3,
              HEAD_BLOCK);
    om_assert(om_http2_feed(b.http2, om_buf_str(&out)) == OM_OK);
    struct om_exchange *x = om_http2_take_ready(b.http2);
    om_assert(x && x->stream_id == 3);
    x->is_dispatched = true;
    om_exchange_reply(x, 200, "text/plain", OM_STR("nobody takes this"));
    om_http2_pump(b.http2, x);
    om_buf_clear(&out);
    om_assert(om_http2_send(b.http2, &out, 1 << 20));
    int64_t now_us = x->start_us;
    om_assert(om_http2_sweep(b.http2, &opts, now_us) && !om_http2_take_ready(b.http2));
    om_assert(om_http2_sweep(b.http2, &opts, now_us + 7000000));
    x = om_http2_take_ready(b.http2);
    om_assert(x && x->stream_id == 1 && x->refusal.status == 408);
    om_assert(!om_http2_sweep(b.http2, &opts, now_us + 25000000));
    stop(&b);
}

int main(void)
{
    struct bench b;
    start(&b);
    test_get(&b);
    test_post(&b);
    test_stream(&b);
    test_large_head(&b);
    stop(&b);
    test_floods();
    test_bad_preface();
    test_sweep();
    return 0;
}
