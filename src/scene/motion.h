// Camera motion between two frames: a 2x3 affine map from the earlier picture to the later one.

#pragma once

struct om_motion {
    float m[6];  // x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5
};

#define OM_MOTION_NONE ((struct om_motion){{1, 0, 0, 0, 1, 0}})
