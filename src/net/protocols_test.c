// WebSocket, HTTP/2, TLS and attackers over real sockets; the parts alone are tested beside them.

#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/metric.h"
#include "base/time.h"
#include "net/http_fixture.h"
#include "net/tls_fixture.h"

static atomic_int closed_count;
static _Atomic(struct om_exchange *) kept;

static void say_hello(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_reply(x, 200, "text/plain", OM_STR("hello"));
}

static void echo(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_reply(x, 200, "text/plain", om_exchange_body(x));
}

static void on_stream_closed(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&closed_count, 1);
}

static void keep_stream(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_stream(x, 200, "text/event-stream", on_stream_closed, NULL);
    om_assert(om_exchange_write(x, OM_STR("data: first\n\n")) == OM_OK);
    om_assert(!atomic_exchange(&kept, om_exchange_ref(x)));
}

static void on_message(void *ctx, bool is_text, om_str data)
{
    if (om_str_equal(data, OM_STR("bye")))
        om_ws_close(ctx, 4000, "as you like");
    else
        om_assert(om_ws_send(ctx, is_text, data) == OM_OK);
}

static void on_ws_closed(void *ctx)
{
    struct om_exchange *x = ctx;
    om_assert(om_ws_send(x, true, OM_STR("too late")) == OM_END);
    om_exchange_unref(&x);
    atomic_fetch_add(&closed_count, 1);
}

static void open_ws(void *ctx, struct om_exchange *x)
{
    static const struct om_ws_ops ops = {.message = on_message, .closed = on_ws_closed};
    (void)ctx;
    om_ws_accept(x, &ops, om_exchange_ref(x), 1000);
}

static const struct om_route routes[] = {
    {"GET", "/hello", say_hello, "public", 0, 0, ""},
    {"POST", "/echo", echo, "control", 1 << 20, 0, ""},
    {"GET", "/stream", keep_stream, "read", 0, 0, ""},
    {"GET", "/ws", open_ws, "control", 0, OM_ROUTE_WEBSOCKET, ""},
    {0},
};

static void wait_closed(int count)
{
    for (int i = 0; i < 2000 && atomic_load(&closed_count) < count; i++)
        om_time_sleep_us(OM_MS);
    om_assert(atomic_load(&closed_count) == count);
}

static struct om_exchange *wait_kept(void)
{
    struct om_exchange *x;
    for (int i = 0; i < 2000 && !(x = atomic_exchange(&kept, NULL)); i++)
        om_time_sleep_us(OM_MS);
    om_assert(x);
    return x;
}

static void expect_served(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fd = dial(f);
    om_assert(send_text(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    om_assert(read_until(fd, &out, "\r\n\r\nhello", 2000));
    close(fd);
}

// ---- WebSocket ---------------------------------------------------------------------------------

static int dial_ws(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fd = dial(f);
    om_assert(send_text(fd, "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    om_assert(read_until(fd, &out, "\r\n\r\n", 1000));
    om_assert(om_str_starts_with(om_buf_str(&out), OM_STR("HTTP/1.1 101 ")));
    om_assert(om_str_find(om_buf_str(&out), OM_STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) > 0);
    return fd;
}

// Masked with zeros, which is as good as any mask.
static void send_frame(int fd, int first_byte, om_str data)
{
    om_auto_buf out;
    om_buf_init(&out, 200);
    om_buf_append_u8(&out, (uint8_t)first_byte);
    om_buf_append_u8(&out, (uint8_t)(0x80 | data.n));
    om_buf_append_u32be(&out, 0);
    om_buf_append_str(&out, data);
    om_assert(send_n(fd, out.data, out.len));
}

static void test_websocket(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    atomic_store(&closed_count, 0);
    int fd = dial_ws(f);
    send_frame(fd, 0x81, OM_STR("hello"));
    om_assert(read_until(fd, &out, "\x81\x05hello", 1000));
    send_frame(fd, 0x89, OM_STR("ping"));
    om_assert(read_until(fd, &out, "\x8a\x04ping", 1000));
    send_frame(fd, 0x81, OM_STR("bye"));
    om_assert(read_until(fd, &out,
                         "\x88\x0d\x0f\xa0"
                         "as you like",
                         1000));
    om_assert(atomic_load(&closed_count) == 0);
    send_frame(fd, 0x88, OM_STR("\x0f\xa0"));
    om_assert(read_until(fd, &out, NULL, 1000));
    wait_closed(1);
    close(fd);
    // One that just leaves.
    fd = dial_ws(f);
    close(fd);
    wait_closed(2);
    // A quiet one is asked whether it is there, and let go when it is not.
    fd = dial_ws(f);
    om_buf_clear(&out);
    om_assert(read_until(fd, &out, NULL, 3000));
    om_assert(om_str_starts_with(om_buf_str(&out), om_str_n("\x89\0", 2)));
    wait_closed(3);
    close(fd);
}

// ---- HTTP/2 ------------------------------------------------------------------------------------

static void put_frame(struct om_buf *out, int type, int flags, uint32_t stream, om_str payload)
{
    om_buf_append_u8(out, (uint8_t)(payload.n >> 16));
    om_buf_append_u16be(out, (uint16_t)payload.n);
    om_buf_append_u8(out, (uint8_t)type);
    om_buf_append_u8(out, (uint8_t)flags);
    om_buf_append_u32be(out, stream);
    om_buf_append_str(out, payload);
}

enum { FRAME_DATA, FRAME_HEADERS, FRAME_RST = 3, FRAME_SETTINGS };
enum { END_STREAM = 1, END_HEADERS = 4 };
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HEAD_GET(path) OM_STR("\x82\x86\x01\x09localhost\x04" path)

static void test_http2(const struct fixture *f)
{
    om_auto_buf in, out;
    om_buf_init(&in, 1 << 20);
    om_buf_init(&out, 1 << 20);
    atomic_store(&closed_count, 0);
    int fd = dial(f);
    om_buf_append_text(&in, PREFACE);
    put_frame(&in, FRAME_SETTINGS, 0, 0, OM_STR(""));
    put_frame(&in, FRAME_HEADERS, END_HEADERS | END_STREAM, 1, HEAD_GET("\x07/stream"));
    // Byte by byte over the preface: it is recognised only when it is whole.
    for (size_t i = 0; i < 30; i++)
        om_assert(send_n(fd, in.data + i, 1));
    om_assert(send_n(fd, in.data + 30, in.len - 30));
    om_assert(read_until(fd, &out, "data: first\n\n", 1000));
    struct om_exchange *x = wait_kept();
    // Another stream beside it is answered meanwhile.
    om_buf_clear(&in);
    put_frame(&in, FRAME_HEADERS, END_HEADERS | END_STREAM, 3, HEAD_GET("\x06/hello"));
    om_assert(send_n(fd, in.data, in.len));
    om_assert(read_until(fd, &out, "hello", 1000));
    om_assert(om_exchange_write(x, OM_STR("data: second\n\n")) == OM_OK);
    om_assert(read_until(fd, &out, "data: second\n\n", 1000));
    om_assert(atomic_load(&closed_count) == 0);
    close(fd);
    wait_closed(1);
    om_assert(om_exchange_write(x, OM_STR("more")) == OM_END);
    om_exchange_unref(&x);
    // One that asks for nothing is let go.
    om_buf_clear(&in);
    om_buf_append_text(&in, PREFACE);
    put_frame(&in, FRAME_SETTINGS, 0, 0, OM_STR(""));
    fd = dial(f);
    om_assert(send_n(fd, in.data, in.len));
    om_assert(read_until(fd, &out, NULL, 3000));
    close(fd);
}

// Rapid reset: the attacker is cut, others are served meanwhile.
static void test_rapid_reset(const struct fixture *f)
{
    om_auto_buf in, out;
    om_buf_init(&in, 1 << 20);
    om_buf_init(&out, 1 << 20);
    int fd = dial(f);
    om_buf_append_text(&in, PREFACE);
    put_frame(&in, FRAME_SETTINGS, 0, 0, OM_STR(""));
    for (uint32_t i = 0; i < 10000; i++) {
        put_frame(&in, FRAME_HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, HEAD_GET("\x06/hello"));
        put_frame(&in, FRAME_RST, 0, 2 * i + 1, OM_STR("\0\0\0\x08"));
    }
    (void)send_n(fd, in.data, in.len);
    expect_served(f);
    om_assert(read_until(fd, &out, NULL, 2000));
    close(fd);
}

// ---- TLS ---------------------------------------------------------------------------------------

static void test_tls(void)
{
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    char cert[64], key[64];
    make_key_and_cert(key, cert);
    opts.tls_cert = cert;
    opts.tls_key = key;
    start(&f, routes, &opts);
    om_assert(unlink(cert) == 0 && unlink(key) == 0);
    om_assert(strncmp(om_http_server_url(f.server), "https://127.0.0.1:", 18) == 0);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = dial(&f);
    SSL_set_fd(ssl, fd);
    om_assert(SSL_connect(ssl) == 1);
    static const char request[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[4096];
    for (int i = 0; i < 3; i++) {
        om_assert(SSL_write(ssl, request, sizeof(request) - 1) > 0);
        int n = SSL_read(ssl, answer, sizeof(answer));
        om_assert(n > 5 && memcmp(answer + n - 5, "hello", 5) == 0);
    }
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
    // A browser at http:// is told; one that says nothing is let go.
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    fd = dial(&f);
    om_assert(send_text(fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    om_assert(read_until(fd, &out, "use https://", 1000));
    close(fd);
    fd = dial(&f);
    om_assert(read_until(fd, &out, NULL, 2000));
    close(fd);
    stop(&f);
}

// ---- attackers ---------------------------------------------------------------------------------

// A body that crawls (R.U.D.Y.).
static void test_slow_body(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fd = dial(f);
    om_assert(
        send_text(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"));
    int64_t start_us = om_time_mono_us();
    while (om_time_mono_us() - start_us < 3 * OM_SECOND && send_text(fd, "a") &&
           !read_until(fd, &out, "HTTP/1.1 408", 20))
        ;
    om_assert(om_str_find(om_buf_str(&out), OM_STR("HTTP/1.1 408")) == 0);
    close(fd);
}

// 200 clients that send one byte and wait: all are cut in time, and others are served meanwhile.
static void test_slowloris(const struct fixture *f)
{
    enum { COUNT = 200 };
    int fds[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fds[i] = dial(f);
        om_assert(send_text(fds[i], "G"));
    }
    expect_served(f);
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int64_t start_us = om_time_mono_us();
    for (int i = 0; i < COUNT; i++) {
        om_assert(read_until(fds[i], &out, NULL, 2000));
        close(fds[i]);
    }
    om_assert(om_time_mono_us() - start_us < 2 * OM_SECOND);
}

// The last descriptor goes to a client: it is told 503, and the server lives on.
static void test_no_descriptors(void)
{
    enum { COUNT_MAX = 64 };
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    start(&f, routes, &opts);
    int taken[COUNT_MAX], count = 0;
    struct rlimit old, low;
    om_assert(getrlimit(RLIMIT_NOFILE, &old) == 0);
    int highest = dup(0);
    om_assert(highest >= 0);
    close(highest);
    low = old;
    low.rlim_cur = (rlim_t)highest + 20;
    om_assert(setrlimit(RLIMIT_NOFILE, &low) == 0);
    while (count < COUNT_MAX && (taken[count] = dup(0)) >= 0)
        count++;
    om_assert(count > 1);
    close(taken[--count]);
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fd = dial(&f);
    om_assert(read_until(fd, &out, "HTTP/1.1 503 ", 2000));
    close(fd);
    while (count > 0)
        close(taken[--count]);
    om_assert(setrlimit(RLIMIT_NOFILE, &old) == 0);
    expect_served(&f);
    stop(&f);
}

static void test_metrics(void)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    om_metric_render(&out);
    static const char *const wanted[] = {
        "omma_http_connections_total ",
        "omma_http_responses_total{class=\"2xx\"} ",
        "omma_http_refused_total{reason=\"slow\"} ",
        "omma_http_refused_total{reason=\"flood\"} ",
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(wanted); i++) {
        ptrdiff_t at = om_str_find(om_buf_str(&out), om_str_from(wanted[i]));
        om_assert(at > 0 && out.data[(size_t)at + strlen(wanted[i])] != '0');
    }
}

int main(void)
{
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    start(&f, routes, &opts);
    test_websocket(&f);
    test_http2(&f);
    test_rapid_reset(&f);
    test_slow_body(&f);
    test_slowloris(&f);
    test_metrics();
    stop(&f);
    test_no_descriptors();
    test_tls();
    return 0;
}
