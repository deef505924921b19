#include "bench/sim/conn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/sim/request.h"
#include "bench/sim/sim.h"
#include "bench/sim/sim_int.h"

enum {
    READ_BYTES = 16 * 1024,
    // Small enough that a reader that stands still is noticed within seconds.
    SOCKET_BYTES = 256 * 1024,
    KEEP_BYTES = 64 * 1024,  // of the backlog's memory, once it is sent
};

static int watched(const struct om_sim_conn *conn)
{
    return OM_LOOP_READ | (conn->out.len > 0 ? OM_LOOP_WRITE : 0);
}

static void drop_backlog_memory(struct om_sim_conn *conn)
{
    if (conn->out.len > 0 || conn->out.cap <= KEEP_BYTES)
        return;
    size_t len_max = conn->out.len_max;
    om_buf_finish(&conn->out);
    om_buf_init(&conn->out, len_max);
}

static bool is_gone(ssize_t n)
{
    return n < 0 && errno != EAGAIN && errno != EINTR;
}

static bool flush(struct om_sim_conn *conn)
{
    while (conn->out.len > 0) {
        ssize_t n = send(conn->watch.fd, conn->out.data, conn->out.len, MSG_NOSIGNAL);
        if (is_gone(n)) {
            om_sim_conn_destroy(conn);
            return false;
        }
        if (n < 0)
            break;
        om_buf_consume(&conn->out, (size_t)n);
    }
    if (conn->out.len == 0 && conn->state == OM_SIM_CONN_CLOSING) {
        om_sim_conn_destroy(conn);
        return false;
    }
    drop_backlog_memory(conn);
    om_loop_fd_change(conn->sim->loop, &conn->watch, watched(conn));
    return true;
}

size_t om_sim_conn_room(const struct om_sim_conn *conn)
{
    return conn->out.len_max - conn->out.len;
}

bool om_sim_conn_send(struct om_sim_conn *conn, const void *data, size_t n)
{
    ssize_t sent = 0;
    if (conn->out.len == 0) {
        sent = send(conn->watch.fd, data, n, MSG_NOSIGNAL);
        if (is_gone(sent)) {
            om_sim_conn_destroy(conn);
            return false;
        }
        sent = OM_MAX(sent, 0);
    }
    size_t left = n - (size_t)sent;
    if (left > 0) {
        om_buf_append(&conn->out, (const char *)data + sent, left);
        om_sim_count(&conn->sim->stats->late_bytes, left);
        om_loop_fd_change(conn->sim->loop, &conn->watch, watched(conn));
    }
    if (!conn->out.has_failed)
        return true;
    om_sim_conn_destroy(conn);  // half a packet would be noise
    return false;
}

// Works through what has arrived. False when the connection is gone.
static bool parse_all(struct om_sim_conn *conn)
{
    for (;;) {
        struct om_sim_request request;
        enum om_sim_parsed parsed = om_sim_request_parse(om_buf_str(&conn->in), &request);
        if (parsed == OM_SIM_MORE)
            return true;
        if (parsed == OM_SIM_BAD) {
            om_sim_conn_destroy(conn);
            return false;
        }
        if (parsed == OM_SIM_REQUEST && !om_sim_rtsp_answer(conn, &request))
            return false;
        om_buf_consume(&conn->in, request.bytes);
    }
}

static void read_all(struct om_sim_conn *conn)
{
    char bytes[READ_BYTES];
    ssize_t n = recv(conn->watch.fd, bytes, sizeof(bytes), 0);
    if (n == 0 || is_gone(n)) {
        om_sim_conn_destroy(conn);
        return;
    }
    if (n < 0 || conn->state == OM_SIM_CONN_SILENT || conn->state == OM_SIM_CONN_CLOSING)
        return;
    om_buf_append(&conn->in, bytes, (size_t)n);
    if (conn->in.has_failed) {
        om_sim_conn_destroy(conn);
        return;
    }
    if (parse_all(conn) && conn->in.len == 0) {
        size_t len_max = conn->in.len_max;
        om_buf_finish(&conn->in);  // a thousand idle clients hold nothing
        om_buf_init(&conn->in, len_max);
    }
}

static void on_event(void *ctx, int events)
{
    struct om_sim_conn *conn = ctx;
    if (events & OM_LOOP_WRITE && !flush(conn))
        return;
    if (events & (OM_LOOP_READ | OM_LOOP_HANGUP))
        read_all(conn);
}

static size_t backlog_max(const struct om_sim *sim)
{
    return sim->opts->backlog_bytes > 0 ? (size_t)sim->opts->backlog_bytes : (size_t)1 << 20;
}

void om_sim_conn_create(struct om_sim *sim, int fd)
{
    int bytes = SOCKET_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));  // an optimisation
    struct om_sim_conn *conn = om_new(struct om_sim_conn);
    conn->sim = sim;
    conn->id = ++sim->conns_made;
    conn->camera = -1;
    conn->timer = (struct om_loop_timer)OM_LOOP_TIMER(NULL, conn);
    om_buf_init(&conn->in, READ_BYTES + OM_SIM_REQUEST_BYTES_MAX + (1 << 16));
    om_buf_init(&conn->out, backlog_max(sim));
    snprintf(conn->nonce, sizeof(conn->nonce), "%016llx%016llx",
             (unsigned long long)om_rand_u64(&sim->rand),
             (unsigned long long)om_rand_u64(&sim->rand));
    conn->watch = (struct om_loop_fd){fd, OM_LOOP_READ, on_event, conn};
    om_list_push(&sim->conns, &conn->link);
    om_sim_count(&sim->stats->sessions, 1);
    if (!om_loop_fd_add(sim->loop, &conn->watch))
        om_sim_conn_destroy(conn);
}

void om_sim_conn_destroy(struct om_sim_conn *conn)
{
    om_sim_play_stop(conn);
    om_loop_fd_remove(conn->sim->loop, &conn->watch);
    (void)close(conn->watch.fd);
    om_list_remove(&conn->link);
    om_buf_finish(&conn->in);
    om_buf_finish(&conn->out);
    om_free(conn);
}
