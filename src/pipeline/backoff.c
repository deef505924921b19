#include "pipeline/backoff.h"

#include "base/time.h"

enum { HEALTHY_S = 60, PROBE_S = 60, DOUBLINGS_MAX = 16 };

void om_backoff_init(struct om_backoff *backoff, int64_t min_us, int64_t max_us, uint64_t seed)
{
    *backoff = (struct om_backoff){.min_us = min_us,
                                   .max_us = max_us,
                                   .live_since_us = OM_TIME_NONE,
                                   .outage_since_us = OM_TIME_NONE};
    om_rand_init(&backoff->rand, seed);
}

void om_backoff_live(struct om_backoff *backoff, int64_t now_us)
{
    backoff->live_since_us = now_us;
    backoff->outage_since_us = OM_TIME_NONE;
}

static int64_t between(struct om_rand *rand, int64_t lo, int64_t hi)
{
    return hi > lo ? lo + (int64_t)(om_rand_unit(rand) * (double)(hi - lo)) : lo;
}

int64_t om_backoff_failed(struct om_backoff *backoff, enum om_status status, int64_t now_us)
{
    if (backoff->live_since_us != OM_TIME_NONE) {
        if (now_us - backoff->live_since_us >= HEALTHY_S * (int64_t)OM_SECOND)
            backoff->attempts = 0;
        backoff->live_since_us = OM_TIME_NONE;
    }
    if (backoff->outage_since_us == OM_TIME_NONE)
        backoff->outage_since_us = now_us;

    bool is_young = now_us - backoff->outage_since_us < PROBE_S * (int64_t)OM_SECOND;
    if (status == OM_UNREACHABLE && is_young)
        return between(&backoff->rand, OM_MIN(backoff->min_us, OM_SECOND / 2),
                       OM_MIN(backoff->max_us, 3 * OM_SECOND / 2));

    int64_t ceiling = backoff->min_us;
    for (int i = 0; i < OM_MIN(backoff->attempts, DOUBLINGS_MAX) && ceiling < backoff->max_us; i++)
        ceiling *= 2;
    backoff->attempts++;
    return between(&backoff->rand, backoff->min_us, OM_MIN(ceiling, backoff->max_us));
}
