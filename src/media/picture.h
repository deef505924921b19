// Still pictures: JPEG, PNG, WebP (also the first frame of BMP and GIF), by content, never by name.
// The header is read first: a picture over the bounds is refused before anything is allocated for
// it. EXIF orientation lands in the frame's rotation_deg and is_mirrored.
//
// Threads: no shared state.

#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "media/frame.h"

struct om_error;

enum om_picture_type {
    OM_PICTURE_UNKNOWN,
    OM_PICTURE_JPEG,
    OM_PICTURE_PNG,
    OM_PICTURE_WEBP,
    OM_PICTURE_BMP,
    OM_PICTURE_GIF
};

struct om_picture_info {
    enum om_picture_type type;
    int width, height;  // stored, before orientation
    int orientation;    // EXIF 1..8, 1 when there is none
};

enum { OM_PICTURE_BYTES_MAX = 32 * 1024 * 1024 };

enum om_picture_type om_picture_type_of(om_str data);
// Reads the header only. OM_INVALID, OM_UNSUPPORTED or OM_LIMIT (pixels, sides, scans) with a hint.
OM_MUST_USE enum om_status om_picture_probe(om_str data, struct om_picture_info *ret,
                                            struct om_error *err);
// Decodes to a frame the caller owns; NULL with the reason. Colour JPEGs come as YUV planes (I420,
// I422, I444, full range, BT.601) straight from the file where the sampling allows, everything else
// as RGB24 (alpha dropped, not blended) or GREY.
OM_MUST_USE struct om_frame *om_picture_decode(om_str data, struct om_error *err);
// The same from a file.
OM_MUST_USE struct om_frame *om_picture_load(const char *path, struct om_error *err);
// Appends a JPEG of the upright picture, at most `width_max` pixels wide (0 = as it is),
// quality 1..100.
OM_MUST_USE enum om_status om_picture_encode_jpeg(const struct om_frame *frame, int width_max,
                                                  int quality, struct om_buf *out,
                                                  struct om_error *err);
