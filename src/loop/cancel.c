#include "loop/cancel.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/time.h"

void om_cancel_init(struct om_cancel *cancel)
{
    atomic_init(&cancel->is_set, false);
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    om_assert(cancel->fd >= 0);
}

void om_cancel_finish(struct om_cancel *cancel)
{
    (void)close(cancel->fd);
    cancel->fd = -1;
}

void om_cancel_set(struct om_cancel *cancel)
{
    atomic_store_explicit(&cancel->is_set, true, memory_order_release);
    uint64_t one = 1;
    (void)!write(cancel->fd, &one, sizeof(one));  // a full counter is readable already
}

bool om_cancel_sleep_until(struct om_cancel *cancel, int64_t until_mono_us)
{
    while (!om_cancel_is_set(cancel)) {
        int64_t left_us = until_mono_us - om_time_mono_us();
        if (left_us <= 0)
            return false;
        struct timespec left = {.tv_sec = left_us / OM_SECOND,
                                .tv_nsec = left_us % OM_SECOND * 1000};
        struct pollfd poll_fd = {.fd = cancel->fd, .events = POLLIN};
        (void)ppoll(&poll_fd, 1, &left, NULL);
    }
    return true;
}
