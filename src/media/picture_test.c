#include "media/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "media/picture_int.h"

static uint8_t clamp8(double v)
{
    return (uint8_t)OM_CLAMP((int)(v + 0.5), 0, 255);
}

// One upright pixel as RGB, slowly: full-range BT.601 with replicated chroma.
static void pixel(const struct om_frame *frame, int x, int y, double rgb[3])
{
    const uint8_t *p = frame->plane[0] + (ptrdiff_t)y * frame->stride[0];
    if (frame->format == OM_PIX_RGB24) {
        for (int c = 0; c < 3; c++)
            rgb[c] = p[3 * x + c];
        return;
    }
    rgb[0] = rgb[1] = rgb[2] = p[x];
    if (frame->format == OM_PIX_GREY)
        return;
    int cx = frame->format == OM_PIX_I444 ? x : x / 2;
    int cy = frame->format == OM_PIX_I420 ? y / 2 : y;
    double cb = frame->plane[1][(ptrdiff_t)cy * frame->stride[1] + cx] - 128;
    double cr = frame->plane[2][(ptrdiff_t)cy * frame->stride[2] + cx] - 128;
    double luma = p[x];
    rgb[0] = clamp8(luma + 1.402 * cr);
    rgb[1] = clamp8(luma - 0.344136 * cb - 0.714136 * cr);
    rgb[2] = clamp8(luma + 1.772 * cb);
}

static void mean_rgb(const struct om_frame *frame, double mean[3])
{
    mean[0] = mean[1] = mean[2] = 0;
    for (int y = 0; y < frame->height; y++) {
        for (int x = 0; x < frame->width; x++) {
            double rgb[3];
            pixel(frame, x, y, rgb);
            for (int c = 0; c < 3; c++)
                mean[c] += rgb[c];
        }
    }
    for (int c = 0; c < 3; c++)
        mean[c] /= (double)frame->width * frame->height;
}

static bool is_refused_by_design(om_str name)
{
    return om_str_ends_with(name, OM_STR(".avif")) || om_str_ends_with(name, OM_STR(".tiff"));
}

// What may differ from Pillow: CMYK conversion differs by 1 between Pillow and OpenCV already.
static void compare(const struct om_frame *frame, const struct om_json *row, const char *name)
{
    const struct om_json *upright = om_json_get(row, "upright");
    const struct om_json *mean = om_json_get(row, "mean_rgb");
    double got[3];

    if (om_frame_upright_width(frame) != om_json_as_int(om_json_at(upright, 0), 0))
        fprintf(stderr, "%s: %d wide\n", name, om_frame_upright_width(frame));
    om_assert(om_frame_upright_width(frame) == om_json_as_int(om_json_at(upright, 0), 0));
    om_assert(om_frame_upright_height(frame) == om_json_as_int(om_json_at(upright, 1), 0));
    mean_rgb(frame, got);
    for (size_t c = 0; c < 3; c++) {
        double want = om_json_as_double(om_json_at(mean, c), -1);
        if (fabs(got[c] - want) > 1.3)
            fprintf(stderr, "%s: colour %zu is %.1f, not %.1f\n", name, c, got[c], want);
        om_assert(fabs(got[c] - want) <= 1.3);
    }
}

static bool odd_file(const char *folder, const char *name, const struct om_json *row)
{
    char path[500];
    struct om_error err = {0};
    om_str outcome = om_json_as_str(om_json_get(row, "decode"), OM_STR(""));
    bool is_wanted = om_str_equal(outcome, OM_STR("ok")) &&
                     !is_refused_by_design(om_str_from(name));
    bool is_bomb = om_str_starts_with(outcome, OM_STR("not tried")) || strstr(name, "huge_header");

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    om_auto_free char *bytes = NULL;
    size_t n;
    om_assert(om_file_read(path, OM_PICTURE_BYTES_MAX, &bytes, &n, NULL));
    uint64_t before = om_mem_alloc_count();
    om_auto_ref(om_frame) frame = om_picture_decode(om_str_n(bytes, n), &err);
    uint64_t allocations = om_mem_alloc_count() - before;
    if (is_wanted && !frame)
        fprintf(stderr, "%s: %s\n", name, err.text);
    om_assert(!is_wanted || frame);
    if (is_wanted)
        compare(frame, row, name);
    if (!frame)
        om_assert(err.text[0] && err.hint[0]);
    if (is_bomb)
        om_assert(!frame && err.status == OM_LIMIT && allocations == 0);
    return is_wanted;
}

static void test_odd(const char *shared)
{
    char path[500], folder[400];
    size_t n;
    om_auto_free char *text = NULL;

    snprintf(path, sizeof(path), "%s/data/expected/odd.json", shared);
    snprintf(folder, sizeof(folder), "%s/data/images/odd", shared);
    om_assert(om_file_read(path, 1 << 20, &text, &n, NULL));
    om_auto_json odd = om_json_parse(om_str_n(text, n), NULL);
    om_assert(om_json_len(odd) > 50);
    size_t wanted = 0;
    const char *name;
    const struct om_json *row;
    void *at = NULL;
    while (om_json_next(odd, &at, &name, &row)) {
        wanted += odd_file(folder, name, row);
    }
    om_assert(wanted >= 30);
}

// A picture with a different colour in each corner, in the format and way round asked for.
static struct om_frame *corners(enum om_pixfmt format, int width, int height)
{
    struct om_frame *frame = om_frame_alloc(format, width, height);
    int row_bytes, rows;

    for (int p = 0; om_pixfmt_plane(format, p, width, height, &row_bytes, &rows); p++) {
        for (int y = 0; y < rows; y++) {
            uint8_t *row = om_frame_plane_mut(frame, p) + (ptrdiff_t)y * frame->stride[p];
            for (int x = 0; x < row_bytes; x++)
                row[x] = p > 0 ? 128
                               : (uint8_t)(40 + 60 * (2 * y >= rows) + 110 * (2 * x >= row_bytes));
        }
    }
    frame->is_full_range = true;
    return frame;
}

static void check_corner(const struct om_frame *jpeg, int corner, int want)
{
    int x = corner & 1 ? jpeg->width - 3 : 2, y = corner & 2 ? jpeg->height - 3 : 2;
    int got = jpeg->plane[0][(ptrdiff_t)y * jpeg->stride[0] + x];
    om_assert(abs(got - want) <= 4);
}

// Stored corners are 40 150 / 100 210; `order` is what stands upright, row by row.
static void check_encode(struct om_frame *frame, int width_max, int width, int height,
                         const int order[4])
{
    om_auto_buf out;
    struct om_error err;

    om_buf_init(&out, 1 << 20);
    om_assert(om_picture_encode_jpeg(frame, width_max, 95, &out, &err) == OM_OK);
    om_auto_ref(om_frame) back = om_picture_decode(om_buf_str(&out), &err);
    om_assert(back && back->width == width && back->height == height);
    for (int i = 0; i < 4; i++)
        check_corner(back, i, order[i]);
}

static void test_encode_turned(void)
{
    static const struct {
        int rotation_deg;
        bool is_mirrored;
        int order[4];
    } rows[] = {
        {0, false, {40, 150, 100, 210}},   {90, false, {100, 40, 210, 150}},
        {180, false, {210, 100, 150, 40}}, {270, false, {150, 210, 40, 100}},
        {0, true, {150, 40, 210, 100}},    {90, true, {210, 150, 100, 40}},
        {180, true, {100, 210, 40, 150}},  {270, true, {40, 100, 150, 210}},
    };
    static const enum om_pixfmt formats[] = {OM_PIX_I420, OM_PIX_I422, OM_PIX_I444, OM_PIX_NV12,
                                             OM_PIX_GREY};
    for (size_t f = 0; f < OM_ARRAY_LEN(formats); f++) {
        om_auto_ref(om_frame) frame = corners(formats[f], 321, 241);
        for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
            bool is_sideways = rows[i].rotation_deg % 180 != 0;
            frame->rotation_deg = rows[i].rotation_deg;
            frame->is_mirrored = rows[i].is_mirrored;
            check_encode(frame, 0, is_sideways ? 241 : 321, is_sideways ? 321 : 241, rows[i].order);
            check_encode(frame, 80, 80, is_sideways ? 107 : 60, rows[i].order);
        }
    }
}

static void test_encode_range(void)
{
    static const int order[4] = {28, 156, 98, 226};  // (v - 16) * 255 / 219
    om_auto_ref(om_frame) frame = corners(OM_PIX_I420, 64, 64);
    frame->is_full_range = false;
    check_encode(frame, 0, 64, 64, order);
}

static void test_exif(void)
{
    static const struct {
        const char *tiff;
        size_t n;
        int orientation;
    } rows[] = {
        {"", 0, 1},
        {"II*\0", 4, 1},
        {"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22, 6},
        {"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 22, 8},
        {"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0", 22, 1},  // no such orientation
        {"II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0\x01\0\0\0", 18, 1},          // cut
        {"II*\0\xff\xff\xff\xff\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22, 1},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++)
        om_assert(om_exif_orientation(om_str_n(rows[i].tiff, rows[i].n)) == rows[i].orientation);
}

int main(void)
{
    const char *shared = getenv("OMMA_SHARED");

    test_exif();
    test_encode_turned();
    test_encode_range();
    if (!shared) {
        puts("skipped: no ../shared");
        return 77;
    }
    test_odd(shared);
    return 0;
}
