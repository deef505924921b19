#include "infer/output_vector.h"

#include <math.h>

#include "infer/output.h"

static bool is_row(const struct om_output_spec *spec)
{
    const struct om_tensor_info *t = &spec->tensors[0];

    if (spec->tensor_count < 1 || t->type == OM_TENSOR_I64 || t->rank < 1)
        return false;
    size_t count = om_tensor_count(t->dims, t->rank);
    return count > 0 && count <= INT16_MAX;
}

// [1, C], also [1, C, 1, 1].
static bool is_plain_row(const struct om_output_spec *spec)
{
    const struct om_tensor_info *t = &spec->tensors[0];

    if (spec->tensor_count != 1 || !is_row(spec) || t->rank < 2)
        return false;
    for (int d = 2; d < t->rank; d++)
        if (t->dims[d] != 1)
            return false;
    return t->dims[1] >= 2;
}

static bool is_embedding_size(int64_t n)
{
    return n == 128 || n == 256 || n == 384 || n == 512 || n == 768 || n == 1024 || n == 2048;
}

static bool bind_embedding(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    if (facts->is_named ? !is_row(spec) : !is_plain_row(spec))
        return false;
    // A row with labels for all of its numbers is a classifier's.
    return facts->is_named ||
           (is_embedding_size(spec->tensors[0].dims[1]) && facts->label_count == 0);
}

static bool bind_classifier(struct om_output_spec *spec, const struct om_output_facts *facts)
{
    if (facts->is_named ? !is_row(spec) : !is_plain_row(spec))
        return false;
    spec->class_count = (int)om_tensor_count(spec->tensors[0].dims, spec->tensors[0].rank);
    return true;
}

const struct om_output_ops om_output_embedding = {
    .name = "embedding",
    .family = OM_OUTPUT_EMBEDDING,
    .kind = OM_MODEL_EMBEDDING,
    .bind = bind_embedding,
};

const struct om_output_ops om_output_classifier = {
    .name = "classifier",
    .family = OM_OUTPUT_CLASSIFIER,
    .kind = OM_MODEL_CLASSIFIER,
    .bind = bind_classifier,
};

static bool are_probabilities(const float *values, int count)
{
    double sum = 0;

    for (int i = 0; i < count; i++) {
        if (!(values[i] >= 0) || values[i] > 1.001f)
            return false;
        sum += values[i];
    }
    return fabs(sum - 1) < 0.01;
}

static void insert(struct om_result *result, struct om_topk item)
{
    int at = result->topk_count;

    if (at == OM_TOPK_MAX && !(item.score > result->topk[at - 1].score))
        return;
    if (at < OM_TOPK_MAX)
        result->topk_count++;
    else
        at--;
    for (; at > 0 && item.score > result->topk[at - 1].score; at--)
        result->topk[at] = result->topk[at - 1];
    result->topk[at] = item;
}

void om_output_topk(const float *values, int count, struct om_result *result)
{
    bool is_done = are_probabilities(values, count);
    float top = -INFINITY;
    double sum = 0;

    result->topk_count = 0;
    for (int i = 0; i < count; i++)
        if (isfinite(values[i]))
            top = fmaxf(top, values[i]);
    for (int i = 0; i < count && !is_done; i++)
        if (isfinite(values[i]))
            sum += exp((double)values[i] - top);
    for (int i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        double score = is_done ? values[i] : exp((double)values[i] - top) / sum;
        insert(result, (struct om_topk){i, (float)score});
    }
}

void om_output_embed(const float *values, int count, struct om_result *result)
{
    double sum = 0;

    count = OM_MIN(count, (int)OM_EMBEDDING_MAX);
    for (int i = 0; i < count; i++)
        sum += (double)values[i] * values[i];
    double scale = sum > 0 && isfinite(sum) ? 1 / sqrt(sum) : 0;
    for (int i = 0; i < count; i++)
        result->embedding[i] = scale > 0 ? (float)(values[i] * scale) : 0;
    result->embedding_count = count;
}
