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

    for (int x = 0; x < frame->width; x++)
        sums[x] = 0;
    for (int y = from; y < to; y++, row += frame->stride[0]) {
        if (frame->format == OM_PIX_RGB24)
            add_row_rgb(sums, row, frame->width);
        else
            add_row(sums, row, frame->width);
    }
}

static uint8_t level(uint32_t sum, uint32_t count, bool is_full_range)
{
    if (is_full_range)
        return (uint8_t)((sum + count / 2) / count);
    int32_t above_black = (int32_t)sum - 16 * (int32_t)count;
    int32_t luma = (above_black * 255 / 219 + (int32_t)count / 2) / (int32_t)count;
    return (uint8_t)OM_CLAMP(luma, 0, 255);
}

void om_thumb_fill(struct om_thumb *thumb, const struct om_frame *frame)
{
    uint16_t sums[OM_FRAME_SIDE_MAX];
    bool is_full_range = frame->is_full_range || frame->format == OM_PIX_RGB24;
    uint8_t *out = thumb->luma;

    om_assert(frame->format != OM_PIX_YUYV && frame->width <= OM_FRAME_SIDE_MAX);
    om_assert(thumb->width <= frame->width && thumb->height <= frame->height);
    thumb->pts_us = frame->pts_us;
    for (int ty = 0; ty < thumb->height; ty++) {
        int y0 = ty * frame->height / thumb->height, y1 = (ty + 1) * frame->height / thumb->height;
        sum_rows(sums, frame, y0, y1);
        for (int tx = 0; tx < thumb->width; tx++) {
            int x0 = tx * frame->width / thumb->width;
            int x1 = (tx + 1) * frame->width / thumb->width;
            uint32_t sum = 0;
            for (int x = x0; x < x1; x++)
                sum += sums[x];
            *out++ = level(sum, (uint32_t)((x1 - x0) * (y1 - y0)), is_full_range);
        }
    }
}
