#include "motion/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "media/thumb.h"

enum { W = 160, H = 90, STEP_US = 100 * OM_MS };

// A noisy picture of a textured place, and what the watch says of it.
struct rig {
    struct om_watch *watch;
    struct om_rand rand;
    uint8_t place[W * H], luma[W * H];
    int64_t pts_us;
    int noise;  // +- levels
    double gain, offset;
    struct om_watch_result result;
};

static struct rig rig;

static void begin(void)
{
    struct om_watch_opts opts;
    om_watch_opts_default(&opts);
    om_watch_destroy(rig.watch);
    rig = (struct rig){.watch = om_watch_create(&opts), .noise = 4, .gain = 1};
    om_rand_init(&rig.rand, 11);
    for (int i = 0; i < W * H; i++)
        rig.place[i] = (uint8_t)(60 + (i % W) / 2 + (i / W) % 7 * 6);
}

// One picture, with a box of `side` pixels (0: none) of another grey at x, y.
static void show(int x, int y, int side)
{
    for (int i = 0; i < W * H; i++) {
        bool is_object = i % W >= x && i % W < x + side && i / W >= y && i / W < y + side;
        int grey = is_object ? 220 : rig.place[i];
        int noise = (int)om_rand_below(&rig.rand, (uint32_t)(2 * rig.noise + 1)) - rig.noise;
        int level = (int)(rig.gain * grey + rig.offset) + noise;
        rig.luma[i] = (uint8_t)OM_CLAMP(level, 0, 255);
    }
    rig.pts_us += STEP_US;
    om_watch_update(rig.watch, &(struct om_thumb){rig.pts_us, W, H, rig.luma}, &rig.result);
}

static void show_empty(int pictures)
{
    for (int i = 0; i < pictures; i++)
        show(0, 0, 0);
}

static void test_quiet(void)
{
    begin();
    show(0, 0, 0);
    om_assert(rig.result.is_open &&
              !rig.result.has_motion);  // the first picture is always looked at
    for (int i = 0; i < 600; i++) {
        show(0, 0, 0);
        om_assert(!rig.result.has_motion && rig.result.regions.count == 0);
    }
    om_assert(!rig.result.is_open);
}

static void test_object(void)
{
    begin();
    show_empty(100);
    for (int i = 0; i < 20; i++) {
        show(10 + 3 * i, 40, 6);
        om_assert(rig.result.has_motion && rig.result.is_open && rig.result.regions.count == 1);
        struct om_region r = rig.result.regions.items[0];
        om_assert(abs(r.x - (10 + 3 * i)) <= 1 && abs(r.y - 40) <= 1);
        om_assert(abs(r.w - 6) <= 2 && abs(r.h - 6) <= 2);
    }
    show_empty(19);
    om_assert(!rig.result.has_motion && rig.result.is_open);  // held open
    show_empty(2);
    om_assert(!rig.result.is_open);
}

// What stays becomes background, and leaves no hole when it goes much later.
static void test_absorbed(void)
{
    begin();
    show_empty(50);
    for (int i = 0; i < 600; i++)
        show(50, 40, 20);
    om_assert(!rig.result.has_motion);
}

// What is put down is motion until it has stood for a second; what moves on is again.
static void test_put_down(void)
{
    begin();
    show_empty(100);
    for (int i = 0; i < 10; i++) {
        show(10 + 3 * i, 40, 6);
        om_assert(rig.result.is_moving);
    }
    for (int i = 0; i < 9; i++)
        show(40, 40, 6);
    om_assert(rig.result.is_moving);
    for (int i = 0; i < 30; i++) {
        show(40, 40, 6);
        om_assert(rig.result.has_motion && (!rig.result.is_moving || i < 11));
    }
    show(43, 40, 6);
    om_assert(rig.result.is_moving);
    // A slow one: a third of its side in a second.
    for (int i = 0; i < 60; i++) {
        show(43 + i / 5, 40, 6);
        om_assert(rig.result.is_moving);
    }
}

static void test_two_objects(void)
{
    begin();
    show_empty(50);
    for (int i = 0; i < W * H; i++)
        rig.place[i] = (uint8_t)(i % W >= 100 && i % W < 130 && i / W >= 20 && i / W < 50
                                     ? 5
                                     : rig.place[i]);
    show(10, 60, 10);
    om_assert(rig.result.regions.count == 2);
    om_assert(rig.result.regions.items[0].w > 25 && rig.result.regions.items[1].w < 15);
    om_assert(rig.result.changed > 0.06 && rig.result.changed < 0.08);
}

// A cloud, an exposure step: no motion; and an object is still found in the new light.
static void test_light(void)
{
    static const struct {
        double gain, offset;
    } lights[] = {{1, 40}, {1, -40}, {1.4, 0}, {0.6, 0}, {0.8, 30}, {1.2, -20}};
    for (size_t i = 0; i < OM_ARRAY_LEN(lights); i++) {
        begin();
        show_empty(100);
        rig.gain = lights[i].gain;
        rig.offset = lights[i].offset;
        for (int j = 0; j < 10; j++) {
            show(0, 0, 0);
            om_assert(!rig.result.has_motion && !rig.result.is_open);
        }
        rig.gain = 1;
        rig.offset = 0;
        show(80, 40, 8);  // the light goes back and something comes in at once
        om_assert(rig.result.has_motion && rig.result.regions.count == 1);
        om_assert(abs(rig.result.regions.items[0].x - 80) <= 1);
    }
}

static void test_other_scene(void)
{
    begin();
    show_empty(100);
    for (int i = 0; i < W * H; i++)
        rig.place[i] = (uint8_t)(20 + (i / W) * 2 + (i * 7919) % 50);
    show(0, 0, 0);
    om_assert(rig.result.is_open && !rig.result.has_motion && rig.result.regions.count == 0);
    om_assert(rig.result.changed > 0.6);
    show_empty(25);
    om_assert(!rig.result.is_open);
}

// A tree in the wind: it is learned to be restless, and a person beside it is still seen.
static void test_restless(void)
{
    begin();
    for (int i = 0; i < 900; i++) {
        int sway = (int)om_rand_below(&rig.rand, 60) - 30;
        for (int j = 0; j < 200; j++)
            rig.place[(20 + j / 20) * W + 30 + j % 20] = (uint8_t)(100 + sway + (j * 31) % 40);
        show(0, 0, 0);
    }
    om_assert(!rig.result.has_motion);
    show(100, 40, 6);
    om_assert(rig.result.has_motion);
}

static void test_starts_over(void)
{
    begin();
    show_empty(100);
    om_assert(!rig.result.is_open);
    rig.pts_us -= 60 * OM_SECOND;  // the stream began again
    show(0, 0, 0);
    om_assert(rig.result.is_open && !rig.result.has_motion);
    static const int sides[][2] = {{1, 1}, {2, 90}, {160, 160}, {160, 1}, {3, 3}};
    static uint8_t luma[OM_THUMB_PIXELS_MAX];
    for (size_t i = 0; i < OM_ARRAY_LEN(sides); i++) {
        for (int j = 0; j < 3; j++) {
            memset(luma, 90 * j, sizeof(luma));
            struct om_thumb thumb = {rig.pts_us + j, sides[i][0], sides[i][1], luma};
            om_watch_update(rig.watch, &thumb, &rig.result);
            om_assert(rig.result.is_open);
        }
    }
}

static void test_allocates_nothing(void)
{
    begin();
    show(0, 0, 0);
    uint64_t allocs = om_mem_alloc_count();
    for (int i = 0; i < 50; i++)
        show(3 * i, 40, 10);
    om_assert(om_mem_alloc_count() == allocs);
}

int main(void)
{
    test_quiet();
    test_object();
    test_absorbed();
    test_put_down();
    test_two_objects();
    test_light();
    test_other_scene();
    test_restless();
    test_starts_over();
    test_allocates_nothing();
    om_watch_destroy(rig.watch);
    return 0;
}
