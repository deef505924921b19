#include "bench/fleet_costs.h"

#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/home.h"
#include "bench/model.h"
#include "decode/decoder.h"
#include "decode/packet_gate.h"
#include "event/event.h"
#include "event/sample.h"
#include "infer/model.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/stream.h"
#include "media/thumb.h"
#include "motion/watch.h"
#include "sink/journal.h"
#include "source/source.h"

enum { FILE_BYTES_MAX = 1 << 24, PACKETS = 128, RUNS = 20, EVENTS = 5000, PIXELS = 640 * 360 };

// `bench` and `figure` say where a file has it; `scale` brings it into the unit.
static const struct {
    const char *name, *bench, *figure;
    double scale, assumed;
    const char *why;
} table[OM_FLEET_COST_COUNT] = {
    {"read_us", "", "", 1, 20, "assumed: no camera measured"},
    {"judge_us", "gate", "us_per_packet", 1, 2, "assumed: what the gate may take at most"},
    {"decode_ms", "", "", 1, 0.42, "assumed: H.264 640x360, one core"},
    {"motion_ms", "", "", 1, 0.1, "assumed"},
    {"run_ms", "", "", 1, 9.7, "assumed: yolox_nano_416, one core"},
    {"regions_per_run", "pack", "times_unpacked", 1, 1, "assumed: one region per run"},
    {"quiet_decoded_share", "gate", "frames_decoded_share", 1, 0.1, "assumed: the gate's bound"},
    {"event_us", "", "", 1, 10, "assumed"},
    {"event_bytes", "", "", 1, 900, "assumed"},
    {"camera_mb", "memory", "bytes_per_quiet_camera", 1e-6, 1.5,
     "assumed: the bound of a quiet one"},
    {"cameras_per_core", "streams", "cameras_per_core", 1, 0, "not known"},
    {"cameras_per_core_activity", "streams", "activity", 1, 0, "not known"},
    {"times_decode_all", "streams", "times_decode_all", 1, 0, "not known"},
};

static void set(struct om_fleet_costs *costs, enum om_fleet_cost cost, double value,
                const char *origin)
{
    costs->value[cost] = value;
    costs->origin[cost] = origin;
}

// ---- measured ----------------------------------------------------------------------------------

static bool measure_run(const struct om_bench_opts *opts, struct om_fleet_costs *costs,
                        struct om_error *err)
{
    const struct om_model_opts model_opts = {.threads = 1};
    om_auto(om_model) model = om_bench_model(opts, &model_opts, err);
    om_auto(om_model_ctx) ctx = model ? om_model_ctx_create(model, 1, err) : NULL;
    if (!ctx)
        return false;
    double ms[RUNS];
    for (int i = -2; i < RUNS; i++) {  // two to warm up
        int64_t start_us = om_time_cpu_us();
        if (om_model_run_bare(ctx, 1, err) != OM_OK)
            return false;
        ms[OM_MAX(i, 0)] = (double)(om_time_cpu_us() - start_us) / OM_MS;
    }
    set(costs, OM_FLEET_RUN_MS, om_bench_median(ms, RUNS), "measured");
    snprintf(costs->model, sizeof(costs->model), "%s", om_model_manifest(model)->name);
    return true;
}

struct video {
    struct om_packet *packets[PACKETS];
    int packet_count, frame_count;
    int64_t read_us, judge_us, decode_us, motion_us;  // CPU time
    double pixels;
};

static void read_packets(struct video *v, struct om_source *source, struct om_error *err)
{
    int64_t start_us = om_time_thread_cpu_us();
    while (v->packet_count < PACKETS &&
           om_source_read(source, &v->packets[v->packet_count], err) == OM_OK)
        v->packet_count++;
    v->read_us = om_time_thread_cpu_us() - start_us;
}

static void judge_packets(struct video *v, const struct om_stream_info *info)
{
    struct om_packet_gate_opts opts;
    om_packet_gate_opts_default(&opts);
    om_auto(om_packet_gate) gate = om_packet_gate_create(info, &opts);
    int64_t start_us = om_time_thread_cpu_us();
    for (int i = 0; i < v->packet_count; i++)
        (void)om_packet_gate_judge(gate, v->packets[i]);
    v->judge_us = om_time_thread_cpu_us() - start_us;
}

static void watch_frame(struct video *v, struct om_watch *watch, const struct om_frame *frame)
{
    static uint8_t luma[OM_THUMB_PIXELS_MAX];
    int64_t start_us = om_time_thread_cpu_us();
    struct om_thumb thumb = {.luma = luma};
    struct om_watch_result result;
    om_thumb_size(frame->width, frame->height, &thumb.width, &thumb.height);
    om_thumb_fill(&thumb, frame);
    om_watch_update(watch, &thumb, &result);
    v->motion_us += om_time_thread_cpu_us() - start_us;
    v->pixels = (double)frame->width * frame->height;
    v->frame_count++;
}

static bool decode_packets(struct video *v, const struct om_stream_info *info, struct om_error *err)
{
    const struct om_decoder_opts opts = {.threads = 1};
    struct om_watch_opts watch_opts;
    om_watch_opts_default(&watch_opts);
    om_auto(om_watch) watch = om_watch_create(&watch_opts);
    om_auto(om_decoder) decoder = om_decoder_create(info, &opts, err);
    int64_t start_us = om_time_thread_cpu_us();
    for (int i = 0; decoder && i < v->packet_count; i++) {
        struct om_frame *frame = NULL;
        (void)!om_decoder_send(decoder, v->packets[i]);  // a damaged one is work all the same
        while (om_decoder_take(decoder, &frame) == OM_OK) {
            watch_frame(v, watch, frame);
            om_frame_unref(&frame);
        }
    }
    v->decode_us = om_time_thread_cpu_us() - start_us - v->motion_us;
    return v->frame_count > 0;
}

static void take_video(const struct video *v, enum om_codec codec, struct om_fleet_costs *costs)
{
    static const char scaled[] = "measured, scaled by pixels";
    double decode_ms = (double)v->decode_us / v->frame_count / OM_MS;
    double motion_ms = (double)v->motion_us / v->frame_count / OM_MS;
    costs->video_frame_ms = decode_ms + motion_ms;
    set(costs, OM_FLEET_MOTION_MS, motion_ms * PIXELS / v->pixels, scaled);
    if (codec != OM_CODEC_H264)
        return;  // raw pictures of the test scene say nothing about coded ones
    set(costs, OM_FLEET_READ_US, (double)v->read_us / v->packet_count, "measured: demuxing a file");
    set(costs, OM_FLEET_JUDGE_US, (double)v->judge_us / v->packet_count, "measured");
    set(costs, OM_FLEET_DECODE_MS, decode_ms * PIXELS / v->pixels, scaled);
}

static bool measure_video(const struct om_bench_opts *opts, struct om_fleet_costs *costs,
                          struct om_error *err)
{
    struct om_source_opts source_opts = om_source_opts_default;
    source_opts.as_fast_as_possible = true;
    om_auto(om_source) source = om_source_open(om_bench_video(opts), &source_opts, NULL, err);
    if (!source)
        return false;
    const struct om_stream_info *info = om_source_info(source);
    struct video v = {0};
    read_packets(&v, source, err);
    judge_packets(&v, info);
    bool is_ok = decode_packets(&v, info, err);
    if (is_ok)
        take_video(&v, info->codec, costs);
    for (int i = 0; i < v.packet_count; i++)
        om_packet_unref(&v.packets[i]);
    return is_ok;
}

static bool measure_events(struct om_fleet_costs *costs, struct om_error *err)
{
    struct om_bench_home home = {0};
    struct om_event event;
    om_event_sample(OM_EVENT_TRACK_ENDED, &event);
    struct om_journal *journal = om_bench_home_make(&home, err)
                                     ? om_journal_open(home.journal_path, &om_journal_opts_default,
                                                       err)
                                     : NULL;
    if (journal) {
        int64_t start_us = om_time_cpu_us();
        for (int i = 0; i < EVENTS; i++)
            om_journal_put(journal, &event);
        om_journal_flush(journal);
        set(costs, OM_FLEET_EVENT_US, (double)(om_time_cpu_us() - start_us) / EVENTS, "measured");
        om_auto_buf json;
        om_buf_init(&json, 1 << 16);
        om_event_to_json(&event, &json);
        set(costs, OM_FLEET_EVENT_BYTES, (double)json.len, "measured: track.ended");
    }
    om_journal_close(journal);
    om_bench_home_remove(&home);
    return journal;
}

// ---- read from a file --------------------------------------------------------------------------

static void take_costs(struct om_fleet_costs *costs, const struct om_json *root)
{
    om_str bench = om_json_as_str(om_json_get(root, "bench"), OM_STR(""));
    for (int i = 0; i < OM_FLEET_COST_COUNT; i++) {
        if (!om_str_equal(bench, om_str_from(table[i].bench)))
            continue;
        double value = om_json_as_double(om_json_get(om_json_get(root, "figures"), table[i].figure),
                                         -1);
        if (value > 0)
            set(costs, (enum om_fleet_cost)i, value * table[i].scale, "file");
    }
}

bool om_fleet_costs_load(struct om_fleet_costs *costs, const char *path, struct om_error *err)
{
    om_auto_free char *text = NULL;
    size_t n = 0;
    if (!om_file_read(path, FILE_BYTES_MAX, &text, &n, err))
        return false;
    om_str rest = om_str_n(text, n), line;
    for (int number = 1; om_str_split(&rest, '\n', &line); number++) {
        if (om_str_trim(line).n == 0)
            continue;
        om_auto_json root = om_json_parse(line, err);
        if (!root) {
            om_error_prefix(err, "%s:%d", path, number);
            om_error_hint(err, "one line each of omma bench NAME... --json");
            return false;
        }
        take_costs(costs, root);
    }
    return true;
}

bool om_fleet_costs_find(const struct om_bench_opts *opts, struct om_fleet_costs *ret,
                         struct om_error *err)
{
    *ret = (struct om_fleet_costs){0};
    for (int i = 0; i < OM_FLEET_COST_COUNT; i++)
        set(ret, (enum om_fleet_cost)i, table[i].assumed, table[i].why);
    if (!measure_video(opts, ret, err) || !measure_events(ret, err))
        return false;
    if ((opts->model || opts->data) && !measure_run(opts, ret, err))
        return false;
    return !opts->costs || om_fleet_costs_load(ret, opts->costs, err);
}

void om_fleet_costs_write(const struct om_fleet_costs *costs, struct om_json_writer *w)
{
    om_json_key(w, "costs");
    om_json_object(w);
    for (int i = 0; i < OM_FLEET_COST_COUNT; i++) {
        om_json_key(w, table[i].name);
        om_json_object(w);
        om_json_kv_double(w, "value", costs->value[i], 4);
        om_json_kv_text(w, "origin", costs->origin[i]);
        om_json_object_end(w);
    }
    om_json_object_end(w);
    om_json_kv_text(w, "model", costs->model[0] ? costs->model : NULL);
}
