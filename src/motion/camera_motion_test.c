#include "motion/camera_motion.h"

#include <math.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"
#include "media/frame.h"
#include "media/thumb.h"

enum { W = 160, H = 90 };

static uint8_t luma[W * H];

// A place with detail at several scales, as it looks from a camera that has moved.
static float place(float x, float y)
{
    return 128 + 40 * sinf(x / 9) * cosf(y / 7) + 30 * sinf(x / 23 + y / 17) +
           20 * cosf(y / 4 - x / 31);
}

// The thumb after the picture moved by `m` (thumb pixels), with noise, and a car somewhere else.
static struct om_thumb take(const struct om_motion *m, struct om_rand *rand, int car_x)
{
    float det = m->m[0] * m->m[4] - m->m[1] * m->m[3];
    for (int i = 0; i < W * H; i++) {
        float x = (float)(i % W) - m->m[2], y = (float)(i / W) - m->m[5];
        float from_x = (m->m[4] * x - m->m[1] * y) / det,
              from_y = (m->m[0] * y - m->m[3] * x) / det;
        float level = place(from_x, from_y) + (float)om_rand_below(rand, 7) - 3;
        bool is_car = i % W >= car_x && i % W < car_x + 30 && i / W > 40 && i / W < 60;
        luma[i] = (uint8_t)OM_CLAMP(is_car ? 240 : level, 0, 255);
    }
    return (struct om_thumb){.width = W, .height = H, .luma = luma};
}

static void test_motions(void)
{
    static const struct om_motion motions[] = {
        OM_MOTION_NONE,
        {{1, 0, 0.7F, 0, 1, -0.3F}},
        {{1, 0, 3, 0, 1, 2}},
        {{1, 0, -11, 0, 1, 5}},
        {{1, 0, 18, 0, 1, 0}},
        {{1.03F, 0, -2.4F, 0, 1.03F, -1.3F}},
        {{0.999F, -0.03F, 2, 0.03F, 0.999F, -2}},
    };
    const struct om_frame frame = {.width = 1280, .height = 720};
    struct om_rand rand;
    om_rand_init(&rand, 1);
    om_auto(om_camera_motion) camera = om_camera_motion_create();
    uint64_t allocs = om_mem_alloc_count();
    for (size_t i = 0; i < OM_ARRAY_LEN(motions); i++) {
        struct om_motion found;
        struct om_thumb thumb = take(&OM_MOTION_NONE, &rand, 20);
        (void)om_camera_motion_update(camera, &thumb, &frame, &found);
        thumb = take(&motions[i], &rand, 60);
        om_assert(om_camera_motion_update(camera, &thumb, &frame, &found));
        // Where the corners of the middle of the picture go, in pixels of the picture (8 a
        // thumb's).
        for (int corner = 0; corner < 4; corner++) {
            float x = corner % 2 ? 120 : 40, y = corner / 2 ? 70 : 20;
            const float *t = motions[i].m, *f = found.m;
            float to_x = t[0] * x + t[1] * y + t[2], to_y = t[3] * x + t[4] * y + t[5];
            float px = 8 * (x + 0.5F), py = 8 * (y + 0.5F);
            om_assert(fabsf(f[0] * px + f[1] * py + f[2] - 8 * (to_x + 0.5F)) < 1.6F);
            om_assert(fabsf(f[3] * px + f[4] * py + f[5] - 8 * (to_y + 0.5F)) < 1.6F);
        }
        if (i == 0)
            om_assert(found.m[0] == 1 && found.m[2] == 0 && found.m[5] == 0);
    }
    om_assert(om_mem_alloc_count() == allocs);
}

// A shift to the right of the stored picture, seen in pictures that are turned to be upright.
static void test_turned(void)
{
    static const struct {
        int rotation_deg;
        bool is_mirrored;
        float dx, dy;
    } cases[] = {{0, false, 32, 0},
                 {90, false, 0, 32},
                 {180, false, -32, 0},
                 {270, false, 0, -32},
                 {0, true, -32, 0}};
    struct om_rand rand;
    om_rand_init(&rand, 1);
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        const struct om_frame frame = {.width = 1280,
                                       .height = 720,
                                       .rotation_deg = cases[i].rotation_deg,
                                       .is_mirrored = cases[i].is_mirrored};
        om_auto(om_camera_motion) camera = om_camera_motion_create();
        struct om_motion found;
        struct om_thumb thumb = take(&OM_MOTION_NONE, &rand, 20);
        om_assert(!om_camera_motion_update(camera, &thumb, &frame, &found));
        thumb = take(&(struct om_motion){{1, 0, 4, 0, 1, 0}}, &rand, 20);
        om_assert(om_camera_motion_update(camera, &thumb, &frame, &found));
        float x = 300, y = 400;
        const float *f = found.m;
        om_assert(fabsf(f[0] * x + f[1] * y + f[2] - x - cases[i].dx) < 2);
        om_assert(fabsf(f[3] * x + f[4] * y + f[5] - y - cases[i].dy) < 2);
    }
}

// A grey picture, a cut, a tiny thumb: nothing can be said, and nothing is.
static void test_nothing_to_say(void)
{
    const struct om_frame frame = {.width = 1280, .height = 720};
    struct om_rand rand;
    om_rand_init(&rand, 2);
    om_auto(om_camera_motion) camera = om_camera_motion_create();
    struct om_motion found;
    for (int picture = 0; picture < 4; picture++) {
        for (int i = 0; i < W * H; i++)
            luma[i] = (uint8_t)(picture < 2 ? 100 : om_rand_below(&rand, 256));
        struct om_thumb thumb = {.width = W, .height = H, .luma = luma};
        om_assert(!om_camera_motion_update(camera, &thumb, &frame, &found));
        om_assert(found.m[0] == 1 && found.m[1] == 0 && found.m[2] == 0 && found.m[5] == 0);
    }
    for (int i = 0; i < 2; i++) {
        struct om_thumb thumb = {.width = 3, .height = 2, .luma = luma};
        om_assert(!om_camera_motion_update(camera, &thumb, &frame, &found));
    }
}

int main(void)
{
    test_motions();
    test_turned();
    test_nothing_to_say();
    return 0;
}
