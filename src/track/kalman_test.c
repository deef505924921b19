#include "track/kalman.h"

#include <math.h>

#include "base/assert.h"
#include "scene/motion.h"

static bool is_near(float a, float b, float tolerance)
{
    return fabsf(a - b) <= tolerance;
}

// Seen five times a second, moving 50 px a second to the right and growing.
static void test_learns_speed(void)
{
    struct om_kalman kf;
    om_kalman_init(&kf, (struct om_box){100, 100, 40, 80});
    for (int i = 1; i <= 20; i++) {
        om_kalman_predict(&kf, 0.2F);
        om_kalman_update(&kf, (struct om_box){100 + 10 * (float)i, 100, 40, 80}, 1);
    }
    om_assert(is_near(kf.cx.v, 50, 2) && is_near(kf.cy.v, 0, 1));
    struct om_box box = om_kalman_box(&kf);
    om_assert(is_near(box.x, 300, 2) && is_near(box.y, 100, 1) && is_near(box.w, 40, 1));
    om_kalman_predict(&kf, 1);
    om_assert(is_near(om_kalman_box(&kf).x, 350, 4));
}

// Two half steps are one whole step.
static void test_time(void)
{
    struct om_kalman once, twice;
    om_kalman_init(&once, (struct om_box){0, 0, 50, 50});
    once.cx.v = once.w.v = 10;
    twice = once;
    om_kalman_predict(&once, 0.5F);
    om_kalman_predict(&twice, 0.25F);
    om_kalman_predict(&twice, 0.25F);
    om_assert(is_near(once.cx.x, twice.cx.x, 1e-3F) && is_near(once.w.x, twice.w.x, 1e-3F));
    // The noise grows with the size, which has grown a little between the half steps.
    om_assert(is_near(once.cx.pxx / twice.cx.pxx, 1, 0.02F));
    om_assert(is_near(once.w.pvv / twice.w.pvv, 1, 0.02F));
    om_kalman_predict(&once, 0);
    om_assert(is_near(once.cx.x, twice.cx.x, 1e-3F));
}

static void test_doubt(void)
{
    struct om_kalman sure, unsure;
    om_kalman_init(&sure, (struct om_box){0, 0, 50, 50});
    om_kalman_predict(&sure, 0.1F);
    unsure = sure;
    om_kalman_update(&sure, (struct om_box){10, 0, 50, 50}, 1);
    om_kalman_update(&unsure, (struct om_box){10, 0, 50, 50}, 0.2F);
    om_assert(sure.cx.x > unsure.cx.x && sure.cx.pxx < unsure.cx.pxx);
}

static void test_warp(void)
{
    struct om_kalman kf;
    om_kalman_init(&kf, (struct om_box){100, 50, 40, 20});
    kf.cx.v = 10;
    om_kalman_warp(&kf, &(struct om_motion){{2, 0, 5, 0, 2, -7}});
    struct om_box box = om_kalman_box(&kf);
    om_assert(is_near(box.x, 205, 0.01F) && is_near(box.y, 93, 0.01F));
    om_assert(is_near(box.w, 80, 0.01F) && is_near(box.h, 40, 0.01F) &&
              is_near(kf.cx.v, 20, 0.01F));
    om_kalman_warp(&kf, &OM_MOTION_NONE);
    om_assert(is_near(om_kalman_box(&kf).x, 205, 0.01F));
}

// Nothing a detector may say brings the filter out of the finite.
static void test_odd_boxes(void)
{
    static const struct om_box odd[] = {
        {0, 0, 0, 0}, {1e6F, -1e6F, 1e5F, 1}, {0, 0, -5, -5}, {5, 5, 1, 1e6F}};
    struct om_kalman kf;
    om_kalman_init(&kf, odd[0]);
    for (int i = 0; i < 100; i++) {
        om_kalman_predict(&kf, i % 7 == 0 ? 100 : 0);
        om_kalman_update(&kf, odd[i % 4], (float)(i % 2));
        struct om_box box = om_kalman_box(&kf);
        om_assert(om_box_is_finite(box) && box.w >= 1 && box.h >= 1);
    }
}

int main(void)
{
    test_learns_speed();
    test_time();
    test_doubt();
    test_warp();
    test_odd_boxes();
    return 0;
}
