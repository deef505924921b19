// Reels: looping videos made of real clips, in which something moves for a chosen share of the
// time, and what the oracle sees in them.
//
// Threads: one.

#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "bench/streams_score.h"

struct om_buf;
struct om_oracle;

enum { OM_REELS_MAX = 24, OM_REELS_MIN = 8 };

struct om_reel {
    char name[80];    // of the clip, and which one of its reels
    char path[512];   // MP4: H.264, 640 x 360, 5 a second
    double activity;  // measured on the reel itself
    int events;       // of the oracle in one round
    struct om_score_reel oracle;
};

struct om_reels {
    struct om_reel items[OM_REELS_MAX];
    int count;
    double activity;  // mean
};
void om_reels_finish(struct om_reels *reels);  // accepts an all-zero struct

struct om_reels_opts {
    const char *data;    // with videos/; NULL = the test scene
    const char *folder;  // where the reels are written; those that are there already are kept
    double activity;     // wanted
    struct om_oracle *oracle;
    struct om_buf *skipped;  // a line for each clip that is no use, and why
};
OM_MUST_USE bool om_reels_make(struct om_reels *reels, const struct om_reels_opts *opts,
                               struct om_error *err);
