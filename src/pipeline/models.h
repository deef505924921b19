// Engines by model: every model that some camera uses is loaded once and shared by all of them.
//
// Threads: any; loading happens in the caller's thread.

#pragma once

#include "base/cleanup.h"

struct om_engine;
struct om_engines;
struct om_error;
struct om_infer_opts;

struct om_engines_opts {
    const char *home;                   // where installed models lie; copied
    const struct om_infer_opts *infer;  // infer/device.h; copied, NULL = the defaults
};

OM_MUST_USE struct om_engines *om_engines_create(const struct om_engines_opts *opts);
// No slot may be open any more. Accepts NULL.
void om_engines_destroy(struct om_engines *engines);
OM_DEFINE_AUTO(om_engines);

// The engine of `model` (a name in the registry, or a path of an ONNX file), loaded now if need be.
// Borrowed until destroy. NULL with the reason.
OM_MUST_USE struct om_engine *om_engines_get(struct om_engines *engines, const char *model,
                                             struct om_error *err);
