#include "source/live.h"

#include "base/time.h"
#include "media/packet.h"
#include "source/av.h"
#include "source/params.h"

enum { STALL_GAPS = 3, GAP_MAX_US = 5 * OM_SECOND };

// How long the next packet may take. Until the first key frame the clock runs from the opening.
static int64_t patience(const struct om_source *source, const struct om_live *live)
{
    if (live->last_us == OM_TIME_NONE)
        return source->opts.first_key_timeout_us;
    return OM_MAX(source->opts.stall_min_us, STALL_GAPS * live->gap_us);
}

static enum om_status too_long_without_key(struct om_source *source, struct om_live *live,
                                           struct om_error *err)
{
    if (live->has_key || om_time_mono_us() - live->opened_us < source->opts.first_key_timeout_us)
        return OM_OK;
    om_error_set(err, OM_TIMEOUT, "%s: no key frame came in %.0f s", source->safe,
                 (double)source->opts.first_key_timeout_us / OM_SECOND);
    om_error_hint(err, "set the camera's key frame (I-frame) interval to 1 or 2 seconds");
    return OM_TIMEOUT;
}

static void learn_gap(struct om_live *live, int64_t now_us)
{
    if (live->last_us != OM_TIME_NONE) {
        int64_t gap = OM_MIN(now_us - live->last_us, GAP_MAX_US);
        live->gap_us = live->gap_us == 0 ? gap : live->gap_us + (gap - live->gap_us) / 8;
    }
    live->last_us = now_us;
}

// Recordings over HTTP have their parameter sets in forms that only libav reads here.
static void learn_size(struct om_source *source, const struct om_packet *key)
{
    enum om_codec codec = source->info.codec;

    if ((codec == OM_CODEC_H264 || codec == OM_CODEC_HEVC) && om_params_size(&source->info, key))
        return;
    om_av_size(key, &source->info);
}

static enum om_status next_packet(struct om_source *source, struct om_live *live,
                                  struct om_packet **ret, struct om_error *err)
{
    struct om_av_times times;

    enum om_status status = live->ops->read(live->session, patience(source, live), ret, &times,
                                            err);
    if (status != OM_OK)
        return status;
    struct om_packet *packet = *ret;
    learn_gap(live, om_time_mono_us());
    bool had_key = live->has_key;
    live->has_key |= packet->is_key;
    // Other parameter sets in mid-stream make another stream of it.
    if (packet->is_key && om_params_update(&source->info, packet) && had_key) {
        learn_size(source, packet);
        om_media_clock_restart(&source->clock);
    }
    om_source_stamp(source, packet, times.pts_us, times.dts_us);
    return OM_OK;
}

// H.264 and H.265 begin with a key frame: it has the size, and often the parameter sets, that the
// session description keeps to itself. What comes before it cannot be decoded and is dropped.
static enum om_status wait_for_key(struct om_source *source, struct om_live *live,
                                   struct om_error *err)
{
    enum om_codec codec = source->info.codec;

    while ((codec == OM_CODEC_H264 || codec == OM_CODEC_HEVC) && !live->has_key) {
        om_packet_unref(&live->first);
        enum om_status status = next_packet(source, live, &live->first, err);
        if (status == OM_OK && !live->has_key)
            status = too_long_without_key(source, live, err);
        if (status != OM_OK)
            return status;
    }
    if (live->first)
        learn_size(source, live->first);
    return OM_OK;
}

static enum om_status read_av(void *session, int64_t timeout_us, struct om_packet **ret,
                              struct om_av_times *ret_times, struct om_error *err)
{
    return om_av_read(session, timeout_us, ret, ret_times, err);
}

static int64_t wrap_of_av(const void *session)
{
    return om_av_wrap_us(session);
}

static void close_av(void *session)
{
    om_av_destroy(session);
}

static const struct om_live_ops av_ops = {
    .read = read_av, .wrap_us = wrap_of_av, .close = close_av};

enum om_status om_live_begin(struct om_source *source, struct om_live *live,
                             const struct om_live_ops *ops, void *session, struct om_error *err)
{
    live->ops = ops;
    live->session = session;
    live->last_us = OM_TIME_NONE;
    live->opened_us = om_time_mono_us();
    om_media_clock_init(&source->clock, source->info.is_live, ops->wrap_us(session));
    return wait_for_key(source, live, err);
}

enum om_status om_live_open(struct om_source *source, struct om_live *live,
                            const struct om_av_how *how, struct om_error *err)
{
    struct om_error own;
    struct om_error *say = err ? err : &own;
    om_auto(om_av) av = om_av_open(how, source->cancel, say);

    if (!av)
        return say->status;
    enum om_status status = om_av_info(av, &source->info, say);
    if (status != OM_OK)
        return status;
    return om_live_begin(source, live, &av_ops, om_steal(&av), say);
}

static enum om_status take_next(struct om_source *source, struct om_live *live,
                                struct om_packet **ret, struct om_error *err)
{
    if (live->first) {
        *ret = om_steal(&live->first);
        return OM_OK;
    }
    enum om_status status = too_long_without_key(source, live, err);
    return status != OM_OK ? status : next_packet(source, live, ret, err);
}

enum om_status om_live_read(struct om_source *source, struct om_live *live, struct om_packet **ret,
                            struct om_error *err)
{
    struct om_packet *packet = NULL;
    enum om_status status = take_next(source, live, &packet, err);
    if (status != OM_OK)
        return status;
    // A recording comes as fast as the network gives it; a camera at its own pace.
    if (!source->info.is_live) {
        if (om_source_pace(source, packet->dts_us) != OM_OK) {
            om_packet_unref(&packet);
            return om_error_set(err, OM_CANCELLED, "cancelled");
        }
        packet->arrival_us = om_time_mono_us();
    }
    *ret = packet;
    return OM_OK;
}

void om_live_close(struct om_live *live)
{
    om_packet_unref(&live->first);
    if (live->ops)
        live->ops->close(live->session);
}
