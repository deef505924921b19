// One track and one line: on which side is it, and when did it cross. Internal to traffic/.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "scene/measure.h"
#include "scene/zone.h"

struct om_crossing {
    int8_t side;          // -1 left of the line, 1 right of it, 0 not known yet
    bool has_last;        // the fields below
    bool has_met;         // it went over the (endless) line since it was clearly on `side` ...
    bool is_on_segment;   // ... last within the segment
    int64_t met_pts_us;   // ... at this time
    float last_distance;  // pixels, < 0 left
    struct om_point last;
    int64_t last_pts_us;
};

// The track is at `p` now, both in pixels as the line is. `margin` (pixels): how far from the line
// is clearly on one side. Returns the direction when a crossing became certain, and when it
// happened.
enum om_direction om_crossing_step(struct om_crossing *crossing, const struct om_point line[2],
                                   struct om_point p, float margin, int64_t pts_us,
                                   int64_t *ret_pts_us);
