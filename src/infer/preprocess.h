// From a frame's planes into the network's input in one pass over the rows that are needed: crop,
// upright, colour conversion, scaling, letterbox, normalisation. docs/design/inference.md says how,
// and why the result is the same to the bit as libjpeg's conversion followed by OpenCV's bilinear
// resize.
//
// Threads: a preparer belongs to one run at a time.

#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "scene/box.h"
#include "scene/region.h"

struct om_frame;
struct om_manifest;
struct om_prep;

// Where the picture lies in the network's input. Input pixel = offset + scale * (upright pixel -
// crop).
struct om_geometry {
    int input_width, input_height;
    int offset_x, offset_y;   // of the picture in the input
    int width, height;        // of the picture in the input
    double scale_x, scale_y;  // input pixels per upright pixel
    int crop_x, crop_y;       // of the part looked at, in the upright picture
    int crop_width, crop_height;
    int picture_width, picture_height;  // upright
};

// For inputs of `channels` (1 or 3) planes of width x height; `manifest` says colour, resize, pad,
// mean, std and is copied from. NULL when memory is out.
OM_MUST_USE struct om_prep *om_prep_create(const struct om_manifest *manifest, int channels,
                                           int width, int height);
void om_prep_destroy(struct om_prep *prep);  // accepts NULL
OM_DEFINE_AUTO(om_prep);

// Fills `tensor` (channels * height * width floats, NCHW), whose border it leaves alone when the
// last call was with the same tensor and geometry. `crop` (may be NULL) in pixels of the stored
// picture, cut to it. OM_INVALID when nothing is left of it, OM_UNSUPPORTED for a pixel format that
// is no frame's, OM_NO_MEMORY.
OM_MUST_USE enum om_status om_prep_fill(struct om_prep *prep, const struct om_frame *frame,
                                        const struct om_region *crop, float *tensor,
                                        struct om_geometry *ret);

// A part of a frame and where in the input it goes.
struct om_prep_part {
    struct om_region crop;   // pixels of the stored picture
    struct om_region place;  // pixels of the input, upright; inside it
};
// The same into a rectangle of the input, scaled to fit it exactly; what lies around it is left
// alone.
OM_MUST_USE enum om_status om_prep_fill_at(struct om_prep *prep, const struct om_frame *frame,
                                           const struct om_prep_part *part, float *tensor,
                                           struct om_geometry *ret);
// The whole input: at 0, 0.
struct om_region om_prep_input(const struct om_prep *prep);
// Fills a rectangle of the input (inside it) with the manifest's pad value.
void om_prep_pad(const struct om_prep *prep, const struct om_region *at, float *tensor);
// Where a region of the stored picture lies in the upright one.
struct om_region om_prep_upright(const struct om_frame *frame, const struct om_region *region);

// The border is filled again by the next fill: somebody else wrote to the tensor.
void om_prep_forget(struct om_prep *prep);

// A box with corners in pixels of the input, as a box in the upright picture, cut to it.
struct om_box om_geometry_to_picture(const struct om_geometry *geometry, float x1, float y1,
                                     float x2, float y2);
