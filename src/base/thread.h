// Threads, mutexes, condition variables: pthreads with names, owner checks and monotone timeouts.

#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct om_mutex {
    pthread_mutex_t lock;
    pthread_t owner;  // valid while is_held
    bool is_held;     // written under the lock, read by its owner only
};

#define OM_MUTEX_INIT                                                                              \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

void om_mutex_init(struct om_mutex *mutex);
void om_mutex_finish(struct om_mutex *mutex);
void om_mutex_lock(struct om_mutex *mutex);
void om_mutex_unlock(struct om_mutex *mutex);
// Asserts that the calling thread holds it.
void om_mutex_assert_held(const struct om_mutex *mutex);

// Holds `mutex` to the end of the scope: om_with_lock(&x->lock);
void om_unlock_cleanup(struct om_mutex **mutex);
#define OM_CONCAT_(a, b) a##b
#define OM_CONCAT(a, b) OM_CONCAT_(a, b)
#define om_with_lock(mutex)                                                                        \
    struct om_mutex *OM_CONCAT(lock_, __LINE__)                                                    \
        __attribute__((cleanup(om_unlock_cleanup))) = (mutex);                                     \
    om_mutex_lock(OM_CONCAT(lock_, __LINE__))

struct om_cond {
    pthread_cond_t cond;
};

void om_cond_init(struct om_cond *cond);
void om_cond_finish(struct om_cond *cond);
void om_cond_signal(struct om_cond *cond);
void om_cond_broadcast(struct om_cond *cond);
// Waits with `mutex` held; wakes may be spurious.
void om_cond_wait(struct om_cond *cond, struct om_mutex *mutex);
// The same, until om_time_mono_us() reaches `deadline_us` at the latest. False on timeout.
bool om_cond_wait_until(struct om_cond *cond, struct om_mutex *mutex, int64_t deadline_us);

struct om_thread {
    pthread_t handle;
    bool is_running;
};

typedef void om_thread_fn(void *ctx);

// Starts fn(ctx) in a thread called `name` (cut to 15 bytes) with `stack_bytes` of stack (0 = 256
// KiB, enough for everything but libav and ONNX Runtime calls, which want 1 MiB). Signals are
// blocked in it. False when no thread could be had; then fn is never called.
OM_MUST_USE bool om_thread_start(struct om_thread *thread, const char *name, size_t stack_bytes,
                                 om_thread_fn *fn, void *ctx);
// Waits for its end; nothing when it never started. It may be started again afterwards.
void om_thread_join(struct om_thread *thread);
