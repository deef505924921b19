// Worker pool: as wide as the machine, for decode -> motion -> track. Work is given in lanes: a
// lane is run by one worker at a time, lanes take turns fairly (one run each, first come first
// served). A camera is a lane.
//
// Threads: schedule from any thread. A lane's fn never runs twice at once; waking a lane that runs
// makes it run again afterwards.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/list.h"

struct om_workers;

typedef void om_lane_fn(void *ctx);

// Embedded in its owner.
struct om_lane {
    om_lane_fn *fn;  // does a bounded piece of work; if more waits, it wakes its own lane again
    void *ctx;
    struct om_list link;  // the pool's
    int state;            // the pool's
};

// `count` threads, 0 = one a core. `stack_bytes` as in om_thread_start().
OM_MUST_USE struct om_workers *om_workers_create(const char *name, int count, size_t stack_bytes);
// Waits until the running pieces end; queued ones are dropped. Accepts NULL.
void om_workers_destroy(struct om_workers *workers);
int om_workers_count(const struct om_workers *workers);

void om_lane_init(struct om_lane *lane, om_lane_fn *fn, void *ctx);
void om_lane_wake(struct om_workers *workers, struct om_lane *lane);
// Takes the lane out and waits until it does not run any more; it will not run again. Not from
// within its own fn.
void om_lane_finish(struct om_workers *workers, struct om_lane *lane);

// One-off blocking work (disk, database, DNS) in the same kind of pool: fn(ctx) runs once.
OM_MUST_USE bool om_workers_submit(struct om_workers *workers, om_lane_fn *fn, void *ctx);
