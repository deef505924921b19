#include <webp/decode.h>

#include "media/picture_int.h"

// A RIFF file: chunks of a four-letter name, a length and a body padded to even. Extended files
// start with VP8X (the canvas); an animation has ANMF chunks, each a 16-byte header and the chunks
// of one picture. Its first frame is decoded onto a black canvas.
enum { FILE_HEADER = 12, CHUNK_HEADER = 8, FRAME_HEADER = 16, CHUNKS_MAX = 1000 };

// Takes the next chunk off *rest; false at the end or where the file is cut.
static bool next_chunk(om_str *rest, om_str *ret_name, om_str *ret_body)
{
    if (rest->n < CHUNK_HEADER)
        return false;
    size_t n = om_u32le(om_bytes(*rest) + 4);
    *ret_name = om_str_sub(*rest, 0, 4);
    *ret_body = om_str_sub(*rest, CHUNK_HEADER, CHUNK_HEADER + n);
    *rest = om_str_sub(*rest, CHUNK_HEADER + n + (n & 1), rest->n);
    return ret_body->n == n;
}

static om_str find_chunk(om_str chunks, om_str name)
{
    om_str found, body;

    for (int i = 0; i < CHUNKS_MAX && next_chunk(&chunks, &found, &body); i++) {
        if (om_str_equal(found, name))
            return body;
    }
    return om_str_n("", 0);
}

static enum om_status probe(om_str data, struct om_picture_info *ret, struct om_error *err)
{
    WebPBitstreamFeatures features;

    if (WebPGetFeatures(om_bytes(data), data.n, &features) != VP8_STATUS_OK)
        return om_picture_broken(err, "WebP", "its header cannot be read");
    ret->width = features.width;
    ret->height = features.height;
    om_str exif = find_chunk(om_str_sub(data, FILE_HEADER, data.n), OM_STR("EXIF"));
    if (om_str_starts_with(exif, om_str_n("Exif\0", 6)))
        exif = om_str_sub(exif, 6, exif.n);
    ret->orientation = om_exif_orientation(exif);
    return OM_OK;
}

static unsigned u24le(const uint8_t *p)
{
    return om_u16le(p) | (unsigned)p[2] << 16;
}

static bool decode_at(om_str bits, struct om_frame *frame, int x, int y)
{
    WebPBitstreamFeatures part;

    if (WebPGetFeatures(om_bytes(bits), bits.n, &part) != VP8_STATUS_OK || part.has_animation ||
        part.width > frame->width - x || part.height > frame->height - y)
        return false;
    uint8_t *out = om_frame_plane_mut(frame, 0) + (ptrdiff_t)y * frame->stride[0] + 3 * x;
    size_t room = (size_t)frame->stride[0] * (part.height - 1) + 3 * (size_t)part.width;
    return WebPDecodeRGBInto(om_bytes(bits), bits.n, out, room, frame->stride[0]) != NULL;
}

static bool decode_first_frame(om_str data, struct om_frame *frame)
{
    om_str anim = find_chunk(om_str_sub(data, FILE_HEADER, data.n), OM_STR("ANMF"));
    if (anim.n < FRAME_HEADER)
        return false;
    unsigned x = 2 * u24le(om_bytes(anim)), y = 2 * u24le(om_bytes(anim) + 3);
    if (x >= (unsigned)frame->width || y >= (unsigned)frame->height)
        return false;
    om_str chunks = om_str_sub(anim, FRAME_HEADER, anim.n);
    om_str bits = find_chunk(chunks, OM_STR("VP8 "));
    if (bits.n == 0)
        bits = find_chunk(chunks, OM_STR("VP8L"));
    return bits.n > 0 && decode_at(bits, frame, (int)x, (int)y);
}

static struct om_frame *decode(om_str data, const struct om_picture_info *info,
                               struct om_error *err)
{
    WebPBitstreamFeatures features;

    om_auto_ref(om_frame) frame = om_frame_alloc(OM_PIX_RGB24, info->width, info->height);
    if (!frame) {
        om_error_set(err, OM_NO_MEMORY, "no memory for a picture of %d x %d", info->width,
                     info->height);
        return NULL;
    }
    frame->is_full_range = true;
    bool is_ok = WebPGetFeatures(om_bytes(data), data.n, &features) == VP8_STATUS_OK &&
                 (features.has_animation ? decode_first_frame(data, frame)
                                         : decode_at(data, frame, 0, 0));
    if (!is_ok) {
        om_picture_broken(err, "WebP", "its data cannot be decoded");
        return NULL;
    }
    return om_steal(&frame);
}

const struct om_picture_ops om_picture_webp = {OM_PICTURE_WEBP, "WebP", probe, decode};
