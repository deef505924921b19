#include "infer/engine.h"

#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
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
    struct om_detect_opts opts;
    om_slot_fn *fn;
    void *ctx;

    // Under engine->lock.
    struct om_list link;  // in engine->waiting exactly while `frame` waits and nothing runs
    struct om_frame *frame;
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
};

struct batch {
    int count;
    struct om_slot *slots[BATCH_MAX];
    struct om_frame *frames[BATCH_MAX];
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
};

// ---- one batch ---------------------------------------------------------------------------------

static bool same_opts(const struct om_detect_opts *a, const struct om_detect_opts *b)
{
    return a->score_min == b->score_min && a->nms_iou == b->nms_iou &&
           a->all_classes == b->all_classes && a->objects_max == b->objects_max;
}

// What waits, up to a batch; pictures of one run share their options.
static void take_batch(struct om_engine *engine, struct batch *batch)
{
    int64_t now_us = om_time_mono_us();

    om_mutex_assert_held(&engine->lock);
    batch->count = 0;
    om_list_each(slot, &engine->waiting, struct om_slot, link)
    {
        if (batch->count == engine->batch_max)
            break;
        if (batch->count && !same_opts(&slot->opts, &batch->slots[0]->opts))
            continue;
        om_list_remove(&slot->link);
        slot->is_running = true;
        slot->stats.run++;
        batch->slots[batch->count] = slot;
        batch->frames[batch->count] = slot->frame;
        batch->queued_us[batch->count] = now_us - slot->put_us;
        slot->frame = NULL;
        batch->count++;
    }
}

// The smallest context that holds `count` pictures; NULL when it cannot be had.
static struct om_model_ctx *ctx_for(struct worker *worker, int count)
{
    int size = 0;

    while (1 << size < count)
        size++;
    if (!worker->ctx[size]) {
        int batch = OM_MIN(1 << size, om_model_batch_max(worker->engine->model));
        worker->ctx[size] = om_model_ctx_create(worker->engine->model, batch, NULL);
    }
    return worker->ctx[size];
}

static enum om_status run_batch(struct worker *worker, struct batch *batch)
{
    struct om_model_ctx *ctx = ctx_for(worker, batch->count);
    const struct om_detect_opts *opts = &batch->slots[0]->opts;

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

    if (!ctx)
        return OM_NO_MEMORY;
    return om_model_run(ctx, frames, NULL, 1, &batch->slots[i]->opts, &worker->results[i], NULL);
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
        if (slot->frame) {  // a newer one came meanwhile
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
        deliver(worker, &batch);
        om_mutex_lock(&engine->lock);
        finish_batch(engine, &batch);
    }
    om_mutex_unlock(&engine->lock);
}

// ---- engines -----------------------------------------------------------------------------------

static bool start_worker(struct om_engine *engine, struct worker *worker, struct om_error *err)
{
    worker->engine = engine;
    worker->results = om_try_new_array(struct om_result, (size_t)engine->batch_max);
    worker->ctx[0] = om_model_ctx_create(engine->model, 1, err);
    if (!worker->results || !worker->ctx[0])
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
    engine->worker_count = OM_CLAMP(opts->workers, 1, (int)WORKERS_MAX);
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

// ---- slots -------------------------------------------------------------------------------------

struct om_slot *om_slot_open(struct om_engine *engine, const struct om_detect_opts *opts,
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
    struct om_frame *frame = om_steal(&slot->frame);
    om_list_remove(&slot->link);
    while (slot->is_running)
        om_cond_wait(&engine->done, &engine->lock);
    engine->slot_count--;
    om_mutex_unlock(&engine->lock);
    om_frame_unref(&frame);
    om_free(slot);
}

void om_slot_put(struct om_slot *slot, struct om_frame *frame)
{
    struct om_engine *engine = slot->engine;

    om_mutex_lock(&engine->lock);
    struct om_frame *old = slot->frame;
    slot->frame = frame;
    slot->put_us = om_time_mono_us();
    slot->stats.put++;
    if (old) {
        slot->stats.overwritten++;
    } else if (!slot->is_running) {
        om_list_push(&engine->waiting, &slot->link);
        om_cond_signal(&engine->work);
    }
    om_mutex_unlock(&engine->lock);
    om_frame_unref(&old);  // outside the lock: the last reference gives planes back
}

bool om_slot_is_busy(struct om_slot *slot)
{
    om_with_lock(&slot->engine->lock);
    return slot->frame || slot->is_running;
}

struct om_slot_stats om_slot_stats(struct om_slot *slot)
{
    om_with_lock(&slot->engine->lock);
    return slot->stats;
}
