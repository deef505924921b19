// The counts of all shapes by label. Internal to traffic/. Every function may be called from any
// thread.

#pragma once

struct om_json_writer;

#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"
#include "traffic/traffic.h"

enum { OM_COUNTS_MAX = 1024 };  // labels beyond it are counted as "other" while there is room

struct om_counts {
    struct om_mutex lock;
    // Under `lock`.
    int count, room;
    struct om_count *items;  // grow up to OM_COUNTS_MAX
};

void om_counts_init(struct om_counts *counts);
void om_counts_finish(struct om_counts *counts);
// Drops those of shapes for which `keep` says no.
void om_counts_filter(struct om_counts *counts,
                      bool (*keep)(void *ctx, const struct om_count *count), void *ctx);
void om_counts_cross(struct om_counts *counts, const char *line, const char *label,
                     enum om_direction direction);

void om_counts_enter(struct om_counts *counts, const char *zone, const char *label);
// By the label it entered with.
void om_counts_leave(struct om_counts *counts, const char *zone, const char *label,
                     int64_t dwell_us);
int om_counts_copy(struct om_counts *counts, struct om_count *out, int n);
// As om_traffic_write_counts().
void om_counts_write(struct om_counts *counts, struct om_json_writer *w);
