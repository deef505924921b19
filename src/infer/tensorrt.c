#include "infer/tensorrt.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum { ID_MAX = 48 };

// ---- the cache ---------------------------------------------------------------------------------

// Letters and digits in lower case, everything else one '-'; never empty, never over ID_MAX.
static void to_id(const char *text, struct om_buf *out)
{
    size_t from = out->len;
    for (const char *p = text; *p && out->len - from < ID_MAX; p++) {
        char c = *p;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (is_plain)
            om_buf_append_char(out, c);
        else if (out->len > from && out->data[out->len - 1] != '-')
            om_buf_append_char(out, '-');
    }
    while (out->len > from && out->data[out->len - 1] == '-')
        out->data[--out->len] = 0;
    if (out->len == from)
        om_buf_append_text(out, "unknown");
}

void om_tensorrt_cache_name(const char *sha256, const char *card, int version,
                            char name[OM_TENSORRT_NAME_SIZE])
{
    om_auto_buf id;
    om_buf_init(&id, OM_TENSORRT_NAME_SIZE);
    om_buf_printf(&id, "%.64s-", sha256);
    to_id(card, &id);
    om_buf_printf(&id, "-%d", version);
    (void)om_str_copy(name, OM_TENSORRT_NAME_SIZE, om_buf_str(&id));
}

int om_tensorrt_version(void)
{
    static const char *const names[] = {"libnvinfer.so.11", "libnvinfer.so.10", "libnvinfer.so.8"};
    for (size_t i = 0; i < OM_ARRAY_LEN(names); i++) {
        // Only the one that the provider has brought in: another may lie beside it.
        void *library = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);
        if (!library)
            continue;
        int (*get_version)(void);
        *(void **)&get_version = dlsym(library, "getInferLibVersion");
        int version = get_version ? get_version() : 0;
        (void)dlclose(library);
        return version;
    }
    return 0;
}

// ---- options -----------------------------------------------------------------------------------

// The next value's room; NULL when all are taken.
static char *put(struct om_tensorrt_options *ret, const char *key)
{
    if (ret->count == OM_TENSORRT_OPTIONS_MAX)
        return NULL;
    int i = ret->count++;
    ret->keys[i] = key;
    ret->values[i] = ret->text[i];
    ret->text[i][0] = 0;
    return ret->text[i];
}

static bool put_text(struct om_tensorrt_options *ret, const char *key, const char *value)
{
    char *text = put(ret, key);
    return text && om_str_copy(text, OM_TENSORRT_VALUE_SIZE, om_str_from(value));
}

static bool put_int(struct om_tensorrt_options *ret, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return put_text(ret, key, text);
}

static bool has_free_dim(const struct om_tensor_info *info)
{
    for (int d = 0; d < info->rank && d < OM_TENSOR_RANK_MAX; d++)
        if (info->dims[d] < 0)
            return true;
    return false;
}

// "images:8x3x640x640,sizes:8x2": the inputs with free dims, for `batch` pictures.
static void shapes_text(const struct om_tensorrt_opts *opts, int batch, struct om_buf *out)
{
    for (int i = 0; i < opts->input_count; i++) {
        const struct om_tensor_info *declared = &opts->declared[i], *one = &opts->resolved[i];
        if (!has_free_dim(declared) || declared->rank != one->rank)
            continue;
        om_buf_printf(out, "%s%s:", out->len ? "," : "", declared->name);
        for (int d = 0; d < one->rank; d++) {
            bool is_batch = d == 0 && declared->dims[0] < 0;
            om_buf_printf(out, "%s%" PRId64, d ? "x" : "", is_batch ? batch : one->dims[d]);
        }
    }
}

static bool put_shapes(const struct om_tensorrt_opts *opts, const char *key, int batch,
                       struct om_tensorrt_options *ret)
{
    om_auto_buf shapes;
    om_buf_init(&shapes, OM_TENSORRT_VALUE_SIZE - 1);
    shapes_text(opts, batch, &shapes);
    return !shapes.has_failed && (shapes.len == 0 || put_text(ret, key, om_buf_text(&shapes)));
}

static bool put_profile(const struct om_tensorrt_opts *opts, struct om_tensorrt_options *ret)
{
    int max = OM_MAX(opts->batch_max, 1);
    return put_shapes(opts, "trt_profile_min_shapes", 1, ret) &&
           put_shapes(opts, "trt_profile_opt_shapes", OM_MIN(max, (int)OM_TENSORRT_BATCH_OPT),
                      ret) &&
           put_shapes(opts, "trt_profile_max_shapes", max, ret);
}

static bool put_cache(const struct om_tensorrt_opts *opts, struct om_tensorrt_options *ret)
{
    if (opts->engine_path && (!put_int(ret, "trt_engine_cache_enable", 1) ||
                              !put_text(ret, "trt_engine_cache_path", opts->engine_path)))
        return false;
    return !opts->timing_path || (put_int(ret, "trt_timing_cache_enable", 1) &&
                                  put_text(ret, "trt_timing_cache_path", opts->timing_path));
}

bool om_tensorrt_options(const struct om_tensorrt_opts *opts, struct om_tensorrt_options *ret,
                         struct om_error *err)
{
    ret->count = 0;
    bool is_ok = put_int(ret, "device_id", opts->device) &&
                 put_int(ret, "trt_fp16_enable", opts->fp16) &&
                 (opts->memory_max == 0 ||
                  put_int(ret, "trt_max_workspace_size", opts->memory_max)) &&
                 put_cache(opts, ret) && put_profile(opts, ret);
    if (!is_ok)
        om_error_set(err, OM_LIMIT, "TensorRT's options do not fit: %d inputs", opts->input_count);
    return is_ok;
}
