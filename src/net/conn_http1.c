#include "base/log.h"
#include "base/time.h"
#include "net/conn_int.h"
#include "net/http1.h"

void om_conn_http1_start(struct om_conn *conn)
{
    conn->http1 = om_http1_create(&conn->server->policy);
    om_conn_set_state(conn, OM_CONN_HTTP1);
}

// Nothing is kept for a connection between two requests: the exchange comes with the first byte.
static void begin(struct om_conn *conn)
{
    struct om_http_server *server = conn->server;
    conn->x = om_exchange_create(server->hub, conn->flow, &server->policy);
    conn->x->conn = conn;
    conn->x->write_budget = server->opts.write_budget_bytes;
    conn->x->request.is_tls = conn->tls != NULL;
    om_str_copy(conn->x->request.local_name, sizeof(conn->x->request.local_name),
                om_str_from(conn->local_name));
    om_http1_next(conn->http1, &conn->x->request);
    conn->state_us = om_loop_now_us(server->loop);
}

static void dispatch(struct om_conn *conn)
{
    om_exchange_identify(conn->x);
    om_exchange_dispatch(conn->x, conn->server->blocking, conn->server->ctx);
}

// Answers without having read the request whole: what else the client sends on this connection is
// not looked at.
static void refuse_now(struct om_conn *conn, struct om_refusal refusal)
{
    om_conn_refused(refusal.reason);
    conn->x->refusal = refusal;
    conn->x->keeps_alive = false;
    conn->view = OM_STR("");
    dispatch(conn);
}

static void on_head(struct om_conn *conn)
{
    struct om_exchange *x = conn->x;
    x->keeps_alive = om_http1_keeps_alive(conn->http1) && !conn->server->is_draining;
    x->refusal = om_request_check(&x->request, &conn->server->policy);
    if (x->refusal.reason && x->request.has_body)
        refuse_now(conn, x->refusal);
    else if (x->refusal.reason)
        om_conn_refused(x->refusal.reason);  // answered when it is whole; the connection stays
    else if (om_http1_expects_continue(conn->http1) && conn->view.n == 0)
        om_conn_send(conn, OM_STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

bool om_conn_http1_take(struct om_conn *conn)
{
    // One at a time, and the next only when the last answer is out: a client that sends ahead and
    // does not read waits for itself.
    if (conn->wants_close || (conn->x && conn->x->is_dispatched) || om_queue_len(&conn->out) ||
        conn->tail.n)
        return false;
    if (!conn->x) {
        if (conn->view.n == 0)
            return false;
        begin(conn);
    }
    size_t used;
    enum om_http1_step step = om_http1_feed(conn->http1, conn->view, &used);
    conn->view = om_str_sub(conn->view, used, conn->view.n);
    if (step == OM_HTTP1_BAD) {
        refuse_now(conn, om_http1_refusal(conn->http1));
        return true;
    }
    if (!om_exchange_count_body(conn->x, conn->server->opts.bodies_bytes_max)) {
        refuse_now(conn,
                   (struct om_refusal){OM_REFUSED_LIMIT, 503, "too many large requests at once",
                                       "try again in a second"});
        return true;
    }
    if (step == OM_HTTP1_HEAD)
        on_head(conn);
    else if (step == OM_HTTP1_DONE)
        dispatch(conn);
    return step != OM_HTTP1_MORE;
}

bool om_conn_http1_pump(struct om_conn *conn)
{
    struct om_exchange *x = conn->x;
    if (!x || !x->is_dispatched || conn->tail.n)
        return false;
    bool is_complete, is_websocket, keeps_alive, has_failed, has_news;
    {
        om_with_lock(&x->lock);
        has_failed = x->out.buf.has_failed;
        has_news = om_queue_len(&x->out) > 0;
        if (has_news && !has_failed)
            om_queue_move(&conn->out, &x->out);
        is_complete = x->state == OM_EXCHANGE_COMPLETE;
        if (is_complete)
            conn->tail = x->asset;
        is_websocket = x->state == OM_EXCHANGE_WEBSOCKET;
        keeps_alive = x->keeps_alive;
    }
    if (is_websocket) {
        om_conn_set_state(conn, OM_CONN_WEBSOCKET);
        om_conn_ws_start(conn);
    }
    if (has_failed || conn->out.buf.has_failed) {
        om_conn_set_state(conn, OM_CONN_CLOSED);
        return false;
    }
    if (!is_complete)
        return has_news;
    conn->wants_close = !keeps_alive;
    om_conn_finish_exchange(conn, x);
    conn->x = NULL;
    conn->state_us = om_loop_now_us(conn->server->loop);
    return true;
}

void om_conn_http1_timeout(struct om_conn *conn)
{
    // Between two requests, or before the first byte, there is nobody to talk to.
    if (!conn->x) {
        om_conn_set_state(conn, OM_CONN_CLOSED);
        return;
    }
    refuse_now(conn, (struct om_refusal){OM_REFUSED_SLOW, 408, "the request came too slowly",
                                         "send it again, faster"});
}
