// The parity gate: what a model must show before it may be used. The graph is read, its family
// recognised or named, it runs, it gives for one picture alone what it gives for it in a batch, and
// what it gave before (a golden set of pictures and boxes, or what was stored when it was
// imported).
//
// Threads: no shared state.

#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "infer/model.h"

enum { OM_VERIFY_CHECKS_MAX = 8 };

enum om_verify_outcome { OM_VERIFY_PASSED, OM_VERIFY_SKIPPED, OM_VERIFY_FAILED };

struct om_verify_check {
    const char *name;  // "graph", "family", "batch", "reference", "golden"
    enum om_verify_outcome outcome;
    char text[320];
};

struct om_verify_report {
    int check_count;
    struct om_verify_check checks[OM_VERIFY_CHECKS_MAX];
};

struct om_verify_opts {
    struct om_model_opts model;
    // A JSON file, or a folder with one, in the form {"detector": name, "score_min": s, "nms_iou":
    // t, "images": {path: {"w": w, "h": h, "dets": [[class, score, x1, y1, x2, y2], ...]}}}; the
    // paths are relative to the file's folder or one of the three above it. NULL = no golden set.
    const char *golden;
    // What om_model_reference() wrote at import, or NULL.
    const char *reference;
};

// True when every check passed or could be skipped; *err says the first that did not.
OM_MUST_USE bool om_model_verify(const char *path, const struct om_manifest *manifest,
                                 const struct om_verify_opts *opts, struct om_verify_report *report,
                                 struct om_error *err);

// The same for a model that is loaded (without the check "graph", which loading is).
OM_MUST_USE bool om_model_verify_loaded(struct om_model *model, const struct om_verify_opts *opts,
                                        struct om_verify_report *report, struct om_error *err);

// What the model gives on built-in synthetic pictures: raw outputs in a few numbers each, as JSON.
// It is compared by later verifications, on other machines and with other ONNX Runtimes too.
OM_MUST_USE bool om_model_reference(struct om_model *model, struct om_buf *out,
                                    struct om_error *err);

const char *om_verify_outcome_name(enum om_verify_outcome outcome);  // "passed"
