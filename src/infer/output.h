// Outputs of a network read as boxes: one const struct a family, plain arrays in, candidates out.
// The definitions are in docs/design/model-outputs.md.
//
// bind() is asked once, at load; decode() for each picture. A decoder trusts nothing about values
// (NaN, infinities, negative sizes) and only the bound shapes; om_output_decode() checks those
// before.

#pragma once

#include "infer/manifest.h"
#include "infer/tensor.h"

// Boxes above score_min that one picture may give; of more the best are kept.
enum { OM_CANDIDATES_MAX = 4096 };

struct om_candidate {
    float x1, y1, x2, y2;  // corners, in pixels of the network's input
    float score;
    int class_id;
    int order;  // of arrival: equal scores stay in the order of the output
};

// Where decoders put what they find.
struct om_sink {
    float score_min;
    bool all_classes;
    float target_width,
        target_height;  // what a second input told the network the picture's size is
    int capacity, count, seen;
    struct om_candidate *items;  // a heap with the worst on top once it is full
};

// What decoding needs to know; constant after bind().
struct om_output_spec {
    const struct om_output_ops *ops;
    int input_width, input_height;
    int class_count;
    int stride_count;
    int strides[OM_STRIDES_MAX];
    int anchor_count;
    float anchors[OM_ANCHORS_MAX][2];
    float cell_offset;         // gfl: where in its cell a point lies
    int variant;               // the family's own
    int role[OM_TENSORS_MAX];  // the family's own: which output is what
    int tensor_count;
    struct om_tensor_info tensors[OM_TENSORS_MAX];  // the shapes bound to, dims[0] = 1
};

// What is known beside the shapes.
struct om_output_facts {
    bool is_named;                   // the manifest names this family: take what is possible
    int label_count;                 // 0 = not known
    const struct om_tensor *sample;  // values of a run on an empty picture, or NULL
};

struct om_output_ops {
    const char *name;
    enum om_output_family family;
    enum om_model_kind kind;
    bool has_nms;  // when the manifest does not say
    // Whether spec->tensors can be this family's; then the rest of *spec is filled, except for what
    // the manifest gave (strides, anchors: counts that are not 0).
    bool (*bind)(struct om_output_spec *spec, const struct om_output_facts *facts);
    // NULL for classifiers and embeddings.
    void (*decode)(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink);
};

extern const struct om_output_ops om_output_yolox, om_output_yolov5, om_output_yolov8,
    om_output_end2end, om_output_gfl, om_output_detr, om_output_fastestdet,
    om_output_yolo_fastestv2, om_output_yunet, om_output_ultraface, om_output_classifier,
    om_output_embedding;

// NULL for OM_OUTPUT_AUTO.
const struct om_output_ops *om_output_ops_of(enum om_output_family family);
// All of them, in the order in which they are tried.
const struct om_output_ops *const *om_output_all(int *ret_count);

// Finds the family of spec->tensors (or checks the one named, `family`) and binds it. False when
// none fits; *spec is then undefined.
OM_MUST_USE bool om_output_bind(struct om_output_spec *spec, enum om_output_family family,
                                const struct om_output_facts *facts);

// One picture: the sink is emptied, filled and sorted, best first. False when the tensors are not
// those that were bound.
OM_MUST_USE bool om_output_decode(const struct om_output_spec *spec,
                                  const struct om_tensor *tensors, int count, struct om_sink *sink);

// ---- for decoders ------------------------------------------------------------------------------

// Puts one box; passed over unless score >= score_min, everything is finite and it has an area.
void om_sink_put(struct om_sink *sink, const float corners[4], float score, int class_id);
static inline void om_sink_put_centre(struct om_sink *sink, const float centre[4], float score,
                                      int class_id)
{
    float w = centre[2] / 2, h = centre[3] / 2;
    const float corners[4] = {centre[0] - w, centre[1] - h, centre[0] + w, centre[1] + h};
    om_sink_put(sink, corners, score, class_id);
}
// Puts the best class of a row of scores (every class with all_classes), each times `factor`.
void om_sink_put_classes(struct om_sink *sink, const float centre[4], const float *scores,
                         int count, float factor);

// Cells of one level, and of all levels.
int om_output_cells(const struct om_output_spec *spec, int stride);
int64_t om_output_cells_all(const struct om_output_spec *spec, const int *strides, int count);
// Sets the strides (8, 16, 32 ... as many as make `cells` in all) unless the manifest gave some
// that do. False when nothing fits.
bool om_output_find_strides(struct om_output_spec *spec, int64_t cells);
