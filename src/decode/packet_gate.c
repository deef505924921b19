// The signal: a picture that is predicted from the one before costs bits for what changed. Rate
// control moves the quantiser to hold the rate, and 6 steps of it halve the bits, so
// log2(bytes) + qp / 6 is what the picture cost at a fixed quality, whatever the bitrate mode. Its
// usual level and spread are kept for each kind of picture and its place behind a key frame; how
// many spreads a picture lies above the level is its surprise. One large surprise wakes, and so do
// small ones that add up (a CUSUM). A picture that is far too cheap counts too, for less: rate
// control turned the quantiser within it, which its header does not show.
//
// What was decoded teaches: levels are learned from pictures that were ignored, and while awake
// only from those in which the motion watch saw nothing.

#include "decode/packet_gate.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/opt.h"
#include "media/packet.h"
#include "media/param_sets.h"
#include "media/slice.h"

enum {
    PLACES = 16,  // behind a key frame, coarser and coarser
    SPANS = 4,    // of places: what comes right behind a key frame varies most
    AGES = 8,     // pictures since the quantiser got finer
    KINDS = 5,    // P and B, referred to or not; I that is no key frame
    QUANTISERS = 64,
    PENDING = 64,                // pictures whose pixels may still be reported
    HEAD_BYTES = 4096,           // a slice is looked for in these first
    LEVEL_OF = 60,               // samples a level is the mean of
    LEARN_MIN = 8,               // quiet pictures to know before the first sleep
    QUIET_MIN = 3,               // decoded pictures without motion that end a false alarm
    LAG_MAX_US = 3 * OM_SECOND,  // reports older than that are none
    PIXELS_PER_BYTE = 4096,      // of what a picture of nothing but skipped blocks takes, about
    HEADER_BYTES = 24,
    KNOWN_MIN = 8,                 // pictures to know a kind
    BLIND_GAP_US = 3 * OM_SECOND,  // between two key frames when packets show little
    KEY_STRANGERS_MAX = 3,
    FILLER_MIN = 8,
    FILLER_H264 = 12,  // types of units
    FILLER_HEVC = 38,
};

static const float SPREAD_START = 0.25F, SPREAD_MIN = 0.008F;
static const float STRAY_BYTES = 6;     // so much comes and goes in any picture
static const float OBJECT_BYTES = 100;  // what a small object adds at quantiser 26, 640x360
static const float SURPRISE_MAX = 6;    // one picture adds at most so much to the sum
static const float JUMP = 4.5F;         // a single surprise that wakes, at caution 1
static const float SUM_SLACK = 0.6F, SUM_MAX = 3.9F;
static const float CHEAP_SHARE = 0.6F, CHEAP_SLACK = 1;  // of what a picture is too cheap by
static const float DOUBT = 4;  // a spread that was seen n times may be 1 + DOUBT / n times as wide
static const float BLIND_SPREADS = 1.5F;
// Of key frames: 0.3 and 0.7 % of the bytes; with more than 0.4 % they show nothing either.
static const float KEY_SPREAD_MIN = 0.004F, KEY_SPREAD_START = 0.01F, KEY_SPREAD_MAX = 0.006F;
static const float KEY_UNUSUAL = 3;  // spreads
static const float KEY_PACE = 0.25F;
static const float UNUSUAL = 2.5F;  // keeps awake
static const float CAUTION_MIN = 0.6F, CAUTION_MAX = 4;

enum state { STARTING, ASLEEP, AWAKE };

// What is usual for one kind of picture: a level for each place behind the key frame (encoders
// spend more on the first ones), for each quantiser what the rule of six steps gets wrong, and for
// each age what is still being made up for since the quantiser got finer; and the spread around
// them.
struct usual {
    float level[PLACES], bias[QUANTISERS], late[AGES], spread[SPANS];
    uint8_t counts[PLACES], counts_qp[QUANTISERS], counts_age[AGES], counts_span[SPANS];
    int count;
    int64_t learned_us;
};

// Key frames of a quiet time cost the same within a hundredth: nothing in them is predicted from
// pictures of another quality.
struct usual_key {
    float level, spread;
    int strangers;  // in a row that were not like that
};

struct look {
    bool is_read;  // its slice header was
    bool is_key;
    uint8_t kind, place, age, qp;  // qp: an index
    float cost, floor;             // floor: of the spread
    float object;                  // what a small object would add to the cost
};

struct pending {
    int64_t pts_us;
    struct look look;
    bool is_used;
};

struct om_packet_gate {
    struct om_packet_gate_opts opts;
    enum om_codec codec;
    bool is_judged;    // a codec with slice headers
    int length_bytes;  // of NAL units, 0 for start codes
    struct om_mutex lock;
    // Under the lock.
    struct om_slice_params params;
    struct usual_key usual_key;
    struct usual usual[3 * KINDS];  // at the quantiser of the picture before, below it, above it
    struct pending pending[PENDING];
    unsigned pending_at;
    enum state state;
    bool has_epoch;
    uint32_t epoch;
    int place;       // pictures since the key frame
    uint8_t qp;      // of the last picture that was no key frame
    int age;         // pictures since that got finer
    bool is_blind;   // the packets would not show a small object
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
    {"hold", OM_OPT_TIME, FIELD(hold_us), 0, 3600e6, "600ms",
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

// Encoders at a constant bitrate end pictures with a filler unit (0xff..., 0x80). Eight bytes at a
// time: it may be most of the packet.
static size_t filler_bytes(enum om_codec codec, const uint8_t *data, size_t n)
{
    static const uint64_t ones = UINT64_MAX;
    if (n < FILLER_MIN || data[n - 1] != 0x80 || data[n - 2] != 0xff)
        return 0;
    size_t at = n - 1;
    while (at >= sizeof(ones) && memcmp(data + at - sizeof(ones), &ones, sizeof(ones)) == 0)
        at -= sizeof(ones);
    while (at > 0 && data[at - 1] == 0xff)
        at--;
    bool is_filler = codec == OM_CODEC_HEVC ? at >= 2 && data[at - 2] >> 1 == FILLER_HEVC
                                            : at >= 1 && (data[at - 1] & 31) == FILLER_H264;
    return is_filler ? n - at : 0;
}

static int kind_of(const struct om_slice_header *slice)
{
    if (slice->type == OM_SLICE_I)
        return 4;
    return (slice->type == OM_SLICE_B ? 2 : 0) + (slice->is_reference ? 1 : 0);
}

static uint8_t place_of(int pictures)
{
    static const uint8_t ends[PLACES - 1] = {1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 30, 45, 70, 120};
    uint8_t place = 0;
    while (place < PLACES - 1 && pictures > ends[place])
        place++;
    return place;
}

static int span_of(int place)
{
    return place < 4 ? 0 : place < 7 ? 1 : place < 9 ? 2 : 3;
}

static float pixels_of(const struct om_packet_gate *gate)
{
    const struct om_sps *sps = &gate->params.sps[0].sps;
    return (float)sps->width * (float)sps->height;
}

static float offset_bytes(const struct om_packet_gate *gate)
{
    return HEADER_BYTES + pixels_of(gate) / PIXELS_PER_BYTE;
}

static float object_bytes(const struct om_packet_gate *gate, int qp)
{
    return OBJECT_BYTES * pixels_of(gate) / (640 * 360) * exp2f((26 - (float)qp) / 6);
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
    bytes -= filler_bytes(gate->codec, nal.p, bytes);
    float total = (float)bytes + offset_bytes(gate);
    look.cost = log2f(total) + (float)slice.qp / 6;
    if (slice.type == OM_SLICE_I && packet->is_key)
        return look;
    look.floor = STRAY_BYTES / total;
    look.object = object_bytes(gate, slice.qp) / total;
    look.qp = (uint8_t)OM_CLAMP(slice.qp + 12, 0, QUANTISERS - 1);
    look.kind = (uint8_t)(kind_of(&slice) + (look.qp < gate->qp   ? KINDS
                                             : look.qp > gate->qp ? 2 * KINDS
                                                                  : 0));
    look.place = place_of(gate->place);
    gate->age = look.qp < gate->qp ? 0 : OM_MIN(gate->age + 1, AGES - 1);
    look.age = (uint8_t)gate->age;
    gate->qp = look.qp;
    return look;
}

// ---- what is usual -----------------------------------------------------------------------------

// The value of a place, or of the nearest one that is known.
static float nearest(const float *values, const uint8_t *counts, int n, int at)
{
    for (int apart = 0; apart < n; apart++) {
        if (at - apart >= 0 && counts[at - apart] > 0)
            return values[at - apart];
        if (at + apart < n && counts[at + apart] > 0)
            return values[at + apart];
    }
    return 0;
}

// A quantiser that hardly ever changes has no habits for when it does.
static const struct usual *usual_of(const struct om_packet_gate *gate, int kind)
{
    bool is_known = gate->usual[kind].count >= KNOWN_MIN || kind < KINDS;
    return &gate->usual[is_known ? kind : kind % KINDS];
}

static float spread_of(const struct usual *usual, const struct look *look)
{
    float spread = nearest(usual->spread, usual->counts_span, SPANS, span_of(look->place));
    return OM_MAX(spread > 0 ? spread : SPREAD_START, OM_MAX(look->floor, SPREAD_MIN));
}

static float surprise_of(const struct om_packet_gate *gate, const struct look *look)
{
    const struct usual *usual = usual_of(gate, look->kind);
    if (usual->count == 0)
        return 0;
    float expected = nearest(usual->level, usual->counts, PLACES, look->place) +
                     nearest(usual->bias, usual->counts_qp, QUANTISERS, look->qp) +
                     usual->late[look->age];
    float doubt = 1 + DOUBT / (float)(usual->counts_span[span_of(look->place)] + 1);
    return (look->cost - expected) / (doubt * spread_of(usual, look));
}

static float pace_of(uint8_t *count, float pace_min)
{
    *count = (uint8_t)OM_MIN(*count + 1, LEVEL_OF);
    return OM_MAX(pace_min, 1 / (float)*count);
}

// `pace_min`: share of the way that everything goes at least.
static void learn(struct om_packet_gate *gate, const struct look *look, float pace_min)
{
    struct usual *usual = &gate->usual[look->kind];
    int span = span_of(look->place);
    bool is_new = usual->counts[look->place] == 0;
    if (usual->counts_qp[look->qp] == 0)
        usual->bias[look->qp] = nearest(usual->bias, usual->counts_qp, QUANTISERS, look->qp);
    float cost = look->cost - usual->bias[look->qp] - usual->late[look->age];
    if (is_new)
        usual->level[look->place] = cost;
    float spread = spread_of(usual, look);
    float off = OM_CLAMP(cost - usual->level[look->place], -3 * spread, 3 * spread);
    usual->level[look->place] += off * pace_of(&usual->counts[look->place], pace_min);
    usual->late[look->age] += off / 2 * pace_of(&usual->counts_age[look->age], pace_min);
    usual->bias[look->qp] += off / 2 * pace_of(&usual->counts_qp[look->qp], pace_min);

    float share = (float)OM_CLAMP(gate->now_us - usual->learned_us, 0, OM_SECOND) /
                  (float)gate->opts.learn_us;
    float pace = OM_MAX(OM_MAX(pace_min, share), 1 / (float)(usual->counts_span[span] + 4));
    if (!is_new) {
        if (usual->counts_span[span] == 0)
            usual->spread[span] = spread;
        usual->spread[span] += pace * (1.25F * fabsf(off) - usual->spread[span]);
        usual->counts_span[span] = (uint8_t)OM_MIN(usual->counts_span[span] + 1, UINT8_MAX);
    }
    usual->count = OM_MIN(usual->count + 1, 1 << 20);
    usual->learned_us = gate->now_us;
    if (look->kind < KINDS)
        gate->is_blind = BLIND_SPREADS * spread_of(usual, look) > look->object;
}

// Whether this key frame is like those before. Three in a row that are not are the new habit.
static bool is_key_usual(struct om_packet_gate *gate, const struct look *look)
{
    struct usual_key *usual = &gate->usual_key;
    if (!look->is_read)
        return false;
    float off = look->cost - usual->level;
    if (usual->strangers == KEY_STRANGERS_MAX)
        *usual = (struct usual_key){look->cost, KEY_SPREAD_START, 0};
    else if (fabsf(off) > KEY_UNUSUAL * usual->spread)
        usual->strangers++;
    else {
        usual->strangers = 0;
        usual->level += KEY_PACE * off;
        usual->spread += KEY_PACE * (1.25F * fabsf(off) - usual->spread);
        usual->spread = OM_MAX(usual->spread, KEY_SPREAD_MIN);
    }
    return usual->strangers == 0 && usual->spread < KEY_SPREAD_MAX;
}

static void remember(struct om_packet_gate *gate, int64_t pts_us, const struct look *look)
{
    gate->pending[gate->pending_at++ % PENDING] = (struct pending){pts_us, *look,
                                                                   look->is_read && !look->is_key};
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
        gate->pending[i].is_used = false;
    for (int kind = 0; kind < 3 * KINDS; kind++)
        gate->usual[kind] = (struct usual){0};
    gate->usual_key.strangers = KEY_STRANGERS_MAX;
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
    if (usual_of(gate, look->kind)->count < 2)
        return true;  // a kind of picture that was not there before
    float strange = OM_MAX(surprise, CHEAP_SHARE * -surprise - CHEAP_SLACK);
    gate->sum = OM_MAX(0, gate->sum + OM_MIN(strange, SURPRISE_MAX) - SUM_SLACK);
    return strange > limit_of(gate, JUMP) || gate->sum > limit_of(gate, SUM_MAX);
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
        bool is_wanted = gate->is_blind && !is_key_usual(gate, look);
        int64_t gap_us = is_wanted ? OM_MIN(BLIND_GAP_US, gate->opts.key_gap_us)
                                   : gate->opts.key_gap_us;
        if (gate->now_us - gate->key_us < gap_us)
            return (struct om_gate_judgement){OM_GATE_IGNORE, OM_GATE_QUIET, 0};
        gate->key_us = gate->now_us;
        return (struct om_gate_judgement){OM_GATE_KEY, OM_GATE_SANITY, 0};
    }
    if (!look->is_read) {
        wake(gate, packet);
        return (struct om_gate_judgement){OM_GATE_FULL, OM_GATE_UNJUDGED, 0};
    }
    float surprise = surprise_of(gate, look);
    if (is_alarm(gate, look, surprise)) {
        wake(gate, packet);
        return (struct om_gate_judgement){OM_GATE_FULL, OM_GATE_PACKETS, surprise};
    }
    if (!packet->is_corrupt)
        learn(gate, look, 0);
    return (struct om_gate_judgement){OM_GATE_IGNORE, OM_GATE_QUIET, surprise};
}

static struct om_gate_judgement judge_awake(struct om_packet_gate *gate,
                                            const struct om_packet *packet, const struct look *look)
{
    float surprise = look->is_read && !look->is_key ? surprise_of(gate, look) : 0;
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
        if (!pending->is_used || pending->pts_us != pts_us)
            continue;
        // A false alarm is taught away within some pictures.
        learn(gate, &pending->look, gate->has_moved ? 0 : 0.2F);
        pending->is_used = false;
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

void om_packet_gate_pass_over(struct om_packet_gate *gate, int64_t pts_us)
{
    om_with_lock(&gate->lock);
    if (gate->state != AWAKE)
        return;
    gate->saw_us = OM_MAX(gate->saw_us, pts_us);
    gate->sign_us = OM_MAX(gate->sign_us, pts_us);
}

void om_packet_gate_put_off(struct om_packet_gate *gate)
{
    om_with_lock(&gate->lock);
    if (gate->state != AWAKE)
        return;
    gate->state = ASLEEP;
    gate->sum = limit_of(gate, SUM_MAX);  // or what goes on would be learned as usual meanwhile
    gate->key_us = gate->now_us;
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
