// From a graph and a manifest that may leave things out to one that says everything: the family is
// recognised from the outputs, preprocessing comes from what the family's own exporters do.

#pragma once

#include "infer/manifest.h"
#include "infer/onnx_graph.h"
#include "infer/output.h"

// Which input takes the picture, which the picture's size.
struct om_family_inputs {
    int picture;        // index
    int size;           // index, or -1
    int channels;       // 1 or 3
    int width, height;  // 0 = free in the graph
    bool is_batch_free;
    int batch;  // of a graph with a fixed one
};

// False with the inputs named when they are no picture's.
OM_MUST_USE bool om_family_inputs_find(const struct om_tensor_info *inputs, int count,
                                       struct om_family_inputs *ret, struct om_error *err);

// Labels from what Ultralytics writes into the metadata, unless the manifest has some.
void om_family_labels(struct om_manifest *manifest, const struct om_onnx_graph *graph);

// Sets the input's size: the graph's, else the manifest's, else the metadata's, else a usual one.
// False when the manifest contradicts the graph.
OM_MUST_USE bool om_family_size(struct om_manifest *manifest, const struct om_onnx_graph *graph,
                                const struct om_family_inputs *inputs, struct om_error *err);

// Binds spec->tensors (filled by the caller, with tensor_count) and completes *manifest. `sample`:
// the values of a run on an empty picture. False when no family fits, or not the one the manifest
// names.
OM_MUST_USE bool om_family_settle(struct om_manifest *manifest, const struct om_onnx_graph *graph,
                                  const struct om_tensor *sample, struct om_output_spec *spec,
                                  struct om_error *err);
