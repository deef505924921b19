#include "net/conn_int.h"
#include "net/ws.h"

void om_conn_ws_start(struct om_conn *conn)
{
    struct om_exchange *x = conn->x;
    conn->ws = om_ws_create(x->message_max, x->ws_ops->message, x->peer_ctx);
    conn->state_us = om_loop_now_us(conn->server->loop);
}

static void finish(struct om_conn *conn)
{
    om_conn_finish_exchange(conn, conn->x);
    conn->x = NULL;
    conn->wants_close = true;
}

bool om_conn_ws_take(struct om_conn *conn)
{
    // A client that sends pings and messages and does not read the answers waits for itself.
    if (conn->view.n == 0 || !conn->x || om_queue_len(&conn->out) >= OM_SCRATCH_BYTES)
        return false;
    size_t before = conn->out.buf.len;
    om_str data = conn->view;
    conn->view = OM_STR("");
    bool goes_on = om_ws_feed(conn->ws, data, &conn->out.buf);
    atomic_fetch_add(&conn->flow->unsent, conn->out.buf.len - before);
    if (!goes_on)
        finish(conn);
    return true;
}

bool om_conn_ws_pump(struct om_conn *conn)
{
    struct om_exchange *x = conn->x;
    if (!x)
        return false;
    om_with_lock(&x->lock);
    bool has_news = om_queue_len(&x->out) > 0;
    if (x->out.buf.has_failed)
        om_conn_set_state(conn, OM_CONN_CLOSED);
    else if (has_news)
        om_queue_move(&conn->out, &x->out);
    if (x->has_ws_closed && !conn->is_closing) {
        conn->is_closing = true;
        conn->state_us = om_loop_now_us(conn->server->loop);
    }
    return has_news;
}

void om_conn_ws_drain(struct om_conn *conn)
{
    om_ws_close(conn->x, 1001, "the server stops");
}

void om_conn_ws_sweep(struct om_conn *conn, int64_t now_us)
{
    enum { CLOSE_WAIT_US = 1000 * 1000 };
    int64_t idle_us = conn->server->opts.idle_timeout_us;
    int64_t quiet_us = now_us - conn->read_us;
    if (!conn->x)
        return;
    if (conn->is_closing && now_us - conn->state_us > CLOSE_WAIT_US) {
        finish(conn);  // it was told and does not answer
    } else if (quiet_us > idle_us * 3 / 2) {
        om_conn_set_state(conn, OM_CONN_CLOSED);
    } else if (quiet_us > idle_us / 2 && now_us - conn->ping_us > idle_us / 2) {
        om_auto_buf ping;
        om_buf_init(&ping, OM_WS_FRAME_HEADER_MAX);
        om_ws_put_frame(&ping, OM_WS_PING, OM_STR(""));
        om_conn_send(conn, om_buf_str(&ping));
        conn->ping_us = now_us;
    }
}
