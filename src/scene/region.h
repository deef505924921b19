// Region: a rectangle of a frame worth looking at, in pixels of the stored (not turned) picture.

#pragma once

#include <stdbool.h>

struct om_region {
    int x, y, w, h;
};

enum { OM_REGIONS_MAX = 32 };

struct om_regions {
    int count;
    struct om_region items[OM_REGIONS_MAX];
};

// Parts: what of one picture is to be looked at.
struct om_parts {
    struct om_regions regions;  // count 0: the whole picture
    bool may_shrink;  // a whole picture may become a little smaller when two then share an input
};
