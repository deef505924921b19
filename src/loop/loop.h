// Event loop: epoll, timers, and a mailbox for other threads. One thread runs a loop; everything
// that is registered with it is touched by that thread only. Other threads post.
//
// Order within one turn: expired timers, ready descriptors, posted tasks. Callbacks may add and
// remove anything, also themselves.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct om_error;
struct om_loop;

OM_MUST_USE struct om_loop *om_loop_create(struct om_error *err);
void om_loop_destroy(struct om_loop *loop);  // accepts NULL; not while running
// Runs in the calling thread until om_loop_stop().
void om_loop_run(struct om_loop *loop);
void om_loop_stop(struct om_loop *loop);  // any thread
// Mono time at the start of this turn, cheap; loop thread only.
int64_t om_loop_now_us(const struct om_loop *loop);
bool om_loop_is_own_thread(const struct om_loop *loop);

// ---- descriptors (loop thread only) -----------------------------------------------------------
enum { OM_LOOP_READ = 1, OM_LOOP_WRITE = 2, OM_LOOP_HANGUP = 4 };
typedef void om_loop_fd_fn(void *ctx, int events);
// Embedded in its owner, which must outlive the registration. fd is borrowed.
struct om_loop_fd {
    int fd;
    int events;
    om_loop_fd_fn *fn;
    void *ctx;
};
OM_MUST_USE bool om_loop_fd_add(struct om_loop *loop, struct om_loop_fd *watch);
void om_loop_fd_change(struct om_loop *loop, struct om_loop_fd *watch, int events);
void om_loop_fd_remove(struct om_loop *loop, struct om_loop_fd *watch);

// ---- timers (loop thread only) ----------------------------------------------------------------
typedef void om_loop_timer_fn(void *ctx);
struct om_loop_timer {
    om_loop_timer_fn *fn;
    void *ctx;
    int64_t at_us;
    int heap_index;  // -1 = not set; init with OM_LOOP_TIMER()
};
#define OM_LOOP_TIMER(fn_, ctx_)                                                                   \
    {                                                                                              \
        .fn = (fn_), .ctx = (ctx_), .heap_index = -1                                               \
    }
// Fires once at that mono time (setting a set timer moves it).
void om_loop_timer_set(struct om_loop *loop, struct om_loop_timer *timer, int64_t at_us);
void om_loop_timer_clear(struct om_loop *loop, struct om_loop_timer *timer);

// ---- mailbox (any thread) ---------------------------------------------------------------------
typedef void om_loop_task_fn(void *ctx);
// Embedded in its owner; posting one that is already posted does nothing (it runs once). The owner
// must live until it ran or the loop is destroyed. Never fails, never allocates.
struct om_loop_task {
    om_loop_task_fn *fn;
    void *ctx;
    struct om_loop_task *next;  // the loop's
    _Atomic(bool) is_posted;
};
#define OM_LOOP_TASK(fn_, ctx_)                                                                    \
    {                                                                                              \
        .fn = (fn_), .ctx = (ctx_)                                                                 \
    }
void om_loop_post(struct om_loop *loop, struct om_loop_task *task);
