#include "scene/box.h"

#include <math.h>

#include "base/assert.h"
#include "base/attr.h"

static bool is_near(float a, float b)
{
    return fabsf(a - b) < 1e-5F;
}

static void test_iou(void)
{
    static const struct {
        struct om_box a, b;
        float intersection, iou;
    } cases[] = {
        {{0, 0, 10, 10}, {0, 0, 10, 10}, 100, 1},
        {{0, 0, 10, 10}, {5, 0, 10, 10}, 50, 1.0F / 3},
        {{0, 0, 10, 10}, {2, 3, 4, 5}, 20, 0.2F},
        {{0, 0, 10, 10}, {10, 0, 10, 10}, 0, 0},  // they only touch
        {{0, 0, 10, 10}, {30, 30, 5, 5}, 0, 0},
        {{0, 0, 0, 10}, {0, 0, 10, 10}, 0, 0},    // empty
        {{0, 0, -5, 10}, {-5, 0, 10, 10}, 0, 0},  // inside out
        {{-5, -5, 10, 10}, {0, 0, 10, 10}, 25, 25.0F / 175},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        om_assert(is_near(om_box_intersection(cases[i].a, cases[i].b), cases[i].intersection));
        om_assert(is_near(om_box_iou(cases[i].a, cases[i].b), cases[i].iou));
        om_assert(is_near(om_box_iou(cases[i].b, cases[i].a), cases[i].iou));
    }
    struct om_box bad = {NAN, 0, 10, 10}, good = {0, 0, 10, 10};
    om_assert(om_box_iou(good, bad) >= 0 && om_box_iou(good, bad) <= 1);
    om_assert(!om_box_is_finite(bad) && om_box_is_finite(good));
    om_assert(!om_box_is_finite((struct om_box){0, 0, INFINITY, 1}));
}

static void test_clip(void)
{
    static const struct {
        struct om_box in, out;
    } cases[] = {
        {{10, 10, 20, 20}, {10, 10, 20, 20}}, {{-10, -5, 20, 20}, {0, 0, 10, 15}},
        {{90, 40, 20, 20}, {90, 40, 10, 10}}, {{200, 200, 20, 20}, {100, 50, 0, 0}},
        {{-50, -50, 20, 20}, {0, 0, 0, 0}},   {{-50, -50, 500, 500}, {0, 0, 100, 50}},
        {{10, 10, -5, 20}, {10, 10, 0, 20}},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct om_box got = om_box_clip(cases[i].in, 100, 50), want = cases[i].out;
        om_assert(is_near(got.x, want.x) && is_near(got.y, want.y));
        om_assert(is_near(got.w, want.w) && is_near(got.h, want.h));
    }
    om_assert(om_box_area((struct om_box){0, 0, -2, -2}) == 0);
}

int main(void)
{
    test_iou();
    test_clip();
    return 0;
}
