// bench memory: heap allocations of our own per frame once everything is warm, the resident memory
// of one camera with its model, and how long the frame pool takes to hand a block out.

#include "base/mem.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/feeder.h"
#include "bench/home.h"
#include "bench/model.h"
#include "bench/process.h"
#include "infer/engine.h"
#include "infer/model.h"
#include "loop/workers.h"
#include "pipeline/stages.h"
#include "sink/journal.h"

enum { POOL_BLOCKS = 64, POOL_TURNS = 200000 };

static void measure_pool(struct om_bench_report *report)
{
    static struct om_hist hist;
    struct om_pool *pool = om_pool_create(640 * 360 * 3 / 2, POOL_BLOCKS);
    void *blocks[POOL_BLOCKS];
    for (int i = 0; i < POOL_BLOCKS; i++)
        blocks[i] = om_pool_take(pool);
    for (int i = 0; i < POOL_BLOCKS; i++)
        om_pool_put(pool, blocks[i]);
    for (int i = 0; i < POOL_TURNS; i++) {
        int64_t start_us = om_time_mono_us();
        void *block = om_pool_take(pool);
        om_hist_add(&hist, om_time_mono_us() - start_us);
        om_pool_put(pool, block);
    }
    om_pool_destroy(pool);
    om_json_kv_double(report->figures, "handout_us_p99", om_hist_quantile_us(&hist, 0.99), 3);
}

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

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    struct om_bench_home home = {0};
    struct om_engine *engine = NULL;
    if (opts->model || opts->data) {
        const struct om_model_opts model_opts = {.threads = 1};
        struct om_model *model = om_bench_model(opts, &model_opts, err);
        const struct om_engine_opts engine_opts = {.workers = 1};
        engine = model ? om_engine_create(model, &engine_opts, err) : NULL;
        if (!engine)
            return false;
    }
    struct om_journal *journal = om_bench_home_make(&home, err)
                                     ? om_journal_open(home.journal_path, &om_journal_opts_default,
                                                       err)
                                     : NULL;
    struct om_workers *workers = om_workers_create("worker", 0, 1024 * 1024);
    const struct om_feeder_opts feeder_opts = {.video = om_bench_video(opts),
                                               .camera = "memory",
                                               .fps = 25,
                                               .workers = workers,
                                               .engine = engine,
                                               .journal = journal,
                                               .update_us = OM_SECOND};
    report->reference = "-";
    om_json_kv_text(report->workload, "video", feeder_opts.video);
    om_json_kv_text(report->workload, "model",
                    engine ? om_model_manifest(om_engine_model(engine))->name : "motion only");
    bool is_ok = journal && measure_frames(opts, &feeder_opts, report, err);
    if (is_ok)
        measure_pool(report);
    om_engine_destroy(engine);
    om_workers_destroy(workers);
    om_journal_close(journal);
    om_bench_home_remove(&home);
    return is_ok;
}

const struct om_bench om_bench_memory = {
    .name = "memory",
    .help = "allocations per frame, resident memory, pool hand-out",
    .run = run,
};
