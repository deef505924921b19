// bench memory: what a quiet camera keeps resident, whether anything grows with packets or with
// cameras that come and go, heap allocations of our own per frame once everything is warm, and how
// long the frame pool takes to hand a block out while two threads want some.

#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/thread.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/feeder.h"
#include "bench/home.h"
#include "bench/memory.h"
#include "bench/model.h"
#include "bench/process.h"
#include "infer/engine.h"
#include "infer/model.h"
#include "loop/workers.h"
#include "pipeline/stages.h"
#include "sink/journal.h"

enum { POOL_BLOCKS = 64, POOL_TURNS = 200000, POOL_THREADS = 2, POOL_AT_ONCE = 4 };

// ---- pool
// ----------------------------------------------------------------------------------------

struct taker {
    struct om_pool *pool;
    struct om_thread thread;
    struct om_hist hist_ns;
};

static int64_t mono_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void take_and_put(void *ctx)
{
    struct taker *taker = ctx;
    void *blocks[POOL_AT_ONCE];
    for (int turn = 0; turn < POOL_TURNS; turn++) {
        for (int i = 0; i < POOL_AT_ONCE; i++) {
            int64_t start_ns = mono_ns();
            blocks[i] = om_pool_take(taker->pool);
            om_hist_add(&taker->hist_ns, mono_ns() - start_ns);
        }
        for (int i = 0; i < POOL_AT_ONCE; i++)
            om_pool_put(taker->pool, blocks[i]);
    }
}

static void warm(struct om_pool *pool)
{
    void *blocks[POOL_BLOCKS];
    for (int i = 0; i < POOL_BLOCKS; i++)
        blocks[i] = om_pool_take(pool);
    for (int i = 0; i < POOL_BLOCKS; i++)
        om_pool_put(pool, blocks[i]);
}

static void measure_pool(struct om_bench_report *report)
{
    static struct taker takers[POOL_THREADS];
    struct om_pool *pool = om_pool_create(640 * 360 * 3 / 2, POOL_BLOCKS);
    double worst_ns = 0;
    warm(pool);
    for (int i = 0; i < POOL_THREADS; i++) {
        takers[i] = (struct taker){.pool = pool};
        bool has_started = om_thread_start(&takers[i].thread, "taker", 0, take_and_put, &takers[i]);
        om_assert(has_started);
    }
    for (int i = 0; i < POOL_THREADS; i++) {
        om_thread_join(&takers[i].thread);
        worst_ns = OM_MAX(worst_ns, om_hist_quantile_us(&takers[i].hist_ns, 0.99));
    }
    om_pool_destroy(pool);
    om_json_kv_double(report->figures, "handout_us_p99", worst_ns / 1e3, 3);
}

// ---- frames
// --------------------------------------------------------------------------------------

static bool measure_frames(const struct om_bench_opts *opts,
                           const struct om_feeder_opts *feeder_opts, struct om_bench_report *report,
                           struct om_error *err)
{
    struct om_feeder *feeder = om_feeder_create(feeder_opts, err);
    if (!feeder)
        return false;
    struct om_stages_stats before, after;
    om_time_sleep_us(3 * (int64_t)OM_SECOND);  // pools and buffers find their size
    om_stages_stats(om_feeder_stages(feeder), &before);
    uint64_t allocs_before = om_mem_alloc_count();
    om_time_sleep_us(opts->seconds * (int64_t)OM_SECOND);
    uint64_t allocs = om_mem_alloc_count() - allocs_before;
    om_stages_stats(om_feeder_stages(feeder), &after);
    struct om_bench_process process;
    om_bench_process_read(&process);
    om_feeder_destroy(feeder);
    uint64_t frames = after.frames_live - before.frames_live;
    if (frames == 0) {
        om_error_set(err, OM_INVALID, "no frames came through");
        return false;
    }
    om_json_kv_int(report->figures, "frames", (int64_t)frames);
    om_json_kv_double(report->figures, "allocs_per_frame", (double)allocs / (double)frames, 4);
    om_json_kv_double(report->figures, "rss_mib", (double)process.rss_bytes / (1 << 20), 1);
    return true;
}

static bool measure_feeder(const struct om_bench_opts *opts, const struct om_bench_home *home,
                           struct om_bench_report *report, struct om_error *err)
{
    struct om_engine *engine = NULL;
    if (opts->model || opts->data) {
        const struct om_model_opts model_opts = {.threads = 1};
        struct om_model *model = om_bench_model(opts, &model_opts, err);
        const struct om_engine_opts engine_opts = {.workers = 1};
        engine = model ? om_engine_create(model, &engine_opts, err) : NULL;
        if (!engine)
            return false;
    }
    struct om_journal *journal = om_journal_open(home->journal_path, &om_journal_opts_default, err);
    struct om_workers *workers = om_workers_create("worker", 0, 1024 * 1024);
    const struct om_feeder_opts feeder_opts = {.video = om_bench_video(opts),
                                               .camera = "memory",
                                               .fps = 25,
                                               .workers = workers,
                                               .engine = engine,
                                               .journal = journal,
                                               .update_us = OM_SECOND};
    om_json_kv_text(report->workload, "video", feeder_opts.video);
    om_json_kv_text(report->workload, "model",
                    engine ? om_model_manifest(om_engine_model(engine))->name : "motion only");
    bool is_ok = journal && measure_frames(opts, &feeder_opts, report, err);
    om_engine_destroy(engine);
    om_workers_destroy(workers);
    om_journal_close(journal);
    return is_ok;
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    struct om_bench_home home = {0};
    struct om_quiet_scene scene = {0};
    report->reference = "the same process before";
    bool is_ok = om_bench_home_make(&home, err) &&
                 om_quiet_scene_start(&scene, home.path, opts, err) &&
                 om_memory_cameras(&scene, opts, report, err) &&
                 (opts->packets == 0 || om_memory_packets(&scene, opts, report, err)) &&
                 measure_feeder(opts, &home, report, err);
    if (is_ok)
        measure_pool(report);
    om_quiet_scene_stop(&scene);
    om_bench_home_remove(&home);
    return is_ok;
}

const struct om_bench om_bench_memory = {
    .name = "memory",
    .help = "a quiet camera's memory, growth, allocations per frame, pool hand-out",
    .run = run,
};
