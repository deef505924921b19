// Cancel: one flag that many blocking waits watch. Cancelling is final.
//
// Threads: everything from any thread.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct om_cancel {
    atomic_bool is_set;
    int fd;  // eventfd, readable once set; for poll(). -1 when the process is out of descriptors
};

// Never fails: without a descriptor the waits look at the flag every 50 ms instead.
void om_cancel_init(struct om_cancel *cancel);
void om_cancel_finish(struct om_cancel *cancel);
void om_cancel_set(struct om_cancel *cancel);
static inline bool om_cancel_is_set(const struct om_cancel *cancel)
{
    return cancel && atomic_load_explicit(&cancel->is_set, memory_order_acquire);
}
// Sleeps until `until_mono_us` or until cancelled; returns whether it was cancelled.
bool om_cancel_sleep_until(struct om_cancel *cancel, int64_t until_mono_us);
