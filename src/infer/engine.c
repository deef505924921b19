#include "infer/engine.h"

#include <math.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "base/time.h"
#include "infer/queue.h"
#include "infer/round.h"
#include "media/frame.h"

enum {
    BATCH_MAX = 16,
    WORKERS_MAX = 64,
    STACK_BYTES = 1 << 20,
    BEST_MAX = 128,      // looks that are tried for one round
    MISSES_MAX = 12,     // looks without room before the round counts as full
    OVERDUE_MAX = 64,    // told in one go
    STARVE_US = 500000,  // a look that waits longer comes first
    LINGER_US_MAX = 10000000
};

// From so many canvases on nobody waits for more company (some to choose from pack better); and of
// the round's room, so much is packed in the order of height.
#define ENOUGH_SHARE 1.25
#define FULL_SHARE 0.8
#define BY_HEIGHT_SHARE 0.9

struct om_slot {
    // Constant after open.
    struct om_engine *engine;
    struct om_slot_opts opts;
    om_slot_fn *fn;
    void *ctx;

    // Under engine->lock.
    struct om_queue_item item;  // waits exactly while `frame` does and nothing runs
    struct om_frame *frame;     // waits; with its plan
    struct om_pack_plan plan;
    int64_t put_us;    // of `frame`
    int64_t since_us;  // of the first of those that were overwritten
    bool is_running;
    struct om_slot_stats stats;
};

struct overdue {
    struct om_slot *slot;
    struct om_frame *frame;
    int64_t queued_us;
};

struct worker {
    struct om_engine *engine;
    struct om_thread thread;
    // The worker's own.
    struct om_round *round;
    uint64_t failed;  // of this round
    int overdue_count;
    struct overdue overdue[OVERDUE_MAX];
};

struct om_engine {
    // Constant after create.
    struct om_model *model;
    struct om_pack_rules rules;
    int canvas_px, enough_px;
    int batch_max;
    int worker_count;
    struct worker *workers;

    struct om_mutex lock;
    struct om_cond work;  // something waits, or the end
    struct om_cond done;  // a slot's run is over
    // Under `lock`.
    struct om_queue *queue;
    int idle_count;   // workers that wait for work
    int64_t wake_us;  // when the first of them looks again by itself
    int slot_count;
    bool is_ending;
    struct om_engine_stats stats;
    struct om_hist queued;
};

static void put_in_queue(struct om_slot *slot)
{
    struct om_engine *engine = slot->engine;

    om_mutex_assert_held(&engine->lock);
    om_queue_put(engine->queue, &slot->item, slot->since_us);
    bool is_enough = om_queue_cost_px(engine->queue) >= engine->enough_px;
    int64_t ready_us = is_enough ? INT64_MIN : slot->since_us + slot->item.linger_us;
    if (ready_us < engine->wake_us)
        om_cond_signal(&engine->work);
}

// ---- one round ---------------------------------------------------------------------------------

static void take(struct om_slot *slot)
{
    om_queue_take(slot->engine->queue, &slot->item);
    slot->is_running = true;
}

static void take_overdue(struct worker *worker, int64_t now_us)
{
    struct om_engine *engine = worker->engine;
    struct om_queue_item *late[OVERDUE_MAX];
    int count = om_queue_overdue(engine->queue, now_us, late, OVERDUE_MAX);

    for (int i = 0; i < count; i++) {
        struct om_slot *slot = OM_CONTAINER_OF(late[i], struct om_slot, item);
        take(slot);
        worker->overdue[i] = (struct overdue){slot, slot->frame, now_us - slot->put_us};
        slot->frame = NULL;
        slot->stats.overdue++;
        engine->stats.overdue++;
    }
    worker->overdue_count = count;
}

// The first stays first, so that nobody is passed over for ever; the next ones that will surely
// find room go by height, which packs better.
static void sort_by_height(struct om_queue_item **items, int count, int64_t room_px)
{
    int end = 0;

    for (; end < count && room_px >= items[end]->cost_px; end++)
        room_px -= items[end]->cost_px;
    for (int i = 2; i < end; i++) {
        struct om_queue_item *item = items[i];
        int height = OM_CONTAINER_OF(item, struct om_slot, item)->plan.tiles[0].h, k = i;
        for (;
             k > 1 && OM_CONTAINER_OF(items[k - 1], struct om_slot, item)->plan.tiles[0].h < height;
             k--)
            items[k] = items[k - 1];
        items[k] = item;
    }
}

static bool add_to_round(struct worker *worker, struct om_slot *slot, int64_t now_us)
{
    struct om_engine *engine = worker->engine;
    const struct om_round_look look = {
        .owner = slot,
        .frame = slot->frame,
        .detect = slot->opts.detect,
        .queued_us = now_us - slot->put_us,
    };

    if (!om_round_add(worker->round, &look, &slot->plan))
        return false;
    take(slot);
    om_queue_charge(engine->queue, &slot->item, slot->plan.area_px);
    slot->frame = NULL;  // the round's look has it
    slot->stats.run++;
    om_hist_add(&engine->queued, look.queued_us);
    return true;
}

// With other workers idle each takes its part.
static int canvases_wanted(const struct om_engine *engine)
{
    int64_t waiting_px = om_queue_cost_px(engine->queue);
    int64_t part_px = (int64_t)engine->canvas_px * (engine->idle_count + 1);

    return (int)OM_CLAMP((waiting_px + part_px - 1) / part_px, 1, engine->batch_max);
}

static void take_round(struct worker *worker)
{
    struct om_engine *engine = worker->engine;
    struct om_queue_item *best[BEST_MAX];
    int64_t now_us = om_time_mono_us();

    om_mutex_assert_held(&engine->lock);
    take_overdue(worker, now_us);
    int canvases = canvases_wanted(engine);
    int count = om_queue_best(engine->queue, now_us, best, BEST_MAX), misses = 0;
    sort_by_height(best, count, (int64_t)(BY_HEIGHT_SHARE * engine->canvas_px * canvases));
    om_round_begin(worker->round, canvases);
    for (int i = 0; i < count && misses < MISSES_MAX; i++)
        if (!add_to_round(worker, OM_CONTAINER_OF(best[i], struct om_slot, item), now_us))
            misses++;
    struct om_round_stats stats = om_round_stats(worker->round);
    engine->stats.looks += (uint64_t)stats.looks;
    engine->stats.regions += (uint64_t)stats.regions;
    engine->stats.runs += stats.canvases > 0;
    engine->stats.canvases += (uint64_t)stats.canvases;
    engine->stats.used_px += (uint64_t)stats.used_px;
    engine->stats.canvas_px += (uint64_t)stats.canvas_px;
}

static void tell_overdue(struct worker *worker)
{
    static const struct om_result nothing;
    static const struct om_regions nowhere;

    for (int i = 0; i < worker->overdue_count; i++) {
        const struct overdue *late = &worker->overdue[i];
        struct om_slot_result result = {
            .frame = late->frame,
            .result = &nothing,
            .looked = &nowhere,
            .status = OM_TIMEOUT,
            .queued_us = late->queued_us,
        };
        late->slot->fn(late->slot->ctx, &result);
    }
}

static void tell_look(void *ctx, const struct om_round_look *look, const struct om_result *result,
                      enum om_status status)
{
    struct worker *worker = ctx;
    struct om_slot *slot = look->owner;
    struct om_slot_result told = {
        .frame = look->frame,
        .result = result,
        .looked = &look->looked,
        .status = status,
        .queued_us = look->queued_us,
        .batch = om_round_stats(worker->round).canvases,
        .looks = om_round_count(worker->round),
    };

    worker->failed += status != OM_OK;
    slot->fn(slot->ctx, &told);
}

static void finish_slot(struct om_slot *slot)
{
    slot->is_running = false;
    if (slot->frame)  // a newer one came meanwhile
        put_in_queue(slot);
}

static void finish_round(struct worker *worker)
{
    struct om_engine *engine = worker->engine;

    om_mutex_assert_held(&engine->lock);
    for (int i = 0; i < worker->overdue_count; i++)
        finish_slot(worker->overdue[i].slot);
    for (int i = 0; i < om_round_count(worker->round); i++)
        finish_slot(om_round_look(worker->round, i)->owner);
    engine->stats.failed += worker->failed;
    worker->failed = 0;
    om_cond_broadcast(&engine->done);
}

static void run_round(struct worker *worker)
{
    struct om_engine *engine = worker->engine;

    take_round(worker);
    om_mutex_unlock(&engine->lock);
    int64_t start_us = om_time_mono_us();
    tell_overdue(worker);
    om_round_run(worker->round, tell_look, worker);
    int64_t busy_us = om_time_mono_us() - start_us;
    om_mutex_lock(&engine->lock);
    engine->stats.busy_us += busy_us;
    finish_round(worker);
}

// Waits until there is something to do at `ready_us`, or sooner.
static void wait_for_work(struct om_engine *engine, int64_t ready_us)
{
    engine->idle_count++;
    engine->wake_us = OM_MIN(engine->wake_us, ready_us);
    if (ready_us == OM_QUEUE_NEVER)
        om_cond_wait(&engine->work, &engine->lock);
    else
        (void)om_cond_wait_until(&engine->work, &engine->lock, ready_us);  // looks again anyway
    engine->idle_count--;
    engine->wake_us = OM_QUEUE_NEVER;  // the others that wait keep to their own time
}

static void work(void *ctx)
{
    struct worker *worker = ctx;
    struct om_engine *engine = worker->engine;

    om_mutex_lock(&engine->lock);
    while (!engine->is_ending) {
        int64_t ready_us = om_queue_ready_us(engine->queue, engine->enough_px);
        if (ready_us > om_time_mono_us())
            wait_for_work(engine, ready_us);
        else
            run_round(worker);
    }
    om_mutex_unlock(&engine->lock);
}

// ---- engines -----------------------------------------------------------------------------------

static bool start_worker(struct om_engine *engine, struct worker *worker, struct om_error *err)
{
    worker->engine = engine;
    const struct om_round_opts opts = {
        .instance = (int)(worker - engine->workers),
        .batch_max = engine->batch_max,
        .rules = &engine->rules,
    };
    worker->round = om_round_create(engine->model, &opts, err);
    if (!worker->round)
        return false;
    if (!om_thread_start(&worker->thread, "infer", STACK_BYTES, work, worker)) {
        om_error_set(err, OM_LIMIT, "no thread for the model could be started");
        om_error_hint(err, "raise the limit of processes (ulimit -u), or set fewer workers");
        return false;
    }
    return true;
}

static struct om_pack_rules rules_of(const struct om_model *model,
                                     const struct om_engine_opts *opts)
{
    struct om_pack_rules rules = OM_PACK_RULES_DEFAULT;

    rules.can_share = opts->pack == OM_PACK_AUTO;
    if (opts->zoom > 0)
        rules.zoom = opts->zoom;
    return om_round_rules(model, &rules);
}

struct om_engine *om_engine_create(struct om_model *model, const struct om_engine_opts *opts,
                                   struct om_error *err)
{
    om_auto(om_engine) engine = om_new(struct om_engine);
    int batch_max = opts->batch_max > 0 ? opts->batch_max : BATCH_MAX;

    engine->model = model;
    engine->rules = rules_of(model, opts);
    engine->canvas_px = engine->rules.width * engine->rules.height;
    engine->enough_px = (int)(ENOUGH_SHARE * engine->canvas_px);
    engine->batch_max = OM_MIN(OM_MIN(batch_max, (int)BATCH_MAX), om_model_batch_max(model));
    int workers = opts->workers > 0 ? opts->workers : om_model_instances(model);
    engine->worker_count = OM_CLAMP(workers, 1, (int)WORKERS_MAX);
    engine->workers = om_new_array(struct worker, (size_t)engine->worker_count);
    engine->queue = om_queue_create(
        &(struct om_queue_opts){.canvas_px = engine->canvas_px, .starve_us = STARVE_US});
    engine->wake_us = OM_QUEUE_NEVER;
    om_mutex_init(&engine->lock);
    om_cond_init(&engine->work);
    om_cond_init(&engine->done);
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
        om_thread_join(&engine->workers[i].thread);
        om_round_destroy(engine->workers[i].round);
    }
    om_cond_finish(&engine->done);
    om_cond_finish(&engine->work);
    om_mutex_finish(&engine->lock);
    om_queue_destroy(engine->queue);
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
    stats.queue_us_p50 = (int64_t)om_hist_quantile_us(&engine->queued, 0.5);
    stats.queue_us_p99 = (int64_t)om_hist_quantile_us(&engine->queued, 0.99);
    stats.waiting = om_queue_count(engine->queue);
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
    slot->item.priority = opts->priority;
    slot->item.weight = opts->weight > 0 && isfinite(opts->weight) ? opts->weight : 1;
    om_with_lock(&engine->lock);
    om_queue_add(engine->queue, &slot->item);
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
    om_queue_take(engine->queue, &slot->item);
    while (slot->is_running)
        om_cond_wait(&engine->done, &engine->lock);
    om_queue_drop(engine->queue, &slot->item);
    engine->slot_count--;
    om_mutex_unlock(&engine->lock);
    om_frame_unref(&frame);
    om_free(slot);
}

void om_slot_look(struct om_slot *slot, struct om_look *look)
{
    struct om_engine *engine = slot->engine;
    struct om_pack_plan plan;

    om_pack_plan_make(&engine->rules, look->frame, &look->parts, &plan);
    int64_t now_us = om_time_mono_us();
    om_mutex_lock(&engine->lock);
    struct om_frame *old = slot->frame;
    slot->since_us = old ? slot->since_us : now_us;
    slot->put_us = now_us;
    slot->frame = om_steal(&look->frame);
    slot->plan = plan;
    slot->stats.put++;
    slot->stats.overwritten += old != NULL;
    engine->stats.overwritten += old != NULL;
    om_queue_take(engine->queue, &slot->item);
    slot->item.cost_px = plan.area_px;
    slot->item.deadline_us = look->deadline_us;
    // What fills a canvas has nobody to wait for.
    bool is_full = plan.is_alone || plan.area_px >= FULL_SHARE * engine->canvas_px;
    slot->item.linger_us = is_full ? 0 : OM_CLAMP(look->linger_us, 0, LINGER_US_MAX);
    if (!slot->is_running)
        put_in_queue(slot);
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
    return slot->frame || slot->is_running;
}

struct om_slot_stats om_slot_stats(struct om_slot *slot)
{
    om_with_lock(&slot->engine->lock);
    return slot->stats;
}
