// What the first bytes of a NAL unit say about the picture it belongs to. Pure, bounded.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/stream.h"

struct om_rtp_nal {
    bool is_slice;
    bool is_key;     // of a picture at which decoding can begin
    bool is_first;   // stands in front of all slices of its picture, or is the first of them
    bool is_second;  // a slice that is not the first of its picture
};

// `p` has the unit's header; as many of its bytes as are at hand are enough. All false when there
// are too few.
struct om_rtp_nal om_rtp_nal_look(enum om_codec codec, const uint8_t *p, size_t n);
