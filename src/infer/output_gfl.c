// NanoDet, PicoDet: each level has scores [1, n, C] (after the sigmoid) and distances [1, n, 4
// (bins)]. A side is the expected bin of its softmax, times the stride, measured from the centre of
// the cell. NanoDet's newer exporter joins all into one [1, n, C + 4 (bins)]; with four levels that
// is NanoDet-Plus, whose points are the cells' corners.

#include <math.h>

#include "infer/output.h"

enum { SPLIT, JOINED };
enum { BINS_USUAL = 8, BINS_MAX = 64, COCO_CLASSES = 80 };

// Roles: role[level] = its scores, role[OM_STRIDES_MAX + level] = its distances.
static bool find_level(struct om_output_spec *spec, int level, int columns, int classes)
{
    int cells = om_output_cells(spec, spec->strides[level]), scores = -1, sides = -1;

    for (int i = 0; i < spec->tensor_count; i++) {
        const struct om_tensor_info *t = &spec->tensors[i];
        if (t->dims[1] != cells)
            continue;
        // With as many classes as sides and bins, exporters write the scores first.
        if (t->dims[2] == classes && scores < 0)
            scores = i;
        else if (t->dims[2] == columns && sides < 0)
            sides = i;
    }
    spec->role[level] = scores;
    spec->role[OM_STRIDES_MAX + level] = sides;
    return scores >= 0 && sides >= 0;
}

static bool bind_split(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    int levels = spec->tensor_count / 2;
    int64_t cells = 0, least = INT64_MAX, most = 0;

    if (spec->tensor_count % 2 || levels < 2 || levels > OM_STRIDES_MAX)
        return false;
    for (int i = 0; i < spec->tensor_count; i++) {
        const struct om_tensor_info *t = &spec->tensors[i];
        if (t->rank != 3 || t->type == OM_TENSOR_I64 || t->dims[2] > INT16_MAX)
            return false;
        cells += t->dims[1];
        least = OM_MIN(least, t->dims[2]);
        most = OM_MAX(most, t->dims[2]);
    }
    if (cells % 2 || !om_output_find_strides(spec, cells / 2) || spec->stride_count != levels)
        return false;
    // Which of the two widths are the sides: those of 8 bins, else the manifest's labels decide.
    int sides = BINS_USUAL * 4;
    if (least != sides && most != sides)
        sides = facts->label_count == most ? (int)least : (int)most;
    int classes = (int)(least == sides ? most : least);
    if (sides % 4 || sides / 4 > BINS_MAX)
        return false;
    for (int level = 0; level < levels; level++)
        if (!find_level(spec, level, sides, classes))
            return false;
    spec->class_count = classes;
    spec->anchor_count = sides / 4;
    spec->cell_offset = 0.5f;
    spec->variant = SPLIT;
    return true;
}

static bool bind_joined(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    const struct om_tensor_info *t = &spec->tensors[0];
    int bins = BINS_USUAL;

    if (spec->tensor_count != 1 || t->rank != 3 || t->type == OM_TENSOR_I64 ||
        t->dims[2] > INT16_MAX || !om_output_find_strides(spec, t->dims[1]))
        return false;
    int columns = (int)t->dims[2];
    if (facts->label_count > 0 && (columns - facts->label_count) % 4 == 0 &&
        columns - facts->label_count > 4)
        bins = (columns - facts->label_count) / 4;
    else if (!facts->is_named && columns != COCO_CLASSES + 4 * BINS_USUAL)
        return false;
    if (columns <= 4 * bins || bins > BINS_MAX || (!facts->is_named && bins < BINS_USUAL))
        return false;
    spec->class_count = columns - 4 * bins;
    spec->anchor_count = bins;
    spec->cell_offset = spec->stride_count >= 4 ? 0 : 0.5f;
    spec->variant = JOINED;
    return true;
}

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    return spec->tensor_count == 1 ? bind_joined(spec, facts) : bind_split(spec, facts);
}

// Expected bin of a softmax.
static float expected_bin(const float *bins, int count)
{
    float top = bins[0], sum = 0, weighted = 0;

    for (int i = 1; i < count; i++)
        top = fmaxf(top, bins[i]);
    for (int i = 0; i < count; i++) {
        float e = expf(bins[i] - top);
        sum += e;
        weighted += e * (float)i;
    }
    return weighted / sum;
}

static float best_score(const float *scores, int count)
{
    float best = scores[0];
    for (int c = 1; c < count; c++)
        best = fmaxf(best, scores[c]);
    return best;
}

struct level {
    const float *scores, *sides;
    size_t scores_pitch, sides_pitch;
    int stride;
};

static void decode_level(const struct om_output_spec *spec, const struct level *level,
                         struct om_sink *sink)
{
    int across = (spec->input_width + level->stride - 1) / level->stride;
    int cells = om_output_cells(spec, level->stride), bins = spec->anchor_count;
    const float s = (float)level->stride;

    for (int i = 0; i < cells; i++) {
        const float *scores = level->scores + (size_t)i * level->scores_pitch;
        if (!(best_score(scores, spec->class_count) >= sink->score_min))
            continue;
        const float *sides = level->sides + (size_t)i * level->sides_pitch;
        float x = ((float)(i % across) + spec->cell_offset) * s;
        float y = ((float)(i / across) + spec->cell_offset) * s;
        float left = expected_bin(sides, bins) * s, top = expected_bin(sides + bins, bins) * s;
        float right = expected_bin(sides + 2 * bins, bins) * s;
        float bottom = expected_bin(sides + 3 * bins, bins) * s;
        const float centre[4] = {x + (right - left) / 2, y + (bottom - top) / 2, left + right,
                                 top + bottom};
        om_sink_put_classes(sink, centre, scores, spec->class_count, 1);
    }
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    size_t classes = (size_t)spec->class_count, sides = 4 * (size_t)spec->anchor_count, done = 0;

    for (int i = 0; i < spec->stride_count; i++) {
        struct level level = {.stride = spec->strides[i]};
        if (spec->variant == JOINED) {
            level.scores = tensors[0].f32 + done * (classes + sides);
            level.sides = level.scores + classes;
            level.scores_pitch = level.sides_pitch = classes + sides;
            done += (size_t)om_output_cells(spec, level.stride);
        } else {
            level.scores = tensors[spec->role[i]].f32;
            level.sides = tensors[spec->role[OM_STRIDES_MAX + i]].f32;
            level.scores_pitch = classes;
            level.sides_pitch = sides;
        }
        decode_level(spec, &level, sink);
    }
}

const struct om_output_ops om_output_gfl = {
    .name = "gfl",
    .family = OM_OUTPUT_GFL,
    .has_nms = true,
    .bind = bind,
    .decode = decode,
};
