// Answers: from a status and a body to bytes for the wire (HTTP/1.1) or to header lines and a body
// that HTTP/2 frames later.

#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/json.h"
#include "base/time.h"
#include "net/asset.h"
#include "net/exchange_int.h"
#include "net/ws.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *om_http_reason(int status)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return status < 400 ? "Done" : "Error";
}

// ---- header lines ------------------------------------------------------------------------------

static bool is_name_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
}

// Values may come from elsewhere: what could end the line becomes a blank.
static void line_add(struct om_buf *lines, const char *name, om_str value)
{
    for (const char *c = name; *c; c++)
        om_assert(is_name_char(*c));
    om_buf_append_text(lines, name);
    om_buf_append(lines, ": ", 2);
    size_t from = lines->len;
    om_buf_append_str(lines, value);
    for (size_t i = from; i < lines->len; i++)
        if ((uint8_t)lines->data[i] < ' ' || lines->data[i] == 0x7f)
            lines->data[i] = ' ';
    om_buf_append(lines, "\r\n", 2);
}

static bool has_line(const struct om_buf *lines, const char *name)
{
    om_str rest = om_buf_str(lines), line;
    size_t n = strlen(name);
    while (om_str_split(&rest, '\n', &line))
        if (line.n > n && line.p[n] == ':' &&
            om_str_equal_nocase(om_str_sub(line, 0, n), om_str_n(name, n)))
            return true;
    return false;
}

static void line_default(struct om_buf *lines, const char *name, const char *value)
{
    if (!has_line(lines, name))
        line_add(lines, name, om_str_from(value));
}

void om_exchange_set_header(struct om_exchange *x, const char *name, const char *value)
{
    om_with_lock(&x->lock);
    if (x->state == OM_EXCHANGE_OPEN)
        line_add(&x->lines, name, om_str_from(value));
}

void om_exchange_set_trailer(struct om_exchange *x, const char *name, const char *value)
{
    om_with_lock(&x->lock);
    if (x->state == OM_EXCHANGE_STREAMING)
        line_add(&x->trailers, name, om_str_from(value));
}

static const char *date_now(void)
{
    static _Thread_local int64_t second = -1;
    static _Thread_local char text[OM_HTTP_DATE_SIZE];
    int64_t now_us = om_time_wall_us();
    if (now_us / OM_SECOND != second) {
        second = now_us / OM_SECOND;
        om_http_date(now_us, text);
    }
    return text;
}

// A length that is not known, or must not be said.
#define NO_LENGTH SIZE_MAX

static void complete_lines(struct om_exchange *x, const char *content_type, size_t content_length)
{
    struct om_buf *lines = &x->lines;
    line_add(lines, "Date", om_str_from(date_now()));
    if (content_type)
        line_add(lines, "Content-Type", om_str_from(content_type));
    if (content_length != NO_LENGTH)
        om_buf_printf(lines, "Content-Length: %zu\r\n", content_length);
    line_default(lines, "Cache-Control", "no-store");
    line_default(lines, "X-Content-Type-Options", "nosniff");
    line_default(lines, "Referrer-Policy", "no-referrer");
    line_default(lines, "Cross-Origin-Resource-Policy", "same-origin");
    line_add(lines, "X-Request-Id", om_str_from(x->request_id));
}

// The header is complete: HTTP/1.1 puts it on the wire, HTTP/2 reads the lines when it submits.
// `x->lock` is held and the state still OPEN.
static void put_head(struct om_exchange *x, int status, const char *content_type,
                     size_t content_length)
{
    om_mutex_assert_held(&x->lock);
    om_assert(x->state == OM_EXCHANGE_OPEN);
    x->status = status;
    complete_lines(x, content_type, content_length);
    if (x->is_h2)
        return;
    struct om_buf *out = &x->out.buf;
    om_buf_printf(out, "HTTP/1.1 %d %s\r\n", status, om_http_reason(status));
    om_buf_append_str(out, om_buf_str(&x->lines));
    if (x->is_chunked)
        om_buf_append_text(out, "Transfer-Encoding: chunked\r\n");
    if (status != 101 && !x->keeps_alive)
        om_buf_append_text(out, "Connection: close\r\n");
    else if (x->request.version == 10)
        om_buf_append_text(out, "Connection: keep-alive\r\n");
    om_buf_append_text(out, "\r\n");
    om_buf_finish(&x->lines);
}

static bool may_answer(const struct om_exchange *x)
{
    om_mutex_assert_held(&x->lock);
    // Answering twice is a bug of the handler's; a client that left is not.
    om_assert(x->state == OM_EXCHANGE_OPEN || x->state == OM_EXCHANGE_GONE);
    return x->state == OM_EXCHANGE_OPEN;
}

// The answer is whole; with x->lock held.
static void complete(struct om_exchange *x)
{
    x->state = OM_EXCHANGE_COMPLETE;
    om_exchange_notify(x);
}

static void count_unsent(struct om_exchange *x, size_t before)
{
    atomic_fetch_add(&x->flow->unsent, om_queue_len(&x->out) - before);
}

void om_exchange_reply(struct om_exchange *x, int status, const char *content_type, om_str body)
{
    om_with_lock(&x->lock);
    if (!may_answer(x))
        return;
    bool is_bodiless = status == 204 || status == 304;
    put_head(x, status, is_bodiless ? NULL : content_type, is_bodiless ? NO_LENGTH : body.n);
    if (!is_bodiless && !om_request_is_head(&x->request)) {
        om_buf_append_str(&x->out.buf, body);
        x->body_sent = body.n;
    }
    count_unsent(x, 0);
    complete(x);
}

// ---- problems ----------------------------------------------------------------------------------

static void problem_type(int status, char *type, size_t size)
{
    snprintf(type, size, "urn:omma:problem:%s", om_http_reason(status));
    for (char *c = type; *c; c++)
        *c = *c == ' ' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
}

void om_exchange_problem(struct om_exchange *x, int status, const char *detail, const char *hint)
{
    char type[80];
    problem_type(status, type, sizeof(type));
    om_auto_buf body;
    om_buf_init(&body, 16 * 1024);
    struct om_json_writer w;
    om_json_begin(&w, &body);
    om_json_object(&w);
    om_json_kv_text(&w, "type", type);
    om_json_kv_text(&w, "title", om_http_reason(status));
    om_json_kv_int(&w, "status", status);
    om_json_kv_text(&w, "detail", detail);
    if (hint && hint[0])
        om_json_kv_text(&w, "hint", hint);
    om_json_kv_text(&w, "request_id", x->request_id);
    om_json_object_end(&w);
    om_exchange_reply(x, status, "application/problem+json", om_buf_str(&body));
}

void om_exchange_fail(struct om_exchange *x, const struct om_error *err)
{
    static const int statuses[OM_STATUS_COUNT] = {
        [OM_AGAIN] = 503,       [OM_END] = 410,     [OM_TIMEOUT] = 504,     [OM_REFUSED] = 403,
        [OM_UNREACHABLE] = 502, [OM_INVALID] = 422, [OM_UNSUPPORTED] = 415, [OM_NOT_FOUND] = 404,
        [OM_EXISTS] = 409,      [OM_LIMIT] = 429,   [OM_NO_MEMORY] = 503,   [OM_CANCELLED] = 503,
        [OM_INTERNAL] = 500,
    };
    int status = statuses[err->status] ? statuses[err->status] : 500;
    if (status == 429 || status == 503)
        om_exchange_set_header(x, "Retry-After", "1");
    om_exchange_problem(x, status, err->text, err->hint);
}

void om_exchange_refuse(struct om_exchange *x, const struct om_refusal *refusal)
{
    if (refusal->status == 405 && x->request.allow[0])
        om_exchange_set_header(x, "Allow", x->request.allow);
    if (refusal->status == 426) {
        om_exchange_set_header(x, "Sec-WebSocket-Version", "13");
        if (!x->is_h2)
            om_exchange_set_header(x, "Upgrade", "websocket");
    }
    if (refusal->status == 503)
        om_exchange_set_header(x, "Retry-After", "1");
    om_exchange_problem(x, refusal->status, refusal->detail, refusal->hint);
}

// ---- assets ------------------------------------------------------------------------------------

// Two encodings are two representations, and a strong tag names one of them.
static void make_etag(char *text, size_t size, const char *etag, bool is_gzip)
{
    om_str bare = om_str_from(etag);
    if (bare.n >= 2 && bare.p[0] == '"')
        bare = om_str_sub(bare, 1, bare.n - 1);
    snprintf(text, size, "\"%.*s%s\"", OM_STR_ARG(bare), is_gzip ? "-gzip" : "");
}

static enum om_range wanted_range(const struct om_exchange *x, om_str etag, size_t total,
                                  size_t *ret_from, size_t *ret_to)
{
    om_str range, condition;
    bool is_get = strcmp(x->request.method, "GET") == 0;
    if (!is_get || !om_exchange_header(x, "range", &range))
        return OM_RANGE_ALL;
    if (om_exchange_header(x, "if-range", &condition) && !om_str_equal(condition, etag))
        return OM_RANGE_ALL;
    return om_range_parse(range, total, ret_from, ret_to);
}

static void put_asset(struct om_exchange *x, int status, const char *content_type, om_str part)
{
    bool has_body = status == 200 || status == 206;
    put_head(x, status, has_body ? content_type : NULL,
             has_body        ? part.n
             : status == 304 ? NO_LENGTH
                             : 0);
    if (has_body && !om_request_is_head(&x->request)) {
        x->asset = part;
        x->body_sent = part.n;
    }
    count_unsent(x, 0);
    complete(x);
}

void om_exchange_asset(struct om_exchange *x, const char *content_type, om_str identity,
                       om_str gzip, const char *etag)
{
    om_str accepted, range, tags;
    bool is_gzip = gzip.n && om_exchange_header(x, "accept-encoding", &accepted) &&
                   om_accepts_gzip(accepted) && !om_exchange_header(x, "range", &range);
    om_str whole = is_gzip ? gzip : identity;
    char tag[128];
    make_etag(tag, sizeof(tag), etag, is_gzip);
    om_with_lock(&x->lock);
    if (!may_answer(x))
        return;
    line_add(&x->lines, "ETag", om_str_from(tag));
    line_default(&x->lines, "Cache-Control", "no-cache");
    line_add(&x->lines, "Accept-Ranges", OM_STR("bytes"));
    if (gzip.n)
        line_add(&x->lines, "Vary", OM_STR("Accept-Encoding"));
    size_t from = 0, to = whole.n;
    int status = 200;
    if (om_exchange_header(x, "if-none-match", &tags) && om_etag_matches(tags, om_str_from(tag))) {
        status = 304;
    } else {
        enum om_range kind = wanted_range(x, om_str_from(tag), whole.n, &from, &to);
        status = kind == OM_RANGE_ALL ? 200 : kind == OM_RANGE_PART ? 206 : 416;
    }
    if (status == 206)
        om_buf_printf(&x->lines, "Content-Range: bytes %zu-%zu/%zu\r\n", from, to - 1, whole.n);
    if (status == 416)
        om_buf_printf(&x->lines, "Content-Range: bytes */%zu\r\n", whole.n);
    if (is_gzip && status == 200)
        line_add(&x->lines, "Content-Encoding", OM_STR("gzip"));
    put_asset(x, status, content_type, om_str_sub(whole, from, to));
}

// ---- streams -----------------------------------------------------------------------------------

// False when the client left and no loop is there to say so.
static bool start_stream(struct om_exchange *x, int status, const char *content_type,
                         void (*closed)(void *ctx), void *ctx)
{
    om_with_lock(&x->lock);
    if (x->state == OM_EXCHANGE_GONE)
        return om_exchange_leave_closed(x, closed, ctx);
    bool is_head = om_request_is_head(&x->request);
    x->is_chunked = may_answer(x) && !x->is_h2 && x->request.version == 11 && !is_head;
    // Without chunks only the end of the connection ends the body.
    if (!x->is_h2 && !x->is_chunked && !is_head)
        x->keeps_alive = false;
    put_head(x, status, content_type, NO_LENGTH);
    count_unsent(x, 0);
    x->state = is_head ? OM_EXCHANGE_COMPLETE : OM_EXCHANGE_STREAMING;
    x->closed = closed;
    x->peer_ctx = ctx;
    om_exchange_notify(x);
    return true;
}

void om_exchange_stream(struct om_exchange *x, int status, const char *content_type,
                        void (*closed)(void *ctx), void *ctx)
{
    if (!start_stream(x, status, content_type, closed, ctx))
        closed(ctx);
}

// Room for `n` more bytes within the connection's budget.
static bool reserve_unsent(struct om_exchange *x, size_t n)
{
    if (atomic_fetch_add(&x->flow->unsent, n) + n <= x->write_budget)
        return true;
    atomic_fetch_sub(&x->flow->unsent, n);
    return false;
}

enum om_status om_exchange_write(struct om_exchange *x, om_str data)
{
    enum { CHUNK_FRAME_MAX = 20 };
    om_with_lock(&x->lock);
    if (x->state != OM_EXCHANGE_STREAMING)
        return OM_END;
    if (data.n == 0)
        return OM_OK;
    char start[CHUNK_FRAME_MAX];
    int start_n = x->is_chunked ? snprintf(start, sizeof(start), "%zx\r\n", data.n) : 0;
    size_t n = data.n + (size_t)start_n + (x->is_chunked ? 2 : 0);
    if (!reserve_unsent(x, n))
        return OM_LIMIT;
    struct om_buf *out = &x->out.buf;
    if (!om_buf_reserve(out, n)) {
        out->has_failed = false;
        atomic_fetch_sub(&x->flow->unsent, n);
        return OM_LIMIT;
    }
    om_buf_append(out, start, (size_t)start_n);
    om_buf_append_str(out, data);
    if (x->is_chunked)
        om_buf_append(out, "\r\n", 2);
    x->body_sent += data.n;
    om_exchange_notify(x);
    return OM_OK;
}

void om_exchange_end(struct om_exchange *x)
{
    om_with_lock(&x->lock);
    if (x->state != OM_EXCHANGE_STREAMING)
        return;
    size_t before = om_queue_len(&x->out);
    if (x->is_chunked) {
        om_buf_append_text(&x->out.buf, "0\r\n");
        om_buf_append_str(&x->out.buf, om_buf_str(&x->trailers));
        om_buf_append_text(&x->out.buf, "\r\n");
    }
    count_unsent(x, before);
    complete(x);
}

size_t om_exchange_unsent(struct om_exchange *x)
{
    return atomic_load(&x->flow->unsent);
}

// ---- WebSocket ---------------------------------------------------------------------------------

static bool start_websocket(struct om_exchange *x, const struct om_ws_ops *ops, void *ctx,
                            const char *accept)
{
    om_with_lock(&x->lock);
    if (x->state == OM_EXCHANGE_GONE)
        return om_exchange_leave_closed(x, ops->closed, ctx);
    om_assert(may_answer(x));
    line_add(&x->lines, "Upgrade", OM_STR("websocket"));
    line_add(&x->lines, "Connection", OM_STR("Upgrade"));
    line_add(&x->lines, "Sec-WebSocket-Accept", om_str_from(accept));
    put_head(x, 101, NULL, NO_LENGTH);
    count_unsent(x, 0);
    x->ws_ops = ops;
    x->peer_ctx = ctx;
    x->state = OM_EXCHANGE_WEBSOCKET;
    om_exchange_notify(x);
    return true;
}

void om_ws_accept(struct om_exchange *x, const struct om_ws_ops *ops, void *ctx, size_t message_max)
{
    om_str key;
    char accept[OM_WS_ACCEPT_SIZE];
    om_assert(x->request.route->flags & OM_ROUTE_WEBSOCKET);
    om_assert(om_exchange_header(x, "sec-websocket-key", &key));
    om_ws_accept_key(key, accept);
    x->message_max = message_max;
    if (!start_websocket(x, ops, ctx, accept))
        ops->closed(ctx);
}

enum om_status om_ws_send(struct om_exchange *x, bool is_text, om_str data)
{
    om_with_lock(&x->lock);
    if (x->state != OM_EXCHANGE_WEBSOCKET || x->has_ws_closed)
        return OM_END;
    size_t n = data.n + OM_WS_FRAME_HEADER_MAX;
    if (!reserve_unsent(x, n))
        return OM_LIMIT;
    size_t before = om_queue_len(&x->out);
    om_ws_put_frame(&x->out.buf, is_text ? OM_WS_TEXT : OM_WS_BINARY, data);
    atomic_fetch_sub(&x->flow->unsent, n - (om_queue_len(&x->out) - before));
    x->body_sent += data.n;
    om_exchange_notify(x);
    return OM_OK;
}

void om_ws_close(struct om_exchange *x, int code, const char *reason)
{
    enum { REASON_MAX = 123 };
    om_with_lock(&x->lock);
    if (x->state != OM_EXCHANGE_WEBSOCKET || x->has_ws_closed)
        return;
    char payload[2 + REASON_MAX + 1];
    payload[0] = (char)(code >> 8);
    payload[1] = (char)(code & 0xff);
    om_str_copy(payload + 2, sizeof(payload) - 2, om_str_from(reason));
    size_t before = om_queue_len(&x->out);
    om_ws_put_frame(&x->out.buf, OM_WS_CLOSE, om_str_n(payload, 2 + strlen(payload + 2)));
    count_unsent(x, before);
    x->has_ws_closed = true;
    om_exchange_notify(x);
}
