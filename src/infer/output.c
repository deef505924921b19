#include "infer/output.h"

#include <math.h>
#include <string.h>

// The more particular a family's shapes, the earlier it is asked.
static const struct om_output_ops *const all[] = {
    &om_output_yunet,     &om_output_fastestdet, &om_output_yolo_fastestv2, &om_output_gfl,
    &om_output_ultraface, &om_output_detr,       &om_output_yolov8,         &om_output_end2end,
    &om_output_yolox,     &om_output_yolov5,     &om_output_embedding,      &om_output_classifier,
};

const struct om_output_ops *const *om_output_all(int *ret_count)
{
    *ret_count = (int)OM_ARRAY_LEN(all);
    return all;
}

const struct om_output_ops *om_output_ops_of(enum om_output_family family)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(all); i++)
        if (all[i]->family == family)
            return all[i];
    return NULL;
}

const char *om_output_family_name(enum om_output_family family)
{
    const struct om_output_ops *ops = om_output_ops_of(family);
    return ops ? ops->name : "auto";
}

bool om_output_bind(struct om_output_spec *spec, enum om_output_family family,
                    const struct om_output_facts *facts)
{
    const struct om_output_spec given = *spec;

    for (size_t i = 0; i < OM_ARRAY_LEN(all); i++) {
        bool is_named = all[i]->family == family;
        if (!is_named && family != OM_OUTPUT_AUTO)
            continue;
        struct om_output_facts asked = *facts;
        asked.is_named = is_named;
        *spec = given;
        spec->ops = all[i];
        if (all[i]->bind(spec, &asked))
            return true;
    }
    return false;
}

// ---- the sink ----------------------------------------------------------------------------------

static bool is_worse(const struct om_candidate *a, const struct om_candidate *b)
{
    return a->score < b->score || (a->score == b->score && a->order > b->order);
}

static void sift_down(struct om_candidate *heap, int count, int at)
{
    struct om_candidate item = heap[at];

    for (int child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_worse(&heap[child + 1], &heap[child]))
            child++;
        if (!is_worse(&heap[child], &item))
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void make_heap(struct om_sink *sink)
{
    for (int i = sink->count / 2 - 1; i >= 0; i--)
        sift_down(sink->items, sink->count, i);
}

void om_sink_put(struct om_sink *sink, const float corners[4], float score, int class_id)
{
    // Written so that NaN fails each comparison.
    if (!(score >= sink->score_min) || !(corners[2] > corners[0]) || !(corners[3] > corners[1]) ||
        !isfinite(corners[0] + corners[1] + corners[2] + corners[3]) || !isfinite(score) ||
        class_id < 0 || class_id > INT16_MAX || sink->capacity < 1)
        return;
    const struct om_candidate item = {corners[0], corners[1], corners[2],  corners[3],
                                      score,      class_id,   sink->seen++};
    if (sink->count < sink->capacity) {
        sink->items[sink->count++] = item;
        if (sink->count == sink->capacity)
            make_heap(sink);
    } else if (is_worse(&sink->items[0], &item)) {
        sink->items[0] = item;
        sift_down(sink->items, sink->count, 0);
    }
}

void om_sink_put_classes(struct om_sink *sink, const float centre[4], const float *scores,
                         int count, float factor)
{
    if (sink->all_classes) {
        for (int c = 0; c < count; c++)
            if (scores[c] * factor >= sink->score_min)
                om_sink_put_centre(sink, centre, scores[c] * factor, c);
        return;
    }
    int best = 0;
    for (int c = 1; c < count; c++)
        if (scores[c] > scores[best])
            best = c;
    if (count > 0)
        om_sink_put_centre(sink, centre, scores[best] * factor, best);
}

// Heap sort: popping the worst to the end leaves the best in front.
static void sort_best_first(struct om_sink *sink)
{
    make_heap(sink);
    for (int n = sink->count - 1; n > 0; n--) {
        struct om_candidate worst = sink->items[0];
        sink->items[0] = sink->items[n];
        sink->items[n] = worst;
        sift_down(sink->items, n, 0);
    }
}

static bool is_bound_shape(const struct om_tensor_info *bound, const struct om_tensor *tensor)
{
    if (tensor->rank != bound->rank || (!tensor->f32 && !tensor->i64))
        return false;
    bool is_long = bound->type == OM_TENSOR_I64 || bound->type == OM_TENSOR_I32;
    if (is_long != (tensor->i64 != NULL))
        return false;
    for (int d = 0; d < bound->rank; d++)
        if (tensor->dims[d] != bound->dims[d])
            return false;
    return tensor->count > 0 && tensor->count == om_tensor_count(tensor->dims, tensor->rank);
}

// Graphs with their own suppression may give another number of rows each time; those families look
// at dims themselves and mark the bound dimension as free.
static bool is_bound(const struct om_tensor_info *bound, const struct om_tensor *tensor)
{
    struct om_tensor_info resolved = *bound;
    for (int d = 0; d < bound->rank && tensor->rank == bound->rank; d++)
        if (bound->dims[d] < 0)
            resolved.dims[d] = tensor->dims[d];
    return is_bound_shape(&resolved, tensor);
}

// A graph that found nothing gives tensors without elements.
static bool is_nothing(const struct om_output_spec *spec, const struct om_tensor *tensors)
{
    for (int i = 0; i < spec->tensor_count; i++)
        for (int d = 0; d < spec->tensors[i].rank; d++)
            if (spec->tensors[i].dims[d] < 0 && tensors[i].rank == spec->tensors[i].rank &&
                tensors[i].dims[d] == 0)
                return true;
    return false;
}

bool om_output_decode(const struct om_output_spec *spec, const struct om_tensor *tensors, int count,
                      struct om_sink *sink)
{
    sink->count = sink->seen = 0;
    if (count != spec->tensor_count)
        return false;
    if (is_nothing(spec, tensors))
        return true;
    for (int i = 0; i < count; i++)
        if (!is_bound(&spec->tensors[i], &tensors[i]))
            return false;
    if (spec->ops->decode)
        spec->ops->decode(spec, tensors, sink);
    sort_best_first(sink);
    return true;
}

// ---- cells -------------------------------------------------------------------------------------

static int cells_along(int length, int stride)
{
    return (length + stride - 1) / stride;
}

int om_output_cells(const struct om_output_spec *spec, int stride)
{
    return cells_along(spec->input_width, stride) * cells_along(spec->input_height, stride);
}

int64_t om_output_cells_all(const struct om_output_spec *spec, const int *strides, int count)
{
    int64_t cells = 0;
    for (int i = 0; i < count; i++)
        cells += om_output_cells(spec, strides[i]);
    return cells;
}

bool om_output_find_strides(struct om_output_spec *spec, int64_t cells)
{
    static const struct {
        int count, strides[OM_STRIDES_MAX];
    } usual[] = {
        {3, {8, 16, 32}},
        {4, {8, 16, 32, 64}},
        {4, {4, 8, 16, 32}},
        {2, {16, 32}},
        {1, {8}},
        {1, {16}},
        {1, {32}},
        {5, {8, 16, 32, 64, 128}},
        {2, {8, 16}},
    };

    if (spec->stride_count)
        return om_output_cells_all(spec, spec->strides, spec->stride_count) == cells;
    for (size_t i = 0; i < OM_ARRAY_LEN(usual); i++) {
        if (om_output_cells_all(spec, usual[i].strides, usual[i].count) != cells)
            continue;
        spec->stride_count = usual[i].count;
        memcpy(spec->strides, usual[i].strides, sizeof(spec->strides));
        return true;
    }
    return false;
}
