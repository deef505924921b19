// RTSP requests (RFC 2326): what a client sent, cut into its parts. Nothing is copied.

#pragma once

#include "base/str.h"

enum { OM_SIM_REQUEST_BYTES_MAX = 16 * 1024 };

struct om_sim_request {
    om_str method, uri;
    om_str cseq, transport, authorization;  // empty when not sent
    size_t bytes;                           // of the whole request, its body included
};

enum om_sim_parsed {
    OM_SIM_REQUEST,      // *ret is filled
    OM_SIM_INTERLEAVED,  // a packet the client sent (RTCP): only ret->bytes is filled
    OM_SIM_MORE,         // not all of it is there yet
    OM_SIM_BAD,          // no RTSP, or longer than OM_SIM_REQUEST_BYTES_MAX
};
// Parses what stands at the front of `in`; the slices live as long as it does.
OM_MUST_USE enum om_sim_parsed om_sim_request_parse(om_str in, struct om_sim_request *ret);

// The number behind "/cam/" in the URI's path, -1 when there is none.
int om_sim_request_camera(om_str uri);
// "interleaved=A-B" of a Transport header, A in [0, 254]: A, or 0 when it is not said. -1 when RTP
// over TCP is not among what the client offers.
int om_sim_request_channel(om_str transport);
