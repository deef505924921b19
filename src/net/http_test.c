// The server over real sockets on loopback: requests, answers, streams, limits and attackers.

#include "net/http_fixture.h"

#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"

// ---- a server in a thread ----------------------------------------------------------------------

static atomic_int streams_closed;
static _Atomic(struct om_exchange *) kept;  // what /later and /stream left for other threads

static void say_hello(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_reply(x, 200, "text/plain", OM_STR("hello"));
}

static void echo(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_set_header(x, "X-Path", "a\r\nb");  // must not become two lines
    om_exchange_reply(x, 200, "application/octet-stream", om_exchange_body(x));
}

static void show(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_str name = OM_STR("none");
    (void)om_exchange_query(x, "name", &name);
    om_auto_buf body;
    om_buf_init(&body, 4096);
    om_str id = om_exchange_param(x, "id"), path = om_exchange_path(x);
    om_buf_printf(&body, "id=%.*s name=%.*s path=%.*s", OM_STR_ARG(id), OM_STR_ARG(name),
                  OM_STR_ARG(path));
    om_exchange_reply(x, 200, "text/plain", om_buf_str(&body));
}

static void keep(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_assert(!atomic_exchange(&kept, om_exchange_ref(x)));
}

static void on_stream_closed(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void keep_stream(void *ctx, struct om_exchange *x)
{
    om_exchange_stream(x, 200, "text/event-stream", on_stream_closed, &streams_closed);
    keep(ctx, x);
}

static const char page[] = "<!doctype html><title>page</title>";

static void send_page(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_asset(x, "text/html", OM_STR(page), OM_STR("not really gzip"), "v1");
}

static char *large;
enum { LARGE_BYTES = 8 << 20 };

static void send_large(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_asset(x, "video/mp4", om_str_n(large, LARGE_BYTES), OM_STR(""), "large");
}

static void fail(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    struct om_error err;
    om_error_set(&err, OM_NOT_FOUND, "camera \"%s\" is not known", "gate");
    om_error_hint(&err, "GET /api/v1/cameras lists those that are");
    om_exchange_fail(x, &err);
}

static void forget(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    (void)x;
}

static const struct om_route routes[] = {
    {"GET", "/hello", say_hello, "public", 0, 0, ""},
    {"GET", "/blocking", say_hello, "public", 0, OM_ROUTE_BLOCKING, ""},
    {"POST", "/echo", echo, "control", 1 << 20, 0, ""},
    {"POST", "/none", echo, "control", 0, 0, ""},
    {"GET", "/cameras/{id}/show", show, "read", 0, 0, ""},
    {"GET", "/later", keep, "read", 0, 0, ""},
    {"GET", "/stream", keep_stream, "read", 0, 0, ""},
    {"GET", "/", send_page, "public", 0, 0, ""},
    {"GET", "/large", send_large, "public", 0, 0, ""},
    {"GET", "/fail", fail, "public", 0, 0, ""},
    {"GET", "/forget", forget, "public", 0, 0, ""},
    {"GET", "/forget-blocking", forget, "public", 0, OM_ROUTE_BLOCKING, ""},
    {0},
};

// Sends a request with "Connection: close" semantics of its own and returns all that came back.
static void ask(const struct fixture *f, const char *request, struct om_buf *out)
{
    int fd = dial(f);
    om_buf_clear(out);
    (void)send_text(fd, request);
    (void)read_until(fd, out, NULL, 2000);
    close(fd);
}

static bool has(const struct om_buf *buf, const char *text)
{
    return om_str_find(om_buf_str(buf), om_str_from(text)) >= 0;
}

#define expect_has(buf, text)                                                                      \
    (has((buf), (text)) ? (void)0                                                                  \
                        : (fprintf(stderr, "no \"%s\" in:\n%s\n", (text), om_buf_text(buf)),       \
                           om_assert_failed("has", __FILE__, __LINE__)))

// ---- tests -------------------------------------------------------------------------------------

static const struct {
    const char *request;
    const char *status;   // how the answer starts
    const char *expects;  // what it holds
} cases[] = {
    {"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "\r\n\r\nhello"},
    {"GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Connection: close\r\n"},
    {"GET /blocking HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200",
     "hello"},
    {"GET /hello HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n", "HTTP/1.1 200",
     "X-Content-Type-Options: nosniff\r\n"},
    {"GET http://localhost/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200",
     "Cache-Control: no-store\r\n"},
    {"HEAD /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 200",
     "Content-Length: 5\r\n"},
    {"GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: my-id.1\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 200", "X-Request-Id: my-id.1\r\n"},
    {"GET /cameras/a%20b/show?x=1&name=K%C3%B6ln+1 HTTP/1.1\r\nHost: localhost\r\n"
     "Connection: close\r\n\r\n",
     "HTTP/1.1 200", "id=a b name=K\xc3\xb6ln 1 path=/cameras/a b/show"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
     "HTTP/1.1 200", "X-Path: a  b\r\n"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
     "Connection: close\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nTrailer: 1\r\n\r\n",
     "HTTP/1.1 200", "\r\n\r\nabc"},
    {"POST /echo HTTP/1.1\r\nHost: localhost:80\r\nOrigin: http://localhost\r\n"
     "Content-Length: 1\r\nConnection: close\r\n\r\nx",
     "HTTP/1.1 200", "\r\n\r\nx"},
    {"GET /forget HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 500",
     "not answered"},
    {"GET /forget-blocking HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 500", "not answered"},
    {"GET /fail HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 404",
     "\"hint\":\"GET /api/v1/cameras lists those that are\""},
    // Refused.
    {"GET /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 400", "exactly once"},
    {"GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 400", "exactly once"},
    {"GET /hello HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "HTTP/1.1 421",
     "application/problem+json"},
    {"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 404",
     "\"request_id\":"},
    {"PUT /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 405",
     "Allow: GET, HEAD\r\n"},
    {"GET /cameras/a%00b/show HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 400", "percent-encoded"},
    {"GET /cameras/%2e%2e/show HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 400", "malformed"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
     "Content-Length: 1\r\n\r\nx",
     "HTTP/1.1 403", "another origin"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n"
     "Content-Length: 1\r\n\r\nx",
     "HTTP/1.1 403", "another origin"},
    {"POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 413",
     "larger"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413",
     "Connection: close\r\n"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nExpect: 200-ok\r\n\r\nx",
     "HTTP/1.1 417", "Expect"},
    {"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405", "no proxy"},
    // Smuggling: whatever two parsers could read in two ways.
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400", "Connection: close\r\n"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
     "Content-Length: 1\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400", "Connection: close\r\n"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
     "HTTP/1.1 400", "Connection: close\r\n"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\na", "HTTP/1.1 400", ""},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400", ""},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400", ""},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400", ""},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400", ""},
    {"POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400", ""},
    {"GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 400", ""},
    {"GET /hello HTTP/1.1\r\nHost : localhost\r\n\r\n", "HTTP/1.1 400", ""},
    {"GET /hello HTTP/1.1\nHost: localhost\n\n", "HTTP/1.1 400", ""},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
     "fffffffffffffffff\r\n",
     "HTTP/1.1 400", ""},
    {"nonsense\r\n\r\n", "HTTP/1.1 400", "HTTP/1.1"},
    {"GET /hello HTTP/3.0\r\nHost: localhost\r\n\r\n", "HTTP/1.1 400", ""},
};

static void test_requests(void)
{
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    start(&f, routes, &opts);
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        ask(&f, cases[i].request, &out);
        bool is_fine = om_str_starts_with(om_buf_str(&out), om_str_from(cases[i].status)) &&
                       has(&out, cases[i].expects);
        if (!is_fine)
            fprintf(stderr, "case %zu:\n%s\nanswered:\n%s\n", i, cases[i].request,
                    om_buf_text(&out));
        om_assert(is_fine);
    }
    stop(&f);
}

static int count_of(const struct om_buf *buf, const char *text)
{
    int count = 0;
    om_str rest = om_buf_str(buf), part = om_str_from(text);
    for (ptrdiff_t at; (at = om_str_find(rest, part)) >= 0; count++)
        rest = om_str_sub(rest, (size_t)at + part.n, rest.n);
    return count;
}

// Three requests in one packet are answered in order on one connection; the fourth, split over
// three packets, too.
static void test_keep_alive(const struct fixture *f)
{
    static const char request[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    om_auto_buf out, sent;
    om_buf_init(&out, 1 << 20);
    om_buf_init(&sent, 1 << 20);
    for (int i = 0; i < 3; i++)
        om_buf_append_text(&sent, request);
    om_buf_append(&sent, request, 10);
    int fd = dial(f);
    om_assert(send_text(fd, om_buf_text(&sent)));
    (void)read_until(fd, &out, "never", 50);
    om_assert(count_of(&out, "\r\n\r\nhello") == 3);
    om_assert(send_n(fd, request + 10, 5));
    om_time_sleep_us(10 * OM_MS);
    om_assert(send_text(fd, request + 15));
    (void)read_until(fd, &out, "never", 50);
    om_assert(count_of(&out, "\r\n\r\nhello") == 4);
    close(fd);
}

static void test_expect_continue(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fd = dial(f);
    om_assert(send_text(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                            "Expect: 100-continue\r\n\r\n"));
    om_assert(read_until(fd, &out, "HTTP/1.1 100 Continue\r\n\r\n", 1000));
    om_assert(send_text(fd, "body"));
    om_assert(read_until(fd, &out, "\r\n\r\nbody", 1000));
    close(fd);
}

// 10,000 chunks of one byte: all arrive; and the attack of a body of tiny chunks that never ends is
// cut at the bound of the route.
static void test_tiny_chunks(const struct fixture *f)
{
    om_auto_buf sent, out;
    om_buf_init(&sent, 64 << 20);
    om_buf_init(&out, 16 << 20);
    static const char head[] = "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    om_buf_append_text(&sent, head);
    for (int i = 0; i < 10000; i++)
        om_buf_append_text(&sent, "1\r\nx\r\n");
    om_buf_append_text(&sent, "0\r\n\r\n");
    ask(f, om_buf_text(&sent), &out);
    expect_has(&out, "Content-Length: 10000\r\n");
    om_buf_clear(&sent);
    om_buf_append_text(&sent, head);
    for (int i = 0; i < (1 << 20) + 100; i++)
        om_buf_append_text(&sent, "1\r\nx\r\n");
    ask(f, om_buf_text(&sent), &out);
    expect_has(&out, "HTTP/1.1 413 ");
    om_buf_clear(&sent);
    om_buf_append_text(&sent, head);
    for (int i = 0; i < 1000; i++)
        om_buf_append_text(&sent, "1;extension=long\r\nx\r\n");
    ask(f, om_buf_text(&sent), &out);
    expect_has(&out, "HTTP/1.1 431 ");
}

static void test_large_heads(const struct fixture *f)
{
    om_auto_buf sent, out;
    om_buf_init(&sent, 1 << 20);
    om_buf_init(&out, 1 << 20);
    om_buf_append_text(&sent, "GET /");
    for (int i = 0; i < 9000; i++)
        om_buf_append_char(&sent, 'a');
    ask(f, om_buf_text(&sent), &out);
    expect_has(&out, "HTTP/1.1 414 ");
    om_buf_clear(&sent);
    om_buf_append_text(&sent, "GET /hello HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 101; i++)
        om_buf_append_text(&sent, "A: b\r\n");
    ask(f, om_buf_text(&sent), &out);
    expect_has(&out, "HTTP/1.1 431 ");
    om_buf_clear(&sent);
    om_buf_append_text(&sent, "GET /hello HTTP/1.1\r\nHost: localhost\r\nA: ");
    for (int i = 0; i < 17 * 1024; i++)
        om_buf_append_char(&sent, 'b');
    ask(f, om_buf_text(&sent), &out);
    expect_has(&out, "HTTP/1.1 431 ");
}

static struct om_exchange *wait_kept(void)
{
    struct om_exchange *x;
    for (int i = 0; i < 2000 && !(x = atomic_exchange(&kept, NULL)); i++)
        om_time_sleep_us(OM_MS);
    om_assert(x);
    return x;
}

static void test_answer_from_another_thread(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fd = dial(f);
    om_assert(send_text(fd, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    struct om_exchange *x = wait_kept();
    om_exchange_reply(x, 201, "text/plain", OM_STR("later"));
    om_exchange_unref(&x);
    om_assert(read_until(fd, &out, "\r\n\r\nlater", 1000));
    expect_has(&out, "HTTP/1.1 201 Created\r\n");
    // The client leaves first: the answer goes nowhere, and nobody minds.
    om_assert(send_text(fd, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    x = wait_kept();
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    om_time_sleep_us(20 * OM_MS);
    om_exchange_reply(x, 200, "text/plain", OM_STR("too late"));
    om_exchange_unref(&x);
}

// A client may close its side and wait for the answer.
static void test_half_closed(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fd = dial(f);
    om_assert(send_text(fd, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    om_assert(shutdown(fd, SHUT_WR) == 0);
    struct om_exchange *x = wait_kept();
    om_time_sleep_us(20 * OM_MS);
    om_exchange_reply(x, 200, "text/plain", OM_STR("for you"));
    om_exchange_unref(&x);
    om_assert(read_until(fd, &out, NULL, 1000));
    om_assert(om_str_ends_with(om_buf_str(&out), OM_STR("for you")));
    close(fd);
}

static void wait_closed(int count)
{
    for (int i = 0; i < 2000 && atomic_load(&streams_closed) < count; i++)
        om_time_sleep_us(OM_MS);
    om_assert(atomic_load(&streams_closed) == count);
}

static void test_stream(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    atomic_store(&streams_closed, 0);
    int fd = dial(f);
    om_assert(send_text(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    struct om_exchange *x = wait_kept();
    om_assert(om_exchange_write(x, OM_STR("data: 1\n\n")) == OM_OK);
    om_assert(read_until(fd, &out, "9\r\ndata: 1\n\n\r\n", 1000));
    expect_has(&out, "Transfer-Encoding: chunked\r\n");
    // Longer than every time limit there is: a stream that is quiet is no stream that stalls.
    om_time_sleep_us(700 * OM_MS);
    om_assert(om_exchange_write(x, OM_STR("data: 2\n\n")) == OM_OK);
    om_exchange_end(x);
    om_assert(read_until(fd, &out, "9\r\ndata: 2\n\n\r\n0\r\n\r\n", 1000));
    wait_closed(1);
    om_assert(om_exchange_write(x, OM_STR("more")) == OM_END);
    om_exchange_unref(&x);
    // The connection goes on; the next stream ends when the client leaves.
    om_assert(send_text(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    x = wait_kept();
    close(fd);
    wait_closed(2);
    om_assert(om_exchange_write(x, OM_STR("more")) == OM_END);
    om_exchange_unref(&x);
}

// A client that reads nothing: the budget is hit, nothing grows, and after the stall time it is
// cut.
static void test_stream_budget(const struct fixture *f)
{
    atomic_store(&streams_closed, 0);
    int fd = dial(f);
    om_assert(send_text(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    struct om_exchange *x = wait_kept();
    om_auto_free char *block = om_alloc(100000, 1);
    enum om_status status = OM_OK;
    for (int i = 0; i < 1000 && status == OM_OK; i++) {
        status = om_exchange_write(x, om_str_n(block, 100000));
        om_time_sleep_us(100);
    }
    om_assert(status == OM_LIMIT);
    om_assert(om_exchange_unsent(x) <= om_http_opts_default.write_budget_bytes);
    wait_closed(1);
    om_assert(om_exchange_write(x, OM_STR("x")) == OM_END);
    om_exchange_unref(&x);
    close(fd);
}

static void test_asset(const struct fixture *f)
{
    static const struct {
        const char *headers, *status, *expects;
    } asks[] = {
        {"", "HTTP/1.1 200", "ETag: \"v1\"\r\n"},
        {"Accept-Encoding: br, gzip\r\n", "HTTP/1.1 200", "Content-Encoding: gzip\r\n"},
        {"Accept-Encoding: gzip;q=0\r\n", "HTTP/1.1 200", "<!doctype html>"},
        {"If-None-Match: \"v1\"\r\n", "HTTP/1.1 304", "ETag: \"v1\"\r\n"},
        {"If-None-Match: W/\"v1-gzip\"\r\nAccept-Encoding: gzip\r\n", "HTTP/1.1 304",
         "Vary: Accept-Encoding\r\n"},
        {"Range: bytes=1-8\r\n", "HTTP/1.1 206", "Content-Range: bytes 1-8/34\r\n"},
        {"Range: bytes=-7\r\n", "HTTP/1.1 206", "\r\n\r\n/title>"},
        {"Range: bytes=99-\r\n", "HTTP/1.1 416", "Content-Range: bytes */34\r\n"},
        {"Range: bytes=1-8\r\nIf-Range: \"v0\"\r\n", "HTTP/1.1 200", "Content-Length: 34\r\n"},
    };
    om_auto_buf out, request;
    om_buf_init(&out, 1 << 24);
    om_buf_init(&request, 4096);
    for (size_t i = 0; i < OM_ARRAY_LEN(asks); i++) {
        om_buf_clear(&request);
        om_buf_printf(&request, "GET / HTTP/1.1\r\nHost: localhost\r\n%sConnection: close\r\n\r\n",
                      asks[i].headers);
        ask(f, om_buf_text(&request), &out);
        om_assert(om_str_starts_with(om_buf_str(&out), om_str_from(asks[i].status)));
        expect_has(&out, asks[i].expects);
    }
    ask(f, "GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", &out);
    om_assert(out.len > LARGE_BYTES);
}

// ---- slow clients and too many of them ---------------------------------------------------------

static void test_slow_header(const struct fixture *f)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fd = dial(f);
    int64_t start_us = om_time_mono_us();
    om_assert(send_text(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: "));
    while (om_time_mono_us() - start_us < 2 * OM_SECOND && send_text(fd, "a") &&
           !read_until(fd, &out, "HTTP/1.1 408", 20))
        ;
    expect_has(&out, "HTTP/1.1 408 ");
    om_assert(om_time_mono_us() - start_us < OM_SECOND);
    close(fd);
    // One that says nothing at all is let go without a word, and so is one between two requests.
    fd = dial(f);
    om_buf_clear(&out);
    om_assert(read_until(fd, &out, NULL, 2000) && out.len == 0);
    close(fd);
    fd = dial(f);
    om_assert(send_text(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    om_assert(read_until(fd, &out, NULL, 2000));
    om_assert(om_str_ends_with(om_buf_str(&out), OM_STR("hello")));
    close(fd);
}

static void test_connection_limits(void)
{
    enum { MAX = 5 };
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    opts.connections_max = MAX;
    start(&f, routes, &opts);
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int fds[MAX];
    for (int i = 0; i < MAX; i++) {
        fds[i] = dial(&f);
        om_assert(send_text(fds[i], "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        om_buf_clear(&out);
        om_assert(read_until(fds[i], &out, "hello", 1000));
    }
    ask(&f, "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", &out);
    expect_has(&out, "HTTP/1.1 503 ");
    close(fds[0]);
    om_time_sleep_us(20 * OM_MS);
    ask(&f, "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", &out);
    expect_has(&out, "HTTP/1.1 200 ");
    for (int i = 1; i < MAX; i++)
        close(fds[i]);
    stop(&f);
}

// ---- start and end -----------------------------------------------------------------------------

static void test_listen(void)
{
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    struct om_error err;
    start(&f, routes, &opts);
    char taken[32];
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", f.port);
    struct om_http_opts other = opts;
    other.listen = taken;
    om_assert(!om_http_server_create(f.loop, f.workers, routes, NULL, &other, false, &err));
    om_assert(err.status == OM_EXISTS && err.hint[0]);
    other.listen = "0.0.0.0:0";
    om_assert(!om_http_server_create(f.loop, f.workers, routes, NULL, &other, false, &err));
    om_assert(err.status == OM_REFUSED && strstr(err.hint, "ssh -L"));
    other.listen = "nonsense";
    om_assert(!om_http_server_create(f.loop, f.workers, routes, NULL, &other, false, &err));
    om_assert(err.status == OM_INVALID && err.hint[0]);
    stop(&f);
}

struct drain {
    struct fixture *f;
    struct om_loop_task task;
    atomic_bool is_drained;
};

static void on_drained(void *ctx)
{
    struct drain *drain = ctx;
    atomic_store(&drain->is_drained, true);
}

static void do_drain(void *ctx)
{
    struct drain *drain = ctx;
    om_http_server_drain(drain->f->server, OM_SECOND, on_drained, drain);
}

// An answer under way is finished, an idle connection closed, a new one refused.
static void test_drain(void)
{
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    start(&f, routes, &opts);
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    int idle = dial(&f), busy = dial(&f);
    om_assert(send_text(idle, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    om_assert(read_until(idle, &out, "hello", 1000));
    om_assert(send_text(busy, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    struct om_exchange *x = wait_kept();
    struct drain drain = {.f = &f};
    drain.task = (struct om_loop_task)OM_LOOP_TASK(do_drain, &drain);
    om_loop_post(f.loop, &drain.task);
    om_assert(read_until(idle, &out, NULL, 1000));
    om_assert(!atomic_load(&drain.is_drained));
    om_exchange_reply(x, 200, "text/plain", OM_STR("in time"));
    om_exchange_unref(&x);
    om_assert(read_until(busy, &out, "in time", 1000) && read_until(busy, &out, NULL, 1000));
    close(idle);
    close(busy);
    for (int i = 0; i < 2000 && !atomic_load(&drain.is_drained); i++)
        om_time_sleep_us(OM_MS);
    om_assert(atomic_load(&drain.is_drained));
    stop(&f);
}

// An exchange that is held beyond the server's end.
static void test_outlives_server(void)
{
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    start(&f, routes, &opts);
    atomic_store(&streams_closed, 0);
    int fd = dial(&f);
    om_assert(send_text(fd, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    struct om_exchange *x = wait_kept();
    stop(&f);
    om_exchange_stream(x, 200, "text/plain", on_stream_closed, &streams_closed);
    om_assert(atomic_load(&streams_closed) == 1);
    om_assert(om_exchange_write(x, OM_STR("x")) == OM_END);
    om_exchange_end(x);
    om_exchange_unref(&x);
    close(fd);
}

// ---- memory ------------------------------------------------------------------------------------

static uint64_t allocs_for(int fd, int count)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    om_assert(om_buf_reserve(&out, 70000));
    uint64_t before = om_mem_alloc_count();
    for (int i = 0; i < count; i++) {
        om_assert(send_text(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        om_assert(read_until(fd, &out, "hello", 1000));
        om_buf_clear(&out);
    }
    return om_mem_alloc_count() - before;
}

// What a request costs does not depend on how many came before.
static void test_steady(const struct fixture *f)
{
    int fd = dial(f);
    (void)allocs_for(fd, 10);
    uint64_t first = allocs_for(fd, 200), second = allocs_for(fd, 200);
    om_assert(second <= first && second < (uint64_t)200 * 20);
    close(fd);
}

// Live video: once the buffers are as large as they must be, a write allocates nothing.
static void test_steady_stream(const struct fixture *f)
{
    enum { BLOCK = 20000 };
    static char block[BLOCK], got[65536];
    int fd = dial(f);
    om_assert(send_text(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    struct om_exchange *x = wait_kept();
    uint64_t allocs = 0;
    size_t due = 0;
    for (int i = 0; i < 400; i++) {
        if (i == 200)
            allocs = om_mem_alloc_count();
        om_assert(om_exchange_write(x, om_str_n(block, BLOCK)) == OM_OK);
        due += BLOCK;
        while (due >= sizeof(got)) {
            ssize_t n = recv(fd, got, sizeof(got), 0);
            om_assert(n > 0);
            due -= (size_t)n;
        }
    }
    // A late loop may still make them a size larger; one for each of 200 writes would be seen.
    om_assert(om_mem_alloc_count() - allocs <= 8);
    close(fd);
    om_exchange_unref(&x);
}

int main(void)
{
    large = om_alloc(LARGE_BYTES, 1);
    test_requests();
    struct fixture f;
    struct om_http_opts opts = quick_opts();
    start(&f, routes, &opts);
    test_keep_alive(&f);
    test_expect_continue(&f);
    test_tiny_chunks(&f);
    test_large_heads(&f);
    test_answer_from_another_thread(&f);
    test_half_closed(&f);
    test_stream(&f);
    test_stream_budget(&f);
    test_asset(&f);
    test_slow_header(&f);
    test_steady(&f);
    test_steady_stream(&f);
    stop(&f);
    test_connection_limits();
    test_listen();
    test_drain();
    test_outlives_server();
    om_free(large);
    return 0;
}
