// bench decode: Omma's demux and decode of a whole file against libavformat and libavcodec alone on
// the same file, one thread each, in turn; and what a picture costs by size, on clips made of the
// same video.

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/bench.h"
#include "bench/home.h"
#include "bench/pictures.h"
#include "decode/decoder.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/stream.h"
#include "source/source.h"

enum { ROUNDS = 5, MADE_FRAMES = 100 };

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

// ---- figures -----------------------------------------------------------------------------------

struct cost {
    int64_t frames, frames_reference;
    double share;  // libav's time by ours
    double ms;     // of ours, a picture
};

static bool measure(const char *video, struct cost *ret, struct om_error *err)
{
    double share[ROUNDS], ms[ROUNDS];
    int64_t frames = omma_frames(video, err), reference = libav_frames(video);
    if (frames == 0 || reference == 0) {
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
        ms[i] = (double)(t2_us - t1_us) / OM_MS / (double)frames;
    }
    *ret = (struct cost){frames, reference, om_bench_median(share, ROUNDS),
                         om_bench_median(ms, ROUNDS)};
    return true;
}

static bool measure_size(const char *video, int width, int height, struct cost *ret,
                         struct om_error *err)
{
    struct om_bench_home home;
    char path[320];
    if (!om_bench_home_make(&home, err))
        return false;
    snprintf(path, sizeof(path), "%s/clip.mp4", home.path);
    const struct om_bench_pictures_opts opts = {
        .video = video, .width = width, .height = height, .count = MADE_FRAMES};
    bool is_ok = om_bench_clip_make(&opts, path, err) && measure(path, ret, err);
    (void)unlink(path);
    om_bench_home_remove(&home);
    return is_ok;
}

static bool measure_sizes(const char *video, struct om_bench_report *report, struct om_error *err)
{
    static const struct {
        const char *ms, *share;
        int width, height;
    } sizes[] = {{"ms_180p", "share_180p", 320, 180},
                 {"ms_360p", "share_360p", 640, 360},
                 {"ms_720p", "share_720p", 1280, 720},
                 {"ms_1080p", "share_1080p", 1920, 1080}};
    for (size_t i = 0; i < OM_ARRAY_LEN(sizes); i++) {
        struct cost cost;
        if (!measure_size(video, sizes[i].width, sizes[i].height, &cost, err))
            return false;
        om_json_kv_double(report->figures, sizes[i].ms, cost.ms, 4);
        om_json_kv_double(report->figures, sizes[i].share, cost.share, 4);
    }
    return true;
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    const char *video = om_bench_video(opts);
    bool is_file = strcmp(video, "test:") != 0;
    struct cost cost;
    report->reference = "libavformat and libavcodec alone on the same file, CPU time, one thread";
    om_json_kv_text(report->workload, "video", video);
    om_json_kv_text(report->workload, "sizes",
                    "H.264 by libx264 of the video scaled to each size: 25 frames/s, a key frame "
                    "every 2 s, no B-frames, crf 25");
    om_json_kv_int(report->workload, "frames_by_size", MADE_FRAMES);
    // The test scene is no file: a clip of it is.
    if (is_file ? !measure(video, &cost, err) : !measure_size(video, 640, 360, &cost, err))
        return false;
    om_json_kv_int(report->workload, "frames", cost.frames);
    om_json_kv_int(report->workload, "frames_reference", cost.frames_reference);
    om_json_kv_double(report->figures, "share_of_libavcodec", cost.share, 4);
    om_json_kv_double(report->figures, "frames_per_core_s", 1000 / cost.ms, 1);
    return measure_sizes(video, report, err);
}

const struct om_bench om_bench_decode = {
    .name = "decode",
    .help = "demux and decode against libavcodec alone",
    .run = run,
};
