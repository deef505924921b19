// Graphs that choose for themselves (YOLOv10, YOLO26, exports with NMS inside): one [1, n, 6] of
// x1, y1, x2, y2 in input pixels, score, class. Rows that are not used have score 0.

#include <math.h>

#include "infer/output.h"

enum { ROWS_USUAL_MAX = 1000 };

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    struct om_tensor_info *t = &spec->tensors[0];

    if (spec->tensor_count != 1 || t->type == OM_TENSOR_I64 || (t->rank != 3 && t->rank != 2) ||
        t->dims[t->rank - 1] != 6)
        return false;
    if (!facts->is_named &&
        (t->rank != 3 || t->dims[1] > ROWS_USUAL_MAX || om_output_find_strides(spec, t->dims[1])))
        return false;
    t->dims[t->rank - 2] = -1;  // as many as it found
    spec->stride_count = 0;
    return true;
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    (void)spec;
    for (size_t i = 0; i + 6 <= tensors[0].count; i += 6) {
        const float *row = tensors[0].f32 + i;
        if (row[5] >= 0 && row[5] < INT16_MAX)
            om_sink_put(sink, row, row[4], (int)lrintf(row[5]));
    }
}

const struct om_output_ops om_output_end2end = {
    .name = "end2end",
    .family = OM_OUTPUT_END2END,
    .has_nms = false,
    .bind = bind,
    .decode = decode,
};
