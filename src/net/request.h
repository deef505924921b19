// One request as a parser delivered it, and everything that is decided about it before a handler
// sees it: what it asks for, whether this server is meant, whether a foreign web page sent it, how
// large its body may be. Pure: no sockets, no threads, so that tests and fuzzers reach all of it.

#pragma once

#include "net/head.h"
#include "net/route.h"

enum { OM_QUERY_PAIRS_MAX = 64, OM_METHOD_SIZE = 16 };

// Why a request was refused, as metrics count it.
enum om_refused {
    OM_REFUSED_NOT,
    OM_REFUSED_SYNTAX,  // 400
    OM_REFUSED_HOST,    // 421
    OM_REFUSED_ORIGIN,  // 403
    OM_REFUSED_ROUTE,   // 404, 405, 426
    OM_REFUSED_URI,     // 414
    OM_REFUSED_HEADER,  // 431
    OM_REFUSED_BODY,    // 413
    OM_REFUSED_SLOW,    // 408, or closed
    OM_REFUSED_LIMIT,   // 503: connections, descriptors, memory
    OM_REFUSED_FLOOD,   // too many resets or control frames
    OM_REFUSED_COUNT
};

struct om_refusal {
    enum om_refused reason;
    int status;
    const char *detail, *hint;  // literals
};

// What the server accepts; constant while it runs.
struct om_request_policy {
    const struct om_route *routes;
    size_t header_bytes_max, uri_max;
    int headers_max;
    const char *const *host_names;  // further names, ended by NULL; may be NULL
};

struct om_query_pair {
    om_str key, value;
};

struct om_request {
    // Filled by the parser.
    char method[OM_METHOD_SIZE];
    struct om_buf target;  // raw
    struct om_head head;
    int version;        // 10, 11 or 20
    bool has_body;      // announced by a length or by chunks
    uint64_t body_len;  // as announced; 0 when it is chunked
    struct om_buf body;
    bool is_tls;
    char local_name[64];  // numeric address the connection came in on, no brackets
    // Filled by om_request_check().
    struct om_buf text;  // what the slices below point into
    om_str path, authority;
    const struct om_route *route;
    struct om_route_params params;  // values decoded
    struct om_query_pair *pairs;
    int pairs_count;
    char allow[OM_ROUTE_ALLOW_SIZE];  // for a 405
};

void om_request_init(struct om_request *request, const struct om_request_policy *policy);
void om_request_finish(struct om_request *request);

// To be called when the header is complete, once. reason OM_REFUSED_NOT: it may go on, and the body
// is bounded by route->body_max.
struct om_refusal om_request_check(struct om_request *request,
                                   const struct om_request_policy *policy);

// A piece of the body; false when it grows above its bound.
OM_MUST_USE bool om_request_add_body(struct om_request *request, om_str piece);

bool om_request_is_head(const struct om_request *request);
// GET, HEAD, OPTIONS: those that change nothing.
bool om_request_is_safe(const struct om_request *request);
// Whether it asks for a WebSocket (RFC 6455), not yet whether it does so properly.
bool om_request_wants_websocket(const struct om_request *request);
// The name and help text of a reason, for metrics.
const char *om_refused_name(enum om_refused reason);
