#include "loop/cancel.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/time.h"

enum { LOOK_US = 50 * OM_MS };  // how often a wait looks at the flag when there is no descriptor

void om_cancel_init(struct om_cancel *cancel)
{
    atomic_init(&cancel->is_set, false);
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void om_cancel_finish(struct om_cancel *cancel)
{
    if (cancel->fd >= 0)
        (void)close(cancel->fd);
    cancel->fd = -1;
}

void om_cancel_set(struct om_cancel *cancel)
{
    atomic_store_explicit(&cancel->is_set, true, memory_order_release);
    uint64_t one = 1;
    if (cancel->fd >= 0)
        (void)!write(cancel->fd, &one, sizeof(one));  // a full counter is readable already
}

bool om_cancel_sleep_until(struct om_cancel *cancel, int64_t until_mono_us)
{
    while (!om_cancel_is_set(cancel)) {
        int64_t left_us = until_mono_us - om_time_mono_us();
        if (left_us <= 0)
            return false;
        if (cancel->fd < 0)
            left_us = OM_MIN(left_us, (int64_t)LOOK_US);
        struct timespec left = {.tv_sec = left_us / OM_SECOND,
                                .tv_nsec = left_us % OM_SECOND * 1000};
        // poll() passes over a negative descriptor.
        struct pollfd poll_fd = {.fd = cancel->fd, .events = POLLIN};
        (void)ppoll(&poll_fd, 1, &left, NULL);
    }
    return true;
}
