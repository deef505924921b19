// YuNet (faces): per stride a [1, n, 1] cls, a [1, n, 1] obj, a [1, n, 4] bbox and a [1, n, 10] of
// key points, which are left alone. score = sqrt(cls obj), centre = (cell + b) stride, size =
// exp(b) stride.

#include <math.h>

#include "infer/output.h"

enum { PARTS = 4 };  // roles: cls, obj, bbox of each level, three a level

static bool bind_level(struct om_output_spec *spec, int level)
{
    int cells = om_output_cells(spec, spec->strides[level]), ones = 0;
    int *role = spec->role + (ptrdiff_t)3 * level;

    role[0] = role[1] = role[2] = -1;
    for (int i = 0; i < spec->tensor_count; i++) {
        const struct om_tensor_info *t = &spec->tensors[i];
        if (t->dims[1] != cells)
            continue;
        // Which of the two columns is cls and which obj does not matter: they are multiplied.
        if (t->dims[2] == 1 && ones < 2)
            role[ones++] = i;
        else if (t->dims[2] == 4)
            role[2] = i;
    }
    return ones == 2 && role[2] >= 0;
}

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    int64_t cells = 0;

    (void)facts;
    if (spec->tensor_count % PARTS || spec->tensor_count < 2 * PARTS ||
        spec->tensor_count / PARTS > OM_STRIDES_MAX)
        return false;
    for (int i = 0; i < spec->tensor_count; i++) {
        const struct om_tensor_info *t = &spec->tensors[i];
        if (t->rank != 3 || t->type == OM_TENSOR_I64)
            return false;
        cells += t->dims[1];
    }
    if (cells % PARTS || !om_output_find_strides(spec, cells / PARTS) ||
        spec->stride_count != spec->tensor_count / PARTS)
        return false;
    for (int level = 0; level < spec->stride_count; level++)
        if (!bind_level(spec, level))
            return false;
    spec->class_count = 1;
    return true;
}

static float unit(float x)
{
    return x > 0 ? fminf(x, 1) : 0;  // NaN gives 0
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    for (int level = 0; level < spec->stride_count; level++) {
        const int *role = spec->role + (ptrdiff_t)3 * level;
        const float *cls = tensors[role[0]].f32, *obj = tensors[role[1]].f32;
        int stride = spec->strides[level], across = (spec->input_width + stride - 1) / stride;
        int cells = om_output_cells(spec, stride);
        const float s = (float)stride;

        for (int i = 0; i < cells; i++) {
            float score = sqrtf(unit(cls[i]) * unit(obj[i]));
            if (!(score >= sink->score_min))
                continue;
            const float *b = tensors[role[2]].f32 + (ptrdiff_t)4 * i;
            const float centre[4] = {
                ((float)(i % across) + b[0]) * s,
                ((float)(i / across) + b[1]) * s,
                expf(b[2]) * s,
                expf(b[3]) * s,
            };
            om_sink_put_centre(sink, centre, score, 0);
        }
    }
}

const struct om_output_ops om_output_yunet = {
    .name = "yunet",
    .family = OM_OUTPUT_YUNET,
    .has_nms = true,
    .bind = bind,
    .decode = decode,
};
