// Tracker: detections of one camera to tracks. Two-stage association in the manner of ByteTrack
// (Zhang et al., ECCV 2022) over a constant-velocity Kalman filter, optional camera-motion
// compensation.
//
// Time is what the frames say (pts), so uneven frame rates and skipped frames are right by
// construction.
//
// Threads: belongs to one thread at a time. Allocates only while there are more objects than ever
// before; what a picture needs while it is followed belongs to the thread (base/scratch.h).

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct om_box;
struct om_detections;
struct om_motion;
struct om_opt_group;
struct om_tracker;
struct om_tracks;

struct om_tracker_opts {
    double score_high;     // detections from here on may start a track and match first
    double score_low;      // detections from here on may continue one
    double score_new;      // needed to start a track
    double iou_first;      // least IoU to match in the first stage
    double iou_second;     // ... in the second stage, with the low-score detections
    int confirm_hits;      // detections before a track is told to anyone
    int64_t keep_lost_us;  // how long an unseen track is still expected
    bool per_class;        // match within a class only
};

extern const struct om_opt_group om_tracker_opt_group;  // with the defaults for cameras
// Defaults of the table.
void om_tracker_opts_default(struct om_tracker_opts *ret);

OM_MUST_USE struct om_tracker *om_tracker_create(const struct om_tracker_opts *opts);
void om_tracker_destroy(struct om_tracker *tracker);  // accepts NULL
OM_DEFINE_AUTO(om_tracker);

// One frame. `pts_us` increases; `wall_us` is copied into the tracks. `motion` (camera motion since
// the last frame) may be NULL. *ret_tracks: all live tracks (tentative, confirmed, lost), and those
// that ended with this frame, once, with OM_TRACK_ENDED. ret_match (may be NULL, else count of
// detections): the track id each detection belongs to, 0 = none.
void om_tracker_update(struct om_tracker *tracker, int64_t pts_us, int64_t wall_us,
                       const struct om_detections *detections, const struct om_motion *motion,
                       struct om_tracks *ret_tracks, uint64_t *ret_match);
// The same for a picture of which only parts were looked at (`looked`, `looked_count` rectangles of
// the upright picture): tracks elsewhere go on as expected, and nothing is held against them.
struct om_tracker_look {
    const struct om_detections *detections;
    const struct om_motion *motion;  // may be NULL
    const struct om_box *looked;
    int looked_count;             // 0: the whole picture
    const struct om_box *moving;  // where something moved: a new object there is told at once
    int moving_count;
    float width, height;  // of the picture; 0 = not known. Who has left it is missing from it
};
void om_tracker_update_looked(struct om_tracker *tracker, int64_t pts_us, int64_t wall_us,
                              const struct om_tracker_look *look, struct om_tracks *ret_tracks,
                              uint64_t *ret_match);
// Ends every track (stream restart); they come out with OM_TRACK_ENDED. Ids go on counting.
void om_tracker_reset(struct om_tracker *tracker, struct om_tracks *ret_ended);
