// Thumb: a small grey picture of a frame for the motion watch, made by averaging luma blocks.

#pragma once

#include <stddef.h>
#include <stdint.h>

struct om_frame;

struct om_thumb {
    int64_t pts_us;
    int width, height;  // of the stored (not turned) picture
    uint8_t *luma;      // width * height, tight rows; memory of the caller
};

enum { OM_THUMB_WIDTH_MAX = 160, OM_THUMB_PIXELS_MAX = 160 * 160 };

// Size of the thumb of a `width` x `height` frame: at most 160 wide or high, same shape, sides
// >= 1.
void om_thumb_size(int width, int height, int *ret_width, int *ret_height);
// Fills thumb->luma (thumb->width x thumb->height as om_thumb_size() said) and pts_us. Full- and
// studio-range luma come out alike (0..255).
void om_thumb_fill(struct om_thumb *thumb, const struct om_frame *frame);
