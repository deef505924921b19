// Addresses of network cameras: parsed once, strictly, and put together anew from their parts, so
// that nothing that libav would read as an option, a second protocol or a line of its own survives.
// Credentials are split off at once.

#pragma once

#include <stdbool.h>

#include "base/str.h"

struct om_buf;
struct om_error;

struct om_url {
    char scheme[8];      // lower case: rtsp, rtsps, http, https
    char user[128];      // decoded; "" = none
    char password[128];  // decoded
    char host[256];      // name, IPv4, or IPv6 without brackets
    int port;            // 0 = the scheme's own
    char path[2048];     // from the first '/', with the query; never empty
    bool is_ipv6;
};

// False with one sentence and a hint. Never puts a credential into *err.
OM_MUST_USE bool om_url_parse(om_str text, struct om_url *ret, struct om_error *err);
// With credentials (percent-encoded) for libav, or without for people (then query values are left
// out too).
void om_url_write(const struct om_url *url, bool with_credentials, struct om_buf *out);
