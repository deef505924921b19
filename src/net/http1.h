// HTTP/1.1 requests out of a stream of bytes (llhttp, strict). Pure: bytes in, steps out.
//
// One request at a time: after OM_HTTP1_DONE nothing more is taken until om_http1_next(), so what a
// pipelining client sent ahead waits with the caller.

#pragma once

#include "net/request.h"

struct om_http1;

enum om_http1_step {
    OM_HTTP1_MORE,  // everything was taken; more bytes are needed
    OM_HTTP1_HEAD,  // the header is complete: check it, then go on feeding
    OM_HTTP1_DONE,  // the request is complete
    OM_HTTP1_BAD    // it is refused (see om_http1_refusal()); the connection must be closed
};

OM_MUST_USE struct om_http1 *om_http1_create(const struct om_request_policy *policy);
void om_http1_destroy(struct om_http1 *http1);  // accepts NULL

// Starts reading a request into `request` (initialised, borrowed until DONE or BAD).
void om_http1_next(struct om_http1 *http1, struct om_request *request);
// Takes bytes up to the next step; *ret_used is how many.
enum om_http1_step om_http1_feed(struct om_http1 *http1, om_str data, size_t *ret_used);
// After BAD.
struct om_refusal om_http1_refusal(const struct om_http1 *http1);
// Whether any byte of the next request has been seen.
bool om_http1_has_begun(const struct om_http1 *http1);
// Valid from HEAD on: whether the client allows another request on this connection.
bool om_http1_keeps_alive(const struct om_http1 *http1);
bool om_http1_expects_continue(const struct om_http1 *http1);
