// Scores of tracks against an oracle's tracks: which events were found, which were made up, how
// late. Pure: no clocks, no cameras, no files.
//
// A path is a track over time, one point for each picture that showed it. An event is a path that
// lasts at least a second and whose centre gets at least half its size (sqrt(w * h), of that
// moment) away from where it began; its moment is the first point at which both hold.
//
// Two paths meet near a moment when, within a second of it, both are somewhere at the same time
// with the same class and IoU >= 0.3. Between two points of a path at most two seconds apart it is
// on the straight line between them.
//
// Not thread-safe; different objects may be used in parallel.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "scene/box.h"

struct om_path_point {
    uint32_t id;  // of the track
    int16_t class_id;
    struct om_box box;
    int64_t t_us;    // of the picture
    int64_t out_us;  // when the result could be read; 0 = of no interest
};

struct om_path {
    uint32_t id;
    int first, count;  // of its points
    int moment;        // index of the point of its event's moment, or -1
};

struct om_paths {
    struct om_path_point *points;
    struct om_path *paths;  // by time of their first point
    int point_count, point_room, path_count;
    bool is_closed;
};

// Accepts an all-zero struct. Zeroed afterwards.
void om_paths_finish(struct om_paths *paths);
// In any order, before om_paths_close(); of two points of one track at the same time one stays.
void om_paths_add(struct om_paths *paths, const struct om_path_point *point);
// Makes the paths of the points and finds their events.
void om_paths_close(struct om_paths *paths);

// Whether some path that is an event (or any path) moves at that time: its centre is at least a
// tenth of its size away from where it was at some time within the last second.
bool om_paths_moves(const struct om_paths *paths, int64_t t_us);
bool om_paths_stirs(const struct om_paths *paths, int64_t t_us);

// Where a path is at a time.
struct om_path_spot {
    struct om_box box;
    int16_t class_id;
    int64_t seen_us;  // time of the picture that this rests on: the later one of the two
    int64_t out_us;   // when that one's result could be read
};
OM_MUST_USE bool om_path_at(const struct om_paths *paths, const struct om_path *path, int64_t t_us,
                            struct om_path_spot *ret);

// Whether `path` of `a` meets any path of `b` near `moment_us` (a's time); b's time is a's plus
// shift_us. *ret (may be NULL): of the meetings the one whose result of b was out first.
bool om_paths_meet(const struct om_paths *a, const struct om_path *path, const struct om_paths *b,
                   int64_t shift_us, int64_t moment_us, struct om_path_spot *ret);

// ---- a camera that plays a reel again and again ------------------------------------------------

// What the oracle saw in a reel: played once and then its beginning again, so that what crosses the
// seam is there; paths of time [0, length + warm + 1 s]. What began before `warm_us` is what the
// oracle sees at the very start only.
struct om_score_reel {
    struct om_paths paths;
    int64_t length_us, warm_us;
};

// One camera's session.
struct om_score_session {
    const struct om_score_reel *reel;
    int64_t offset_us;              // place in the reel of the session's first picture
    int64_t start_us;               // when that one was sent, on the clock of out_us
    int64_t from_us, to_us;         // the measured part of the session: time since start_us
    const struct om_paths *tracks;  // what was reported; t_us is time since the session's start
};

// What was missed or made up, for those who want to know why.
struct om_score_slip {
    bool is_missed;  // else made up
    int16_t class_id;
    int64_t session_us, reel_us;
    struct om_box box;
};
typedef void om_score_slip_fn(void *ctx, const struct om_score_slip *slip);

struct om_score {
    int64_t events, found;         // of the oracle
    int64_t own_events, own_true;  // reported ones
    int64_t *delays_us;            // one for each that was found; owned
    int64_t delay_count, delay_room;
};

void om_score_finish(struct om_score *score);  // accepts an all-zero struct
// Adds one session's; `slip` may be NULL.
void om_score_add(struct om_score *score, const struct om_score_session *session,
                  om_score_slip_fn *slip, void *ctx);
// Adds all of `from`.
void om_score_merge(struct om_score *score, const struct om_score *from);
// NAN where there is none. The quantile sorts the delays.
double om_score_recall(const struct om_score *score);
double om_score_precision(const struct om_score *score);
double om_score_delay_ms(struct om_score *score, double quantile);
// Share of the reel's time in which something moves, looked at `fps` times a second.
double om_score_activity(const struct om_score_reel *reel, double fps);
