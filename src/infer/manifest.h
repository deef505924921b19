// Model manifest: how a graph is fed and how its outputs are read. YAML or JSON with the keys name,
// file, kind, decode, input_size, colour, resize, pad, mean, std, classes, nms, strides, anchors,
// licence, source; what can be read from the graph (names, shapes, metadata) may be left out.

#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/str.h"

struct om_buf;
struct om_error;
struct om_labels;

enum om_model_kind { OM_MODEL_DETECTOR, OM_MODEL_CLASSIFIER, OM_MODEL_EMBEDDING };

// How the outputs are read; definitions in docs/design/model-outputs.md.
enum om_output_family {
    OM_OUTPUT_AUTO,  // to be recognised from the graph
    OM_OUTPUT_YOLOX,
    OM_OUTPUT_YOLOV5,
    OM_OUTPUT_YOLOV8,
    OM_OUTPUT_END2END,
    OM_OUTPUT_GFL,
    OM_OUTPUT_DETR,
    OM_OUTPUT_FASTESTDET,
    OM_OUTPUT_YOLO_FASTESTV2,
    OM_OUTPUT_YUNET,
    OM_OUTPUT_ULTRAFACE,
    OM_OUTPUT_CLASSIFIER,
    OM_OUTPUT_EMBEDDING,
    OM_OUTPUT_COUNT
};

enum om_resize { OM_RESIZE_STRETCH, OM_RESIZE_LETTERBOX_CENTER, OM_RESIZE_LETTERBOX_TOPLEFT };
enum om_colour { OM_COLOUR_BGR, OM_COLOUR_RGB, OM_COLOUR_GREY };

enum { OM_STRIDES_MAX = 6, OM_ANCHORS_MAX = 32 };

struct om_manifest {
    char name[65];
    char version[65];  // content address: first 12 hex digits of the graph's SHA-256, unless given
    char file[256];    // of the graph, as written in the manifest
    enum om_model_kind kind;
    enum om_output_family family;
    int input_width, input_height;  // 0 = from the graph
    enum om_colour colour;
    enum om_resize resize;
    float pad;
    float mean[3], std[3];
    bool has_nms;  // greedy NMS after decoding
    int stride_count;
    int strides[OM_STRIDES_MAX];
    int anchor_count;  // pairs
    float anchors[OM_ANCHORS_MAX][2];
    struct om_labels *labels;  // owned; may be NULL
    char licence[128];
    char source[256];
    unsigned given;  // bit mask of what the file said, see OM_MANIFEST_...
};

enum {
    OM_MANIFEST_KIND = 1,
    OM_MANIFEST_FAMILY = 2,
    OM_MANIFEST_SIZE = 4,
    OM_MANIFEST_COLOUR = 8,
    OM_MANIFEST_RESIZE = 16,
    OM_MANIFEST_PAD = 32,
    OM_MANIFEST_NORM = 64,
    OM_MANIFEST_NMS = 128,
    OM_MANIFEST_STRIDES = 256,
    OM_MANIFEST_ANCHORS = 512,
    OM_MANIFEST_CLASSES = 1024
};

// From the text of one record (JSON or YAML). NULL with key and line in *err; unknown keys that are
// only informative (note, ops, bytes, sha256, inputs, outputs, opset, ir, value_range) are passed
// over.
OM_MUST_USE struct om_manifest *om_manifest_parse(om_str text, const char *file_name,
                                                  struct om_error *err);
// The record whose `file` is `graph_file` from a document with a list "models"; OM_NOT_FOUND when
// there is none.
OM_MUST_USE struct om_manifest *om_manifest_parse_list(om_str text, const char *file_name,
                                                       const char *graph_file,
                                                       struct om_error *err);
// Everything the manifest says, as JSON that om_manifest_parse() reads back.
void om_manifest_write(const struct om_manifest *manifest, struct om_buf *out);
// One that says nothing (given == 0), and a copy of one.
OM_MUST_USE struct om_manifest *om_manifest_create(void);
OM_MUST_USE struct om_manifest *om_manifest_copy(const struct om_manifest *manifest);
void om_manifest_destroy(struct om_manifest *manifest);  // accepts NULL
OM_DEFINE_AUTO(om_manifest);

const char *om_model_kind_name(enum om_model_kind kind);
const char *om_output_family_name(enum om_output_family family);
