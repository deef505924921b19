#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <string.h>

#include "base/pool.h"
#include "decode/decoder_int.h"
#include "media/packet.h"

enum { BLOCKS_MAX = 24, ROW_ALIGN = 64 };

void om_blocks_finish(struct om_blocks *blocks)
{
    om_pool_destroy(blocks->pool);
    *blocks = (struct om_blocks){0};
}

static size_t stride_for(int row_bytes)
{
    return ((size_t)row_bytes + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
}

static void renew(struct om_blocks *blocks, enum om_pixfmt format, int width, int height)
{
    size_t bytes = 0;
    int row_bytes, rows;

    if (blocks->pool && blocks->format == format && blocks->width == width &&
        blocks->height == height)
        return;
    om_pool_destroy(blocks->pool);
    for (int p = 0; om_pixfmt_plane(format, p, width, height, &row_bytes, &rows); p++)
        bytes += stride_for(row_bytes) * (size_t)rows;
    *blocks = (struct om_blocks){om_pool_create(bytes + ROW_ALIGN, BLOCKS_MAX), format, width,
                                 height};
}

bool om_blocks_attach(struct om_blocks *blocks, struct om_shelf_frame *handle,
                      enum om_pixfmt format, int width, int height)
{
    struct om_frame *frame = &handle->frame;
    int row_bytes, rows;

    if (om_frame_bytes(format, width, height) == 0)
        return false;
    renew(blocks, format, width, height);
    uint8_t *at = om_pool_take(blocks->pool);
    if (!at)
        return false;
    handle->pool = blocks->pool;
    handle->block = at;
    frame->format = format;
    frame->width = width;
    frame->height = height;
    for (int p = 0; om_pixfmt_plane(format, p, width, height, &row_bytes, &rows); p++) {
        frame->plane[p] = at;
        frame->stride[p] = (int)stride_for(row_bytes);
        at += stride_for(row_bytes) * (size_t)rows;
    }
    return true;
}

// ---- raw packets -------------------------------------------------------------------------------

static void split_yuyv(const uint8_t *restrict yuyv, uint8_t *restrict y, uint8_t *restrict u,
                       uint8_t *restrict v, int pairs)
{
    for (int i = 0; i < pairs; i++) {
        y[2 * i] = yuyv[4 * i];
        u[i] = yuyv[4 * i + 1];
        y[2 * i + 1] = yuyv[4 * i + 2];
        v[i] = yuyv[4 * i + 3];
    }
}

static bool wrap_yuyv(struct om_blocks *blocks, struct om_shelf_frame *handle,
                      const struct om_stream_info *info, const uint8_t *yuyv)
{
    struct om_frame *frame = &handle->frame;
    int pairs = (info->width + 1) / 2;

    if (!om_blocks_attach(blocks, handle, OM_PIX_I422, info->width, info->height))
        return false;
    for (int row = 0; row < info->height; row++)
        split_yuyv(yuyv + (size_t)row * pairs * 4,
                   om_frame_plane_mut(frame, 0) + (ptrdiff_t)row * frame->stride[0],
                   om_frame_plane_mut(frame, 1) + (ptrdiff_t)row * frame->stride[1],
                   om_frame_plane_mut(frame, 2) + (ptrdiff_t)row * frame->stride[2], pairs);
    return true;
}

bool om_raw_wrap(struct om_blocks *blocks, struct om_shelf_frame *handle,
                 const struct om_stream_info *info, struct om_packet *packet)
{
    struct om_frame *frame = &handle->frame;
    size_t bytes = om_frame_bytes(info->raw_format, info->width, info->height);
    const uint8_t *at = packet->data;
    int row_bytes, rows;

    if (bytes == 0 || packet->bytes < bytes)
        return false;
    if (info->raw_format == OM_PIX_YUYV)
        return wrap_yuyv(blocks, handle, info, packet->data);
    frame->format = info->raw_format;
    frame->width = info->width;
    frame->height = info->height;
    for (int p = 0; om_pixfmt_plane(frame->format, p, info->width, info->height, &row_bytes, &rows);
         p++) {
        frame->plane[p] = at;
        frame->stride[p] = row_bytes;
        at += (size_t)row_bytes * rows;
    }
    frame->is_full_range = frame->format == OM_PIX_RGB24;
    handle->packet = om_packet_ref(packet);
    return true;
}

// ---- libavcodec's frames -----------------------------------------------------------------------

static enum om_pixfmt own_format(int format)
{
    switch (format) {
    case AV_PIX_FMT_YUV420P:
    case AV_PIX_FMT_YUVJ420P:
        return OM_PIX_I420;
    case AV_PIX_FMT_YUV422P:
    case AV_PIX_FMT_YUVJ422P:
        return OM_PIX_I422;
    case AV_PIX_FMT_YUV444P:
    case AV_PIX_FMT_YUVJ444P:
        return OM_PIX_I444;
    case AV_PIX_FMT_NV12:
        return OM_PIX_NV12;
    case AV_PIX_FMT_GRAY8:
        return OM_PIX_GREY;
    default:
        return OM_PIX_NONE;
    }
}

static bool is_full_range(const AVFrame *av)
{
    switch (av->format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
        return true;
    default:
        return av->color_range == AVCOL_RANGE_JPEG;
    }
}

// Untagged pictures are taken for what their size suggests, as players do.
static enum om_matrix matrix_of(const AVFrame *av)
{
    switch (av->colorspace) {
    case AVCOL_SPC_BT709:
        return OM_MATRIX_BT709;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return OM_MATRIX_BT2020;
    case AVCOL_SPC_UNSPECIFIED:
        return av->width >= 1280 || av->height > 576 ? OM_MATRIX_BT709 : OM_MATRIX_BT601;
    default:
        return OM_MATRIX_BT601;
    }
}

static bool rewrite(struct om_blocks *blocks, struct SwsContext **sws,
                    struct om_shelf_frame *handle)
{
    const AVFrame *av = handle->av;
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(av->format);
    bool is_full = is_full_range(av), is_rgb = desc && (desc->flags & AV_PIX_FMT_FLAG_RGB);

    *sws = sws_getCachedContext(*sws, av->width, av->height, av->format, av->width, av->height,
                                AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!*sws || !om_blocks_attach(blocks, handle, OM_PIX_I420, av->width, av->height))
        return false;
    const int *table = sws_getCoefficients(handle->frame.matrix == OM_MATRIX_BT709 ? SWS_CS_ITU709
                                                                                   : SWS_CS_ITU601);
    sws_setColorspaceDetails(*sws, table, is_full || is_rgb, table, is_full, 0, 1 << 16, 1 << 16);
    uint8_t *planes[3] = {om_frame_plane_mut(&handle->frame, 0),
                          om_frame_plane_mut(&handle->frame, 1),
                          om_frame_plane_mut(&handle->frame, 2)};
    sws_scale(*sws, (const uint8_t *const *)av->data, av->linesize, 0, av->height, planes,
              handle->frame.stride);
    av_frame_unref(handle->av);
    return true;
}

bool om_convert(struct om_blocks *blocks, struct SwsContext **sws, struct om_shelf_frame *handle)
{
    const AVFrame *av = handle->av;
    struct om_frame *frame = &handle->frame;

    frame->is_full_range = is_full_range(av);
    frame->matrix = matrix_of(av);
    frame->format = own_format(av->format);
    if (frame->format == OM_PIX_NONE || om_frame_bytes(frame->format, av->width, av->height) == 0)
        return rewrite(blocks, sws, handle);
    frame->width = av->width;
    frame->height = av->height;
    for (int p = 0; p < 3; p++) {
        frame->plane[p] = av->data[p];
        frame->stride[p] = av->linesize[p];
    }
    return true;
}
