// bench latency: from the packet coming in to its event standing in the journal, where every
// subscriber sees it. Cameras play a clip at 5 and at 25 frames a second, as many as make half of
// the frames a second that the whole chain reached in the same run; every track gives an event
// every frame. Then pictures alone through the engine (bench/latency_pictures.h).

#include <math.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/feeder.h"
#include "bench/home.h"
#include "bench/latency_pictures.h"
#include "bench/model.h"
#include "infer/engine.h"
#include "infer/model.h"
#include "loop/workers.h"
#include "pipeline/stages.h"
#include "sink/journal.h"

enum { FEEDERS_MAX = 256, SAMPLES_MAX = 1 << 20, WARM_UP_US = 2 * OM_SECOND };

struct latency {
    const struct om_bench_opts *opts;
    struct om_bench_home home;
    struct om_journal *journal;
    struct om_workers *workers;
    struct om_engine *engine;

    struct om_thread reader;
    struct om_mutex lock;
    struct om_cond committed;
    // Under `lock`.
    bool has_news, ends;
    bool counts;  // samples are taken
    double *samples_ms;
    int sample_count;
};

static void on_commit(void *ctx)
{
    struct latency *l = ctx;
    om_with_lock(&l->lock);
    l->has_news = true;
    om_cond_signal(&l->committed);
}

static bool on_row(void *ctx, uint64_t seq, om_str json)
{
    struct latency *l = ctx;
    (void)seq;
    om_auto_json root = om_json_parse(json, NULL);
    om_str time = om_json_as_str(om_json_get(root, "time"), OM_STR(""));
    int64_t wall_us;
    if (!om_time_parse(time.p, time.n, &wall_us))
        return true;
    om_with_lock(&l->lock);
    if (l->counts && l->sample_count < SAMPLES_MAX)
        l->samples_ms[l->sample_count++] = (double)(om_time_wall_us() - wall_us) / OM_MS;
    return true;
}

static bool wait_for_news(struct latency *l)
{
    om_with_lock(&l->lock);
    while (!l->has_news && !l->ends)
        om_cond_wait(&l->committed, &l->lock);
    l->has_news = false;
    return !l->ends;
}

static void reader_main(void *ctx)
{
    struct latency *l = ctx;
    uint64_t seen = om_journal_seq_committed(l->journal);
    while (wait_for_news(l)) {
        uint64_t now = om_journal_seq_committed(l->journal);
        while (seen < now) {
            const struct om_journal_query query = {
                .after_seq = seen, .limit = 1000, .type = "track"};
            if (om_journal_read(l->journal, &query, on_row, l, NULL) != OM_OK)
                return;
            seen = OM_MIN(seen + 1000, now);
        }
    }
}

// Frames a second that one camera gets through the chain when nothing holds it back.
static double measure_capacity(struct latency *l, const char *video, struct om_error *err)
{
    const struct om_feeder_opts opts = {.video = video,
                                        .camera = "capacity",
                                        .workers = l->workers,
                                        .engine = l->engine,
                                        .journal = l->journal,
                                        .update_us = OM_SECOND};
    struct om_feeder *feeder = om_feeder_create(&opts, err);
    if (!feeder)
        return 0;
    struct om_stages_stats before, after;
    om_time_sleep_us(OM_SECOND);
    om_stages_stats(om_feeder_stages(feeder), &before);
    int64_t start_us = om_time_mono_us();
    om_time_sleep_us(l->opts->seconds * (int64_t)OM_SECOND / 2);
    om_stages_stats(om_feeder_stages(feeder), &after);
    double seconds = (double)(om_time_mono_us() - start_us) / OM_SECOND;
    om_feeder_destroy(feeder);
    return (double)(after.frames_detected - before.frames_detected) / seconds;
}

static double quantile(double *values, int n, double q)
{
    if (n == 0)
        return NAN;
    (void)om_bench_median(values, n);  // sorts
    return values[OM_CLAMP((int)ceil(q * n) - 1, 0, n - 1)];
}

static void set_counts(struct latency *l, bool counts)
{
    om_with_lock(&l->lock);
    l->counts = counts;
    if (counts)
        l->sample_count = 0;
}

struct point {
    double fps, load, p50_ms, p99_ms;
    int cameras, events;
};

static bool measure_at(struct latency *l, const char *video, double capacity, struct point *point,
                       struct om_error *err)
{
    struct om_feeder *feeders[FEEDERS_MAX] = {NULL};
    double fps = point->fps;
    int cameras = OM_CLAMP((int)(capacity / 2 / fps), 1, FEEDERS_MAX);
    bool is_ok = true;
    for (int i = 0; i < cameras && is_ok; i++) {
        char id[32];
        snprintf(id, sizeof(id), "latency-%d", i);
        const struct om_feeder_opts opts = {
            .video = video,
            .camera = id,
            .fps = fps,
            .delay_us = (int64_t)(i * OM_SECOND / fps / cameras),
            .workers = l->workers,
            .engine = l->engine,
            .journal = l->journal,
            .update_us = 1,
        };
        feeders[i] = om_feeder_create(&opts, err);
        is_ok = feeders[i];
    }
    om_time_sleep_us(WARM_UP_US);
    set_counts(l, true);
    om_time_sleep_us(l->opts->seconds * (int64_t)OM_SECOND);
    set_counts(l, false);
    for (int i = 0; i < cameras; i++)
        om_feeder_destroy(feeders[i]);
    if (!is_ok)
        return false;
    point->cameras = cameras;
    point->load = cameras * fps / capacity;
    point->events = l->sample_count;
    point->p50_ms = quantile(l->samples_ms, l->sample_count, 0.5);
    point->p99_ms = quantile(l->samples_ms, l->sample_count, 0.99);
    return true;
}

static void write_point(struct om_json_writer *w, const struct point *point)
{
    om_json_kv_double(w, "fps", point->fps, 2);
    om_json_kv_int(w, "cameras", point->cameras);
    om_json_kv_double(w, "load", point->load, 3);
    om_json_kv_double(w, "frame_interval_ms", 1000 / point->fps, 2);
    om_json_kv_int(w, "events", point->events);
    om_json_kv_double(w, "event_ms_p50", point->p50_ms, 2);
    om_json_kv_double(w, "event_ms_p99", point->p99_ms, 2);
}

static bool measure(struct latency *l, struct om_bench_report *report, struct om_error *err)
{
    struct point points[] = {{.fps = 5}, {.fps = 25}};
    const char *video = om_bench_video(l->opts);
    double capacity = measure_capacity(l, video, err);
    if (capacity <= 0)
        return false;
    om_json_kv_text(report->workload, "video", video);
    om_json_kv_int(report->workload, "seconds", l->opts->seconds);
    om_json_kv_double(report->figures, "frames_per_s", capacity, 2);
    for (size_t i = 0; i < OM_ARRAY_LEN(points); i++) {
        if (!measure_at(l, video, capacity, &points[i], err))
            return false;
    }
    // The shortest interval is the hardest bound: it stands for the whole, the others beside it.
    write_point(report->figures, &points[OM_ARRAY_LEN(points) - 1]);
    om_json_key(report->figures, "by_fps");
    om_json_array(report->figures);
    for (size_t i = 0; i < OM_ARRAY_LEN(points); i++) {
        om_json_object(report->figures);
        write_point(report->figures, &points[i]);
        om_json_object_end(report->figures);
    }
    om_json_array_end(report->figures);
    return true;
}

static bool open_parts(struct latency *l, struct om_bench_report *report, struct om_error *err)
{
    const struct om_model_opts model_opts = {.threads = 1};
    struct om_model *model = om_bench_model(l->opts, &model_opts, err);
    if (!model)
        return false;
    om_json_kv_text(report->workload, "model", om_model_manifest(model)->name);
    const struct om_engine_opts engine_opts = {.workers = 1};
    l->engine = om_engine_create(model, &engine_opts, err);
    if (!l->engine || !om_bench_home_make(&l->home, err))
        return false;
    l->journal = om_journal_open(l->home.journal_path, &om_journal_opts_default, err);
    if (!l->journal)
        return false;
    l->workers = om_workers_create("worker", 0, 1024 * 1024);
    l->samples_ms = om_new_array(double, SAMPLES_MAX);
    return om_journal_listen(l->journal, on_commit, l) &&
           om_thread_start(&l->reader, "events", 0, reader_main, l);
}

static void close_parts(struct latency *l)
{
    if (l->journal)
        om_journal_unlisten(l->journal, l);
    {
        om_with_lock(&l->lock);
        l->ends = true;
        om_cond_signal(&l->committed);
    }
    om_thread_join(&l->reader);
    om_engine_destroy(l->engine);
    om_workers_destroy(l->workers);
    om_journal_close(l->journal);
    om_bench_home_remove(&l->home);
    om_free(l->samples_ms);
    om_cond_finish(&l->committed);
    om_mutex_finish(&l->lock);
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    struct latency l = {.opts = opts};
    om_mutex_init(&l.lock);
    om_cond_init(&l.committed);
    report->reference = "the frame interval";
    bool is_ok = open_parts(&l, report, err) && measure(&l, report, err);
    close_parts(&l);
    return is_ok && om_bench_latency_pictures(opts, report, err);
}

const struct om_bench om_bench_latency = {
    .name = "latency",
    .help = "packet in to event out, at half load",
    .run = run,
};
