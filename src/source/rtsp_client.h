// One RTSP session of our own: RTSP/1.0 with RTP interleaved in its TCP connection, one video track
// of H.264 or HEVC. What it cannot do it says (OM_UNSUPPORTED), and libavformat takes over.
//
//   connect -> OPTIONS -> DESCRIBE -> SETUP -> PLAY -> pictures ... -> TEARDOWN
//                 ^----- redirect -----'
//
// Threads: belongs to the reader of one source.

#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct om_cancel;
struct om_packet;
struct om_rtsp;
struct om_stream_info;
struct om_url;

struct om_rtsp_how {
    const struct om_url *url;  // copied; its credentials are kept until close, never shown
    const char *safe;          // what errors call it; borrowed until close
    struct om_cancel *cancel;  // borrowed until close, may be NULL
    int64_t timeout_us;        // for all up to the answer to PLAY
};

// NULL with *err (not NULL). On success fills codec, fps, extradata of `ret_info`, which must be
// zeroed or finished.
OM_MUST_USE struct om_rtsp *om_rtsp_open(const struct om_rtsp_how *how,
                                         struct om_stream_info *ret_info, struct om_error *err);
// Says good-bye without waiting for an answer; accepts NULL.
void om_rtsp_destroy(struct om_rtsp *rtsp);
OM_DEFINE_AUTO(om_rtsp);

// Period of the time stamps' counter.
int64_t om_rtsp_wrap_us(const struct om_rtsp *rtsp);
// The next picture, without times on it; *ret_pts_us counts from the first one, modulo the period.
// OM_TIMEOUT after `timeout_us` without one, OM_CANCELLED, OM_UNREACHABLE when the session ended.
OM_MUST_USE enum om_status om_rtsp_read(struct om_rtsp *rtsp, int64_t timeout_us,
                                        struct om_packet **ret, int64_t *ret_pts_us,
                                        struct om_error *err);
