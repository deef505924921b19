// Feeds: an Annex B packet of H.264 (first byte even) or H.265 (odd).
#include "base/assert.h"
#include "media/packet.h"
#include "source/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t out[1000];
    om_auto_ref(om_packet) packet = om_packet_copy(data + 1, size - 1);
    enum om_codec codec = data[0] & 1 ? OM_CODEC_HEVC : OM_CODEC_H264;
    om_assert(om_params_collect(codec, packet, out, sizeof(out)) <= sizeof(out));
    return 0;
}
