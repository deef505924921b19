// Fetches one file over HTTPS (libcurl behind fetch.c). Plain HTTP only from the machine itself;
// redirects only within the host; at most OM_FETCH_BYTES_MAX.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct om_error;

#define OM_FETCH_BYTES_MAX ((int64_t)512 << 20)

typedef void om_fetch_progress_fn(void *ctx, int64_t done, int64_t total);

// Whether `text` is something to fetch: begins with http:// or https://.
bool om_fetch_is_url(const char *text);

// Writes what `url` gives to the new file `path`, which is removed again on failure.
OM_MUST_USE bool om_fetch(const char *url, const char *path, om_fetch_progress_fn *progress,
                          void *ctx, struct om_error *err);
