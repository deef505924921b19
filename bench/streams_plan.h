// Plan of a reel: which pictures of a clip in which order, so that something moves for the share of
// time that was asked. Pure.
//
// Active stretches are pieces of the clip as it is. Quiet stretches are pieces without motion
// played forward and backward, those that touch the neighbouring active stretch where there are
// such, so that little jumps; where a clip has none: its still picture.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum { OM_PLAN_STILL = -1 };

struct om_plan_clip {
    int count;             // pictures
    const bool *moves;     // for each: whether an event moves
    const bool *is_quiet;  // whether nothing does
};

// Fills order[0 .. length) with indices of pictures or OM_PLAN_STILL. False when nothing moves in
// the clip and something should.
OM_MUST_USE bool om_plan_make(const struct om_plan_clip *clip, double activity, uint64_t seed,
                              int *order, int length);

// Place `i` of a walk to and fro over `count` places that begins at the first.
int om_plan_to_and_fro(int i, int count);
