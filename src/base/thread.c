#include "base/thread.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"

void om_mutex_init(struct om_mutex *mutex)
{
    om_assert(pthread_mutex_init(&mutex->lock, NULL) == 0);
    mutex->is_held = false;
}

void om_mutex_finish(struct om_mutex *mutex)
{
    om_assert(!mutex->is_held);
    pthread_mutex_destroy(&mutex->lock);
}

void om_mutex_lock(struct om_mutex *mutex)
{
    om_assert(pthread_mutex_lock(&mutex->lock) == 0);
    mutex->owner = pthread_self();
    mutex->is_held = true;
}

void om_mutex_unlock(struct om_mutex *mutex)
{
    om_mutex_assert_held(mutex);
    mutex->is_held = false;
    om_assert(pthread_mutex_unlock(&mutex->lock) == 0);
}

void om_mutex_assert_held(const struct om_mutex *mutex)
{
    om_assert(mutex->is_held && pthread_equal(mutex->owner, pthread_self()));
}

void om_unlock_cleanup(struct om_mutex **mutex)
{
    om_mutex_unlock(*mutex);
}

void om_cond_init(struct om_cond *cond)
{
    pthread_condattr_t attr;
    om_assert(pthread_condattr_init(&attr) == 0);
    om_assert(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    om_assert(pthread_cond_init(&cond->cond, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void om_cond_finish(struct om_cond *cond)
{
    pthread_cond_destroy(&cond->cond);
}

void om_cond_signal(struct om_cond *cond)
{
    pthread_cond_signal(&cond->cond);
}

void om_cond_broadcast(struct om_cond *cond)
{
    pthread_cond_broadcast(&cond->cond);
}

// The wait gives the lock to others meanwhile, so the owner note is taken off and put back.
static int wait_until(struct om_cond *cond, struct om_mutex *mutex, const struct timespec *until)
{
    om_mutex_assert_held(mutex);
    mutex->is_held = false;
    int rc = until ? pthread_cond_timedwait(&cond->cond, &mutex->lock, until)
                   : pthread_cond_wait(&cond->cond, &mutex->lock);
    mutex->owner = pthread_self();
    mutex->is_held = true;
    return rc;
}

void om_cond_wait(struct om_cond *cond, struct om_mutex *mutex)
{
    (void)wait_until(cond, mutex, NULL);
}

bool om_cond_wait_until(struct om_cond *cond, struct om_mutex *mutex, int64_t deadline_us)
{
    int64_t at_us = OM_MAX(deadline_us, 0);
    struct timespec until = {.tv_sec = at_us / OM_SECOND, .tv_nsec = at_us % OM_SECOND * 1000};
    return wait_until(cond, mutex, &until) == 0;
}

struct start {
    om_thread_fn *fn;
    void *ctx;
    char name[16];
};

static void *thread_main(void *arg)
{
    struct start start = *(struct start *)arg;
    om_free(arg);
    (void)pthread_setname_np(pthread_self(), start.name);
    start.fn(start.ctx);
    return NULL;
}

static size_t stack_size(size_t wanted)
{
    enum { STACK_BYTES = 256 * 1024 };
    size_t size = wanted ? wanted : STACK_BYTES;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    size *= 4;  // checked functions have larger frames
#endif
    return OM_MAX(size, (size_t)PTHREAD_STACK_MIN);
}

// Signals are the main thread's business; the mask is inherited. What a fault raises stays, so that
// handlers of crashes see it.
static void block_signals(sigset_t *ret_before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF};
    sigset_t set;
    (void)sigfillset(&set);
    for (size_t i = 0; i < OM_ARRAY_LEN(faults); i++)
        (void)sigdelset(&set, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &set, ret_before);
}

bool om_thread_start(struct om_thread *thread, const char *name, size_t stack_bytes,
                     om_thread_fn *fn, void *ctx)
{
    om_assert(!thread->is_running);
    struct start *start = om_new(struct start);
    start->fn = fn;
    start->ctx = ctx;
    (void)om_str_copy(start->name, sizeof(start->name), om_str_from(name));

    pthread_attr_t attr;
    om_assert(pthread_attr_init(&attr) == 0);
    om_assert(pthread_attr_setstacksize(&attr, stack_size(stack_bytes)) == 0);
    sigset_t before;
    block_signals(&before);
    thread->is_running = pthread_create(&thread->handle, &attr, thread_main, start) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (!thread->is_running)
        om_free(start);
    return thread->is_running;
}

void om_thread_join(struct om_thread *thread)
{
    if (!thread->is_running)
        return;
    om_assert(pthread_join(thread->handle, NULL) == 0);
    thread->is_running = false;
}
