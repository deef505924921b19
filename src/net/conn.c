#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/time.h"
#include "net/conn_int.h"
#include "net/http1.h"
#include "net/http2.h"
#include "net/tls.h"
#include "net/ws.h"

enum {
    LINGER_US = OM_SECOND,  // how long a refused client may take to hang up
    KEEP_BYTES_MAX = 4096,  // memory an idle connection may keep for later
};

static const struct om_log http_log = {.name = "http"};

static struct om_metric bytes_in = OM_COUNTER("omma_http_received_bytes_total",
                                              "Bytes received by the HTTP server.");
static struct om_metric bytes_out = OM_COUNTER("omma_http_sent_bytes_total",
                                               "Bytes sent by the HTTP server.");
static atomic_uint_fast64_t answers[6];  // by hundreds of the status
static atomic_uint_fast64_t refusals[OM_REFUSED_COUNT];

// ---- metrics -----------------------------------------------------------------------------------

static void collect(void *ctx, struct om_buf *out)
{
    (void)ctx;
    om_buf_append_text(out, "# HELP omma_http_responses_total Answers, by class of status.\n"
                            "# TYPE omma_http_responses_total counter\n");
    for (size_t i = 1; i < OM_ARRAY_LEN(answers); i++)
        om_buf_printf(out, "omma_http_responses_total{class=\"%zuxx\"} %llu\n", i,
                      (unsigned long long)atomic_load(&answers[i]));
    om_buf_append_text(
        out, "# HELP omma_http_refused_total Requests and connections refused, by reason.\n"
             "# TYPE omma_http_refused_total counter\n");
    for (int i = 1; i < OM_REFUSED_COUNT; i++)
        om_buf_printf(out, "omma_http_refused_total{reason=\"%s\"} %llu\n",
                      om_refused_name((enum om_refused)i),
                      (unsigned long long)atomic_load(&refusals[i]));
}

void om_conn_register_metrics(void)
{
    static atomic_bool is_registered;
    if (atomic_exchange(&is_registered, true))
        return;
    om_metric_register(&bytes_in);
    om_metric_register(&bytes_out);
    om_metric_collector_add(collect, NULL);
}

void om_conn_refused(enum om_refused reason)
{
    atomic_fetch_add_explicit(&refusals[reason], 1, memory_order_relaxed);
}

void om_conn_finish_exchange(struct om_conn *conn, struct om_exchange *x)
{
    int status;
    uint64_t bytes;
    {
        om_with_lock(&x->lock);  // at the very end a handler may still be answering
        status = x->status;
        bytes = x->body_sent;
    }
    if (status >= 100 && status < 600)
        atomic_fetch_add_explicit(&answers[status / 100], 1, memory_order_relaxed);
    if (om_log_is_on(OM_LOG_DEBUG)) {
        double latency_ms = (double)(om_time_mono_us() - x->start_us) / OM_MS;
        struct om_log_fields fields = {
            .request_id = x->request_id, .latency_ms = latency_ms, .has_latency = true};
        om_str target = om_buf_str(&x->request.target);
        om_log_at(&http_log, OM_LOG_DEBUG, &fields, "%s %s %.*s: %d, %llu bytes", conn->address,
                  x->request.method, OM_STR_ARG(target), status, (unsigned long long)bytes);
    }
    struct om_exchange *ref = x;
    om_exchange_detach(x);
    om_exchange_unref(&ref);
}

// ---- life --------------------------------------------------------------------------------------

static void on_event(void *ctx, int events);

void om_conn_set_state(struct om_conn *conn, enum om_conn_state state)
{
    if (conn->state == OM_CONN_CLOSED)
        return;
    conn->state = state;
    conn->state_us = om_loop_now_us(conn->server->loop);
}

void om_conn_create(struct om_http_server *server, int fd, const char *address,
                    const char *local_name)
{
    struct om_conn *conn = om_new(struct om_conn);
    conn->server = server;
    conn->flow = om_flow_create();
    conn->view = OM_STR("");
    om_buf_init(&conn->in, OM_VIEW_MAX + OM_SCRATCH_BYTES);
    om_queue_init(&conn->out);
    conn->tail = OM_STR("");
    om_str_copy(conn->address, sizeof(conn->address), om_str_from(address));
    om_str_copy(conn->local_name, sizeof(conn->local_name), om_str_from(local_name));
    om_list_push(&server->conns, &conn->link);
    server->conns_count++;
    conn->read_us = conn->sent_us = om_loop_now_us(server->loop);
    if (server->tls) {
        conn->tls = om_tls_create(server->tls, fd);
        om_conn_set_state(conn, OM_CONN_HANDSHAKE);
    } else {
        om_conn_set_state(conn, OM_CONN_DETECT);
    }
    conn->watch = (struct om_loop_fd){
        .fd = fd, .events = OM_LOOP_READ, .fn = on_event, .ctx = conn};
    if ((server->tls && !conn->tls) || !om_loop_fd_add(server->loop, &conn->watch)) {
        om_conn_refused(OM_REFUSED_LIMIT);
        om_conn_destroy(conn);
    }
}

void om_conn_destroy(struct om_conn *conn)
{
    om_conn_set_state(conn, OM_CONN_CLOSED);
    om_loop_fd_remove(conn->server->loop, &conn->watch);
    om_conn_http2_finish(conn);
    if (conn->x)
        om_conn_finish_exchange(conn, conn->x);
    om_ws_destroy(conn->ws);
    om_http1_destroy(conn->http1);
    om_tls_destroy(conn->tls);
    close(conn->watch.fd);
    om_list_remove(&conn->link);
    conn->server->conns_count--;
    om_buf_finish(&conn->in);
    om_queue_finish(&conn->out);
    om_flow_unref(conn->flow);
    om_free(conn);
}

// ---- sending -----------------------------------------------------------------------------------

static bool has_output(const struct om_conn *conn)
{
    return om_queue_len(&conn->out) || conn->tail.n;
}

void om_conn_send(struct om_conn *conn, om_str data)
{
    om_buf_append_str(&conn->out.buf, data);
    atomic_fetch_add(&conn->flow->unsent, data.n);
}

// OM_OK with *ret_n, OM_AGAIN when the socket takes no more, else the connection is lost.
static enum om_status write_some(struct om_conn *conn, om_str data, size_t *ret_n)
{
    if (conn->tls)
        return om_tls_write(conn->tls, data.p, data.n, ret_n);
    ssize_t n;
    do
        n = send(conn->watch.fd, data.p, data.n, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    *ret_n = n < 0 ? 0 : (size_t)n;
    return n >= 0 ? OM_OK : errno == EAGAIN ? OM_AGAIN : OM_INVALID;
}

// Sends one piece; false when there is none, or the socket takes no more.
static bool send_piece(struct om_conn *conn)
{
    bool is_out = om_queue_len(&conn->out) > 0;
    om_str data = is_out ? om_queue_front(&conn->out) : conn->tail;
    size_t n;
    if (data.n == 0)
        return false;
    enum om_status status = write_some(conn, data, &n);
    if (status != OM_OK) {
        conn->is_blocked = status == OM_AGAIN;
        if (!conn->is_blocked)
            om_conn_set_state(conn, OM_CONN_CLOSED);
        return false;
    }
    if (is_out) {
        om_queue_drop(&conn->out, n);
        atomic_fetch_sub(&conn->flow->unsent, n);
    } else {
        conn->tail = om_str_sub(conn->tail, n, conn->tail.n);
    }
    om_metric_add(&bytes_out, (int64_t)n);
    conn->sent_us = conn->moved_us = om_loop_now_us(conn->server->loop);
    return true;
}

static void flush(struct om_conn *conn)
{
    if (conn->state == OM_CONN_HANDSHAKE)
        return;
    conn->is_blocked = false;
    while (conn->state != OM_CONN_CLOSED && send_piece(conn))
        ;
    if (!has_output(conn))
        conn->sent_us = om_loop_now_us(conn->server->loop);
}

// ---- receiving ---------------------------------------------------------------------------------

// What is left of the view must outlive the server's scratch.
static void keep_view(struct om_conn *conn)
{
    if (conn->view.n == 0) {
        om_buf_clear(&conn->in);
    } else if (conn->in.len && conn->view.p >= conn->in.data &&
               conn->view.p < conn->in.data + conn->in.len) {
        om_buf_consume(&conn->in, conn->in.len - conn->view.n);
    } else {
        om_buf_clear(&conn->in);
        om_buf_append_str(&conn->in, conn->view);
    }
    if (conn->in.has_failed)
        om_conn_set_state(conn, OM_CONN_CLOSED);
    conn->view = om_buf_str(&conn->in);
}

static void on_eof(struct om_conn *conn)
{
    conn->is_eof = true;
    // A client may close its side and still wait for the answer; a stream has nobody to end for.
    bool is_waiting = conn->state == OM_CONN_HTTP1 && (has_output(conn) || conn->view.n);
    if (conn->state == OM_CONN_HTTP1 && conn->x && conn->x->is_dispatched) {
        om_with_lock(&conn->x->lock);
        is_waiting |= conn->x->state != OM_EXCHANGE_STREAMING;
    }
    if (is_waiting)
        return;
    om_conn_set_state(conn, OM_CONN_CLOSED);
}

static enum om_status read_clear(struct om_conn *conn, size_t *ret_n)
{
    ssize_t n;
    do
        n = recv(conn->watch.fd, conn->server->scratch, OM_SCRATCH_BYTES, 0);
    while (n < 0 && errno == EINTR);
    *ret_n = n < 0 ? 0 : (size_t)n;
    return n > 0 ? OM_OK : n == 0 ? OM_END : errno == EAGAIN ? OM_AGAIN : OM_INVALID;
}

// One record is read at a time; the socket is silent about those that OpenSSL holds already.
static enum om_status read_tls(struct om_conn *conn, size_t *ret_n)
{
    enum om_status status;
    size_t n;
    *ret_n = 0;
    do {
        status = om_tls_read(conn->tls, conn->server->scratch + *ret_n, OM_SCRATCH_BYTES - *ret_n,
                             &n);
        *ret_n += n;
    } while (status == OM_OK && *ret_n < OM_SCRATCH_BYTES);
    return *ret_n > 0 ? OM_OK : status;
}

static void receive(struct om_conn *conn)
{
    size_t n;
    // Behind the last answer nothing is understood any more, only read over.
    bool is_clear = !conn->tls || conn->state == OM_CONN_LINGER;
    enum om_status status = is_clear ? read_clear(conn, &n) : read_tls(conn, &n);
    if (status == OM_AGAIN)
        return;
    if (status == OM_END) {
        on_eof(conn);
        return;
    }
    if (status != OM_OK) {
        om_conn_set_state(conn, OM_CONN_CLOSED);
        return;
    }
    conn->read_us = conn->moved_us = om_loop_now_us(conn->server->loop);
    om_metric_add(&bytes_in, (int64_t)n);
    if (conn->state == OM_CONN_LINGER)
        return;
    if (conn->view.n) {
        om_buf_append(&conn->in, conn->server->scratch, n);
        conn->view = om_buf_str(&conn->in);
    } else {
        conn->view = om_str_n(conn->server->scratch, n);
    }
}

// A browser that was sent to http:// is told where it is. Whether there was such a one.
static bool greet_clear_text(struct om_conn *conn)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                                 "Content-Length: 41\r\nConnection: close\r\n\r\n"
                                 "This port speaks TLS: use https:// here.\n";
    enum { TLS_HANDSHAKE_RECORD = 0x16 };
    char first;
    ssize_t n = recv(conn->watch.fd, &first, 1, MSG_PEEK);
    if (n < 1 || first == TLS_HANDSHAKE_RECORD)
        return false;
    (void)!send(conn->watch.fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    om_tls_destroy(conn->tls);
    conn->tls = NULL;
    om_conn_refused(OM_REFUSED_SYNTAX);
    conn->wants_close = true;
    return true;
}

static void handshake(struct om_conn *conn)
{
    if (!conn->has_greeted && greet_clear_text(conn))
        return;
    conn->has_greeted = true;
    enum om_status status = om_tls_handshake(conn->tls);
    conn->is_blocked = status == OM_AGAIN && om_tls_wants_write(conn->tls);
    if (status == OM_AGAIN)
        return;
    if (status != OM_OK)
        om_conn_set_state(conn, OM_CONN_CLOSED);
    else if (om_tls_is_http2(conn->tls))
        om_conn_http2_start(conn);
    else
        om_conn_set_state(conn, OM_CONN_DETECT);
}

// Clear text speaks HTTP/2 only by prior knowledge: its preface is no request of HTTP/1.1.
static bool detect(struct om_conn *conn)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    om_str wanted = om_str_n(preface, sizeof(preface) - 1);
    om_str seen = om_str_sub(conn->view, 0, wanted.n);
    if (seen.n < wanted.n && om_str_starts_with(wanted, seen))
        return false;
    if (om_str_equal(seen, wanted))
        om_conn_http2_start(conn);
    else
        om_conn_http1_start(conn);
    return true;
}

static bool take(struct om_conn *conn)
{
    switch (conn->state) {
    case OM_CONN_DETECT:
        return detect(conn);
    case OM_CONN_HTTP1:
        return om_conn_http1_take(conn);
    case OM_CONN_HTTP2:
        return om_conn_http2_take(conn);
    case OM_CONN_WEBSOCKET:
        return om_conn_ws_take(conn);
    default:
        return false;
    }
}

// ---- a turn ------------------------------------------------------------------------------------

static bool pump(struct om_conn *conn)
{
    switch (conn->state) {
    case OM_CONN_HTTP1:
        return om_conn_http1_pump(conn);
    case OM_CONN_HTTP2:
        return om_conn_http2_pump(conn);
    case OM_CONN_WEBSOCKET:
        return om_conn_ws_pump(conn);
    default:
        return false;
    }
}

// Everything is said: no more from us, then wait a little for the client to hang up. Closing at
// once, with input unread, would reset the connection and could take the answer with it.
static void linger(struct om_conn *conn)
{
    if (conn->is_eof) {
        om_conn_set_state(conn, OM_CONN_CLOSED);
        return;
    }
    if (conn->tls)
        om_tls_shut_down(conn->tls);
    shutdown(conn->watch.fd, SHUT_WR);
    conn->view = OM_STR("");
    om_conn_set_state(conn, OM_CONN_LINGER);
}

// The socket will not say that these are there.
static bool has_pending(const struct om_conn *conn)
{
    return conn->tls && conn->state != OM_CONN_LINGER && !conn->is_eof &&
           conn->view.n < OM_VIEW_MAX && om_tls_has_pending(conn->tls);
}

static void update_watch(struct om_conn *conn)
{
    int events = 0;
    if (!conn->is_eof && conn->view.n < OM_VIEW_MAX)
        events |= OM_LOOP_READ;
    if (conn->is_blocked || has_pending(conn))
        events |= OM_LOOP_WRITE;
    if (events != conn->watch.events)
        om_loop_fd_change(conn->server->loop, &conn->watch, events);
}

static bool is_over(const struct om_conn *conn)
{
    bool has_ended = conn->wants_close || (conn->is_eof && !conn->x && conn->view.n == 0);
    return has_ended && !conn->x && !has_output(conn) && conn->state != OM_CONN_LINGER;
}

// Works until nothing moves any more, then sets what to wait for. Destroys the connection if it is
// over.
static void turn(struct om_conn *conn)
{
    bool has_moved;
    do {
        has_moved = pump(conn);
        flush(conn);
        has_moved |= take(conn);
    } while (has_moved && conn->state != OM_CONN_CLOSED);
    if (conn->state != OM_CONN_CLOSED && is_over(conn))
        linger(conn);
    keep_view(conn);
    if (conn->state == OM_CONN_CLOSED)
        om_conn_destroy(conn);
    else
        update_watch(conn);
}

static void on_event(void *ctx, int events)
{
    struct om_conn *conn = ctx;
    if (conn->state == OM_CONN_HANDSHAKE)
        handshake(conn);
    else if (events & OM_LOOP_READ || has_pending(conn))
        receive(conn);
    else if (events & OM_LOOP_HANGUP)
        om_conn_set_state(conn, OM_CONN_CLOSED);
    turn(conn);
}

void om_conn_pump(struct om_conn *conn, struct om_exchange *x)
{
    if (conn->state == OM_CONN_HTTP2)
        om_http2_pump(conn->http2, x);
    turn(conn);
}

void om_conn_drain(struct om_conn *conn)
{
    if (conn->state == OM_CONN_HTTP2) {
        om_http2_shut_down(conn->http2);
    } else if (conn->state == OM_CONN_WEBSOCKET && conn->x) {
        om_conn_ws_drain(conn);
    } else if (conn->x) {
        om_with_lock(&conn->x->lock);
        conn->x->keeps_alive = false;
    } else {
        conn->wants_close = true;
    }
    turn(conn);
}

// ---- time --------------------------------------------------------------------------------------

static bool is_body_slow(const struct om_conn *conn, int64_t now_us)
{
    const struct om_http_opts *opts = &conn->server->opts;
    int64_t used_us = now_us - conn->state_us - opts->header_timeout_us;
    int64_t due = used_us * opts->body_rate_min / OM_SECOND;
    return used_us > 0 && (int64_t)conn->x->request.body.len < due;
}

static void sweep_http1(struct om_conn *conn, int64_t now_us)
{
    const struct om_http_opts *opts = &conn->server->opts;
    int64_t waited_us = now_us - conn->state_us;
    if (conn->x && conn->x->is_dispatched)
        return;
    if (conn->x && conn->x->request.route) {
        if (is_body_slow(conn, now_us))
            om_conn_http1_timeout(conn);
    } else if (waited_us > (conn->x ? opts->header_timeout_us : opts->idle_timeout_us)) {
        om_conn_http1_timeout(conn);
    }
}

static void trim(struct om_conn *conn, int64_t now_us)
{
    if (now_us - conn->moved_us < OM_SECOND)
        return;
    if (om_queue_len(&conn->out) == 0 && conn->out.buf.cap > KEEP_BYTES_MAX)
        om_queue_finish(&conn->out);
    if (conn->x) {
        om_with_lock(&conn->x->lock);
        if (om_queue_len(&conn->x->out) == 0 && conn->x->out.buf.cap > KEEP_BYTES_MAX)
            om_queue_finish(&conn->x->out);
    }
    if (conn->in.len == 0 && conn->in.cap > KEEP_BYTES_MAX)
        om_buf_finish(&conn->in);
}

static void cut_if_late(struct om_conn *conn, int64_t now_us, int64_t limit_us)
{
    if (now_us - conn->state_us <= limit_us)
        return;
    if (conn->state != OM_CONN_LINGER)
        om_conn_refused(OM_REFUSED_SLOW);
    om_conn_set_state(conn, OM_CONN_CLOSED);
}

static void sweep_state(struct om_conn *conn, int64_t now_us)
{
    switch (conn->state) {
    case OM_CONN_HANDSHAKE:
    case OM_CONN_DETECT:
        cut_if_late(conn, now_us, conn->server->opts.header_timeout_us);
        return;
    case OM_CONN_LINGER:
        cut_if_late(conn, now_us, LINGER_US);
        return;
    case OM_CONN_HTTP1:
        sweep_http1(conn, now_us);
        return;
    case OM_CONN_HTTP2:
        om_conn_http2_sweep(conn, now_us);
        return;
    case OM_CONN_WEBSOCKET:
        om_conn_ws_sweep(conn, now_us);
        return;
    case OM_CONN_CLOSED:
        return;
    }
}

void om_conn_sweep(struct om_conn *conn, int64_t now_us)
{
    if (has_output(conn) && now_us - conn->sent_us > conn->server->opts.stall_timeout_us) {
        om_conn_refused(OM_REFUSED_SLOW);
        om_conn_set_state(conn, OM_CONN_CLOSED);
    } else {
        sweep_state(conn, now_us);
    }
    if (!has_output(conn))
        trim(conn, now_us);
    turn(conn);
}
