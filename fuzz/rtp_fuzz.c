// Feeds: a stream of RTP packets, each behind a length of two bytes, to the depacketisers of H.264
// and HEVC; and the bytes as RTCP. What comes out must be bounded, padded, and begin with a start
// code.
#include <string.h>

#include "base/assert.h"
#include "media/packet.h"
#include "source/rtp_depack.h"
#include "source/rtp_pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct om_packet *packet)
{
    static const uint8_t zeros[64];

    om_assert(packet->bytes > 4 && packet->bytes <= OM_RTP_PICTURE_MAX);
    om_assert(memcmp(packet->data, "\0\0\0\1", 4) == 0);
    om_assert(memcmp(packet->data + packet->bytes, zeros, sizeof(zeros)) == 0);
}

static void push_all(const uint8_t *data, size_t size, const struct om_rtp_depack_opts *opts)
{
    struct om_rtp_depack depack;
    struct om_rtp_picture picture;

    om_rtp_depack_init(&depack, opts);
    while (size > 2) {
        size_t n = OM_MIN((size_t)data[0] << 8 | data[1], size - 2);
        om_assert(om_rtp_depack_push(&depack, data + 2, n) == OM_OK);
        while (om_rtp_depack_take(&depack, &picture)) {
            check(picture.packet);
            om_packet_unref(&picture.packet);
        }
        data += 2 + n;
        size -= 2 + n;
    }
    om_rtp_depack_finish(&depack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_rtp_pool_stats stats;

    (void)om_rtcp_has_bye(data, size);
    if (size < 1)
        return 0;
    // The payload type is the first packet's, so that most inputs get further.
    uint8_t type = size > 4 ? data[4] & 0x7f : 0;
    push_all(data + 1, size - 1, &(struct om_rtp_depack_opts){OM_CODEC_H264, type, false});
    push_all(data + 1, size - 1, &(struct om_rtp_depack_opts){OM_CODEC_HEVC, type, data[0] & 1});
    om_rtp_pool_stats(&stats);
    om_assert(stats.out == 0);
    return 0;
}
