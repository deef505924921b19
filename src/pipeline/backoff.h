// Back-off of one camera: how long to wait before the next try, by what went wrong.
//
// A port that refuses is cheap to probe and usually means a restart: at most 1.5 s apart for the
// first minute of an outage. Everything else (wrong password, 453, stalls, dropped sessions) waits
// exponentially from `min` to `max` with full jitter, and the exponent only falls back after the
// stream was healthy for a minute, so that a camera which dies right after each success is not
// stormed.
//
// Pure: time and randomness come in.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/rand.h"

struct om_backoff {
    int64_t min_us, max_us;
    struct om_rand rand;
    int attempts;             // failures since the last healthy stream
    int64_t live_since_us;    // OM_TIME_NONE while down
    int64_t outage_since_us;  // OM_TIME_NONE while live
};

void om_backoff_init(struct om_backoff *backoff, int64_t min_us, int64_t max_us, uint64_t seed);
// The stream came up.
void om_backoff_live(struct om_backoff *backoff, int64_t now_us);
// It failed (to come up, or while up). Returns the time to wait.
int64_t om_backoff_failed(struct om_backoff *backoff, enum om_status status, int64_t now_us);
