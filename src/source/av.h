// libavformat behind one door: every open names its protocols and formats, has a deadline, and can
// be cancelled. Nothing of what a user wrote becomes an option.
//
// Threads: belongs to the reader of one source.

#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "media/stream.h"

struct om_av;
struct om_cancel;
struct om_error;
struct om_packet;

struct om_av_how {
    const char *url;        // for libavformat; may hold credentials, never shown
    const char *safe;       // what errors call it
    const char *format;     // force this demuxer; NULL = probe among `formats`
    const char *protocols;  // allow-lists, comma-separated
    const char *formats;
    const char *transport;  // of RTSP: "tcp" or "udp"; NULL otherwise
    bool is_live;           // small probes
    bool skips_probe;       // the container says it all (RTSP); parameters come with the key frame
    int64_t timeout_us;
};

// What came with a packet, in the stream's own time; OM_TIME_NONE where missing.
struct om_av_times {
    int64_t pts_us, dts_us;
};

OM_MUST_USE struct om_av *om_av_open(const struct om_av_how *how, struct om_cancel *cancel,
                                     struct om_error *err);
// Ends the session and frees; accepts NULL.
void om_av_destroy(struct om_av *av);
OM_DEFINE_AUTO(om_av);

// Fills codec, size, rotation, fps, duration, extradata. `ret` must be zeroed or finished.
OM_MUST_USE enum om_status om_av_info(struct om_av *av, struct om_stream_info *ret,
                                      struct om_error *err);
// Puts the size that a key frame of H.264 or H.265 says into `info`; leaves it when it says none.
void om_av_size(const struct om_packet *key, struct om_stream_info *info);
// Period of the time stamps' counter; 0 when it does not wrap.
int64_t om_av_wrap_us(const struct om_av *av);
// The next packet of the video stream, without times on it. OM_END, OM_TIMEOUT after `timeout_us`
// without one, OM_CANCELLED, or the class of what broke.
OM_MUST_USE enum om_status om_av_read(struct om_av *av, int64_t timeout_us, struct om_packet **ret,
                                      struct om_av_times *ret_times, struct om_error *err);
