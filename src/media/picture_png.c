#include <spng.h>

#include "media/picture_int.h"

enum { CHUNK_BYTES_MAX = 1 << 20, CHUNKS_BYTES_MAX = 4 << 20 };

// A context that reads `data` and refuses what is over the bounds; NULL when memory is out.
static spng_ctx *open_png(om_str data)
{
    spng_ctx *png = spng_ctx_new(0);
    if (!png)
        return NULL;
    if (spng_set_image_limits(png, OM_FRAME_SIDE_MAX, OM_FRAME_SIDE_MAX) != 0 ||
        spng_set_chunk_limits(png, CHUNK_BYTES_MAX, CHUNKS_BYTES_MAX) != 0 ||
        spng_set_png_buffer(png, data.p, data.n) != 0) {
        spng_ctx_free(png);
        return NULL;
    }
    return png;
}

static enum om_status probe(om_str data, struct om_picture_info *ret, struct om_error *err)
{
    const uint8_t *p = om_bytes(data);
    struct spng_exif exif;

    if (data.n < 33 || memcmp(p + 12, "IHDR", 4) != 0)
        return om_picture_broken(err, "PNG", "it has no header");
    enum om_status status = om_picture_check_size(om_u32be(p + 16), om_u32be(p + 20), err);
    if (status != OM_OK)
        return status;
    ret->width = (int)om_u32be(p + 16);
    ret->height = (int)om_u32be(p + 20);
    spng_ctx *png = open_png(data);
    if (!png)
        return om_error_set(err, OM_NO_MEMORY, "no memory for the PNG decoder");
    if (spng_get_exif(png, &exif) == 0)
        ret->orientation = om_exif_orientation(om_str_n(exif.data, exif.length));
    spng_ctx_free(png);
    return OM_OK;
}

static struct om_frame *decode_with(spng_ctx *png, struct om_error *err)
{
    struct spng_ihdr header;

    int rc = spng_get_ihdr(png, &header);
    if (rc != 0) {
        om_picture_broken(err, "PNG", spng_strerror(rc));
        return NULL;
    }
    bool is_grey = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE && header.bit_depth <= 8;
    om_auto_ref(om_frame) frame = om_frame_alloc(is_grey ? OM_PIX_GREY : OM_PIX_RGB24,
                                                 (int)header.width, (int)header.height);
    if (!frame) {
        om_error_set(err, OM_NO_MEMORY, "no memory for a picture of %u x %u", header.width,
                     header.height);
        return NULL;
    }
    frame->is_full_range = true;
    enum spng_format format = is_grey ? SPNG_FMT_G8 : SPNG_FMT_RGB8;
    rc = spng_decode_image(png, NULL, 0, format, SPNG_DECODE_PROGRESSIVE);
    while (rc == 0) {
        struct spng_row_info row;
        rc = spng_get_row_info(png, &row);
        if (rc != 0)
            break;
        uint8_t *out = om_frame_plane_mut(frame, 0) + (ptrdiff_t)row.row_num * frame->stride[0];
        rc = spng_decode_row(png, out, (size_t)header.width * (is_grey ? 1 : 3));
    }
    if (rc != SPNG_EOI) {
        om_picture_broken(err, "PNG", spng_strerror(rc));
        return NULL;
    }
    return om_steal(&frame);
}

static struct om_frame *decode(om_str data, const struct om_picture_info *info,
                               struct om_error *err)
{
    (void)info;
    spng_ctx *png = open_png(data);
    if (!png) {
        om_error_set(err, OM_NO_MEMORY, "no memory for the PNG decoder");
        return NULL;
    }
    struct om_frame *frame = decode_with(png, err);
    spng_ctx_free(png);
    return frame;
}

const struct om_picture_ops om_picture_png = {OM_PICTURE_PNG, "PNG", probe, decode};
