// What TensorRT is told: where it keeps the engines it builds, and for which sizes of batch it
// builds them. Text only, so that all of it can be checked without a card.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "infer/tensor.h"

struct om_error;

enum {
    OM_TENSORRT_OPTIONS_MAX = 16,
    OM_TENSORRT_VALUE_SIZE = 4096,
    OM_TENSORRT_NAME_SIZE = 192,  // of a cache folder
    OM_TENSORRT_BATCH_OPT = 8     // the batch that is fastest
};

struct om_tensorrt_opts {
    int device;
    bool fp16;
    int64_t memory_max;  // for building and for running; 0 = no bound
    // The inputs as the graph declares them (free dims are -1) and for one picture (none free).
    const struct om_tensor_info *declared, *resolved;
    int input_count;
    int batch_max;            // pictures of one run where the batch is free; 1 otherwise
    const char *engine_path;  // folders; NULL = nothing is kept
    const char *timing_path;
};

// Keys and values as ONNX Runtime takes them.
struct om_tensorrt_options {
    int count;
    const char *keys[OM_TENSORRT_OPTIONS_MAX];
    const char *values[OM_TENSORRT_OPTIONS_MAX];  // into `text`
    char text[OM_TENSORRT_OPTIONS_MAX][OM_TENSORRT_VALUE_SIZE];
};

// False when a path or a profile does not fit.
OM_MUST_USE bool om_tensorrt_options(const struct om_tensorrt_opts *opts,
                                     struct om_tensorrt_options *ret, struct om_error *err);

// The name of the folder that holds the engines of one graph on one kind of card with one version
// of TensorRT: "<sha256>-<card>-<version>". `card` is what the driver calls it, `version` what
// TensorRT says (100300), 0 when not known. An id: never a character that means anything to a file
// system, whatever the driver says.
void om_tensorrt_cache_name(const char *sha256, const char *card, int version,
                            char name[OM_TENSORRT_NAME_SIZE]);
// The version of the TensorRT that is loaded in this process; 0 = none, or it does not tell.
int om_tensorrt_version(void);
