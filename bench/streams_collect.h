// From what the recorder wrote down to tracks by camera, on the clock of each
// camera's session: time 0 is the sending of its first picture.
//
// Threads: one.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "bench/streams_score.h"

struct om_labels;

// One camera. Only its last session before the measured time counts.
struct om_collect_camera {
    // To be filled in before the results.
    bool has_session;
    int reel;
    int64_t offset_us;    // place in the reel of the first picture
    int64_t play_us;      // mono, when it was sent
    int64_t replaced_us;  // when a later session began; INT64_MAX = none

    // Found in the results.
    bool has_epoch;
    uint32_t epoch;          // of the results that count: a jump of the clock ends what is known
    int64_t ahead_us;        // least of (mono of the picture as the server estimates - its pts)
    struct om_paths tracks;  // times are pts until om_collect_settle()
};

struct om_collect {
    struct om_collect_camera *cameras;  // owned
    int camera_count;
    const struct om_labels *labels;  // borrowed
    int64_t wall_ahead_us;           // wall clock - mono clock
    int64_t results;
};

void om_collect_init(struct om_collect *collect, int cameras, const struct om_labels *labels);
void om_collect_finish(struct om_collect *collect);

// The file that the recorder wrote; sessions are filled in before.
OM_MUST_USE bool om_collect_file(struct om_collect *collect, const char *path,
                                 struct om_error *err);
// One line of it.
void om_collect_result(struct om_collect *collect, om_str line);
// Brings the tracks onto the sessions' clocks and closes them. `step_us`: between two pictures.
void om_collect_settle(struct om_collect *collect, int64_t step_us);
