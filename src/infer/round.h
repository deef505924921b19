// Round: what one run of the network serves: looks of several cameras packed into one or more
// canvases. Filled look by look, run, each look's result told. The engine (infer/engine.h) decides
// who comes in and in which thread; a round knows of neither.
//
// Threads: a round belongs to one thread at a time.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "infer/model.h"
#include "infer/pack.h"

struct om_round;

struct om_round_look {
    void *owner;             // the caller's
    struct om_frame *frame;  // borrowed until the run is over
    struct om_detect_opts detect;
    int64_t queued_us;  // the caller's
    // The round's.
    struct om_regions looked;  // count 0 = the whole picture
    int canvas, tile_first, tile_count, sorted_first;
};

// What a run was.
struct om_round_stats {
    int looks, regions, canvases;
    int64_t used_px, canvas_px;
};

struct om_round_opts {
    int instance;                       // of the model: which device it runs on
    int batch_max;                      // canvases of one run
    const struct om_pack_rules *rules;  // completed with what the model says
};

// NULL when memory is out.
OM_MUST_USE struct om_round *
om_round_create(struct om_model *model, const struct om_round_opts *opts, struct om_error *err);
void om_round_destroy(struct om_round *round);  // accepts NULL
OM_DEFINE_AUTO(om_round);

// The rules a plan for this model is made with.
struct om_pack_rules om_round_rules(const struct om_model *model, const struct om_pack_rules *wish);

// Empties it; at most so many canvases will be used.
void om_round_begin(struct om_round *round, int canvases_max);
// False when there is no room for it, or its options cannot share a run with those before.
OM_MUST_USE bool om_round_add(struct om_round *round, const struct om_round_look *look,
                              const struct om_pack_plan *plan);
int om_round_count(const struct om_round *round);
const struct om_round_look *om_round_look(const struct om_round *round, int i);
// Of what was added since begin.
struct om_round_stats om_round_stats(const struct om_round *round);

// Runs and tells each look's result, once each. When `status` is not OM_OK the result is empty.
typedef void om_round_fn(void *ctx, const struct om_round_look *look,
                         const struct om_result *result, enum om_status status);
void om_round_run(struct om_round *round, om_round_fn *fn, void *ctx);
