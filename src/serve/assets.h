// The page's files, compiled into the program. The table is generated from web/dist by
// tools/embed.py.

#pragma once

#include <stdbool.h>

#include "base/str.h"

struct om_asset {
    const char *path;          // "/", "/assets/index-1a2b3c.js"
    const char *content_type;  // "text/html; charset=utf-8"
    const char *etag;          // strong, with its quotes
    om_str identity;
    om_str gzip;        // empty where packing does not make it smaller
    bool is_immutable;  // the name has a hash of the content: may be kept for a year
};

// Ended by a row without a path.
extern const struct om_asset om_assets[];
