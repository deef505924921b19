#include <string.h>

#include "source/av.h"
#include "source/live.h"

// RTSP and RTSPS through libavformat's demuxer: over TCP one connection for all, over UDP two ports
// more. Its session description is enough to begin, so nothing is probed.

static enum om_status rtsp_open(struct om_source *source, struct om_error *err)
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
