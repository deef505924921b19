// The exact keys and values that TensorRT is given, and the names of its cache folders.

#include "infer/tensorrt.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

static const struct om_tensor_info fixed = {"images", OM_TENSOR_F32, 4, {1, 3, 416, 416}};
static const struct om_tensor_info free_batch = {"images", OM_TENSOR_F32, 4, {-1, 3, -1, -1}};
static const struct om_tensor_info size_free = {"orig_target_sizes", OM_TENSOR_I64, 2, {-1, 2}};
static const struct om_tensor_info picture = {"images", OM_TENSOR_F32, 4, {1, 3, 640, 640}};
static const struct om_tensor_info size = {"orig_target_sizes", OM_TENSOR_I64, 2, {1, 2}};

static void check(const struct om_tensorrt_opts *opts, const char *wanted)
{
    struct om_tensorrt_options options;
    struct om_error err;
    om_auto_buf text;
    om_buf_init(&text, 1 << 16);
    om_assert(om_tensorrt_options(opts, &options, &err));
    for (int i = 0; i < options.count; i++)
        om_buf_printf(&text, "%s=%s\n", options.keys[i], options.values[i]);
    if (strcmp(om_buf_text(&text), wanted) != 0)
        printf("got\n%swanted\n%s", om_buf_text(&text), wanted);
    om_assert(strcmp(om_buf_text(&text), wanted) == 0);
}

static void check_options(void)
{
    check(
        &(struct om_tensorrt_opts){
            .declared = &fixed, .resolved = &fixed, .input_count = 1, .batch_max = 1},
        "device_id=0\n"
        "trt_fp16_enable=0\n");
    const struct om_tensor_info declared[] = {free_batch, size_free}, resolved[] = {picture, size};
    check(&(struct om_tensorrt_opts){.device = 1,
                                     .fp16 = true,
                                     .memory_max = 2147483648,
                                     .declared = declared,
                                     .resolved = resolved,
                                     .input_count = 2,
                                     .batch_max = 16,
                                     .engine_path = "/home/o/cache/tensorrt/x",
                                     .timing_path = "/home/o/cache/tensorrt/timing"},
          "device_id=1\n"
          "trt_fp16_enable=1\n"
          "trt_max_workspace_size=2147483648\n"
          "trt_engine_cache_enable=1\n"
          "trt_engine_cache_path=/home/o/cache/tensorrt/x\n"
          "trt_timing_cache_enable=1\n"
          "trt_timing_cache_path=/home/o/cache/tensorrt/timing\n"
          "trt_profile_min_shapes=images:1x3x640x640,orig_target_sizes:1x2\n"
          "trt_profile_opt_shapes=images:8x3x640x640,orig_target_sizes:8x2\n"
          "trt_profile_max_shapes=images:16x3x640x640,orig_target_sizes:16x2\n");
    // A batch of at most 4, one input of two free.
    const struct om_tensor_info mixed[] = {free_batch, size};
    check(
        &(struct om_tensorrt_opts){
            .declared = mixed, .resolved = resolved, .input_count = 2, .batch_max = 4},
        "device_id=0\n"
        "trt_fp16_enable=0\n"
        "trt_profile_min_shapes=images:1x3x640x640\n"
        "trt_profile_opt_shapes=images:4x3x640x640\n"
        "trt_profile_max_shapes=images:4x3x640x640\n");
}

static void check_too_long(void)
{
    static char path[OM_TENSORRT_VALUE_SIZE + 1];
    struct om_tensorrt_options options;
    struct om_error err = {0};
    memset(path, 'x', sizeof(path) - 1);
    om_assert(
        !om_tensorrt_options(&(struct om_tensorrt_opts){.engine_path = path}, &options, &err));
    om_assert(err.status == OM_LIMIT);
}

static void check_names(void)
{
    static const char sha[] = "695e750a5d57c0f52a0e7d7a3e3d3b2b8a4a8f7c3d2b1a0918273645546372ff";
    static const struct {
        const char *card;
        int version;
        const char *wanted;
    } rows[] = {
        {"NVIDIA GeForce RTX 4090", 100300, "-nvidia-geforce-rtx-4090-100300"},
        {"NVIDIA H200", 101300, "-nvidia-h200-101300"},
        {"", 0, "-unknown-0"},
        {"../../etc/passwd", 1, "-etc-passwd-1"},
        {"\x01\xff/\n", 1, "-unknown-1"},
        {"an endless name of a card that some driver of the future may well come up with", 1,
         "-an-endless-name-of-a-card-that-some-driver-of-th-1"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        char name[OM_TENSORRT_NAME_SIZE];
        om_tensorrt_cache_name(sha, rows[i].card, rows[i].version, name);
        om_assert(strncmp(name, sha, 64) == 0);
        if (strcmp(name + 64, rows[i].wanted) != 0)
            printf("%s\n", name);
        om_assert(strcmp(name + 64, rows[i].wanted) == 0);
        for (const char *p = name; *p; p++)
            om_assert(strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *p));
    }
    om_assert(om_tensorrt_version() == 0);
}

int main(void)
{
    check_options();
    check_too_long();
    check_names();
    return 0;
}
