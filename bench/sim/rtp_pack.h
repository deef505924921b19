// Coded pictures to RTP packets (RFC 6184 mode 1, RFC 7798) in the framing of RTSP over TCP
// (RFC 2326, 10.12): '$', channel, length, then the packet. The packets of a picture lie one behind
// the other, ready for one send(); what differs between sessions is stamped into them in place.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "media/nal.h"

struct om_buf;

enum {
    OM_SIM_FRAME_HEAD = 4,
    OM_SIM_RTP_HEAD = 12,
    OM_SIM_PACKET_HEAD = OM_SIM_FRAME_HEAD + OM_SIM_RTP_HEAD,
    OM_SIM_PAYLOAD_TYPE = 96,
};

// Appends one NAL unit, in fragments where it is longer than `packet_bytes` (RTP header included)
// allow. `is_last`: of its picture; its last packet then has the marker. Failure sticks in `out`.
struct om_sim_packing {
    enum om_codec codec;  // H264 or HEVC
    size_t packet_bytes;  // 64 to 65535
};
void om_sim_pack(const struct om_sim_packing *how, struct om_nal nal, bool is_last,
                 struct om_buf *out);

// What one session writes into the packets it sends.
struct om_sim_stamp {
    uint8_t channel;
    uint16_t seq;  // of the next packet
    uint32_t timestamp, ssrc;
};
// Stamps all packets in `wire` (whole ones, as om_sim_pack() made them); stamp->seq moves on.
void om_sim_stamp(struct om_sim_stamp *stamp, uint8_t *wire, size_t bytes);
// Whole length of the packet at `wire`, with its framing.
static inline size_t om_sim_packet_bytes(const uint8_t *wire)
{
    return OM_SIM_FRAME_HEAD + ((size_t)wire[2] << 8 | wire[3]);
}
