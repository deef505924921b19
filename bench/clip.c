// Clips for benchmarks, made by libx264.

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <string.h>

#include "base/error.h"
#include "bench/pictures.h"
#include "media/frame.h"

enum { FPS = 25, GOP = 2 * FPS };

struct clip {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
    int64_t pts;
};

static bool drain(struct clip *clip)
{
    while (avcodec_receive_packet(clip->codec, clip->packet) == 0) {
        av_packet_rescale_ts(clip->packet, clip->codec->time_base,
                             clip->format->streams[0]->time_base);
        clip->packet->stream_index = 0;
        if (av_interleaved_write_frame(clip->format, clip->packet) < 0)
            return false;
    }
    return true;
}

static bool put(void *ctx, struct om_frame *frame)
{
    struct clip *clip = ctx;
    AVFrame *to = clip->frame;
    if (av_frame_make_writable(to) < 0)
        return false;
    for (int p = 0; p < 3; p++) {
        int width = p ? frame->width / 2 : frame->width;
        int height = p ? frame->height / 2 : frame->height;
        for (int y = 0; y < height; y++)
            memcpy(to->data[p] + (ptrdiff_t)y * to->linesize[p],
                   frame->plane[p] + (ptrdiff_t)y * frame->stride[p], (size_t)width);
    }
    to->pts = clip->pts++;
    return avcodec_send_frame(clip->codec, to) == 0 && drain(clip);
}

static bool open_codec(struct clip *clip, const struct om_bench_pictures_opts *opts)
{
    const AVCodec *encoder = avcodec_find_encoder_by_name("libx264");
    clip->codec = encoder ? avcodec_alloc_context3(encoder) : NULL;
    AVCodecContext *codec = clip->codec;
    if (!codec)
        return false;
    codec->width = opts->width;
    codec->height = opts->height;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->time_base = (AVRational){1, FPS};
    codec->gop_size = GOP;
    codec->max_b_frames = 0;
    codec->thread_count = 1;
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    return av_opt_set(codec->priv_data, "preset", "veryfast", 0) == 0 &&
           av_opt_set(codec->priv_data, "crf", "25", 0) == 0 &&
           avcodec_open2(codec, encoder, NULL) == 0;
}

static bool open_file(struct clip *clip, const char *path)
{
    if (avformat_alloc_output_context2(&clip->format, NULL, "mp4", path) < 0)
        return false;
    AVStream *stream = avformat_new_stream(clip->format, NULL);
    return stream && avcodec_parameters_from_context(stream->codecpar, clip->codec) >= 0 &&
           avio_open(&clip->format->pb, path, AVIO_FLAG_WRITE) >= 0 &&
           avformat_write_header(clip->format, NULL) >= 0;
}

static bool open_frame(struct clip *clip)
{
    clip->packet = av_packet_alloc();
    clip->frame = av_frame_alloc();
    if (!clip->packet || !clip->frame)
        return false;
    clip->frame->format = AV_PIX_FMT_YUV420P;
    clip->frame->width = clip->codec->width;
    clip->frame->height = clip->codec->height;
    return av_frame_get_buffer(clip->frame, 0) == 0;
}

bool om_bench_clip_make(const struct om_bench_pictures_opts *opts, const char *path,
                        struct om_error *err)
{
    struct clip clip = {0};
    av_log_set_level(AV_LOG_ERROR);  // libx264 likes to tell what it does
    bool is_open = open_codec(&clip, opts) && open_file(&clip, path) && open_frame(&clip);
    bool is_made = is_open && om_bench_pictures(opts, put, &clip, err);
    if (is_made)
        is_made = avcodec_send_frame(clip.codec, NULL) == 0 && drain(&clip) &&
                  av_write_trailer(clip.format) == 0;
    if (!is_open)
        om_error_set(err, OM_UNSUPPORTED, "no clip of %d x %d could be made by libx264",
                     opts->width, opts->height);
    av_frame_free(&clip.frame);
    av_packet_free(&clip.packet);
    avcodec_free_context(&clip.codec);
    if (clip.format && clip.format->pb)
        (void)avio_closep(&clip.format->pb);
    avformat_free_context(clip.format);
    return is_made;
}
