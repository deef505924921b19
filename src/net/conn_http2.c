#include "base/error.h"
#include "net/conn_int.h"
#include "net/http2.h"

void om_conn_http2_start(struct om_conn *conn)
{
    struct om_http_server *server = conn->server;
    struct om_http2_host host = {
        .hub = server->hub,
        .flow = conn->flow,
        .policy = &server->policy,
        .write_budget = server->opts.write_budget_bytes,
        .bodies_bytes_max = server->opts.bodies_bytes_max,
        .local_name = conn->local_name,
        .is_tls = conn->tls != NULL,
    };
    conn->http2 = om_http2_create(&host);
    om_conn_set_state(conn, OM_CONN_HTTP2);
    if (server->is_draining)
        om_http2_shut_down(conn->http2);
}

static void dispatch_ready(struct om_conn *conn)
{
    for (struct om_exchange *x; (x = om_http2_take_ready(conn->http2));) {
        x->conn = conn;
        om_exchange_identify(x);
        if (x->refusal.reason)
            om_conn_refused(x->refusal.reason);
        om_exchange_dispatch(x, conn->server->blocking, conn->server->ctx);
        om_http2_pump(conn->http2, x);
    }
}

static void finish_done(struct om_conn *conn)
{
    bool has_finished = false;
    for (struct om_exchange *x; (x = om_http2_take_done(conn->http2)); has_finished = true)
        om_conn_finish_exchange(conn, x);
    if (has_finished)
        conn->state_us = om_loop_now_us(conn->server->loop);
}

bool om_conn_http2_take(struct om_conn *conn)
{
    // A client that does not read what it asked for waits with its next questions.
    if (conn->view.n == 0 || conn->wants_close || om_queue_len(&conn->out) >= OM_SCRATCH_BYTES)
        return false;
    enum om_status status = om_http2_feed(conn->http2, conn->view);
    conn->view = OM_STR("");
    if (status != OM_OK) {
        om_conn_refused(status == OM_LIMIT ? OM_REFUSED_FLOOD : OM_REFUSED_SYNTAX);
        conn->wants_close = true;
    }
    finish_done(conn);
    if (status == OM_OK)
        dispatch_ready(conn);
    return true;
}

bool om_conn_http2_pump(struct om_conn *conn)
{
    size_t before = conn->out.buf.len;
    bool is_fine = om_http2_send(conn->http2, &conn->out.buf, OM_SCRATCH_BYTES);
    size_t more = conn->out.buf.len - before;
    atomic_fetch_add(&conn->flow->unsent, more);
    finish_done(conn);
    if (!is_fine)
        om_conn_set_state(conn, OM_CONN_CLOSED);
    if (om_http2_is_over(conn->http2))
        conn->wants_close = true;
    return is_fine && more > 0;
}

void om_conn_http2_finish(struct om_conn *conn)
{
    if (!conn->http2)
        return;
    om_http2_abandon(conn->http2);
    finish_done(conn);
    om_http2_destroy(conn->http2);
    conn->http2 = NULL;
}

void om_conn_http2_sweep(struct om_conn *conn, int64_t now_us)
{
    const struct om_http_opts *opts = &conn->server->opts;
    if (!om_http2_sweep(conn->http2, opts, now_us)) {
        om_conn_refused(OM_REFUSED_SLOW);
        om_conn_set_state(conn, OM_CONN_CLOSED);
        return;
    }
    dispatch_ready(conn);
    bool is_idle = om_http2_stream_count(conn->http2) == 0;
    if (is_idle && now_us - OM_MAX(conn->state_us, conn->read_us) > opts->idle_timeout_us)
        om_http2_shut_down(conn->http2);
}
