// What a benchmark asks a server of its own on loopback: one blocking GET at a time.
//
// Threads: a stream belongs to one thread, but om_http_stream_stop() may come from any.

#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

// The body of the answer to GET `path`, appended to `body`. False when the answer is not 200.
OM_MUST_USE bool om_http_get(int port, const char *path, struct om_buf *body, struct om_error *err);

// Starts GET `path` as a stream (HTTP/1.0: the body comes as it is). The descriptor, or -1.
OM_MUST_USE int om_http_stream_open(int port, const char *path, struct om_error *err);
// Takes what came, waiting for it: appends to `in`. False at the end.
OM_MUST_USE bool om_http_stream_read(int fd, struct om_buf *in);
// Ends a read under way; the descriptor stays to be closed.
void om_http_stream_stop(int fd);
