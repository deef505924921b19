// Connect gate: at most so many connection attempts a second over all cameras, so that a thousand
// cameras coming back after a power cut are not stormed, and neither are we.
//
// Threads: any.

#pragma once

#include <stdint.h>

#include "base/thread.h"

struct om_cancel;

struct om_connect_gate {
    struct om_mutex lock;
    int64_t next_us;      // under `lock`: when the next attempt may start
    int64_t interval_us;  // constant
};

void om_connect_gate_init(struct om_connect_gate *gate, int per_second);
void om_connect_gate_finish(struct om_connect_gate *gate);
// Waits for a turn. False when cancelled meanwhile.
OM_MUST_USE bool om_connect_gate_wait(struct om_connect_gate *gate, struct om_cancel *cancel);
