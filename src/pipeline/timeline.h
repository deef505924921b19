// Timeline: one media clock over all the sources a camera has in its life. Each source starts its
// own clock at an epoch and a time of its own; behind the reader thread both only ever rise, so
// trackers, results, live video and boxes go on after a reconnect instead of waiting until the new
// clock passes the old one.
//
// Times are never below zero, which MP4 could not say.
//
// Threads: belongs to the reader thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_packet;

struct om_timeline {
    int64_t shift_us;  // added to the times of the present source
    uint32_t epoch_shift;
    int64_t last_dts_us, last_arrival_us;  // of the last packet, placed
    uint32_t last_epoch;
    bool has_last;
    bool is_new_source;
};

// Before the first packet of each source. A zeroed timeline is a valid one.
void om_timeline_start_source(struct om_timeline *timeline);
// Moves the packet's pts, dts and epoch. The caller is its only owner.
void om_timeline_place(struct om_timeline *timeline, struct om_packet *packet);
