#include "infer/engine.h"

#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "base/time.h"
#include "media/frame.h"

enum {
    BATCH_MAX = 16,
    CTX_SIZES = 5,  // tensors for 1, 2, 4, 8, 16 pictures, made when first needed
    WORKERS_MAX = 64,
    STACK_BYTES = 1 << 20
};

struct om_slot {
    // Constant after open.
    struct om_engine *engine;
    struct om_slot_opts opts;
    om_slot_fn *fn;
    void *ctx;

    // Under engine->lock.
    struct om_list link;  // in engine->waiting exactly while a look waits and nothing runs
    struct om_look look;  // waits while it has a frame
    int64_t put_us;
    bool is_running;
    struct om_slot_stats stats;
};

struct worker {
    struct om_engine *engine;
    struct om_thread thread;
    // The worker's own.
    struct om_model_ctx *ctx[CTX_SIZES];
    struct om_result *results;
    struct om_result *region_result;
};

struct batch {
    int count;
    struct om_slot *slots[BATCH_MAX];
    struct om_frame *frames[BATCH_MAX];
    struct om_regions looked[BATCH_MAX];
    bool is_overdue[BATCH_MAX];
    int64_t queued_us[BATCH_MAX];
};

struct om_engine {
    // Constant after create.
    struct om_model *model;
    int batch_max;
    int worker_count;
    struct worker *workers;

    struct om_mutex lock;
    struct om_cond work;  // something waits, or the end
    struct om_cond done;  // a slot's run is over
    // Under `lock`.
    struct om_list waiting;  // slots, in the order they were filled
    int slot_count;
    bool is_ending;
    struct om_engine_stats stats;
    struct om_hist queue;
};

// ---- one batch ---------------------------------------------------------------------------------

static bool same_opts(const struct om_detect_opts *a, const struct om_detect_opts *b)
{
    return a->score_min == b->score_min && a->nms_iou == b->nms_iou &&
           a->all_classes == b->all_classes && a->objects_max == b->objects_max;
}

static void take_look(struct batch *batch, struct om_slot *slot, int64_t now_us)
{
    int at = batch->count++;

    om_list_remove(&slot->link);
    slot->is_running = true;
    batch->slots[at] = slot;
    batch->frames[at] = om_steal(&slot->look.frame);
    batch->looked[at] = slot->look.regions;
    batch->queued_us[at] = now_us - slot->put_us;
    batch->is_overdue[at] = slot->look.deadline_us && now_us > slot->look.deadline_us;
    if (batch->is_overdue[at]) {
        slot->stats.overdue++;
        slot->engine->stats.overdue++;
        return;
    }
    slot->stats.run++;
    slot->engine->stats.looks++;
    slot->engine->stats.regions += (uint64_t)OM_MAX(slot->look.regions.count, 1);
    om_hist_add(&slot->engine->queue, batch->queued_us[at]);
}

// What waits, up to a batch; pictures of one run share their options. A look at regions has its
// own.
static void take_batch(struct om_engine *engine, struct batch *batch)
{
    int64_t now_us = om_time_mono_us();

    om_mutex_assert_held(&engine->lock);
    batch->count = 0;
    om_list_each(slot, &engine->waiting, struct om_slot, link)
    {
        if (batch->count == engine->batch_max)
            break;
        if (batch->count && (!same_opts(&slot->opts.detect, &batch->slots[0]->opts.detect) ||
                             slot->look.regions.count))
            continue;
        take_look(batch, slot, now_us);
        if (batch->looked[0].count || batch->is_overdue[0])
            break;
    }
}

// Which of the model's instances a worker is; a device that is done sooner takes more of what
// waits.
static int instance_of(const struct worker *worker)
{
    return (int)(worker - worker->engine->workers);
}

// The smallest context that holds `count` pictures; NULL when it cannot be had.
static struct om_model_ctx *ctx_for(struct worker *worker, int count)
{
    int size = 0;

    while (1 << size < count)
        size++;
    if (!worker->ctx[size]) {
        int batch = OM_MIN(1 << size, om_model_batch_max(worker->engine->model));
        worker->ctx[size] = om_model_ctx_create_on(worker->engine->model, instance_of(worker),
                                                   batch, NULL);
    }
    return worker->ctx[size];
}

static void append(struct om_result *all, const struct om_result *one)
{
    int room = OM_DETECTIONS_MAX - all->detections.count;
    int count = OM_MIN(one->detections.count, room);

    memcpy(&all->detections.items[all->detections.count], one->detections.items,
           (size_t)count * sizeof(one->detections.items[0]));
    all->detections.count += count;
    all->timing.pre_us += one->timing.pre_us;
    all->timing.infer_us += one->timing.infer_us;
    all->timing.post_us += one->timing.post_us;
}

static enum om_status run_regions(struct worker *worker, const struct batch *batch)
{
    struct om_model_ctx *ctx = ctx_for(worker, 1);
    const struct om_frame *frames[1] = {batch->frames[0]};
    const struct om_detect_opts *opts = &batch->slots[0]->opts.detect;
    enum om_status status = ctx ? OM_INVALID : OM_NO_MEMORY;
    struct om_result *all = &worker->results[0];

    memset(all, 0, sizeof(*all));
    for (int i = 0; ctx && i < batch->looked[0].count; i++) {
        enum om_status own = om_model_run(ctx, frames, &batch->looked[0].items[i], 1, opts,
                                          worker->region_result, NULL);
        if (own == OM_OK && status == OM_OK)
            append(all, worker->region_result);
        else if (own == OM_OK)
            *all = *worker->region_result;
        status = status == OM_OK ? OM_OK : own;
    }
    return status;
}

static enum om_status run_batch(struct worker *worker, struct batch *batch)
{
    struct om_model_ctx *ctx = ctx_for(worker, batch->count);
    const struct om_detect_opts *opts = &batch->slots[0]->opts.detect;

    if (batch->is_overdue[0])
        return OM_TIMEOUT;
    if (batch->looked[0].count)
        return run_regions(worker, batch);
    if (!ctx)
        return OM_NO_MEMORY;
    return om_model_run(ctx, (const struct om_frame *const *)batch->frames, NULL, batch->count,
                        opts, worker->results, NULL);
}

// One picture alone, after its batch has failed: the others shall not suffer from it.
static enum om_status run_alone(struct worker *worker, struct batch *batch, int i)
{
    struct om_model_ctx *ctx = ctx_for(worker, 1);
    const struct om_frame *frames[1] = {batch->frames[i]};

    if (batch->is_overdue[i])
        return OM_TIMEOUT;
    if (!ctx)
        return OM_NO_MEMORY;
    return om_model_run(ctx, frames, NULL, 1, &batch->slots[i]->opts.detect, &worker->results[i],
                        NULL);
}

static void deliver(struct worker *worker, struct batch *batch)
{
    enum om_status status = run_batch(worker, batch);

    for (int i = 0; i < batch->count; i++) {
        enum om_status own = status;
        if (status != OM_OK && batch->count > 1)
            own = run_alone(worker, batch, i);
        if (own != OM_OK)
            memset(&worker->results[i], 0, sizeof(worker->results[i]));
        struct om_slot *slot = batch->slots[i];
        struct om_slot_result result = {
            .frame = batch->frames[i],
            .result = &worker->results[i],
            .looked = &batch->looked[i],
            .status = own,
            .queued_us = batch->queued_us[i],
            .batch = batch->count,
        };
        slot->fn(slot->ctx, &result);
    }
}

static void finish_batch(struct om_engine *engine, struct batch *batch)
{
    om_mutex_assert_held(&engine->lock);
    for (int i = 0; i < batch->count; i++) {
        struct om_slot *slot = batch->slots[i];
        slot->is_running = false;
        if (slot->look.frame) {  // a newer one came meanwhile
            om_list_push(&engine->waiting, &slot->link);
            om_cond_signal(&engine->work);
        }
    }
    om_cond_broadcast(&engine->done);
}

static void work(void *ctx)
{
    struct worker *worker = ctx;
    struct om_engine *engine = worker->engine;
    struct batch batch;

    om_mutex_lock(&engine->lock);
    for (;;) {
        while (om_list_is_empty(&engine->waiting) && !engine->is_ending)
            om_cond_wait(&engine->work, &engine->lock);
        if (engine->is_ending)
            break;
        take_batch(engine, &batch);
        om_mutex_unlock(&engine->lock);
        int64_t start_us = om_time_mono_us();
        deliver(worker, &batch);
        om_mutex_lock(&engine->lock);
        engine->stats.busy_us += om_time_mono_us() - start_us;
        finish_batch(engine, &batch);
    }
    om_mutex_unlock(&engine->lock);
}

// ---- engines -----------------------------------------------------------------------------------

static bool start_worker(struct om_engine *engine, struct worker *worker, struct om_error *err)
{
    worker->engine = engine;
    worker->results = om_try_new_array(struct om_result, (size_t)engine->batch_max);
    worker->ctx[0] = om_model_ctx_create_on(engine->model, instance_of(worker), 1, err);
    worker->region_result = om_try_new(struct om_result);
    if (!worker->results || !worker->region_result || !worker->ctx[0])
        return false;
    if (!om_thread_start(&worker->thread, "infer", STACK_BYTES, work, worker)) {
        om_error_set(err, OM_LIMIT, "no thread for the model could be started");
        om_error_hint(err, "raise the limit of processes (ulimit -u), or set fewer workers");
        return false;
    }
    return true;
}

struct om_engine *om_engine_create(struct om_model *model, const struct om_engine_opts *opts,
                                   struct om_error *err)
{
    om_auto(om_engine) engine = om_new(struct om_engine);
    int batch_max = opts->batch_max > 0 ? opts->batch_max : BATCH_MAX;

    engine->model = model;
    engine->batch_max = OM_MIN(OM_MIN(batch_max, (int)BATCH_MAX), om_model_batch_max(model));
    int workers = opts->workers > 0 ? opts->workers : om_model_instances(model);
    engine->worker_count = OM_CLAMP(workers, 1, (int)WORKERS_MAX);
    engine->workers = om_new_array(struct worker, (size_t)engine->worker_count);
    om_mutex_init(&engine->lock);
    om_cond_init(&engine->work);
    om_cond_init(&engine->done);
    om_list_init(&engine->waiting);
    for (int i = 0; i < engine->worker_count; i++)
        if (!start_worker(engine, &engine->workers[i], err))
            return NULL;
    return om_steal(&engine);
}

void om_engine_destroy(struct om_engine *engine)
{
    if (!engine)
        return;
    om_mutex_lock(&engine->lock);
    om_assert(engine->slot_count == 0);
    engine->is_ending = true;
    om_cond_broadcast(&engine->work);
    om_mutex_unlock(&engine->lock);
    for (int i = 0; i < engine->worker_count; i++) {
        struct worker *worker = &engine->workers[i];
        om_thread_join(&worker->thread);
        for (int size = 0; size < CTX_SIZES; size++)
            om_model_ctx_destroy(worker->ctx[size]);
        om_free(worker->results);
        om_free(worker->region_result);
    }
    om_cond_finish(&engine->done);
    om_cond_finish(&engine->work);
    om_mutex_finish(&engine->lock);
    om_free(engine->workers);
    om_model_destroy(engine->model);
    om_free(engine);
}

struct om_model *om_engine_model(struct om_engine *engine)
{
    return engine->model;
}

struct om_engine_stats om_engine_stats(struct om_engine *engine)
{
    om_with_lock(&engine->lock);
    struct om_engine_stats stats = engine->stats;
    stats.queue_us_p50 = (int64_t)om_hist_quantile_us(&engine->queue, 0.5);
    stats.queue_us_p99 = (int64_t)om_hist_quantile_us(&engine->queue, 0.99);
    om_list_each(slot, &engine->waiting, struct om_slot, link) stats.waiting++;
    return stats;
}

// ---- slots -------------------------------------------------------------------------------------

struct om_slot *om_slot_open(struct om_engine *engine, const struct om_slot_opts *opts,
                             om_slot_fn *fn, void *ctx)
{
    struct om_slot *slot = om_new(struct om_slot);

    slot->engine = engine;
    slot->opts = *opts;
    slot->fn = fn;
    slot->ctx = ctx;
    om_list_init(&slot->link);
    om_with_lock(&engine->lock);
    engine->slot_count++;
    return slot;
}

void om_slot_close(struct om_slot *slot)
{
    if (!slot)
        return;
    struct om_engine *engine = slot->engine;
    om_mutex_lock(&engine->lock);
    // Nothing new shall be taken up while the run under way ends.
    struct om_frame *frame = om_steal(&slot->look.frame);
    om_list_remove(&slot->link);
    while (slot->is_running)
        om_cond_wait(&engine->done, &engine->lock);
    engine->slot_count--;
    om_mutex_unlock(&engine->lock);
    om_frame_unref(&frame);
    om_free(slot);
}

void om_slot_look(struct om_slot *slot, struct om_look *look)
{
    struct om_engine *engine = slot->engine;

    om_mutex_lock(&engine->lock);
    struct om_frame *old = slot->look.frame;
    slot->look = *look;
    look->frame = NULL;
    slot->put_us = om_time_mono_us();
    slot->stats.put++;
    if (old) {
        slot->stats.overwritten++;
        engine->stats.overwritten++;
    } else if (!slot->is_running) {
        om_list_push(&engine->waiting, &slot->link);
        om_cond_signal(&engine->work);
    }
    om_mutex_unlock(&engine->lock);
    om_frame_unref(&old);  // outside the lock: the last reference gives planes back
}

void om_slot_put(struct om_slot *slot, struct om_frame *frame)
{
    om_slot_look(slot, &(struct om_look){.frame = frame});
}

bool om_slot_is_busy(struct om_slot *slot)
{
    om_with_lock(&slot->engine->lock);
    return slot->look.frame || slot->is_running;
}

struct om_slot_stats om_slot_stats(struct om_slot *slot)
{
    om_with_lock(&slot->engine->lock);
    return slot->stats;
}
