// Inside of source/: one file for each kind of source, and what they share.

#pragma once

#include "media/clock.h"
#include "source/source.h"
#include "source/url.h"

struct om_source {
    const struct om_source_ops *ops;
    void *priv;
    struct om_source_opts opts;
    struct om_cancel *cancel;  // borrowed, may be NULL
    struct om_stream_info info;
    struct om_media_clock clock;
    char *target;        // path, device, or text behind "test:"; NULL for URLs
    struct om_url *url;  // NULL for all others; no credentials once it is open
    char safe[OM_SOURCE_TEXT_SIZE];
    int64_t pace_from_us;  // files: monotone time of media time 0; OM_TIME_NONE at the start
};

// A kind of source. The framework makes and frees `priv` (zeroed); close() is called whenever
// open() was, also after it failed.
struct om_source_ops {
    enum om_source_kind kind;
    size_t priv_size;
    enum om_status (*open)(struct om_source *source, struct om_error *err);
    enum om_status (*read)(struct om_source *source, struct om_packet **ret, struct om_error *err);
    void (*close)(struct om_source *source);
};

extern const struct om_source_ops om_source_rtsp, om_source_http, om_source_usb, om_source_file,
    om_source_folder, om_source_test;

// Puts arrival, media-clock times and epoch on a packet nobody else has yet.
void om_source_stamp(struct om_source *source, struct om_packet *packet, int64_t pts_us,
                     int64_t dts_us);
// Files: waits until a packet with this time is due. OM_OK or OM_CANCELLED.
OM_MUST_USE enum om_status om_source_pace(struct om_source *source, int64_t dts_us);
