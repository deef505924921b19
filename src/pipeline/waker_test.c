#include "pipeline/waker.h"

#include "base/assert.h"
#include "base/time.h"
#include "decode/packet_gate.h"
#include "media/packet.h"
#include "media/stream.h"

enum { GROUP = 20 };

// Coded pictures of a quiet scene as far as their sizes go; what they say cannot be read, so the
// gate must let them pass whatever it is asked.
static enum om_mail_kind judge(struct om_waker *waker, int n, bool group_is_kept)
{
    static const uint8_t bytes[200] = {0, 0, 0, 1, 0x41};
    struct om_packet *packet = om_packet_copy(bytes, sizeof(bytes));
    packet->is_key = n % GROUP == 0;
    packet->pts_us = packet->dts_us = n * 200 * OM_MS;
    enum om_mail_kind kind = om_waker_judge(waker, packet, group_is_kept);
    om_packet_unref(&packet);
    return kind;
}

static void test_passes(bool is_enabled, const struct om_stream_info *info)
{
    struct om_packet_gate_opts opts;
    om_packet_gate_opts_default(&opts);
    opts.enabled = is_enabled;
    struct om_waker *waker = om_waker_create(&opts, NULL);
    om_waker_stream(waker, info);
    for (int n = 0; n < 400; n++) {
        om_assert(judge(waker, n, true) == OM_MAIL_PASS);
        om_waker_saw(waker, n * 200 * OM_MS, false);
    }
    struct om_waker_stats stats = om_waker_stats(waker);
    om_assert(stats.full == 400 && stats.ignored == 0 && stats.wakes == 0 && stats.is_awake);
    om_waker_destroy(waker);
}

int main(void)
{
    const struct om_stream_info jpeg = {.codec = OM_CODEC_MJPEG, .is_live = true};
    const struct om_stream_info file = {.codec = OM_CODEC_H264, .is_live = false};
    const struct om_stream_info unreadable = {.codec = OM_CODEC_H264, .is_live = true};
    test_passes(true, &jpeg);
    test_passes(true, &file);
    test_passes(true, &unreadable);
    test_passes(false, &unreadable);
    return 0;
}
