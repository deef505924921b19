// Region: a rectangle of a frame worth looking at, in pixels of the stored (not turned) picture.

#pragma once

struct om_region {
    int x, y, w, h;
};

enum { OM_REGIONS_MAX = 32 };

struct om_regions {
    int count;
    struct om_region items[OM_REGIONS_MAX];
};
