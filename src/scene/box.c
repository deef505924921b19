#include "scene/box.h"

#include <math.h>

#include "base/attr.h"

float om_box_intersection(struct om_box a, struct om_box b)
{
    float left = fmaxf(a.x, b.x), right = fminf(a.x + a.w, b.x + b.w);
    float top = fmaxf(a.y, b.y), bottom = fminf(a.y + a.h, b.y + b.h);
    return right > left && bottom > top ? (right - left) * (bottom - top) : 0;
}

float om_box_iou(struct om_box a, struct om_box b)
{
    float common = om_box_intersection(a, b);
    float all = om_box_area(a) + om_box_area(b) - common;
    // Not "all != 0": a box that is not finite must give 0 too.
    return common > 0 && all > 0 ? fminf(common / all, 1) : 0;
}

struct om_box om_box_clip(struct om_box b, float width, float height)
{
    float left = OM_CLAMP(b.x, 0, width), right = OM_CLAMP(b.x + b.w, left, width);
    float top = OM_CLAMP(b.y, 0, height), bottom = OM_CLAMP(b.y + b.h, top, height);
    return (struct om_box){left, top, right - left, bottom - top};
}

bool om_box_is_finite(struct om_box b)
{
    return isfinite(b.x) && isfinite(b.y) && isfinite(b.w) && isfinite(b.h);
}
