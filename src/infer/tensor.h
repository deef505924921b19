// Tensors as plain arrays: what a graph says about its inputs and outputs, and what a run gave. No
// type of ONNX Runtime appears here, so that output decoders can be tested and fuzzed without it.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum om_tensor_type {
    OM_TENSOR_OTHER,  // something no picture model needs
    OM_TENSOR_F32,
    OM_TENSOR_F16,
    OM_TENSOR_U8,
    OM_TENSOR_I32,
    OM_TENSOR_I64
};

enum {
    OM_TENSOR_RANK_MAX = 6,
    OM_TENSORS_MAX = 32,  // inputs or outputs of one graph
    OM_TENSOR_NAME_SIZE = 128,
    OM_TENSOR_SHAPE_TEXT_SIZE = 96
};
// Elements of one tensor: 1 GiB as float.
#define OM_TENSOR_COUNT_MAX ((size_t)1 << 28)

struct om_tensor_info {
    char name[OM_TENSOR_NAME_SIZE];
    enum om_tensor_type type;
    int rank;                          // above OM_TENSOR_RANK_MAX: unusable
    int64_t dims[OM_TENSOR_RANK_MAX];  // -1 = free
};

// What one output of a run holds, for one picture (dims[0] is 1 where the graph has a batch).
struct om_tensor {
    const char *name;
    const float *f32;    // NULL when it is an integer tensor
    const int64_t *i64;  // NULL when it is not
    int rank;
    int64_t dims[OM_TENSOR_RANK_MAX];
    size_t count;  // product of dims: the bound of every access
};

// Bytes of one element; 0 for OM_TENSOR_OTHER.
size_t om_tensor_type_bytes(enum om_tensor_type type);
const char *om_tensor_type_name(enum om_tensor_type type);

// Product of `rank` dims, or 0 when one is not positive or it is over OM_TENSOR_COUNT_MAX.
size_t om_tensor_count(const int64_t *dims, int rank);

// "[1,3549,85]", free dims as "?". Returns `text`.
const char *om_tensor_shape_text(const int64_t *dims, int rank,
                                 char text[OM_TENSOR_SHAPE_TEXT_SIZE]);

// "output [1,3549,85] float, boxes [?,4] float", cut to `size`. Returns `text`.
const char *om_tensor_list_text(const struct om_tensor_info *infos, int count, char *text,
                                size_t size);

float om_half_to_float(uint16_t half);
uint16_t om_half_from_float(float value);
