// Changed pixels to rectangles. Internal to motion/.

#pragma once

#include <stdint.h>

#include "media/thumb.h"

struct om_regions;

// Room for one picture; fields are private to regions.c.
enum { OM_REGION_PIXELS_MAX = OM_THUMB_PIXELS_MAX };
struct om_region_work {
    uint8_t solid[OM_REGION_PIXELS_MAX];
    uint8_t grown[OM_REGION_PIXELS_MAX];
    uint16_t label[OM_REGION_PIXELS_MAX];
    uint16_t parent[OM_REGION_PIXELS_MAX / 2 + 2];
    struct {
        int16_t left, top, right, bottom;  // of the changed pixels; right and bottom not included
        int pixels;
    } part[OM_REGION_PIXELS_MAX / 2 + 2];
};

// Single changed pixels are noise: one counts when at least two of its eight neighbours changed
// too. Those nearer than two pixels to one another make one region. Returns how many pixels count;
// *ret holds the regions of at least `pixels_min`, largest first. `mask` is 1 where it changed.
int om_regions_find(struct om_region_work *work, const uint8_t *mask, int width, int height,
                    int pixels_min, struct om_regions *ret);
