// What classifiers and embedding models give: one row of numbers a picture.

#pragma once

#include "infer/model.h"

// The best classes, best first, as probabilities: values that are not yet (negative, or not adding
// up to 1) go through a softmax. Fills topk and topk_count.
void om_output_topk(const float *values, int count, struct om_result *result);

// The row at unit length (all zero when it has none); at most OM_EMBEDDING_MAX numbers.
void om_output_embed(const float *values, int count, struct om_result *result);
