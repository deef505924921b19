// Boxes, in pixels of the upright picture unless a name says otherwise: x, y is the top left
// corner.

#pragma once

#include <stdbool.h>

struct om_box {
    float x, y, w, h;
};

static inline float om_box_area(struct om_box b)
{
    return b.w > 0 && b.h > 0 ? b.w * b.h : 0;
}
// Intersection over union, 0 when either is empty.
float om_box_iou(struct om_box a, struct om_box b);
float om_box_intersection(struct om_box a, struct om_box b);
// Cut to [0, width] x [0, height].
struct om_box om_box_clip(struct om_box b, float width, float height);
bool om_box_is_finite(struct om_box b);
