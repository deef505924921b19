// Session descriptions (SDP, RFC 4566) as far as a viewer of one video track needs them: which
// track, what is in it, where its parameter sets are. Pure, bounded, patient with what cameras
// write.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "media/stream.h"

enum { OM_RTSP_PARAMS_MAX = 4096 };

struct om_rtsp_media {
    enum om_codec codec;  // OM_CODEC_H264 or OM_CODEC_HEVC
    uint8_t payload_type;
    int clock_rate;          // ticks of RTP time a second
    double fps;              // as declared, 0 when unknown
    bool has_order_numbers;  // see om_rtp_depack_opts
    om_str session_control;  // into the text; "" when not said
    om_str control;
    uint8_t params[OM_RTSP_PARAMS_MAX];  // parameter sets, Annex B
    size_t params_bytes;                 // 0 when they only come with the pictures
};

// The first video track. OM_UNSUPPORTED when it is something else than plain H.264 or HEVC, or
// encrypted; OM_INVALID when there is none.
OM_MUST_USE enum om_status om_rtsp_sdp_parse(om_str text, struct om_rtsp_media *ret);
