// YOLOv8, YOLO11 and their like: one [1, 4 + C, n] of cx, cy, w, h in input pixels and class
// scores, a column a box; some exporters turn it round to [1, n, 4 + C]. Rows after the classes
// (mask or key point coefficients) are passed over when the number of classes is known.

#include "infer/output.h"

enum { BY_COLUMN, BY_ROW };
enum { CHUNK = 256 };

static bool bind(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    const struct om_tensor_info *t = &spec->tensors[0];

    // A second output holds mask prototypes.
    if (spec->tensor_count < 1 || spec->tensor_count > 2 || t->type == OM_TENSOR_I64 ||
        t->rank != 3)
        return false;
    bool is_row = t->dims[1] > t->dims[2];
    int64_t columns = is_row ? t->dims[2] : t->dims[1], n = is_row ? t->dims[1] : t->dims[2];
    if (columns < 5 || (is_row && !facts->is_named && columns - 4 != facts->label_count))
        return false;
    if (!facts->is_named && !om_output_find_strides(spec, n))
        return false;
    spec->variant = is_row ? BY_ROW : BY_COLUMN;
    spec->class_count = (int)columns - 4;
    if (facts->label_count > 0 && facts->label_count < spec->class_count)
        spec->class_count = facts->label_count;
    return true;
}

OM_KERNEL static void best_of_columns(const float *restrict scores, size_t pitch, int classes,
                                      size_t n, float *restrict best, int *restrict best_class)
{
    for (size_t i = 0; i < n; i++) {
        best[i] = scores[i];
        best_class[i] = 0;
    }
    for (int c = 1; c < classes; c++) {
        const float *restrict row = scores + (size_t)c * pitch;
        for (size_t i = 0; i < n; i++) {
            best_class[i] = row[i] > best[i] ? c : best_class[i];
            best[i] = row[i] > best[i] ? row[i] : best[i];
        }
    }
}

static void put_column(const struct om_output_spec *spec, const float *data, size_t pitch, size_t i,
                       struct om_sink *sink)
{
    const float centre[4] = {data[i], data[pitch + i], data[2 * pitch + i], data[3 * pitch + i]};

    for (int c = 0; c < spec->class_count; c++) {
        float score = data[(size_t)(4 + c) * pitch + i];
        if (score >= sink->score_min)
            om_sink_put_centre(sink, centre, score, c);
    }
}

static void decode_columns(const struct om_output_spec *spec, const struct om_tensor *tensor,
                           struct om_sink *sink)
{
    const float *data = tensor->f32;
    const size_t pitch = (size_t)tensor->dims[2];
    float best[CHUNK];
    int best_class[CHUNK];

    for (size_t from = 0; from < pitch; from += CHUNK) {
        size_t n = OM_MIN((size_t)CHUNK, pitch - from);
        best_of_columns(data + 4 * pitch + from, pitch, spec->class_count, n, best, best_class);
        for (size_t k = 0; k < n; k++) {
            size_t i = from + k;
            if (!(best[k] >= sink->score_min))
                continue;
            const float centre[4] = {data[i], data[pitch + i], data[2 * pitch + i],
                                     data[3 * pitch + i]};
            if (sink->all_classes)
                put_column(spec, data, pitch, i, sink);
            else
                om_sink_put_centre(sink, centre, best[k], best_class[k]);
        }
    }
}

static void decode(const struct om_output_spec *spec, const struct om_tensor *tensors,
                   struct om_sink *sink)
{
    if (spec->variant == BY_COLUMN) {
        decode_columns(spec, &tensors[0], sink);
        return;
    }
    const size_t rows = (size_t)tensors[0].dims[1], columns = (size_t)tensors[0].dims[2];
    for (size_t i = 0; i < rows; i++) {
        const float *row = tensors[0].f32 + i * columns;
        om_sink_put_classes(sink, row, row + 4, spec->class_count, 1);
    }
}

const struct om_output_ops om_output_yolov8 = {
    .name = "yolov8",
    .family = OM_OUTPUT_YOLOV8,
    .has_nms = true,
    .bind = bind,
    .decode = decode,
};
