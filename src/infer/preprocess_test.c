// The preparer against a plain one written from the definition: upright picture of bytes, then
// OpenCV's bilinear in its own arithmetic, pixel by pixel.

#include "infer/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"
#include "infer/manifest.h"
#include "media/frame.h"
#include "scene/region.h"

enum { SIDE_MAX = 512 };

#define TOP OM_RESIZE_LETTERBOX_TOPLEFT
#define MID OM_RESIZE_LETTERBOX_CENTER
#define STRETCH OM_RESIZE_STRETCH
#define BGR OM_COLOUR_BGR
#define RGB OM_COLOUR_RGB

struct picture {
    int w, h;
    uint8_t rgb[SIDE_MAX][SIDE_MAX][3];
};

static struct om_frame *make_frame(enum om_pixfmt format, int w, int h, bool is_full)
{
    struct om_frame *frame = om_frame_alloc(format, w, h);
    struct om_rand rand;
    int planes = format == OM_PIX_GREY || format == OM_PIX_RGB24 ? 1
                 : format == OM_PIX_NV12                         ? 2
                                                                 : 3;

    om_assert(frame);
    om_rand_init(&rand, (uint64_t)w * 1000 + (uint64_t)h);
    frame->is_full_range = is_full;
    frame->matrix = OM_MATRIX_BT601;
    for (int p = 0; p < planes; p++) {
        int rows = p && (format == OM_PIX_I420 || format == OM_PIX_NV12) ? (h + 1) / 2 : h;
        int bytes = format == OM_PIX_RGB24                                  ? 3 * w
                    : p && format == OM_PIX_NV12                            ? (w + 1) / 2 * 2
                    : p && (format == OM_PIX_I420 || format == OM_PIX_I422) ? (w + 1) / 2
                                                                            : w;
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < bytes; x++)
                om_frame_plane_mut(
                    frame, p)[y * frame->stride[p] + x] = (uint8_t)(100 + x / 2 +
                                                                    (int)om_rand_below(&rand, 60) -
                                                                    y / 3);
    }
    return frame;
}

static int clamp(int x, int low, int high)
{
    return x < low ? low : x > high ? high : x;
}

static int sample(const struct om_frame *f, int plane, int x, int y)
{
    int w = (f->width + 1) / 2;
    int h = f->format == OM_PIX_I422 ? f->height : (f->height + 1) / 2;
    x = clamp(x, 0, w - 1);
    y = clamp(y, 0, h - 1);
    if (f->format == OM_PIX_NV12)
        return f->plane[1][y * f->stride[1] + 2 * x + plane - 1];
    return f->plane[plane][y * f->stride[plane] + x];
}

// libjpeg's "fancy" filter for full range, repeated samples for studio range.
static int chroma(const struct om_frame *f, int plane, int x, int y)
{
    if (f->format == OM_PIX_I444)
        return f->plane[plane][y * f->stride[plane] + x];
    bool is_422 = f->format == OM_PIX_I422;
    int cx = x / 2, cy = is_422 ? y : y / 2;
    if (!f->is_full_range)
        return sample(f, plane, cx, cy);
    int nx = x & 1 ? cx + 1 : cx - 1, ny = y & 1 ? cy + 1 : cy - 1;
    if (is_422)
        return (3 * sample(f, plane, cx, cy) + sample(f, plane, nx, cy) + (x & 1 ? 2 : 1)) >> 2;
    int near = 3 * sample(f, plane, cx, cy) + sample(f, plane, cx, ny);
    int far = 3 * sample(f, plane, nx, cy) + sample(f, plane, nx, ny);
    return (3 * near + far + (x & 1 ? 7 : 8)) >> 4;
}

static void stored_pixel(const struct om_frame *f, int x, int y, uint8_t rgb[3])
{
    const uint8_t *at = f->plane[0] + y * f->stride[0];

    if (f->format == OM_PIX_RGB24) {
        memcpy(rgb, at + 3 * x, 3);
        return;
    }
    int luma = at[x];
    if (f->format == OM_PIX_GREY) {
        rgb[0] = rgb[1] = rgb[2] = (uint8_t)luma;
        return;
    }
    double u = chroma(f, 1, x, y) - 128, v = chroma(f, 2, x, y) - 128;
    double k = f->is_full_range ? 1 : 255 / 224.0;
    double l = f->is_full_range ? luma : (luma - 16) * 255 / 219.0;
    rgb[0] = (uint8_t)clamp((int)floor(l + 1.402 * k * v + 0.5), 0, 255);
    rgb[1] = (uint8_t)clamp((int)floor(l - 0.344147 * k * u - 0.714142 * k * v + 0.5), 0, 255);
    rgb[2] = (uint8_t)clamp((int)floor(l + 1.772 * k * u + 0.5), 0, 255);
}

// The crop, upright.
static void upright(const struct om_frame *f, const struct om_region *c, struct picture *out)
{
    bool is_turned = f->rotation_deg == 90 || f->rotation_deg == 270;

    out->w = is_turned ? c->h : c->w;
    out->h = is_turned ? c->w : c->h;
    for (int y = 0; y < out->h; y++) {
        for (int x = 0; x < out->w; x++) {
            int sx = x, sy = y;
            if (f->rotation_deg == 90)
                sx = y, sy = c->h - 1 - x;
            else if (f->rotation_deg == 180)
                sx = c->w - 1 - x, sy = c->h - 1 - y;
            else if (f->rotation_deg == 270)
                sx = c->w - 1 - y, sy = x;
            if (f->is_mirrored)
                sx = c->w - 1 - sx;
            stored_pixel(f, c->x + sx, c->y + sy, out->rgb[y][x]);
        }
    }
}

static int resized(const struct picture *p, const int at[2], const int size[2], int channel)
{
    float fx = (float)((at[0] + 0.5) * (1 / ((double)size[0] / p->w)) - 0.5);
    float fy = (float)((at[1] + 0.5) * (1 / ((double)size[1] / p->h)) - 0.5);
    int x = (int)floorf(fx), y = (int)floorf(fy);

    fx -= (float)x;
    fy -= (float)y;
    if (x < 0)
        x = 0, fx = 0;
    if (x >= p->w - 1)
        x = p->w - 1, fx = 0;
    int a0 = (int)rintf((1 - fx) * 2048), a1 = (int)rintf(fx * 2048);
    int b0 = (int)rintf((1 - fy) * 2048), b1 = (int)rintf(fy * 2048);
    int x1 = clamp(x + 1, 0, p->w - 1), y0 = clamp(y, 0, p->h - 1), y1 = clamp(y + 1, 0, p->h - 1);
    int upper = p->rgb[y0][x][channel] * a0 + p->rgb[y0][x1][channel] * a1;
    int lower = p->rgb[y1][x][channel] * a0 + p->rgb[y1][x1][channel] * a1;
    return (((b0 * (upper >> 4)) >> 16) + ((b1 * (lower >> 4)) >> 16) + 2) >> 2;
}

struct scene {
    enum om_pixfmt format;
    int w, h, rotation_deg;
    bool is_mirrored, is_full;
    struct om_region crop;  // w 0 = whole
    enum om_resize resize;
    enum om_colour colour;
    int input_w, input_h;
    int tolerance;           // grey levels
    struct om_region place;  // w 0 = where the resize puts it
};

static void expected_place(const struct scene *s, const struct picture *p, int place[4])
{
    double r = fmin((double)s->input_w / p->w, (double)s->input_h / p->h);

    place[0] = place[1] = 0;
    place[2] = s->input_w;
    place[3] = s->input_h;
    if (s->place.w)
        memcpy(place, (int[4]){s->place.x, s->place.y, s->place.w, s->place.h}, 4 * sizeof(int));
    if (s->place.w)
        return;
    if (s->resize == OM_RESIZE_STRETCH)
        return;
    if (s->resize == OM_RESIZE_LETTERBOX_TOPLEFT) {
        place[2] = (int)(p->w * r);
        place[3] = (int)(p->h * r);
        return;
    }
    place[2] = OM_MAX((int)rint(p->w * r), 1);
    place[3] = OM_MAX((int)rint(p->h * r), 1);
    place[0] = (int)rint((s->input_w - place[2]) / 2.0 - 0.1);
    place[1] = (int)rint((s->input_h - place[3]) / 2.0 - 0.1);
}

// All of the input is padded first: the fill must leave alone what lies around its rectangle.
static void fill_at(struct om_prep *prep, const struct om_frame *frame,
                    const struct om_prep_part *part, float *tensor, struct om_geometry *ret)
{
    struct om_geometry whole;
    om_assert(om_prep_fill(prep, frame, NULL, tensor, &whole) == OM_OK);
    om_prep_pad(prep, &(struct om_region){0, 0, whole.input_width, whole.input_height}, tensor);
    om_assert(om_prep_fill_at(prep, frame, part, tensor, ret) == OM_OK);
    struct om_region crop = om_prep_upright(frame, &part->crop);
    om_assert(crop.x == ret->crop_x && crop.y == ret->crop_y && crop.w == ret->crop_width &&
              crop.h == ret->crop_height);
}

static void check(const struct scene *s)
{
    static struct picture picture;
    om_auto(om_manifest) m = om_manifest_create();
    m->resize = s->resize;
    m->colour = s->colour;
    m->pad = 114;
    for (int c = 0; c < 3; c++) {
        m->mean[c] = (float)(10 * c + 3);
        m->std[c] = 2;
    }
    om_auto_ref(om_frame) frame = make_frame(s->format, s->w, s->h, s->is_full);
    frame->rotation_deg = s->rotation_deg;
    frame->is_mirrored = s->is_mirrored;
    struct om_region crop = s->crop.w ? s->crop : (struct om_region){0, 0, s->w, s->h};
    upright(frame, &crop, &picture);

    int channels = s->colour == OM_COLOUR_GREY ? 1 : 3;
    size_t plane = (size_t)s->input_w * (size_t)s->input_h;
    om_auto_free float *tensor = om_new_array(float, 3 * plane);
    om_auto(om_prep) prep = om_prep_create(m, channels, s->input_w, s->input_h);
    struct om_geometry g;
    if (s->place.w)
        fill_at(prep, frame, &(struct om_prep_part){crop, s->place}, tensor, &g);
    else
        om_assert(om_prep_fill(prep, frame, s->crop.w ? &s->crop : NULL, tensor, &g) == OM_OK);

    int place[4];
    expected_place(s, &picture, place);
    om_assert(g.offset_x == place[0] && g.offset_y == place[1] && g.width == place[2] &&
              g.height == place[3]);
    for (int c = 0; c < channels; c++) {
        int source = s->colour == OM_COLOUR_BGR ? 2 - c : c;
        for (int y = 0; y < s->input_h; y++) {
            for (int x = 0; x < s->input_w; x++) {
                const int at[2] = {x - place[0], y - place[1]};
                bool is_inside = at[0] >= 0 && at[1] >= 0 && at[0] < place[2] && at[1] < place[3];
                int level = is_inside ? resized(&picture, at, place + 2, source) : 114;
                float got = tensor[(size_t)c * plane + (size_t)(y * s->input_w + x)] * 2 +
                            m->mean[c];
                om_assert(fabsf(got - (float)level) <= (float)s->tolerance + 0.001f);
            }
        }
    }
}

static void check_back(void)
{
    // 1280 x 720 in 416: the far corner of the content is the far corner of the picture.
    om_auto(om_manifest) m = om_manifest_create();
    m->resize = OM_RESIZE_LETTERBOX_CENTER;
    om_auto(om_prep) prep = om_prep_create(m, 3, 416, 416);
    om_auto_ref(om_frame) frame = make_frame(OM_PIX_I420, 480, 270, true);
    om_auto_free float *tensor = om_new_array(float, 3 * 416 * 416);
    struct om_geometry g;
    om_assert(om_prep_fill(prep, frame, NULL, tensor, &g) == OM_OK);
    om_assert(g.offset_y == 91 && g.height == 234);
    struct om_box box = om_geometry_to_picture(&g, 0, 91, 416, 91 + 234);
    om_assert(fabsf(box.x) < 0.01f && fabsf(box.w - 480) < 0.01f && fabsf(box.h - 270) < 0.01f);
    box = om_geometry_to_picture(&g, -50, 0, 1000, 1000);  // cut to the picture
    om_assert(box.x >= 0 && box.y >= 0 && box.x + box.w <= 480 && box.y + box.h <= 270);
    // A place that is not all inside the input.
    for (int i = 0; i < 4; i++) {
        static const struct om_region places[] = {
            {-1, 0, 9, 9}, {0, 408, 9, 9}, {0, 0, 417, 9}, {0, 0, 9, 0}};
        const struct om_prep_part part = {{0, 0, 20, 20}, places[i]};
        om_assert(om_prep_fill_at(prep, frame, &part, tensor, &g) == OM_INVALID);
    }
    // A crop that misses the picture, and a format that is no frame's.
    om_assert(om_prep_fill(prep, frame, &(struct om_region){480, 0, 5, 5}, tensor, &g) ==
              OM_INVALID);
    om_assert(om_prep_fill(prep, frame, &(struct om_region){0, 0, 0, 5}, tensor, &g) == OM_INVALID);
    frame->format = OM_PIX_YUYV;
    om_assert(om_prep_fill(prep, frame, NULL, tensor, &g) == OM_UNSUPPORTED);
}

static const struct scene scenes[] = {
    // Full range, upright: to the bit.
    {OM_PIX_I420, 320, 240, 0, 0, 1, {0}, TOP, BGR, 208, 208, 0, {0}},
    {OM_PIX_I420, 101, 77, 0, 0, 1, {0}, MID, RGB, 64, 64, 0, {0}},
    {OM_PIX_I420, 101, 77, 0, 0, 1, {0}, STRETCH, RGB, 200, 160, 0, {0}},
    {OM_PIX_I422, 321, 200, 0, 0, 1, {0}, STRETCH, BGR, 96, 128, 0, {0}},
    {OM_PIX_I444, 120, 90, 0, 0, 1, {0}, MID, RGB, 96, 96, 0, {0}},
    {OM_PIX_NV12, 200, 122, 0, 0, 1, {0}, TOP, RGB, 96, 96, 0, {0}},
    {OM_PIX_RGB24, 200, 122, 0, 0, 1, {0}, TOP, BGR, 96, 96, 0, {0}},
    {OM_PIX_GREY, 99, 122, 0, 0, 1, {0}, STRETCH, RGB, 64, 64, 0, {0}},
    {OM_PIX_GREY, 99, 122, 0, 0, 1, {0}, STRETCH, OM_COLOUR_GREY, 28, 28, 0, {0}},
    {OM_PIX_I420, 320, 240, 0, 0, 1, {33, 51, 121, 77}, STRETCH, RGB, 64, 128, 0, {0}},
    {OM_PIX_I420, 320, 240, 0, 0, 1, {319, 239, 1, 1}, STRETCH, RGB, 16, 16, 0, {0}},
    {OM_PIX_I420, 1, 1, 0, 0, 1, {0}, MID, RGB, 16, 16, 0, {0}},
    {OM_PIX_I420, 400, 3, 0, 0, 1, {0}, MID, RGB, 32, 32, 0, {0}},
    {OM_PIX_I420, 192, 192, 0, 0, 1, {0}, STRETCH, RGB, 96, 96, 0, {0}},  // by two
    {OM_PIX_I420, 192, 192, 0, 0, 1, {0}, STRETCH, RGB, 64, 64, 0, {0}},  // by three
    {OM_PIX_I420, 64, 64, 0, 0, 1, {0}, STRETCH, RGB, 64, 64, 0, {0}},    // as it is
    // Studio range: other constants may round another way.
    {OM_PIX_I420, 320, 180, 0, 0, 0, {0}, TOP, BGR, 208, 208, 1, {0}},
    {OM_PIX_NV12, 322, 242, 0, 0, 0, {0}, MID, RGB, 160, 160, 1, {0}},
    {OM_PIX_I422, 100, 80, 0, 0, 0, {11, 3, 57, 60}, MID, RGB, 64, 64, 1, {0}},
    // Turned and mirrored.
    {OM_PIX_I420, 160, 100, 180, 0, 1, {0}, TOP, RGB, 96, 96, 1, {0}},
    {OM_PIX_I420, 160, 100, 0, 1, 1, {0}, TOP, RGB, 96, 96, 1, {0}},
    {OM_PIX_I420, 160, 100, 180, 1, 1, {8, 9, 90, 70}, MID, RGB, 96, 96, 1, {0}},
    {OM_PIX_I420, 160, 100, 90, 0, 1, {0}, TOP, RGB, 96, 96, 1, {0}},
    {OM_PIX_I420, 160, 100, 90, 1, 1, {0}, MID, BGR, 96, 64, 1, {0}},
    {OM_PIX_I420, 160, 100, 270, 0, 1, {10, 20, 100, 50}, MID, RGB, 96, 96, 1, {0}},
    {OM_PIX_RGB24, 160, 100, 270, 1, 1, {0}, STRETCH, RGB, 50, 200, 1, {0}},
    // Put into a rectangle of the input.
    {OM_PIX_I420, 320, 240, 0, 0, 1, {33, 51, 121, 77}, TOP, BGR, 208, 208, 0, {7, 150, 79, 50}},
    {OM_PIX_NV12, 320, 240, 0, 0, 1, {10, 20, 121, 77}, TOP, BGR, 96, 96, 0, {0, 0, 96, 96}},
    {OM_PIX_I420, 320, 240, 0, 0, 1, {0, 0, 320, 240}, MID, RGB, 96, 96, 0, {80, 90, 16, 6}},
    {OM_PIX_I422, 320, 240, 0, 0, 0, {3, 3, 64, 64}, MID, RGB, 96, 96, 1, {30, 30, 64, 64}},
    {OM_PIX_I420, 160, 100, 90, 0, 1, {10, 20, 100, 50}, TOP, RGB, 96, 96, 1, {9, 5, 33, 65}},
    {OM_PIX_I420, 160, 100, 270, 1, 1, {10, 20, 100, 50}, TOP, RGB, 96, 96, 1, {9, 5, 33, 65}},
    {OM_PIX_RGB24, 160, 100, 180, 0, 1, {10, 20, 1, 1}, STRETCH, RGB, 50, 60, 1, {49, 59, 1, 1}},
};

int main(void)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(scenes); i++)
        check(&scenes[i]);
    check_back();
    return 0;
}
