// The clock of the fleet simulator: a binary heap of things to happen. Two at the same time happen
// in the order in which they were put, so that a run repeats exactly.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct om_fleet_event {
    int64_t at_us;
    uint32_t order;  // given by put
    int kind;
    int who;         // camera or machine
    uint32_t stamp;  // lets the receiver see that it came too late
};

struct om_fleet_queue {
    struct om_fleet_event *items;
    size_t len, cap;
    uint32_t put_count;
};

void om_fleet_queue_put(struct om_fleet_queue *queue, struct om_fleet_event event);
// The earliest; false when there is none.
bool om_fleet_queue_take(struct om_fleet_queue *queue, struct om_fleet_event *ret);
void om_fleet_queue_finish(struct om_fleet_queue *queue);
