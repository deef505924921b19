// The scene of test: as a pure function of the frame number, so that tests know the truth: a street
// seen from above its kerb, with cars on two lanes and people on the pavement.

#pragma once

#include <stdint.h>

enum { OM_TEST_WIDTH = 640, OM_TEST_HEIGHT = 360, OM_TEST_OBJECTS = 5 };

struct om_test_box {
    int x, y, w, h;
};

// Draws frame `number` into I420 planes (tight or wider rows).
void om_test_scene_draw(int64_t number, uint8_t *const plane[3], const int stride[3]);
// Where the objects are in that frame, clipped to the picture (an empty box = outside). Returns
// their count.
int om_test_scene_truth(int64_t number, struct om_test_box boxes[OM_TEST_OBJECTS]);
