// A model that is loaded and ready: graph, manifest, session. Frames in, detections out, in the
// calling thread. The engine (infer/engine.h) puts queues and threads around it.
//
// Threads: om_model_run() may be called from several threads at once, each with its own
// om_model_run context (the tensors); the rest is constant after load.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "infer/manifest.h"
#include "infer/tiles.h"
#include "scene/detection.h"

struct om_model;
struct om_model_ctx;
struct om_tensor;

enum { OM_EMBEDDING_MAX = 4096, OM_TOPK_MAX = 16 };

struct om_model_opts {
    int threads;                // intra-op threads of one run; 0 = one
    const char *providers;      // a plan (infer/device.h): "cuda:0,cuda:1,cpu"; NULL = cpu
    const char *library;        // path of the ONNX Runtime library; NULL = built-in place
    int instances;              // runs at the same time on each device; 0 = one
    bool fp16;                  // where the provider can choose
    int64_t device_memory_max;  // of one card, in bytes; 0 = no bound
    const char *home;           // built engines are kept below it; NULL = nowhere
};

struct om_detect_opts {
    float score_min;   // 0.25
    float nms_iou;     // 0.45
    bool all_classes;  // every class of a box above score_min, not only the best
    int objects_max;   // 300
};
#define OM_DETECT_OPTS_DEFAULT ((struct om_detect_opts){0.25f, 0.45f, false, 300})

struct om_model_timing {
    int64_t pre_us, infer_us, post_us;
};

struct om_topk {
    int class_id;
    float score;
};

// What came out for one picture; which part holds depends on the model's kind.
struct om_result {
    struct om_detections detections;
    int topk_count;
    struct om_topk topk[OM_TOPK_MAX];
    int embedding_count;
    float embedding[OM_EMBEDDING_MAX];  // unit length
    struct om_model_timing timing;
};

// Loads `path` (.onnx; its manifest `manifest` or, if NULL, the .yaml/.json beside it or what the
// graph says). External data only from inside the graph's own folder. NULL with the reason: not
// ONNX, family not recognised, shapes that contradict the manifest, operator missing.
OM_MUST_USE struct om_model *om_model_load(const char *path, const struct om_manifest *manifest,
                                           const struct om_model_opts *opts, struct om_error *err);
// The manifest of a graph file: the .yaml, .yml or .json beside it, its record in a models.json
// beside it, else one that says nothing. NULL when one is there but wrong.
OM_MUST_USE struct om_manifest *om_model_manifest_find(const char *path, struct om_error *err);
// A manifest file of one record.
OM_MUST_USE struct om_manifest *om_manifest_load(const char *path, struct om_error *err);
void om_model_destroy(struct om_model *model);  // accepts NULL; no run may be under way
OM_DEFINE_AUTO(om_model);

const struct om_manifest *om_model_manifest(const struct om_model *model);
const char *om_model_provider(const struct om_model *model);  // the one in use, "cpu"
// Most pictures one run may take: 1 for fixed graphs.
int om_model_batch_max(const struct om_model *model);
// How many runs it is meant to have under way at once, over all its devices.
int om_model_instances(const struct om_model *model);

// The tensors of one run of up to `batch` pictures. NULL when memory is out.
OM_MUST_USE struct om_model_ctx *om_model_ctx_create(struct om_model *model, int batch,
                                                     struct om_error *err);
// The same for one of several instances, which are dealt out over the model's devices in turn: all
// contexts of one instance are on one device.
OM_MUST_USE struct om_model_ctx *om_model_ctx_create_on(struct om_model *model, int instance,
                                                        int batch, struct om_error *err);
void om_model_ctx_destroy(struct om_model_ctx *ctx);  // accepts NULL
OM_DEFINE_AUTO(om_model_ctx);

// One run over `count` pictures (<= the ctx's batch). crops[i] (NULL = whole pictures) is the part
// of the stored picture to look at. results[i] is filled; boxes in pixels of the upright picture.
OM_MUST_USE enum om_status om_model_run(struct om_model_ctx *ctx,
                                        const struct om_frame *const *frames,
                                        const struct om_region *crops, int count,
                                        const struct om_detect_opts *opts,
                                        struct om_result *results, struct om_error *err);
// The same in three steps, so that a second thread can prepare the next pictures in another
// context: frames into the tensors, the network (om_model_run_bare()), the outputs into results
// (their timing.post_us too).
OM_MUST_USE enum om_status om_model_prepare(struct om_model_ctx *ctx,
                                            const struct om_frame *const *frames,
                                            const struct om_region *crops, int count,
                                            struct om_error *err);
OM_MUST_USE enum om_status om_model_finish(struct om_model_ctx *ctx, int count,
                                           const struct om_detect_opts *opts,
                                           struct om_result *results, struct om_error *err);
// ---- several parts in one input ----------------------------------------------------------------

// Whether parts may lie side by side: a detector whose boxes do not depend on the picture's size
// and whose arithmetic does not change with what else is in the input.
bool om_model_can_share(const struct om_model *model);
// Fills the first `canvases` inputs with tiles, which are in the order of their canvases and do not
// overlap; the rest becomes pad. A tile that cannot be fed gets its own status and is pad too.
void om_model_prepare_tiles(struct om_model_ctx *ctx, struct om_model_tile *tiles, int count,
                            int canvases);
// After the run of `canvases`: reads the outputs of one. `widest` has the lowest score_min of those
// that will ask, and their all_classes.
OM_MUST_USE enum om_status om_model_read_canvas(struct om_model_ctx *ctx, int canvas, int canvases,
                                                const struct om_detect_opts *widest);
// What was found in the given tiles of that canvas, which are parts of one picture.
void om_model_read_tiles(struct om_model_ctx *ctx, const struct om_model_tile *tiles, int count,
                         const struct om_detect_opts *opts, struct om_result *result);

// Only the network, on the ctx's own input as it is: for the bench's bare loop.
OM_MUST_USE enum om_status om_model_run_bare(struct om_model_ctx *ctx, int count,
                                             struct om_error *err);
// The ctx's own input, float NCHW of the ctx's batch, to be filled for om_model_run_bare(); NULL
// when the graph takes another type. *ret_floats is of one picture.
float *om_model_ctx_input(struct om_model_ctx *ctx, size_t *ret_floats);
// The raw outputs of the last run; `ret` has OM_TENSORS_MAX (infer/tensor.h) elements. Returns how
// many.
int om_model_ctx_outputs(struct om_model_ctx *ctx, struct om_tensor *ret);
// Names and shapes of the outputs for people, cut to `size`.
const char *om_model_outputs_text(const struct om_model *model, char *text, size_t size);
