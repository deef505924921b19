#include "bench/gate_scene.h"

#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "decode/decoder.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/thumb.h"
#include "motion/regions.h"
#include "scene/region.h"
#include "source/source.h"

enum {
    PICTURES_MAX = 240,
    PICTURES_MIN = 5,
    MEDIAN_OF = 25,
    TOLERANCE = 12,      // grey levels, as the motion watch has it
    TOLERANCE_MASK = 5,  // what is cut out is seen with a keener eye
    GROW = 2,            // and by so many thumb pixels around
    REGION_PX_MIN = 3,
    OBJECTS_MAX = 200,
    OBJECT_MIN = 6,      // pictures
    OBJECT_PX_MIN = 40,  // 0.3 % of the picture: less is none to a detector
    LINK_PX = 6,         // an object is looked for so far around where it was
    NOISE_BYTES = 1 << 20,
    SOURCE_FRAMES_MAX = 4000,
    LUMA = OM_GATE_WIDTH * OM_GATE_HEIGHT,
};

// ---- pictures ----------------------------------------------------------------------------------

static int av_format(enum om_pixfmt format)
{
    switch (format) {
    case OM_PIX_I420:
        return AV_PIX_FMT_YUV420P;
    case OM_PIX_I422:
        return AV_PIX_FMT_YUV422P;
    case OM_PIX_I444:
        return AV_PIX_FMT_YUV444P;
    case OM_PIX_NV12:
        return AV_PIX_FMT_NV12;
    case OM_PIX_GREY:
        return AV_PIX_FMT_GRAY8;
    case OM_PIX_RGB24:
        return AV_PIX_FMT_RGB24;
    default:
        return AV_PIX_FMT_NONE;
    }
}

static void mirror(uint8_t *plane, int width, int height)
{
    for (int y = 0; y < height; y++) {
        uint8_t *row = plane + (ptrdiff_t)y * width;
        for (int x = 0; x < width / 2; x++) {
            uint8_t kept = row[x];
            row[x] = row[width - 1 - x];
            row[width - 1 - x] = kept;
        }
    }
}

// Start of the window in each plane; even, so that shared chroma stays in place.
static void window(const struct om_frame *frame, int left, int top, const uint8_t *ret[4])
{
    int bytes = frame->format == OM_PIX_RGB24 ? 3 : 1;
    bool has_half_width = frame->format == OM_PIX_I420 || frame->format == OM_PIX_I422;
    bool has_half_height = frame->format == OM_PIX_I420 || frame->format == OM_PIX_NV12;
    for (int i = 0; i < 3; i++) {
        ptrdiff_t x = i > 0 && has_half_width ? left / 2 : left * bytes;
        ptrdiff_t y = i > 0 && has_half_height ? top / 2 : top;
        ret[i] = frame->plane[i] ? frame->plane[i] + y * frame->stride[i] + x : NULL;
    }
    ret[3] = NULL;
}

static bool take_picture(struct om_gate_scene *scene, const struct om_gate_view *view,
                         const struct om_frame *frame, struct SwsContext **scaler)
{
    int left = (int)(view->left * frame->width) & ~1, top = (int)(view->top * frame->height) & ~1;
    int width = OM_MIN((int)(view->size * frame->width) & ~1, frame->width - left);
    int height = OM_MIN((int)(view->size * frame->height) & ~1, frame->height - top);
    *scaler = sws_getCachedContext(
        *scaler, width, height, av_format(frame->format), OM_GATE_WIDTH, OM_GATE_HEIGHT,
        AV_PIX_FMT_YUV420P, width > OM_GATE_WIDTH ? SWS_AREA : SWS_BICUBIC, NULL, NULL, NULL);
    if (!*scaler)
        return false;
    const uint8_t *from[4];
    const int from_stride[4] = {frame->stride[0], frame->stride[1], frame->stride[2], 0};
    window(frame, left, top, from);
    uint8_t *out = scene->pixels + (ptrdiff_t)scene->count * OM_GATE_PICTURE_BYTES;
    uint8_t *to[4] = {out, out + LUMA, out + LUMA * 5 / 4, NULL};
    const int to_stride[4] = {OM_GATE_WIDTH, OM_GATE_WIDTH / 2, OM_GATE_WIDTH / 2, 0};
    (void)sws_scale(*scaler, from, from_stride, 0, height, to, to_stride);
    for (int i = 0; i < 3 && view->is_mirrored; i++)
        mirror(to[i], to_stride[i], i == 0 ? OM_GATE_HEIGHT : OM_GATE_HEIGHT / 2);
    scene->count++;
    return true;
}

// ---- reading -----------------------------------------------------------------------------------

struct reader {
    struct om_gate_scene *scene;
    const struct om_gate_view *view;
    struct SwsContext *scaler;
    int64_t first_us, frames;
};

// Keeps the pictures that a 5 fps camera would have taken.
static void take_frames(struct reader *reader, struct om_decoder *decoder)
{
    struct om_frame *frame = NULL;
    while (om_decoder_take(decoder, &frame) == OM_OK) {
        if (reader->frames++ == 0)
            reader->first_us = frame->pts_us;
        int64_t due_us = reader->first_us +
                         (int64_t)(reader->scene->count * reader->view->speed * OM_GATE_GAP_US);
        if (frame->pts_us >= due_us && reader->scene->count < PICTURES_MAX)
            (void)take_picture(reader->scene, reader->view, frame, &reader->scaler);
        om_frame_unref(&frame);
    }
}

static bool read_clip(struct om_gate_scene *scene, const struct om_gate_view *view,
                      struct om_error *err)
{
    struct om_source_opts opts = om_source_opts_default;
    opts.as_fast_as_possible = true;
    om_auto(om_source) source = om_source_open(view->path, &opts, NULL, err);
    if (!source)
        return false;
    const struct om_decoder_opts decoder_opts = {.threads = 1, .show_corrupt = true};
    om_auto(om_decoder) decoder = om_decoder_create(om_source_info(source), &decoder_opts, err);
    if (!decoder)
        return false;
    struct reader reader = {.scene = scene, .view = view};
    struct om_packet *packet = NULL;
    while (scene->count < PICTURES_MAX && reader.frames < SOURCE_FRAMES_MAX &&
           om_source_read(source, &packet, err) == OM_OK) {
        (void)!om_decoder_send(decoder, packet);  // a damaged picture is left out
        take_frames(&reader, decoder);
        om_packet_unref(&packet);
    }
    if (om_decoder_send(decoder, NULL) == OM_OK)
        take_frames(&reader, decoder);
    sws_freeContext(reader.scaler);
    if (scene->count >= PICTURES_MIN)
        return true;
    om_error_set(err, OM_INVALID, "%s: has only %d pictures", view->path, scene->count);
    return false;
}

// ---- background --------------------------------------------------------------------------------

static void keep_frame(struct om_frame *frame)
{
    (void)frame;  // it lives on the stack
}

static uint8_t *thumb_at(const struct om_gate_scene *scene, int i)
{
    return scene->thumbs + (int64_t)i * OM_GATE_THUMB_PIXELS;
}

static void fill_thumb(const uint8_t *picture, uint8_t *luma)
{
    static const struct om_frame_ops ops = {keep_frame};
    struct om_frame frame;
    om_frame_init(&frame, &ops);
    frame.format = OM_PIX_I420;
    frame.width = OM_GATE_WIDTH;
    frame.height = OM_GATE_HEIGHT;
    for (int plane = 0; plane < 3; plane++) {
        frame.plane[plane] = picture + (plane == 0 ? 0 : plane == 1 ? LUMA : LUMA * 5 / 4);
        frame.stride[plane] = plane == 0 ? OM_GATE_WIDTH : OM_GATE_WIDTH / 2;
    }
    struct om_thumb thumb = {0, OM_GATE_THUMB_WIDTH, OM_GATE_THUMB_HEIGHT, luma};
    om_thumb_fill(&thumb, &frame);
}

static void sort_bytes(uint8_t *values, int n)
{
    for (int i = 1; i < n; i++) {
        uint8_t value = values[i];
        int at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

static void find_background(struct om_gate_scene *scene)
{
    uint8_t values[MEDIAN_OF] = {0};
    int n = OM_MIN(scene->count, MEDIAN_OF);
    for (int at = 0; at < OM_GATE_PICTURE_BYTES; at++) {
        for (int i = 0; i < n; i++)
            values[i] = scene->pixels[(int64_t)(i * scene->count / n) * OM_GATE_PICTURE_BYTES + at];
        sort_bytes(values, n);
        scene->plate[at] = values[n / 2];
    }
    fill_thumb(scene->plate, scene->plate_thumb);
    for (int i = 0; i < scene->count; i++)
        fill_thumb(scene->pixels + (int64_t)i * OM_GATE_PICTURE_BYTES, thumb_at(scene, i));
}

// Standard deviation of the clip's noise: the median of what neighbours in time differ by is 0.67
// deviations of a difference.
static double noise_of(const struct om_gate_scene *scene)
{
    int64_t counts[256] = {0}, total = 0, seen = 0;
    for (int i = 1; i < scene->count; i++) {
        const uint8_t *b = scene->pixels + (int64_t)i * OM_GATE_PICTURE_BYTES;
        for (int at = i % 16; at < LUMA; at += 16, total++)
            counts[abs(b[at] - b[at - OM_GATE_PICTURE_BYTES])]++;
    }
    int level = 0;
    while (level < 255 && (seen += counts[level]) < total / 2)
        level++;
    return level == 0 ? 0.3 : level / 0.6745 / sqrt(2);
}

static void make_noise(struct om_gate_scene *scene)
{
    struct om_rand rand;
    om_rand_init(&rand, 1);
    double deviation = noise_of(scene);
    for (int i = 0; i < NOISE_BYTES; i++) {
        double unit = 0;  // the sum of four uniform numbers
        uint64_t bits = om_rand_u64(&rand);
        for (int k = 0; k < 4; k++, bits >>= 16)
            unit += (double)(bits & 0xffff) / 65536 - 0.5;
        scene->noise[i] = (int8_t)round(OM_CLAMP(unit * sqrt(3) * deviation, -40, 40));
    }
}

// ---- objects -----------------------------------------------------------------------------------

static void grow(uint8_t *mask, const uint8_t *from)
{
    memset(mask, 0, OM_GATE_THUMB_PIXELS);
    for (int y = 0; y < OM_GATE_THUMB_HEIGHT; y++) {
        for (int x = 0; x < OM_GATE_THUMB_WIDTH; x++) {
            if (!from[y * OM_GATE_THUMB_WIDTH + x])
                continue;
            int top = OM_MAX(y - GROW, 0), bottom = OM_MIN(y + GROW, OM_GATE_THUMB_HEIGHT - 1);
            int left = OM_MAX(x - GROW, 0), right = OM_MIN(x + GROW, OM_GATE_THUMB_WIDTH - 1);
            for (int row = top; row <= bottom; row++)
                memset(mask + row * OM_GATE_THUMB_WIDTH + left, 1, (size_t)(right - left + 1));
        }
    }
}

static void mark(const struct om_gate_scene *scene, int i, int tolerance, uint8_t *mask)
{
    const uint8_t *thumb = thumb_at(scene, i);
    for (int at = 0; at < OM_GATE_THUMB_PIXELS; at++)
        mask[at] = abs(thumb[at] - scene->plate_thumb[at]) > tolerance;
}

// How many pixels `b` shares with the surroundings of `a`.
static int overlap(struct om_region a, struct om_region b)
{
    int left = OM_MAX(a.x - LINK_PX, b.x), right = OM_MIN(a.x + a.w + LINK_PX, b.x + b.w);
    int top = OM_MAX(a.y - LINK_PX, b.y), bottom = OM_MIN(a.y + a.h + LINK_PX, b.y + b.h);
    return right > left && bottom > top ? (right - left) * (bottom - top) : 0;
}

// Goes on with the objects of the picture before; what is left over starts new ones.
static void link_regions(struct om_gate_scene *scene, int i, struct om_regions *regions)
{
    for (int k = 0; k < scene->object_count; k++) {
        struct om_gate_object *object = &scene->objects[k];
        int best = -1, best_px = 0;
        if (object->start + object->count != i || object->count == OM_GATE_OBJECT_MAX)
            continue;
        for (int r = 0; r < regions->count; r++) {
            int px = overlap(object->at[object->count - 1], regions->items[r]);
            if (px > best_px) {
                best = r;
                best_px = px;
            }
        }
        if (best < 0)
            continue;
        object->at[object->count++] = regions->items[best];
        regions->items[best] = regions->items[--regions->count];
    }
    for (int r = 0; r < regions->count && scene->object_count < OBJECTS_MAX; r++) {
        struct om_gate_object *object = &scene->objects[scene->object_count++];
        object->start = i;
        object->count = 1;
        object->at[0] = regions->items[r];
    }
}

// One that goes somewhere (its centre moves by half its size) and is not too small for the motion
// watch.
static bool is_moving(const struct om_gate_object *object)
{
    int seen = 0;
    for (int i = 0; i < object->count; i++)
        seen += object->at[i].w * object->at[i].h >= OBJECT_PX_MIN;
    if (seen < OBJECT_MIN)
        return false;
    struct om_region a = object->at[0], b = object->at[object->count - 1];
    int dx = abs(2 * (a.x - b.x) + a.w - b.w), dy = abs(2 * (a.y - b.y) + a.h - b.h);
    return 2 * OM_MAX(dx, dy) >= a.w + a.h;
}

static void find_objects(struct om_gate_scene *scene)
{
    static_assert((int)OM_GATE_THUMB_PIXELS <= (int)OM_REGION_PIXELS_MAX, "a thumb fits");
    struct om_region_work *work = om_new(struct om_region_work);
    uint8_t *mask = om_alloc(OM_GATE_THUMB_PIXELS, 1);
    for (int i = 0; i < scene->count; i++) {
        struct om_regions regions;
        mark(scene, i, TOLERANCE_MASK, mask);
        grow(scene->masks + (int64_t)i * OM_GATE_THUMB_PIXELS, mask);
        mark(scene, i, TOLERANCE, mask);
        (void)om_regions_find(work, mask, OM_GATE_THUMB_WIDTH, OM_GATE_THUMB_HEIGHT, REGION_PX_MIN,
                              &regions);
        link_regions(scene, i, &regions);
        for (int at = 0; at < OM_GATE_THUMB_PIXELS; at++)
            scene->paths[at] |= scene->masks[(int64_t)i * OM_GATE_THUMB_PIXELS + at];
    }
    int kept = 0;
    for (int i = 0; i < scene->object_count; i++) {
        if (is_moving(&scene->objects[i]))
            scene->objects[kept++] = scene->objects[i];
    }
    scene->object_count = kept;
    om_free(mask);
    om_free(work);
}

// ---- from outside ------------------------------------------------------------------------------

bool om_gate_scene_load(struct om_gate_scene *scene, const struct om_gate_view *view,
                        struct om_error *err)
{
    *scene = (struct om_gate_scene){
        .pixels = om_alloc(PICTURES_MAX, OM_GATE_PICTURE_BYTES),
        .thumbs = om_alloc(PICTURES_MAX, OM_GATE_THUMB_PIXELS),
        .masks = om_alloc(PICTURES_MAX, OM_GATE_THUMB_PIXELS),
        .paths = om_alloc(OM_GATE_THUMB_PIXELS, 1),
        .plate = om_alloc(OM_GATE_PICTURE_BYTES, 1),
        .plate_thumb = om_alloc(OM_GATE_THUMB_PIXELS, 1),
        .noise = om_alloc(NOISE_BYTES, 1),
        .objects = om_new_array(struct om_gate_object, OBJECTS_MAX),
    };
    if (!read_clip(scene, view, err)) {
        om_gate_scene_finish(scene);
        return false;
    }
    find_background(scene);
    make_noise(scene);
    find_objects(scene);
    return true;
}

void om_gate_scene_finish(struct om_gate_scene *scene)
{
    om_free(scene->pixels);
    om_free(scene->thumbs);
    om_free(scene->masks);
    om_free(scene->paths);
    om_free(scene->plate);
    om_free(scene->plate_thumb);
    om_free(scene->noise);
    om_free(scene->objects);
    *scene = (struct om_gate_scene){0};
}

// 1 where the background goes instead of picture i.
static void cut_of(const struct om_gate_scene *scene, int i, const struct om_gate_object *object,
                   uint8_t *cut)
{
    const uint8_t *mask = scene->masks + (int64_t)i * OM_GATE_THUMB_PIXELS;
    memcpy(cut, scene->paths, OM_GATE_THUMB_PIXELS);
    if (!object || i < object->start || i >= object->start + object->count)
        return;
    struct om_region at = object->at[i - object->start];
    int left = OM_MAX(at.x - GROW, 0), right = OM_MIN(at.x + at.w + GROW, OM_GATE_THUMB_WIDTH);
    int bottom = OM_MIN(at.y + at.h + GROW, OM_GATE_THUMB_HEIGHT);
    for (int y = OM_MAX(at.y - GROW, 0); y < bottom; y++) {
        for (int px = y * OM_GATE_THUMB_WIDTH + left; px < y * OM_GATE_THUMB_WIDTH + right; px++)
            cut[px] = cut[px] && !mask[px];
    }
}

// Fills block (x, y) of a plane with background.
static void fill_block(uint8_t *out, const uint8_t *plate, const int8_t *noise, int stride,
                       int block)
{
    for (int y = 0; y < block; y++) {
        for (int x = 0; x < block; x++) {
            int value = plate[y * stride + x] + (noise ? noise[y * block + x] : 0);
            out[y * stride + x] = (uint8_t)OM_CLAMP(value, 0, 255);
        }
    }
}

void om_gate_scene_picture(const struct om_gate_scene *scene, int i,
                           const struct om_gate_object *object, struct om_rand *rand, uint8_t *out)
{
    enum { STRIDE = OM_GATE_WIDTH, HALF = STRIDE / 2, BLOCK = OM_GATE_BLOCK };
    uint8_t cut[OM_GATE_THUMB_PIXELS];
    memcpy(out, scene->pixels + (int64_t)i * OM_GATE_PICTURE_BYTES, OM_GATE_PICTURE_BYTES);
    cut_of(scene, i, object, cut);
    for (int at = 0; at < OM_GATE_THUMB_PIXELS; at++) {
        if (!cut[at])
            continue;
        int x = at % OM_GATE_THUMB_WIDTH * BLOCK, y = at / OM_GATE_THUMB_WIDTH * BLOCK;
        int luma = y * STRIDE + x, chroma = LUMA + y / 2 * HALF + x / 2;
        const int8_t *noise = scene->noise + om_rand_u64(rand) % (NOISE_BYTES - BLOCK * BLOCK);
        fill_block(out + luma, scene->plate + luma, noise, STRIDE, BLOCK);
        fill_block(out + chroma, scene->plate + chroma, NULL, HALF, BLOCK / 2);
        chroma += LUMA / 4;
        fill_block(out + chroma, scene->plate + chroma, NULL, HALF, BLOCK / 2);
    }
}

void om_gate_scene_thumb(const struct om_gate_scene *scene, int i,
                         const struct om_gate_object *object, uint8_t *out)
{
    uint8_t cut[OM_GATE_THUMB_PIXELS];
    cut_of(scene, i, object, cut);
    for (int at = 0; at < OM_GATE_THUMB_PIXELS; at++)
        out[at] = cut[at] ? scene->plate_thumb[at] : thumb_at(scene, i)[at];
}
