#include <string.h>

#include "source/av.h"
#include "source/live.h"

// MJPEG (multipart), HLS and plain streams over HTTP. A playlist may only lead to HTTP again:
// libavformat hands the allow-lists down to whatever it opens for it, and "file" is in none.

static const char
    formats[] = "mpjpeg,mjpeg,hls,applehttp,mpegts,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,"
                "flv,h264,hevc";

static enum om_status http_open(struct om_source *source, struct om_error *err)
{
    char url[4 * OM_URL_SIZE];
    bool is_tls = strcmp(source->url->scheme, "https") == 0;

    if (!om_url_write(source->url, url, sizeof(url)))
        return om_error_set(err, OM_INVALID, "%s: the URL is too long", source->safe);
    const struct om_av_how how = {
        .url = url,
        .safe = source->safe,
        .protocols = is_tls ? "https,tls,tcp,crypto" : "http,https,tls,tcp,crypto",
        .formats = formats,
        .is_live = true,
        .timeout_us = source->opts.connect_timeout_us + source->opts.first_key_timeout_us,
    };
    enum om_status status = om_live_open(source, source->priv, &how, err);
    explicit_bzero(url, sizeof(url));
    return status;
}

static enum om_status http_read(struct om_source *source, struct om_packet **ret,
                                struct om_error *err)
{
    return om_live_read(source, source->priv, ret, err);
}

static void http_close(struct om_source *source)
{
    om_live_close(source->priv);
}

const struct om_source_ops om_source_http = {
    .kind = OM_SOURCE_HTTP,
    .priv_size = sizeof(struct om_live),
    .open = http_open,
    .read = http_read,
    .close = http_close,
};
