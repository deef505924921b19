#include "motion/detections.h"

#include "base/assert.h"
#include "media/frame.h"
#include "media/thumb.h"
#include "scene/detection.h"
#include "scene/region.h"

static_assert((int)OM_REGIONS_MAX <= (int)OM_DETECTIONS_MAX, "every region becomes a detection");

// From the stored picture of `w` x `h` to the upright one.
static struct om_box turn(struct om_box b, const struct om_frame *frame)
{
    float w = (float)frame->width, h = (float)frame->height;
    if (frame->is_mirrored)
        b.x = w - b.x - b.w;
    switch (frame->rotation_deg) {
    case 90:
        return (struct om_box){h - b.y - b.h, b.x, b.h, b.w};
    case 180:
        return (struct om_box){w - b.x - b.w, h - b.y - b.h, b.w, b.h};
    case 270:
        return (struct om_box){b.y, w - b.x - b.w, b.h, b.w};
    default:
        return b;
    }
}

void om_motion_detections(const struct om_regions *regions, const struct om_thumb *thumb,
                          const struct om_frame *frame, struct om_detections *ret)
{
    float sx = (float)frame->width / (float)thumb->width;
    float sy = (float)frame->height / (float)thumb->height;
    ret->count = regions->count;
    for (int i = 0; i < regions->count; i++) {
        const struct om_region *r = &regions->items[i];
        struct om_box stored = {(float)r->x * sx, (float)r->y * sy, (float)r->w * sx,
                                (float)r->h * sy};
        ret->items[i] = (struct om_detection){.box = turn(stored, frame), .score = 1};
    }
}
