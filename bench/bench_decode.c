// bench decode: Omma's demux and decode of a whole file against libavformat and libavcodec alone on
// the same file, one thread each, in turn.

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "base/time.h"
#include "bench/bench.h"
#include "decode/decoder.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/stream.h"
#include "source/source.h"

enum { ROUNDS = 5 };

// ---- libav alone -------------------------------------------------------------------------------

static int64_t drain(AVCodecContext *codec, AVFrame *frame)
{
    int64_t n = 0;
    while (avcodec_receive_frame(codec, frame) == 0)
        n++;
    return n;
}

static int64_t decode_all(AVFormatContext *format, AVCodecContext *codec, int stream)
{
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    int64_t n = 0;
    while (packet && frame && av_read_frame(format, packet) == 0) {
        if (packet->stream_index == stream && avcodec_send_packet(codec, packet) == 0)
            n += drain(codec, frame);
        av_packet_unref(packet);
    }
    if (frame && avcodec_send_packet(codec, NULL) == 0)
        n += drain(codec, frame);
    av_frame_free(&frame);
    av_packet_free(&packet);
    return n;
}

static int64_t libav_frames(const char *path)
{
    AVFormatContext *format = NULL;
    if (avformat_open_input(&format, path, NULL, NULL) < 0)
        return 0;
    const AVCodec *decoder = NULL;
    int64_t n = 0;
    int stream = avformat_find_stream_info(format, NULL) < 0
                     ? -1
                     : av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
    AVCodecContext *codec = stream >= 0 ? avcodec_alloc_context3(decoder) : NULL;
    if (codec && avcodec_parameters_to_context(codec, format->streams[stream]->codecpar) >= 0) {
        codec->thread_count = 1;
        if (avcodec_open2(codec, decoder, NULL) == 0)
            n = decode_all(format, codec, stream);
    }
    avcodec_free_context(&codec);
    avformat_close_input(&format);
    return n;
}

// ---- Omma --------------------------------------------------------------------------------------

static int64_t take_all(struct om_decoder *decoder)
{
    int64_t n = 0;
    struct om_frame *frame = NULL;
    while (om_decoder_take(decoder, &frame) == OM_OK) {
        om_frame_unref(&frame);
        n++;
    }
    return n;
}

static int64_t omma_frames(const char *path, struct om_error *err)
{
    struct om_source_opts opts = om_source_opts_default;
    opts.as_fast_as_possible = true;
    om_auto(om_source) source = om_source_open(path, &opts, NULL, err);
    if (!source)
        return 0;
    const struct om_decoder_opts decoder_opts = {.threads = 1, .show_corrupt = true};
    om_auto(om_decoder) decoder = om_decoder_create(om_source_info(source), &decoder_opts, err);
    int64_t n = 0;
    struct om_packet *packet = NULL;
    while (decoder && om_source_read(source, &packet, err) == OM_OK) {
        (void)!om_decoder_send(decoder, packet);
        n += take_all(decoder);
        om_packet_unref(&packet);
    }
    if (decoder && om_decoder_send(decoder, NULL) == OM_OK)
        n += take_all(decoder);
    return n;
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    const char *video = om_bench_video(opts);
    double share[ROUNDS], per_s[ROUNDS];
    int64_t frames = omma_frames(video, err), frames_libav = libav_frames(video);
    if (frames == 0 || frames_libav == 0) {
        om_error_set(err, OM_INVALID, "%s: needs a video file that both sides can read", video);
        om_error_hint(err, "give --data DIR or --video FILE");
        return false;
    }
    for (int i = 0; i < ROUNDS; i++) {
        int64_t t0_us = om_time_thread_cpu_us();
        (void)libav_frames(video);
        int64_t t1_us = om_time_thread_cpu_us();
        (void)omma_frames(video, err);
        int64_t t2_us = om_time_thread_cpu_us();
        share[i] = (double)(t1_us - t0_us) / (double)(t2_us - t1_us);
        per_s[i] = (double)frames * OM_SECOND / (double)(t2_us - t1_us);
    }
    report->reference = "libavformat and libavcodec alone on the same file, CPU time, one thread";
    om_json_kv_text(report->workload, "video", video);
    om_json_kv_int(report->workload, "frames", frames);
    om_json_kv_int(report->workload, "frames_reference", frames_libav);
    om_json_kv_double(report->figures, "share_of_libavcodec", om_bench_median(share, ROUNDS), 4);
    om_json_kv_double(report->figures, "frames_per_core_s", om_bench_median(per_s, ROUNDS), 1);
    return true;
}

const struct om_bench om_bench_decode = {
    .name = "decode",
    .help = "demux and decode against libavcodec alone",
    .run = run,
};
