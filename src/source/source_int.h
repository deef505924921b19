// What a kind of source has to offer to source.c. A plug-in is one const struct, one file, one line
// in the list there.

#pragma once

#include "source/source.h"

struct om_media_clock;

struct om_source_ops {
    const char *name;
    size_t priv_size;
    // Opens `url` (as om_source_classify() let it pass). On failure *err is filled and close() is
    // called all the same. Fills source->info.
    bool (*open)(struct om_source *source, const char *url, struct om_error *err);
    // As om_source_read(), but pacing is done by the caller.
    enum om_status (*read)(struct om_source *source, struct om_packet **ret, struct om_error *err);
    // Back to the start, for loops; NULL when it cannot.
    bool (*rewind)(struct om_source *source);
    void (*close)(struct om_source *source);  // accepts a half-opened one
};

struct om_source {
    const struct om_source_ops *ops;
    enum om_source_kind kind;
    struct om_source_opts opts;
    struct om_cancel *cancel;
    struct om_stream_info info;
    bool loops;
    // Pacing: when the packet with that stamp is due.
    int64_t pace_base_us, pace_pts_us;
    void *priv;
};

extern const struct om_source_ops om_source_libav;   // files, RTSP, HTTP
extern const struct om_source_ops om_source_folder;  // pictures
extern const struct om_source_ops om_source_usb;     // V4L2
extern const struct om_source_ops om_source_test;    // the synthetic scene
