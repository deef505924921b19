// Reels: clips made ready for sending. A clip is read and cut into RTP packets once; a timeline is
// the order in which a camera sends the pictures of one clip, or of an active and a quiet one.
//
// Time is in ticks of RTP's clock for video, 90 kHz, from the start of the clip or timeline.
// Threads: belongs to one; sessions stamp their numbers into the shared packets before each send.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "media/stream.h"

enum { OM_SIM_TICKS = 90000 };  // a second

struct om_sim_picture {
    size_t at;  // in the reel's wire bytes
    size_t bytes;
    int64_t dts, pts;  // the first picture has 0 and 0; later pts are later or earlier than dts
    bool is_key;
};

struct om_sim_reel {
    const char *path;  // borrowed
    enum om_codec codec;
    int width, height;
    struct om_buf wire;
    struct om_sim_picture *pictures;
    int count, cap;
    int64_t period, interval;
    struct om_buf fmtp;  // parameters of SDP's a=fmtp line
};

// Reads the whole clip. It begins at the first key frame; each key frame gets the parameter sets in
// front of it.
OM_MUST_USE struct om_sim_reel *om_sim_reel_load(const char *path, size_t packet_bytes,
                                                 struct om_error *err);
void om_sim_reel_destroy(struct om_sim_reel *reel);  // accepts NULL
