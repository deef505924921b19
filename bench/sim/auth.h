// Passwords of RTSP: Basic and Digest (RFC 7616 with MD5, as cameras have it).

#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

struct om_sim_auth {
    const char *user, *password;  // user NULL = everybody may come in
    char text[128];
};

// "user:password", or NULL for none.
OM_MUST_USE bool om_sim_auth_init(struct om_sim_auth *auth, const char *user_password,
                                  struct om_error *err);
// Appends the WWW-Authenticate headers of a 401.
void om_sim_auth_challenge(const char *nonce, struct om_buf *out);
// Whether the Authorization header opens it.
bool om_sim_auth_is_good(const struct om_sim_auth *auth, const char *nonce, om_str method,
                         om_str authorization);
