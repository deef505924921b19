// What a source says about its video stream once it is open.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum om_codec {
    OM_CODEC_NONE,
    OM_CODEC_H264,
    OM_CODEC_HEVC,
    OM_CODEC_AV1,
    OM_CODEC_VP8,
    OM_CODEC_VP9,
    OM_CODEC_MPEG2,
    OM_CODEC_MPEG4,
    OM_CODEC_MJPEG,
    OM_CODEC_RAW,  // packets hold one picture in `raw_format`
    OM_CODEC_COUNT
};

// Layout of raw pictures: packets of OM_CODEC_RAW, and frames.
enum om_pixfmt {
    OM_PIX_NONE,
    OM_PIX_I420,  // 8 bit planar 4:2:0
    OM_PIX_I422,
    OM_PIX_I444,
    OM_PIX_NV12,  // Y, then interleaved UV
    OM_PIX_YUYV,  // packed 4:2:2 (USB cameras)
    OM_PIX_GREY,
    OM_PIX_RGB24,  // packed R, G, B
    OM_PIX_COUNT
};

enum { OM_EXTRADATA_MAX = 64 * 1024 };

struct om_stream_info {
    enum om_codec codec;
    int width, height;          // coded picture; 0 when not known before the first frame
    int rotation_deg;           // clockwise turn that makes the picture upright: 0, 90, 180, 270
    double fps;                 // as declared, 0 when unknown
    int64_t duration_us;        // of a file, 0 when unknown or endless
    int64_t bytes_total;        // size of a file, 0 when unknown
    enum om_pixfmt raw_format;  // for OM_CODEC_RAW
    bool is_live;               // cameras; false for files and folders
    uint8_t *extradata;         // parameter sets as the container has them (avcC, hvcC, or Annex B)
    size_t extradata_bytes;
};

// "h264"; "none" for OM_CODEC_NONE.
const char *om_codec_name(enum om_codec codec);

// Deep copy; *dst must be zeroed or finished before.
void om_stream_info_copy(struct om_stream_info *dst, const struct om_stream_info *src);
// Frees the extradata and zeroes the struct.
void om_stream_info_finish(struct om_stream_info *info);
