// What a model saw in one picture.

#pragma once

#include <stdint.h>

#include "scene/box.h"

struct om_detection {
    struct om_box box;  // pixels of the upright picture
    float score;        // 0..1
    int16_t class_id;   // index into the model's labels
};

enum { OM_DETECTIONS_MAX = 300 };  // of one picture

// A fixed list, so that a frame's detections never allocate.
struct om_detections {
    int count;
    struct om_detection items[OM_DETECTIONS_MAX];
};
