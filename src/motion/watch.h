// Motion watch: decides whether a frame is worth the detector's time, and where to look.
//
// It keeps a slow running mean and spread of each pixel of a small grey picture; pixels that leave
// it form regions. Light changes (most of the picture at once, explained by one gain and offset)
// are learned at once and are no motion. When most of the picture changes in another way (the
// camera was turned, day became night), the watch starts over and opens, without regions. It knows
// nothing of cameras, queues or clocks: time is what the pictures say.
//
// Threads: a watch belongs to one thread at a time.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "scene/region.h"

struct om_opt_group;
struct om_thumb;
struct om_watch;

struct om_watch_opts {
    double changed_min;  // share of pixels that must change to open it, [0, 1]
    int tolerance;       // luma levels a pixel may drift without counting, [1, 255]
    int64_t hold_us;     // how long to stay open after the last motion
    int64_t learn_us;    // time constant of the background
};

extern const struct om_opt_group om_watch_opt_group;
// Defaults of the table.
void om_watch_opts_default(struct om_watch_opts *ret);

struct om_watch_result {
    bool is_open;               // the frame should go on to the detector
    bool has_motion;            // something is off the background in this very picture
    bool is_moving;             // and not as it stood there a second ago
    double changed;             // share of pixels that left the background
    struct om_regions regions;  // moving places in thumb pixels, largest first
};

// Holds 5 bytes for each pixel of the thumbs (OM_THUMB_PIXELS_MAX at most). `opts` is copied.
OM_MUST_USE struct om_watch *om_watch_create(const struct om_watch_opts *opts);
void om_watch_destroy(struct om_watch *watch);  // accepts NULL
OM_DEFINE_AUTO(om_watch);

// Learns from `thumb`; the first one opens the watch. A thumb of another size starts over. pts_us
// must not go backwards (if it does, the watch starts over).
void om_watch_update(struct om_watch *watch, const struct om_thumb *thumb,
                     struct om_watch_result *ret);
// The next picture becomes the background, as the first one did.
void om_watch_restart(struct om_watch *watch);
// All that is in `thumb`, the last one it saw, is background; how restless each place is stays
// known.
void om_watch_settle(struct om_watch *watch, const struct om_thumb *thumb);
