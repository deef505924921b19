#include "source/av.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/opt.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "source/packets.h"

enum {
    LIVE_PROBE_BYTES = 512 * 1024,
    LIVE_PROBE_US = 1 * OM_SECOND,
    READ_ERRORS_MAX = 64,    // in a row, before a damaged file counts as over
    CLOSE_US = 500 * OM_MS,  // for a TEARDOWN to go out
    STATUS_TOO_MANY = 453,
};

struct om_av {
    AVFormatContext *ctx;
    AVPacket *packet;
    AVStream *video;
    struct om_packets *packets;
    struct om_cancel *cancel;  // borrowed
    char safe[256];
    int64_t deadline_us;
    int answer;  // last refusal of an RTSP server, 0 = none
    bool is_live, is_closing;
};

// ---- libav's own messages ----------------------------------------------------------------------

// libav's messages may hold URLs with passwords, so none is ever printed. One is understood: which
// answer of an RTSP server ended a session, because libavformat folds most of them into one code.
static void on_message(void *object, int level, const char *format, va_list args)
{
    (void)level;
    if (!object || *(const AVClass **)object != avformat_get_class() ||
        strncmp(format, "method %s failed: %d", 20) != 0)
        return;
    struct om_av *av = ((AVFormatContext *)object)->interrupt_callback.opaque;
    va_list copy;
    va_copy(copy, args);
    (void)va_arg(copy, const char *);
    int answer = va_arg(copy, int);
    va_end(copy);
    if (av)
        av->answer = answer;
}

static void set_up_library(void)
{
    av_log_set_callback(on_message);
    avformat_network_init();
}

// ---- deadlines and errors ----------------------------------------------------------------------

static int is_over(void *opaque)
{
    const struct om_av *av = opaque;

    if (!av->is_closing && om_cancel_is_set(av->cancel))
        return 1;
    return om_time_mono_us() >= av->deadline_us;
}

static enum om_status say(struct om_error *err, enum om_status status, const char *safe,
                          const char *what, const char *hint)
{
    om_error_set(err, status, "%s: %s", safe, what);
    if (hint)
        om_error_hint(err, "%s", hint);
    return status;
}

static enum om_status too_late(struct om_av *av, struct om_error *err)
{
    if (om_cancel_is_set(av->cancel))
        return say(err, OM_CANCELLED, av->safe, "cancelled", NULL);
    return say(err, OM_TIMEOUT, av->safe, "there was no answer in time",
               "check the address, the network and whether the camera is busy");
}

static enum om_status refused(struct om_av *av, int rc, struct om_error *err)
{
    if (av->answer == STATUS_TOO_MANY)
        return say(err, OM_REFUSED, av->safe, "the camera has no session or bandwidth left (453)",
                   "close other viewers of this camera, or use its second stream");
    if (rc == AVERROR_HTTP_UNAUTHORIZED || av->answer == 401)
        return say(err, OM_REFUSED, av->safe, "the user name or password is wrong (401)",
                   "check the credentials; special characters are written as %XX");
    if (rc == AVERROR_HTTP_FORBIDDEN)
        return say(err, OM_REFUSED, av->safe, "access is forbidden (403)",
                   "give this user the right to see the stream");
    if (rc == AVERROR_HTTP_NOT_FOUND)
        return say(err, OM_NOT_FOUND, av->safe, "there is no such stream (404)",
                   "check the path of the URL in the camera's manual");
    return say(err, OM_REFUSED, av->safe, "the server refused the request",
               "check the URL; the camera may not allow this transport");
}

static enum om_status explain(struct om_av *av, int rc, struct om_error *err)
{
    switch (rc) {
    case AVERROR_EXIT:
        return too_late(av, err);
    case AVERROR(ETIMEDOUT):
        return too_late(av, err);
    case AVERROR_HTTP_UNAUTHORIZED:
    case AVERROR_HTTP_FORBIDDEN:
    case AVERROR_HTTP_NOT_FOUND:
    case AVERROR_HTTP_BAD_REQUEST:
    case AVERROR_HTTP_OTHER_4XX:
        return refused(av, rc, err);
    case AVERROR_HTTP_SERVER_ERROR:
        return say(err, OM_UNREACHABLE, av->safe, "the server has an error of its own (5xx)",
                   "look at the camera's or server's log");
    case AVERROR(ENOENT):
        return say(err, OM_NOT_FOUND, av->safe, "there is no such file", "check the path");
    case AVERROR(EACCES):
    case AVERROR(EPERM):
        return say(err, OM_REFUSED, av->safe, "it may not be read", "check its permissions");
    case AVERROR(ENOMEM):
        return say(err, OM_NO_MEMORY, av->safe, "no memory", NULL);
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR(EINVAL):
        return say(err, OM_UNSUPPORTED, av->safe, "it leads to something that is not allowed",
                   "streams may only point to network addresses of their own kind");
    case AVERROR_INVALIDDATA:
    case AVERROR_DEMUXER_NOT_FOUND:
        return say(err, OM_INVALID, av->safe, "there is no video in it that Omma can read",
                   "check it with ffprobe; MP4, MKV, WebM, TS, AVI and raw H.264/H.265 are read");
    case AVERROR_EOF:
        return say(err, OM_INVALID, av->safe, "it ends before any video came",
                   "the file may be empty or still being written");
    default:
        break;
    }
    if (av->answer != 0)
        return refused(av, rc, err);
    if (rc == AVERROR(ECONNREFUSED))
        return say(err, OM_UNREACHABLE, av->safe, "nobody listens at that port",
                   "check host and port, and that the camera is on");
    if (rc == AVERROR(EIO))  // what libavformat makes of a name that is not found
        return say(err, OM_UNREACHABLE, av->safe, "that host was not found, or broke off",
                   "check the address and the network");
    char why[128];
    av_strerror(rc, why, sizeof(why));
    return say(err, OM_UNREACHABLE, av->safe, why, "check that it is switched on and reachable");
}

// ---- opening -----------------------------------------------------------------------------------

static void set_options(AVFormatContext *ctx, const struct om_av_how *how, AVDictionary **options)
{
    av_dict_set(options, "protocol_whitelist", how->protocols, 0);
    av_dict_set(options, "format_whitelist", how->formats, 0);
    if (how->transport) {
        av_dict_set(options, "rtsp_transport", how->transport, 0);
        av_dict_set(options, "allowed_media_types", "video", 0);
        av_dict_set(options, "user_agent", "Omma/" OM_VERSION, 0);
        av_dict_set_int(options, "timeout", how->timeout_us, 0);
    }
    if (how->is_live) {
        ctx->probesize = LIVE_PROBE_BYTES;
        ctx->max_analyze_duration = LIVE_PROBE_US;
    }
}

static bool is_codec_known(enum AVCodecID id);

static int choose_video(struct om_av *av)
{
    AVFormatContext *ctx = av->ctx;
    int best = -1;

    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        const AVStream *stream = ctx->streams[i];
        bool is_video = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
                        !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC);
        if (is_video && (best < 0 || (is_codec_known(stream->codecpar->codec_id) &&
                                      !is_codec_known(ctx->streams[best]->codecpar->codec_id))))
            best = (int)i;
    }
    for (unsigned i = 0; i < ctx->nb_streams; i++)
        ctx->streams[i]->discard = (int)i == best ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    av->video = best < 0 ? NULL : ctx->streams[best];
    return best;
}

static int open_input(struct om_av *av, const struct om_av_how *how)
{
    AVDictionary *options = NULL;
    const AVInputFormat *format = how->format ? av_find_input_format(how->format) : NULL;

    av->ctx = avformat_alloc_context();
    if (!av->ctx)
        return AVERROR(ENOMEM);
    av->ctx->interrupt_callback = (AVIOInterruptCB){is_over, av};
    set_options(av->ctx, how, &options);
    int rc = avformat_open_input(&av->ctx, how->url, format, &options);
    av_dict_free(&options);
    if (rc < 0)
        return rc;
    choose_video(av);
    if (!how->skips_probe || !av->video) {
        rc = avformat_find_stream_info(av->ctx, NULL);
        if (rc < 0)
            return rc;
    }
    return choose_video(av) >= 0 ? 0 : AVERROR_INVALIDDATA;
}

struct om_av *om_av_open(const struct om_av_how *how, struct om_cancel *cancel,
                         struct om_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    om_auto(om_av) av = om_new(struct om_av);

    pthread_once(&once, set_up_library);
    om_str_copy(av->safe, sizeof(av->safe), om_str_from(how->safe));
    av->cancel = cancel;
    av->is_live = how->is_live;
    av->deadline_us = om_time_mono_us() + how->timeout_us;
    av->packets = om_packets_create();
    av->packet = av_packet_alloc();
    int rc = av->packet ? open_input(av, how) : AVERROR(ENOMEM);
    if (rc < 0) {
        explain(av, rc, err);
        return NULL;
    }
    // What has a length is a recording, even where cameras are looked for: it is paced, and it
    // ends.
    if (!how->skips_probe && av->ctx->duration > 0)
        av->is_live = false;
    return om_steal(&av);
}

void om_av_destroy(struct om_av *av)
{
    if (!av)
        return;
    av->is_closing = true;
    av->deadline_us = om_time_mono_us() + CLOSE_US;
    avformat_close_input(&av->ctx);
    av_packet_free(&av->packet);
    om_packets_drop(av->packets);
    om_free(av);
}

// ---- what the stream is ------------------------------------------------------------------------

static const struct {
    enum AVCodecID id;
    enum om_codec codec;
} codecs[] = {
    {AV_CODEC_ID_H264, OM_CODEC_H264},        {AV_CODEC_ID_HEVC, OM_CODEC_HEVC},
    {AV_CODEC_ID_AV1, OM_CODEC_AV1},          {AV_CODEC_ID_VP8, OM_CODEC_VP8},
    {AV_CODEC_ID_VP9, OM_CODEC_VP9},          {AV_CODEC_ID_MPEG2VIDEO, OM_CODEC_MPEG2},
    {AV_CODEC_ID_MPEG1VIDEO, OM_CODEC_MPEG2}, {AV_CODEC_ID_MPEG4, OM_CODEC_MPEG4},
    {AV_CODEC_ID_MJPEG, OM_CODEC_MJPEG},
};

static enum om_codec own_codec(enum AVCodecID id)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(codecs); i++) {
        if (codecs[i].id == id)
            return codecs[i].codec;
    }
    return OM_CODEC_NONE;
}

static bool is_codec_known(enum AVCodecID id)
{
    return own_codec(id) != OM_CODEC_NONE;
}

// The display matrix turns counter-clockwise; Omma says clockwise, in quarters.
static int rotation_of(const AVStream *stream)
{
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (!matrix)
        return 0;
    double angle = av_display_rotation_get((const int32_t *)(const void *)matrix);
    if (isnan(angle))
        return 0;
    int quarters = (int)lround(-angle / 90);
    return ((quarters % 4) + 4) % 4 * 90;
}

static int64_t to_us(int64_t t, AVRational base)
{
    return t == AV_NOPTS_VALUE ? OM_TIME_NONE : av_rescale_q(t, base, (AVRational){1, OM_SECOND});
}

void om_av_size(const struct om_packet *key, struct om_stream_info *info)
{
    enum AVCodecID id = info->codec == OM_CODEC_HEVC ? AV_CODEC_ID_HEVC : AV_CODEC_ID_H264;
    AVCodecParserContext *parser = av_parser_init(id);
    AVCodecContext *ctx = avcodec_alloc_context3(NULL);
    uint8_t *out;
    int out_n;

    if (parser && ctx) {
        ctx->codec_id = id;
        if (info->extradata_bytes > 0) {
            ctx->extradata = info->extradata;  // borrowed: taken back below
            ctx->extradata_size = (int)info->extradata_bytes;
        }
        parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
        av_parser_parse2(parser, ctx, &out, &out_n, key->data, (int)key->bytes, AV_NOPTS_VALUE,
                         AV_NOPTS_VALUE, 0);
        if (parser->width > 0 && parser->height > 0) {
            info->width = parser->width;
            info->height = parser->height;
        }
        ctx->extradata = NULL;
        ctx->extradata_size = 0;
    }
    av_parser_close(parser);
    avcodec_free_context(&ctx);
}

enum om_status om_av_info(struct om_av *av, struct om_stream_info *ret, struct om_error *err)
{
    const AVStream *stream = av->video;
    const AVCodecParameters *par = stream->codecpar;
    AVRational rate = stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate
                                                     : stream->r_frame_rate;

    *ret = (struct om_stream_info){
        .codec = own_codec(par->codec_id),
        .width = par->width,
        .height = par->height,
        .rotation_deg = rotation_of(stream),
        .fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0,
        .is_live = av->is_live,
    };
    if (ret->codec == OM_CODEC_NONE) {
        om_error_set(err, OM_UNSUPPORTED, "%s: its video is %s, which Omma does not decode",
                     av->safe, avcodec_get_name(par->codec_id));
        om_error_hint(err, "use H.264, H.265, AV1, VP8, VP9, MPEG-2, MPEG-4 or MJPEG");
        return OM_UNSUPPORTED;
    }
    if (!av->is_live && av->ctx->duration > 0)
        ret->duration_us = av->ctx->duration;
    if (!av->is_live && av->ctx->pb)
        ret->bytes_total = OM_MAX(0, avio_size(av->ctx->pb));
    if (par->extradata_size > 0 && par->extradata_size <= OM_EXTRADATA_MAX) {
        ret->extradata = om_new_array(uint8_t, (size_t)par->extradata_size);
        memcpy(ret->extradata, par->extradata, (size_t)par->extradata_size);
        ret->extradata_bytes = (size_t)par->extradata_size;
    }
    return OM_OK;
}

int64_t om_av_wrap_us(const struct om_av *av)
{
    const AVStream *stream = av->video;

    if (stream->pts_wrap_bits < 16 || stream->pts_wrap_bits > 48 || stream->time_base.num <= 0)
        return 0;
    return av_rescale_q(1LL << stream->pts_wrap_bits, stream->time_base,
                        (AVRational){1, OM_SECOND});
}

// ---- reading -----------------------------------------------------------------------------------

static enum om_status explain_end(struct om_av *av, int rc, struct om_error *err)
{
    if (rc == AVERROR_EOF && !av->is_live)
        return OM_END;
    if (rc == AVERROR_EXIT || rc == AVERROR(ETIMEDOUT)) {
        if (om_cancel_is_set(av->cancel))
            return say(err, OM_CANCELLED, av->safe, "cancelled", NULL);
        return say(err, OM_TIMEOUT, av->safe, "no picture came for too long",
                   "check the camera and the network");
    }
    if (rc == AVERROR_EOF || (av->is_live && rc == AVERROR_INVALIDDATA))
        return say(err, OM_UNREACHABLE, av->safe, "the other side ended the stream",
                   "check whether the camera restarts");
    if (!av->is_live && rc == AVERROR_INVALIDDATA)
        return OM_END;  // the rest of a cut file
    return explain(av, rc, err);
}

enum om_status om_av_read(struct om_av *av, int64_t timeout_us, struct om_packet **ret,
                          struct om_av_times *ret_times, struct om_error *err)
{
    av->deadline_us = om_time_mono_us() + timeout_us;
    for (int errors = 0;;) {
        int rc = av_read_frame(av->ctx, av->packet);
        // A damaged place in a file is skipped by the demuxer; what follows is still good.
        if (rc == AVERROR_INVALIDDATA && !av->is_live && ++errors < READ_ERRORS_MAX)
            continue;
        if (rc == AVERROR(EAGAIN) && om_time_mono_us() < av->deadline_us && !is_over(av))
            continue;
        if (rc < 0)
            return explain_end(av, rc == AVERROR(EAGAIN) ? AVERROR_EXIT : rc, err);
        if (av->packet->stream_index == av->video->index && av->packet->size > 0)
            break;
        av_packet_unref(av->packet);
    }
    AVRational base = av->video->time_base;
    *ret_times = (struct om_av_times){to_us(av->packet->pts, base), to_us(av->packet->dts, base)};
    *ret = om_packets_wrap(av->packets, av->packet);
    if (*ret)
        return OM_OK;
    av_packet_unref(av->packet);
    return om_error_set(err, OM_NO_MEMORY, "no memory for a packet");
}
