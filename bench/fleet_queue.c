#include "bench/fleet_queue.h"

#include "base/mem.h"

static bool is_before(const struct om_fleet_event *a, const struct om_fleet_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void om_fleet_queue_put(struct om_fleet_queue *queue, struct om_fleet_event event)
{
    if (queue->len == queue->cap) {
        queue->cap = queue->cap ? 2 * queue->cap : 1024;
        queue->items = om_realloc(queue->items, queue->cap, sizeof(*queue->items));
    }
    event.order = queue->put_count++;
    size_t at = queue->len++;
    for (; at > 0 && is_before(&event, &queue->items[(at - 1) / 2]); at = (at - 1) / 2)
        queue->items[at] = queue->items[(at - 1) / 2];
    queue->items[at] = event;
}

bool om_fleet_queue_take(struct om_fleet_queue *queue, struct om_fleet_event *ret)
{
    if (queue->len == 0)
        return false;
    *ret = queue->items[0];
    const struct om_fleet_event last = queue->items[--queue->len];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= queue->len)
            break;
        if (child + 1 < queue->len && is_before(&queue->items[child + 1], &queue->items[child]))
            child++;
        if (!is_before(&queue->items[child], &last))
            break;
        queue->items[at] = queue->items[child];
        at = child;
    }
    if (queue->len > 0)
        queue->items[at] = last;
    return true;
}

void om_fleet_queue_finish(struct om_fleet_queue *queue)
{
    om_free(queue->items);
    *queue = (struct om_fleet_queue){0};
}
