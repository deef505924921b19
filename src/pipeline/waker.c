#include "pipeline/waker.h"

#include "base/mem.h"
#include "base/thread.h"
#include "decode/packet_gate.h"
#include "media/packet.h"
#include "media/stream.h"

struct om_waker {
    struct om_packet_gate_opts opts;  // constant

    struct om_mutex lock;
    // Under `lock`; the gate's judge is only called by the reader.
    struct om_packet_gate *gate;  // NULL: everything passes
    struct om_waker_stats stats;
};

struct om_waker *om_waker_create(const struct om_packet_gate_opts *opts)
{
    struct om_waker *waker = om_new(struct om_waker);
    waker->opts = *opts;
    om_mutex_init(&waker->lock);
    return waker;
}

void om_waker_destroy(struct om_waker *waker)
{
    if (!waker)
        return;
    om_packet_gate_destroy(waker->gate);
    om_mutex_finish(&waker->lock);
    om_free(waker);
}

void om_waker_stream(struct om_waker *waker, const struct om_stream_info *info)
{
    bool is_judged = waker->opts.enabled && info->is_live;
    struct om_packet_gate *gate = is_judged ? om_packet_gate_create(info, &waker->opts) : NULL;
    om_with_lock(&waker->lock);
    om_packet_gate_destroy(waker->gate);
    waker->gate = gate;
    waker->stats.is_awake = true;  // the first packet is a key frame or has to wait for one
}

static enum om_mail_kind pass(struct om_waker *waker)
{
    enum om_mail_kind kind = waker->stats.is_awake ? OM_MAIL_PASS : OM_MAIL_WAKE;
    waker->stats.wakes += !waker->stats.is_awake;
    waker->stats.is_awake = true;
    waker->stats.full++;
    return kind;
}

static enum om_mail_kind sleep_on(struct om_waker *waker)
{
    bool was_awake = waker->stats.is_awake;
    waker->stats.is_awake = false;
    waker->stats.ignored++;
    return was_awake ? OM_MAIL_SLEEP : OM_MAIL_IGNORE;
}

enum om_mail_kind om_waker_judge(struct om_waker *waker, const struct om_packet *packet,
                                 bool group_is_kept)
{
    om_with_lock(&waker->lock);
    if (!waker->gate)
        return pass(waker);
    struct om_gate_judgement judgement = om_packet_gate_judge(waker->gate, packet);
    if (judgement.verdict == OM_GATE_FULL || !group_is_kept)
        return pass(waker);
    if (judgement.verdict == OM_GATE_IGNORE)
        return sleep_on(waker);
    waker->stats.keys++;
    waker->stats.is_awake = false;
    return OM_MAIL_KEY;
}

void om_waker_saw(struct om_waker *waker, int64_t pts_us, bool has_motion)
{
    om_with_lock(&waker->lock);
    if (waker->gate)
        om_packet_gate_saw(waker->gate, pts_us, has_motion);
}

void om_waker_hint(struct om_waker *waker, bool has_motion)
{
    om_with_lock(&waker->lock);
    if (waker->gate)
        om_packet_gate_hint(waker->gate, has_motion);
}

struct om_waker_stats om_waker_stats(struct om_waker *waker)
{
    om_with_lock(&waker->lock);
    return waker->stats;
}
