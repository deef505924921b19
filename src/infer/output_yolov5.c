// YOLOv5 and what writes like it (v7, v6, YOLOX with the grid inside): one [1, n, 5 + C] of cx, cy,
// w, h in input pixels, objectness, classes.

#include "infer/output.h"

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    const struct om_tensor_info *t = &spec->tensors[0];

    // Exports may carry the raw heads behind the joined output.
    if (spec->tensor_count < 1 || (spec->tensor_count > 1 && !facts->is_named) ||
        t->type == OM_TENSOR_I64 || t->rank != 3 || t->dims[2] < 6)
        return false;
    spec->class_count = (int)t->dims[2] - 5;
    if (facts->is_named)
        return true;
    return (t->dims[1] % 3 == 0 && om_output_find_strides(spec, t->dims[1] / 3)) ||
           om_output_find_strides(spec, t->dims[1]);
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    const size_t columns = (size_t)spec->class_count + 5;
    const size_t rows = (size_t)tensors[0].dims[1];

    for (size_t i = 0; i < rows; i++) {
        const float *row = tensors[0].f32 + i * columns;
        if (row[4] >= sink->score_min)
            om_sink_put_classes(sink, row, row + 5, spec->class_count, row[4]);
    }
}

const struct om_output_ops om_output_yolov5 = {
    .name = "yolov5",
    .family = OM_OUTPUT_YOLOV5,
    .has_nms = true,
    .bind = bind,
    .decode = decode,
};
