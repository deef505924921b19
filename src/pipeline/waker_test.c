#include "pipeline/waker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/time.h"
#include "decode/packet_gate.h"
#include "media/packet.h"
#include "media/stream.h"
#include "pipeline/load.h"
#include "source/source.h"

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

// ---- under load, on a real clip ----------------------------------------------------------------

enum { PACKETS_MAX = 400, CLIP_GROUP = 60 };

// A clip as a camera of 5 pictures a second on which something always moves.
struct rig {
    struct om_source *source;
    struct om_packet *packets[PACKETS_MAX];
    int count, at;
    struct om_load *load;
    struct om_waker *waker;
    int64_t now_us;
};

static bool open_rig(struct rig *rig)
{
    const char *shared = getenv("OMMA_SHARED");
    char path[512];
    struct om_error err;
    snprintf(path, sizeof(path), "%s/data/videos/car-detection.mp4", shared ? shared : "");
    struct om_source_opts opts = om_source_opts_default;
    opts.as_fast_as_possible = true;
    rig->source = shared && shared[0] ? om_source_open(path, &opts, NULL, &err) : NULL;
    if (!rig->source)
        return false;
    while (rig->count < PACKETS_MAX &&
           om_source_read(rig->source, &rig->packets[rig->count], &err) == OM_OK)
        rig->count++;
    rig->load = om_load_create(2);
    struct om_packet_gate_opts gate;
    om_packet_gate_opts_default(&gate);
    rig->waker = om_waker_create(&gate, rig->load);
    struct om_stream_info info = *om_source_info(rig->source);
    info.is_live = true;
    om_waker_stream(rig->waker, &info);
    return true;
}

static void close_rig(struct rig *rig)
{
    for (int i = 0; i < rig->count; i++)
        om_packet_unref(&rig->packets[i]);
    om_waker_destroy(rig->waker);
    om_load_destroy(rig->load);
    om_source_close(rig->source);
}

static enum om_mail_kind step(struct rig *rig, bool is_key)
{
    struct om_packet *packet = rig->packets[rig->at % rig->count];
    rig->now_us = (int64_t)rig->at++ * 200 * OM_MS;
    packet->pts_us = packet->dts_us = rig->now_us;
    packet->is_key = is_key;
    enum om_mail_kind kind = om_waker_judge(rig->waker, packet, true);
    if (kind == OM_MAIL_PASS || kind == OM_MAIL_WAKE)
        om_waker_saw(rig->waker, rig->now_us, true);
    return kind;
}

static void make_late(struct om_load *load, int64_t late_us, double stretch_min)
{
    int64_t now_us = OM_SECOND;
    for (int i = 0; i < 4000 && om_load_stretch(load) < stretch_min; i++)
        om_load_note(load, late_us, now_us += 25 * OM_MS);
    om_assert(om_load_stretch(load) >= stretch_min);
}

static int places_left(struct om_load *load)
{
    int places = 0;
    while (om_load_take_place(load, false))
        places++;
    for (int i = 0; i < places; i++)
        om_load_give_place(load);
    return places;
}

static void test_naps(struct rig *rig)
{
    int before = places_left(rig->load);
    for (int i = 0; i < 2 * CLIP_GROUP; i++)  // two groups without load: all is decoded
        om_assert(step(rig, rig->at % CLIP_GROUP == 0) == OM_MAIL_PASS);
    om_assert(places_left(rig->load) == before - 1);
    make_late(rig->load, OM_SECOND, 2.5);
    int naps = 0;
    for (int i = 0; i < CLIP_GROUP; i++) {
        enum om_mail_kind kind = step(rig, rig->at % CLIP_GROUP == 0);
        om_assert(kind == OM_MAIL_PASS || i > CLIP_GROUP / 2);
        om_assert(kind != OM_MAIL_SLEEP || naps == 0);
        naps += kind == OM_MAIL_SLEEP || kind == OM_MAIL_IGNORE;
    }
    om_assert(naps >= 3 && naps <= 10);
    // Its place is kept. The next group begins where it should.
    om_assert(places_left(rig->load) == before - 1);
    om_assert(step(rig, true) == OM_MAIL_WAKE && step(rig, false) == OM_MAIL_PASS);
    for (int i = 2; i < CLIP_GROUP; i++)
        (void)step(rig, false);
    // The one after it does not: what was left out is needed after all.
    om_assert(step(rig, false) == OM_MAIL_IGNORE);
    om_assert(step(rig, false) == OM_MAIL_WAKE);
    om_assert(step(rig, false) == OM_MAIL_PASS);
    // Two groups of different lengths: nobody knows when the next one ends.
    for (int i = 0; i < CLIP_GROUP; i++)
        om_assert(step(rig, i == 0) == OM_MAIL_PASS);
    om_assert(om_waker_stats(rig->waker).wakes == 0);  // naps are none
}

// Falling behind gives the place back; without one nobody wakes.
static void test_places(struct rig *rig)
{
    int before = places_left(rig->load), taken = 0;
    om_waker_give_up(rig->waker, rig->now_us - 60 * OM_SECOND);  // of another group: old news
    om_assert(step(rig, false) == OM_MAIL_PASS);
    om_waker_give_up(rig->waker, rig->now_us);
    om_assert(step(rig, false) == OM_MAIL_SLEEP && places_left(rig->load) == before + 1);
    om_assert(step(rig, false) == OM_MAIL_IGNORE);
    while (om_load_take_place(rig->load, false))
        taken++;
    om_assert(step(rig, true) == OM_MAIL_KEY);  // so that there is something to show
    om_assert(step(rig, false) == OM_MAIL_IGNORE && step(rig, true) == OM_MAIL_IGNORE);
    om_assert(om_waker_stats(rig->waker).put_off > 0 && !om_waker_stats(rig->waker).is_awake);
    for (; taken > 0; taken--)
        om_load_give_place(rig->load);
    om_assert(step(rig, true) == OM_MAIL_WAKE && places_left(rig->load) == before);
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

    static struct rig rig;
    if (!open_rig(&rig)) {
        printf("skipped: no ../shared\n");
        return 77;
    }
    test_naps(&rig);
    test_places(&rig);
    int places = places_left(rig.load);
    om_waker_end(rig.waker);
    om_assert(places_left(rig.load) == places + 1 && !om_waker_stats(rig.waker).is_awake);
    close_rig(&rig);
    return 0;
}
