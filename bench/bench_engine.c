// bench engine: what `omma detect` reaches on a video of what the bare network reaches in a loop,
// with the same model and one thread; decoding and preparing run on the second core. Both sides in
// turn, five rounds, median.

#include <math.h>

#include "base/time.h"
#include "bench/bench.h"
#include "bench/model.h"
#include "infer/model.h"
#include "pipeline/offline.h"

enum { ROUNDS = 5, FRAMES_MIN = 20, BATCH_MAX = 8 };

static void on_item(void *ctx, const struct om_offline_item *item)
{
    (void)item;
    ++*(int64_t *)ctx;
}

static void on_input_end(void *ctx, const char *file, int64_t items, struct om_traffic *traffic,
                         const struct om_error *err)
{
    (void)ctx, (void)file, (void)items, (void)traffic, (void)err;
}

// Frames a second of the whole chain over `frames` frames; 0 with *err.
static double run_chain(const char *video, struct om_model *model, int64_t frames,
                        struct om_error *err)
{
    const struct om_detect_opts detect = OM_DETECT_OPTS_DEFAULT;
    const struct om_offline_opts opts = {
        .inputs = &video, .input_count = 1, .model = model, .detect = &detect, .items_max = frames};
    const struct om_offline_ops ops = {.item = on_item, .input_end = on_input_end};
    int64_t done = 0, start_us = om_time_mono_us();
    if (om_offline_run(&opts, &ops, &done, err) != OM_OK)
        return 0;
    if (done == 0) {
        om_error_set(err, OM_INVALID, "%s gave no frames", video);
        return 0;
    }
    return (double)done * OM_SECOND / (double)(om_time_mono_us() - start_us);
}

// Runs a second of the bare network.
static double run_bare(struct om_model_ctx *ctx, int batch, int64_t runs, struct om_error *err)
{
    int64_t start_us = om_time_mono_us();
    for (int64_t i = 0; i < runs; i++) {
        if (om_model_run_bare(ctx, batch, err) != OM_OK)
            return 0;
    }
    return (double)(runs * batch) * OM_SECOND / (double)(om_time_mono_us() - start_us);
}

// The bare network in batches, for graphs that take them; nan for those that do not.
static double measure_batched(struct om_model *model, double seconds, struct om_error *err)
{
    int batch = OM_MIN(om_model_batch_max(model), (int)BATCH_MAX);
    om_auto(om_model_ctx) ctx = batch > 1 ? om_model_ctx_create(model, batch, err) : NULL;
    if (!ctx)
        return NAN;
    double rate = run_bare(ctx, batch, 2, err);
    int64_t runs = (int64_t)(rate * seconds / batch);
    return rate > 0 ? run_bare(ctx, batch, OM_MAX(runs, 2), err) : NAN;
}

static bool measure(const struct om_bench_opts *opts, struct om_model *model,
                    struct om_model_ctx *ctx, struct om_bench_report *report, struct om_error *err)
{
    double chain[ROUNDS], bare[ROUNDS], share[ROUNDS];
    const char *video = om_bench_video(opts);
    double rate = run_bare(ctx, 1, FRAMES_MIN, err);  // warms up, too
    if (rate <= 0)
        return false;
    int64_t frames = (int64_t)(rate * opts->seconds / 2);
    frames = OM_MAX(frames, FRAMES_MIN);
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = run_bare(ctx, 1, frames, err);
        chain[i] = run_chain(video, model, frames, err);
        if (bare[i] <= 0 || chain[i] <= 0)
            return false;
        share[i] = chain[i] / bare[i];
    }
    om_json_kv_text(report->workload, "video", video);
    om_json_kv_int(report->workload, "frames", frames);
    om_json_kv_int(report->workload, "rounds", ROUNDS);
    om_json_kv_double(report->figures, "share_of_bare", om_bench_median(share, ROUNDS), 4);
    double batched = measure_batched(model, opts->seconds / 2.0, err);
    om_json_kv_double(report->figures, "share_of_bare_batch",
                      om_bench_median(chain, ROUNDS) / batched, 4);
    om_json_kv_double(report->figures, "frames_per_s", om_bench_median(chain, ROUNDS), 2);
    om_json_kv_double(report->figures, "bare_per_s", om_bench_median(bare, ROUNDS), 2);
    return true;
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    const struct om_model_opts model_opts = {.threads = 1};
    om_auto(om_model) model = om_bench_model(opts, &model_opts, err);
    if (!model)
        return false;
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 1, err);
    if (!ctx)
        return false;
    report->reference = "the bare ONNX Runtime call in a loop, same model, one thread";
    om_json_kv_text(report->workload, "model", om_model_manifest(model)->name);
    om_json_kv_text(report->workload, "provider", om_model_provider(model));
    om_json_kv_int(report->workload, "threads", 1);
    return measure(opts, model, ctx, report, err);
}

const struct om_bench om_bench_engine = {
    .name = "engine",
    .help = "omma detect on a video against the bare network",
    .run = run,
};
