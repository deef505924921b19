#include "bench/streams_plan.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/attr.h"

enum { CLIP = 150, REEL = 400 };

static bool moves[CLIP], is_quiet[CLIP];
static int order[REEL];

// Motion within [from, to); two pictures on either side are neither.
static struct om_plan_clip clip_with(int from, int to)
{
    for (int i = 0; i < CLIP; i++) {
        moves[i] = i >= from && i < to;
        is_quiet[i] = i < from - 2 || i >= to + 2;
    }
    return (struct om_plan_clip){CLIP, moves, is_quiet};
}

static double share_moving(void)
{
    int n = 0;
    for (int i = 0; i < REEL; i++)
        n += order[i] >= 0 && moves[order[i]];
    return (double)n / REEL;
}

static int count_stills(void)
{
    int n = 0;
    for (int i = 0; i < REEL; i++)
        n += order[i] == OM_PLAN_STILL;
    return n;
}

static void test_share(void)
{
    static const struct {
        int from, to;
        double activity;
        int stills_max;
    } cases[] = {
        {60, 90, 0.1, 0},      // a piece with quiet around it
        {0, CLIP, 0.1, REEL},  // motion without end: still pictures between
        {60, 90, 0.3, 0},     {0, 40, 0.05, 0}, {110, CLIP, 0.2, 0},
        {0, CLIP, 1, 0},      {60, 90, 1, 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        const struct om_plan_clip clip = clip_with(cases[i].from, cases[i].to);
        for (uint64_t seed = 0; seed < 5; seed++) {
            om_assert(om_plan_make(&clip, cases[i].activity, seed, order, REEL));
            double off = share_moving() - cases[i].activity;
            om_assert(off > -0.015 && off < 0.015);
            om_assert(count_stills() <= cases[i].stills_max);
            for (int p = 0; p < REEL; p++)
                om_assert(order[p] >= OM_PLAN_STILL && order[p] < CLIP);
        }
    }
}

// Two whole pieces. Out of a piece and into the next one the pictures go on as in the clip.
static void test_no_jumps(void)
{
    const struct om_plan_clip clip = clip_with(60, 90);
    om_assert(om_plan_make(&clip, 0.15, 7, order, REEL));
    for (int i = 1; i < REEL; i++) {
        bool leaves = order[i - 1] >= 0 && moves[order[i - 1]];
        bool enters = moves[order[i]];
        if (leaves || enters)
            om_assert(abs(order[i] - order[i - 1]) <= 5);
    }
}

static void test_seeds_differ(void)
{
    static int other[REEL];
    const struct om_plan_clip clip = clip_with(60, 90);
    int differ = 0;
    om_assert(om_plan_make(&clip, 0.1, 1, order, REEL));
    om_assert(om_plan_make(&clip, 0.1, 1, other, REEL));
    for (int i = 0; i < REEL; i++)
        om_assert(order[i] == other[i]);
    om_assert(om_plan_make(&clip, 0.1, 2, other, REEL));
    for (int i = 0; i < REEL; i++)
        differ += order[i] != other[i];
    om_assert(differ > 0);
}

static void test_nothing_moves(void)
{
    const struct om_plan_clip clip = clip_with(0, 0);
    om_assert(!om_plan_make(&clip, 0.1, 1, order, REEL));
    om_assert(om_plan_make(&clip, 0, 1, order, REEL) && count_stills() == 0);
    om_assert(om_plan_to_and_fro(7, 1) == 0 && om_plan_to_and_fro(3, 3) == 1);
}

int main(void)
{
    test_share();
    test_no_jumps();
    test_seeds_differ();
    test_nothing_moves();
    return 0;
}
