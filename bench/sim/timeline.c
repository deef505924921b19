#include "bench/sim/timeline.h"

#include <math.h>

#include "base/assert.h"
#include "base/mem.h"

enum { STEPS_MAX = 4 << 20 };

// The golden ratio's fraction: its multiples are as even as they can be at every count.
static const double GOLDEN = 0.6180339887498949;

// Appends the pictures [from, to) of `reel`, the first of them at `start`.
static void append(struct om_sim_timeline *timeline, struct om_sim_reel *reel, int from, int to,
                   int64_t start)
{
    int64_t base = reel->pictures[from].dts;
    for (int i = from; i < to; i++) {
        const struct om_sim_picture *picture = &reel->pictures[i];
        if (timeline->count == timeline->cap) {
            timeline->cap = OM_MAX(256, timeline->cap * 2);
            timeline->steps = om_realloc(timeline->steps, (size_t)timeline->cap,
                                         sizeof(*timeline->steps));
        }
        timeline->steps[timeline->count++] = (struct om_sim_step){
            picture, reel, picture->dts - base + start, picture->pts - base + start};
    }
}

static void find_keys(struct om_sim_timeline *timeline)
{
    timeline->keys = om_new_array(int, (size_t)timeline->count);
    for (int i = 0; i < timeline->count; i++) {
        if (timeline->steps[i].picture->is_key)
            timeline->keys[timeline->key_count++] = i;
    }
    om_assert(timeline->key_count > 0 && timeline->keys[0] == 0);
    timeline->gop = timeline->period / timeline->key_count;
}

void om_sim_timeline_init(struct om_sim_timeline *timeline, struct om_sim_reel *reel)
{
    *timeline = (struct om_sim_timeline){.name = reel->path, .reel = reel};
    append(timeline, reel, 0, reel->count, 0);
    timeline->period = reel->period;
    timeline->interval = reel->interval;
    find_keys(timeline);
}

// One past the last picture of the group that begins at `from`.
static int group_end(const struct om_sim_reel *reel, int from)
{
    int to = from + 1;
    while (to < reel->count && !reel->pictures[to].is_key)
        to++;
    return to;
}

static int64_t group_ticks(const struct om_sim_reel *reel, int from, int to)
{
    int64_t end = to < reel->count ? reel->pictures[to].dts : reel->period;
    return end - reel->pictures[from].dts;
}

// Groups of the quiet reel, over and over, until `ticks` are met as nearly as whole groups can.
static void append_quiet(struct om_sim_timeline *timeline, struct om_sim_reel *quiet, double ticks)
{
    double left = ticks;
    for (int from = 0; timeline->count < STEPS_MAX;) {
        int to = group_end(quiet, from);
        int64_t group = group_ticks(quiet, from, to);
        if (left < (double)group / 2 && timeline->count > 0)
            return;
        append(timeline, quiet, from, to, timeline->period);
        timeline->period += group;
        left -= (double)group;
        from = to < quiet->count ? to : 0;
    }
}

bool om_sim_timeline_init_pair(struct om_sim_timeline *timeline, struct om_sim_reel *active,
                               struct om_sim_reel *quiet, double activity, struct om_error *err)
{
    *timeline = (struct om_sim_timeline){.name = active->path, .reel = active};
    if (active->codec != quiet->codec) {
        om_error_set(err, OM_INVALID, "reels %s and %s have different codecs", active->path,
                     quiet->path);
        om_error_hint(err, "make both clips of a pair by the same encoder options");
        return false;
    }
    if (activity > 0) {
        append(timeline, active, 0, active->count, 0);
        timeline->period = active->period;
    }
    double rest = activity > 0 ? (double)active->period * (1 - activity) / activity
                               : (double)quiet->period;
    append_quiet(timeline, quiet, rest);
    if (timeline->count >= STEPS_MAX) {
        om_error_set(err, OM_LIMIT, "at an activity of %g, reel %s comes too seldom", activity,
                     active->path);
        om_error_hint(err, "take a shorter active clip, or a greater --activity");
        return false;
    }
    timeline->interval = OM_MAX(timeline->period / timeline->count, 1);
    find_keys(timeline);
    return true;
}

void om_sim_timeline_finish(struct om_sim_timeline *timeline)
{
    om_free(timeline->steps);
    om_free(timeline->keys);
    *timeline = (struct om_sim_timeline){0};
}

void om_sim_timeline_set_fps(struct om_sim_timeline *timeline, double fps)
{
    double scale = OM_SIM_TICKS / fps * timeline->count / (double)timeline->period;
    for (int i = 0; i < timeline->count; i++) {
        timeline->steps[i].send = llround((double)timeline->steps[i].send * scale);
        timeline->steps[i].shown = llround((double)timeline->steps[i].shown * scale);
    }
    timeline->period = OM_MAX(llround((double)timeline->period * scale), 1);
    timeline->interval = OM_MAX(timeline->period / timeline->count, 1);
    timeline->gop = OM_MAX(timeline->period / timeline->key_count, 1);
}

int om_sim_timeline_start(const struct om_sim_timeline *timeline, int index)
{
    double at = index * GOLDEN;
    int key = (int)((at - floor(at)) * timeline->key_count);
    return timeline->keys[OM_MIN(key, timeline->key_count - 1)];
}
