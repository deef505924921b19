#include "media/frame.h"

#include "base/assert.h"
#include "base/mem.h"

enum { ROW_ALIGN = 64 };

void om_frame_init(struct om_frame *frame, const struct om_frame_ops *ops)
{
    *frame = (struct om_frame){.ops = ops};
    atomic_init(&frame->refs, 1);
}

struct om_frame *om_frame_ref(struct om_frame *frame)
{
    int before = atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
    om_assert(before > 0);
    return frame;
}

void om_frame_unref(struct om_frame **frame)
{
    struct om_frame *gone = om_steal(frame);
    if (!gone)
        return;
    int before = atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel);
    om_assert(before > 0);
    if (before == 1)
        gone->ops->release(gone);
}

static bool is_sideways(const struct om_frame *frame)
{
    return frame->rotation_deg == 90 || frame->rotation_deg == 270;
}

int om_frame_upright_width(const struct om_frame *frame)
{
    return is_sideways(frame) ? frame->height : frame->width;
}

int om_frame_upright_height(const struct om_frame *frame)
{
    return is_sideways(frame) ? frame->width : frame->height;
}

bool om_pixfmt_plane(enum om_pixfmt format, int plane, int width, int height, int *ret_row_bytes,
                     int *ret_rows)
{
    static const struct {
        int planes, luma_bytes;       // bytes of a pixel in plane 0
        int shift_x, shift_y, bytes;  // of the chroma planes
    } layouts[OM_PIX_COUNT] = {
        [OM_PIX_I420] = {3, 1, 1, 1, 1},  [OM_PIX_I422] = {3, 1, 1, 0, 1},
        [OM_PIX_I444] = {3, 1, 0, 0, 1},  [OM_PIX_NV12] = {2, 1, 1, 1, 2},
        [OM_PIX_YUYV] = {1, 2, 0, 0, 0},  [OM_PIX_GREY] = {1, 1, 0, 0, 0},
        [OM_PIX_RGB24] = {1, 3, 0, 0, 0},
    };
    if (plane < 0 || plane >= layouts[format].planes)
        return false;
    if (plane == 0) {
        int even_width = format == OM_PIX_YUYV ? width + (width & 1) : width;
        *ret_row_bytes = even_width * layouts[format].luma_bytes;
        *ret_rows = height;
    } else {
        int round_x = (1 << layouts[format].shift_x) - 1;
        int round_y = (1 << layouts[format].shift_y) - 1;
        *ret_row_bytes = ((width + round_x) >> layouts[format].shift_x) * layouts[format].bytes;
        *ret_rows = (height + round_y) >> layouts[format].shift_y;
    }
    return true;
}

static bool is_size_allowed(int width, int height)
{
    return width >= 1 && height >= 1 && width <= OM_FRAME_SIDE_MAX && height <= OM_FRAME_SIDE_MAX &&
           (int64_t)width * height <= OM_FRAME_PIXELS_MAX;
}

size_t om_frame_bytes(enum om_pixfmt format, int width, int height)
{
    size_t bytes = 0;
    int row_bytes, rows;

    if (!is_size_allowed(width, height))
        return 0;
    for (int p = 0; om_pixfmt_plane(format, p, width, height, &row_bytes, &rows); p++)
        bytes += (size_t)row_bytes * rows;
    return bytes;
}

static void release_block(struct om_frame *frame)
{
    om_free(frame);
}

static const struct om_frame_ops block_ops = {.release = release_block};

static size_t stride_for(int row_bytes)
{
    return ((size_t)row_bytes + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
}

struct om_frame *om_frame_alloc(enum om_pixfmt format, int width, int height)
{
    size_t header = stride_for(sizeof(struct om_frame)), bytes = header, at = header;
    int row_bytes, rows;

    if (!is_size_allowed(width, height))
        return NULL;
    for (int p = 0; om_pixfmt_plane(format, p, width, height, &row_bytes, &rows); p++)
        bytes += stride_for(row_bytes) * rows;
    uint8_t *block = om_try_alloc_aligned(bytes);
    if (!block)
        return NULL;
    struct om_frame *frame = (void *)block;
    om_frame_init(frame, &block_ops);
    frame->format = format;
    frame->width = width;
    frame->height = height;
    for (int p = 0; om_pixfmt_plane(format, p, width, height, &row_bytes, &rows); p++) {
        frame->plane[p] = block + at;
        frame->stride[p] = (int)stride_for(row_bytes);
        at += stride_for(row_bytes) * rows;
    }
    return frame;
}
