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

enum { FILE_BYTES_MAX = 1 << 24, FRAMES = 150, RUNS = 20, EVENTS = 5000, PIXELS = 640 * 360 };

// `bench` and `figure` say where a file has it; `scale` brings it into the unit.
static const struct {
    const char *name, *bench, *figure;
    double scale, assumed;
    const char *why;
} table[OM_FLEET_COST_COUNT] = {
    {"read_us", "ingest", "us_per_packet", 1, 20, "assumed: no camera measured"},
    {"judge_us", "gate", "us_per_packet", 1, 2, "assumed: what the gate may take at most"},
    {"decode_ms", "", "", 1, 0.42, "assumed: H.264 640x360, one core"},
    {"motion_ms", "", "", 1, 0.1, "assumed"},
    {"run_ms", "", "", 1, 9.7, "assumed: yolox_nano_416, one core"},
    {"regions_per_run", "pack", "times_unpacked", 1, 1, "assumed: one region per run"},
    {"quiet_decoded_share", "gate", "frames_decoded_share", 1, 0.1, "assumed: the gate's bound"},
    {"event_us", "events", "us_per_event", 1, 10, "assumed"},
    {"event_bytes", "", "", 1, 900, "assumed"},
    {"camera_mb", "memory", "bytes_per_quiet_camera", 1e-6, 1.5,
     "assumed: the bound of a quiet one"},
    {"cameras_per_core", "streams", "cameras_per_core", 1, 0, "not known"},
    {"cameras_per_core_activity", "streams", "activity", 1, 0, "not known"},
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
    int64_t read_us, decode_us, motion_us;
    int packets, frames;
    double pixels;
    int64_t judge_us;
};

static void watch_frames(struct video *v, struct om_decoder *decoder, struct om_watch *watch)
{
    static uint8_t luma[OM_THUMB_PIXELS_MAX];
    struct om_frame *frame = NULL;
    for (;;) {
        int64_t start_us = om_time_thread_cpu_us();
        enum om_status status = om_decoder_take(decoder, &frame);
        int64_t taken_us = om_time_thread_cpu_us();
        v->decode_us += taken_us - start_us;
        if (status != OM_OK)
            return;
        struct om_thumb thumb = {.luma = luma};
        struct om_watch_result result;
        om_thumb_size(frame->width, frame->height, &thumb.width, &thumb.height);
        om_thumb_fill(&thumb, frame);
        om_watch_update(watch, &thumb, &result);
        v->motion_us += om_time_thread_cpu_us() - taken_us;
        v->pixels = (double)frame->width * frame->height;
        v->frames++;
        om_frame_unref(&frame);
    }
}

static bool measure_video(const struct om_bench_opts *opts, struct om_fleet_costs *costs,
                          struct om_error *err)
{
    struct om_source_opts source_opts = om_source_opts_default;
    source_opts.as_fast_as_possible = true;
    om_auto(om_source) source = om_source_open(om_bench_video(opts), &source_opts, NULL, err);
    const struct om_decoder_opts decoder_opts = {.threads = 1};
    om_auto(om_decoder)
        decoder = source ? om_decoder_create(om_source_info(source), &decoder_opts, err) : NULL;
    if (!decoder)
        return false;
    struct om_watch_opts watch_opts;
    om_watch_opts_default(&watch_opts);
    om_auto(om_watch) watch = om_watch_create(&watch_opts);
    struct om_packet_gate_opts gate_opts;
    om_packet_gate_opts_default(&gate_opts);
    om_auto(om_packet_gate) gate = om_packet_gate_create(om_source_info(source), &gate_opts);
    struct video v = {0};
    while (v.frames < FRAMES) {
        struct om_packet *packet = NULL;
        int64_t start_us = om_time_thread_cpu_us();
        if (om_source_read(source, &packet, err) != OM_OK)
            break;
        int64_t read_us = om_time_thread_cpu_us();
        (void)om_packet_gate_judge(gate, packet);
        int64_t judged_us = om_time_thread_cpu_us();
        (void)!om_decoder_send(decoder, packet);  // a damaged one counts as work all the same
        v.read_us += read_us - start_us;
        v.judge_us += judged_us - read_us;
        v.decode_us += om_time_thread_cpu_us() - judged_us;
        v.packets++;
        om_packet_unref(&packet);
        watch_frames(&v, decoder, watch);
    }
    if (v.frames == 0)
        return false;
    costs->video_decode_ms = (double)v.decode_us / v.frames / OM_MS;
    set(costs, OM_FLEET_READ_US, (double)v.read_us / v.packets, "measured: demuxing a file");
    set(costs, OM_FLEET_MOTION_MS, (double)v.motion_us / v.frames / OM_MS, "measured");
    if (om_source_info(source)->codec != OM_CODEC_H264)
        return true;  // raw pictures of the test scene say nothing about coded ones
    set(costs, OM_FLEET_JUDGE_US, (double)v.judge_us / v.packets, "measured");
    set(costs, OM_FLEET_DECODE_MS, costs->video_decode_ms * PIXELS / v.pixels,
        "measured, scaled by pixels");
    return true;
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
