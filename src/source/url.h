// URLs of cameras: taken apart once, checked, and written again from the parts, so that nothing a
// user wrote reaches a library as it was. Credentials are parts of their own from here on.
//
// Threads: no shared state.

#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

enum { OM_URL_SIZE = 2048, OM_URL_PART_SIZE = 512 };

struct om_url {
    char scheme[16];                                          // lower case
    char user[OM_URL_PART_SIZE], password[OM_URL_PART_SIZE];  // decoded
    bool has_user, has_password;
    char host[256];           // lower case, IPv6 without brackets
    int port;                 // 0 when not given
    char path[OM_URL_SIZE];   // from the first slash, "" when there is none; escaped
    char query[OM_URL_SIZE];  // without the question mark; escaped
};

// OM_INVALID with a hint when it is no URL of the form
// scheme://[user[:password]@]host[:port][/path].
OM_MUST_USE enum om_status om_url_parse(om_str text, struct om_url *ret, struct om_error *err);
// The whole URL, with credentials; for libraries only, never for a text. False when it does not
// fit.
OM_MUST_USE bool om_url_write(const struct om_url *url, char *out, size_t size);
// What may be shown: no credentials, no query.
void om_url_write_safe(const struct om_url *url, char *out, size_t size);
// Overwrites the credentials.
void om_url_wipe(struct om_url *url);
