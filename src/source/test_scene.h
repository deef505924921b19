// The picture of test: a street seen from above a pavement, with cars on two lanes and people
// walking. It depends on the frame's number only, and where things are is known, so that motion,
// tracking and counting can be checked against the truth.
//
// Threads: a scene may be drawn from by one thread at a time.

#pragma once

#include <stdint.h>

#include "base/cleanup.h"

enum { OM_TEST_WIDTH = 640, OM_TEST_HEIGHT = 360, OM_TEST_BOXES_MAX = 8 };

struct om_test_box {
    int id;                   // of the thing; the same as long as it is in sight, then never again
    const char *label;        // "car" or "person"
    int x, y, width, height;  // what can be seen of it, in pixels
};

// What can be seen in frame `frame_no`; returns how many boxes were filled.
int om_test_scene_truth(uint64_t frame_no, struct om_test_box boxes[OM_TEST_BOXES_MAX]);

struct om_test_scene;

OM_MUST_USE struct om_test_scene *om_test_scene_create(void);
void om_test_scene_destroy(struct om_test_scene *scene);  // accepts NULL
OM_DEFINE_AUTO(om_test_scene);
// Writes the picture as I420 with tight rows: OM_TEST_WIDTH * OM_TEST_HEIGHT * 3 / 2 bytes.
void om_test_scene_draw(const struct om_test_scene *scene, uint64_t frame_no, uint8_t *i420);
