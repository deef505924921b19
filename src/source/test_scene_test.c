#include "source/test_scene.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { BYTES = OM_TEST_WIDTH * OM_TEST_HEIGHT * 3 / 2 };

static uint8_t picture[BYTES], again[BYTES];

static void test_same_number_same_picture(void)
{
    om_auto(om_test_scene) a = om_test_scene_create();
    om_auto(om_test_scene) b = om_test_scene_create();
    om_test_scene_draw(a, 12345, picture);
    om_test_scene_draw(b, 7, again);
    om_assert(memcmp(picture, again, BYTES) != 0);
    om_test_scene_draw(b, 12345, again);
    om_assert(memcmp(picture, again, BYTES) == 0);
}

// Everything that differs from the empty street lies in a box, and most of a box differs.
static void test_truth(void)
{
    om_auto(om_test_scene) scene = om_test_scene_create();
    struct om_test_box boxes[OM_TEST_BOXES_MAX];
    static uint8_t is_known[OM_TEST_WIDTH * OM_TEST_HEIGHT];
    static uint8_t empty[BYTES];
    int seen = 0;

    om_test_scene_draw(scene, 0, empty);  // only the first car's nose is to come
    for (uint64_t frame = 1; frame < 1500; frame += 37) {
        int n = om_test_scene_truth(frame, boxes);
        memset(is_known, 0, sizeof(is_known));
        om_test_scene_draw(scene, frame, picture);
        for (int i = 0; i < n; i++) {
            int changed = 0;
            for (int y = boxes[i].y; y < boxes[i].y + boxes[i].height; y++) {
                for (int x = boxes[i].x; x < boxes[i].x + boxes[i].width; x++) {
                    int at = y * OM_TEST_WIDTH + x;
                    is_known[at] = 1;
                    changed += abs(picture[at] - empty[at]) > 8;
                }
            }
            bool is_whole = boxes[i].x > 0 && boxes[i].x + boxes[i].width < OM_TEST_WIDTH;
            om_assert(!is_whole || 10 * changed > 3 * boxes[i].width * boxes[i].height);
            seen++;
        }
        for (int at = 0; at < OM_TEST_WIDTH * OM_TEST_HEIGHT; at++)
            om_assert(is_known[at] || picture[at] == empty[at]);
    }
    om_assert(seen > 60);
}

// A thing keeps its id and moves steadily while it can be seen whole.
static void test_ids(void)
{
    struct om_test_box before[OM_TEST_BOXES_MAX], now[OM_TEST_BOXES_MAX];
    int n_before = 0;

    for (uint64_t frame = 0; frame < 2000; frame++) {
        int n = om_test_scene_truth(frame, now);
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < n_before; k++) {
                om_assert(i == k || i >= n || k >= n || now[i].id != now[k].id);
                if (before[k].id == now[i].id)
                    om_assert(abs(now[i].x - before[k].x) <= 6 && now[i].y == before[k].y);
            }
        }
        memcpy(before, now, sizeof(now));
        n_before = n;
    }
}

int main(void)
{
    test_same_number_same_picture();
    test_truth();
    test_ids();
    return 0;
}
