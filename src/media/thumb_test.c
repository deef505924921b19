#include "media/thumb.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rand.h"
#include "media/frame.h"

static void test_sizes(void)
{
    static const int rows[][4] = {
        {1920, 1080, 160, 90}, {1280, 720, 160, 90}, {640, 480, 160, 120}, {1080, 1920, 90, 160},
        {100, 50, 100, 50},    {1, 8000, 1, 160},    {16384, 10, 160, 1},  {1, 1, 1, 1},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        int width, height;
        om_thumb_size(rows[i][0], rows[i][1], &width, &height);
        om_assert(width == rows[i][2] && height == rows[i][3]);
    }
}

static double reference(const struct om_frame *frame, const struct om_thumb *thumb, int tx, int ty)
{
    int x0 = tx * frame->width / thumb->width, x1 = (tx + 1) * frame->width / thumb->width;
    int y0 = ty * frame->height / thumb->height, y1 = (ty + 1) * frame->height / thumb->height;
    double sum = 0;

    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++)
            sum += frame->plane[0][y * frame->stride[0] + x];
    }
    double mean = sum / ((x1 - x0) * (y1 - y0));
    return OM_CLAMP(frame->is_full_range ? mean : (mean - 16) * 255 / 219, 0, 255);
}

static void test_against_plain_loops(int width, int height, bool is_full_range)
{
    uint8_t luma[OM_THUMB_PIXELS_MAX];
    struct om_thumb thumb = {.luma = luma};
    struct om_rand rand;
    om_auto_ref(om_frame) frame = om_frame_alloc(OM_PIX_I420, width, height);

    om_rand_init(&rand, 7);
    frame->is_full_range = is_full_range;
    frame->pts_us = 99;
    for (int i = 0; i < frame->stride[0] * height; i++)
        om_frame_plane_mut(frame, 0)[i] = (uint8_t)(om_rand_u64(&rand) | (i / 64 % 256));
    om_thumb_size(width, height, &thumb.width, &thumb.height);
    om_thumb_fill(&thumb, frame);
    om_assert(thumb.pts_us == 99);
    for (int y = 0; y < thumb.height; y++) {
        for (int x = 0; x < thumb.width; x++) {
            double off = luma[y * thumb.width + x] - reference(frame, &thumb, x, y);
            om_assert(off < 1.01 && off > -1.01);
        }
    }
}

static void test_rgb(void)
{
    uint8_t luma[16];
    struct om_thumb thumb = {.width = 4, .height = 4, .luma = luma};
    om_auto_ref(om_frame) frame = om_frame_alloc(OM_PIX_RGB24, 4, 4);

    memset(om_frame_plane_mut(frame, 0), 200, (size_t)frame->stride[0] * 4);
    om_thumb_fill(&thumb, frame);
    om_assert(luma[0] == 200 && luma[15] == 200);
}

int main(void)
{
    test_sizes();
    test_against_plain_loops(1280, 720, true);
    test_against_plain_loops(641, 359, false);
    test_against_plain_loops(90, 160, true);
    test_against_plain_loops(5, 2000, false);
    test_rgb();
    return 0;
}
