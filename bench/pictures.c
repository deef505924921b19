#include "bench/pictures.h"

#include <libswscale/swscale.h>

#include "base/error.h"
#include "decode/decoder.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/stream.h"
#include "source/source.h"

struct scaler {
    const struct om_bench_pictures_opts *opts;
    om_bench_picture_fn *fn;
    void *ctx;
    struct SwsContext *sws;
    int done;
};

static enum AVPixelFormat sws_format(enum om_pixfmt format)
{
    switch (format) {
    case OM_PIX_I422:
        return AV_PIX_FMT_YUV422P;
    case OM_PIX_I444:
        return AV_PIX_FMT_YUV444P;
    case OM_PIX_NV12:
        return AV_PIX_FMT_NV12;
    case OM_PIX_GREY:
        return AV_PIX_FMT_GRAY8;
    case OM_PIX_RGB24:
        return AV_PIX_FMT_RGB24;
    default:
        return AV_PIX_FMT_YUV420P;
    }
}

static struct om_frame *scale(struct scaler *scaler, const struct om_frame *from)
{
    int width = scaler->opts->width, height = scaler->opts->height;
    struct om_frame *to = om_frame_alloc(OM_PIX_I420, width, height);
    scaler->sws = sws_getCachedContext(scaler->sws, from->width, from->height,
                                       sws_format(from->format), width, height, AV_PIX_FMT_YUV420P,
                                       SWS_BICUBIC, NULL, NULL, NULL);
    if (!to || !scaler->sws) {
        om_frame_unref(&to);
        return NULL;
    }
    uint8_t *planes[] = {om_frame_plane_mut(to, 0), om_frame_plane_mut(to, 1),
                         om_frame_plane_mut(to, 2)};
    (void)sws_scale(scaler->sws, from->plane, from->stride, 0, from->height, planes, to->stride);
    to->seq = (uint64_t)scaler->done;
    to->pts_us = from->pts_us;
    to->epoch = from->epoch;
    // Planes keep their range and matrix; what comes as RGB lands in studio range.
    bool has_planes = from->format != OM_PIX_RGB24 && from->format != OM_PIX_GREY;
    to->is_full_range = has_planes && from->is_full_range;
    to->matrix = has_planes ? from->matrix : OM_MATRIX_BT601;
    return to;
}

struct om_frame *om_bench_picture_scale(const struct om_frame *from, int width, int height)
{
    const struct om_bench_pictures_opts opts = {.width = width, .height = height};
    struct scaler scaler = {.opts = &opts};
    struct om_frame *to = scale(&scaler, from);
    sws_freeContext(scaler.sws);
    return to;
}

static bool give_all(struct scaler *scaler, struct om_decoder *decoder)
{
    struct om_frame *frame = NULL;
    bool goes_on = true;
    while (om_decoder_take(decoder, &frame) == OM_OK) {
        if (goes_on && scaler->done < scaler->opts->count) {
            struct om_frame *scaled = scale(scaler, frame);
            goes_on = scaled && scaler->fn(scaler->ctx, scaled);
            scaler->done += goes_on;
            om_frame_unref(&scaled);
        }
        om_frame_unref(&frame);
    }
    return goes_on && scaler->done < scaler->opts->count;
}

bool om_bench_pictures(const struct om_bench_pictures_opts *opts, om_bench_picture_fn *fn,
                       void *ctx, struct om_error *err)
{
    struct om_source_opts source_opts = om_source_opts_default;
    source_opts.as_fast_as_possible = true;
    source_opts.loop = true;
    om_auto(om_source) source = om_source_open(opts->video, &source_opts, NULL, err);
    if (!source)
        return false;
    const struct om_decoder_opts decoder_opts = {.threads = 1};
    om_auto(om_decoder) decoder = om_decoder_create(om_source_info(source), &decoder_opts, err);
    struct scaler scaler = {.opts = opts, .fn = fn, .ctx = ctx};
    struct om_packet *packet = NULL;
    bool goes_on = decoder;
    while (goes_on && om_source_read(source, &packet, err) == OM_OK) {
        (void)!om_decoder_send(decoder, packet);  // damaged ones are missing, that is all
        goes_on = give_all(&scaler, decoder);
        om_packet_unref(&packet);
    }
    sws_freeContext(scaler.sws);
    if (scaler.done < opts->count && decoder)
        om_error_set(err, OM_INVALID, "%s gave %d pictures of %d", opts->video, scaler.done,
                     opts->count);
    return scaler.done == opts->count;
}
