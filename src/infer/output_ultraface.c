// UltraFace and other SSD heads with the box decoding inside: scores [1, n, 1 + C] after the
// softmax, the first column is background; boxes [1, n, 4] as corners in shares of the input.

#include "infer/output.h"

enum { SCORES, BOXES };  // roles
enum { PRIORS_USUAL_MIN = 1001 };

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    if (spec->tensor_count != 2)
        return false;
    int boxes = spec->tensors[1].rank == 3 && spec->tensors[1].dims[2] == 4 ? 1 : 0;
    const struct om_tensor_info *b = &spec->tensors[boxes], *s = &spec->tensors[!boxes];
    if (b->rank != 3 || s->rank != 3 || b->dims[2] != 4 || b->dims[1] != s->dims[1] ||
        b->type == OM_TENSOR_I64 || s->type == OM_TENSOR_I64 || s->dims[2] < 2 ||
        s->dims[2] > INT16_MAX)
        return false;
    if (!facts->is_named && (s->dims[2] != 2 || s->dims[1] < PRIORS_USUAL_MIN))
        return false;
    spec->role[SCORES] = !boxes;
    spec->role[BOXES] = boxes;
    spec->class_count = (int)s->dims[2] - 1;
    return true;
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    const float *scores = tensors[spec->role[SCORES]].f32, *b = tensors[spec->role[BOXES]].f32;
    const size_t columns = (size_t)spec->class_count + 1;
    const size_t rows = (size_t)tensors[spec->role[BOXES]].dims[1];
    const float w = (float)spec->input_width, h = (float)spec->input_height;

    for (size_t i = 0; i < rows; i++, scores += columns, b += 4) {
        int best = 1;
        for (size_t c = 2; c < columns; c++)
            if (scores[c] > scores[best])
                best = (int)c;
        if (!(scores[best] >= sink->score_min))
            continue;
        const float corners[4] = {b[0] * w, b[1] * h, b[2] * w, b[3] * h};
        if (!sink->all_classes) {
            om_sink_put(sink, corners, scores[best], best - 1);
            continue;
        }
        for (size_t c = 1; c < columns; c++)
            om_sink_put(sink, corners, scores[c], (int)c - 1);
    }
}

const struct om_output_ops om_output_ultraface = {
    .name = "ultraface",
    .family = OM_OUTPUT_ULTRAFACE,
    .has_nms = true,
    .bind = bind,
    .decode = decode,
};
