// Frame: one decoded picture, counted, never copied. A frame is a small handle on planes that
// belong to whoever made it (libavcodec's buffer, a pool block, a decoded JPEG).
//
// One producer, many readers. Readers ref and unref from any thread and never write; the producer
// writes only while it is the sole owner. The planes live until the last unref, which calls
// ops->release; the pool they came from may be dropped before that.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "media/stream.h"

struct om_frame;

struct om_frame_ops {
    void (*release)(struct om_frame *frame);  // once, by the last unref; frees the handle too
};

enum om_matrix { OM_MATRIX_BT601, OM_MATRIX_BT709, OM_MATRIX_BT2020 };

struct om_frame {
    atomic_int refs;
    const struct om_frame_ops *ops;
    enum om_pixfmt format;  // I420, I422, I444, NV12, GREY or RGB24
    int width, height;      // of the stored picture, in pixels
    int rotation_deg;       // clockwise turn that makes it upright: 0, 90, 180, 270
    bool is_mirrored;       // flip left-right before that turn (EXIF orientations 2, 4, 5, 7)
    bool is_full_range;     // luma 0..255 instead of 16..235
    enum om_matrix matrix;
    const uint8_t *plane[3];
    int stride[3];   // bytes
    int64_t pts_us;  // as in struct om_packet
    int64_t wall_us;
    int64_t arrival_us;  // of the packet that completed it
    int64_t decoded_us;  // om_time_mono_us() when decoding ended
    uint32_t epoch;
    uint64_t seq;  // counts the frames of one camera from 0
    bool is_key;
    bool is_corrupt;  // concealed or from a damaged group of pictures
    void *owner;
};

void om_frame_init(struct om_frame *frame, const struct om_frame_ops *ops);
struct om_frame *om_frame_ref(struct om_frame *frame);
void om_frame_unref(struct om_frame **frame);
static inline bool om_frame_is_writable(const struct om_frame *frame)
{
    return atomic_load_explicit(&frame->refs, memory_order_acquire) == 1;
}
OM_DEFINE_AUTO_REF(om_frame);

// Size of the upright picture, after rotation.
int om_frame_upright_width(const struct om_frame *frame);
int om_frame_upright_height(const struct om_frame *frame);

// Size of one plane of a `width` x `height` picture (sides >= 1), odd sides rounded up for shared
// chroma; false when the format has no such plane.
bool om_pixfmt_plane(enum om_pixfmt format, int plane, int width, int height, int *ret_row_bytes,
                     int *ret_rows);

// Bytes of one picture with tight rows (rows of I420 etc. rounded up for odd sizes); 0 when it has
// more than OM_FRAME_PIXELS_MAX pixels or a side is not within [1, OM_FRAME_SIDE_MAX].
enum { OM_FRAME_SIDE_MAX = 16384, OM_FRAME_PIXELS_MAX = 64 * 1000 * 1000 };
size_t om_frame_bytes(enum om_pixfmt format, int width, int height);

// A frame that owns its planes (one heap block, rows aligned to 64, content undefined); NULL when
// memory is out or the size is over the bounds above. The planes may be written through
// om_frame_plane_mut() until it is shared.
OM_MUST_USE struct om_frame *om_frame_alloc(enum om_pixfmt format, int width, int height);
static inline uint8_t *om_frame_plane_mut(struct om_frame *frame, int plane)
{
    return (uint8_t *)(uintptr_t)frame->plane[plane];
}
