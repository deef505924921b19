#include "loop/loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/rand.h"
#include "base/thread.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "loop/workers.h"

enum { POSTS = 20000, THREADS = 4, LANES = 8, WAKES = 2000 };

// ---- timers come in order, moved and cleared ones too ------------------------------------------

struct timers {
    struct om_loop *loop;
    struct om_loop_timer timers[50];
    int64_t last_us;
    int fired;
};

static void fire(void *ctx)
{
    struct timers *t = ctx;
    t->fired++;
    om_assert(om_loop_now_us(t->loop) >= t->last_us);
    t->last_us = om_loop_now_us(t->loop);
    if (t->fired == 40)
        om_loop_stop(t->loop);
}

static void test_timers(void)
{
    struct timers t = {.loop = om_loop_create(NULL)};
    int64_t now_us = om_time_mono_us();
    for (int i = 0; i < 50; i++) {
        t.timers[i] = (struct om_loop_timer)OM_LOOP_TIMER(fire, &t);
        om_loop_timer_set(t.loop, &t.timers[i], now_us + (i * 37 % 50) * OM_MS);
    }
    for (int i = 0; i < 10; i++)
        om_loop_timer_clear(t.loop, &t.timers[i * 5]);
    om_loop_timer_set(t.loop, &t.timers[1], now_us);
    om_loop_run(t.loop);
    om_assert(t.fired == 40);
    om_loop_destroy(t.loop);
}

// ---- random sets, moves and clears fire in the order of their times ----------------------------

struct ordered {
    struct om_loop *loop;
    struct om_loop_timer timer;
    bool is_wanted;
    int64_t *last_us;
    int *left;
};

static void fire_in_order(void *ctx)
{
    struct ordered *o = ctx;
    om_assert(o->is_wanted && o->timer.at_us >= *o->last_us);
    om_assert(om_loop_now_us(o->loop) >= o->timer.at_us);
    *o->last_us = o->timer.at_us;
    o->is_wanted = false;
    if (--*o->left == 0)
        om_loop_stop(o->loop);
}

static void test_timer_order(void)
{
    enum { TIMERS = 300, MOVES = 5000 };
    static struct ordered all[TIMERS];
    struct om_loop *loop = om_loop_create(NULL);
    int64_t start_us = om_time_mono_us(), last_us = 0;
    int left = 0;
    struct om_rand rand;
    om_rand_init(&rand, 5);
    for (int i = 0; i < TIMERS; i++)
        all[i] = (struct ordered){.loop = loop,
                                  .timer = OM_LOOP_TIMER(fire_in_order, &all[i]),
                                  .last_us = &last_us,
                                  .left = &left};
    for (int i = 0; i < MOVES; i++) {
        struct ordered *o = &all[om_rand_below(&rand, TIMERS)];
        left -= o->is_wanted;
        o->is_wanted = om_rand_below(&rand, 4) > 0;
        left += o->is_wanted;
        if (o->is_wanted)
            om_loop_timer_set(loop, &o->timer, start_us + om_rand_below(&rand, 50 * OM_MS));
        else
            om_loop_timer_clear(loop, &o->timer);
    }
    om_loop_run(loop);
    om_assert(left == 0);
    om_loop_destroy(loop);
}

// ---- a timer that sets itself to "now" leaves room for others ----------------------------------

struct busy {
    struct om_loop *loop;
    struct om_loop_timer timer;
    struct om_loop_task task;
    int turns;
};

static void fire_again(void *ctx)
{
    struct busy *busy = ctx;
    busy->turns++;
    om_assert(busy->turns < 1000);
    om_loop_timer_set(busy->loop, &busy->timer, om_loop_now_us(busy->loop));
}

static void stop_busy(void *ctx)
{
    struct busy *busy = ctx;
    om_assert(om_loop_is_own_thread(busy->loop));
    om_loop_stop(busy->loop);
}

static void test_busy_timer(void)
{
    struct busy busy = {.loop = om_loop_create(NULL)};
    busy.timer = (struct om_loop_timer)OM_LOOP_TIMER(fire_again, &busy);
    busy.task = (struct om_loop_task)OM_LOOP_TASK(stop_busy, &busy);
    om_loop_timer_set(busy.loop, &busy.timer, 0);
    om_loop_post(busy.loop, &busy.task);
    om_loop_post(busy.loop, &busy.task);  // posted already
    om_assert(!om_loop_is_own_thread(busy.loop));
    om_loop_run(busy.loop);
    om_assert(busy.turns >= 1);
    om_loop_timer_clear(busy.loop, &busy.timer);
    om_loop_destroy(busy.loop);
}

// ---- posts from many threads all arrive, in the order of each thread ---------------------------

struct post {
    struct om_loop_task task;
    struct poster *poster;
    int number;
};

struct poster {
    struct om_loop *loop;
    struct om_thread thread;
    struct post posts[POSTS / THREADS];
    int next;
    int *total;
};

static void on_post(void *ctx)
{
    struct post *post = ctx;
    om_assert(post->number == post->poster->next++);
    if (++*post->poster->total == POSTS)
        om_loop_stop(post->poster->loop);
}

static void poster_main(void *ctx)
{
    struct poster *poster = ctx;
    for (int i = 0; i < POSTS / THREADS; i++) {
        poster->posts[i] = (struct post){OM_LOOP_TASK(on_post, &poster->posts[i]), poster, i};
        om_loop_post(poster->loop, &poster->posts[i].task);
    }
}

static void test_posts(void)
{
    static struct poster posters[THREADS];
    int total = 0;
    struct om_loop *loop = om_loop_create(NULL);
    for (int i = 0; i < THREADS; i++) {
        posters[i].loop = loop;
        posters[i].total = &total;
        om_assert(om_thread_start(&posters[i].thread, "poster", 0, poster_main, &posters[i]));
    }
    om_loop_run(loop);
    for (int i = 0; i < THREADS; i++)
        om_thread_join(&posters[i].thread);
    om_assert(total == POSTS);
    om_loop_destroy(loop);
}

// ---- a watch that removes another one in the same turn -----------------------------------------

struct pair {
    struct om_loop *loop;
    struct om_loop_fd watches[2];
    int calls;
};

static void on_readable(void *ctx, int events)
{
    struct pair *pair = ctx;
    om_assert(events & OM_LOOP_READ);
    pair->calls++;
    om_loop_fd_remove(pair->loop, &pair->watches[0]);
    om_loop_fd_remove(pair->loop, &pair->watches[1]);
    om_loop_stop(pair->loop);
}

static void test_remove_in_turn(void)
{
    struct pair pair = {.loop = om_loop_create(NULL)};
    int fds[2][2];
    for (int i = 0; i < 2; i++) {
        om_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]) == 0);
        om_assert(write(fds[i][1], "x", 1) == 1);
        pair.watches[i] = (struct om_loop_fd){fds[i][0], OM_LOOP_READ, on_readable, &pair};
        om_assert(om_loop_fd_add(pair.loop, &pair.watches[i]));
    }
    om_loop_run(pair.loop);
    om_assert(pair.calls == 1);
    for (int i = 0; i < 2; i++) {
        (void)close(fds[i][0]);
        (void)close(fds[i][1]);
    }
    om_loop_destroy(pair.loop);
}

// ---- a watch sees writing, reading and the end, as asked ---------------------------------------

struct link {
    struct om_loop *loop;
    struct om_loop_fd watch;
    int peer_fd;
    int step;
};

static void on_link(void *ctx, int events)
{
    struct link *link = ctx;
    char c;
    switch (link->step++) {
    case 0:
        om_assert(events == OM_LOOP_WRITE);
        om_loop_fd_change(link->loop, &link->watch, OM_LOOP_READ);
        om_assert(write(link->peer_fd, "x", 1) == 1);
        return;
    case 1:
        om_assert(events == OM_LOOP_READ && read(link->watch.fd, &c, 1) == 1 && c == 'x');
        (void)close(link->peer_fd);
        return;
    default:
        om_assert(events & OM_LOOP_READ && events & OM_LOOP_HANGUP);
        om_assert(read(link->watch.fd, &c, 1) == 0);
        om_loop_fd_remove(link->loop, &link->watch);
        om_loop_stop(link->loop);
    }
}

static void test_watch(void)
{
    struct link link = {.loop = om_loop_create(NULL)};
    int fds[2];
    om_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    link.watch = (struct om_loop_fd){fds[0], OM_LOOP_WRITE, on_link, &link};
    link.peer_fd = fds[1];
    om_assert(om_loop_fd_add(link.loop, &link.watch));
    om_assert(!om_loop_fd_add(link.loop, &link.watch));  // once only
    om_loop_run(link.loop);
    om_assert(link.step == 3);
    (void)close(fds[0]);
    om_loop_destroy(link.loop);
}

// ---- lanes: never twice at once, never lost ----------------------------------------------------

struct lane_work {
    struct om_lane lane;
    _Atomic(int) running, wanted, seen;
};

static void lane_main(void *ctx)
{
    struct lane_work *work = ctx;
    om_assert(atomic_fetch_add(&work->running, 1) == 0);
    atomic_store(&work->seen, atomic_load(&work->wanted));
    om_assert(atomic_fetch_sub(&work->running, 1) == 1);
}

static void bump(void *ctx)
{
    atomic_fetch_add((_Atomic(int) *)ctx, 1);
}

static void test_lanes(void)
{
    struct om_workers *workers = om_workers_create("test", 3, 0);
    static struct lane_work works[LANES];
    for (int i = 0; i < LANES; i++)
        om_lane_init(&works[i].lane, lane_main, &works[i]);
    for (int n = 0; n < WAKES; n++) {
        atomic_fetch_add(&works[n % LANES].wanted, 1);
        om_lane_wake(workers, &works[n % LANES].lane);
    }
    int64_t deadline_us = om_time_mono_us() + 4 * OM_SECOND;
    for (int i = 0; i < LANES; i++) {
        while (atomic_load(&works[i].seen) != WAKES / LANES)
            om_assert(om_time_mono_us() < deadline_us);
        om_lane_finish(workers, &works[i].lane);
        om_lane_wake(workers, &works[i].lane);  // does nothing any more
    }
    _Atomic(int) done = 0;
    for (int i = 0; i < 100; i++)
        om_assert(om_workers_submit(workers, bump, &done));
    while (atomic_load(&done) != 100)
        om_assert(om_time_mono_us() < deadline_us);
    om_workers_destroy(workers);
}

static void cancel_later(void *ctx)
{
    om_time_sleep_us(20 * OM_MS);
    om_cancel_set(ctx);
}

static void test_cancel(void)
{
    struct om_cancel cancel;
    om_cancel_init(&cancel);
    om_assert(!om_cancel_sleep_until(&cancel, om_time_mono_us() + 5 * OM_MS));
    struct om_thread thread = {0};
    om_assert(om_thread_start(&thread, "cancel", 0, cancel_later, &cancel));
    int64_t start_us = om_time_mono_us();
    om_assert(om_cancel_sleep_until(&cancel, start_us + 10 * OM_SECOND));
    om_assert(om_time_mono_us() - start_us < OM_SECOND);
    om_thread_join(&thread);
    om_cancel_finish(&cancel);

    // Out of descriptors it still works, only less promptly.
    om_cancel_init(&cancel);
    (void)close(cancel.fd);
    cancel.fd = -1;
    om_assert(!om_cancel_sleep_until(&cancel, om_time_mono_us() + 5 * OM_MS));
    om_assert(om_thread_start(&thread, "cancel", 0, cancel_later, &cancel));
    start_us = om_time_mono_us();
    om_assert(om_cancel_sleep_until(&cancel, start_us + 10 * OM_SECOND));
    om_assert(om_time_mono_us() - start_us < OM_SECOND);
    om_thread_join(&thread);
    om_cancel_finish(&cancel);
}

int main(void)
{
    test_timers();
    test_timer_order();
    test_busy_timer();
    test_watch();
    test_posts();
    test_remove_in_turn();
    test_lanes();
    test_cancel();
    return 0;
}
