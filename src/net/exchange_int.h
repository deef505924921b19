// The inside of an exchange, for net/ only: what connections and exchanges know of each other.
//
//     OPEN ---reply, problem, asset---> COMPLETE
//      |------stream--> STREAMING -end-> COMPLETE
//      '------accept--> WEBSOCKET
//     any ---the client is gone, or all was sent---> GONE
//
// Threads: answers come from any thread. They put bytes into `out` under `lock` and list the
// exchange in the server's hub, which wakes the loop; the loop moves the bytes on.

#pragma once

#include <stdatomic.h>

#include "base/list.h"
#include "base/thread.h"
#include "net/queue.h"
#include "net/request.h"

struct om_conn;

// What exchanges share with their server and may outlive it: the list of those with news. It has a
// wake-up descriptor of its own, so that an exchange which is answered after the server is gone
// harms nobody.
struct om_hub {
    atomic_int refs;
    atomic_size_t body_bytes;  // of all requests that are held
    struct om_mutex lock;
    struct om_list pending;  // under lock: exchanges with news
    int wake_fd;             // under lock; -1 once the server is gone
    int blocking_count;      // under lock: handlers in the blocking pool
    struct om_cond blocking_ended;
};

// Bytes that one connection still owes its client, over all its exchanges.
struct om_flow {
    atomic_int refs;
    atomic_size_t unsent;
};

enum om_exchange_state {
    OM_EXCHANGE_OPEN,
    OM_EXCHANGE_STREAMING,
    OM_EXCHANGE_WEBSOCKET,
    OM_EXCHANGE_COMPLETE,
    OM_EXCHANGE_GONE
};

struct om_exchange {
    uint32_t magic;
    atomic_int refs;
    // Constant once the handler runs.
    struct om_hub *hub;
    struct om_flow *flow;
    struct om_request request;
    char request_id[65];
    int64_t start_us;
    size_t write_budget;
    bool is_h2;
    bool keeps_alive;  // HTTP/1.1: another request may follow

    // Under lock.
    struct om_mutex lock;
    enum om_exchange_state state;
    int status;
    bool is_pending;         // listed in the hub
    bool is_chunked;         // HTTP/1.1 stream in chunks
    bool has_ws_closed;      // our close frame is out: nothing may follow
    struct om_buf lines;     // header lines, "name: value\r\n"
    struct om_buf trailers;  // the same
    struct om_queue out;     // HTTP/1.1: what goes on the wire; HTTP/2: the body
    om_str asset;            // static bytes that follow `out`
    void (*closed)(void *ctx);
    const struct om_ws_ops *ws_ops;
    void *peer_ctx;  // of closed / ws_ops
    size_t message_max;
    uint64_t body_sent;  // bytes of the answer's body

    struct om_list pending_link;  // under the hub's lock

    // Loop thread.
    struct om_conn *conn;       // NULL once the client is gone
    struct om_list link;        // the connection's
    struct om_refusal refusal;  // answered instead of calling the handler
    size_t body_counted;        // of request.body, in hub->body_bytes
    size_t unread_bytes;        // HTTP/2: of the body, that came after the answer
    int32_t stream_id;
    bool is_dispatched, is_submitted, is_deferred;
};

struct om_hub *om_hub_create(int wake_fd);
void om_hub_unref(struct om_hub *hub);
struct om_flow *om_flow_create(void);
void om_flow_unref(struct om_flow *flow);

// A new exchange with one reference, its request ready to be filled.
struct om_exchange *om_exchange_create(struct om_hub *hub, struct om_flow *flow,
                                       const struct om_request_policy *policy);
// Takes the id the client sent, if it is a sane one, or makes one.
void om_exchange_identify(struct om_exchange *x);
// Runs the handler here and now, or in the pool. Loop thread.
struct om_workers;
void om_exchange_dispatch(struct om_exchange *x, struct om_workers *blocking, void *ctx);
// Answers a refusal.
void om_exchange_refuse(struct om_exchange *x, const struct om_refusal *refusal);
// The client is gone or everything was sent: no more answers. Calls closed(). Loop thread.
void om_exchange_detach(struct om_exchange *x);
// The next exchange with news, with a reference, or NULL. Loop thread.
struct om_exchange *om_hub_take(struct om_hub *hub);
// There is news for the loop (x->lock held, so that news and listing are one step).
void om_exchange_notify(struct om_exchange *x);
// For a stream that starts after the client left (x->lock held): the loop will call closed(ctx).
// False when there is no loop any more; then the caller does, without the lock.
OM_MUST_USE bool om_exchange_leave_closed(struct om_exchange *x, void (*closed)(void *ctx),
                                          void *ctx);
// Keeps account of the request's body; false when all bodies together are too many.
bool om_exchange_count_body(struct om_exchange *x, size_t all_max);
// The reason phrase of a status.
const char *om_http_reason(int status);
