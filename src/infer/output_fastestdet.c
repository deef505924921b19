// FastestDet: one map [1, 5 + C, h, w]: objectness, tanh offset of the centre from its cell, logit
// of the size as a share of the input, class scores. score = objectness^0.6 class^0.4.

#include <math.h>

#include "infer/output.h"

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    const struct om_tensor_info *t = &spec->tensors[0];

    (void)facts;
    if (spec->tensor_count != 1 || t->rank != 4 || t->type == OM_TENSOR_I64 || t->dims[1] < 6 ||
        t->dims[1] > INT16_MAX || t->dims[2] < 2 || t->dims[3] < 2 || t->dims[2] > INT16_MAX ||
        t->dims[3] > INT16_MAX)
        return false;
    spec->class_count = (int)t->dims[1] - 5;
    return true;
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    const int rows = (int)tensors[0].dims[2], columns = (int)tensors[0].dims[3];
    const size_t plane = (size_t)rows * (size_t)columns;
    const float w = (float)spec->input_width, h = (float)spec->input_height;

    for (size_t i = 0; i < plane; i++) {
        const float *at = tensors[0].f32 + i;
        // Classes are at most 1, so that most cells end here.
        float object = powf(at[0], 0.6f);
        if (!(object >= sink->score_min))
            continue;
        const float centre[4] = {
            (tanhf(at[plane]) + (float)(i % (size_t)columns)) / (float)columns * w,
            (tanhf(at[2 * plane]) + (float)(i / (size_t)columns)) / (float)rows * h,
            sigmoid(at[3 * plane]) * w,
            sigmoid(at[4 * plane]) * h,
        };
        int best = 0;
        for (int c = 0; c < spec->class_count; c++) {
            float score = at[(size_t)(5 + c) * plane];
            if (sink->all_classes)
                om_sink_put_centre(sink, centre, object * powf(score, 0.4f), c);
            if (score > at[(size_t)(5 + best) * plane])
                best = c;
        }
        if (!sink->all_classes)
            om_sink_put_centre(sink, centre, object * powf(at[(size_t)(5 + best) * plane], 0.4f),
                               best);
    }
}

const struct om_output_ops om_output_fastestdet = {
    .name = "fastestdet",
    .family = OM_OUTPUT_FASTESTDET,
    .has_nms = true,
    .bind = bind,
    .decode = decode,
};
