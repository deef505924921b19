#include "loop/workers.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/thread.h"
#include "base/time.h"

// A gate that holds a worker until the test opens it.
struct gate {
    atomic_bool is_entered, is_open;
};

static void wait_for(atomic_bool *flag)
{
    int64_t deadline_us = om_time_mono_us() + 4 * OM_SECOND;
    while (!atomic_load(flag)) {
        om_assert(om_time_mono_us() < deadline_us);
        om_time_sleep_us(100);
    }
}

static void gate_main(void *ctx)
{
    struct gate *gate = ctx;
    atomic_store(&gate->is_entered, true);
    wait_for(&gate->is_open);
}

// ---- lanes take turns: one that always wants more does not starve the others -------------------

struct turn {
    struct om_workers *workers;
    struct om_lane lane;
    char name;
    int left;
    char *order;  // of all turns; one worker, so no lock
    size_t *order_len;
    atomic_bool is_done;
};

static void turn_main(void *ctx)
{
    struct turn *turn = ctx;
    turn->order[(*turn->order_len)++] = turn->name;
    if (--turn->left > 0)
        om_lane_wake(turn->workers, &turn->lane);  // its own: runs again afterwards
    else
        atomic_store(&turn->is_done, true);
}

static void test_turns(void)
{
    struct om_workers *workers = om_workers_create("turns", 1, 0);
    om_assert(om_workers_count(workers) == 1);
    struct gate gate = {false, false};
    om_assert(om_workers_submit(workers, gate_main, &gate));
    wait_for(&gate.is_entered);
    char order[16];
    size_t order_len = 0;
    struct turn turns[3];
    for (int i = 0; i < 3; i++) {
        turns[i] = (struct turn){.workers = workers,
                                 .name = (char)('a' + i),
                                 .left = 3,
                                 .order = order,
                                 .order_len = &order_len};
        om_lane_init(&turns[i].lane, turn_main, &turns[i]);
        om_lane_wake(workers, &turns[i].lane);
        om_lane_wake(workers, &turns[i].lane);  // waits already: one run
    }
    atomic_store(&gate.is_open, true);
    for (int i = 0; i < 3; i++) {
        wait_for(&turns[i].is_done);
        om_lane_finish(workers, &turns[i].lane);
    }
    static const char wanted[] = "abcabcabc";
    om_assert(order_len == sizeof(wanted) - 1);
    for (size_t i = 0; i < order_len; i++)
        om_assert(order[i] == wanted[i]);
    om_workers_destroy(workers);
}

// ---- a lane that is finished never runs again --------------------------------------------------

static void count_main(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void test_finish_of_a_waiting_lane(void)
{
    struct om_workers *workers = om_workers_create("finish", 1, 0);
    struct gate gate = {false, false};
    om_assert(om_workers_submit(workers, gate_main, &gate));
    wait_for(&gate.is_entered);
    atomic_int runs = 0;
    struct om_lane lane;
    om_lane_init(&lane, count_main, &runs);
    om_lane_wake(workers, &lane);
    om_lane_finish(workers, &lane);  // does not wait for the worker that is held
    om_lane_wake(workers, &lane);
    atomic_store(&gate.is_open, true);
    om_workers_destroy(workers);
    om_assert(atomic_load(&runs) == 0);
}

struct opener {
    struct gate *gate;
    struct om_thread thread;
};

static void open_later(void *ctx)
{
    struct opener *opener = ctx;
    om_time_sleep_us(20 * OM_MS);
    atomic_store(&opener->gate->is_open, true);
}

static void test_finish_waits_for_a_running_lane(void)
{
    struct om_workers *workers = om_workers_create("finish", 2, 0);
    struct gate gate = {false, false};
    struct om_lane lane;
    om_lane_init(&lane, gate_main, &gate);
    om_lane_wake(workers, &lane);
    wait_for(&gate.is_entered);
    om_lane_wake(workers, &lane);  // would run again, but it is finished first
    struct opener opener = {.gate = &gate};
    om_assert(om_thread_start(&opener.thread, "opener", 0, open_later, &opener));
    om_lane_finish(workers, &lane);
    om_assert(atomic_load(&gate.is_open));
    om_thread_join(&opener.thread);
    om_workers_destroy(workers);
}

// ---- one-off work has a bound -------------------------------------------------------------------

static void test_submit_is_bounded(void)
{
    struct om_workers *workers = om_workers_create("bound", 1, 0);
    struct gate gate = {false, false};
    om_assert(om_workers_submit(workers, gate_main, &gate));
    wait_for(&gate.is_entered);
    atomic_int runs = 0;
    int taken = 0;
    while (taken < 100000 && om_workers_submit(workers, count_main, &runs))
        taken++;
    om_assert(taken > 100 && taken < 100000);  // refused, not queued without end
    atomic_store(&gate.is_open, true);
    om_workers_destroy(workers);  // what still waits is dropped
    om_assert(atomic_load(&runs) <= taken);
}

int main(void)
{
    test_turns();
    test_finish_of_a_waiting_lane();
    test_finish_waits_for_a_running_lane();
    test_submit_is_bounded();
    om_workers_destroy(NULL);
    return 0;
}
