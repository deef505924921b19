#include "motion/detections.h"

#include <math.h>

#include "base/assert.h"
#include "media/frame.h"
#include "media/thumb.h"
#include "scene/detection.h"
#include "scene/region.h"

int main(void)
{
    // A 400 x 200 picture, its thumb of 40 x 20, one region near the top left corner.
    static const struct {
        int rotation_deg;
        bool is_mirrored;
        struct om_box box;
    } cases[] = {
        {0, false, {20, 10, 80, 50}},     {90, false, {140, 20, 50, 80}},
        {180, false, {300, 140, 80, 50}}, {270, false, {10, 300, 50, 80}},
        {0, true, {300, 10, 80, 50}},     {90, true, {140, 300, 50, 80}},
    };
    const struct om_regions regions = {.count = 1, .items = {{2, 1, 8, 5}}};
    const struct om_thumb thumb = {.width = 40, .height = 20};
    static struct om_detections found;
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct om_frame frame = {.width = 400,
                                 .height = 200,
                                 .rotation_deg = cases[i].rotation_deg,
                                 .is_mirrored = cases[i].is_mirrored};
        om_motion_detections(&regions, &thumb, &frame, &found);
        om_assert(found.count == 1 && found.items[0].class_id == 0);
        om_assert(found.items[0].score >= 1);
        struct om_box got = found.items[0].box, want = cases[i].box;
        om_assert(fabsf(got.x - want.x) < 0.01F && fabsf(got.y - want.y) < 0.01F);
        om_assert(fabsf(got.w - want.w) < 0.01F && fabsf(got.h - want.h) < 0.01F);
    }
    om_motion_detections(&(struct om_regions){0}, &thumb,
                         &(struct om_frame){.width = 1, .height = 1}, &found);
    om_assert(found.count == 0);
    return 0;
}
