// The signal: a picture that is predicted from the one before costs bits for what changed. Rate
// control moves the quantiser to hold the rate, and 6 steps of it halve the bits, so
// log2(bytes) + qp / 6 is what the picture cost at a fixed quality, whatever the bitrate mode. Its
// usual level and spread are kept for each kind of picture and each place behind a key frame; how
// many spreads a picture lies above the level is its surprise. One large surprise wakes, and so do
// small ones that add up (a one-sided CUSUM).
//
// What was decoded teaches: levels are learned from pictures that were ignored, and while awake
// only from those in which the motion watch saw nothing.

#include "decode/packet_gate.h"

#include <math.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/opt.h"
#include "media/packet.h"
#include "media/param_sets.h"
#include "media/slice.h"

enum {
    PLACES = 4,                  // behind a key frame: first, second and third, early, late
    KINDS = 5,                   // P and B, referred to or not; I that is no key frame
    PENDING = 64,                // pictures whose pixels may still be reported
    HEAD_BYTES = 4096,           // a slice is looked for in these first
    LEARN_MIN = 8,               // quiet pictures to know before the first sleep
    QUIET_MIN = 3,               // decoded pictures without motion that end a false alarm
    LAG_MAX_US = 3 * OM_SECOND,  // reports older than that are none
    PIXELS_PER_BYTE = 4096,      // of what a picture of nothing but skipped blocks takes, about
    HEADER_BYTES = 24,
};

static const float SPREAD_MIN = 0.06F, SPREAD_START = 0.25F;
static const float SURPRISE_MAX = 6;  // one picture adds at most so much to the sum
static const float JUMP = 7;          // a single surprise that wakes, at caution 1
static const float SUM_SLACK = 0.8F, SUM_MAX = 7;
static const float UNUSUAL = 2.5F;  // keeps awake
static const float CAUTION_MIN = 0.6F, CAUTION_MAX = 4;

enum state { STARTING, ASLEEP, AWAKE };

// What is usual for one kind of picture in one place.
struct usual {
    float level, spread;
    int count;
    int64_t learned_us;
};

struct pending {
    int64_t pts_us;
    float cost;
    struct usual *usual;
};

struct om_packet_gate {
    struct om_packet_gate_opts opts;
    enum om_codec codec;
    bool is_judged;    // a codec with slice headers
    int length_bytes;  // of NAL units, 0 for start codes
    float offset_bytes;
    struct om_mutex lock;
    // Under the lock.
    struct om_slice_params params;
    struct usual usual[KINDS][PLACES];
    struct pending pending[PENDING];
    unsigned pending_at;
    enum state state;
    bool has_epoch;
    uint32_t epoch;
    int place;       // pictures since the key frame
    float sum;       // of surprises
    float caution;   // factor on both thresholds
    int learned;     // quiet pictures while starting
    int quiet;       // decoded pictures without motion since it woke
    bool has_moved;  // one with motion since it woke
    bool is_deaf;    // a sanity picture moved
    bool is_hinted;
    int64_t now_us;  // of the last packet
    int64_t woke_us, woke_pts_us;
    int64_t sign_us;  // last sign of motion while awake
    int64_t saw_us;   // pts of the last report
    int64_t key_us;   // last key frame that was decoded
};

#define FIELD(name) offsetof(struct om_packet_gate_opts, name)

static const struct om_opt gate_opts[] = {
    {"enabled", OM_OPT_BOOL, FIELD(enabled), 0, 0, "on",
     "look at packets before decoding them; off: decode everything", NULL, false},
    {"sensitivity", OM_OPT_RATIO, FIELD(sensitivity), 0.01, 1, "0.5",
     "how little above the usual wakes the decoder", NULL, false},
    {"hold", OM_OPT_TIME, FIELD(hold_us), 0, 3600e6, "1s",
     "keep decoding this long after the last sign of motion", NULL, false},
    {"key-gap", OM_OPT_TIME, FIELD(key_gap_us), 0, 86400e6, "20s",
     "in a quiet time decode a key frame at most this often", NULL, false},
    {"learn", OM_OPT_TIME, FIELD(learn_us), 1e6, 86400e6, "60s",
     "time constant of what is usual in the packets", NULL, false},
    {0},
};

const struct om_opt_group om_packet_gate_opt_group = {
    .prefix = "gate",
    .about = "the packet gate: which packets are worth the decoder's time",
    .size = sizeof(struct om_packet_gate_opts),
    .opts = gate_opts,
};

void om_packet_gate_opts_default(struct om_packet_gate_opts *ret)
{
    *ret = (struct om_packet_gate_opts){0};
    om_opt_defaults(&om_packet_gate_opt_group, ret);
}

// ---- what the packet is ------------------------------------------------------------------------

struct look {
    bool is_read;  // its slice header was
    bool is_key;
    struct usual *usual;
    float cost;
};

static bool find_slice(struct om_packet_gate *gate, const uint8_t *data, size_t n,
                       struct om_nal *ret)
{
    struct om_nal_reader reader;
    om_nal_reader_init(&reader, data, n, gate->length_bytes);
    while (om_nal_next(&reader, ret)) {
        enum om_nal_kind kind = om_nal_kind_of(gate->codec, *ret);
        if (kind == OM_NAL_PICTURE)
            return true;
        if (kind == OM_NAL_SPS || kind == OM_NAL_PPS)
            (void)om_slice_params_learn(&gate->params, *ret);  // then its slices cannot be read
    }
    return false;
}

static int kind_of(const struct om_slice_header *slice)
{
    if (slice->type == OM_SLICE_I)
        return 4;
    return (slice->type == OM_SLICE_B ? 2 : 0) + (slice->is_reference ? 1 : 0);
}

static int place_of(int pictures)
{
    return pictures <= 1 ? 0 : pictures <= 3 ? 1 : pictures <= 8 ? 2 : 3;
}

static struct look look_at(struct om_packet_gate *gate, const struct om_packet *packet)
{
    struct look look = {.is_key = packet->is_key};
    struct om_slice_header slice;
    struct om_nal nal;
    size_t head = gate->length_bytes || packet->is_key ? packet->bytes
                                                       : OM_MIN(packet->bytes, (size_t)HEAD_BYTES);
    if (!find_slice(gate, packet->data, head, &nal) &&
        (head == packet->bytes || !find_slice(gate, packet->data, packet->bytes, &nal)))
        return look;
    if (!om_slice_header_parse(&gate->params, nal, &slice))
        return look;
    look.is_read = true;
    size_t bytes = packet->bytes - (size_t)(nal.p - packet->data);
    look.cost = log2f((float)bytes + gate->offset_bytes) + (float)slice.qp / 6;
    look.usual = &gate->usual[kind_of(&slice)][place_of(gate->place)];
    return look;
}

// ---- what is usual -----------------------------------------------------------------------------

static float surprise_of(const struct look *look)
{
    const struct usual *usual = look->usual;
    if (usual->count == 0)
        return 0;
    return (look->cost - usual->level) / OM_MAX(usual->spread, SPREAD_MIN);
}

// `pace_min`: share of the way the level goes at least.
static void learn(const struct om_packet_gate *gate, struct usual *usual, float cost,
                  float pace_min)
{
    if (usual->count == 0) {
        *usual = (struct usual){cost, SPREAD_START, 1, gate->now_us};
        return;
    }
    float since = (float)(gate->now_us - usual->learned_us) / (float)gate->opts.learn_us;
    float pace = OM_CLAMP(since, 0, 0.5F);
    pace = OM_MAX(pace, OM_MAX(pace_min, 1 / (float)(usual->count + 1)));
    float spread = OM_MAX(usual->spread, SPREAD_MIN);
    float off = OM_CLAMP(cost - usual->level, -3 * spread, 3 * spread);
    usual->level += pace * off;
    usual->spread += pace * (1.25F * fabsf(off) - usual->spread);
    usual->count = OM_MIN(usual->count + 1, 1 << 20);
    usual->learned_us = gate->now_us;
}

static void remember(struct om_packet_gate *gate, int64_t pts_us, const struct look *look)
{
    gate->pending[gate->pending_at++ % PENDING] = (struct pending){
        pts_us, look->cost, look->is_read ? look->usual : NULL};
}

// ---- states ------------------------------------------------------------------------------------

static void start(struct om_packet_gate *gate)
{
    gate->state = STARTING;
    gate->caution = 1;
    gate->learned = 0;
    gate->place = 0;
    gate->sum = 0;
    gate->has_moved = gate->is_deaf = false;
    gate->quiet = 0;
    gate->saw_us = gate->sign_us = gate->key_us = OM_TIME_NONE;
    for (int i = 0; i < PENDING; i++)
        gate->pending[i].usual = NULL;
    for (int kind = 0; kind < KINDS; kind++) {
        for (int place = 0; place < PLACES; place++)
            gate->usual[kind][place].count = 0;
    }
}

static void wake(struct om_packet_gate *gate, const struct om_packet *packet)
{
    gate->state = AWAKE;
    gate->woke_us = gate->sign_us = packet->dts_us;
    gate->woke_pts_us = packet->pts_us;
    gate->quiet = 0;
    gate->has_moved = gate->is_deaf = false;
    gate->sum = 0;
}

static void sleep_again(struct om_packet_gate *gate)
{
    if (gate->state == AWAKE)
        gate->caution *= gate->has_moved ? 0.95F : 1.15F;
    gate->caution = OM_CLAMP(gate->caution, CAUTION_MIN, CAUTION_MAX);
    gate->state = ASLEEP;
    gate->sum = 0;
    gate->key_us = gate->now_us;
}

static float limit_of(const struct om_packet_gate *gate, float limit)
{
    return limit * gate->caution * (float)(1.5 - gate->opts.sensitivity);
}

// Whether what was decoded says that there is nothing (any more).
static bool is_over(const struct om_packet_gate *gate, float surprise)
{
    bool is_reported = gate->saw_us != OM_TIME_NONE && gate->now_us - gate->saw_us < LAG_MAX_US;
    if (!is_reported || gate->is_hinted)
        return false;
    if (gate->state == STARTING)
        return gate->learned >= LEARN_MIN && (gate->sign_us == OM_TIME_NONE ||
                                              gate->now_us - gate->sign_us >= gate->opts.hold_us);
    if (!gate->has_moved)
        return gate->quiet >= QUIET_MIN;
    int64_t still_us = gate->now_us - gate->sign_us;
    return still_us >= gate->opts.hold_us &&
           (surprise < UNUSUAL || still_us >= 3 * gate->opts.hold_us);
}

static bool is_alarm(struct om_packet_gate *gate, const struct look *look, float surprise)
{
    if (look->usual->count < 2)
        return true;  // a kind of picture that was not there before
    gate->sum = OM_MAX(0, gate->sum + OM_MIN(surprise, SURPRISE_MAX) - SUM_SLACK);
    return surprise > limit_of(gate, JUMP) || gate->sum > limit_of(gate, SUM_MAX);
}

static struct om_gate_judgement
judge_asleep(struct om_packet_gate *gate, const struct om_packet *packet, const struct look *look)
{
    if (gate->is_hinted) {
        wake(gate, packet);
        return (struct om_gate_judgement){OM_GATE_FULL, OM_GATE_HINT, 0};
    }
    if (gate->is_deaf) {
        gate->caution = OM_MAX(CAUTION_MIN, gate->caution * 0.7F);
        wake(gate, packet);
        gate->has_moved = true;
        return (struct om_gate_judgement){OM_GATE_FULL, OM_GATE_PIXELS, 0};
    }
    if (packet->is_key) {
        if (gate->now_us - gate->key_us < gate->opts.key_gap_us)
            return (struct om_gate_judgement){OM_GATE_IGNORE, OM_GATE_QUIET, 0};
        gate->key_us = gate->now_us;
        return (struct om_gate_judgement){OM_GATE_KEY, OM_GATE_SANITY, 0};
    }
    if (!look->is_read) {
        wake(gate, packet);
        return (struct om_gate_judgement){OM_GATE_FULL, OM_GATE_UNJUDGED, 0};
    }
    float surprise = surprise_of(look);
    if (is_alarm(gate, look, surprise)) {
        wake(gate, packet);
        return (struct om_gate_judgement){OM_GATE_FULL, OM_GATE_PACKETS, surprise};
    }
    if (!packet->is_corrupt)
        learn(gate, look->usual, look->cost, 0);
    return (struct om_gate_judgement){OM_GATE_IGNORE, OM_GATE_QUIET, surprise};
}

static struct om_gate_judgement judge_awake(struct om_packet_gate *gate,
                                            const struct om_packet *packet, const struct look *look)
{
    float surprise = look->is_read && !look->is_key ? surprise_of(look) : 0;
    if ((look->is_read || packet->is_key) && is_over(gate, surprise)) {
        sleep_again(gate);
        return judge_asleep(gate, packet, look);
    }
    enum om_gate_reason reason = gate->state == STARTING ? OM_GATE_START
                                 : gate->is_hinted       ? OM_GATE_HINT
                                 : !look->is_read        ? OM_GATE_UNJUDGED
                                 : surprise >= UNUSUAL   ? OM_GATE_PACKETS
                                                         : OM_GATE_PIXELS;
    return (struct om_gate_judgement){OM_GATE_FULL, reason, surprise};
}

// ---- from outside ------------------------------------------------------------------------------

// A container without parameter sets has them in its key frames.
static void load_sets(struct om_packet_gate *gate, const struct om_stream_info *info)
{
    struct om_param_sets sets;
    om_param_sets_init(&sets, gate->codec);
    om_slice_params_init(&gate->params, gate->codec);
    if (om_param_sets_load(&sets, info->extradata, info->extradata_bytes, &gate->length_bytes) !=
        OM_OK)
        gate->is_judged = false;
    for (int i = 0; i < sets.count; i++)
        (void)om_slice_params_learn(&gate->params,
                                    (struct om_nal){sets.items[i].data, sets.items[i].n});
    om_param_sets_finish(&sets);
}

struct om_packet_gate *om_packet_gate_create(const struct om_stream_info *info,
                                             const struct om_packet_gate_opts *opts)
{
    struct om_packet_gate *gate = om_new(struct om_packet_gate);
    gate->opts = *opts;
    gate->codec = info->codec;
    gate->is_judged = opts->enabled &&
                      (info->codec == OM_CODEC_H264 || info->codec == OM_CODEC_HEVC);
    float pixels = (float)info->width * (float)info->height;
    gate->offset_bytes = HEADER_BYTES + pixels / PIXELS_PER_BYTE;
    om_mutex_init(&gate->lock);
    if (gate->is_judged)
        load_sets(gate, info);
    start(gate);
    return gate;
}

void om_packet_gate_destroy(struct om_packet_gate *gate)
{
    if (!gate)
        return;
    om_mutex_finish(&gate->lock);
    om_free(gate);
}

struct om_gate_judgement om_packet_gate_judge(struct om_packet_gate *gate,
                                              const struct om_packet *packet)
{
    if (!gate->is_judged)
        return (struct om_gate_judgement){OM_GATE_FULL, OM_GATE_UNJUDGED, 0};
    om_with_lock(&gate->lock);
    if (gate->has_epoch && packet->epoch != gate->epoch)
        start(gate);
    gate->has_epoch = true;
    gate->epoch = packet->epoch;
    gate->now_us = packet->dts_us;
    gate->place = packet->is_key ? 0 : OM_MIN(gate->place + 1, 1 << 20);

    struct look look = look_at(gate, packet);
    struct om_gate_judgement judgement = gate->state == ASLEEP ? judge_asleep(gate, packet, &look)
                                                               : judge_awake(gate, packet, &look);
    if (judgement.verdict == OM_GATE_FULL && !packet->is_key)
        remember(gate, packet->pts_us, &look);
    return judgement;
}

static void learn_quiet(struct om_packet_gate *gate, int64_t pts_us)
{
    for (unsigned i = 0; i < PENDING; i++) {
        struct pending *pending = &gate->pending[i];
        if (!pending->usual || pending->pts_us != pts_us)
            continue;
        // A false alarm is taught away within some pictures.
        learn(gate, pending->usual, pending->cost, gate->has_moved ? 0 : 0.2F);
        pending->usual = NULL;
        gate->learned++;
    }
}

void om_packet_gate_saw(struct om_packet_gate *gate, int64_t pts_us, bool has_motion)
{
    if (!gate->is_judged)
        return;
    om_with_lock(&gate->lock);
    gate->saw_us = OM_MAX(gate->saw_us, pts_us);
    if (!has_motion) {
        learn_quiet(gate, pts_us);
        gate->quiet += gate->state == AWAKE && pts_us >= gate->woke_pts_us;
        return;
    }
    if (gate->state == ASLEEP) {
        gate->is_deaf |= pts_us >= gate->key_us;
        return;
    }
    gate->has_moved = true;
    gate->sign_us = OM_MAX(gate->sign_us, pts_us);
}

void om_packet_gate_hint(struct om_packet_gate *gate, bool has_motion)
{
    om_with_lock(&gate->lock);
    gate->is_hinted = has_motion;
    if (!has_motion && gate->state == AWAKE) {
        gate->has_moved = true;
        gate->sign_us = OM_MAX(gate->sign_us, gate->now_us);
    }
}
