#include "pipeline/waker.h"

#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "decode/packet_gate.h"
#include "media/packet.h"
#include "media/stream.h"
#include "pipeline/load.h"

enum {
    NAP_STEP_US = 500 * OM_MS,    // longest nap for each once that the gaps are stretched ...
    NAP_MAX_US = 2 * OM_SECOND,   // ... up to this
    NAP_AWAKE_US = OM_SECOND,     // who woke so lately does not nap
    NAP_GROUP_US = 2 * OM_SECOND  // shorter groups are not worth it
};

struct om_waker {
    struct om_packet_gate_opts opts;  // constant
    struct om_load *load;             // constant

    struct om_mutex lock;
    // Under `lock`; the gate's judge is only called by the reader.
    struct om_packet_gate *gate;  // NULL: everything passes
    bool has_place;
    bool has_given_up;
    bool is_napping;
    int64_t key_us, group_us;  // the last key frame; how far the one before it was, 0 = not known
    int64_t woke_us;           // the last wake
    struct om_waker_stats stats;
};

struct om_waker *om_waker_create(const struct om_packet_gate_opts *opts, struct om_load *load)
{
    struct om_waker *waker = om_new(struct om_waker);
    waker->opts = *opts;
    waker->load = load;
    om_mutex_init(&waker->lock);
    return waker;
}

static void give_place(struct om_waker *waker)
{
    if (waker->has_place)
        om_load_give_place(waker->load);
    waker->has_place = false;
}

void om_waker_destroy(struct om_waker *waker)
{
    if (!waker)
        return;
    give_place(waker);
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
    give_place(waker);
    waker->has_given_up = waker->is_napping = false;
    waker->key_us = waker->woke_us = OM_TIME_NONE;
    waker->group_us = 0;
    waker->stats.is_awake = true;  // the first packet is a key frame or has to wait for one
}

static enum om_mail_kind pass(struct om_waker *waker, const struct om_packet *packet)
{
    bool is_broken = waker->is_napping && !packet->is_key;
    enum om_mail_kind kind = waker->stats.is_awake && !is_broken ? OM_MAIL_PASS : OM_MAIL_WAKE;
    waker->is_napping = false;
    if (!waker->stats.is_awake) {
        waker->stats.wakes++;
        waker->woke_us = packet->dts_us;
    }
    waker->stats.is_awake = true;
    waker->stats.full++;
    return kind;
}

static enum om_mail_kind sleep_on(struct om_waker *waker)
{
    bool was_awake = waker->stats.is_awake;
    give_place(waker);
    waker->stats.is_awake = waker->is_napping = false;
    waker->stats.ignored++;
    return was_awake ? OM_MAIL_SLEEP : OM_MAIL_IGNORE;
}

static enum om_mail_kind look_at_key(struct om_waker *waker)
{
    give_place(waker);
    waker->stats.keys++;
    waker->stats.is_awake = waker->is_napping = false;
    return OM_MAIL_KEY;
}

// Too many are awake already. Of a stream that is new one picture is shown meanwhile.
static enum om_mail_kind put_off(struct om_waker *waker, const struct om_packet *packet,
                                 const struct om_gate_judgement *judgement)
{
    waker->stats.put_off++;
    if (packet->is_key && judgement->reason == OM_GATE_START && waker->stats.keys == 0)
        return look_at_key(waker);
    return sleep_on(waker);
}

static bool has_place(struct om_waker *waker, const struct om_gate_judgement *judgement)
{
    if (!waker->load || waker->has_place)
        return true;
    waker->has_place = om_load_take_place(waker->load, judgement->reason == OM_GATE_START);
    return waker->has_place;
}

static void note_key(struct om_waker *waker, const struct om_packet *packet)
{
    waker->group_us = waker->key_us == OM_TIME_NONE ? 0 : packet->dts_us - waker->key_us;
    waker->key_us = packet->dts_us;
}

// The last pictures of a group, so far from its end as the load asks for, are left out.
static bool is_group_nearly_over(const struct om_waker *waker, const struct om_packet *packet)
{
    if (!waker->load || packet->is_key || waker->group_us < NAP_GROUP_US)
        return false;
    double stretch = om_load_stretch(waker->load);
    int64_t nap_us = OM_MIN((int64_t)(NAP_STEP_US * (stretch - 1)), (int64_t)NAP_MAX_US);
    int64_t left_us = waker->key_us + waker->group_us - packet->dts_us;
    return left_us >= 0 && (waker->is_napping || left_us <= nap_us);
}

// Under load who is awake naps to the next key frame: nothing has to be decoded again for that, and
// what is known moves on by itself for a while. Who would wake waits for it.
static bool may_nap(const struct om_waker *waker, const struct om_packet *packet)
{
    bool has_just_woken = waker->woke_us != OM_TIME_NONE &&
                          packet->dts_us - waker->woke_us < NAP_AWAKE_US;
    return waker->stats.is_awake && !has_just_woken && is_group_nearly_over(waker, packet);
}

static enum om_mail_kind nap(struct om_waker *waker, const struct om_packet *packet,
                             const struct om_gate_judgement *judgement)
{
    waker->is_napping = true;
    waker->stats.put_off++;
    waker->stats.ignored++;
    // Nobody looks: it moves on as long as its packets say so.
    if (judgement->reason == OM_GATE_PACKETS)
        om_packet_gate_saw(waker->gate, packet->pts_us, true);
    return OM_MAIL_IGNORE;
}

enum om_mail_kind om_waker_judge(struct om_waker *waker, const struct om_packet *packet,
                                 bool group_is_kept)
{
    om_with_lock(&waker->lock);
    if (!waker->gate)
        return pass(waker, packet);
    struct om_gate_judgement judgement = om_packet_gate_judge(waker->gate, packet);
    if (!group_is_kept || judgement.reason == OM_GATE_UNJUDGED)
        return pass(waker, packet);
    if (waker->has_given_up && !packet->is_key)
        return sleep_on(waker);
    waker->has_given_up = false;
    if (packet->is_key)
        note_key(waker, packet);
    if (judgement.verdict == OM_GATE_FULL && may_nap(waker, packet))
        return nap(waker, packet, &judgement);
    bool can_wait = !waker->stats.is_awake && is_group_nearly_over(waker, packet);
    if (judgement.verdict == OM_GATE_FULL && !can_wait && has_place(waker, &judgement))
        return pass(waker, packet);
    if (judgement.verdict == OM_GATE_FULL)
        return put_off(waker, packet, &judgement);
    return judgement.verdict == OM_GATE_KEY ? look_at_key(waker) : sleep_on(waker);
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

void om_waker_give_up(struct om_waker *waker)
{
    om_with_lock(&waker->lock);
    waker->has_given_up = true;
}

struct om_waker_stats om_waker_stats(struct om_waker *waker)
{
    om_with_lock(&waker->lock);
    return waker->stats;
}
