#include "pipeline/backoff.h"

#include "base/assert.h"
#include "base/time.h"

static const int64_t S = OM_SECOND;

// A refused port is probed at least every 2 s in the first minute, also after many cycles.
static void test_refused_port_is_probed(void)
{
    struct om_backoff b;
    om_backoff_init(&b, S, 60 * S, 7);
    int64_t now = 0;
    for (int cycle = 0; cycle < 5; cycle++) {
        om_backoff_live(&b, now);
        now += 15 * S;
        now += om_backoff_failed(&b, OM_END, now);  // the server was killed
        int64_t outage_end = now + 40 * S;
        while (now < outage_end) {
            int64_t wait = om_backoff_failed(&b, OM_UNREACHABLE, now);
            om_assert(wait >= S / 2 && wait <= 3 * S / 2);
            now += wait;
        }
    }
    // After the first minute the exponent takes over.
    int64_t longest = 0;
    for (int i = 0; i < 100; i++) {
        int64_t wait = om_backoff_failed(&b, OM_UNREACHABLE, now);
        longest = OM_MAX(longest, wait);
        now += wait;
    }
    om_assert(longest > 30 * S && longest <= 60 * S);
}

static void test_wrong_password_backs_off(void)
{
    struct om_backoff b;
    om_backoff_init(&b, S, 60 * S, 1);
    int64_t now = 0, sum_late = 0;
    om_assert(om_backoff_failed(&b, OM_REFUSED, now) == S);
    for (int i = 0; i < 40; i++) {
        int64_t wait = om_backoff_failed(&b, OM_REFUSED, now);
        om_assert(wait >= S && wait <= 60 * S);
        now += wait;
        if (i >= 20)
            sum_late += wait;
    }
    om_assert(sum_late / 20 > 15 * S);  // full jitter: about half of the ceiling on the average
}

static void test_short_success_does_not_reset(void)
{
    struct om_backoff b;
    om_backoff_init(&b, S, 60 * S, 3);
    int64_t now = 0;
    for (int i = 0; i < 20; i++) {
        om_backoff_live(&b, now);
        now += 2 * S;
        now += om_backoff_failed(&b, OM_END, now);
    }
    om_assert(b.attempts == 20);
    om_backoff_live(&b, now);
    now += 61 * S;
    om_assert(om_backoff_failed(&b, OM_END, now) == S);
}

int main(void)
{
    test_refused_port_is_probed();
    test_wrong_password_backs_off();
    test_short_success_does_not_reset();
    return 0;
}
