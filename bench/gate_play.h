// Play: one coded timeline through the packet gate, as the pipeline does it: what the gate asks for
// is decoded (on waking, the group so far), the motion watch looks at it and reports back.
//
// Threads: one play belongs to one thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_error;
struct om_gate_timeline;

struct om_gate_tally {
    int64_t packets, decoded, moving;
    int events, kept, prompt;  // prompt: awake within a second of the event's start
    int wakes, idle_wakes;     // idle: no motion around
    int64_t bytes;
    int64_t judge_us, slice_us;  // CPU time of `judged` and `sliced` packets
    int64_t judged, sliced;
};

void om_gate_tally_add(struct om_gate_tally *sum, const struct om_gate_tally *part);

// Adds to *tally.
bool om_gate_play(const char *path, const struct om_gate_timeline *timeline,
                  struct om_gate_tally *tally, struct om_error *err);
