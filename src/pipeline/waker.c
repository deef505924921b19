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
    NAP_MAX_US = 2 * OM_SECOND,   // ... up to this, and to half of the group
    NAP_AWAKE_US = OM_SECOND,     // who woke so lately does not nap
    NAP_GROUP_US = 1500 * OM_MS,  // shorter groups are not worth it
    GROUP_OFF_US = 300 * OM_MS    // by how much groups of the same length may differ
};

enum state {
    ASLEEP,
    AWAKE,
    NAPPING  // to the next key frame, keeping its place
};

struct om_waker {
    struct om_packet_gate_opts opts;  // constant
    struct om_load *load;             // constant

    struct om_mutex lock;
    // Under `lock`; the gate's judge is only called by the reader.
    struct om_packet_gate *gate;  // NULL: everything passes
    enum state state;
    bool has_place;
    bool has_given_up;
    int64_t key_us;               // of the last key frame
    int64_t group_us, before_us;  // length of the last two groups; 0 = not known
    int64_t woke_us, shown_us;    // last wake; last key frame of one that is put off
    struct om_waker_stats stats;
};

struct om_waker *om_waker_create(const struct om_packet_gate_opts *opts, struct om_load *load)
{
    struct om_waker *waker = om_new(struct om_waker);
    waker->opts = *opts;
    waker->load = load;
    waker->key_us = waker->woke_us = waker->shown_us = OM_TIME_NONE;
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
    waker->has_given_up = false;
    waker->key_us = waker->woke_us = waker->shown_us = OM_TIME_NONE;
    waker->group_us = waker->before_us = 0;
    waker->state = AWAKE;  // the first packet is a key frame or has to wait for one
}

void om_waker_end(struct om_waker *waker)
{
    om_with_lock(&waker->lock);
    give_place(waker);
    waker->has_given_up = false;
    waker->state = ASLEEP;
}

static enum om_mail_kind pass(struct om_waker *waker, const struct om_packet *packet)
{
    enum state before = waker->state;
    waker->state = AWAKE;
    waker->stats.full++;
    if (before == AWAKE)
        return OM_MAIL_PASS;
    waker->stats.wakes += before == ASLEEP;
    if (before == ASLEEP || !packet->is_key)
        waker->woke_us = packet->dts_us;
    return OM_MAIL_WAKE;
}

static enum om_mail_kind leave_out(struct om_waker *waker, enum state state)
{
    enum om_mail_kind kind = waker->state == AWAKE ? OM_MAIL_SLEEP : OM_MAIL_IGNORE;
    waker->state = state;
    waker->stats.ignored++;
    return kind;
}

static enum om_mail_kind sleep_on(struct om_waker *waker)
{
    give_place(waker);
    return leave_out(waker, ASLEEP);
}

static enum om_mail_kind look_at_key(struct om_waker *waker)
{
    give_place(waker);
    waker->stats.keys++;
    waker->state = ASLEEP;
    return OM_MAIL_KEY;
}

// Its turn will come: the gate asks again while the packets give reason to. Meanwhile a key frame
// now and then, so that there is something to show.
static enum om_mail_kind put_off(struct om_waker *waker, const struct om_packet *packet)
{
    waker->stats.put_off++;
    om_packet_gate_put_off(waker->gate);
    if (!packet->is_key || (waker->shown_us != OM_TIME_NONE &&
                            packet->dts_us - waker->shown_us < waker->opts.key_gap_us))
        return sleep_on(waker);
    waker->shown_us = packet->dts_us;
    return look_at_key(waker);
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
    waker->has_given_up = false;
    waker->before_us = waker->group_us;
    waker->group_us = waker->key_us == OM_TIME_NONE ? 0 : packet->dts_us - waker->key_us;
    waker->key_us = packet->dts_us;
}

// The last pictures of a group, so far from its end as the load asks for, are left out; where
// groups are of different lengths nobody knows when they end.
static bool is_group_nearly_over(const struct om_waker *waker, const struct om_packet *packet)
{
    int64_t off_us = waker->group_us - waker->before_us;
    if (!waker->load || packet->is_key || waker->group_us < NAP_GROUP_US || off_us > GROUP_OFF_US ||
        off_us < -GROUP_OFF_US)
        return false;
    int64_t nap_us = (int64_t)(NAP_STEP_US * (om_load_stretch(waker->load) - 1));
    nap_us = OM_MIN(OM_MIN(nap_us, (int64_t)NAP_MAX_US), waker->group_us / 2);
    int64_t left_us = waker->key_us + waker->group_us - packet->dts_us;
    return left_us >= 0 && (waker->state == NAPPING || left_us <= nap_us);
}

// Under load who is awake naps to the next key frame: nothing has to be decoded again for that, and
// what is known moves on by itself for a while. Who would wake waits for it.
static bool may_nap(const struct om_waker *waker, const struct om_packet *packet)
{
    bool has_just_woken = waker->woke_us != OM_TIME_NONE &&
                          packet->dts_us - waker->woke_us < NAP_AWAKE_US;
    return waker->state != ASLEEP && !has_just_woken && is_group_nearly_over(waker, packet);
}

static enum om_mail_kind nap(struct om_waker *waker, const struct om_packet *packet)
{
    waker->stats.put_off++;
    om_packet_gate_pass_over(waker->gate, packet->pts_us);
    return leave_out(waker, NAPPING);
}

enum om_mail_kind om_waker_judge(struct om_waker *waker, const struct om_packet *packet,
                                 bool group_is_kept)
{
    om_with_lock(&waker->lock);
    if (!waker->gate)
        return pass(waker, packet);
    struct om_gate_judgement judgement = om_packet_gate_judge(waker->gate, packet);
    if (packet->is_key)
        note_key(waker, packet);
    bool is_full = judgement.verdict == OM_GATE_FULL;
    if (is_full && may_nap(waker, packet))
        return nap(waker, packet);
    if (!group_is_kept || judgement.reason == OM_GATE_UNJUDGED)
        return pass(waker, packet);
    if (waker->has_given_up)
        return sleep_on(waker);
    if (!is_full)
        return judgement.verdict == OM_GATE_KEY ? look_at_key(waker) : sleep_on(waker);
    bool can_wait = waker->state == ASLEEP && is_group_nearly_over(waker, packet);
    return !can_wait && has_place(waker, &judgement) ? pass(waker, packet) : put_off(waker, packet);
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

void om_waker_give_up(struct om_waker *waker, int64_t dts_us)
{
    om_with_lock(&waker->lock);
    bool is_of_this_group = waker->key_us == OM_TIME_NONE || dts_us >= waker->key_us;
    if (waker->state != ASLEEP && is_of_this_group)
        waker->has_given_up = true;
}

struct om_waker_stats om_waker_stats(struct om_waker *waker)
{
    om_with_lock(&waker->lock);
    struct om_waker_stats stats = waker->stats;
    stats.is_awake = waker->state != ASLEEP;
    return stats;
}
