// What an ONNX file says about itself, read by a small bounded protobuf reader of our own: enough
// to recognise a model, to refuse a broken file with a reason, and to see where external data lies
// before anybody opens it. Weights are passed over, never copied.

#pragma once

#include "base/cleanup.h"
#include "base/str.h"
#include "infer/tensor.h"

struct om_error;

enum { OM_ONNX_OPS_MAX = 160, OM_ONNX_EXTERNAL_MAX = 32, OM_ONNX_META_MAX = 32 };
// Larger graphs are refused (protobuf itself ends at 2 GiB); a value of the metadata is at most 256
// KiB.
#define OM_ONNX_BYTES_MAX ((size_t)2 << 30)

struct om_onnx_op {
    char name[40];
    int count;
};

struct om_onnx_meta {
    char *key, *value;
};

struct om_onnx_graph {
    int64_t ir, opset;
    char producer[64];
    int input_count, output_count;
    struct om_tensor_info inputs[OM_TENSORS_MAX];  // without initialisers; rank -1 = no shape given
    struct om_tensor_info outputs[OM_TENSORS_MAX];
    int node_count, initializer_count;
    int64_t parameter_count;
    int op_count;
    struct om_onnx_op ops[OM_ONNX_OPS_MAX];
    int meta_count;
    struct om_onnx_meta meta[OM_ONNX_META_MAX];
    int external_count;  // distinct files
    char *external[OM_ONNX_EXTERNAL_MAX];
};

// NULL with the reason: not ONNX, cut off, no graph, over a bound.
OM_MUST_USE struct om_onnx_graph *om_onnx_graph_parse(om_str data, struct om_error *err);
// The same from a file, which is mapped, not read. External data that is not inside the file's own
// folder (absolute, "..", or missing) is refused here.
OM_MUST_USE struct om_onnx_graph *om_onnx_graph_read(const char *path, struct om_error *err);
void om_onnx_graph_destroy(struct om_onnx_graph *graph);  // accepts NULL
OM_DEFINE_AUTO(om_onnx_graph);

// A value of the metadata (Ultralytics writes "names", "task", "imgsz"), or NULL.
const char *om_onnx_graph_meta(const struct om_onnx_graph *graph, const char *key);
// How often an operator occurs, subgraphs included.
int om_onnx_graph_op(const struct om_onnx_graph *graph, const char *name);
