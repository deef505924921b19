// What is packed comes out again, byte by byte, by a depacketiser written from the RFCs.

#include "bench/sim/rtp_pack.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/rand.h"

enum { UNITS = 5, UNIT_BYTES_MAX = 70000 };

static const size_t sizes[UNITS] = {24, 4, 1388, 1389, UNIT_BYTES_MAX};

struct unit {
    uint8_t bytes[UNIT_BYTES_MAX];
    size_t n;
};
static struct unit units[UNITS], unit_out;

static void make_unit(struct unit *unit, enum om_codec codec, size_t n, struct om_rand *rand)
{
    for (size_t i = 0; i < n; i++)
        unit->bytes[i] = (uint8_t)om_rand_u64(rand);
    unit->bytes[0] = codec == OM_CODEC_H264 ? 0x65 : 19 << 1;  // slices of key frames
    if (codec == OM_CODEC_HEVC)
        unit->bytes[1] = 0x01;
    unit->n = n;
}

// Adds a payload to unit_out; true when the unit is whole.
static bool unpack(enum om_codec codec, const uint8_t *p, size_t n)
{
    size_t head = codec == OM_CODEC_H264 ? 1 : 2;
    int type = codec == OM_CODEC_H264 ? p[0] & 0x1f : p[0] >> 1 & 0x3f;
    if (type != (codec == OM_CODEC_H264 ? 28 : 49)) {
        om_assert(unit_out.n == 0);
        memcpy(unit_out.bytes, p, n);
        unit_out.n = n;
        return true;
    }
    uint8_t fu = p[head];
    om_assert(!!(fu & 0x80) == (unit_out.n == 0));
    if (codec == OM_CODEC_H264 && fu & 0x80) {
        unit_out.bytes[unit_out.n++] = (uint8_t)((p[0] & 0xe0) | (fu & 0x1f));
    } else if (fu & 0x80) {
        unit_out.bytes[unit_out.n++] = (uint8_t)((p[0] & 0x81) | (fu & 0x3f) << 1);
        unit_out.bytes[unit_out.n++] = p[1];
    }
    om_assert(n > head + 1 && unit_out.n + n <= UNIT_BYTES_MAX + 8);
    memcpy(unit_out.bytes + unit_out.n, p + head + 1, n - head - 1);
    unit_out.n += n - head - 1;
    return fu & 0x40;
}

static void test_round_trip(enum om_codec codec, size_t packet_bytes)
{
    struct om_rand rand;
    om_rand_init(&rand, 7);
    om_auto_buf wire = {0};
    om_buf_init(&wire, 1 << 20);
    struct om_sim_packing how = {codec, packet_bytes};
    for (int i = 0; i < UNITS; i++) {
        make_unit(&units[i], codec, sizes[i], &rand);
        om_sim_pack(&how, (struct om_nal){units[i].bytes, units[i].n}, i == UNITS - 1, &wire);
    }
    om_assert(!wire.has_failed);
    struct om_sim_stamp stamp = {
        .channel = 6, .seq = 65530, .timestamp = 0x12345678, .ssrc = 0xabcdef01};
    uint8_t *p = (uint8_t *)wire.data;
    om_sim_stamp(&stamp, p, wire.len);

    uint16_t seq = 65530;
    int unit = 0;
    for (size_t at = 0; at < wire.len; at += om_sim_packet_bytes(p + at)) {
        static const uint8_t head[] = {0x12, 0x34, 0x56, 0x78, 0xab, 0xcd, 0xef, 0x01};
        const uint8_t *packet = p + at;
        size_t n = om_sim_packet_bytes(packet);
        om_assert(packet[0] == '$' && packet[1] == 6 && packet[4] == 0x80);
        om_assert(n - OM_SIM_FRAME_HEAD <= packet_bytes && at + n <= wire.len);
        om_assert((packet[6] << 8 | packet[7]) == seq);
        seq++;  // wraps
        om_assert(memcmp(packet + 8, head, sizeof(head)) == 0);
        om_assert(packet[5] == (OM_SIM_PAYLOAD_TYPE | (at + n == wire.len ? 0x80 : 0)));
        if (unpack(codec, packet + OM_SIM_PACKET_HEAD, n - OM_SIM_PACKET_HEAD)) {
            om_assert(unit_out.n == units[unit].n);
            om_assert(memcmp(unit_out.bytes, units[unit].bytes, unit_out.n) == 0);
            unit_out.n = 0;
            unit++;
        }
    }
    om_assert(unit == UNITS && unit_out.n == 0);
    om_assert(stamp.seq == seq);
}

int main(void)
{
    static const size_t packet_bytes[] = {64, 1400, 1452, 65535};
    for (size_t i = 0; i < OM_ARRAY_LEN(packet_bytes); i++) {
        test_round_trip(OM_CODEC_H264, packet_bytes[i]);
        test_round_trip(OM_CODEC_HEVC, packet_bytes[i]);
    }
    return 0;
}
