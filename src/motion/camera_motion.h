// Camera motion: how the whole picture moved from one frame to the next (shift, turn, zoom), from
// two thumbs. For cameras that pan or ride; the tracker takes it out of what it expects.
//
// Coarse shift by trying all, then Gauss-Newton on the brightness with weights that let moving
// objects drop out. What it cannot explain (a cut, a dark picture) is no motion.
//
// Threads: belongs to one thread at a time. Allocates nothing after create.

#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "scene/motion.h"

struct om_camera_motion;
struct om_frame;
struct om_thumb;

OM_MUST_USE struct om_camera_motion *om_camera_motion_create(void);
void om_camera_motion_destroy(struct om_camera_motion *motion);  // accepts NULL
OM_DEFINE_AUTO(om_camera_motion);

// `thumb` is that of `frame`. *ret: from the last frame given to this one, in pixels of the upright
// picture; exactly OM_MOTION_NONE when the camera stood still or nothing certain can be said (then
// false comes back).
bool om_camera_motion_update(struct om_camera_motion *motion, const struct om_thumb *thumb,
                             const struct om_frame *frame, struct om_motion *ret);
