// Looks: what of a decoded picture goes through the detector, and when. Motion that no track
// explains is looked at at once, new tracks in every picture, known ones the more often the faster
// they are (the tracker leads them in between), what stands hardly ever. docs/design/scheduler.md
// says why.
//
// Places where looking found nothing (a tree in the wind) are asked less and less often.
//
// Pure: time is what the pictures say. Threads: belongs to one lane.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "scene/region.h"

struct om_opt_group;
struct om_tracks;
struct om_watch_result;

enum om_look_mode {
    OM_LOOK_AUTO,    // MOVING while there are few cameras, else THRIFT
    OM_LOOK_THRIFT,  // parts of pictures, as often as the tracks need it
    OM_LOOK_MOVING,  // every whole picture while something moves
    OM_LOOK_ALWAYS   // every whole picture
};

struct om_looks_opts {
    int mode;               // enum om_look_mode
    int64_t moving_gap_us;  // between two looks at a known moving object, at most
    int64_t still_gap_us;   // at one that stands
    int64_t whole_gap_us;   // between two whole pictures while something moves
};

extern const struct om_opt_group om_looks_opt_group;
void om_looks_opts_default(struct om_looks_opts *ret);

enum { OM_LOOK_CELLS_X = 16, OM_LOOK_CELLS_Y = 12 };

// Fields are looks.c's own; zero is a valid start. om_looks_init() sets the options.
struct om_looks {
    struct om_looks_opts opts;
    int64_t last_us, last_whole_us;  // OM_TIME_NONE before the first
    bool wants_whole;
    // Motion that no track explains: the last look at it, when there was some last, and looks in
    // vain so far.
    int64_t strange_us, stranger_us;
    int strange_barren;
    struct om_look_cell {
        int64_t next_us;
        uint8_t barren;  // looks in a row that explained nothing
    } cells[OM_LOOK_CELLS_Y][OM_LOOK_CELLS_X];
};

struct om_look_at {
    int64_t pts_us;
    int width, height;              // of the stored picture
    int thumb_width, thumb_height;  // what the motion regions are in
    bool is_turned;                 // stored is not upright: parts cannot be told
    const struct om_watch_result *motion;
    const struct om_tracks *tracks;  // as of tracks_pts_us, in the upright picture
    int64_t tracks_pts_us;
    bool is_crowded;  // many cameras share the detector: AUTO means THRIFT
    double fps_max;   // of looks; 0 = no bound
    double stretch;   // >= 1: how much longer the gaps are under load
};

// Whether looks are rationed by what the tracks need.
bool om_looks_are_thrifty(const struct om_looks *looks, bool is_crowded);

enum om_look_kind { OM_LOOK_NOTHING, OM_LOOK_LATER, OM_LOOK_PARTS, OM_LOOK_WHOLE };

void om_looks_init(struct om_looks *looks, const struct om_looks_opts *opts);
// The next look is at the whole picture: the stream is new.
void om_looks_start(struct om_looks *looks);
// The camera slept: what moves now is looked at at once, wherever it is.
void om_looks_wake(struct om_looks *looks);
// What to do with this picture; with OM_LOOK_PARTS *ret holds the parts, in pixels of the stored
// picture, cut to it; otherwise its regions are none. OM_LOOK_LATER: there would be something, but
// not yet.
enum om_look_kind om_looks_decide(struct om_looks *looks, const struct om_look_at *at,
                                  struct om_parts *ret);
