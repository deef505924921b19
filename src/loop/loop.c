#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"

enum { EVENTS_MAX = 64 };

struct om_loop {
    int epoll_fd, wake_fd;  // constant after create
    atomic_bool is_stopped;
    _Atomic(struct om_loop_task *) posted;  // a stack; the newest first

    // Owned by the loop thread.
    pthread_t thread;
    bool is_running;
    int64_t now_us;
    struct om_loop_timer **heap;  // binary, the earliest first
    int heap_len, heap_cap;
    // The events of this turn: a watch that is removed meanwhile is taken out of here too.
    struct epoll_event events[EVENTS_MAX];
    int event_count;
};

struct om_loop *om_loop_create(struct om_error *err)
{
    struct om_loop *loop = om_new(struct om_loop);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0) {
        om_error_set(err, OM_LIMIT, "no descriptors for an event loop: %s", om_errno_text(errno));
        om_error_hint(err, "raise the limit of open files (ulimit -n)");
        om_loop_destroy(loop);
        return NULL;
    }
    loop->now_us = om_time_mono_us();
    return loop;
}

void om_loop_destroy(struct om_loop *loop)
{
    if (!loop)
        return;
    om_assert(!loop->is_running);
    if (loop->epoll_fd >= 0)
        (void)close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    om_free(loop->heap);
    om_free(loop);
}

int64_t om_loop_now_us(const struct om_loop *loop)
{
    return loop->now_us;
}

bool om_loop_is_own_thread(const struct om_loop *loop)
{
    return loop->is_running && pthread_equal(loop->thread, pthread_self());
}

// ---- descriptors -------------------------------------------------------------------------------

static uint32_t to_epoll(int events)
{
    return (events & OM_LOOP_READ ? (uint32_t)EPOLLIN | EPOLLRDHUP : 0) |
           (events & OM_LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

static int from_epoll(uint32_t events)
{
    int ret = 0;
    if (events & (EPOLLIN | EPOLLRDHUP))
        ret |= OM_LOOP_READ;
    if (events & EPOLLOUT)
        ret |= OM_LOOP_WRITE;
    if (events & (EPOLLHUP | EPOLLERR))
        ret |= OM_LOOP_HANGUP;
    return ret;
}

bool om_loop_fd_add(struct om_loop *loop, struct om_loop_fd *watch)
{
    struct epoll_event event = {.events = to_epoll(watch->events), .data.ptr = watch};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) == 0;
}

void om_loop_fd_change(struct om_loop *loop, struct om_loop_fd *watch, int events)
{
    if (watch->events == events)
        return;
    watch->events = events;
    struct epoll_event event = {.events = to_epoll(events), .data.ptr = watch};
    om_assert(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0);
}

void om_loop_fd_remove(struct om_loop *loop, struct om_loop_fd *watch)
{
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);  // may be closed already
    for (int i = 0; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr == watch)
            loop->events[i].events = 0;
    }
}

static void run_fds(struct om_loop *loop)
{
    for (int i = 0; i < loop->event_count; i++) {
        struct om_loop_fd *watch = loop->events[i].data.ptr;
        if (!loop->events[i].events)
            continue;
        if (!watch) {
            uint64_t count;
            (void)!read(loop->wake_fd, &count, sizeof(count));
            continue;
        }
        watch->fn(watch->ctx, from_epoll(loop->events[i].events));
    }
    loop->event_count = 0;
}

// ---- timers ------------------------------------------------------------------------------------

static void heap_place(struct om_loop *loop, int i, struct om_loop_timer *timer)
{
    loop->heap[i] = timer;
    timer->heap_index = i;
}

static void heap_up(struct om_loop *loop, int i)
{
    struct om_loop_timer *timer = loop->heap[i];
    for (; i > 0 && loop->heap[(i - 1) / 2]->at_us > timer->at_us; i = (i - 1) / 2)
        heap_place(loop, i, loop->heap[(i - 1) / 2]);
    heap_place(loop, i, timer);
}

static void heap_down(struct om_loop *loop, int i)
{
    struct om_loop_timer *timer = loop->heap[i];
    for (;;) {
        int child = 2 * i + 1;
        if (child >= loop->heap_len)
            break;
        if (child + 1 < loop->heap_len && loop->heap[child + 1]->at_us < loop->heap[child]->at_us)
            child++;
        if (loop->heap[child]->at_us >= timer->at_us)
            break;
        heap_place(loop, i, loop->heap[child]);
        i = child;
    }
    heap_place(loop, i, timer);
}

void om_loop_timer_clear(struct om_loop *loop, struct om_loop_timer *timer)
{
    int i = timer->heap_index;
    if (i < 0)
        return;
    om_assert(i < loop->heap_len && loop->heap[i] == timer);
    struct om_loop_timer *last = loop->heap[--loop->heap_len];
    timer->heap_index = -1;
    if (last == timer)
        return;
    heap_place(loop, i, last);
    heap_up(loop, i);
    heap_down(loop, last->heap_index);
}

void om_loop_timer_set(struct om_loop *loop, struct om_loop_timer *timer, int64_t at_us)
{
    om_loop_timer_clear(loop, timer);
    timer->at_us = at_us;
    if (loop->heap_len == loop->heap_cap) {
        loop->heap_cap = OM_MAX(16, loop->heap_cap * 2);
        loop->heap = om_realloc(loop->heap, (size_t)loop->heap_cap, sizeof(*loop->heap));
    }
    heap_place(loop, loop->heap_len, timer);
    heap_up(loop, loop->heap_len++);
}

// Only those that were due when the turn began: a timer that sets itself to "now" runs in the next
// turn.
static void run_timers(struct om_loop *loop)
{
    int64_t due_us = loop->now_us;
    for (int n = loop->heap_len; n > 0 && loop->heap_len > 0; n--) {
        struct om_loop_timer *timer = loop->heap[0];
        if (timer->at_us > due_us)
            return;
        om_loop_timer_clear(loop, timer);
        timer->fn(timer->ctx);
    }
}

static int wait_ms(const struct om_loop *loop)
{
    if (atomic_load(&loop->posted) || atomic_load(&loop->is_stopped))
        return 0;
    if (loop->heap_len == 0)
        return -1;
    int64_t left_us = loop->heap[0]->at_us - om_time_mono_us();
    return (int)OM_CLAMP((left_us + OM_MS - 1) / OM_MS, 0, 3600 * 1000);
}

// ---- mailbox -----------------------------------------------------------------------------------

void om_loop_post(struct om_loop *loop, struct om_loop_task *task)
{
    if (atomic_exchange(&task->is_posted, true))
        return;
    struct om_loop_task *head = atomic_load(&loop->posted);
    do {
        task->next = head;
    } while (!atomic_compare_exchange_weak(&loop->posted, &head, task));
    uint64_t one = 1;
    if (!head)
        (void)!write(loop->wake_fd, &one, sizeof(one));  // a full counter wakes as well
}

static void run_tasks(struct om_loop *loop)
{
    struct om_loop_task *newest = atomic_exchange(&loop->posted, NULL), *oldest = NULL;
    while (newest) {
        struct om_loop_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct om_loop_task *task = oldest;
        oldest = task->next;
        // From here on it may be posted again, or be freed by its own function.
        om_loop_task_fn *fn = task->fn;
        void *ctx = task->ctx;
        atomic_store(&task->is_posted, false);
        fn(ctx);
    }
}

// ---- the loop ----------------------------------------------------------------------------------

void om_loop_run(struct om_loop *loop)
{
    loop->thread = pthread_self();
    loop->is_running = true;
    while (!atomic_load(&loop->is_stopped)) {
        int n = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, wait_ms(loop));
        om_assert(n >= 0 || errno == EINTR);
        loop->event_count = OM_MAX(n, 0);
        loop->now_us = om_time_mono_us();
        run_timers(loop);
        run_fds(loop);
        run_tasks(loop);
    }
    loop->is_running = false;
    atomic_store(&loop->is_stopped, false);
}

void om_loop_stop(struct om_loop *loop)
{
    atomic_store(&loop->is_stopped, true);
    uint64_t one = 1;
    (void)!write(loop->wake_fd, &one, sizeof(one));
}
