#include "infer/queue.h"

#include <math.h>

#include "base/assert.h"
#include "base/mem.h"

enum {
    STARVING_MAX = 16,      // that one round looks at
    PATIENCE_US = 1000000,  // stands for the deadline of those who have none
    STARVING_SHARE = 4      // of a round goes to those who starve: one in so many
};

struct om_queue {
    struct om_queue_opts opts;
    int capacity;  // items that were added, at least
    int added;
    int count;
    struct om_queue_item **waiting;
    int64_t cost_px;
    int lingering;                    // of `waiting`, that may wait for company
    double now[OM_QUEUE_PRIORITIES];  // virtual time: how far the one furthest behind has come
};

struct rank {
    int band;    // lower goes first
    double key;  // within it
    struct om_queue_item *item;
};

struct om_queue *om_queue_create(const struct om_queue_opts *opts)
{
    struct om_queue *queue = om_new(struct om_queue);
    queue->opts = *opts;
    return queue;
}

void om_queue_destroy(struct om_queue *queue)
{
    if (!queue)
        return;
    om_free(queue->waiting);
    om_free(queue);
}

void om_queue_add(struct om_queue *queue, struct om_queue_item *item)
{
    item->at = -1;
    item->start = item->end = 0;
    if (++queue->added <= queue->capacity)
        return;
    queue->capacity = OM_MAX(16, queue->capacity * 2);
    queue->waiting = om_realloc(queue->waiting, (size_t)queue->capacity, sizeof(*queue->waiting));
}

void om_queue_drop(struct om_queue *queue, struct om_queue_item *item)
{
    om_queue_take(queue, item);
    queue->added--;
}

static int level_of(const struct om_queue_item *item)
{
    return OM_CLAMP(item->priority, 0, OM_QUEUE_PRIORITIES - 1);
}

void om_queue_put(struct om_queue *queue, struct om_queue_item *item, int64_t since_us)
{
    om_assert(item->at < 0 && queue->count < queue->added);
    item->at = queue->count;
    queue->waiting[queue->count++] = item;
    item->since_us = since_us;
    // Who was away has not saved anything up.
    item->start = fmax(item->end, queue->now[level_of(item)]);
    queue->lingering += item->linger_us > 0;
    queue->cost_px += item->cost_px;
}

void om_queue_take(struct om_queue *queue, struct om_queue_item *item)
{
    if (item->at < 0)
        return;
    om_assert(queue->waiting[item->at] == item);
    struct om_queue_item *last = queue->waiting[--queue->count];
    queue->waiting[item->at] = last;
    last->at = item->at;
    item->at = -1;
    queue->lingering -= item->linger_us > 0;
    queue->cost_px -= item->cost_px;
}

void om_queue_charge(struct om_queue *queue, struct om_queue_item *item, int used_px)
{
    item->end = item->start + (double)used_px / queue->opts.canvas_px / item->weight;
}

int om_queue_count(const struct om_queue *queue)
{
    return queue->count;
}

int64_t om_queue_cost_px(const struct om_queue *queue)
{
    return queue->cost_px;
}

int64_t om_queue_ready_us(const struct om_queue *queue, int64_t enough_px)
{
    int64_t ready_us = OM_QUEUE_NEVER;

    if (queue->count > queue->lingering || (queue->count && queue->cost_px >= enough_px))
        return INT64_MIN;
    for (int i = 0; i < queue->count; i++)
        ready_us = OM_MIN(ready_us, queue->waiting[i]->since_us + queue->waiting[i]->linger_us);
    return ready_us;
}

// ---- order -------------------------------------------------------------------------------------

// Virtual time stands where the one furthest behind of its priority stands; it never goes back.
static void advance(struct om_queue *queue)
{
    double least[OM_QUEUE_PRIORITIES];

    for (int i = 0; i < OM_QUEUE_PRIORITIES; i++)
        least[i] = INFINITY;
    for (int i = 0; i < queue->count; i++) {
        int level = level_of(queue->waiting[i]);
        least[level] = fmin(least[level], queue->waiting[i]->start);
    }
    for (int i = 0; i < OM_QUEUE_PRIORITIES; i++)
        if (isfinite(least[i]))
            queue->now[i] = fmax(queue->now[i], least[i]);
}

static struct rank rank_of(const struct om_queue *queue, struct om_queue_item *item)
{
    int level = level_of(item), band = 2 * (OM_QUEUE_PRIORITIES - 1 - level);
    int64_t due_us = item->deadline_us ? item->deadline_us : item->since_us + PATIENCE_US;

    // Not more than a canvas (of its own weight) ahead of the one furthest behind.
    if (item->start <= queue->now[level] + 1 / item->weight)
        return (struct rank){band, (double)due_us, item};
    return (struct rank){band + 1, item->start, item};
}

static bool goes_before(const struct rank *a, const struct rank *b)
{
    if (a->band != b->band)
        return a->band < b->band;
    if (a->key < b->key || a->key > b->key)
        return a->key < b->key;
    return a->item->since_us < b->item->since_us;
}

// Keeps the best `max` of what is put, sorted.
static int rank_put(struct rank *best, int count, int max, const struct rank *rank)
{
    int at = count;

    if (count == max && !goes_before(rank, &best[count - 1]))
        return count;
    if (count == max)
        at--;
    else
        count++;
    for (; at > 0 && goes_before(rank, &best[at - 1]); at--)
        best[at] = best[at - 1];
    best[at] = *rank;
    return count;
}

// Those who have waited too long, the longest first, as many as a share of a round serves.
static int starving(const struct om_queue *queue, int64_t now_us, struct om_queue_item **ret,
                    int max)
{
    struct rank oldest[STARVING_MAX];
    int64_t share_px = queue->opts.canvas_px / STARVING_SHARE;
    int count = 0, taken = 0;

    for (int i = 0; i < queue->count; i++) {
        struct om_queue_item *item = queue->waiting[i];
        const struct rank rank = {0, (double)item->since_us, item};
        if (now_us - item->since_us > queue->opts.starve_us)
            count = rank_put(oldest, count, OM_MIN(max, (int)STARVING_MAX), &rank);
    }
    for (; taken < count && (taken == 0 || share_px >= oldest[taken].item->cost_px); taken++) {
        share_px -= oldest[taken].item->cost_px;
        ret[taken] = oldest[taken].item;
    }
    return taken;
}

static bool is_among(struct om_queue_item *const *items, int count,
                     const struct om_queue_item *item)
{
    for (int i = 0; i < count; i++)
        if (items[i] == item)
            return true;
    return false;
}

int om_queue_best(struct om_queue *queue, int64_t now_us, struct om_queue_item **ret, int max)
{
    struct rank best[OM_QUEUE_BEST_MAX];
    int count = 0, first = starving(queue, now_us, ret, max);

    max = OM_MIN(max, (int)OM_QUEUE_BEST_MAX);
    advance(queue);
    for (int i = 0; i < queue->count; i++) {
        const struct rank rank = rank_of(queue, queue->waiting[i]);
        if (!is_among(ret, first, queue->waiting[i]))
            count = rank_put(best, count, max - first, &rank);
    }
    for (int i = 0; i < count; i++)
        ret[first + i] = best[i].item;
    return first + count;
}

int om_queue_overdue(const struct om_queue *queue, int64_t now_us, struct om_queue_item **ret,
                     int max)
{
    int count = 0;

    for (int i = 0; i < queue->count && count < max; i++)
        if (queue->waiting[i]->deadline_us && queue->waiting[i]->deadline_us < now_us)
            ret[count++] = queue->waiting[i];
    return count;
}
