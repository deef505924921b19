// One WebSocket (RFC 6455, wslay): bytes in, whole messages out, control frames answered. Knows no
// sockets. Masking, fragmentation, UTF-8 and close codes are checked; a message above its bound
// closes with 1009.

#pragma once

#include "base/buf.h"

struct om_ws;

typedef void om_ws_message_fn(void *ctx, bool is_text, om_str data);

// Messages of at most `message_max` bytes go to fn(ctx), from within om_ws_feed().
OM_MUST_USE struct om_ws *om_ws_create(size_t message_max, om_ws_message_fn *fn, void *ctx);
void om_ws_destroy(struct om_ws *ws);  // accepts NULL

// Takes all of `data`; pongs and the answer to a close are appended to `out`. False when the
// connection is over: a close came, or the peer broke the protocol (then `out` says how).
OM_MUST_USE bool om_ws_feed(struct om_ws *ws, om_str data, struct om_buf *out);

enum om_ws_opcode { OM_WS_TEXT = 1, OM_WS_BINARY = 2, OM_WS_CLOSE = 8, OM_WS_PING = 9 };
enum { OM_WS_FRAME_HEADER_MAX = 10 };
// One whole, unmasked frame.
void om_ws_put_frame(struct om_buf *out, enum om_ws_opcode opcode, om_str data);

enum { OM_WS_ACCEPT_SIZE = 32 };
// What Sec-WebSocket-Accept says to a key of 24 characters.
void om_ws_accept_key(om_str key, char text[OM_WS_ACCEPT_SIZE]);
