// One HTTP/2 connection (nghttp2): bytes in, exchanges and frames out. Knows no sockets, so that
// tests and fuzzers reach all of it.
//
// Exchanges are made here, one a stream, and handed to the connection twice: when the request is
// complete or refused (take_ready), and when the stream is over (take_done). In between both know
// it.
//
// Floods: nghttp2 bounds resets, settings, acknowledgements and continuations; frames that cost
// work and carry nothing are counted here.

#pragma once

#include "net/exchange_int.h"

struct om_http2;

// All borrowed until destroy; `host` is what new exchanges copy.
struct om_http2_host {
    struct om_hub *hub;
    struct om_flow *flow;
    const struct om_request_policy *policy;
    size_t write_budget, bodies_bytes_max;
    const char *local_name;
    bool is_tls;
};

OM_MUST_USE struct om_http2 *om_http2_create(const struct om_http2_host *host);
// Accepts NULL. No exchange may be left (see om_http2_abandon()).
void om_http2_destroy(struct om_http2 *http2);

// Takes all of `data`, the preface included. OM_LIMIT: the peer floods; OM_INVALID: it does not
// speak HTTP/2. Either way what is left to send says so, and the connection is to be closed after
// it.
OM_MUST_USE enum om_status om_http2_feed(struct om_http2 *http2, om_str data);
// The next exchange to dispatch (its refusal may be set) / whose stream is over; NULL when there is
// none.
struct om_exchange *om_http2_take_ready(struct om_http2 *http2);
struct om_exchange *om_http2_take_done(struct om_http2 *http2);
// The exchange has news.
void om_http2_pump(struct om_http2 *http2, struct om_exchange *x);
// Appends frames until `out` holds `len_max` bytes or there are none; false when memory is out.
OM_MUST_USE bool om_http2_send(struct om_http2 *http2, struct om_buf *out, size_t len_max);
// No new streams; the connection is over when the present ones are.
void om_http2_shut_down(struct om_http2 *http2);
// Whether neither side has anything to say any more.
bool om_http2_is_over(const struct om_http2 *http2);
int om_http2_stream_count(const struct om_http2 *http2);
// Ends streams whose requests come too slowly, and says whether the client keeps to the other
// limits.
bool om_http2_sweep(struct om_http2 *http2, const struct om_http_opts *opts, int64_t now_us);
// All streams are over, without a word: the connection is lost. They go to take_done.
void om_http2_abandon(struct om_http2 *http2);
