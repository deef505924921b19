// Feeds: the parameter sets and slice headers as slice.c reads them, and the packet gate with them.
// First byte: codec, form of the units and where the parameter sets end; the rest is extradata,
// then packets of 64 bytes each.
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/time.h"
#include "decode/packet_gate.h"
#include "media/packet.h"
#include "media/slice.h"
#include "media/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKET = 64 };

static void keep(struct om_packet *packet)
{
    (void)packet;  // it lives on the stack
}

static void parse(enum om_codec codec, const uint8_t *data, size_t size)
{
    static struct om_slice_params params;
    om_slice_params_init(&params, codec);
    struct om_nal_reader reader;
    struct om_nal nal;
    om_nal_reader_init(&reader, data, size, 0);
    while (om_nal_next(&reader, &nal)) {
        struct om_slice_header header = {.qp = 0};
        (void)om_slice_params_learn(&params, nal);
        if (om_slice_header_parse(&params, nal, &header))
            om_assert(header.qp >= -48 && header.qp <= 51);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct om_packet_ops ops = {keep};
    if (size < 2)
        return 0;
    enum om_codec codec = data[0] & 1 ? OM_CODEC_HEVC : OM_CODEC_H264;
    size_t extra = OM_MIN((size_t)(data[0] >> 1), size - 1);
    parse(codec, data + 1, size - 1);

    struct om_stream_info info = {
        .codec = codec,
        .extradata = (uint8_t *)(uintptr_t)(data + 1),
        .extradata_bytes = extra,
    };
    struct om_packet_gate_opts opts;
    om_packet_gate_opts_default(&opts);
    om_auto(om_packet_gate) gate = om_packet_gate_create(&info, &opts);
    const uint8_t *at = data + 1 + extra, *end = data + size;
    for (int i = 0; at < end; i++) {
        struct om_packet packet;
        om_packet_init(&packet, &ops);
        packet.data = at;
        packet.bytes = OM_MIN((size_t)(end - at), (size_t)PACKET);
        packet.pts_us = packet.dts_us = i * (int64_t)(OM_SECOND / 5);
        packet.is_key = i % 8 == 0;
        at += packet.bytes;
        if (om_packet_gate_judge(gate, &packet).verdict != OM_GATE_IGNORE)
            om_packet_gate_saw(gate, packet.pts_us, i % 5 == 0);
    }
    return 0;
}
