// The picture is walked row by row in the order it is stored. A row that is needed is converted to
// packed 8-bit colour (one 32-bit word a pixel), resampled across into 16-bit columns, and kept
// until the rows of the output that blend it are done; two such rows are alive at a time, so that
// everything stays in the first-level cache and no intermediate picture exists.
//
// Arithmetic is OpenCV's: 11-bit weights rounded to even, the sum across shifted by 4, each product
// down by 16, rounded by 2 of 4. Colour is libjpeg's 16-bit fixed point, and chroma of full-range
// pictures goes through libjpeg's triangle filter. So a JPEG gives the very same bytes as
// cv2.imread() and cv2.resize(). Chroma of studio-range video is repeated, as libswscale does for a
// plain conversion.

// The loops below are written to be turned into vector code, which gcc does from -O3 on only.
#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
#pragma GCC optimize("O3")
#endif

#include "infer/preprocess.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "infer/manifest.h"
#include "media/frame.h"
#include "scene/region.h"

enum { WEIGHT_ONE = 2048, SIDE_MIN = 1 };

// One output position along an axis: two source positions and their weights.
struct axis {
    int n;           // outputs
    int32_t *at[2];  // source positions, relative to the crop
    int16_t *weight[2];
};

// R = y + rv cr, G = y + gu cb + gv cr, B = y + bu cb, all << 16, with y = (luma - offset) * scale.
struct coefs {
    int32_t offset, scale, rv, gu, gv, bu;
};

struct plan {
    int width, height, rotation_deg;
    bool is_mirrored;
    struct om_region crop;
    struct om_region place;  // in the input; w 0 = where the manifest's way of resizing puts it
};

struct om_prep {
    // Constant after create.
    int channels, width, height;
    enum om_colour colour;
    enum om_resize resize;
    float pad, mean[3], std[3];

    struct plan plan;  // what the tables below are for; width 0 = for nothing
    struct om_geometry geometry;
    bool is_turned;            // rows of the stored picture are columns of the upright one
    struct axis across, down;  // along stored rows; along stored columns
    const float *padded;       // the tensor whose border is filled

    int row_capacity;  // pixels the row buffers hold
    uint32_t *packed;
    uint8_t *cb, *cr, *chroma_split;
    int16_t *sums;
    int16_t *resampled[2];  // channels * across.n each
    int resampled_row[2];   // which source row they hold, -1 = none
};

// ---- create ------------------------------------------------------------------------------------

static bool axis_alloc(struct axis *axis, int n)
{
    for (int i = 0; i < 2; i++) {
        axis->at[i] = om_try_new_array(int32_t, (size_t)n);
        axis->weight[i] = om_try_new_array(int16_t, (size_t)n);
        if (!axis->at[i] || !axis->weight[i])
            return false;
    }
    return true;
}

static void axis_free(struct axis *axis)
{
    for (int i = 0; i < 2; i++) {
        om_free(axis->at[i]);
        om_free(axis->weight[i]);
    }
}

struct om_prep *om_prep_create(const struct om_manifest *manifest, int channels, int width,
                               int height)
{
    om_auto(om_prep) prep = om_try_new(struct om_prep);
    if (!prep)
        return NULL;
    prep->channels = channels;
    prep->width = width;
    prep->height = height;
    prep->colour = manifest->colour;
    prep->resize = manifest->resize;
    prep->pad = manifest->pad;
    for (int c = 0; c < 3; c++) {
        prep->mean[c] = manifest->mean[c];
        prep->std[c] = manifest->std[c];
    }
    int side = OM_MAX(width, height);  // either axis may lie along either side
    if (!axis_alloc(&prep->across, side) || !axis_alloc(&prep->down, side))
        return NULL;
    for (int i = 0; i < 2; i++) {
        prep->resampled[i] = om_try_alloc_aligned(sizeof(int16_t) * 3 * (size_t)side);
        if (!prep->resampled[i])
            return NULL;
    }
    return om_steal(&prep);
}

static void free_rows(struct om_prep *prep)
{
    om_free(prep->packed);
    om_free(prep->cb);
    om_free(prep->cr);
    om_free(prep->chroma_split);
    om_free(prep->sums);
    prep->packed = NULL;
    prep->cb = prep->cr = prep->chroma_split = NULL;
    prep->sums = NULL;
    prep->row_capacity = 0;
}

void om_prep_destroy(struct om_prep *prep)
{
    if (!prep)
        return;
    axis_free(&prep->across);
    axis_free(&prep->down);
    free_rows(prep);
    om_free(prep->resampled[0]);
    om_free(prep->resampled[1]);
    om_free(prep);
}

static bool reserve_rows(struct om_prep *prep, int width)
{
    if (width <= prep->row_capacity)
        return true;
    free_rows(prep);
    size_t n = (size_t)width + 64;  // kernels may look a chroma sample beyond either end
    prep->packed = om_try_alloc_aligned(n * sizeof(*prep->packed));
    prep->cb = om_try_alloc_aligned(n);
    prep->cr = om_try_alloc_aligned(n);
    prep->chroma_split = om_try_alloc_aligned(2 * n);
    prep->sums = om_try_alloc_aligned(n * sizeof(*prep->sums));
    if (!prep->packed || !prep->cb || !prep->cr || !prep->chroma_split || !prep->sums) {
        free_rows(prep);
        return false;
    }
    prep->row_capacity = width;
    return true;
}

// ---- geometry ----------------------------------------------------------------------------------

// Where a crop of w x h lands in the input; the roundings are those of the exporters' own scripts.
static void place(const struct om_prep *prep, double w, double h, struct om_geometry *g)
{
    double sx = prep->width / w, sy = prep->height / h, r = fmin(sx, sy);

    g->input_width = g->width = prep->width;
    g->input_height = g->height = prep->height;
    g->offset_x = g->offset_y = 0;
    g->scale_x = sx;
    g->scale_y = sy;
    if (prep->resize == OM_RESIZE_STRETCH)
        return;
    g->scale_x = g->scale_y = r;
    if (prep->resize == OM_RESIZE_LETTERBOX_TOPLEFT) {
        g->width = OM_CLAMP((int)(w * r), SIDE_MIN, prep->width);
        g->height = OM_CLAMP((int)(h * r), SIDE_MIN, prep->height);
        return;
    }
    g->width = OM_CLAMP((int)rint(w * r), SIDE_MIN, prep->width);
    g->height = OM_CLAMP((int)rint(h * r), SIDE_MIN, prep->height);
    g->offset_x = (int)rint((prep->width - g->width) / 2.0 - 0.1);
    g->offset_y = (int)rint((prep->height - g->height) / 2.0 - 0.1);
}

static void place_at(const struct om_prep *prep, const struct om_region *at, struct om_geometry *g)
{
    g->input_width = prep->width;
    g->input_height = prep->height;
    g->offset_x = at->x;
    g->offset_y = at->y;
    g->width = at->w;
    g->height = at->h;
    g->scale_x = (double)at->w / g->crop_width;
    g->scale_y = (double)at->h / g->crop_height;
}

// OpenCV clamps the position across and the rows down in different ways; both give the edge pixel,
// but with other weights, and so with another rounding.
static void axis_fill(struct axis *axis, int n, int length, bool is_reversed, bool is_down)
{
    double scale = 1 / ((double)n / length);

    axis->n = n;
    for (int i = 0; i < n; i++) {
        float position = (float)((i + 0.5) * scale - 0.5);
        int from = (int)floorf(position);
        float part = position - (float)from;
        if (!is_down && (from < 0 || from >= length - 1)) {
            from = from < 0 ? 0 : length - 1;
            part = 0;
        }
        int at[2] = {OM_CLAMP(from, 0, length - 1), OM_CLAMP(from + 1, 0, length - 1)};
        axis->weight[0][i] = (int16_t)rintf((1 - part) * WEIGHT_ONE);
        axis->weight[1][i] = (int16_t)rintf(part * WEIGHT_ONE);
        for (int k = 0; k < 2; k++)
            axis->at[k][i] = is_reversed ? length - 1 - at[k] : at[k];
    }
}

static struct om_region turn(const struct plan *plan, const struct om_region *c)
{
    int x = plan->is_mirrored ? plan->width - c->x - c->w : c->x;
    int right = plan->width - x - c->w, bottom = plan->height - c->y - c->h;

    switch (plan->rotation_deg) {
    case 90:
        return (struct om_region){bottom, x, c->h, c->w};
    case 180:
        return (struct om_region){right, bottom, c->w, c->h};
    case 270:
        return (struct om_region){c->y, right, c->h, c->w};
    default:
        return (struct om_region){x, c->y, c->w, c->h};
    }
}

// The crop's place in the upright picture.
static void upright_crop(const struct plan *plan, struct om_geometry *g)
{
    bool is_turned = plan->rotation_deg == 90 || plan->rotation_deg == 270;
    struct om_region crop = turn(plan, &plan->crop);

    g->picture_width = is_turned ? plan->height : plan->width;
    g->picture_height = is_turned ? plan->width : plan->height;
    g->crop_x = crop.x;
    g->crop_y = crop.y;
    g->crop_width = crop.w;
    g->crop_height = crop.h;
}

static bool region_is_same(const struct om_region *a, const struct om_region *b)
{
    return a->x == b->x && a->y == b->y && a->w == b->w && a->h == b->h;
}

static bool plan_is_same(const struct plan *a, const struct plan *b)
{
    return a->width == b->width && a->height == b->height && a->rotation_deg == b->rotation_deg &&
           a->is_mirrored == b->is_mirrored && region_is_same(&a->crop, &b->crop) &&
           region_is_same(&a->place, &b->place);
}

static void plan_set(struct om_prep *prep, const struct plan *plan)
{
    struct om_geometry *g = &prep->geometry;
    int turn = plan->rotation_deg;

    prep->plan = *plan;
    prep->padded = NULL;
    prep->is_turned = turn == 90 || turn == 270;
    upright_crop(plan, g);
    if (plan->place.w)
        place_at(prep, &plan->place, g);
    else
        place(prep, g->crop_width, g->crop_height, g);
    bool is_reversed_across = (turn == 180 || turn == 270) != plan->is_mirrored;
    bool is_reversed_down = turn == 90 || turn == 180;
    axis_fill(&prep->across, prep->is_turned ? g->height : g->width, plan->crop.w,
              is_reversed_across, prep->is_turned);
    axis_fill(&prep->down, prep->is_turned ? g->width : g->height, plan->crop.h, is_reversed_down,
              !prep->is_turned);
}

struct om_box om_geometry_to_picture(const struct om_geometry *g, float x1, float y1, float x2,
                                     float y2)
{
    float left = (float)((x1 - g->offset_x) / g->scale_x) + (float)g->crop_x;
    float top = (float)((y1 - g->offset_y) / g->scale_y) + (float)g->crop_y;
    float right = (float)((x2 - g->offset_x) / g->scale_x) + (float)g->crop_x;
    float bottom = (float)((y2 - g->offset_y) / g->scale_y) + (float)g->crop_y;
    float w = (float)g->picture_width, h = (float)g->picture_height;

    left = OM_CLAMP(left, 0, w);
    top = OM_CLAMP(top, 0, h);
    right = OM_CLAMP(right, 0, w);
    bottom = OM_CLAMP(bottom, 0, h);
    return (struct om_box){left, top, right - left, bottom - top};
}

// ---- kernels -----------------------------------------------------------------------------------

OM_KERNEL static void pack_yuv(uint32_t *restrict out, const uint8_t *restrict luma,
                               const uint8_t *restrict cb, const uint8_t *restrict cr, size_t n,
                               const struct coefs *k, bool is_bgr)
{
    const int32_t offset = k->offset, scale = k->scale, rv = k->rv, gu = k->gu, gv = k->gv,
                  bu = k->bu;
    const int r_at = is_bgr ? 16 : 0, b_at = is_bgr ? 0 : 16;

    for (size_t i = 0; i < n; i++) {
        int32_t y = (luma[i] - offset) * scale + 32768, u = cb[i] - 128, v = cr[i] - 128;
        int32_t r = (y + rv * v) >> 16, g = (y + gu * u + gv * v) >> 16, b = (y + bu * u) >> 16;
        r = OM_CLAMP(r, 0, 255);
        g = OM_CLAMP(g, 0, 255);
        b = OM_CLAMP(b, 0, 255);
        out[i] = (uint32_t)r << r_at | (uint32_t)g << 8 | (uint32_t)b << b_at;
    }
}

OM_KERNEL static void pack_luma(uint32_t *restrict out, const uint8_t *restrict luma, size_t n,
                                const struct coefs *k)
{
    const int32_t offset = k->offset, scale = k->scale;

    for (size_t i = 0; i < n; i++) {
        int32_t y = ((luma[i] - offset) * scale + 32768) >> 16;
        y = OM_CLAMP(y, 0, 255);
        out[i] = (uint32_t)y * 0x010101u;
    }
}

OM_KERNEL static void pack_rgb(uint32_t *restrict out, const uint8_t *restrict rgb, size_t n,
                               bool is_bgr)
{
    const int r_at = is_bgr ? 16 : 0, b_at = is_bgr ? 0 : 16;

    for (size_t i = 0; i < n; i++)
        out[i] = (uint32_t)rgb[3 * i] << r_at | (uint32_t)rgb[3 * i + 1] << 8 |
                 (uint32_t)rgb[3 * i + 2] << b_at;
}

OM_KERNEL static void pack_rgb_grey(uint32_t *restrict out, const uint8_t *restrict rgb, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (9798u * rgb[3 * i] + 19235u * rgb[3 * i + 1] + 3735u * rgb[3 * i + 2] + 16384u) >>
                 15;
}

OM_KERNEL static void split_pairs(uint8_t *restrict first, uint8_t *restrict second,
                                  const uint8_t *restrict pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        first[i] = pairs[2 * i];
        second[i] = pairs[2 * i + 1];
    }
}

OM_KERNEL static void repeat_twice(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[2 * i] = out[2 * i + 1] = in[i];
}

// 3/4 of the nearer row, 1/4 of the other; the ends repeat.
OM_KERNEL static void sum_rows(int16_t *restrict sums, const uint8_t *restrict near,
                               const uint8_t *restrict far, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] = (int16_t)(3 * near[i] + far[i]);
}

// libjpeg's triangle filter across: sums[-1] and sums[n] are there. `shift` 4 after sum_rows(), 2
// after plain samples; the two roundings alternate so that no grey level drifts.
OM_KERNEL static void spread(uint8_t *restrict out, const int16_t *restrict sums, size_t n,
                             int shift)
{
    const int even = shift == 4 ? 8 : 1, odd = shift == 4 ? 7 : 2;

    for (size_t i = 0; i < n; i++) {
        int middle = 3 * sums[i];
        out[2 * i] = (uint8_t)((middle + sums[(ptrdiff_t)i - 1] + even) >> shift);
        out[2 * i + 1] = (uint8_t)((middle + sums[i + 1] + odd) >> shift);
    }
}

OM_KERNEL static void resample_across(int16_t *restrict out, const uint32_t *restrict packed,
                                      const struct axis *axis, int shift)
{
    const int32_t *restrict at0 = axis->at[0], *restrict at1 = axis->at[1];
    const int16_t *restrict w0 = axis->weight[0], *restrict w1 = axis->weight[1];
    const size_t n = (size_t)axis->n;

    for (size_t i = 0; i < n; i++) {
        int32_t a = (int32_t)(packed[at0[i]] >> shift & 255u);
        int32_t b = (int32_t)(packed[at1[i]] >> shift & 255u);
        out[i] = (int16_t)((a * w0[i] + b * w1[i]) >> 4);
    }
}

OM_KERNEL static void resample_across3(int16_t *restrict out, const uint32_t *restrict packed,
                                       const struct axis *axis)
{
    const int32_t *restrict at0 = axis->at[0], *restrict at1 = axis->at[1];
    const int16_t *restrict w0 = axis->weight[0], *restrict w1 = axis->weight[1];
    const size_t n = (size_t)axis->n;
    int16_t *restrict second = out + n, *restrict third = out + 2 * n;

    for (size_t i = 0; i < n; i++) {
        uint32_t p = packed[at0[i]], q = packed[at1[i]];
        int32_t u = w0[i], v = w1[i];
        out[i] = (int16_t)(((int32_t)(p & 255u) * u + (int32_t)(q & 255u) * v) >> 4);
        second[i] = (int16_t)(((int32_t)(p >> 8 & 255u) * u + (int32_t)(q >> 8 & 255u) * v) >> 4);
        third[i] = (int16_t)(((int32_t)(p >> 16) * u + (int32_t)(q >> 16) * v) >> 4);
    }
}

// The quotient is the one that division gives: quantised networks jump at the last bit. A product
// with the reciprocal and one step of correction (fused where the machine can) costs a tenth of
// dividing.
OM_KERNEL static void blend_rows(float *restrict out, const int16_t *restrict a,
                                 const int16_t *restrict b, size_t n, const int16_t weight[2],
                                 const float norm[2])
{
    const int32_t wa = weight[0], wb = weight[1];
    const float mean = norm[0], std = norm[1], reciprocal = 1 / norm[1];

    for (size_t i = 0; i < n; i++) {
        int32_t level = ((a[i] * wa >> 16) + (b[i] * wb >> 16) + 2) >> 2;
        float dividend = (float)level - mean, quotient = dividend * reciprocal;
        out[i] = quotient + (dividend - quotient * std) * reciprocal;
    }
}

// ---- rows --------------------------------------------------------------------------------------

static struct coefs coefs_of(const struct om_frame *frame)
{
    static const struct coefs full[] = {
        [OM_MATRIX_BT601] = {0, 65536, 91881, -22554, -46802, 116130},
        [OM_MATRIX_BT709] = {0, 65536, 103206, -12276, -30679, 121609},
        [OM_MATRIX_BT2020] = {0, 65536, 96639, -10784, -37444, 123299},
    };
    static const struct coefs studio[] = {
        [OM_MATRIX_BT601] = {16, 76309, 104597, -25675, -53279, 132201},
        [OM_MATRIX_BT709] = {16, 76309, 117489, -13975, -34925, 138438},
        [OM_MATRIX_BT2020] = {16, 76309, 110014, -12277, -42626, 140363},
    };
    size_t matrix = (size_t)frame->matrix < OM_ARRAY_LEN(full) ? frame->matrix : OM_MATRIX_BT601;
    return frame->is_full_range || frame->format == OM_PIX_RGB24 ? full[matrix] : studio[matrix];
}

enum spreading { SPREAD_NOT, SPREAD_ACROSS, SPREAD_BOTH };

struct chroma_row {
    const uint8_t *near, *far;  // begin at the plane's left edge; far only for SPREAD_BOTH
    int width;                  // samples of the plane
    int from, n;                // pixels wanted
    enum spreading spreading;
};

// One chroma plane of a row at full width; out[0] belongs to pixel `from`, rounded down to even.
static void widen(int16_t *sums, uint8_t *out, const struct chroma_row *row)
{
    int first = OM_MIN(row->from / 2, row->width - 1);
    int last = OM_MIN((row->from + row->n - 1) / 2, row->width - 1), count = last - first + 1;
    if (row->spreading == SPREAD_NOT) {
        repeat_twice(out, row->near + first, (size_t)count);
        return;
    }
    int low = OM_MAX(first - 1, 0), high = OM_MIN(last + 1, row->width - 1);
    sums++;  // sums[i] is of sample first + i
    if (row->spreading == SPREAD_BOTH) {
        sum_rows(sums + (low - first), row->near + low, row->far + low, (size_t)(high - low + 1));
    } else {
        for (int i = low; i <= high; i++)
            sums[i - first] = row->near[i];
    }
    if (low == first)
        sums[-1] = sums[0];
    if (high == last)
        sums[count] = sums[count - 1];
    spread(out, sums, (size_t)count, row->spreading == SPREAD_BOTH ? 4 : 2);
}

// The two chroma rows of luma row `y`, from pixel `from` on, at full width.
static void chroma_rows(struct om_prep *prep, const struct om_frame *frame, int y, int from,
                        const uint8_t *ret[2])
{
    bool is_halved_down = frame->format == OM_PIX_I420 || frame->format == OM_PIX_NV12;
    int rows = is_halved_down ? (frame->height + 1) / 2 : frame->height;
    int near = is_halved_down ? y / 2 : y;
    int far = OM_CLAMP(near + (y & 1 ? 1 : -1), 0, rows - 1);
    struct chroma_row row = {
        .width = (frame->width + 1) / 2,
        .from = from,
        .n = prep->plan.crop.w,
        .spreading = !frame->is_full_range ? SPREAD_NOT
                     : is_halved_down      ? SPREAD_BOTH
                                           : SPREAD_ACROSS,
    };
    uint8_t *out[2] = {prep->cb, prep->cr};

    for (int p = 0; p < 2; p++) {
        const uint8_t *plane = frame->plane[p + 1];
        row.near = plane + (ptrdiff_t)near * frame->stride[p + 1];
        row.far = plane + (ptrdiff_t)far * frame->stride[p + 1];
        widen(prep->sums, out[p], &row);
        ret[p] = out[p] + (from & 1);
    }
}

// The same for interleaved chroma.
static void chroma_rows_nv12(struct om_prep *prep, const struct om_frame *frame, int y, int from,
                             const uint8_t *ret[2])
{
    int width = (frame->width + 1) / 2, rows = (frame->height + 1) / 2;
    int at[2] = {y / 2, OM_CLAMP(y / 2 + (y & 1 ? 1 : -1), 0, rows - 1)};
    uint8_t *split = prep->chroma_split, *out[2] = {prep->cb, prep->cr};

    for (int k = 0; k < 2; k++)
        split_pairs(split + (size_t)(2 * k) * (size_t)width,
                    split + (size_t)(2 * k + 1) * (size_t)width,
                    frame->plane[1] + (ptrdiff_t)at[k] * frame->stride[1], (size_t)width);
    for (int p = 0; p < 2; p++) {
        struct chroma_row row = {
            .near = split + (size_t)p * (size_t)width,
            .far = split + (size_t)(2 + p) * (size_t)width,
            .width = width,
            .from = from,
            .n = prep->plan.crop.w,
            .spreading = frame->is_full_range ? SPREAD_BOTH : SPREAD_NOT,
        };
        widen(prep->sums, out[p], &row);
        ret[p] = out[p] + (from & 1);
    }
}

// Row `y` of the frame, the crop's columns, into prep->packed in the order of the network's
// channels.
static void pack_row(struct om_prep *prep, const struct om_frame *frame, int y)
{
    int from = prep->plan.crop.x;
    size_t n = (size_t)prep->plan.crop.w;
    bool is_bgr = prep->colour == OM_COLOUR_BGR;
    struct coefs coefs = coefs_of(frame);
    const uint8_t *first = frame->plane[0] + (ptrdiff_t)y * frame->stride[0];
    const uint8_t *chroma[2];

    if (frame->format == OM_PIX_RGB24) {
        if (prep->channels == 1)
            pack_rgb_grey(prep->packed, first + 3 * (size_t)from, n);
        else
            pack_rgb(prep->packed, first + 3 * (size_t)from, n, is_bgr);
        return;
    }
    if (frame->format == OM_PIX_GREY || prep->channels == 1) {
        pack_luma(prep->packed, first + from, n, &coefs);
        return;
    }
    if (frame->format == OM_PIX_NV12) {
        chroma_rows_nv12(prep, frame, y, from, chroma);
    } else if (frame->format == OM_PIX_I444) {
        chroma[0] = frame->plane[1] + (ptrdiff_t)y * frame->stride[1] + from;
        chroma[1] = frame->plane[2] + (ptrdiff_t)y * frame->stride[2] + from;
    } else {
        chroma_rows(prep, frame, y, from, chroma);
    }
    pack_yuv(prep->packed, first + from, chroma[0], chroma[1], n, &coefs, is_bgr);
}

// The slot that holds source row `y` (relative to the crop), resampled; `other` must not be
// evicted.
static int resampled_slot(struct om_prep *prep, const struct om_frame *frame, int y, int other)
{
    for (int slot = 0; slot < 2; slot++)
        if (prep->resampled_row[slot] == y)
            return slot;
    int slot = prep->resampled_row[0] == other ? 1 : 0;
    pack_row(prep, frame, prep->plan.crop.y + y);
    if (prep->channels == 3)
        resample_across3(prep->resampled[slot], prep->packed, &prep->across);
    else
        resample_across(prep->resampled[slot], prep->packed, &prep->across, 0);
    prep->resampled_row[slot] = y;
    return slot;
}

static void write_turned(struct om_prep *prep, const float *line, float *plane, int column)
{
    const struct om_geometry *g = &prep->geometry;
    float *to = plane + (ptrdiff_t)g->offset_y * g->input_width + g->offset_x + column;

    for (int i = 0; i < prep->across.n; i++)
        to[(ptrdiff_t)i * g->input_width] = line[i];
}

static void fill_rows(struct om_prep *prep, const struct om_frame *frame, float *tensor)
{
    const struct om_geometry *g = &prep->geometry;
    const struct axis *down = &prep->down;
    const size_t plane_size = (size_t)g->input_width * (size_t)g->input_height;
    const size_t n = (size_t)prep->across.n;

    prep->resampled_row[0] = prep->resampled_row[1] = -1;
    for (int i = 0; i < down->n; i++) {
        const int16_t weight[2] = {down->weight[0][i], down->weight[1][i]};
        int row[2] = {down->at[0][i], down->at[1][i]};
        if (weight[1] == 0)
            row[1] = row[0];
        else if (weight[0] == 0)
            row[0] = row[1];
        int a = resampled_slot(prep, frame, row[0], row[1]);
        int b = resampled_slot(prep, frame, row[1], row[0]);
        for (int c = 0; c < prep->channels; c++) {
            const int16_t *from[2] = {prep->resampled[a] + (size_t)c * n,
                                      prep->resampled[b] + (size_t)c * n};
            const float norm[2] = {prep->mean[c], prep->std[c]};
            float *plane = tensor + (size_t)c * plane_size;
            float *line = (float *)(void *)prep->packed;
            if (!prep->is_turned)
                line = plane + (ptrdiff_t)(g->offset_y + i) * g->input_width + g->offset_x;
            blend_rows(line, from[0], from[1], n, weight, norm);
            if (prep->is_turned)
                write_turned(prep, line, plane, i);
        }
    }
}

static void fill_border(const struct om_prep *prep, float *tensor)
{
    const struct om_geometry *g = &prep->geometry;
    size_t n = (size_t)g->input_width * (size_t)g->input_height;

    if (g->width == g->input_width && g->height == g->input_height)
        return;
    for (int c = 0; c < prep->channels; c++) {
        float pad = (prep->pad - prep->mean[c]) / prep->std[c];
        for (size_t i = 0; i < n; i++)
            tensor[(size_t)c * n + i] = pad;
    }
}

// ---- fill --------------------------------------------------------------------------------------

static bool plan_of(const struct om_frame *frame, const struct om_region *crop, struct plan *ret)
{
    struct om_region whole = {0, 0, frame->width, frame->height};
    *ret = (struct plan){frame->width,       frame->height, frame->rotation_deg,
                         frame->is_mirrored, whole,         {0}};
    if (!crop)
        return frame->width > 0 && frame->height > 0;
    int64_t right = OM_MIN((int64_t)crop->x + crop->w, (int64_t)frame->width);
    int64_t bottom = OM_MIN((int64_t)crop->y + crop->h, (int64_t)frame->height);
    ret->crop.x = OM_MAX(crop->x, 0);
    ret->crop.y = OM_MAX(crop->y, 0);
    ret->crop.w = (int)(right - ret->crop.x);
    ret->crop.h = (int)(bottom - ret->crop.y);
    return crop->w > 0 && crop->h > 0 && right > ret->crop.x && bottom > ret->crop.y;
}

static bool is_frame_format(enum om_pixfmt format)
{
    return format == OM_PIX_I420 || format == OM_PIX_I422 || format == OM_PIX_I444 ||
           format == OM_PIX_NV12 || format == OM_PIX_GREY || format == OM_PIX_RGB24;
}

void om_prep_forget(struct om_prep *prep)
{
    prep->padded = NULL;
}

struct om_region om_prep_input(const struct om_prep *prep)
{
    return (struct om_region){0, 0, prep->width, prep->height};
}

void om_prep_pad(const struct om_prep *prep, const struct om_region *at, float *tensor)
{
    size_t plane_size = (size_t)prep->width * (size_t)prep->height;

    for (int c = 0; c < prep->channels; c++) {
        float pad = (prep->pad - prep->mean[c]) / prep->std[c];
        float *row = tensor + (size_t)c * plane_size + (ptrdiff_t)at->y * prep->width + at->x;
        for (int y = 0; y < at->h; y++, row += prep->width)
            for (int x = 0; x < at->w; x++)
                row[x] = pad;
    }
}

struct om_region om_prep_upright(const struct om_frame *frame, const struct om_region *region)
{
    const struct plan plan = {.width = frame->width,
                              .height = frame->height,
                              .rotation_deg = frame->rotation_deg,
                              .is_mirrored = frame->is_mirrored};
    return turn(&plan, region);
}

static enum om_status fill(struct om_prep *prep, const struct om_frame *frame,
                           const struct plan *plan, float *tensor)
{
    // A turned line of floats is put together in the row buffer before it is spread over the
    // planes.
    if (!reserve_rows(prep, OM_MAX(frame->width, OM_MAX(prep->width, prep->height))))
        return OM_NO_MEMORY;
    if (!plan_is_same(plan, &prep->plan))
        plan_set(prep, plan);
    if (!plan->place.w && prep->padded != tensor)
        fill_border(prep, tensor);
    prep->padded = plan->place.w ? NULL : tensor;
    fill_rows(prep, frame, tensor);
    return OM_OK;
}

enum om_status om_prep_fill(struct om_prep *prep, const struct om_frame *frame,
                            const struct om_region *crop, float *tensor, struct om_geometry *ret)
{
    struct plan plan;

    if (!is_frame_format(frame->format))
        return OM_UNSUPPORTED;
    if (!plan_of(frame, crop, &plan))
        return OM_INVALID;
    enum om_status status = fill(prep, frame, &plan, tensor);
    *ret = prep->geometry;
    return status;
}

enum om_status om_prep_fill_at(struct om_prep *prep, const struct om_frame *frame,
                               const struct om_prep_part *part, float *tensor,
                               struct om_geometry *ret)
{
    const struct om_region *at = &part->place;
    struct plan plan;

    if (!is_frame_format(frame->format))
        return OM_UNSUPPORTED;
    if (!plan_of(frame, &part->crop, &plan) || at->w < 1 || at->h < 1 || at->x < 0 || at->y < 0 ||
        at->w > prep->width - at->x || at->h > prep->height - at->y)
        return OM_INVALID;
    plan.place = *at;
    enum om_status status = fill(prep, frame, &plan, tensor);
    *ret = prep->geometry;
    return status;
}
