// HTTP server: one port, protocol by evidence: HTTP/1.1 (llhttp), HTTP/2 (nghttp2; ALPN under TLS,
// the preface in clear text), WebSocket upgrades (wslay). It knows no cameras: a table of routes
// says which function answers what.
//
// Threads: a connection lives and dies on one loop. A handler runs on the loop (must not block) or,
// with OM_ROUTE_BLOCKING, in the blocking pool. Answers may be given from any thread: the exchange
// is counted, and what is sent is posted to its loop.
//
// Limits are data: per route (body) and per server (header bytes, header count, URI, times,
// connections in all and per address). Slow clients are cut: header in 5 s, body at 1 KB/s at
// least, write budget.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"

struct om_error;
struct om_http_server;
struct om_loop;
struct om_workers;

// One request and its answer. Counted: the server holds one reference until the answer is complete
// or the client is gone; a handler that answers later takes its own.
struct om_exchange;

typedef void om_handler_fn(void *ctx, struct om_exchange *x);

enum om_route_flags {
    OM_ROUTE_BLOCKING = 1,   // run in the blocking pool
    OM_ROUTE_WEBSOCKET = 2,  // GET with Upgrade; the handler calls om_ws_accept()
};

struct om_route {
    const char *method;  // "GET"; HEAD is answered by GET routes without the body
    const char *path;    // "/api/v1/cameras/{id}/snapshot.jpg"; a {name} matches one segment
    om_handler_fn *fn;
    const char
        *scope;       // who may call it: "read", "control", "admin", "public". Never NULL: checked
    size_t body_max;  // 0 = no body allowed
    unsigned flags;
    const char *summary;  // one line for the API description
};

struct om_http_opts {
    const char *listen;               // "127.0.0.1:8080", "[::1]:0"; port 0 = any
    size_t header_bytes_max;          // 16 KiB
    int headers_max;                  // 100
    size_t uri_max;                   // 8 KiB
    int64_t header_timeout_us;        // 5 s
    int64_t idle_timeout_us;          // 60 s
    int connections_max;              // 1024 ... from the descriptor budget
    int connections_per_address_max;  // 256, loopback excepted
    int64_t stall_timeout_us;   // 20 s: how long a client may take none of what is there for it
    int body_rate_min;          // 1024 bytes/s a body must arrive at, after the first 5 s
    size_t write_budget_bytes;  // unsent bytes a connection may hold (4 MiB)
    size_t bodies_bytes_max;    // 256 MiB: bodies of requests, over all connections
    const char *tls_cert, *tls_key;  // PEM files; NULL = clear text
    // Host names (besides the listen address, localhost and loopback addresses) that requests may
    // name; a request with any other Host is answered 421, one with a foreign Origin and an unsafe
    // method or a WebSocket upgrade 403. This is what keeps web pages off loopback (DNS rebinding,
    // CSRF).
    const char *const *host_names;
};
extern const struct om_http_opts om_http_opts_default;

// Borrows loop, workers, routes (ended by a zero row) and ctx until destroy. Listens at once; fails
// with a hint when the address is taken. With has_identity false, addresses that are not loopback
// are refused.
OM_MUST_USE struct om_http_server *om_http_server_create(struct om_loop *loop,
                                                         struct om_workers *blocking,
                                                         const struct om_route *routes, void *ctx,
                                                         const struct om_http_opts *opts,
                                                         bool has_identity, struct om_error *err);
// Stops listening, closes idle connections, lets answers under way finish for up to `grace_us`,
// then closes the rest and calls drained(ctx), once, from a turn of the loop. Loop thread.
void om_http_server_drain(struct om_http_server *server, int64_t grace_us,
                          void (*drained)(void *ctx), void *ctx);
// Closes everything at once; waits for handlers that run in the blocking pool. Exchanges that
// others still hold stay valid, their client is gone. Accepts NULL. In the loop's thread, or when
// the loop does not run.
void om_http_server_destroy(struct om_http_server *server);
OM_DEFINE_AUTO(om_http_server);
// "http://127.0.0.1:8080" with the real port; lives as long as the server.
const char *om_http_server_url(const struct om_http_server *server);

// ---- the request (valid while the exchange is) -------------------------------------------------
struct om_exchange *om_exchange_ref(struct om_exchange *x);
void om_exchange_unref(struct om_exchange **x);  // any thread
OM_DEFINE_AUTO_REF(om_exchange);
om_str om_exchange_method(const struct om_exchange *x);
om_str om_exchange_path(const struct om_exchange *x);  // decoded, without the query
const struct om_route *om_exchange_route(const struct om_exchange *x);
om_str om_exchange_param(const struct om_exchange *x, const char *name);  // {name} of the path; ""
// Decoded value of a query key. False when it is absent; *ret then stays.
bool om_exchange_query(const struct om_exchange *x, const char *key, om_str *ret);
bool om_exchange_header(const struct om_exchange *x, const char *name, om_str *ret);  // any case
om_str om_exchange_body(const struct om_exchange *x);
// Id of this request: from X-Request-Id (if a sane one was sent) or made; echoed in the answer.
const char *om_exchange_request_id(const struct om_exchange *x);

// ---- the answer (exactly one of these, once, from any thread) ----------------------------------
// Extra headers: set before the answer. Copied.
void om_exchange_set_header(struct om_exchange *x, const char *name, const char *value);
void om_exchange_reply(struct om_exchange *x, int status, const char *content_type, om_str body);
// RFC 9457 problem document {"type","title","status","detail","hint","request_id"}.
void om_exchange_problem(struct om_exchange *x, int status, const char *detail, const char *hint);
// The problem that fits an error's class (NOT_FOUND 404, INVALID 422, EXISTS 409, LIMIT 429, ...).
void om_exchange_fail(struct om_exchange *x, const struct om_error *err);
// A static asset that lives for ever: strong ETag, If-None-Match, gzip form if the client takes it
// (`gzip` may be empty), range requests.
void om_exchange_asset(struct om_exchange *x, const char *content_type, om_str identity,
                       om_str gzip, const char *etag);

// ---- streams: SSE, live video ------------------------------------------------------------------
// Starts an answer without a length. Afterwards write until end; each write is copied and sent as
// one chunk / DATA frame. `closed` (may be NULL) is called once on the loop when the client is gone
// or the stream ended; it must not write.
void om_exchange_stream(struct om_exchange *x, int status, const char *content_type,
                        void (*closed)(void *ctx), void *ctx);
// OM_OK; OM_LIMIT when the connection's unsent bytes would exceed the write budget (nothing was
// taken: the caller drops or closes); OM_END when the client is gone. Any thread; order kept per
// thread.
OM_MUST_USE enum om_status om_exchange_write(struct om_exchange *x, om_str data);
// A header field after the body of a stream (gRPC's status); between the start and the end of the
// stream.
void om_exchange_set_trailer(struct om_exchange *x, const char *name, const char *value);
void om_exchange_end(struct om_exchange *x);
size_t om_exchange_unsent(struct om_exchange *x);

// ---- WebSocket ---------------------------------------------------------------------------------
struct om_ws_ops {
    void (*message)(void *ctx, bool is_text, om_str data);  // loop thread; whole messages
    void (*closed)(void *ctx);                              // loop thread, once
};
// Completes the upgrade. Messages above `message_max` close with 1009.
void om_ws_accept(struct om_exchange *x, const struct om_ws_ops *ops, void *ctx,
                  size_t message_max);
OM_MUST_USE enum om_status om_ws_send(struct om_exchange *x, bool is_text, om_str data);
void om_ws_close(struct om_exchange *x, int code, const char *reason);
