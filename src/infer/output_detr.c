// RT-DETR, D-FINE, DEIM and their like; no suppression. Three forms:
//   CHOSEN  labels (int64), boxes (corners in the picture size of the second input), scores
//   RAW     [1, q, 4] centre and size as shares of the input, and [1, q, C] logits or probabilities
//   JOINED  [1, q, 4 + C] the same in one

#include <math.h>
#include <string.h>

#include "infer/output.h"

enum { CHOSEN, RAW, JOINED };
enum { LABELS, BOXES, SCORES };  // roles
enum { QUERIES_USUAL_MAX = 1000 };

static bool is_named_like(const struct om_tensor_info *t, const char *part)
{
    return om_str_find(om_str_from(t->name), om_str_from(part)) >= 0;
}

static bool bind_chosen(struct om_output_spec *spec)
{
    int *role = spec->role;

    role[LABELS] = role[BOXES] = role[SCORES] = -1;
    for (int i = 0; i < 3; i++) {
        struct om_tensor_info *t = &spec->tensors[i];
        bool is_long = t->type == OM_TENSOR_I64 || t->type == OM_TENSOR_I32;
        bool is_wide = t->rank >= 2 && t->dims[t->rank - 1] == 4;
        if (is_wide && !is_long)
            role[BOXES] = i;
        else if (is_long || is_named_like(t, "label") || is_named_like(t, "class"))
            role[LABELS] = i;
        else
            role[SCORES] = i;
    }
    if (role[LABELS] < 0 || role[BOXES] < 0 || role[SCORES] < 0)
        return false;
    for (int i = 0; i < 3; i++) {  // how many it found may change from run to run
        struct om_tensor_info *t = &spec->tensors[i];
        int at = i == role[BOXES] ? t->rank - 2 : t->rank - 1;
        if (t->rank > 3 || at < 0)
            return false;
        t->dims[at] = -1;
    }
    spec->variant = CHOSEN;
    return true;
}

static bool bind_raw(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    int boxes = spec->tensors[0].rank == 3 && spec->tensors[0].dims[2] == 4 ? 0 : 1;
    const struct om_tensor_info *b = &spec->tensors[boxes], *s = &spec->tensors[!boxes];

    if (b->rank != 3 || s->rank != 3 || b->dims[2] != 4 || b->dims[1] != s->dims[1] ||
        b->type == OM_TENSOR_I64 || s->type == OM_TENSOR_I64 || s->dims[2] > INT16_MAX)
        return false;
    if (!facts->is_named && (b->dims[1] > QUERIES_USUAL_MAX || s->dims[2] < 2))
        return false;
    spec->role[BOXES] = boxes;
    spec->role[SCORES] = !boxes;
    spec->class_count = (int)s->dims[2];
    spec->variant = RAW;
    return true;
}

static bool bind_joined(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    const struct om_tensor_info *t = &spec->tensors[0];

    if (t->rank != 3 || t->type == OM_TENSOR_I64 || t->dims[2] < 5 || t->dims[2] > INT16_MAX)
        return false;
    if (!facts->is_named && (t->dims[1] > QUERIES_USUAL_MAX || t->dims[2] == 6 || t->dims[2] < 5 ||
                             t->dims[1] % 100 || om_output_find_strides(spec, t->dims[1])))
        return false;
    spec->class_count = (int)t->dims[2] - 4;
    spec->variant = JOINED;
    return true;
}

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    switch (spec->tensor_count) {
    case 1:
        return bind_joined(spec, facts);
    case 2:
        return bind_raw(spec, facts);
    case 3:
        return bind_chosen(spec);
    default:
        return false;
    }
}

static void decode_chosen(const struct om_output_spec *spec, const struct om_tensor *tensors,
                          struct om_sink *sink)
{
    const struct om_tensor *labels = &tensors[spec->role[LABELS]];
    const struct om_tensor *boxes = &tensors[spec->role[BOXES]];
    const struct om_tensor *scores = &tensors[spec->role[SCORES]];
    if (!boxes->f32 || !scores->f32)
        return;
    float sx = (float)spec->input_width / fmaxf(sink->target_width, 1);
    float sy = (float)spec->input_height / fmaxf(sink->target_height, 1);
    size_t n = OM_MIN(OM_MIN(labels->count, scores->count), boxes->count / 4);

    for (size_t i = 0; i < n; i++) {
        const float *b = boxes->f32 + 4 * i;
        const float corners[4] = {b[0] * sx, b[1] * sy, b[2] * sx, b[3] * sy};
        int64_t label = -1;
        if (labels->i64)
            label = labels->i64[i];
        else if (labels->f32[i] >= 0 && labels->f32[i] < INT16_MAX)
            label = lrintf(labels->f32[i]);
        if (label >= 0 && label < INT16_MAX)
            om_sink_put(sink, corners, scores->f32[i], (int)label);
    }
}

// Logits leave [0, 1] somewhere in hundreds of queries; probabilities never do.
static bool has_logits(const float *scores, size_t pitch, size_t rows, size_t classes)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < classes; c++)
            if (scores[i * pitch + c] < 0 || scores[i * pitch + c] > 1)
                return true;
    return false;
}

struct queries {
    const float *boxes, *scores;
    size_t boxes_pitch, scores_pitch, count;
};

static void decode_queries(const struct om_output_spec *spec, const struct queries *q,
                           struct om_sink *sink)
{
    size_t classes = (size_t)spec->class_count;
    bool is_logit = has_logits(q->scores, q->scores_pitch, q->count, classes);
    float w = (float)spec->input_width, h = (float)spec->input_height;

    for (size_t i = 0; i < q->count; i++) {
        const float *b = q->boxes + i * q->boxes_pitch, *s = q->scores + i * q->scores_pitch;
        const float centre[4] = {b[0] * w, b[1] * h, b[2] * w, b[3] * h};
        float best = -1;
        int best_class = -1;
        for (size_t c = 0; c < classes; c++) {
            float score = is_logit ? 1 / (1 + expf(-s[c])) : s[c];
            if (sink->all_classes)
                om_sink_put_centre(sink, centre, score, (int)c);
            else if (score > best)
                best = score, best_class = (int)c;
        }
        if (!sink->all_classes)
            om_sink_put_centre(sink, centre, best, best_class);
    }
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    size_t classes = (size_t)spec->class_count;

    if (spec->variant == CHOSEN) {
        decode_chosen(spec, tensors, sink);
    } else if (spec->variant == RAW) {
        const struct om_tensor *boxes = &tensors[spec->role[BOXES]];
        const struct queries q = {boxes->f32, tensors[spec->role[SCORES]].f32, 4, classes,
                                  (size_t)boxes->dims[1]};
        decode_queries(spec, &q, sink);
    } else {
        const float *rows = tensors[0].f32;
        const struct queries q = {rows, rows + 4, classes + 4, classes + 4,
                                  (size_t)tensors[0].dims[1]};
        decode_queries(spec, &q, sink);
    }
}

const struct om_output_ops om_output_detr = {
    .name = "detr",
    .family = OM_OUTPUT_DETR,
    .has_nms = false,
    .bind = bind,
    .decode = decode,
};
