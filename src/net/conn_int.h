// Server and connections, for net/ only.
//
//     HANDSHAKE --TLS done--> HTTP1 / HTTP2 (by ALPN)
//     DETECT --first bytes--> HTTP1 / HTTP2 (by the preface)
//     HTTP1 --upgrade--> WEBSOCKET
//     any --last answer sent--> LINGER --the client closed, or 1 s--> CLOSED
//
// Everything here belongs to the loop's thread. A connection does its work in om_conn_turn(): take
// what came in, move on what exchanges have, send. Nothing is freed before the turn is over.

#pragma once

#include "loop/loop.h"
#include "net/exchange_int.h"

struct om_http1;
struct om_http2;
struct om_tls;
struct om_tls_context;
struct om_ws;

enum om_conn_state {
    OM_CONN_HANDSHAKE,
    OM_CONN_DETECT,
    OM_CONN_HTTP1,
    OM_CONN_HTTP2,
    OM_CONN_WEBSOCKET,
    OM_CONN_LINGER,
    OM_CONN_CLOSED
};

enum { OM_ADDRESS_SIZE = 64 };

struct om_http_server {
    struct om_loop *loop;  // borrowed, as the next three
    struct om_workers *blocking;
    void *ctx;
    struct om_http_opts opts;  // strings copied or NULL
    struct om_request_policy policy;
    struct om_tls_context *tls;  // NULL in clear text
    struct om_hub *hub;
    struct om_loop_fd listen_watch, wake_watch;
    struct om_loop_timer sweep_timer, accept_timer;
    int64_t sweep_us;  // how often
    int spare_fd;      // given up for a moment when descriptors run out
    struct om_list conns;
    int conns_count;
    bool is_listening, is_draining;
    int64_t drain_until_us;
    void (*drained)(void *ctx);
    void *drained_ctx;
    char *scratch;  // what one read(2) brings
    char url[96];
};

struct om_conn {
    struct om_http_server *server;
    struct om_list link;
    struct om_loop_fd watch;
    struct om_tls *tls;  // NULL in clear text
    bool has_greeted;    // TLS: its first byte was seen
    enum om_conn_state state;
    bool is_eof;           // the client will send no more
    bool wants_close;      // after what is in `out`
    bool is_blocked;       // the socket took less than there was
    bool is_closing;       // WebSocket: our close frame is on its way
    struct om_flow *flow;  // counted
    om_str view;           // input that is not yet parsed: in `in` or in the server's scratch
    struct om_buf in;
    struct om_queue out;
    om_str tail;  // static bytes that follow `out`
    struct om_http1 *http1;
    struct om_http2 *http2;
    struct om_ws *ws;
    struct om_exchange *x;  // HTTP/1.1 and WebSocket: the one at work
    int64_t state_us;       // since when it is in this state, or idle in it
    int64_t read_us;        // when something last came in
    int64_t ping_us;        // WebSocket: when we last asked whether it is there
    int64_t moved_us;       // when a byte last came in or went out
    int64_t sent_us;        // when something last went out, or there was nothing to send
    char address[OM_ADDRESS_SIZE], local_name[OM_ADDRESS_SIZE];
};

enum { OM_SCRATCH_BYTES = 64 * 1024, OM_VIEW_MAX = 64 * 1024 };

// ---- conn.c ------------------------------------------------------------------------------------
// --------------------------------------------------------------------------------------- Takes
// over `fd`.
void om_conn_create(struct om_http_server *server, int fd, const char *address,
                    const char *local_name);
void om_conn_destroy(struct om_conn *conn);
void om_conn_set_state(struct om_conn *conn, enum om_conn_state state);
// Looks after time limits; may destroy it.
void om_conn_sweep(struct om_conn *conn, int64_t now_us);
// An exchange of its has news; may destroy it.
void om_conn_pump(struct om_conn *conn, struct om_exchange *x);
// Closes it if nothing is at work, else after the answer. May destroy it.
void om_conn_drain(struct om_conn *conn);
void om_conn_send(struct om_conn *conn, om_str data);
// The exchange is through: logs and counts it, lets it go.
void om_conn_finish_exchange(struct om_conn *conn, struct om_exchange *x);
void om_conn_refused(enum om_refused reason);
void om_conn_register_metrics(void);

// ---- conn_http1.c ------------------------------------------------------------------------------
void om_conn_http1_start(struct om_conn *conn);
// Takes what it can of conn->view; whether it got further.
bool om_conn_http1_take(struct om_conn *conn);
// Moves on what the exchange has; whether it got further.
bool om_conn_http1_pump(struct om_conn *conn);
// Answers a client that was too slow.
void om_conn_http1_timeout(struct om_conn *conn);

// ---- conn_http2.c ------------------------------------------------------------------------------
void om_conn_http2_start(struct om_conn *conn);
bool om_conn_http2_take(struct om_conn *conn);
bool om_conn_http2_pump(struct om_conn *conn);
void om_conn_http2_sweep(struct om_conn *conn, int64_t now_us);
// Lets all its exchanges go.
void om_conn_http2_finish(struct om_conn *conn);

// ---- conn_ws.c ---------------------------------------------------------------------------------
void om_conn_ws_start(struct om_conn *conn);
bool om_conn_ws_take(struct om_conn *conn);
bool om_conn_ws_pump(struct om_conn *conn);
void om_conn_ws_drain(struct om_conn *conn);
void om_conn_ws_sweep(struct om_conn *conn, int64_t now_us);
