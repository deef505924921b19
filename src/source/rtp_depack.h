// RTP packets of one H.264 or HEVC stream in, whole pictures (access units, Annex B) out.
// RFC 6184: single units, STAP-A, FU-A (and the B forms' numbers are stepped over). RFC 7798:
// single units, AP, FU.
//
// A picture ends at the marker bit, or where the next one begins: another time stamp, or a unit
// that can only stand at a picture's beginning. Cameras that set the marker on every packet are
// found out, and then only the beginning of the next picture counts. Lost packets make the picture
// that misses them corrupt.
//
// Pure: no sockets, no clock. Bounded: a picture has at most OM_RTP_PICTURE_MAX bytes. Threads:
// belongs to one reader.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "media/stream.h"

struct om_packet;

struct om_rtp_head {
    uint8_t payload_type;
    bool has_marker;
    uint16_t seq;
    uint32_t time, ssrc;
    const uint8_t *payload;  // into the packet
    size_t payload_bytes;
};

// False when these bytes are no RTP packet of version 2 with its lengths in order.
OM_MUST_USE bool om_rtp_parse(const uint8_t *data, size_t n, struct om_rtp_head *ret);
// Whether an RTCP packet says good-bye.
bool om_rtcp_has_bye(const uint8_t *data, size_t n);

struct om_rtp_depack_opts {
    enum om_codec codec;  // OM_CODEC_H264 or OM_CODEC_HEVC
    uint8_t payload_type;
    bool has_order_numbers;  // HEVC: DONL fields are there (sprop-max-don-diff > 0)
};

struct om_rtp_picture {
    struct om_packet *packet;  // NULL: none
    uint32_t time;             // RTP time stamp
};

struct om_rtp_depack {
    struct om_rtp_depack_opts opts;
    uint32_t ssrc;
    uint16_t seq_next;
    bool has_seq;
    bool does_marker_lie;  // set in the middle of pictures
    bool has_ended;        // the marker ended a picture with the time stamp `ended_time`
    uint32_t ended_time;
    bool is_loss_pending;  // what was lost belongs to the next picture
    bool is_in_fragments;  // the last unit of the picture goes on
    bool has_slice;        // the picture in work has one
    struct om_rtp_picture work;
    struct om_rtp_picture ready[2];  // oldest first
    uint64_t lost, dropped;          // packets: missing numbers; malformed or not of this stream
};

void om_rtp_depack_init(struct om_rtp_depack *depack, const struct om_rtp_depack_opts *opts);
void om_rtp_depack_finish(struct om_rtp_depack *depack);
// One RTP packet; copied. Take all pictures before the next one. What is malformed is dropped and
// makes the picture corrupt. OM_LIMIT: a picture is too large; OM_NO_MEMORY. After both the picture
// is gone, and the next packets are as good as ever.
OM_MUST_USE enum om_status om_rtp_depack_push(struct om_rtp_depack *depack, const uint8_t *data,
                                              size_t n);
// Moves the oldest whole picture out: bytes, is_key and is_corrupt are set. False when there is
// none.
bool om_rtp_depack_take(struct om_rtp_depack *depack, struct om_rtp_picture *ret);
// The stream is over, or was broken here: gives up what is unfinished.
void om_rtp_depack_break(struct om_rtp_depack *depack);
