// Who we are, for RTSP: Basic (RFC 7617) and Digest (RFC 7616: MD5, SHA-256, their -sess forms,
// qop=auth, and without qop). Pure: nonces of our own come in. Nothing of it is ever shown.
//
// Threads: belongs to one session.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct om_buf;
struct om_rtsp_message;

enum om_rtsp_scheme { OM_RTSP_NO_AUTH, OM_RTSP_BASIC, OM_RTSP_MD5, OM_RTSP_SHA256 };
enum { OM_RTSP_REALM_SIZE = 256, OM_RTSP_NONCE_SIZE = 512 };

struct om_rtsp_auth {
    const char *user, *password;  // borrowed
    enum om_rtsp_scheme scheme;   // of the last challenge
    bool is_stale;                // it only says that the nonce is too old
    bool is_session, has_qop;
    char realm[OM_RTSP_REALM_SIZE], nonce[OM_RTSP_NONCE_SIZE], opaque[OM_RTSP_NONCE_SIZE];
    uint32_t count;  // requests with this nonce
};

// Reads the challenges of a 401 and keeps the strongest one. False when there is none that can be
// met; then nothing changes.
bool om_rtsp_auth_learn(struct om_rtsp_auth *auth, const struct om_rtsp_message *answer);
// Appends the Authorization header line, or nothing while no challenge is known. `client_nonce` is
// hex, and new for each request.
void om_rtsp_auth_write(struct om_rtsp_auth *auth, const char *method, const char *url,
                        const char *client_nonce, struct om_buf *out);
