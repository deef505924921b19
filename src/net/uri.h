// Request targets: strict percent decoding, query parsing, and the authority of a Host or an
// Origin.
//
// Refused rather than repaired: NUL and control bytes (plain or encoded), broken escapes, text that
// is not UTF-8, dot segments, encoded slashes and backslashes. Two parties that read one path
// differently are how checks get bypassed; a path that could be read in two ways has no reading
// here.

#pragma once

#include "base/buf.h"

// Whether `s` is well-formed UTF-8 (no surrogates, no overlong forms, up to U+10FFFF).
bool om_utf8_is_valid(om_str s);

// Appends the decoded form of `raw`; `is_query` also makes '+' a blank and lets encoded slashes
// pass. False when it is refused (see above) or does not fit; what was appended before then stays.
OM_MUST_USE bool om_uri_decode(om_str raw, bool is_query, struct om_buf *out);

// A request target in its parts, borrowed from `target`. Knows "/path?query", "*" and
// "http://authority/path?query". False when it is none of them.
struct om_target {
    om_str scheme;     // "" unless the absolute form was used
    om_str authority;  // the same
    om_str path;       // raw, starts with '/', or "*"
    om_str query;      // raw, without '?'
};
OM_MUST_USE bool om_target_parse(om_str target, struct om_target *ret);

// Whether no segment of a raw path is "." or "..", however it is encoded.
bool om_path_has_no_dots(om_str raw);

// "name:port", "1.2.3.4", "[::1]:80". The name is without brackets; port -1 when there is none.
struct om_authority {
    om_str name;
    int port;
    bool is_ipv6;  // was in brackets
};
OM_MUST_USE bool om_authority_parse(om_str text, struct om_authority *ret);
// Whether it is a loopback name or address: localhost, *.localhost, 127.0.0.0/8, ::1.
bool om_authority_is_loopback(const struct om_authority *authority);
