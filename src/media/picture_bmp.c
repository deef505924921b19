#include <string.h>

#include "media/picture_int.h"

// BMP: a 14-byte file header, an info header whose length says its version, colour masks or a
// palette, then rows padded to four bytes, the bottom one first unless the height is negative.
// Uncompressed files of 1, 4, 8, 16, 24 and 32 bits are read; run-length coded ones are refused.
enum {
    FILE_HEADER = 14,
    CORE_HEADER = 12,
    INFO_HEADER = 40,
    MASKS_V3 = 52,
    PALETTE_MAX = 256,
    PLAIN = 0,
    BITFIELDS = 3,
    ALPHA_BITFIELDS = 6,
};

struct bmp {
    int64_t width, height;  // height > 0
    bool is_top_down;
    unsigned bits, compression;
    size_t header_end, pixels_at;
    uint32_t masks[3];
    uint8_t palette[PALETTE_MAX][3];
};

static bool read_header(om_str data, struct bmp *bmp)
{
    const uint8_t *p = om_bytes(data);
    size_t size = om_u32le(p + FILE_HEADER);

    bmp->pixels_at = om_u32le(p + 10);
    bmp->header_end = FILE_HEADER + size;
    if (bmp->header_end > data.n)
        return false;
    if (size == CORE_HEADER) {
        bmp->width = om_u16le(p + 18);
        bmp->height = om_u16le(p + 20);
        bmp->bits = om_u16le(p + 24);
        return true;
    }
    if (size < INFO_HEADER)
        return false;
    bmp->width = (int32_t)om_u32le(p + 18);
    bmp->height = (int32_t)om_u32le(p + 22);
    bmp->is_top_down = bmp->height < 0;
    bmp->height = bmp->is_top_down ? -bmp->height : bmp->height;
    bmp->bits = om_u16le(p + 28);
    bmp->compression = om_u32le(p + 30);
    return true;
}

static bool read_masks(om_str data, struct bmp *bmp)
{
    static const uint32_t plain16[3] = {0x7c00, 0x03e0, 0x001f};
    static const uint32_t plain32[3] = {0xff0000, 0x00ff00, 0x0000ff};

    if (bmp->compression == PLAIN) {
        memcpy(bmp->masks, bmp->bits == 16 ? plain16 : plain32, sizeof(bmp->masks));
        return true;
    }
    size_t at = FILE_HEADER + INFO_HEADER;  // inside newer headers, behind the old one
    if (data.n < FILE_HEADER + MASKS_V3)
        return false;
    for (int c = 0; c < 3; c++)
        bmp->masks[c] = om_u32le(om_bytes(data) + at + 4 * (size_t)c);
    return bmp->masks[0] && bmp->masks[1] && bmp->masks[2];
}

static void read_palette(om_str data, struct bmp *bmp)
{
    bool is_core = bmp->header_end == FILE_HEADER + CORE_HEADER;
    size_t entry = is_core ? 3 : 4, count = (size_t)1 << bmp->bits;
    size_t end = OM_MIN(data.n, bmp->pixels_at);

    for (size_t i = 0; i < count && bmp->header_end + (i + 1) * entry <= end; i++) {
        const uint8_t *bgr = om_bytes(data) + bmp->header_end + i * entry;
        for (int c = 0; c < 3; c++)
            bmp->palette[i][c] = bgr[2 - c];
    }
}

static enum om_status probe(om_str data, struct om_picture_info *ret, struct om_error *err)
{
    struct bmp bmp = {0};

    if (!read_header(data, &bmp))
        return om_picture_broken(err, "BMP", "its header is cut");
    enum om_status status = om_picture_check_size(bmp.width, bmp.height, err);
    if (status != OM_OK)
        return status;
    bool is_packed = bmp.bits == 16 || bmp.bits == 32;
    bool is_masked = is_packed &&
                     (bmp.compression == BITFIELDS || bmp.compression == ALPHA_BITFIELDS);
    bool is_plain = bmp.compression == PLAIN && (is_packed || bmp.bits == 1 || bmp.bits == 4 ||
                                                 bmp.bits == 8 || bmp.bits == 24);
    if (!is_masked && !is_plain) {
        om_error_set(err, OM_UNSUPPORTED, "compressed BMP pictures are not read");
        om_error_hint(err, "save it as PNG");
        return OM_UNSUPPORTED;
    }
    ret->width = (int)bmp.width;
    ret->height = (int)bmp.height;
    return OM_OK;
}

static uint8_t masked(uint32_t value, uint32_t mask)
{
    int shift = __builtin_ctz(mask);
    uint64_t max = mask >> shift;
    return (uint8_t)(((value & mask) >> shift) * 255u / max);
}

static void row_to_rgb(const struct bmp *bmp, const uint8_t *row, uint8_t *rgb)
{
    for (int64_t x = 0; x < bmp->width; x++, rgb += 3) {
        if (bmp->bits == 24) {
            rgb[0] = row[3 * x + 2];
            rgb[1] = row[3 * x + 1];
            rgb[2] = row[3 * x];
        } else if (bmp->bits <= 8) {
            int64_t bit = x * bmp->bits;
            int index = row[bit / 8] >> (8 - bmp->bits - bit % 8) & ((1 << bmp->bits) - 1);
            memcpy(rgb, bmp->palette[index], 3);
        } else {
            uint32_t value = bmp->bits == 16 ? om_u16le(row + 2 * x) : om_u32le(row + 4 * x);
            for (int c = 0; c < 3; c++)
                rgb[c] = masked(value, bmp->masks[c]);
        }
    }
}

static struct om_frame *decode(om_str data, const struct om_picture_info *info,
                               struct om_error *err)
{
    struct bmp bmp = {0};
    bool has_header = read_header(data, &bmp);
    size_t stride = ((size_t)bmp.width * bmp.bits + 31) / 32 * 4;

    if (!has_header || (bmp.bits > 8 && !read_masks(data, &bmp)) || bmp.pixels_at > data.n ||
        stride * (size_t)bmp.height > data.n - bmp.pixels_at) {
        om_picture_broken(err, "BMP", "its data is cut");
        return NULL;
    }
    if (bmp.bits <= 8)
        read_palette(data, &bmp);
    struct om_frame *frame = om_frame_alloc(OM_PIX_RGB24, info->width, info->height);
    if (!frame) {
        om_error_set(err, OM_NO_MEMORY, "no memory for a picture of %d x %d", info->width,
                     info->height);
        return NULL;
    }
    frame->is_full_range = true;
    for (int y = 0; y < info->height; y++) {
        size_t from = (size_t)(bmp.is_top_down ? y : info->height - 1 - y);
        row_to_rgb(&bmp, om_bytes(data) + bmp.pixels_at + from * stride,
                   om_frame_plane_mut(frame, 0) + (ptrdiff_t)y * frame->stride[0]);
    }
    return frame;
}

const struct om_picture_ops om_picture_bmp = {OM_PICTURE_BMP, "BMP", probe, decode};
