// YOLOX: one [1, n, 5 + C] of rows dx, dy, dw, dh, objectness, classes; the levels of strides 8,
// 16, 32 one after another, row by row. Sigmoids are in the graph, the grid is not.

#include <math.h>

#include "infer/output.h"

// An export with the grid inside has the same shape. On an empty picture its centres reach across
// the whole input, raw offsets stay within a few cells.
static bool is_decoded_inside(const struct om_output_spec *spec, const struct om_tensor *sample)
{
    int64_t columns = spec->tensors[0].dims[2];
    float reach = 0;

    if (!sample || !sample->f32 || sample->count < (size_t)columns)
        return false;
    for (size_t i = 0; i + 1 < sample->count; i += (size_t)columns)
        reach = fmaxf(reach, fmaxf(sample->f32[i], sample->f32[i + 1]));
    return reach > 0.5f * (float)OM_MIN(spec->input_width, spec->input_height);
}

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    const struct om_tensor_info *t = &spec->tensors[0];

    if (spec->tensor_count != 1 || t->type == OM_TENSOR_I64 || t->rank != 3 || t->dims[2] < 6 ||
        !om_output_find_strides(spec, t->dims[1]))
        return false;
    spec->class_count = (int)t->dims[2] - 5;
    return facts->is_named || !is_decoded_inside(spec, facts->sample);
}

static void decode_level(const struct om_output_spec *spec, const float *rows, int stride,
                         struct om_sink *sink)
{
    int across = (spec->input_width + stride - 1) / stride;
    int cells = om_output_cells(spec, stride), columns = spec->class_count + 5;

    for (int i = 0; i < cells; i++) {
        const float *row = rows + (size_t)i * (size_t)columns;
        if (!(row[4] >= sink->score_min))  // classes are at most 1
            continue;
        const float s = (float)stride;
        const float centre[4] = {
            (row[0] + (float)(i % across)) * s,
            (row[1] + (float)(i / across)) * s,
            expf(row[2]) * s,
            expf(row[3]) * s,
        };
        om_sink_put_classes(sink, centre, row + 5, spec->class_count, row[4]);
    }
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    const float *rows = tensors[0].f32;

    for (int i = 0; i < spec->stride_count; i++) {
        decode_level(spec, rows, spec->strides[i], sink);
        rows += (size_t)om_output_cells(spec, spec->strides[i]) * (size_t)(spec->class_count + 5);
    }
}

const struct om_output_ops om_output_yolox = {
    .name = "yolox",
    .family = OM_OUTPUT_YOLOX,
    .has_nms = true,
    .bind = bind,
    .decode = decode,
};
