// Inside of media/picture.c: one file for each format, and what they share.

#pragma once

#include "media/picture.h"

// Reads big- and little-endian numbers; the caller checked the bounds.
static inline unsigned om_u16be(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}
static inline unsigned om_u16le(const uint8_t *p)
{
    return (unsigned)p[1] << 8 | p[0];
}
static inline uint32_t om_u32be(const uint8_t *p)
{
    return (uint32_t)om_u16be(p) << 16 | om_u16be(p + 2);
}
static inline uint32_t om_u32le(const uint8_t *p)
{
    return (uint32_t)om_u16le(p + 2) << 16 | om_u16le(p);
}
static inline const uint8_t *om_bytes(om_str s)
{
    return (const uint8_t *)s.p;
}

// Orientation 1..8 from a TIFF block (what follows "Exif\0\0"); 1 when it says nothing sensible.
int om_exif_orientation(om_str tiff);

// OM_OK, or OM_LIMIT / OM_INVALID with a sentence about the size.
enum om_status om_picture_check_size(int64_t width, int64_t height, struct om_error *err);
enum om_status om_picture_broken(struct om_error *err, const char *format, const char *why);

struct om_picture_ops {
    enum om_picture_type type;
    const char *name;
    // Header only: fills width, height, orientation; sizes are checked by the caller.
    enum om_status (*probe)(om_str data, struct om_picture_info *ret, struct om_error *err);
    // After a probe whose size is within bounds. The orientation is set by the caller.
    struct om_frame *(*decode)(om_str data, const struct om_picture_info *info,
                               struct om_error *err);
};

extern const struct om_picture_ops om_picture_jpeg, om_picture_png, om_picture_webp, om_picture_bmp,
    om_picture_gif;
