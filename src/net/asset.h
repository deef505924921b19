// What a client says about a representation: which bytes, whether it has it already, whether it
// takes gzip. Pure.

#pragma once

#include "base/str.h"

enum om_range { OM_RANGE_ALL, OM_RANGE_PART, OM_RANGE_OUTSIDE };

// Reads a Range header for `total` bytes. PART sets [*ret_from, *ret_to). Several ranges, other
// units and nonsense give ALL, as RFC 9110 allows; OUTSIDE is a 416.
enum om_range om_range_parse(om_str header, size_t total, size_t *ret_from, size_t *ret_to);
// Whether a list of entity tags ("If-None-Match") holds `etag` (quoted) or is "*".
bool om_etag_matches(om_str header, om_str etag);
// Whether an Accept-Encoding header takes gzip.
bool om_accepts_gzip(om_str header);

enum { OM_HTTP_DATE_SIZE = 32 };
// "Sat, 21 Nov 2026 11:14:09 GMT". Returns `text`.
const char *om_http_date(int64_t wall_us, char text[OM_HTTP_DATE_SIZE]);
