// Tiles: parts of pictures side by side in one network input, a canvas. What lies around them is
// pad, and what is found belongs to the one that holds its middle. docs/design/packing.md has the
// rules.
//
// Pure, and threads share nothing: a tile belongs to whoever made it.

#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "infer/preprocess.h"

struct om_candidate;
struct om_detection;

enum { OM_MODEL_TILES_MAX = 64 };  // of one canvas

// A part of a picture and where in which input (a canvas) it lies.
struct om_model_tile {
    const struct om_frame *frame;
    struct om_region core;     // what was asked for, in pixels of the stored picture
    struct om_prep_part part;  // place.w 0 = alone in its canvas, the model's own way
    int canvas;
    // Filled by prepare.
    enum om_status status;
    struct om_geometry geometry;
};

// Fills all of the canvas `tensor` but the `count` tiles (at most OM_MODEL_TILES_MAX, apart from
// each other) that were filled with pad; a tile whose status is not OM_OK is pad too.
void om_tiles_pad(const struct om_prep *prep, const struct om_model_tile *tiles, int count,
                  float *tensor);
// The candidate (pixels of the input) as a detection in the upright picture of `tile`. False when
// it belongs to another tile, is a shape across the gap, or is cut off by the tile's edge where
// nobody asked to look.
OM_MUST_USE bool om_tile_box(const struct om_model_tile *tile, const struct om_candidate *candidate,
                             struct om_detection *ret);
