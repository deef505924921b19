// A track: one object followed over time.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "scene/box.h"

enum om_track_state {
    OM_TRACK_TENTATIVE,  // seen too few times to be told to anyone
    OM_TRACK_CONFIRMED,
    OM_TRACK_LOST,  // not seen in this frame, still expected
    OM_TRACK_ENDED
};

struct om_track {
    uint64_t id;  // counts from 1 per camera, never reused
    enum om_track_state state;
    int16_t class_id;  // the class it was most often seen as, weighted by score
    float score;       // of the last detection
    float score_max;
    struct om_box box;  // where it was seen (the detection, smoothed), or is expected while lost
    float vx, vy;       // of the box centre, pixels per second
    int64_t first_pts_us, last_pts_us;  // first and last time it was detected
    int64_t first_wall_us, last_wall_us;
    int hits;  // detections it has had
    bool is_stationary;
};

enum { OM_TRACKS_MAX = 512 };  // of one camera, lost ones too

struct om_tracks {
    int count;
    struct om_track items[OM_TRACKS_MAX];
};

// Foot point: bottom centre, where an object touches the ground.
static inline void om_track_foot(const struct om_track *track, float *ret_x, float *ret_y)
{
    *ret_x = track->box.x + track->box.w / 2;
    *ret_y = track->box.y + track->box.h;
}
