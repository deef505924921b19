// What bench pack looks at: parts of pictures as the pipeline asks for them.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "scene/detection.h"
#include "scene/region.h"

struct om_ap_truth;
struct om_error;
struct om_frame;
struct om_model;

enum { OM_PACK_WORK_WIDTH = 640, OM_PACK_WORK_HEIGHT = 360 };

// One look: of one camera at one moment, or of one labelled picture.
struct om_pack_look {
    struct om_frame *frame;  // counted
    struct om_parts parts;
    int image;  // of a labelled picture, else -1
};

struct om_pack_work {
    int count, capacity;
    struct om_pack_look *looks;
    int truth_count;
    struct om_ap_truth *truths;
    int pictures;  // of which they are
};

// The videos of `data`, each a camera of 640 x 360 at 5 frames/s: what moves and where tracks are
// expected (pipeline/looks.h, thrift). The cameras take turns. False with the reason.
bool om_pack_work_videos(struct om_pack_work *work, const char *data, struct om_model *model,
                         struct om_error *err);
// The labelled pictures of `data` (images/coco.json) made to fit 640 x 360. `is_each`: a look for
// each object, with nothing but its surroundings; else one for each picture, with all its objects.
// Boxes are shaken, as predicted ones are off.
bool om_pack_work_pictures(struct om_pack_work *work, const char *data, struct om_model *model,
                           bool is_each, struct om_error *err);
void om_pack_work_finish(struct om_pack_work *work);  // accepts an all-zero struct
