#include "media/thumb.h"

#include "base/assert.h"
#include "base/attr.h"
#include "media/frame.h"

// A thumb pixel is the mean of a block of luma. Rows of a block are summed into one row of 16-bit
// sums first (the loop that vectorises), then that row is cut into blocks. At most
// ceil(OM_FRAME_SIDE_MAX / OM_THUMB_WIDTH_MAX) + 1 = 104 rows of 255 meet in a sum: it fits 16
// bits.

void om_thumb_size(int width, int height, int *ret_width, int *ret_height)
{
    int side = OM_MAX(width, height);

    if (side <= OM_THUMB_WIDTH_MAX) {
        *ret_width = width;
        *ret_height = height;
        return;
    }
    *ret_width = OM_MAX(1, (width * OM_THUMB_WIDTH_MAX + side / 2) / side);
    *ret_height = OM_MAX(1, (height * OM_THUMB_WIDTH_MAX + side / 2) / side);
}

OM_KERNEL
static void add_row(uint16_t *restrict sums, const uint8_t *restrict row, int n)
{
    for (int i = 0; i < n; i++)
        sums[i] = (uint16_t)(sums[i] + row[i]);
}

// The four rows that a block of 360 lines and more has at least, without reading the sums.
OM_KERNEL
static void set_four_rows(uint16_t *restrict sums, const uint8_t *restrict row, ptrdiff_t stride,
                          int n)
{
    const uint8_t *second = row + stride, *third = second + stride, *fourth = third + stride;
    for (int i = 0; i < n; i++)
        sums[i] = (uint16_t)((row[i] + second[i]) + (third[i] + fourth[i]));
}

OM_KERNEL
static void add_row_rgb(uint16_t *restrict sums, const uint8_t *restrict row, int n)
{
    for (int i = 0; i < n; i++) {
        unsigned luma = (77u * row[3 * i] + 150u * row[3 * i + 1] + 29u * row[3 * i + 2]) >> 8;
        sums[i] = (uint16_t)(sums[i] + luma);
    }
}

static void sum_rows(uint16_t *sums, const struct om_frame *frame, int from, int to)
{
    const uint8_t *row = frame->plane[0] + (ptrdiff_t)from * frame->stride[0];
    int y = from;

    if (frame->format != OM_PIX_RGB24 && to - from >= 4) {
        set_four_rows(sums, row, frame->stride[0], frame->width);
        row += 4 * (ptrdiff_t)frame->stride[0];
        y += 4;
    } else {
        for (int x = 0; x < frame->width; x++)
            sums[x] = 0;
    }
    for (; y < to; y++, row += frame->stride[0]) {
        if (frame->format == OM_PIX_RGB24)
            add_row_rgb(sums, row, frame->width);
        else
            add_row(sums, row, frame->width);
    }
}

// From the sum of a block to its mean as full-range luma: mean = scale * sum + offset.
struct levels {
    float scale, offset;
};

static struct levels levels_for(int count, bool is_full_range)
{
    float stretch = is_full_range ? 1 : 255.0F / 219;
    return (struct levels){stretch / (float)count, is_full_range ? 0.5F : 0.5F - 16 * stretch};
}

static inline uint8_t level(uint32_t sum, struct levels levels)
{
    return (uint8_t)OM_CLAMP((float)sum * levels.scale + levels.offset, 0, 255);
}

// Blocks of four, as 640 wide pictures have them: a loop that vectorises.
OM_KERNEL
static void cut_fours(uint8_t *restrict out, const uint16_t *restrict sums, int n,
                      struct levels levels)
{
    for (int i = 0; i < n; i++) {
        const uint16_t *s = &sums[(ptrdiff_t)4 * i];
        out[i] = level((uint32_t)(s[0] + s[1] + s[2] + s[3]), levels);
    }
}

static void cut_any(uint8_t *out, const uint16_t *sums, const struct om_thumb *thumb, int width,
                    const struct levels levels[2])
{
    int narrow = width / thumb->width;  // blocks are that wide, or one wider
    for (int tx = 0, x = 0; tx < thumb->width; tx++) {
        int end = (tx + 1) * width / thumb->width;
        int is_wider = end - x - narrow;
        uint32_t sum = 0;
        for (; x < end; x++)
            sum += sums[x];
        out[tx] = level(sum, levels[is_wider]);
    }
}

void om_thumb_fill(struct om_thumb *thumb, const struct om_frame *frame)
{
    uint16_t sums[OM_FRAME_SIDE_MAX];
    bool is_full_range = frame->is_full_range || frame->format == OM_PIX_RGB24;
    uint8_t *out = thumb->luma;
    int narrow = frame->width / thumb->width;

    om_assert(frame->format != OM_PIX_YUYV && frame->width <= OM_FRAME_SIDE_MAX);
    om_assert(thumb->width <= frame->width && thumb->height <= frame->height);
    thumb->pts_us = frame->pts_us;
    for (int ty = 0; ty < thumb->height; ty++, out += thumb->width) {
        int y0 = ty * frame->height / thumb->height, y1 = (ty + 1) * frame->height / thumb->height;
        const struct levels levels[2] = {levels_for(narrow * (y1 - y0), is_full_range),
                                         levels_for((narrow + 1) * (y1 - y0), is_full_range)};
        sum_rows(sums, frame, y0, y1);
        if (narrow == 4 && frame->width == 4 * thumb->width)
            cut_fours(out, sums, thumb->width, levels[0]);
        else
            cut_any(out, sums, thumb, frame->width, levels);
    }
}
