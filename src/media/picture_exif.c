#include "media/picture_int.h"

// EXIF is a TIFF file: a byte order, the offset of the first directory, and there entries of 12
// bytes (tag, type, count, value). Only the first directory and only one tag matter here.
enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, HEADER_BYTES = 8, ENTRY_BYTES = 12 };

static unsigned u16(const uint8_t *p, bool is_big)
{
    return is_big ? om_u16be(p) : om_u16le(p);
}

static uint32_t u32(const uint8_t *p, bool is_big)
{
    return is_big ? om_u32be(p) : om_u32le(p);
}

int om_exif_orientation(om_str tiff)
{
    const uint8_t *p = om_bytes(tiff);

    if (tiff.n < HEADER_BYTES || p[0] != p[1] || (p[0] != 'I' && p[0] != 'M'))
        return 1;
    bool is_big = p[0] == 'M';
    size_t at = u32(p + 4, is_big);
    if (u16(p + 2, is_big) != 42 || at > tiff.n - 2)
        return 1;
    size_t count = u16(p + at, is_big);
    at += 2;
    for (size_t i = 0; i < count && tiff.n - at >= ENTRY_BYTES; i++, at += ENTRY_BYTES) {
        if (u16(p + at, is_big) != TAG_ORIENTATION)
            continue;
        unsigned value = u16(p + at + 8, is_big);
        bool is_sane = u16(p + at + 2, is_big) == TYPE_SHORT && value >= 1 && value <= 8;
        return is_sane ? (int)value : 1;
    }
    return 1;
}
