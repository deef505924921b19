// Offline: pictures, folders and videos through a model as fast as possible, in order. One thread
// reads, decodes and prepares tensors, the caller's thread runs the network; so the engine is never
// idle while the second core keeps up.
//
// Threads: om_offline_run() blocks; its callbacks come in the caller's thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct om_cancel;
struct om_detect_opts;
struct om_frame;
struct om_model;
struct om_result;
struct om_shapes;
struct om_traffic;

// One picture with what was found in it; valid during the callback.
struct om_offline_item {
    const char *file;
    int64_t index;  // of the frame in its file, from 0
    int64_t pts_us;
    int width, height;  // upright
    const struct om_frame *frame;
    const struct om_result *result;
    const uint64_t *track_ids;  // one a detection, 0 = none; NULL without tracking
    int64_t decode_us, total_us;
    double share;  // of all inputs done, or negative when not known
};

struct om_offline_ops {
    void (*item)(void *ctx, const struct om_offline_item *item);
    // An input is over. `err` is NULL when all of it was read; the other inputs go on. `traffic`
    // (NULL without shapes) has its counts.
    void (*input_end)(void *ctx, const char *file, int64_t items, struct om_traffic *traffic,
                      const struct om_error *err);
};

struct om_offline_opts {
    const char *const *inputs;
    int input_count;
    struct om_model *model;  // borrowed; NULL = motion only (videos)
    const struct om_detect_opts *detect;
    bool tracks;
    const struct om_shapes *shapes;  // NULL = none; else tracking is on
    int64_t items_max;               // of each input; 0 = no bound
    struct om_cancel *cancel;        // may be NULL
};

// OM_OK even when some input failed (input_end said so); OM_CANCELLED; or the model's failure.
OM_MUST_USE enum om_status om_offline_run(const struct om_offline_opts *opts,
                                          const struct om_offline_ops *ops, void *ctx,
                                          struct om_error *err);
