// Engine: one loaded model, its worker threads, and the newest-frame slots of the cameras. An idle
// worker takes what waits, in the order the slots were filled, up to the batch the model can take:
// batch size is a result of load, never a setting.
//
// A slot holds at most one frame; a newer one overwrites it (counted). The result goes to the
// slot's callback in a worker thread: it may only hand over (post, wake a lane).

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "infer/model.h"

struct om_engine;
struct om_slot;

struct om_engine_opts {
    int workers;    // engine instances, each with its own tensors; 0 = one
    int batch_max;  // 0 = what the model can take, at most 16
};

struct om_slot_result {
    struct om_frame *frame;          // the reference passes to the receiver
    const struct om_result *result;  // valid during the callback
    enum om_status status;
    int64_t queued_us;  // how long it waited in the slot
    int batch;          // pictures in that run
};
typedef void om_slot_fn(void *ctx, struct om_slot_result *result);

struct om_slot_stats {
    uint64_t put, run, overwritten;
};

// Takes over `model` (also on failure).
OM_MUST_USE struct om_engine *
om_engine_create(struct om_model *model, const struct om_engine_opts *opts, struct om_error *err);
// Waits for the runs under way; every slot must be closed before. Accepts NULL.
void om_engine_destroy(struct om_engine *engine);
OM_DEFINE_AUTO(om_engine);
struct om_model *om_engine_model(struct om_engine *engine);

OM_MUST_USE struct om_slot *om_slot_open(struct om_engine *engine,
                                         const struct om_detect_opts *opts, om_slot_fn *fn,
                                         void *ctx);
// After it returns, fn is not called any more. Not from within fn. Accepts NULL.
void om_slot_close(struct om_slot *slot);
// Takes the caller's reference of `frame`; never waits.
void om_slot_put(struct om_slot *slot, struct om_frame *frame);
// Whether a frame waits or runs.
bool om_slot_is_busy(struct om_slot *slot);
struct om_slot_stats om_slot_stats(struct om_slot *slot);
