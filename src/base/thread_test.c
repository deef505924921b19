#include "base/thread.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/time.h"

enum { THREADS = 4, ROUNDS = 10000 };

struct shared {
    struct om_mutex lock;
    struct om_cond changed;
    int count;  // under lock
};

static void count_main(void *ctx)
{
    struct shared *shared = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        om_with_lock(&shared->lock);
        om_mutex_assert_held(&shared->lock);
        shared->count++;
        om_cond_signal(&shared->changed);
    }
}

static void test_counting(void)
{
    struct shared shared = {.lock = OM_MUTEX_INIT};
    om_cond_init(&shared.changed);
    struct om_thread threads[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        om_assert(om_thread_start(&threads[i], "count", 0, count_main, &shared));
    {
        om_with_lock(&shared.lock);
        while (shared.count < THREADS * ROUNDS)
            om_cond_wait(&shared.changed, &shared.lock);
    }
    for (int i = 0; i < THREADS; i++)
        om_thread_join(&threads[i]);
    om_thread_join(&threads[0]);  // twice does no harm
    om_assert(shared.count == THREADS * ROUNDS);
    om_cond_finish(&shared.changed);
    om_mutex_finish(&shared.lock);
}

static void test_timeout(void)
{
    struct om_mutex lock;
    struct om_cond cond;
    om_mutex_init(&lock);
    om_cond_init(&cond);
    int64_t deadline_us = om_time_mono_us() + 20 * OM_MS;
    {
        om_with_lock(&lock);
        while (om_cond_wait_until(&cond, &lock, deadline_us)) {
        }
        om_mutex_assert_held(&lock);
        om_assert(!om_cond_wait_until(&cond, &lock, OM_TIME_NONE));  // long ago
    }
    om_assert(om_time_mono_us() >= deadline_us);
    om_cond_finish(&cond);
    om_mutex_finish(&lock);
}

static void look_around(void *ctx)
{
    char name[16];
    om_assert(pthread_getname_np(pthread_self(), name, sizeof(name)) == 0);
    om_assert(strcmp(name, "a-very-long-nam") == 0);
    sigset_t set;
    om_assert(pthread_sigmask(SIG_SETMASK, NULL, &set) == 0);
    om_assert(sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGHUP) == 1);
    om_assert(sigismember(&set, SIGSEGV) == 0);
    atomic_store((atomic_bool *)ctx, true);
}

static void test_name_and_signals(void)
{
    atomic_bool has_run = false;
    struct om_thread thread = {0};
    om_assert(om_thread_start(&thread, "a-very-long-name-of-it", 0, look_around, &has_run));
    om_thread_join(&thread);
    om_assert(atomic_load(&has_run));
    sigset_t set;
    om_assert(pthread_sigmask(SIG_SETMASK, NULL, &set) == 0);
    om_assert(sigismember(&set, SIGTERM) == 0);  // ours is as it was
}

// A broken assertion must end the process, in release builds too.
static void test_assertion_aborts(void)
{
    pid_t child = fork();
    om_assert(child >= 0);
    if (child == 0) {
        struct om_mutex lock = OM_MUTEX_INIT;
        (void)close(STDERR_FILENO);
        om_mutex_unlock(&lock);  // never locked
        _exit(0);
    }
    int status;
    om_assert(waitpid(child, &status, 0) == child);
    om_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    test_assertion_aborts();
    test_counting();
    test_timeout();
    test_name_and_signals();
    return 0;
}
