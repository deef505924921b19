// Traffic: tracks to measures. Which zones a track is in and for how long, which lines it crosses
// in which direction, and the counts by line, direction and label.
//
// The foot point decides. Hysteresis: a line is crossed when the foot point was clearly on one side
// and then is clearly on the other (by a share of the object's size), on a path that meets the
// segment; a zone is entered or left only after the foot point stayed on the new side for a moment.
// A track that trembles on the edge counts once.
//
// Threads: belongs to one thread at a time; counts may be read from any thread. Bounded.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "scene/measure.h"
#include "scene/zone.h"

struct om_json_writer;
struct om_labels;
struct om_traffic;
struct om_tracks;

OM_MUST_USE struct om_traffic *om_traffic_create(void);
void om_traffic_destroy(struct om_traffic *traffic);  // accepts NULL
OM_DEFINE_AUTO(om_traffic);

// New shapes; counts of lines and zones whose name and geometry stay are kept.
void om_traffic_set_shapes(struct om_traffic *traffic, const struct om_shapes *shapes);
// One frame of a `width` x `height` upright picture; `tracks` as om_tracker_update() gave them
// (ended ones leave their zones). `labels` names the classes for the filters and the counts.
void om_traffic_update(struct om_traffic *traffic, const struct om_tracks *tracks, int width,
                       int height, const struct om_labels *labels, struct om_measures *ret);

// Measures that did not fit OM_MEASURES_MAX.
uint64_t om_traffic_dropped(const struct om_traffic *traffic);

struct om_count {
    char shape[OM_ID_SIZE];
    bool is_line;
    char label[64];
    uint64_t left_to_right, right_to_left;  // lines
    uint64_t entered, left;                 // zones
    int inside;                             // zones, now
    double dwell_mean_s;                    // zones, of those that left
};
// Copies up to `n` counts (one per shape and label seen), returns how many there are. Any thread.
int om_traffic_counts(struct om_traffic *traffic, struct om_count *out, int n);
// All of them as a JSON array of {"shape","kind","label",...}. Any thread.
void om_traffic_write_counts(struct om_traffic *traffic, struct om_json_writer *w);
