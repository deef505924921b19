// The text of RTSP/1.0 (RFC 2326): heads of answers and requests, and the header values a client
// needs. Pure: slices of what was received, nothing is copied. Bounded, and patient with what
// cameras write: bare line feeds, odd case, blanks.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum {
    OM_RTSP_HEAD_MAX = 16 * 1024,  // bytes up to and with the empty line
    OM_RTSP_BODY_MAX = 64 * 1024,
    OM_RTSP_URL_SIZE = 2048,
};

struct om_rtsp_message {
    int status;         // of an answer; 0 for a request
    om_str method;      // of a request
    om_str headers;     // lines between the first and the empty one
    size_t head_bytes;  // with the empty line
    size_t body_bytes;  // as announced, at most OM_RTSP_BODY_MAX
};

// OM_OK; OM_AGAIN when the head is not complete yet; OM_INVALID when it is no RTSP or beyond a
// bound. `text` begins with the first line.
OM_MUST_USE enum om_status om_rtsp_message_parse(om_str text, struct om_rtsp_message *ret);
// The value of the `skip`-th header of this name, without blanks around it. False when there is
// none.
bool om_rtsp_header(const struct om_rtsp_message *message, const char *name, int skip,
                    om_str *ret_value);
// The value of "name=value" or "name=\"value\"" in a list with this separator; quotes are taken
// off. False when it is not there.
bool om_rtsp_param(om_str list, char separator, const char *name, om_str *ret_value);

struct om_rtsp_transport {
    bool is_interleaved;            // RTP over this very connection
    int rtp_channel, rtcp_channel;  // [0, 255]; -1 when not said
};
struct om_rtsp_transport om_rtsp_transport_parse(om_str value);

struct om_rtsp_session {
    om_str id;
    int timeout_s;  // 60 when not said; within [5, 3600]
};
// False when there is no id, or one that may not stand in a header.
bool om_rtsp_session_parse(om_str value, struct om_rtsp_session *ret);

// The URL of a control attribute: absolute as it is, "*" and "" the base, all else behind the base
// and a slash. False when it does not fit OM_RTSP_URL_SIZE or has bytes that no URL has.
OM_MUST_USE bool om_rtsp_resolve(om_str base, om_str control, char out[OM_RTSP_URL_SIZE]);

// Base64 with or without padding. The number of bytes written, 0 when it is none or does not fit.
size_t om_rtsp_base64_read(om_str text, uint8_t *out, size_t size);
// NUL-terminated; false when it does not fit.
OM_MUST_USE bool om_rtsp_base64_write(om_str bytes, char *out, size_t size);
