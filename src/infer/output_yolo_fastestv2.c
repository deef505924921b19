// Yolo-FastestV2: cells of strides 16, then 32, each a row of 3 anchors x 4 box values, 3
// objectness, C classes (shared by the anchors); either joined to [1, n, 15 + C] or a [1, h, w, 15
// + C] a level. centre = (2 v - 0.5 + cell) stride, size = (2 v)^2 anchor.

#include <string.h>

#include "infer/output.h"

enum { ANCHORS = 3, LEVELS = 2, HEAD = ANCHORS * 5, COLUMNS_MIN = HEAD + 1 };

// The anchors of the published COCO model at 352 x 352, in input pixels.
static const float usual_anchors[LEVELS * ANCHORS][2] = {
    {12.64f, 19.39f},  {37.88f, 51.48f},   {55.71f, 138.31f},
    {126.91f, 78.23f}, {131.57f, 214.55f}, {279.92f, 258.87f},
};

static int64_t columns_of(const struct om_tensor_info *t)
{
    return t->rank > 0 ? t->dims[t->rank - 1] : 0;
}

static bool bind_levels(struct om_output_spec *spec)
{
    for (int level = 0; level < LEVELS; level++) {
        int stride = spec->strides[level];
        spec->role[level] = -1;
        for (int i = 0; i < LEVELS; i++) {
            const struct om_tensor_info *t = &spec->tensors[i];
            if (t->rank == 4 && t->dims[1] == (spec->input_height + stride - 1) / stride &&
                t->dims[2] == (spec->input_width + stride - 1) / stride)
                spec->role[level] = i;
        }
        if (spec->role[level] < 0)
            return false;
    }
    return columns_of(&spec->tensors[0]) == columns_of(&spec->tensors[1]);
}

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    int64_t columns = columns_of(&spec->tensors[0]);

    if (!spec->stride_count) {
        spec->stride_count = LEVELS;
        spec->strides[0] = 16;
        spec->strides[1] = 32;
    }
    if (!spec->anchor_count) {
        spec->anchor_count = LEVELS * ANCHORS;
        memcpy(spec->anchors, usual_anchors, sizeof(usual_anchors));
    }
    if (spec->stride_count != LEVELS || spec->anchor_count != LEVELS * ANCHORS ||
        columns < COLUMNS_MIN || columns > INT16_MAX || spec->tensors[0].type == OM_TENSOR_I64)
        return false;
    spec->class_count = (int)columns - HEAD;
    if (spec->tensor_count == LEVELS)
        return bind_levels(spec);
    // A joined one looks like many others: by 95 columns, or when it is named.
    return spec->tensor_count == 1 && spec->tensors[0].rank == 3 &&
           spec->tensors[0].dims[1] == om_output_cells_all(spec, spec->strides, LEVELS) &&
           (facts->is_named || columns == 80 + HEAD);
}

static void decode_level(const struct om_output_spec *spec, const float *rows, int level,
                         struct om_sink *sink)
{
    int stride = spec->strides[level], across = (spec->input_width + stride - 1) / stride;
    int cells = om_output_cells(spec, stride);
    const float s = (float)stride;

    for (int i = 0; i < cells; i++, rows += spec->class_count + HEAD) {
        for (int a = 0; a < ANCHORS; a++) {
            float object = rows[ANCHORS * 4 + a];
            if (!(object >= sink->score_min))
                continue;
            const float *v = rows + (ptrdiff_t)4 * a;
            const float *anchor = spec->anchors[level * ANCHORS + a];
            const float centre[4] = {
                (2 * v[0] - 0.5f + (float)(i % across)) * s,
                (2 * v[1] - 0.5f + (float)(i / across)) * s,
                4 * v[2] * v[2] * anchor[0],
                4 * v[3] * v[3] * anchor[1],
            };
            om_sink_put_classes(sink, centre, rows + HEAD, spec->class_count, object);
        }
    }
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    const float *joined = tensors[0].f32;

    for (int level = 0; level < LEVELS; level++) {
        bool is_split = spec->tensor_count == LEVELS;
        decode_level(spec, is_split ? tensors[spec->role[level]].f32 : joined, level, sink);
        joined += (size_t)om_output_cells(spec, spec->strides[level]) *
                  (size_t)(spec->class_count + HEAD);
    }
}

const struct om_output_ops om_output_yolo_fastestv2 = {
    .name = "yolo-fastestv2",
    .family = OM_OUTPUT_YOLO_FASTESTV2,
    .has_nms = true,
    .bind = bind,
    .decode = decode,
};
