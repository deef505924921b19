// Alert: tracks and measures of one camera to events. A track is told when it is confirmed, at most
// every `update_us` while it lives, and once when it ends; zones and lines are told as they happen.
//
// Threads: belongs to one thread at a time. Allocates only while there are more
// tracks than ever before.

#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct om_alert;
struct om_event;
struct om_labels;
struct om_measures;
struct om_opt_group;
struct om_tracks;

struct om_alert_opts {
    int64_t update_us;  // between two track.updated of one track (1 s); 0 = none
};
extern const struct om_opt_group om_alert_opt_group;

// What is the same for all events of one frame.
struct om_alert_frame {
    const char *camera;
    const char *model_name, *model_version;  // NULL = motion only
    const struct om_labels *labels;
    int64_t pts_us, wall_us;
    uint32_t epoch;
    int width, height;  // upright
    char request_id[37];
    double latency_decode_ms, latency_queue_ms, latency_infer_ms, latency_total_ms;
};

typedef void om_alert_emit_fn(void *ctx, const struct om_event *event);

OM_MUST_USE struct om_alert *om_alert_create(const struct om_alert_opts *opts);
void om_alert_destroy(struct om_alert *alert);  // accepts NULL
OM_DEFINE_AUTO(om_alert);

// `measures` may be NULL. emit() is called in the calling thread for each event, in order: started,
// zone and line, updated, ended.
void om_alert_update(struct om_alert *alert, const struct om_alert_frame *frame,
                     const struct om_tracks *tracks, const struct om_measures *measures,
                     om_alert_emit_fn *emit, void *ctx);
