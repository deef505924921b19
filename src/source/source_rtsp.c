#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "source/av.h"
#include "source/live.h"
#include "source/rtsp_client.h"

static const struct om_log rtsp_log = {.name = "rtsp"};

// RTSP through a client of our own where that is enough (over TCP, H.264 or H.265), because it
// costs a thousand cameras a fraction; through libavformat's demuxer for all else: RTSPS, UDP (two
// ports more), other codecs. A session description is enough to begin, so nothing is probed.

static enum om_status read_own(void *session, int64_t timeout_us, struct om_packet **ret,
                               struct om_av_times *ret_times, struct om_error *err)
{
    ret_times->dts_us = OM_TIME_NONE;
    return om_rtsp_read(session, timeout_us, ret, &ret_times->pts_us, err);
}

static int64_t wrap_of_own(const void *session)
{
    return om_rtsp_wrap_us(session);
}

static void close_own(void *session)
{
    om_rtsp_destroy(session);
}

static const struct om_live_ops own_ops = {
    .read = read_own, .wrap_us = wrap_of_own, .close = close_own};

// OM_UNSUPPORTED: it takes libavformat.
static enum om_status open_own(struct om_source *source, struct om_error *err)
{
    const struct om_rtsp_how how = {
        .url = source->url,
        .safe = source->safe,
        .cancel = source->cancel,
        .timeout_us = source->opts.connect_timeout_us,
    };
    struct om_rtsp *rtsp = om_rtsp_open(&how, &source->info, err);
    if (!rtsp)
        return err->status;
    return om_live_begin(source, source->priv, &own_ops, rtsp, err);
}

static enum om_status open_av(struct om_source *source, struct om_error *err)
{
    char url[4 * OM_URL_SIZE];
    bool is_udp = source->opts.rtsp_transport == OM_RTSP_UDP;
    bool is_tls = strcmp(source->url->scheme, "rtsps") == 0;

    if (!om_url_write(source->url, url, sizeof(url)))
        return om_error_set(err, OM_INVALID, "%s: the URL is too long", source->safe);
    const struct om_av_how how = {
        .url = url,
        .safe = source->safe,
        .format = "rtsp",
        .protocols = is_tls ? "rtsp,rtsps,rtp,srtp,udp,tcp,tls" : "rtsp,rtp,udp,tcp",
        .formats = "rtsp",
        .transport = is_udp && !is_tls ? "udp" : "tcp",
        .is_live = true,
        .skips_probe = true,
        .timeout_us = source->opts.connect_timeout_us,
    };
    enum om_status status = om_live_open(source, source->priv, &how, err);
    explicit_bzero(url, sizeof(url));
    return status;
}

static enum om_status rtsp_open(struct om_source *source, struct om_error *err)
{
    struct om_error own = {0};
    struct om_error *say = err ? err : &own;
    bool is_plain_tcp = !source->opts.rtsp_by_library &&
                        source->opts.rtsp_transport == OM_RTSP_TCP &&
                        strcmp(source->url->scheme, "rtsp") == 0;

    if (is_plain_tcp) {
        enum om_status status = open_own(source, say);
        if (status != OM_UNSUPPORTED)
            return status;
        om_log_debug(&rtsp_log, "%s; libavformat takes over", say->text);
        om_stream_info_finish(&source->info);
    }
    return open_av(source, say);
}

static enum om_status rtsp_read(struct om_source *source, struct om_packet **ret,
                                struct om_error *err)
{
    return om_live_read(source, source->priv, ret, err);
}

static void rtsp_close(struct om_source *source)
{
    om_live_close(source->priv);
}

const struct om_source_ops om_source_rtsp = {
    .kind = OM_SOURCE_RTSP,
    .priv_size = sizeof(struct om_live),
    .open = rtsp_open,
    .read = rtsp_read,
    .close = rtsp_close,
};
