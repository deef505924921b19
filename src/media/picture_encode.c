#include <string.h>
#include <turbojpeg.h>

#include "base/mem.h"
#include "media/picture_int.h"

// A frame goes to a JPEG in planes: each plane is averaged down to its final size, turned upright,
// put on JPEG's full-range BT.601 scale, and handed to TurboJPEG as it is. Chroma stays at half
// size unless the frame has it in full.

// RGB becomes I444 first; NV12 is taken apart while it is scaled.
static struct om_frame *rgb_to_i444(const struct om_frame *rgb)
{
    om_auto_ref(om_frame) out = om_frame_alloc(OM_PIX_I444, rgb->width, rgb->height);
    tjhandle tj = tjInitCompress();
    if (!out || !tj) {
        if (tj)
            tjDestroy(tj);
        return NULL;
    }
    uint8_t *planes[3] = {om_frame_plane_mut(out, 0), om_frame_plane_mut(out, 1),
                          om_frame_plane_mut(out, 2)};
    int rc = tjEncodeYUVPlanes(tj, rgb->plane[0], rgb->width, rgb->stride[0], rgb->height, TJPF_RGB,
                               planes, out->stride, TJSAMP_444, 0);
    tjDestroy(tj);
    if (rc != 0)
        return NULL;
    out->rotation_deg = rgb->rotation_deg;
    out->is_mirrored = rgb->is_mirrored;
    out->is_full_range = true;
    return om_steal(&out);
}

// One plane to be read: `step` bytes from sample to sample.
struct plane_in {
    const uint8_t *p;
    int stride, step, width, height;
};

static struct plane_in plane_of(const struct om_frame *frame, int plane)
{
    int from = frame->format == OM_PIX_NV12 && plane > 0 ? 1 : plane;
    int row_bytes, rows;

    om_pixfmt_plane(frame->format, from, frame->width, frame->height, &row_bytes, &rows);
    bool is_pair = frame->format == OM_PIX_NV12 && plane > 0;
    return (struct plane_in){
        .p = frame->plane[from] + (is_pair ? plane - 1 : 0),
        .stride = frame->stride[from],
        .step = is_pair ? 2 : 1,
        .width = is_pair ? row_bytes / 2 : row_bytes,
        .height = rows,
    };
}

static uint8_t block_mean(const struct plane_in *in, int x0, int x1, int y0, int y1)
{
    uint32_t sum = 0, count = (uint32_t)((x1 - x0) * (y1 - y0));

    for (int y = y0; y < y1; y++) {
        const uint8_t *row = in->p + (ptrdiff_t)y * in->stride;
        for (int x = x0; x < x1; x++)
            sum += row[x * in->step];
    }
    return (uint8_t)((sum + count / 2) / count);
}

// How stored samples land upright: the source sample of (x, y) of a `width` x `height` result is at
// (x0 + x xx + y xy, y0 + x yx + y yy).
struct turn {
    int x0, xx, xy, y0, yx, yy;
};

// `width`, `height`: of the stored picture at its final scale.
static struct turn turn_of(const struct om_frame *frame, int width, int height)
{
    struct turn turn = frame->rotation_deg == 90 ? (struct turn){0, 0, 1, height - 1, -1, 0}
                       : frame->rotation_deg == 180
                           ? (struct turn){width - 1, -1, 0, height - 1, 0, -1}
                       : frame->rotation_deg == 270 ? (struct turn){width - 1, 0, -1, 0, 1, 0}
                                                    : (struct turn){0, 1, 0, 0, 0, 1};
    if (frame->is_mirrored) {
        turn.x0 = width - 1 - turn.x0;
        turn.xx = -turn.xx;
        turn.xy = -turn.xy;
    }
    return turn;
}

static void scale_plane(const struct plane_in *in, const struct om_frame *frame, int width,
                        int height, struct om_frame *out, int plane)
{
    // `width` x `height` is the plane's stored size at its final scale.
    struct turn turn = turn_of(frame, width, height);
    bool is_sideways = turn.xx == 0;
    int out_width = is_sideways ? height : width, out_height = is_sideways ? width : height;

    for (int y = 0; y < out_height; y++) {
        uint8_t *row = om_frame_plane_mut(out, plane) + (ptrdiff_t)y * out->stride[plane];
        for (int x = 0; x < out_width; x++) {
            int sx = turn.x0 + x * turn.xx + y * turn.xy, sy = turn.y0 + x * turn.yx + y * turn.yy;
            int x0 = (int)((int64_t)sx * in->width / width);
            int x1 = (int)(((int64_t)sx + 1) * in->width / width);
            int y0 = (int)((int64_t)sy * in->height / height);
            int y1 = (int)(((int64_t)sy + 1) * in->height / height);
            row[x] = block_mean(in, OM_MIN(x0, in->width - 1), OM_MAX(x1, x0 + 1),
                                OM_MIN(y0, in->height - 1), OM_MAX(y1, y0 + 1));
        }
    }
}

static uint8_t clamp8(double v)
{
    return (uint8_t)OM_CLAMP((int)(v + 0.5), 0, 255);
}

static void expand(uint8_t *plane, int stride, int width, int height, double black, double range,
                   double zero)
{
    uint8_t table[256];

    for (int i = 0; i < 256; i++)
        table[i] = clamp8((i - black) * 255 / range + zero);
    for (int y = 0; y < height; y++, plane += stride) {
        for (int x = 0; x < width; x++)
            plane[x] = table[plane[x]];
    }
}

static void expand_range(struct om_frame *out)
{
    int width, height;

    for (int p = 0; om_pixfmt_plane(out->format, p, out->width, out->height, &width, &height); p++)
        expand(om_frame_plane_mut(out, p), out->stride[p], width, height, p == 0 ? 16 : 128,
               p == 0 ? 219 : 224, p == 0 ? 0 : 128);
}

// BT.709 colour differences to BT.601 ones, both full range; BT.2020 is near enough to 709 for a
// picture that is looked at.
static void chroma_709_to_601(struct om_frame *out)
{
    int shift_x = out->format == OM_PIX_I420, shift_y = shift_x;

    for (int y = 0; y < out->height; y++) {
        uint8_t *luma = om_frame_plane_mut(out, 0) + (ptrdiff_t)y * out->stride[0];
        const uint8_t *cb = out->plane[1] + (ptrdiff_t)(y >> shift_y) * out->stride[1];
        const uint8_t *cr = out->plane[2] + (ptrdiff_t)(y >> shift_y) * out->stride[2];
        for (int x = 0; x < out->width; x++)
            luma[x] = clamp8(luma[x] + 0.101579 * (cb[x >> shift_x] - 128) +
                             0.196076 * (cr[x >> shift_x] - 128));
    }
    int width, height;
    om_pixfmt_plane(out->format, 1, out->width, out->height, &width, &height);
    for (int y = 0; y < height; y++) {
        uint8_t *cb = om_frame_plane_mut(out, 1) + (ptrdiff_t)y * out->stride[1];
        uint8_t *cr = om_frame_plane_mut(out, 2) + (ptrdiff_t)y * out->stride[2];
        for (int x = 0; x < width; x++) {
            double b = cb[x] - 128, r = cr[x] - 128;
            cb[x] = clamp8(128 + 0.989854 * b - 0.110653 * r);
            cr[x] = clamp8(128 - 0.072453 * b + 0.983398 * r);
        }
    }
}

// The upright picture at its final size, as JPEG wants its planes; NULL when memory is out.
static struct om_frame *prepare(const struct om_frame *frame, int width, int height)
{
    bool is_sideways = frame->rotation_deg == 90 || frame->rotation_deg == 270;
    enum om_pixfmt format = frame->format == OM_PIX_GREY   ? OM_PIX_GREY
                            : frame->format == OM_PIX_I444 ? OM_PIX_I444
                                                           : OM_PIX_I420;
    struct om_frame *out = om_frame_alloc(format, width, height);
    if (!out)
        return NULL;
    int out_width, out_height;
    for (int p = 0; om_pixfmt_plane(format, p, width, height, &out_width, &out_height); p++) {
        struct plane_in in = plane_of(frame, p);
        scale_plane(&in, frame, is_sideways ? out_height : out_width,
                    is_sideways ? out_width : out_height, out, p);
    }
    if (!frame->is_full_range)
        expand_range(out);
    if (frame->matrix != OM_MATRIX_BT601 && format != OM_PIX_GREY)
        chroma_709_to_601(out);
    out->is_full_range = true;
    return out;
}

static bool can_go_straight(const struct om_frame *frame, int width)
{
    return frame->is_full_range && frame->matrix == OM_MATRIX_BT601 && frame->rotation_deg == 0 &&
           !frame->is_mirrored && width == frame->width &&
           (frame->format == OM_PIX_I420 || frame->format == OM_PIX_I422 ||
            frame->format == OM_PIX_I444 || frame->format == OM_PIX_GREY);
}

static enum om_status compress(const struct om_frame *frame, int quality, struct om_buf *out,
                               struct om_error *err)
{
    static const int subsampling[OM_PIX_COUNT] = {[OM_PIX_I420] = TJSAMP_420,
                                                  [OM_PIX_I422] = TJSAMP_422,
                                                  [OM_PIX_I444] = TJSAMP_444,
                                                  [OM_PIX_GREY] = TJSAMP_GRAY};
    const uint8_t *planes[3] = {frame->plane[0], frame->plane[1], frame->plane[2]};
    int sampling = subsampling[frame->format];
    tjhandle tj = tjInitCompress();
    if (!tj)
        return om_error_set(err, OM_NO_MEMORY, "no memory for the JPEG encoder");

    unsigned long room = tjBufSize(frame->width, frame->height, sampling);
    uint8_t *jpeg = (uint8_t *)om_buf_reserve(out, room);
    if (!jpeg) {
        tjDestroy(tj);
        return om_error_set(err, OM_NO_MEMORY, "no room for a JPEG picture of %d x %d",
                            frame->width, frame->height);
    }
    int rc = tjCompressFromYUVPlanes(tj, planes, frame->width, frame->stride, frame->height,
                                     sampling, &jpeg, &room, OM_CLAMP(quality, 1, 100),
                                     TJFLAG_NOREALLOC);
    if (rc != 0)
        om_error_set(err, OM_INTERNAL, "the JPEG encoder failed: %s", tjGetErrorStr2(tj));
    else
        om_buf_add_len(out, room);
    tjDestroy(tj);
    return rc != 0 ? OM_INTERNAL : OM_OK;
}

enum om_status om_picture_encode_jpeg(const struct om_frame *frame, int width_max, int quality,
                                      struct om_buf *out, struct om_error *err)
{
    om_auto_ref(om_frame) planar = NULL;
    om_auto_ref(om_frame) ready = NULL;
    int width = om_frame_upright_width(frame), height = om_frame_upright_height(frame);

    if (width_max > 0 && width > width_max) {
        height = OM_MAX(1, (int)(((int64_t)height * width_max + width / 2) / width));
        width = width_max;
    }
    if (can_go_straight(frame, width))
        return compress(frame, quality, out, err);
    if (frame->format == OM_PIX_RGB24) {
        planar = rgb_to_i444(frame);
        if (!planar)
            return om_error_set(err, OM_NO_MEMORY, "no memory to turn a picture into a JPEG");
        frame = planar;
    }
    ready = prepare(frame, width, height);
    if (!ready)
        return om_error_set(err, OM_NO_MEMORY, "no memory to turn a picture into a JPEG");
    return compress(ready, quality, out, err);
}
