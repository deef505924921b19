// Queue: in which order those who wait are served. Higher priority first; within a priority each
// gets service in proportion to its weight, measured by the area it really used; among those who
// are about equally far, the earliest deadline. Whoever waits too long comes first in every round,
// whatever the priority. docs/design/packing.md has the rules and the bounds.
//
// It knows nothing of frames, threads or clocks: time comes in, so that a test runs an hour in a
// millisecond.
//
// Threads: none of its own; the owner's lock is held in every call.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct om_queue;

enum { OM_QUEUE_PRIORITIES = 8, OM_QUEUE_BEST_MAX = 256 };  // priorities 0 .. 7; beyond is cut
#define OM_QUEUE_NEVER INT64_MAX

// One who may wait; part of the owner's own struct.
struct om_queue_item {
    // The owner's, constant from add to drop.
    int priority;
    double weight;  // > 0
    // What is wanted; the owner's, not to be changed while it waits.
    int cost_px;          // about what it will use
    int64_t deadline_us;  // 0 = none
    int64_t linger_us;    // it may wait so long for company
    // The queue's.
    int at;             // where in the queue, -1 = not waiting
    int64_t since_us;   // waits since, also when what it wants was renewed
    double start, end;  // virtual time of its service, in canvases for a weight of 1
};

struct om_queue_opts {
    int canvas_px;      // what one round serves, at least
    int64_t starve_us;  // from this wait on it comes first
};

OM_MUST_USE struct om_queue *om_queue_create(const struct om_queue_opts *opts);
void om_queue_destroy(struct om_queue *queue);  // accepts NULL
OM_DEFINE_AUTO(om_queue);

// Makes room, so that put never allocates. Aborts when memory is out.
void om_queue_add(struct om_queue *queue, struct om_queue_item *item);
// The item waits no more, and gives its room back.
void om_queue_drop(struct om_queue *queue, struct om_queue_item *item);

// It waits from now on. `since_us`: since when; a want that is renewed (take, then put) keeps the
// time of the first.
void om_queue_put(struct om_queue *queue, struct om_queue_item *item, int64_t since_us);
// It waits no more.
void om_queue_take(struct om_queue *queue, struct om_queue_item *item);
// It has been served with so much.
void om_queue_charge(struct om_queue *queue, struct om_queue_item *item, int used_px);

int om_queue_count(const struct om_queue *queue);
int64_t om_queue_cost_px(const struct om_queue *queue);  // of all who wait
// When a round should begin: in the past or now when somebody waits for no company, or there is
// enough for `enough_px`; OM_QUEUE_NEVER when nobody waits.
int64_t om_queue_ready_us(const struct om_queue *queue, int64_t enough_px);
// The first `max` (at most OM_QUEUE_BEST_MAX) in order of service.
int om_queue_best(struct om_queue *queue, int64_t now_us, struct om_queue_item **ret, int max);
// Those whose deadline is over, at most `max`.
int om_queue_overdue(const struct om_queue *queue, int64_t now_us, struct om_queue_item **ret,
                     int max);
