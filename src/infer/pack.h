// Packing: parts of many pictures side by side in one network input, a canvas. Pure geometry: which
// parts of a picture to cut out, how large they become, where they lie. docs/design/packing.md says
// why so.
//
// Threads: nothing here is shared.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "scene/region.h"

struct om_frame;

// ---- which parts -------------------------------------------------------------------------------

// Of one model and its engine.
struct om_pack_rules {
    int width, height;  // of the network's input
    bool is_stretched;  // a whole picture is scaled along both sides independently
    bool can_share;     // parts may lie beside others; else one part goes alone, the model's way
    bool is_exact;      // no detector: the first region, as it is, alone
    double zoom;        // parts are scaled by so much more than the whole picture would be
    double margin;      // context on each side of a part, as a share of the side ...
    int margin_min_px;  // ... and at least so many pixels of the input
    int gap_px;         // between parts
    double shrink_min;  // scale a whole picture may be brought to so that two share a canvas
};
#define OM_PACK_RULES_DEFAULT                                                                      \
    ((struct om_pack_rules){                                                                       \
        .zoom = 1, .margin = 0.18, .margin_min_px = 10, .gap_px = 4, .shrink_min = 0.85})

struct om_pack_tile {
    struct om_region core;  // what is to be looked at, in pixels of the stored picture
    struct om_region crop;  // with its context
    int w, h;               // in the canvas, upright
};

struct om_pack_plan {
    bool is_whole;  // one tile: the whole picture
    bool is_alone;  // one tile that needs a canvas of its own
    int count;      // 0 = nothing is left of the regions
    int area_px;    // of the tiles and their gaps, in pixels of the input
    struct om_pack_tile tiles[OM_REGIONS_MAX];
};

// Cuts the regions to the picture, adds context, joins those that overlap. When that costs about as
// much as the whole picture, or fits no canvas, it becomes the whole picture. A plan always fits
// into one empty canvas.
void om_pack_plan_make(const struct om_pack_rules *rules, const struct om_frame *frame,
                       const struct om_parts *parts, struct om_pack_plan *ret);

// ---- where -------------------------------------------------------------------------------------

enum { OM_PACK_FREE_MAX = 160, OM_PACK_TILES_MAX = 64 };

// The free rectangles of one canvas, all of them as large as they can be (so they overlap).
struct om_pack_canvas {
    int gap_px;
    int tile_count;
    int64_t used_px;  // of the tiles without their gaps
    int free_count;
    struct om_region free[OM_PACK_FREE_MAX];
};

struct om_pack_spot {
    int w, h;  // wanted
    int x, y;  // found
};

void om_pack_canvas_begin(struct om_pack_canvas *canvas, int width, int height, int gap_px);
// Finds room for all of `spots`, or for none: then the canvas is as before. At most
// OM_PACK_TILES_MAX in one canvas. Taller ones first pack better.
OM_MUST_USE bool om_pack_put(struct om_pack_canvas *canvas, struct om_pack_spot *spots, int count);
