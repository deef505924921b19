#include "loop/workers.h"

#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"

enum { WORKERS_MAX = 256, SUBMITTED_MAX = 1024 };

// A lane is idle, queued, running, or running with another run asked for; a finished one runs no
// more.
enum lane_state { LANE_IDLE, LANE_QUEUED, LANE_RUNNING, LANE_AGAIN, LANE_FINISHED };

// One-off work is a lane that frees itself.
struct once {
    struct om_lane lane;
    om_lane_fn *fn;
    void *ctx;
};

struct om_workers {
    int count;  // constant
    struct om_thread threads[WORKERS_MAX];

    struct om_mutex lock;
    struct om_cond has_work;   // a lane was queued, or the end
    struct om_cond lane_idle;  // some lane stopped running
    // Under `lock`.
    struct om_list queue;
    int submitted;  // one-off pieces that wait or run
    bool ends;
};

static void take_turn(struct om_workers *workers, struct om_lane *lane)
{
    om_mutex_assert_held(&workers->lock);
    om_list_remove(&lane->link);
    lane->state = LANE_RUNNING;
    om_mutex_unlock(&workers->lock);
    lane->fn(lane->ctx);
    om_mutex_lock(&workers->lock);
}

static void run_once(struct om_workers *workers, struct om_lane *lane)
{
    struct once *once = OM_CONTAINER_OF(lane, struct once, lane);
    om_list_remove(&lane->link);
    om_mutex_unlock(&workers->lock);
    once->fn(once->ctx);
    om_free(once);
    om_mutex_lock(&workers->lock);
    workers->submitted--;
}

static void worker_main(void *ctx)
{
    struct om_workers *workers = ctx;
    om_with_lock(&workers->lock);
    for (;;) {
        while (om_list_is_empty(&workers->queue) && !workers->ends)
            om_cond_wait(&workers->has_work, &workers->lock);
        if (workers->ends)
            return;
        struct om_lane *lane = om_list_first(&workers->queue, struct om_lane, link);
        if (!lane->fn) {
            run_once(workers, lane);
            continue;
        }
        take_turn(workers, lane);
        if (lane->state == LANE_AGAIN) {
            lane->state = LANE_QUEUED;
            om_list_push(&workers->queue, &lane->link);
            om_cond_signal(&workers->has_work);
        } else if (lane->state == LANE_RUNNING) {
            lane->state = LANE_IDLE;
        }
        om_cond_broadcast(&workers->lane_idle);
    }
}

struct om_workers *om_workers_create(const char *name, int count, size_t stack_bytes)
{
    struct om_workers *workers = om_new(struct om_workers);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int wanted = count > 0 ? count : (int)OM_MAX(cores, 1);
    om_mutex_init(&workers->lock);
    om_cond_init(&workers->has_work);
    om_cond_init(&workers->lane_idle);
    om_list_init(&workers->queue);
    for (int i = 0; i < OM_MIN(wanted, (int)WORKERS_MAX); i++) {
        char text[16];
        snprintf(text, sizeof(text), "%.10s-%d", name, i % 1000);
        if (!om_thread_start(&workers->threads[i], text, stack_bytes, worker_main, workers))
            break;
        workers->count++;
    }
    om_assert(workers->count > 0);  // start-up: without a single thread there is nothing to run
    return workers;
}

void om_workers_destroy(struct om_workers *workers)
{
    if (!workers)
        return;
    {
        om_with_lock(&workers->lock);
        workers->ends = true;
        om_cond_broadcast(&workers->has_work);
    }
    for (int i = 0; i < workers->count; i++)
        om_thread_join(&workers->threads[i]);
    om_list_each(lane, &workers->queue, struct om_lane, link)
    {
        om_list_remove(&lane->link);
        if (!lane->fn)
            om_free(OM_CONTAINER_OF(lane, struct once, lane));
    }
    om_cond_finish(&workers->lane_idle);
    om_cond_finish(&workers->has_work);
    om_mutex_finish(&workers->lock);
    om_free(workers);
}

int om_workers_count(const struct om_workers *workers)
{
    return workers->count;
}

void om_lane_init(struct om_lane *lane, om_lane_fn *fn, void *ctx)
{
    om_assert(fn);
    *lane = (struct om_lane){.fn = fn, .ctx = ctx, .state = LANE_IDLE};
    om_list_init(&lane->link);
}

void om_lane_wake(struct om_workers *workers, struct om_lane *lane)
{
    om_with_lock(&workers->lock);
    if (lane->state == LANE_RUNNING)
        lane->state = LANE_AGAIN;
    if (lane->state != LANE_IDLE)
        return;
    lane->state = LANE_QUEUED;
    om_list_push(&workers->queue, &lane->link);
    om_cond_signal(&workers->has_work);
}

void om_lane_finish(struct om_workers *workers, struct om_lane *lane)
{
    om_with_lock(&workers->lock);
    if (lane->state == LANE_QUEUED) {
        om_list_remove(&lane->link);
        lane->state = LANE_IDLE;
    }
    while (lane->state == LANE_RUNNING || lane->state == LANE_AGAIN) {
        lane->state = LANE_RUNNING;  // whatever was asked for meanwhile will not run any more
        om_cond_wait(&workers->lane_idle, &workers->lock);
        if (lane->state == LANE_QUEUED) {
            om_list_remove(&lane->link);
            lane->state = LANE_IDLE;
        }
    }
    lane->state = LANE_FINISHED;
}

bool om_workers_submit(struct om_workers *workers, om_lane_fn *fn, void *ctx)
{
    struct once *once = om_new(struct once);
    once->fn = fn;
    once->ctx = ctx;
    om_list_init(&once->lane.link);
    om_with_lock(&workers->lock);
    if (workers->ends || workers->submitted >= SUBMITTED_MAX) {
        om_free(once);
        return false;
    }
    workers->submitted++;
    om_list_push(&workers->queue, &once->lane.link);
    om_cond_signal(&workers->has_work);
    return true;
}
