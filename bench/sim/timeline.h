// Timeline: what a camera sends, in order, for ever: the pictures of one reel, or the whole of an
// active reel followed by groups of pictures of a quiet one until the share of time is met.

#pragma once

#include "bench/sim/reel.h"

struct om_sim_step {
    const struct om_sim_picture *picture;
    struct om_sim_reel *reel;  // whose wire bytes these are
    int64_t send, shown;       // ticks; `shown` is what RTP's time stamp says
};

struct om_sim_timeline {
    const char *name;          // path of the (active) reel, borrowed
    struct om_sim_reel *reel;  // which one SDP describes
    struct om_sim_step *steps;
    int count, cap;
    int *keys;  // steps with a key frame
    int key_count;
    int64_t period, interval, gop;  // `gop`: mean distance of key frames
};

// Borrow the reels.
void om_sim_timeline_init(struct om_sim_timeline *timeline, struct om_sim_reel *reel);
// `activity`: share of time that `active` plays, in [0, 1]. Both have one codec. False when the
// timeline would be too long.
OM_MUST_USE bool om_sim_timeline_init_pair(struct om_sim_timeline *timeline,
                                           struct om_sim_reel *active, struct om_sim_reel *quiet,
                                           double activity, struct om_error *err);
void om_sim_timeline_finish(struct om_sim_timeline *timeline);
// Plays faster or slower, so that so many pictures a second are sent on average.
void om_sim_timeline_set_fps(struct om_sim_timeline *timeline, double fps);

// Step at which camera number `index` (among those of this timeline) starts: key frames by the
// golden ratio, so that any few cameras lie far apart.
int om_sim_timeline_start(const struct om_sim_timeline *timeline, int index);

static inline int64_t om_sim_ticks_to_us(int64_t ticks)
{
    return ticks * 100 / 9;
}
