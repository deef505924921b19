#include "bench/latency_pictures.h"

#include <math.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/thread.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/model.h"
#include "bench/pictures.h"
#include "conf/opt.h"
#include "infer/device.h"
#include "infer/engine.h"
#include "infer/model.h"
#include "media/frame.h"

enum {
    WIDTH = 640,
    HEIGHT = 360,
    FRAMES = 32,
    SLOTS = 64,
    BATCH = 8,
    IN_FLIGHT = 16,  // while the reach is measured
    SAMPLES_MAX = 1 << 18,
    SHAPES_MAX = 3
};
static const double LOAD = 0.7;

struct rig;

struct place {
    struct rig *rig;
    struct om_slot *slot;
    // Under rig->lock.
    int64_t start_us;
    bool is_busy;
};

struct samples {
    double *ms;
    int count;
};

struct rig {
    struct om_engine *engine;
    struct om_frame *frames[FRAMES];
    int frame_count;
    uint64_t next_frame;
    struct place places[SLOTS];

    struct om_mutex lock;
    struct om_cond done;
    // Under `lock`.
    int busy;
    int64_t failed;
    int64_t last_us;
    struct samples *samples;  // where latencies go; NULL = nowhere
};

// ---- putting and waiting -----------------------------------------------------------------------

static void on_result(void *ctx, struct om_slot_result *result)
{
    struct place *place = ctx;
    struct rig *rig = place->rig;
    int64_t now_us = om_time_mono_us();
    {
        om_with_lock(&rig->lock);
        place->is_busy = false;
        rig->busy--;
        rig->failed += result->status != OM_OK;
        rig->last_us = now_us;
        if (rig->samples && rig->samples->count < SAMPLES_MAX)
            rig->samples->ms[rig->samples->count++] = (double)(now_us - place->start_us) / OM_MS;
        om_cond_signal(&rig->done);
    }
    om_frame_unref(&result->frame);
}

// Puts the next picture into a free place as of `start_us`; false when all are taken.
static bool put_picture(struct rig *rig, int64_t start_us)
{
    struct place *free_place = NULL;
    {
        om_with_lock(&rig->lock);
        for (int i = 0; i < SLOTS && !free_place; i++)
            free_place = rig->places[i].is_busy ? NULL : &rig->places[i];
        if (!free_place)
            return false;
        free_place->is_busy = true;
        free_place->start_us = start_us;
        rig->busy++;
    }
    struct om_frame *frame = rig->frames[rig->next_frame++ % FRAMES];
    om_slot_put(free_place->slot, om_frame_ref(frame));
    return true;
}

// Until at most `most` are under way. Returns when the last came back.
static int64_t wait_until(struct rig *rig, int most)
{
    om_with_lock(&rig->lock);
    while (rig->busy > most)
        om_cond_wait(&rig->done, &rig->lock);
    return rig->last_us;
}

static double quantile(struct samples *samples, double q)
{
    if (samples->count == 0)
        return NAN;
    (void)om_bench_median(samples->ms, samples->count);  // sorts
    int at = (int)ceil(q * samples->count) - 1;
    return samples->ms[OM_CLAMP(at, 0, samples->count - 1)];
}

// ---- the four measurements ---------------------------------------------------------------------

struct shape {
    int threads, instances;
    double single_p50, single_p99, batch8_p50, batch8_p99;
    double reached_per_s, load, picture_p50, picture_p99;
    double cpu_ms;         // of the whole process, a picture, while the reach was measured
    double cpu_ms_loaded;  // the same at the load
    int64_t pictures, refused;
};

// `together` pictures at once on an idle engine, again and again.
static void measure_bursts(struct rig *rig, int together, int64_t us, struct samples *samples)
{
    int64_t end_us = om_time_mono_us() + us;
    samples->count = 0;
    while (om_time_mono_us() < end_us && samples->count < SAMPLES_MAX) {
        int64_t start_us = om_time_mono_us();
        for (int i = 0; i < together; i++)
            om_assert(put_picture(rig, start_us));
        samples->ms[samples->count++] = (double)(wait_until(rig, 0) - start_us) / OM_MS;
    }
}

// Something always waits: pictures a second that come out.
static void measure_reach(struct rig *rig, int64_t us, struct shape *shape)
{
    int64_t start_us = om_time_mono_us(), cpu_us = om_time_cpu_us(), put = 0;
    while (om_time_mono_us() < start_us + us) {
        for (int i = IN_FLIGHT / 2; i < IN_FLIGHT; i++)
            put += put_picture(rig, 0);
        (void)wait_until(rig, IN_FLIGHT / 2);
    }
    int64_t end_us = wait_until(rig, 0);
    double pictures = (double)put;
    shape->reached_per_s = pictures * OM_SECOND / (double)(end_us - start_us);
    shape->cpu_ms = (double)(om_time_cpu_us() - cpu_us) / OM_MS / pictures;
}

// Pictures come when they come, whether or not the engine keeps up: exponential gaps. The time
// counts from when the picture should have come, so that a late sender hides nothing.
static void measure_open(struct rig *rig, int64_t us, struct samples *samples, struct shape *shape)
{
    struct om_rand rand;
    om_rand_init(&rand, 1);
    double per_us = LOAD * shape->reached_per_s / OM_SECOND;
    int64_t cpu_us = om_time_cpu_us(), start_us = om_time_mono_us();
    double at_us = 0;
    samples->count = 0;
    {
        om_with_lock(&rig->lock);
        rig->samples = samples;
    }
    while ((at_us -= log(1 - om_rand_unit(&rand)) / per_us) < (double)us) {
        int64_t due_us = start_us + (int64_t)at_us;
        om_time_sleep_us(due_us - om_time_mono_us());
        if (put_picture(rig, due_us))
            shape->pictures++;
        else
            shape->refused++;
    }
    (void)wait_until(rig, 0);
    {
        om_with_lock(&rig->lock);
        rig->samples = NULL;
    }
    shape->load = LOAD;
    shape->cpu_ms_loaded = (double)(om_time_cpu_us() - cpu_us) / OM_MS / (double)shape->pictures;
}

// ---- one shape ---------------------------------------------------------------------------------

static bool open_places(struct rig *rig)
{
    const struct om_slot_opts opts = OM_SLOT_OPTS_DEFAULT;
    for (int i = 0; i < SLOTS; i++) {
        rig->places[i] = (struct place){.rig = rig};
        rig->places[i].slot = om_slot_open(rig->engine, &opts, on_result, &rig->places[i]);
        if (!rig->places[i].slot)
            return false;
    }
    return true;
}

static void close_places(struct rig *rig)
{
    for (int i = 0; i < SLOTS; i++) {
        om_slot_close(rig->places[i].slot);
        rig->places[i].slot = NULL;
    }
}

static void measure_on(struct rig *rig, int64_t us, struct samples *samples, struct shape *shape)
{
    measure_bursts(rig, BATCH, us / 10, samples);  // every context made, caches warm
    measure_bursts(rig, 1, us / 2, samples);
    shape->single_p50 = quantile(samples, 0.5);
    shape->single_p99 = quantile(samples, 0.99);
    measure_bursts(rig, BATCH, us / 2, samples);
    shape->batch8_p50 = quantile(samples, 0.5);
    shape->batch8_p99 = quantile(samples, 0.99);
    measure_reach(rig, us / 2, shape);
    measure_open(rig, us, samples, shape);
    shape->picture_p50 = quantile(samples, 0.5);
    shape->picture_p99 = quantile(samples, 0.99);
}

static bool measure_shape(struct rig *rig, const struct om_bench_opts *opts,
                          struct samples *samples, struct shape *shape, struct om_error *err)
{
    const struct om_model_opts model_opts = {.threads = shape->threads,
                                             .instances = shape->instances};
    struct om_model *model = om_bench_model(opts, &model_opts, err);
    rig->engine = model ? om_engine_create(model, &(struct om_engine_opts){0}, err) : NULL;
    if (!rig->engine)
        return false;
    bool is_open = open_places(rig);
    if (is_open)
        measure_on(rig, opts->seconds * (int64_t)OM_SECOND, samples, shape);
    else
        om_error_set(err, OM_LIMIT, "no slots");
    close_places(rig);
    om_engine_destroy(om_steal(&rig->engine));
    if (is_open && rig->failed)
        om_error_set(err, OM_INVALID, "%lld pictures were not read", (long long)rig->failed);
    return is_open && !rig->failed;
}

static void write_shape(struct om_json_writer *w, const struct shape *shape)
{
    om_json_kv_double(w, "single_ms_p50", shape->single_p50, 2);
    om_json_kv_double(w, "single_ms_p99", shape->single_p99, 2);
    om_json_kv_double(w, "batch8_ms_p50", shape->batch8_p50, 2);
    om_json_kv_double(w, "batch8_ms_p99", shape->batch8_p99, 2);
    om_json_kv_double(w, "reached_per_s", shape->reached_per_s, 2);
    om_json_kv_double(w, "picture_load", shape->load, 3);
    om_json_kv_double(w, "picture_ms_p50", shape->picture_p50, 2);
    om_json_kv_double(w, "picture_ms_p99", shape->picture_p99, 2);
    om_json_kv_double(w, "picture_cpu_ms", shape->cpu_ms, 3);
    om_json_kv_double(w, "picture_cpu_ms_loaded", shape->cpu_ms_loaded, 3);
    om_json_kv_int(w, "pictures", shape->pictures);
    om_json_kv_int(w, "pictures_refused", shape->refused);
}

// ---- all ---------------------------------------------------------------------------------------

// The server's own choice first, then one thread on each core, then all cores for one run.
static int list_shapes(struct shape shapes[SHAPES_MAX])
{
    struct om_infer_opts chosen = {0};
    int cores = (int)OM_CLAMP(sysconf(_SC_NPROCESSORS_ONLN), 1, 16), n = 0;
    om_opt_defaults(&om_infer_opt_group, &chosen);
    om_infer_opts_choose(&chosen, cores);
    const struct shape all[SHAPES_MAX] = {
        {.threads = chosen.threads, .instances = chosen.instances},
        {.threads = 1, .instances = cores},
        {.threads = cores, .instances = 1}};
    om_opt_finish(&om_infer_opt_group, &chosen);
    for (int i = 0; i < SHAPES_MAX; i++) {
        bool is_new = true;
        for (int k = 0; k < n; k++)
            is_new &= shapes[k].threads != all[i].threads ||
                      shapes[k].instances != all[i].instances;
        if (is_new)
            shapes[n++] = all[i];
    }
    return n;
}

static bool keep_frame(void *ctx, struct om_frame *frame)
{
    struct rig *rig = ctx;
    rig->frames[rig->frame_count++] = om_frame_ref(frame);
    return true;
}

static bool measure_all(struct rig *rig, const struct om_bench_opts *opts,
                        struct om_bench_report *report, struct om_error *err)
{
    struct shape shapes[SHAPES_MAX] = {0};
    int n = list_shapes(shapes);
    om_auto_free double *room = om_new_array(double, SAMPLES_MAX);
    struct samples samples = {.ms = room};
    for (int i = 0; i < n; i++)
        if (!measure_shape(rig, opts, &samples, &shapes[i], err))
            return false;
    om_json_kv_int(report->workload, "threads", shapes[0].threads);
    om_json_kv_int(report->workload, "instances", shapes[0].instances);
    om_json_kv_text(report->workload, "picture", "640x360 I420");
    write_shape(report->figures, &shapes[0]);
    om_json_key(report->figures, "by_shape");
    om_json_array(report->figures);
    for (int i = 0; i < n; i++) {
        om_json_object(report->figures);
        om_json_kv_int(report->figures, "threads", shapes[i].threads);
        om_json_kv_int(report->figures, "instances", shapes[i].instances);
        write_shape(report->figures, &shapes[i]);
        om_json_object_end(report->figures);
    }
    om_json_array_end(report->figures);
    return true;
}

bool om_bench_latency_pictures(const struct om_bench_opts *opts, struct om_bench_report *report,
                               struct om_error *err)
{
    om_auto_free struct rig *rig = om_new(struct rig);
    const struct om_bench_pictures_opts pictures = {
        .video = om_bench_video(opts), .width = WIDTH, .height = HEIGHT, .count = FRAMES};
    om_mutex_init(&rig->lock);
    om_cond_init(&rig->done);
    bool is_ok = om_bench_pictures(&pictures, keep_frame, rig, err) &&
                 measure_all(rig, opts, report, err);
    for (int i = 0; i < rig->frame_count; i++)
        om_frame_unref(&rig->frames[i]);
    om_cond_finish(&rig->done);
    om_mutex_finish(&rig->lock);
    return is_ok;
}
