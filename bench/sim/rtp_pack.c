#include "bench/sim/rtp_pack.h"

#include "base/assert.h"
#include "base/buf.h"

enum { H264_FU_A = 28, HEVC_FU = 49, MARKER = 0x80, FU_START = 0x80, FU_END = 0x40 };

static void put_head(struct om_buf *out, size_t payload_bytes, bool has_marker)
{
    om_buf_append_u8(out, '$');
    om_buf_append_u8(out, 0);
    om_buf_append_u16be(out, (uint16_t)(OM_SIM_RTP_HEAD + payload_bytes));
    om_buf_append_u8(out, 0x80);  // version 2
    om_buf_append_u8(out, OM_SIM_PAYLOAD_TYPE | (has_marker ? MARKER : 0));
    om_buf_append_u16be(out, 0);  // the rest is stamped
    om_buf_append_u64be(out, 0);
}

// The bytes in front of each fragment; their last one also says where in the unit it lies.
static size_t fragment_head(enum om_codec codec, struct om_nal nal, uint8_t head[3])
{
    if (codec == OM_CODEC_H264) {
        head[0] = (uint8_t)((nal.p[0] & 0xe0) | H264_FU_A);
        head[1] = nal.p[0] & 0x1f;
        return 2;
    }
    head[0] = (uint8_t)((nal.p[0] & 0x81) | HEVC_FU << 1);
    head[1] = nal.p[1];
    head[2] = nal.p[0] >> 1 & 0x3f;
    return 3;
}

static void pack_fragments(const struct om_sim_packing *how, struct om_nal nal, bool is_last,
                           struct om_buf *out)
{
    uint8_t head[3];
    size_t head_bytes = fragment_head(how->codec, nal, head);
    size_t skip = how->codec == OM_CODEC_H264 ? 1 : 2;  // the unit's own header
    size_t room = how->packet_bytes - OM_SIM_RTP_HEAD - head_bytes;
    for (size_t at = skip; at < nal.n; at += room) {
        size_t n = OM_MIN(room, nal.n - at);
        bool is_end = at + n == nal.n;
        put_head(out, head_bytes + n, is_last && is_end);
        om_buf_append(out, head, head_bytes - 1);
        om_buf_append_u8(out, (uint8_t)(head[head_bytes - 1] | (at == skip ? FU_START : 0) |
                                        (is_end ? FU_END : 0)));
        om_buf_append(out, nal.p + at, n);
    }
}

void om_sim_pack(const struct om_sim_packing *how, struct om_nal nal, bool is_last,
                 struct om_buf *out)
{
    om_assert(how->packet_bytes >= 64 && how->packet_bytes <= UINT16_MAX);
    if (nal.n > how->packet_bytes - OM_SIM_RTP_HEAD) {
        pack_fragments(how, nal, is_last, out);
        return;
    }
    put_head(out, nal.n, is_last);
    om_buf_append(out, nal.p, nal.n);
}

static void put_u32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

void om_sim_stamp(struct om_sim_stamp *stamp, uint8_t *wire, size_t bytes)
{
    const uint8_t *end = wire + bytes;
    while (wire < end) {
        wire[1] = stamp->channel;
        wire[6] = (uint8_t)(stamp->seq >> 8);
        wire[7] = (uint8_t)stamp->seq;
        stamp->seq++;
        put_u32(wire + 8, stamp->timestamp);
        put_u32(wire + 12, stamp->ssrc);
        wire += om_sim_packet_bytes(wire);
    }
}
