#include "media/clock.h"

#include "base/assert.h"
#include "base/time.h"

#define NONE OM_TIME_NONE
#define WRAP ((1LL << 33) * 100 / 9)

enum { GAP = 40000 };

struct row {
    int64_t pts, dts;  // in
    int64_t out_pts, out_dts;
    uint32_t epoch;
};

static void run(const char *what, bool is_live, int64_t wrap_us, const struct row *rows, size_t n)
{
    struct om_media_clock clock;

    (void)what;
    om_media_clock_init(&clock, is_live, wrap_us);
    for (size_t i = 0; i < n; i++) {
        int64_t now = (int64_t)i * GAP;
        struct om_media_stamp stamp = om_media_clock_stamp(&clock, rows[i].pts, rows[i].dts, now,
                                                           now + 1000 * OM_SECOND);
        om_assert(stamp.pts_us == rows[i].out_pts);
        om_assert(stamp.dts_us == rows[i].out_dts);
        om_assert(stamp.epoch == rows[i].epoch);
    }
}
#define RUN(what, is_live, wrap, ...)                                                              \
    run((what), (is_live), (wrap), (const struct row[]){__VA_ARGS__},                              \
        OM_ARRAY_LEN(((const struct row[]){__VA_ARGS__})))

static void test_plain(void)
{
    RUN("b-frames keep their distance", false, 0, {80000, 0, 80000, 0, 0},
        {200000, 40000, 200000, 40000, 0}, {120000, 80000, 120000, 80000, 0});
    RUN("equal and late dts are put behind the last", false, 0, {0, 0, 0, 0, 0},
        {40000, 40000, 40000, 40000, 0}, {40000, 40000, 40001, 40001, 0},
        {30000, 30000, 40002, 40002, 0}, {80000, 80000, 80000, 80000, 0});
    RUN("no time at all: the usual gap", false, 0, {NONE, NONE, 0, 0, 0}, {NONE, NONE, GAP, GAP, 0},
        {NONE, NONE, 2 * GAP, 2 * GAP, 0});
    RUN("pts before dts", false, 0, {-500, 0, 0, 0, 0});
    RUN("pts far ahead is nonsense", false, 0, {3600000000, 0, 0, 0, 0});
    RUN("no dts", false, 0, {NONE, 7, 7, 7, 0}, {40007, NONE, 40007, 40007, 0});
}

static void test_jumps(void)
{
    RUN("backward jump", false, 0, {0, 0, 0, 0, 0}, {9000000, 9000000, 9000000, 9000000, 0},
        {0, 0, 9000000 + GAP, 9000000 + GAP, 1},
        {40000, 40000, 9000000 + 2 * GAP, 9000000 + 2 * GAP, 1});
    RUN("forward jump of a camera", true, 0, {0, 0, 0, 0, 0},
        {37600000000, 37600000000, GAP, GAP, 1}, {37600040000, 37600040000, 2 * GAP, 2 * GAP, 1});
    RUN("a file may pause", false, 0, {0, 0, 0, 0, 0}, {60000000, 60000000, 60000000, 60000000, 0});
    RUN("absurd values do not overflow", true, 0, {INT64_MAX, INT64_MAX, 0, 0, 0},
        {INT64_MAX - 1, INT64_MIN + 1, GAP, GAP, 0});
}

// A camera whose stamps stand still: pictures are as far apart as they arrive, and when the stamps
// move on again there is no jump.
static void test_still(int64_t pts, int64_t dts)
{
    struct om_media_clock clock;
    int64_t last = NONE, now = 0;

    om_media_clock_init(&clock, true, 0);
    for (int i = 0; i < 200; i++, now += GAP) {
        int64_t add = i < 100 ? 0 : (int64_t)(i - 99) * GAP;
        struct om_media_stamp stamp = om_media_clock_stamp(
            &clock, pts == NONE ? NONE : pts + add, dts == NONE ? NONE : dts + add, now, now);
        om_assert(stamp.dts_us > last && stamp.pts_us - stamp.dts_us < 300 && stamp.epoch == 0);
        if (i > 10)
            om_assert(stamp.dts_us - last > GAP - 300 && stamp.dts_us - last < GAP + 300);
        last = stamp.dts_us;
    }
}

static void test_wraps(void)
{
    RUN("33 bits", true, WRAP, {WRAP - 20000, WRAP - 40000, WRAP - 20000, WRAP - 40000, 0},
        {20000, 0, WRAP + 20000, WRAP, 0}, {60000, 40000, WRAP + 60000, WRAP + 40000, 0});
    RUN("pts wraps before dts", true, WRAP, {5000, WRAP - 35000, WRAP + 5000, WRAP - 35000, 0},
        {45000, 5000, WRAP + 45000, WRAP + 5000, 0});
}

// 27 hours of a 33-bit counter: two wraps, no epoch.
static void test_long_run(void)
{
    struct om_media_clock clock;
    int64_t last = NONE;

    om_media_clock_init(&clock, true, WRAP);
    for (int64_t t = 0; t < 2 * WRAP + OM_SECOND; t += OM_SECOND) {
        struct om_media_stamp stamp = om_media_clock_stamp(&clock, t % WRAP, t % WRAP, t, t);
        om_assert(stamp.dts_us > last && stamp.epoch == 0);
        om_assert(stamp.dts_us - t < 10 && t - stamp.dts_us < 10);
        last = stamp.dts_us;
    }
}

static void test_pts_only(void)
{
    static const int64_t pts[] = {0, 120000, 40000, 80000, 240000, 160000, 200000};
    struct om_media_clock clock;
    int64_t last = NONE;

    om_media_clock_init(&clock, true, 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < OM_ARRAY_LEN(pts); i++) {
            int64_t in = pts[i] + round * 280000;
            struct om_media_stamp stamp = om_media_clock_stamp(&clock, in, NONE, in, in);
            om_assert(stamp.dts_us > last && stamp.pts_us >= stamp.dts_us && stamp.epoch == 0);
            om_assert(round == 0 || stamp.pts_us == in);  // learned how far it reorders
            last = stamp.dts_us;
        }
    }
}

static void test_restart(void)
{
    struct om_media_clock clock;

    om_media_clock_init(&clock, true, 0);
    struct om_media_stamp a = om_media_clock_stamp(&clock, 50, 50, 1000, 7000000);
    om_assert(a.wall_us == 7000000);
    om_media_clock_restart(&clock);
    struct om_media_stamp b = om_media_clock_stamp(&clock, 3, 3, 20 * OM_SECOND + 1000, 27000000);
    om_assert(b.epoch == 1 && b.dts_us == 50 + 20 * OM_SECOND);  // the outage counts
    om_assert(b.wall_us == 27000000);

    // The wall clock is set by an hour: the label follows, the media clock does not.
    struct om_media_stamp c = om_media_clock_stamp(&clock, 40003, 40003, 20 * OM_SECOND + 41000,
                                                   3627040000);
    om_assert(c.dts_us == b.dts_us + 40000 && c.wall_us == 3627040000);
}

int main(void)
{
    test_plain();
    test_jumps();
    test_still(7, 7);
    test_still(7, NONE);
    test_wraps();
    test_long_run();
    test_pts_only();
    test_restart();
    return 0;
}
