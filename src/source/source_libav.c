// Files and network cameras through libavformat. The only file of this folder that includes it.
//
// Security: each kind has its own list of protocols and containers, set on every open, so that
// neither an address nor a playlist can make libavformat open anything else. Every blocking call is
// watched by on_interrupt(): it ends at the deadline of the moment, or when the source is
// cancelled.

#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/opt.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/clock.h"
#include "media/packet.h"
#include "source/source_int.h"
#include "source/url.h"

enum {
    PACKETS_MAX = 4096,             // out at the same time, of one source
    TEARDOWN_US = 500 * OM_MS,      // longest that a close may take
    FILE_READ_US = 30 * OM_SECOND,  // a disk that does not answer
    READ_ERRORS_MAX = 64,           // in a row, before a damaged file counts as over
};

static const char file_formats[] = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi,h264,hevc,"
                                   "mjpeg,mpeg,mpegvideo,m4v,flv,ogg,"
                                   "asf,ivf,obu,nut,mxf";
static const char http_formats
    [] = "mpjpeg,hls,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,flv,mjpeg,h264,hevc,avi";

struct libav {
    AVFormatContext *format;
    int stream;
    struct om_pool *packets;  // of struct libav_packet
    struct om_media_clock clock;
    int64_t deadline_us;
    bool is_closing;  // cancel does not count any more: the farewell has its own deadline
    int64_t gap_us;   // usual distance of two packets, by arrival
    int64_t last_arrival_us;
};

// A packet that owns libav's.
struct libav_packet {
    struct om_packet base;
    struct om_pool *pool;
    AVPacket *av;
};

static void packet_release(struct om_packet *packet)
{
    struct libav_packet *mine = OM_CONTAINER_OF(packet, struct libav_packet, base);
    av_packet_free(&mine->av);
    om_pool_put(mine->pool, mine);
}

static const struct om_packet_ops packet_ops = {.release = packet_release};

// ---- errors ------------------------------------------------------------------------------------

static int on_interrupt(void *ctx)
{
    const struct om_source *source = ctx;
    const struct libav *av = source->priv;
    if (!av->is_closing && om_cancel_is_set(source->cancel))
        return 1;
    return om_time_mono_us() > av->deadline_us;
}

static const struct {
    int code;
    enum om_status status;
    const char *text, *hint;
} known_errors[] = {
    {AVERROR_HTTP_UNAUTHORIZED, OM_REFUSED, "the user or password is wrong or missing",
     "write it into the address: rtsp://user:password@host/..."},
    {AVERROR_HTTP_FORBIDDEN, OM_REFUSED, "the camera forbids this stream to that user",
     "check the user's rights in the camera"},
    {AVERROR_HTTP_NOT_FOUND, OM_NOT_FOUND, "the camera knows no such stream (404)",
     "check the path of the address"},
    {AVERROR_HTTP_BAD_REQUEST, OM_REFUSED, "the camera did not understand the request (400)",
     "check the path of the address"},
    {AVERROR_HTTP_OTHER_4XX, OM_REFUSED,
     "the camera refused the session (4xx, such as 453: too many viewers)",
     "close other viewers of this camera"},
    {AVERROR_HTTP_SERVER_ERROR, OM_UNREACHABLE, "the camera has an error of its own (5xx)",
     "restart the camera if it stays so"},
    {AVERROR(ECONNREFUSED), OM_UNREACHABLE, "nobody listens at that port",
     "check host and port, and that the camera is on"},
    {AVERROR(EHOSTUNREACH), OM_UNREACHABLE, "there is no way to that host", "check the network"},
    {AVERROR(ENETUNREACH), OM_UNREACHABLE, "there is no way to that network", "check the network"},
    {AVERROR(ETIMEDOUT), OM_TIMEOUT, "no answer in time", "check host and port"},
    {AVERROR(ECONNRESET), OM_UNREACHABLE, "the connection was reset", ""},
    {AVERROR(EPIPE), OM_UNREACHABLE, "the connection was closed", ""},
    {AVERROR(ENOENT), OM_NOT_FOUND, "no such file", "check the path"},
    {AVERROR(EACCES), OM_REFUSED, "the file may not be read", "check its permissions"},
    {AVERROR(EISDIR), OM_INVALID, "this is a folder", ""},
    {AVERROR_INVALIDDATA, OM_INVALID, "this is no video that can be read",
     "try it with another player; it may be damaged or cut off"},
    {AVERROR_DEMUXER_NOT_FOUND, OM_UNSUPPORTED, "this container is not known", ""},
    {AVERROR_PROTOCOL_NOT_FOUND, OM_UNSUPPORTED, "this protocol is not allowed", ""},
    {AVERROR_EOF, OM_INVALID, "there is no video in it", "the file may be empty or cut off"},
};

static enum om_status set_error(const struct om_source *source, int code, struct om_error *err)
{
    const struct libav *av = source->priv;
    if (om_cancel_is_set(source->cancel))
        return om_error_set(err, OM_CANCELLED, "cancelled");
    if (code == AVERROR_EXIT || om_time_mono_us() > av->deadline_us) {
        om_error_set(err, OM_TIMEOUT, "no answer in time");
        om_error_hint(err, "check host and port, and that the camera is on");
        return OM_TIMEOUT;
    }
    for (size_t i = 0; i < OM_ARRAY_LEN(known_errors); i++) {
        if (known_errors[i].code != code)
            continue;
        om_error_set(err, known_errors[i].status, "%s", known_errors[i].text);
        om_error_hint(err, "%s", known_errors[i].hint);
        return known_errors[i].status;
    }
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    (void)av_strerror(code, text, sizeof(text));
    // Name look-ups fail with EIO and the like: those come back by themselves.
    enum om_status status = source->kind == OM_SOURCE_FILE ? OM_INVALID : OM_UNREACHABLE;
    om_error_set(err, status, "%s: %s",
                 source->kind == OM_SOURCE_FILE ? "cannot be opened"
                                                : "that host was not found, or broke off",
                 text);
    om_error_hint(err, source->kind == OM_SOURCE_FILE ? "try it with another player"
                                                      : "check the address and the network");
    return status;
}

// ---- open --------------------------------------------------------------------------------------

static void set_lists(struct om_source *source, AVDictionary **options)
{
    const struct om_source_opts *opts = &source->opts;
    char us[32];
    snprintf(us, sizeof(us), "%lld", (long long)opts->connect_timeout_us);
    av_dict_set(options, "analyzeduration", "5000000", 0);
    switch (source->kind) {
    case OM_SOURCE_RTSP:
        av_dict_set(options, "protocol_whitelist", "rtsp,rtsps,tcp,udp,rtp,tls", 0);
        av_dict_set(options, "format_whitelist", "rtsp", 0);
        av_dict_set(options, "rtsp_transport", opts->rtsp_transport == OM_RTSP_UDP ? "udp" : "tcp",
                    0);
        av_dict_set(options, "allowed_media_types", "video", 0);
        av_dict_set(options, "timeout", us, 0);
        return;
    case OM_SOURCE_HTTP:
        av_dict_set(options, "protocol_whitelist", "http,https,tcp,tls", 0);
        av_dict_set(options, "format_whitelist", http_formats, 0);
        av_dict_set(options, "timeout", us, 0);
        av_dict_set(options, "rw_timeout", us, 0);
        return;
    default:
        av_dict_set(options, "protocol_whitelist", "file", 0);
        av_dict_set(options, "format_whitelist", file_formats, 0);
    }
}

// The address as libavformat gets it: put together anew, or a file with its protocol named.
static bool make_address(const struct om_source *source, const char *url, struct om_buf *out,
                         struct om_error *err)
{
    struct om_url parts;
    if (source->kind == OM_SOURCE_FILE) {
        om_buf_printf(out, "file:%s", url);
        return !out->has_failed;
    }
    if (!om_url_parse(om_str_from(url), &parts, err))
        return false;
    om_url_write(&parts, true, out);
    return !out->has_failed;
}

static enum om_codec codec_of(enum AVCodecID id)
{
    switch (id) {
    case AV_CODEC_ID_H264:
        return OM_CODEC_H264;
    case AV_CODEC_ID_HEVC:
        return OM_CODEC_HEVC;
    case AV_CODEC_ID_AV1:
        return OM_CODEC_AV1;
    case AV_CODEC_ID_VP8:
        return OM_CODEC_VP8;
    case AV_CODEC_ID_VP9:
        return OM_CODEC_VP9;
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
        return OM_CODEC_MPEG2;
    case AV_CODEC_ID_MPEG4:
        return OM_CODEC_MPEG4;
    case AV_CODEC_ID_MJPEG:
        return OM_CODEC_MJPEG;
    default:
        return OM_CODEC_NONE;
    }
}

static int rotation_of(const AVStream *stream)
{
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (!matrix)
        return 0;
    // libav counts anticlockwise from the stored to the shown picture.
    double turn = -av_display_rotation_get((const int32_t *)(const void *)matrix);
    int quarter = (int)((turn + 360 + 45) / 90) % 4;
    return turn == turn ? quarter * 90 : 0;
}

static void copy_extradata(struct om_stream_info *info, const uint8_t *data, int bytes)
{
    om_free(info->extradata);
    info->extradata = NULL;
    info->extradata_bytes = 0;
    if (bytes <= 0 || bytes > OM_EXTRADATA_MAX)
        return;
    info->extradata = om_alloc((size_t)bytes, 1);
    memcpy(info->extradata, data, (size_t)bytes);
    info->extradata_bytes = (size_t)bytes;
}

static void fill_info(struct om_source *source)
{
    struct libav *av = source->priv;
    const AVStream *stream = av->format->streams[av->stream];
    const AVCodecParameters *par = stream->codecpar;
    struct om_stream_info *info = &source->info;
    AVRational rate = stream->avg_frame_rate.num ? stream->avg_frame_rate : stream->r_frame_rate;
    info->codec = codec_of(par->codec_id);
    info->width = par->width;
    info->height = par->height;
    info->rotation_deg = rotation_of(stream);
    info->fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    info->duration_us = av->format->duration > 0 ? av->format->duration : 0;
    info->is_live = source->kind == OM_SOURCE_RTSP ||
                    (source->kind == OM_SOURCE_HTTP && info->duration_us == 0);
    copy_extradata(info, par->extradata, par->extradata_size);
}

// Cameras say in their SDP what they send; asking the stream itself would cost seconds.
static bool needs_probing(const struct om_source *source)
{
    const struct libav *av = source->priv;
    for (unsigned i = 0; source->kind == OM_SOURCE_RTSP && i < av->format->nb_streams; i++) {
        const AVCodecParameters *par = av->format->streams[i]->codecpar;
        if (par->codec_type == AVMEDIA_TYPE_VIDEO && codec_of(par->codec_id) != OM_CODEC_NONE)
            return false;
    }
    return true;
}

static bool choose_stream(struct om_source *source, struct om_error *err)
{
    struct libav *av = source->priv;
    av->stream = av_find_best_stream(av->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (av->stream < 0) {
        om_error_set(err, OM_INVALID, "there is no video in it");
        om_error_hint(err, "the source has %u other streams", av->format->nb_streams);
        return false;
    }
    enum AVCodecID id = av->format->streams[av->stream]->codecpar->codec_id;
    if (codec_of(id) == OM_CODEC_NONE) {
        om_error_set(err, OM_UNSUPPORTED, "the codec %s is not supported", avcodec_get_name(id));
        om_error_hint(err, "use H.264, H.265, AV1, VP8, VP9, MPEG-2, MPEG-4 or Motion JPEG");
        return false;
    }
    for (unsigned i = 0; i < av->format->nb_streams; i++) {
        if ((int)i != av->stream)
            av->format->streams[i]->discard = AVDISCARD_ALL;
    }
    return true;
}

static int open_format(struct om_source *source, const char *address)
{
    struct libav *av = source->priv;
    AVDictionary *options = NULL;
    set_lists(source, &options);
    av->format = avformat_alloc_context();
    om_assert(av->format);
    av->format->interrupt_callback = (AVIOInterruptCB){on_interrupt, source};
    av->format->max_delay = 500 * OM_MS;
    int code = avformat_open_input(&av->format, address, NULL, &options);
    av_dict_free(&options);
    return code;
}

static int64_t wrap_of(const AVStream *stream)
{
    if (stream->pts_wrap_bits <= 0 || stream->pts_wrap_bits >= 62)
        return 0;
    return av_rescale_q((int64_t)1 << stream->pts_wrap_bits, stream->time_base, AV_TIME_BASE_Q);
}

static bool libav_open(struct om_source *source, const char *url, struct om_error *err)
{
    struct libav *av = source->priv;
    om_auto_buf address;
    om_buf_init(&address, 8192);
    if (!make_address(source, url, &address, err))
        return false;
    av_log_set_level(AV_LOG_QUIET);  // what it has to say comes as error codes
    av->deadline_us = om_time_mono_us() + (source->kind == OM_SOURCE_FILE
                                               ? (int64_t)FILE_READ_US
                                               : source->opts.connect_timeout_us);
    int code = open_format(source, om_buf_text(&address));
    if (code >= 0 && needs_probing(source))
        code = avformat_find_stream_info(av->format, NULL);
    if (code < 0) {
        (void)set_error(source, code, err);
        if (source->kind == OM_SOURCE_FILE)
            om_error_prefix(err, "%s", url);
        return false;
    }
    if (!choose_stream(source, err)) {
        if (source->kind == OM_SOURCE_FILE)
            om_error_prefix(err, "%s", url);
        return false;
    }
    fill_info(source);
    av->packets = om_pool_create(sizeof(struct libav_packet), PACKETS_MAX);
    // libavformat takes out the wraps of containers it knows; what is left is the clock's.
    om_media_clock_init(&av->clock, source->info.is_live, wrap_of(av->format->streams[av->stream]));
    av->last_arrival_us = om_time_mono_us();
    return true;
}

static void libav_close(struct om_source *source)
{
    struct libav *av = source->priv;
    av->is_closing = true;
    av->deadline_us = om_time_mono_us() + TEARDOWN_US;
    avformat_close_input(&av->format);
    om_pool_destroy(av->packets);
}

// ---- read --------------------------------------------------------------------------------------

static int64_t to_us(int64_t stamp, AVRational time_base)
{
    return stamp == AV_NOPTS_VALUE ? OM_TIME_NONE : av_rescale_q(stamp, time_base, AV_TIME_BASE_Q);
}

// New parameter sets in mid-stream: what follows is another format, so another epoch.
static void check_format(struct om_source *source, const AVPacket *packet)
{
    struct libav *av = source->priv;
    size_t bytes = 0;
    const uint8_t *extradata = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &bytes);
    if (!extradata || bytes > OM_EXTRADATA_MAX)
        return;
    bool is_same = bytes == source->info.extradata_bytes &&
                   memcmp(extradata, source->info.extradata, bytes) == 0;
    if (is_same)
        return;
    copy_extradata(&source->info, extradata, (int)bytes);
    om_media_clock_restart(&av->clock);
}

static void stamp(struct om_source *source, struct libav_packet *mine)
{
    struct libav *av = source->priv;
    AVRational time_base = av->format->streams[av->stream]->time_base;
    struct om_packet *packet = &mine->base;
    packet->arrival_us = om_time_mono_us();
    struct om_media_stamp stamp = om_media_clock_stamp(&av->clock, to_us(mine->av->pts, time_base),
                                                       to_us(mine->av->dts, time_base),
                                                       packet->arrival_us, om_time_wall_us());
    packet->pts_us = stamp.pts_us;
    packet->dts_us = stamp.dts_us;
    packet->wall_us = stamp.wall_us;
    packet->epoch = stamp.epoch;
}

static enum om_status wrap_packet(struct om_source *source, AVPacket *packet,
                                  struct om_packet **ret)
{
    struct libav *av = source->priv;
    struct libav_packet *mine = om_pool_take(av->packets);
    if (!mine) {
        av_packet_free(&packet);
        return OM_LIMIT;
    }
    *mine = (struct libav_packet){.pool = av->packets, .av = packet};
    om_packet_init(&mine->base, &packet_ops);
    mine->base.data = packet->data;
    mine->base.bytes = (size_t)packet->size;
    mine->base.is_key = packet->flags & AV_PKT_FLAG_KEY;
    mine->base.is_corrupt = packet->flags & AV_PKT_FLAG_CORRUPT;
    check_format(source, packet);
    stamp(source, mine);
    *ret = &mine->base;
    return OM_OK;
}

// How long the next packet may take: three usual gaps, never less than the option says.
static void set_read_deadline(struct om_source *source)
{
    struct libav *av = source->priv;
    int64_t patience_us = source->info.is_live ? OM_MAX(source->opts.stall_min_us, 3 * av->gap_us)
                                               : (int64_t)FILE_READ_US;
    av->deadline_us = om_time_mono_us() + patience_us;
}

static void learn_gap(struct libav *av)
{
    int64_t now_us = om_time_mono_us(), gap_us = now_us - av->last_arrival_us;
    av->last_arrival_us = now_us;
    av->gap_us += (gap_us - av->gap_us) / 8;
}

static enum om_status end_of(struct om_source *source, int code, struct om_error *err)
{
    if (code == AVERROR_EOF && !om_cancel_is_set(source->cancel))
        return om_error_set(err, OM_END, "the stream is over");
    enum om_status status = set_error(source, code, err);
    if (status == OM_TIMEOUT) {
        om_error_set(err, OM_TIMEOUT, "no picture for %.1f s",
                     (double)(om_time_mono_us() - ((struct libav *)source->priv)->last_arrival_us) /
                         OM_SECOND);
        om_error_hint(err, "the camera or the network hangs; it is tried again");
    }
    return status;
}

static enum om_status libav_read(struct om_source *source, struct om_packet **ret,
                                 struct om_error *err)
{
    struct libav *av = source->priv;
    AVPacket *packet = av_packet_alloc();
    om_assert(packet);
    set_read_deadline(source);
    for (int errors = 0;;) {
        int code = av_read_frame(av->format, packet);
        if (code == AVERROR(EAGAIN))
            continue;
        // A damaged place in a file is skipped by the demuxer; what follows is still good.
        if (code == AVERROR_INVALIDDATA && source->kind == OM_SOURCE_FILE &&
            ++errors < READ_ERRORS_MAX)
            continue;
        if (code < 0) {
            av_packet_free(&packet);
            return end_of(source, errors ? AVERROR_EOF : code, err);
        }
        if (packet->stream_index == av->stream && packet->size > 0)
            break;
        av_packet_unref(packet);
    }
    learn_gap(av);
    if (wrap_packet(source, packet, ret) == OM_OK)
        return OM_OK;
    return om_error_set(err, OM_LIMIT, "too many packets are held at the same time");
}

static bool libav_rewind(struct om_source *source)
{
    struct libav *av = source->priv;
    int64_t start = av->format->streams[av->stream]->start_time;
    int64_t to = start == AV_NOPTS_VALUE ? 0 : start;
    // Containers without an index (raw streams) go back by bytes.
    if (av_seek_frame(av->format, av->stream, to, AVSEEK_FLAG_BACKWARD) < 0 &&
        av_seek_frame(av->format, -1, 0, AVSEEK_FLAG_BYTE) < 0)
        return false;
    om_media_clock_restart(&av->clock);
    return true;
}

const struct om_source_ops om_source_libav = {
    .name = "libav",
    .priv_size = sizeof(struct libav),
    .open = libav_open,
    .read = libav_read,
    .rewind = libav_rewind,
    .close = libav_close,
};
