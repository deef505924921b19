#include "bench/sim/timeline.h"

#include <math.h>

#include "base/assert.h"

enum { STEP = OM_SIM_TICKS / 5, GOP = 20, PICTURES_MAX = 400 };

// A reel of 5 pictures a second with a key frame every GOP of them.
struct fake {
    struct om_sim_reel reel;
    struct om_sim_picture pictures[PICTURES_MAX];
};

static void fake_init(struct fake *fake, int count)
{
    fake->reel = (struct om_sim_reel){.path = "fake",
                                      .codec = OM_CODEC_H264,
                                      .pictures = fake->pictures,
                                      .count = count,
                                      .interval = STEP,
                                      .period = (int64_t)count * STEP};
    for (int i = 0; i < count; i++)
        fake->pictures[i] = (struct om_sim_picture){0, 1000, (int64_t)i * STEP, (int64_t)i * STEP,
                                                    i % GOP == 0};
}

static void check_order(const struct om_sim_timeline *t, int64_t step)
{
    for (int i = 0; i < t->count; i++)
        om_assert(t->steps[i].send == i * step && t->steps[i].shown == i * step);
    om_assert(t->period == t->count * step && t->interval == step);
    for (int i = 0; i < t->key_count; i++)
        om_assert(t->steps[t->keys[i]].picture->is_key);
}

static void test_one(void)
{
    static struct fake clip;
    fake_init(&clip, 100);
    struct om_sim_timeline t;
    om_sim_timeline_init(&t, &clip.reel);
    om_assert(t.count == 100 && t.key_count == 5 && t.gop == GOP * STEP);
    check_order(&t, STEP);
    om_sim_timeline_set_fps(&t, 10);
    check_order(&t, STEP / 2);
    om_sim_timeline_finish(&t);
}

static double active_share(const struct om_sim_timeline *t, const struct om_sim_reel *active)
{
    int n = 0;
    for (int i = 0; i < t->count; i++)
        n += t->steps[i].reel == active;
    return (double)n / t->count;
}

static void test_pairs(void)
{
    static const double shares[] = {0, 0.01, 0.1, 0.5, 0.9, 1};
    static struct fake active, quiet;
    fake_init(&active, 200);
    fake_init(&quiet, 50);  // two whole groups and a half one
    for (size_t i = 0; i < OM_ARRAY_LEN(shares); i++) {
        struct om_sim_timeline t;
        om_assert(om_sim_timeline_init_pair(&t, &active.reel, &quiet.reel, shares[i], NULL));
        check_order(&t, STEP);
        // To half a group, of what one round has.
        om_assert(fabs(active_share(&t, &active.reel) - shares[i]) <= (double)GOP / 2 / t.count);
        for (int k = 1; k < t.count; k++) {
            bool is_seam = t.steps[k].picture != t.steps[k - 1].picture + 1;
            om_assert(!is_seam || t.steps[k].picture->is_key);
        }
        om_sim_timeline_finish(&t);
    }
}

static void test_bad_pairs(void)
{
    static struct fake active, quiet;
    fake_init(&active, 400);
    fake_init(&quiet, 20);
    struct om_sim_timeline t;
    struct om_error err = {0};
    om_assert(!om_sim_timeline_init_pair(&t, &active.reel, &quiet.reel, 1e-9, &err));
    om_assert(err.status == OM_LIMIT);
    om_sim_timeline_finish(&t);
    quiet.reel.codec = OM_CODEC_HEVC;
    om_assert(!om_sim_timeline_init_pair(&t, &active.reel, &quiet.reel, 0.5, &err));
    om_assert(err.status == OM_INVALID);
    om_sim_timeline_finish(&t);
}

static void test_starts(void)
{
    static struct fake clip;
    fake_init(&clip, 400);  // 20 key frames
    struct om_sim_timeline t;
    om_sim_timeline_init(&t, &clip.reel);
    int seen[PICTURES_MAX] = {0};
    om_assert(om_sim_timeline_start(&t, 0) == 0);
    for (int camera = 0; camera < 1000; camera++) {
        int start = om_sim_timeline_start(&t, camera);
        om_assert(start % GOP == 0 && start == om_sim_timeline_start(&t, camera));
        seen[start]++;
    }
    for (int i = 0; i < t.count; i += GOP)
        om_assert(seen[i] >= 45 && seen[i] <= 55);  // 1000 / 20, even
    om_sim_timeline_finish(&t);
}

int main(void)
{
    test_one();
    test_pairs();
    test_bad_pairs();
    test_starts();
    return 0;
}
