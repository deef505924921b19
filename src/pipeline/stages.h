// Stages: the way of one camera's pictures through the worker pool. The lane decodes what the
// reader left in the mailbox, lets the motion watch judge it and puts what is worth it into the
// engine's slot; results come back to the same lane: track -> traffic -> alert -> journal.
//
// Threads: the lane (one worker at a time) owns everything but what is marked; put, snapshot and
// the getters are for any thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "pipeline/mailbox.h"

struct om_buf;
struct om_conf_camera;
struct om_engine;
struct om_error;
struct om_feed_hub;
struct om_frame;
struct om_journal;
struct om_load;
struct om_log;
struct om_looks_opts;
struct om_stages;
struct om_alert_opts;
struct om_tracker_opts;
struct om_waker;
struct om_watch_opts;
struct om_workers;

struct om_stages_opts {
    const struct om_conf_camera *conf;  // copied as far as needed
    const struct om_watch_opts *watch;  // these three too
    const struct om_tracker_opts *tracker;
    const struct om_alert_opts *alert;
    const struct om_looks_opts *looks;  // NULL = every whole picture that moves
    struct om_feed_hub *hub;      // borrowed; where a sleeping camera's group is; NULL = nowhere
    struct om_waker *waker;       // borrowed; told what the pixels say; may be NULL
    struct om_load *load;         // borrowed; may be NULL
    const struct om_log *log;     // borrowed
    struct om_workers *workers;   // borrowed
    struct om_engine *engine;     // borrowed; NULL = motion only
    struct om_journal *journal;   // borrowed
    void (*on_boxes)(void *ctx);  // a new result can be had; may only wake
    void *ctx;
};

struct om_stages_stats {
    uint64_t frames_decoded, frames_detected, frames_skipped, frames_corrupt;
    uint64_t
        frames_put_off;     // of the skipped ones: worth it, but not yet, or the detector was busy
    uint64_t parts_looked;  // parts of pictures, in those that were detected in part only
    int64_t last_frame_mono_us;  // of the stream, not of a fallback; OM_TIME_NONE before the first
    uint64_t frames_live;        // of the stream, not of a fallback
    uint64_t flushes;            // end marks done: all that was put before has been shown
    int width, height;           // upright, of the last one
    double delay_ms;
    int tracks;
};

OM_MUST_USE struct om_stages *om_stages_create(const struct om_stages_opts *opts);
void om_stages_destroy(struct om_stages *stages);  // accepts NULL
OM_DEFINE_AUTO(om_stages);

// Any thread (one reader). Takes both references of `mail`.
void om_stages_put(struct om_stages *stages, struct om_mail mail, enum om_mailbox_policy policy,
                   struct om_cancel *cancel);
// A still picture to show instead of the stream (takes the reference).
void om_stages_show(struct om_stages *stages, struct om_frame *frame);
void om_stages_wake_putter(struct om_stages *stages);
// Zones, lines and detect_fps of `conf` from the next frame on.
void om_stages_set_conf(struct om_stages *stages, const struct om_conf_camera *conf);

void om_stages_stats(struct om_stages *stages, struct om_stages_stats *ret);
// The last decode failure since the last call, in words; false when there was none.
bool om_stages_take_error(struct om_stages *stages, struct om_error *ret);
struct om_frame *om_stages_snapshot(struct om_stages *stages);
void om_stages_counts_json(struct om_stages *stages, struct om_buf *out);
// False when there is nothing newer than *seq.
bool om_stages_boxes_json(struct om_stages *stages, uint64_t *seq, struct om_buf *out);
// Of this camera's newest result, 0 = none yet; of the newest of any camera.
uint64_t om_stages_boxes_seq(struct om_stages *stages);
uint64_t om_stages_results_seq(void);
