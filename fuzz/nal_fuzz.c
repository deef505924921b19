// Feeds: the NAL walker, the parameter set parsers (avcC, hvcC, Annex B) and the fMP4 muxer. First
// byte: codec, form and where the extradata ends; the rest is extradata, then one packet.
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/buf.h"
#include "media/packet.h"
#include "media/stream.h"
#include "record/fmp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keep(struct om_packet *packet)
{
    (void)packet;  // it lives on the stack
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct om_packet_ops ops = {keep};
    if (size < 2)
        return 0;
    size_t extra = OM_MIN((size_t)(data[0] >> 1), size - 1);
    struct om_stream_info info = {
        .codec = data[0] & 1 ? OM_CODEC_HEVC : OM_CODEC_H264,
        .extradata = (uint8_t *)(uintptr_t)(data + 1),
        .extradata_bytes = extra,
    };
    om_auto(om_fmp4) mux = om_fmp4_create(&info, true, NULL);
    if (!mux)
        return 0;
    struct om_packet packet;
    om_packet_init(&packet, &ops);
    packet.data = data + 1 + extra;
    packet.bytes = size - 1 - extra;
    packet.is_key = true;
    struct om_packet *packets[] = {&packet, &packet};
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    (void)om_fmp4_learn(mux, &packet);
    if (om_fmp4_init_segment(mux, &out) != OM_OK)
        return 0;
    om_assert(om_fmp4_codecs(mux)[0]);
    (void)!om_fmp4_fragment(mux, packets, 2, 1, OM_STR("{}"), &out);
    return 0;
}
