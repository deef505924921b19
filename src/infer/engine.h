// Engine: one loaded model, its worker threads, and the slots of the cameras and other callers. An
// idle worker takes what waits up to what one run can hold: batch size is a result of load, never
// a setting.
//
// A slot holds at most one look (a frame and the regions of it to look at); a newer one overwrites
// it (counted). The result goes to the slot's callback in a worker thread: it may only hand over
// (post, wake a lane).

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "infer/model.h"
#include "scene/region.h"

struct om_engine;
struct om_slot;

enum om_engine_pack {
    OM_PACK_AUTO,  // parts of several pictures in one input, where the model allows it
    OM_PACK_OFF
};

struct om_engine_opts {
    int workers;    // engine instances, each with its own tensors; 0 = the model's
    int batch_max;  // network inputs in one run; 0 = what the model can take, at most 16
    enum om_engine_pack pack;
    double zoom;  // regions are seen so much larger than in the whole picture; 0 = 1
};

struct om_slot_opts {
    struct om_detect_opts detect;
    int priority;   // 0 .. 7, higher goes first
    double weight;  // share among those of one priority, by the area really used; 0 = 1
};
#define OM_SLOT_OPTS_DEFAULT ((struct om_slot_opts){OM_DETECT_OPTS_DEFAULT, 0, 1})

// What to look at in one frame.
struct om_look {
    struct om_frame *frame;  // the reference passes to the engine
    struct om_parts parts;   // in pixels of the stored picture
    int64_t deadline_us;     // om_time_mono_us() until which the answer is useful; 0 = none
    int64_t linger_us;  // how long it may wait for company in its run, to cost less; 0 = not at all
};

struct om_slot_result {
    struct om_frame *frame;          // the reference passes to the receiver
    const struct om_result *result;  // of all regions, in pixels of the upright picture; valid
                                     // during the callback
    // Where an object would have been seen, by its centre; count 0 = the whole picture. Valid
    // during the callback.
    const struct om_regions *looked;
    enum om_status status;  // OM_TIMEOUT: its deadline passed before a worker was free
    int64_t queued_us;      // how long it waited in the slot
    int batch;              // network inputs in that run
    int looks;              // that shared it
};
typedef void om_slot_fn(void *ctx, struct om_slot_result *result);

struct om_slot_stats {
    uint64_t put, run, overwritten, overdue;
};

// Sums since the engine began.
struct om_engine_stats {
    uint64_t looks;               // that were run
    uint64_t regions;             // of them, as run (a whole picture counts as one)
    uint64_t runs;                // of the network
    uint64_t canvases;            // network inputs in those runs
    uint64_t used_px, canvas_px;  // input pixels that held pictures, and all: the fill share
    uint64_t overwritten, overdue, failed;  // looks that gave no answer
    int64_t busy_us;                        // time of the workers from taking to delivering
    int64_t queue_us_p50, queue_us_p99;     // how long looks waited
    int waiting;                            // slots, now
};

// Takes over `model` (also on failure).
OM_MUST_USE struct om_engine *
om_engine_create(struct om_model *model, const struct om_engine_opts *opts, struct om_error *err);
// Waits for the runs under way; every slot must be closed before. Accepts NULL.
void om_engine_destroy(struct om_engine *engine);
OM_DEFINE_AUTO(om_engine);
struct om_model *om_engine_model(struct om_engine *engine);

// Any thread.
struct om_engine_stats om_engine_stats(struct om_engine *engine);

OM_MUST_USE struct om_slot *om_slot_open(struct om_engine *engine, const struct om_slot_opts *opts,
                                         om_slot_fn *fn, void *ctx);
// After it returns, fn is not called any more. Not from within fn. Accepts NULL.
void om_slot_close(struct om_slot *slot);
// Takes look->frame, which is NULL afterwards; never waits. Regions outside the picture are cut to
// it; when nothing is left of any, fn hears OM_INVALID. What is no detector sees the first only.
void om_slot_look(struct om_slot *slot, struct om_look *look);
// The same for a whole picture; takes the caller's reference of `frame`.
void om_slot_put(struct om_slot *slot, struct om_frame *frame);
// Whether a look waits or runs.
bool om_slot_is_busy(struct om_slot *slot);
struct om_slot_stats om_slot_stats(struct om_slot *slot);
