#include "bench/sim/reel.h"

#include <libavformat/avformat.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"
#include "bench/sim/rtp_pack.h"
#include "media/param_sets.h"

enum { PICTURES_MAX = 4 << 20 };

static const size_t WIRE_BYTES_MAX = (size_t)4 << 30;

// What is needed while a clip is read.
struct reading {
    struct om_sim_reel *reel;
    AVFormatContext *av;
    AVStream *stream;
    struct om_param_sets sets;
    int length_bytes;
    struct om_sim_packing packing;
    int64_t last_dts;
};

static bool fail_av(const struct reading *r, int code, struct om_error *err)
{
    char text[128];
    (void)av_strerror(code, text, sizeof(text));
    om_error_set(err, code == AVERROR(ENOENT) ? OM_NOT_FOUND : OM_INVALID, "reel %s: %s",
                 r->reel->path, text);
    om_error_hint(err, "a reel is a file with H.264 or H.265 video");
    return false;
}

static bool choose_codec(struct reading *r, struct om_error *err)
{
    enum AVCodecID id = r->stream->codecpar->codec_id;
    r->reel->codec = id == AV_CODEC_ID_H264   ? OM_CODEC_H264
                     : id == AV_CODEC_ID_HEVC ? OM_CODEC_HEVC
                                              : OM_CODEC_NONE;
    if (r->reel->codec != OM_CODEC_NONE)
        return true;
    om_error_set(err, OM_UNSUPPORTED, "reel %s: its video is neither H.264 nor H.265",
                 r->reel->path);
    om_error_hint(err, "convert it: ffmpeg -i %s -an -c:v libx264 -bf 0 reel.mp4", r->reel->path);
    return false;
}

static bool open_clip(struct reading *r, struct om_error *err)
{
    AVDictionary *options = NULL;
    (void)av_dict_set(&options, "protocol_whitelist", "file,pipe", 0);
    int code = avformat_open_input(&r->av, r->reel->path, NULL, &options);
    av_dict_free(&options);
    if (code >= 0)
        code = avformat_find_stream_info(r->av, NULL);
    if (code >= 0)
        code = av_find_best_stream(r->av, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (code < 0)
        return fail_av(r, code, err);
    r->stream = r->av->streams[code];
    if (!choose_codec(r, err))
        return false;
    r->reel->width = r->stream->codecpar->width;
    r->reel->height = r->stream->codecpar->height;
    r->packing.codec = r->reel->codec;
    om_param_sets_init(&r->sets, r->reel->codec);
    // Where the container's sets are damaged, those of the key frames have to do.
    const AVCodecParameters *par = r->stream->codecpar;
    if (par->extradata_size > 0)
        (void)!om_param_sets_load(&r->sets, par->extradata, (size_t)par->extradata_size,
                                  &r->length_bytes);
    return true;
}

// ---- packets -----------------------------------------------------------------------------------

static bool is_delimiter(enum om_codec codec, struct om_nal nal)
{
    return codec == OM_CODEC_H264 ? (nal.p[0] & 0x1f) == 9 : (nal.p[0] >> 1 & 0x3f) == 35;
}

static bool is_wanted(const struct reading *r, struct om_nal nal)
{
    enum om_nal_kind kind = om_nal_kind_of(r->reel->codec, nal);
    bool is_set = kind == OM_NAL_VPS || kind == OM_NAL_SPS || kind == OM_NAL_PPS;
    // Known sets are put in front of the key frame anyway.
    return !is_delimiter(r->reel->codec, nal) && !(is_set && om_param_sets_has(&r->sets, nal)) &&
           nal.n >= (r->reel->codec == OM_CODEC_HEVC ? 3 : 2);
}

static void pack_sets(struct reading *r)
{
    static const enum om_nal_kind order[] = {OM_NAL_VPS, OM_NAL_SPS, OM_NAL_PPS};
    for (size_t k = 0; k < OM_ARRAY_LEN(order); k++) {
        for (int i = 0; i < r->sets.count; i++) {
            const struct om_param_set *set = &r->sets.items[i];
            if (set->kind == order[k])
                om_sim_pack(&r->packing, (struct om_nal){set->data, set->n}, false, &r->reel->wire);
        }
    }
}

// The marker goes to the last unit, so each is packed when the next one is known.
static void pack_picture(struct reading *r, const AVPacket *av, bool is_key)
{
    if (is_key)
        pack_sets(r);
    struct om_nal_reader units;
    om_nal_reader_init(&units, av->data, (size_t)av->size, r->length_bytes);
    struct om_nal nal, held = {0};
    while (om_nal_next(&units, &nal)) {
        if (!is_wanted(r, nal))
            continue;
        if (held.n)
            om_sim_pack(&r->packing, held, false, &r->reel->wire);
        held = nal;
    }
    if (held.n)
        om_sim_pack(&r->packing, held, true, &r->reel->wire);
}

static int64_t ticks_of(const struct reading *r, int64_t time)
{
    return av_rescale_q(time, r->stream->time_base, (AVRational){1, OM_SIM_TICKS});
}

// Raw streams have no times: then one picture follows the other at the declared rate.
static void times_of(struct reading *r, const AVPacket *av, int64_t *dts, int64_t *pts)
{
    AVRational rate = r->stream->avg_frame_rate.num ? r->stream->avg_frame_rate
                                                    : r->stream->r_frame_rate;
    int64_t step = rate.num > 0 ? av_rescale(OM_SIM_TICKS, rate.den, rate.num) : OM_SIM_TICKS / 25;
    bool has_dts = av->dts != AV_NOPTS_VALUE;
    *dts = has_dts ? ticks_of(r, av->dts) : r->last_dts == INT64_MIN ? 0 : r->last_dts + step;
    if (r->last_dts != INT64_MIN && *dts <= r->last_dts)
        *dts = r->last_dts + 1;
    *pts = has_dts && av->pts != AV_NOPTS_VALUE ? ticks_of(r, av->pts) : *dts;
    r->last_dts = *dts;
}

static bool add_picture(struct reading *r, const AVPacket *av, struct om_error *err)
{
    struct om_sim_reel *reel = r->reel;
    bool is_key = (av->flags & AV_PKT_FLAG_KEY) != 0;
    if (is_key)
        (void)om_param_sets_learn(&r->sets, av->data, (size_t)av->size, r->length_bytes);
    int64_t dts, pts;
    times_of(r, av, &dts, &pts);
    if ((reel->count == 0 && !is_key) || !om_param_sets_is_complete(&r->sets))
        return true;
    size_t at = reel->wire.len;
    pack_picture(r, av, is_key);
    if (reel->wire.has_failed || reel->count == PICTURES_MAX) {
        om_error_set(err, OM_LIMIT, "reel %s is too long", reel->path);
        om_error_hint(err, "cut it: ffmpeg -i IN -t 600 -c copy OUT");
        return false;
    }
    if (reel->wire.len == at)
        return true;  // nothing that is sent
    if (reel->count == reel->cap) {
        reel->cap = OM_MAX(256, reel->cap * 2);
        reel->pictures = om_realloc(reel->pictures, (size_t)reel->cap, sizeof(*reel->pictures));
    }
    reel->pictures[reel->count++] = (struct om_sim_picture){at, reel->wire.len - at, dts, pts,
                                                            is_key};
    return true;
}

static bool read_pictures(struct reading *r, struct om_error *err)
{
    AVPacket *av = av_packet_alloc();
    om_assert(av);
    bool is_good = true;
    r->last_dts = INT64_MIN;
    while (is_good && av_read_frame(r->av, av) >= 0) {
        if (av->stream_index == r->stream->index && av->size > 0)
            is_good = add_picture(r, av, err);
        av_packet_unref(av);
    }
    av_packet_free(&av);
    if (is_good && r->reel->count == 0) {
        om_error_set(err, OM_INVALID, "reel %s has no key frame with its parameter sets",
                     r->reel->path);
        om_error_hint(err, "does 'ffprobe %s' read it?", r->reel->path);
        return false;
    }
    return is_good;
}

// Times from the first picture on. What B pictures put between the times of decoding and showing
// goes too: a key frame was taken when it is sent.
static void set_times(struct reading *r)
{
    struct om_sim_reel *reel = r->reel;
    int64_t dts = reel->pictures[0].dts, pts = reel->pictures[0].pts;
    for (int i = 0; i < reel->count; i++) {
        reel->pictures[i].dts -= dts;
        reel->pictures[i].pts -= pts;
    }
    int64_t last = reel->pictures[reel->count - 1].dts;
    AVRational rate = r->stream->avg_frame_rate;
    reel->interval = reel->count > 1 ? last / (reel->count - 1)
                     : rate.num > 0  ? av_rescale(OM_SIM_TICKS, rate.den, rate.num)
                                     : OM_SIM_TICKS / 25;
    reel->interval = OM_MAX(reel->interval, 1);
    reel->period = last + reel->interval;
}

// ---- what SDP says -----------------------------------------------------------------------------

static void append_base64(struct om_buf *out, const uint8_t *data, size_t n)
{
    char *to = om_buf_reserve(out, (n + 2) / 3 * 4 + 1);
    if (to)
        om_buf_add_len(out, (size_t)EVP_EncodeBlock((unsigned char *)to, data, (int)n));
}

static void append_sets(struct reading *r, enum om_nal_kind kind, const char *name)
{
    struct om_buf *out = &r->reel->fmtp;
    bool is_first = true;
    for (int i = 0; i < r->sets.count; i++) {
        const struct om_param_set *set = &r->sets.items[i];
        if (set->kind != kind)
            continue;
        om_buf_append_text(out, is_first ? name : ",");
        append_base64(out, set->data, set->n);
        is_first = false;
    }
}

static void write_fmtp(struct reading *r)
{
    struct om_buf *out = &r->reel->fmtp;
    const struct om_sps *sps = &r->sets.sps;
    if (r->reel->codec == OM_CODEC_H264) {
        om_buf_printf(out, "packetization-mode=1;profile-level-id=%02X%02X%02X", sps->profile,
                      sps->compatibility, sps->level);
        append_sets(r, OM_NAL_SPS, ";sprop-parameter-sets=");
        append_sets(r, OM_NAL_PPS, ",");
        return;
    }
    append_sets(r, OM_NAL_VPS, "sprop-vps=");
    append_sets(r, OM_NAL_SPS, ";sprop-sps=");
    append_sets(r, OM_NAL_PPS, ";sprop-pps=");
}

struct om_sim_reel *om_sim_reel_load(const char *path, size_t packet_bytes, struct om_error *err)
{
    struct om_sim_reel *reel = om_new(struct om_sim_reel);
    reel->path = path;
    om_buf_init(&reel->wire, WIRE_BYTES_MAX);
    om_buf_init(&reel->fmtp, OM_EXTRADATA_MAX);
    struct reading r = {.reel = reel, .packing.packet_bytes = packet_bytes};
    bool is_good = open_clip(&r, err) && read_pictures(&r, err);
    if (is_good) {
        set_times(&r);
        write_fmtp(&r);
    }
    om_param_sets_finish(&r.sets);
    avformat_close_input(&r.av);
    if (is_good)
        return reel;
    om_sim_reel_destroy(reel);
    return NULL;
}

void om_sim_reel_destroy(struct om_sim_reel *reel)
{
    if (!reel)
        return;
    om_buf_finish(&reel->wire);
    om_buf_finish(&reel->fmtp);
    om_free(reel->pictures);
    om_free(reel);
}
