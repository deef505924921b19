#include "decode/decoder.h"

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"
#include "decode/decoder_int.h"
#include "media/packet.h"

// What a frame must know of its packet travels through libavcodec as a number, the packet's id; the
// facts wait in a circle. MEMORY is more than any decoder's delay.
enum { MEMORY = 64, ERRORS_IN_A_ROW_MAX = 64 };

struct facts {
    uint64_t id;
    int64_t pts_us, wall_us, arrival_us;
    uint32_t epoch;
    bool is_waiting;      // no frame came out of it yet
    bool is_pts_guessed;  // as in struct om_packet
};

struct om_decoder {
    struct om_stream_info info;  // constant, own copy
    struct om_decoder_opts opts;
    AVCodecContext *ctx;  // NULL for raw pictures
    AVPacket *av_packet;
    struct SwsContext *sws;
    struct om_shelf *shelf;
    struct om_blocks blocks;

    enum om_decode_mode mode;
    bool needs_key;    // reference pictures are missing
    bool is_damaged;   // until a clean key frame of a packet after damaged_id
    bool is_draining;  // the end was sent to libavcodec ...
    bool is_end;       // ... by the caller; otherwise only to get one key frame out
    uint64_t damaged_id;
    int64_t hide_until_us, last_pts_us;
    uint32_t epoch;

    struct om_packet *raw;  // sent and not yet taken
    struct facts facts[MEMORY];
    uint64_t next_id, next_seq;
    struct om_decoder_stats stats;
};

static enum AVCodecID codec_id(enum om_codec codec)
{
    static const enum AVCodecID ids[OM_CODEC_COUNT] = {
        [OM_CODEC_H264] = AV_CODEC_ID_H264,   [OM_CODEC_HEVC] = AV_CODEC_ID_HEVC,
        [OM_CODEC_AV1] = AV_CODEC_ID_AV1,     [OM_CODEC_VP8] = AV_CODEC_ID_VP8,
        [OM_CODEC_VP9] = AV_CODEC_ID_VP9,     [OM_CODEC_MPEG2] = AV_CODEC_ID_MPEG2VIDEO,
        [OM_CODEC_MPEG4] = AV_CODEC_ID_MPEG4, [OM_CODEC_MJPEG] = AV_CODEC_ID_MJPEG,
    };
    return ids[codec];
}

static bool set_up_context(struct om_decoder *decoder)
{
    AVCodecContext *ctx = decoder->ctx;
    const struct om_stream_info *info = &decoder->info;

    ctx->thread_count = OM_MAX(1, decoder->opts.threads);
    ctx->thread_type = ctx->thread_count > 1 ? FF_THREAD_FRAME | FF_THREAD_SLICE : 0;
    ctx->max_pixels = OM_FRAME_PIXELS_MAX;
    ctx->pkt_timebase = (AVRational){1, OM_SECOND};
    ctx->width = info->width;
    ctx->height = info->height;
    if (decoder->opts.show_corrupt)
        ctx->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
    if (info->extradata_bytes == 0)
        return true;
    ctx->extradata = av_mallocz(info->extradata_bytes + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!ctx->extradata)
        return false;
    memcpy(ctx->extradata, info->extradata, info->extradata_bytes);
    ctx->extradata_size = (int)info->extradata_bytes;
    return true;
}

static bool open_codec(struct om_decoder *decoder, struct om_error *err)
{
    const char *name = om_codec_name(decoder->info.codec);
    const AVCodec *codec = avcodec_find_decoder(codec_id(decoder->info.codec));

    if (!codec) {
        om_error_set(err, OM_UNSUPPORTED, "this machine's libavcodec cannot decode %s", name);
        om_error_hint(err, "set the camera to H.264");
        return false;
    }
    av_log_set_level(AV_LOG_QUIET);
    decoder->ctx = avcodec_alloc_context3(codec);
    decoder->av_packet = av_packet_alloc();
    if (!decoder->ctx || !decoder->av_packet || !set_up_context(decoder)) {
        om_error_set(err, OM_NO_MEMORY, "no memory for a %s decoder", name);
        return false;
    }
    if (avcodec_open2(decoder->ctx, codec, NULL) < 0) {
        om_error_set(err, OM_INVALID, "the %s decoder refuses the stream's parameters", name);
        om_error_hint(err, "check the stream with ffprobe");
        return false;
    }
    return true;
}

struct om_decoder *om_decoder_create(const struct om_stream_info *info,
                                     const struct om_decoder_opts *opts, struct om_error *err)
{
    om_auto(om_decoder) decoder = om_new(struct om_decoder);

    om_stream_info_copy(&decoder->info, info);
    decoder->opts = *opts;
    decoder->shelf = om_shelf_create();
    decoder->needs_key = true;
    decoder->hide_until_us = decoder->last_pts_us = OM_TIME_NONE;
    if (info->codec == OM_CODEC_NONE) {
        om_error_set(err, OM_UNSUPPORTED, "the stream has no video that Omma can decode");
        return NULL;
    }
    if (info->codec != OM_CODEC_RAW && !open_codec(decoder, err))
        return NULL;
    return om_steal(&decoder);
}

void om_decoder_destroy(struct om_decoder *decoder)
{
    if (!decoder)
        return;
    om_packet_unref(&decoder->raw);
    avcodec_free_context(&decoder->ctx);
    av_packet_free(&decoder->av_packet);
    sws_freeContext(decoder->sws);
    om_blocks_finish(&decoder->blocks);
    om_shelf_drop(decoder->shelf);
    om_stream_info_finish(&decoder->info);
    om_free(decoder);
}

void om_decoder_set_mode(struct om_decoder *decoder, enum om_decode_mode mode)
{
    decoder->mode = mode;
}

enum om_decode_mode om_decoder_mode(const struct om_decoder *decoder)
{
    return decoder->mode;
}

void om_decoder_hide_until(struct om_decoder *decoder, int64_t pts_us)
{
    decoder->hide_until_us = pts_us;
}

struct om_decoder_stats om_decoder_stats(const struct om_decoder *decoder)
{
    return decoder->stats;
}

// ---- packets in --------------------------------------------------------------------------------

static void mark_damaged(struct om_decoder *decoder)
{
    decoder->is_damaged = true;
    decoder->damaged_id = decoder->next_id;
}

static void restart(struct om_decoder *decoder)
{
    if (decoder->ctx)
        avcodec_flush_buffers(decoder->ctx);
    decoder->is_draining = decoder->is_end = false;
    decoder->needs_key = true;
}

// Whether the packet is to be decoded at all; what is not costs nothing.
static bool is_wanted(struct om_decoder *decoder, const struct om_packet *packet)
{
    if (packet->epoch != decoder->epoch) {
        decoder->epoch = packet->epoch;
        decoder->last_pts_us = OM_TIME_NONE;
        if (!decoder->opts.show_corrupt && !packet->is_key)
            decoder->needs_key = true;
    }
    if (packet->is_key) {
        decoder->needs_key = false;
        return true;
    }
    if (decoder->mode == OM_DECODE_KEY_ONLY)
        decoder->needs_key = true;
    return !decoder->needs_key;
}

static void remember(struct om_decoder *decoder, const struct om_packet *packet)
{
    uint64_t id = ++decoder->next_id;

    decoder->facts[id % MEMORY] = (struct facts){
        .id = id,
        .pts_us = packet->pts_us,
        .wall_us = packet->wall_us,
        .arrival_us = packet->arrival_us,
        .epoch = packet->epoch,
        .is_waiting = true,
        .is_pts_guessed = packet->is_pts_guessed,
    };
    if (packet->is_corrupt)
        mark_damaged(decoder);
}

static void release_bytes(void *opaque, uint8_t *data)
{
    struct om_packet *packet = opaque;

    (void)data;
    om_packet_unref(&packet);
}

static int send_to_codec(struct om_decoder *decoder, struct om_packet *packet)
{
    AVPacket *av = decoder->av_packet;
    uint8_t *data = (uint8_t *)(uintptr_t)packet->data;

    av->buf = av_buffer_create(data, packet->bytes + AV_INPUT_BUFFER_PADDING_SIZE, release_bytes,
                               om_packet_ref(packet), AV_BUFFER_FLAG_READONLY);
    if (!av->buf) {
        struct om_packet *unused = packet;
        om_packet_unref(&unused);
        return AVERROR(ENOMEM);
    }
    av->data = data;
    av->size = (int)packet->bytes;
    av->pts = packet->pts_us;
    av->dts = packet->dts_us;
    av->flags = (packet->is_key ? AV_PKT_FLAG_KEY : 0) |
                (packet->is_hidden ? AV_PKT_FLAG_DISCARD : 0);
    decoder->ctx->reordered_opaque = (int64_t)decoder->next_id;
    int rc = avcodec_send_packet(decoder->ctx, av);
    av_packet_unref(av);
    return rc;
}

static enum om_status flush(struct om_decoder *decoder)
{
    decoder->is_end = true;
    if (decoder->ctx && !decoder->is_draining) {
        decoder->is_draining = true;
        if (avcodec_send_packet(decoder->ctx, NULL) < 0)
            return OM_INVALID;
    }
    return OM_OK;
}

enum om_status om_decoder_send(struct om_decoder *decoder, struct om_packet *packet)
{
    if (!packet)
        return flush(decoder);
    decoder->stats.packets++;
    if (decoder->is_draining || decoder->is_end)
        restart(decoder);
    if (!is_wanted(decoder, packet)) {
        decoder->stats.skipped++;
        return OM_OK;
    }
    if (packet->bytes == 0 || packet->bytes > INT32_MAX / 2) {
        decoder->stats.errors++;
        return OM_INVALID;
    }
    remember(decoder, packet);
    if (!decoder->ctx) {
        om_packet_unref(&decoder->raw);
        decoder->raw = om_packet_ref(packet);
        return OM_OK;
    }
    int rc = send_to_codec(decoder, packet);
    om_assert(rc != AVERROR(EAGAIN));  // the caller did not take all frames
    if (rc < 0) {
        decoder->stats.errors++;
        mark_damaged(decoder);
        return OM_INVALID;
    }
    return OM_OK;
}

// ---- frames out --------------------------------------------------------------------------------

// Containers without presentation times (AVI) leave only the order: a picture shows when the packet
// that brought it out is due, and what is drained at the end follows at the same pace.
static int64_t time_by_order(const struct om_decoder *decoder)
{
    int64_t now_us = decoder->facts[decoder->next_id % MEMORY].pts_us;
    int64_t before_us = decoder->facts[(decoder->next_id + MEMORY - 1) % MEMORY].pts_us;

    if (decoder->last_pts_us != OM_TIME_NONE && now_us <= decoder->last_pts_us)
        return decoder->last_pts_us + OM_MAX(1, now_us - before_us);
    return now_us;
}

static void fill_times(struct om_decoder *decoder, struct om_frame *frame, uint64_t id)
{
    struct facts *facts = &decoder->facts[id % MEMORY];

    facts->is_waiting = false;
    frame->pts_us = facts->pts_us;
    if (decoder->ctx && decoder->ctx->has_b_frames > 0 && facts->is_pts_guessed)
        frame->pts_us = time_by_order(decoder);
    frame->wall_us = facts->wall_us + (frame->pts_us - facts->pts_us);
    frame->arrival_us = facts->arrival_us;
    frame->epoch = facts->epoch;
    frame->decoded_us = om_time_mono_us();
    frame->rotation_deg = decoder->info.rotation_deg;
    decoder->last_pts_us = frame->pts_us;
}

// Whether a picture may be seen: not damaged (unless wanted) and not shown before.
static bool is_shown(struct om_decoder *decoder, struct om_frame *frame, uint64_t id, bool is_clean)
{
    if (!is_clean) {
        decoder->is_damaged = true;
        decoder->damaged_id = OM_MAX(decoder->damaged_id, id);
    } else if (frame->is_key && id > decoder->damaged_id) {
        decoder->is_damaged = false;
    }
    frame->is_corrupt = decoder->is_damaged;
    if (frame->is_corrupt) {
        decoder->stats.corrupt++;
        if (!decoder->opts.show_corrupt)
            return false;
    }
    if (decoder->hide_until_us != OM_TIME_NONE && frame->pts_us < decoder->hide_until_us)
        return false;
    decoder->hide_until_us = OM_TIME_NONE;
    return true;
}

static bool finish_frame(struct om_decoder *decoder, struct om_shelf_frame *handle)
{
    struct om_frame *frame = &handle->frame;
    uint64_t id = (uint64_t)handle->av->reordered_opaque;
    bool is_clean = !(handle->av->flags & AV_FRAME_FLAG_CORRUPT) && !handle->av->decode_error_flags;

    if (id == 0 || id > decoder->next_id || decoder->facts[id % MEMORY].id != id)
        id = decoder->next_id;
    frame->is_key = handle->av->key_frame;
    if (!om_convert(&decoder->blocks, &decoder->sws, handle)) {
        decoder->stats.errors++;
        return false;
    }
    fill_times(decoder, frame, id);
    return is_shown(decoder, frame, id, is_clean);
}

static bool finish_raw(struct om_decoder *decoder, struct om_shelf_frame *handle)
{
    om_auto_ref(om_packet) packet = om_steal(&decoder->raw);

    handle->frame.is_key = true;
    if (!om_raw_wrap(&decoder->blocks, handle, &decoder->info, packet)) {
        decoder->stats.errors++;
        return false;
    }
    fill_times(decoder, &handle->frame, decoder->next_id);
    return is_shown(decoder, &handle->frame, decoder->next_id, !packet->is_corrupt);
}

// One step of libavcodec: OM_OK with a picture in `handle`, OM_AGAIN, OM_END, OM_INVALID.
static enum om_status receive(struct om_decoder *decoder, struct om_shelf_frame *handle)
{
    int rc = avcodec_receive_frame(decoder->ctx, handle->av);

    // Key frames only: a codec with reordering keeps the picture until it is drained.
    if (rc == AVERROR(EAGAIN) && decoder->mode == OM_DECODE_KEY_ONLY && !decoder->is_draining &&
        !decoder->needs_key && decoder->facts[decoder->next_id % MEMORY].is_waiting &&
        decoder->ctx->has_b_frames > 0) {
        decoder->is_draining = avcodec_send_packet(decoder->ctx, NULL) == 0;
        rc = avcodec_receive_frame(decoder->ctx, handle->av);
    }
    if (rc == AVERROR(EAGAIN))
        return OM_AGAIN;
    if (rc == AVERROR_EOF)
        return decoder->is_end ? OM_END : OM_AGAIN;
    if (rc < 0) {
        decoder->stats.errors++;
        mark_damaged(decoder);
        return OM_INVALID;
    }
    return OM_OK;
}

static enum om_status next_picture(struct om_decoder *decoder, struct om_shelf_frame *handle,
                                   bool *ret_is_shown)
{
    *ret_is_shown = false;
    if (decoder->ctx) {
        enum om_status status = receive(decoder, handle);
        if (status == OM_OK)
            *ret_is_shown = finish_frame(decoder, handle);
        return status;
    }
    if (!decoder->raw)
        return decoder->is_end ? OM_END : OM_AGAIN;
    *ret_is_shown = finish_raw(decoder, handle);
    return OM_OK;
}

enum om_status om_decoder_take(struct om_decoder *decoder, struct om_frame **ret_frame)
{
    for (int errors = 0; errors < ERRORS_IN_A_ROW_MAX;) {
        struct om_shelf_frame *handle = om_shelf_take(decoder->shelf);
        if (!handle)
            return OM_NO_MEMORY;
        struct om_frame *frame = &handle->frame;
        bool is_picture_shown;
        enum om_status status = next_picture(decoder, handle, &is_picture_shown);
        if (status == OM_OK && is_picture_shown) {
            frame->seq = decoder->next_seq++;
            decoder->stats.frames++;
            *ret_frame = frame;
            return OM_OK;
        }
        om_frame_unref(&frame);
        if (status == OM_INVALID)
            errors++;
        else if (status != OM_OK)
            return status;
    }
    return OM_AGAIN;
}
