#include "infer/ort.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <onnxruntime_c_api.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"

enum { API_VERSION = 21, BATCH_MAX = 64, PATH_SIZE = 4096 };

static const struct om_log ort_log = {.name = "ort"};

struct om_ort_session {
    OrtSession *ort;
    const char *provider;
    int input_count, output_count;
    struct om_tensor_info inputs[OM_TENSORS_MAX];
    struct om_tensor_info outputs[OM_TENSORS_MAX];
};

struct om_ort_run {
    struct om_ort_session *session;  // borrowed
    OrtMemoryInfo *memory;
    int batch;
    bool can_preallocate;  // until a graph turns out to answer with other shapes
    struct om_tensor_info inputs[OM_TENSORS_MAX];
    void *input_data[OM_TENSORS_MAX];
    void *output_data[OM_TENSORS_MAX];
    size_t output_bytes[OM_TENSORS_MAX];
    void *converted[OM_TENSORS_MAX];
    size_t converted_bytes[OM_TENSORS_MAX];
    OrtValue *in[BATCH_MAX + 1][OM_TENSORS_MAX];  // by number of pictures, made when first needed
    OrtValue *out[BATCH_MAX + 1][OM_TENSORS_MAX];
    OrtValue *last[OM_TENSORS_MAX];  // of the last run: ours (out[][]) or the library's
    bool last_is_ours[OM_TENSORS_MAX];
};

// ---- the library -------------------------------------------------------------------------------

static struct om_mutex lock = OM_MUTEX_INIT;
static const OrtApi *api;  // under `lock` until set; constant afterwards
static OrtEnv *env;        // one a process, never released
static char version[32];

// Takes over `status`; true when it is no error.
static bool is_ok(OrtStatus *status, struct om_error *err, const char *doing)
{
    if (!status)
        return true;
    OrtErrorCode code = api->GetErrorCode(status);
    enum om_status class = OM_INVALID;
    if (code == ORT_NOT_IMPLEMENTED || code == ORT_INVALID_GRAPH)
        class = OM_UNSUPPORTED;
    else if (code == ORT_NO_SUCHFILE)
        class = OM_NOT_FOUND;
    om_error_set(err, class, "%s: %s", doing, api->GetErrorMessage(status));
    api->ReleaseStatus(status);
    return false;
}

static void log_line(void *ctx, OrtLoggingLevel severity, const char *category, const char *id,
                     const char *where, const char *message)
{
    (void)ctx, (void)category, (void)id, (void)where;
    // Errors come back as a status too, so that nothing is lost by keeping them quiet here.
    if (severity >= ORT_LOGGING_LEVEL_ERROR)
        om_log_debug(&ort_log, "%s", message);
    else
        om_log_trace(&ort_log, "%s", message);
}

// The library beside an installed program: <folder of the program>/../lib/omma/.
static const char *beside_program(char path[PATH_SIZE])
{
    char self[PATH_SIZE / 2];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0)
        return NULL;
    self[n] = 0;
    char *slash = strrchr(self, '/');
    if (!slash)
        return NULL;
    *slash = 0;
    snprintf(path, PATH_SIZE, "%s/../lib/omma/libonnxruntime.so.1", self);
    return access(path, R_OK) == 0 ? path : NULL;
}

static void *open_library(const char *wanted, struct om_error *err)
{
    char beside[PATH_SIZE];
    const char *path = wanted;
    if (!path || !*path)
        path = getenv("OMMA_ORT_LIBRARY");
    if (!path || !*path)
        path = beside_program(beside);
    if (!path)
        path = OM_ORT_LIBRARY_DEFAULT;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        om_error_set(err, OM_NOT_FOUND, "the ONNX Runtime library cannot be opened: %s", dlerror());
        om_error_hint(err, "run tools/setup.sh build, or set OMMA_ORT_LIBRARY to a "
                           "libonnxruntime.so.1");
    }
    return library;
}

bool om_ort_load(const char *wanted, struct om_error *err)
{
    om_with_lock(&lock);
    if (env)
        return true;
    void *library = open_library(wanted, err);
    if (!library)
        return false;
    const OrtApiBase *(*get_base)(void);
    *(void **)&get_base = dlsym(library, "OrtGetApiBase");
    const OrtApiBase *base = get_base ? get_base() : NULL;
    api = base ? base->GetApi(API_VERSION) : NULL;
    if (!api) {
        om_error_set(err, OM_UNSUPPORTED, "the ONNX Runtime library %s does not have API %d",
                     base ? base->GetVersionString() : "?", API_VERSION);
        om_error_hint(err, "use ONNX Runtime 1.21 or newer");
        dlclose(library);
        return false;
    }
    om_str_copy(version, sizeof(version), om_str_from(base->GetVersionString()));
    OrtLoggingLevel level = om_log_is_on(OM_LOG_TRACE) ? ORT_LOGGING_LEVEL_INFO
                                                       : ORT_LOGGING_LEVEL_ERROR;
    OrtEnv *made = NULL;
    if (!is_ok(api->CreateEnvWithCustomLogger(log_line, NULL, level, "omma", &made), err,
               "ONNX Runtime"))
        return false;
    (void)is_ok(api->DisableTelemetryEvents(made), NULL, "");  // no-op outside Windows
    env = made;
    return true;
}

const char *om_ort_version(void)
{
    om_with_lock(&lock);
    return version;
}

// ---- providers ---------------------------------------------------------------------------------

static bool add_cuda(OrtSessionOptions *options, struct om_error *err)
{
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    if (!is_ok(api->CreateCUDAProviderOptions(&cuda), err, "cuda"))
        return false;
    bool is_added = is_ok(api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda), err,
                          "cuda");
    api->ReleaseCUDAProviderOptions(cuda);
    return is_added;
}

static bool add_tensorrt(OrtSessionOptions *options, struct om_error *err)
{
    OrtTensorRTProviderOptionsV2 *trt = NULL;
    if (!is_ok(api->CreateTensorRTProviderOptions(&trt), err, "tensorrt"))
        return false;
    bool is_added = is_ok(api->SessionOptionsAppendExecutionProvider_TensorRT_V2(options, trt), err,
                          "tensorrt");
    api->ReleaseTensorRTProviderOptions(trt);
    // What TensorRT cannot run falls to CUDA, then to the CPU.
    return is_added && add_cuda(options, err);
}

static bool add_openvino(OrtSessionOptions *options, struct om_error *err)
{
    return is_ok(api->SessionOptionsAppendExecutionProvider_OpenVINO_V2(options, NULL, NULL, 0),
                 err, "openvino");
}

static const struct provider {
    const char *name;      // as configured
    const char *ort_name;  // as the library lists it
    bool (*add)(OrtSessionOptions *options, struct om_error *err);
} providers[] = {
    {"cpu", "CPUExecutionProvider", NULL},
    {"cuda", "CUDAExecutionProvider", add_cuda},
    {"tensorrt", "TensorrtExecutionProvider", add_tensorrt},
    {"openvino", "OpenVINOExecutionProvider", add_openvino},
};

static const struct provider *find_provider(om_str name, struct om_error *err)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(providers); i++) {
        if (om_str_equal_nocase(om_str_from(providers[i].name), name))
            return &providers[i];
    }
    om_error_set(err, OM_INVALID, "there is no execution provider \"%.*s\"", OM_STR_ARG(name));
    om_error_hint(err, "one or more of cpu, cuda, tensorrt, openvino, separated by commas");
    return NULL;
}

static bool is_available(const struct provider *provider)
{
    char **names = NULL;
    int count = 0;
    bool is_there = false;
    if (!is_ok(api->GetAvailableProviders(&names, &count), NULL, ""))
        return false;
    for (int i = 0; i < count; i++)
        is_there |= strcmp(names[i], provider->ort_name) == 0;
    (void)is_ok(api->ReleaseAvailableProviders(names, count), NULL, "");
    return is_there;
}

// ---- sessions ----------------------------------------------------------------------------------

static enum om_tensor_type type_of(ONNXTensorElementDataType type)
{
    switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
        return OM_TENSOR_F32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
        return OM_TENSOR_F16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
        return OM_TENSOR_U8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
        return OM_TENSOR_I32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
        return OM_TENSOR_I64;
    default:
        return OM_TENSOR_OTHER;
    }
}

static ONNXTensorElementDataType ort_type_of(enum om_tensor_type type)
{
    static const ONNXTensorElementDataType types[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,   ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,     ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
    };
    return types[type];
}

static void read_shape(const OrtTensorTypeAndShapeInfo *shape, struct om_tensor_info *info)
{
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    (void)is_ok(api->GetTensorElementType(shape, &type), NULL, "");
    (void)is_ok(api->GetDimensionsCount(shape, &rank), NULL, "");
    info->type = type_of(type);
    info->rank = (int)OM_MIN(rank, (size_t)OM_TENSOR_RANK_MAX + 1);
    if (rank <= OM_TENSOR_RANK_MAX)
        (void)is_ok(api->GetDimensions(shape, info->dims, rank), NULL, "");
}

static bool read_info(const OrtSession *ort, size_t i, bool is_input, struct om_tensor_info *info,
                      struct om_error *err)
{
    OrtAllocator *allocator = NULL;
    OrtTypeInfo *type = NULL;
    char *name = NULL;
    if (!is_ok(api->GetAllocatorWithDefaultOptions(&allocator), err, "names") ||
        !is_ok(is_input ? api->SessionGetInputName(ort, i, allocator, &name)
                        : api->SessionGetOutputName(ort, i, allocator, &name),
               err, "names"))
        return false;
    bool fits = om_str_copy(info->name, sizeof(info->name), om_str_from(name));
    (void)is_ok(api->AllocatorFree(allocator, name), NULL, "");
    if (!fits) {
        om_error_set(err, OM_LIMIT, "a tensor's name is longer than %d bytes",
                     OM_TENSOR_NAME_SIZE - 1);
        return false;
    }
    if (!is_ok(is_input ? api->SessionGetInputTypeInfo(ort, i, &type)
                        : api->SessionGetOutputTypeInfo(ort, i, &type),
               err, "shapes"))
        return false;
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    if (is_ok(api->CastTypeInfoToTensorInfo(type, &shape), NULL, "") && shape)
        read_shape(shape, info);
    api->ReleaseTypeInfo(type);
    return true;
}

static bool read_infos(struct om_ort_session *session, struct om_error *err)
{
    size_t inputs = 0, outputs = 0;
    if (!is_ok(api->SessionGetInputCount(session->ort, &inputs), err, "inputs") ||
        !is_ok(api->SessionGetOutputCount(session->ort, &outputs), err, "outputs"))
        return false;
    if (inputs > OM_TENSORS_MAX || outputs > OM_TENSORS_MAX) {
        om_error_set(err, OM_LIMIT, "the graph has %zu inputs and %zu outputs; at most %d each",
                     inputs, outputs, OM_TENSORS_MAX);
        return false;
    }
    for (size_t i = 0; i < inputs; i++)
        if (!read_info(session->ort, i, true, &session->inputs[i], err))
            return false;
    for (size_t i = 0; i < outputs; i++)
        if (!read_info(session->ort, i, false, &session->outputs[i], err))
            return false;
    session->input_count = (int)inputs;
    session->output_count = (int)outputs;
    return true;
}

static bool set_options(OrtSessionOptions *options, int threads, struct om_error *err)
{
    const char *doing = "session options";
    return is_ok(api->SetIntraOpNumThreads(options, OM_MAX(threads, 1)), err, doing) &&
           is_ok(api->SetInterOpNumThreads(options, 1), err, doing) &&
           is_ok(api->SetSessionExecutionMode(options, ORT_SEQUENTIAL), err, doing) &&
           is_ok(api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL), err, doing) &&
           // A spinning thread would steal the core that decodes.
           is_ok(api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"), err,
                 doing) &&
           is_ok(api->AddSessionConfigEntry(options, "session.inter_op.allow_spinning", "0"), err,
                 doing) &&
           is_ok(api->AddSessionConfigEntry(options,
                                            "session.use_device_allocator_for_initializers", "1"),
                 err, doing);
}

static OrtSession *create_with(const char *path, int threads, const struct provider *provider,
                               struct om_error *err)
{
    OrtSessionOptions *options = NULL;
    OrtSession *ort = NULL;
    if (!is_ok(api->CreateSessionOptions(&options), err, "session options"))
        return NULL;
    if (set_options(options, threads, err) && (!provider->add || provider->add(options, err)) &&
        !is_ok(api->CreateSession(env, path, options, &ort), err, "ONNX Runtime cannot load it"))
        ort = NULL;
    api->ReleaseSessionOptions(options);
    return ort;
}

// The first provider of the list that is there and takes the graph; the CPU after the last.
static OrtSession *create_first(const char *path, const struct om_ort_opts *opts,
                                const char **ret_provider, struct om_error *err)
{
    om_str rest = om_str_from(opts->providers && *opts->providers ? opts->providers : "cpu"), name;

    while (om_str_split(&rest, ',', &name)) {
        const struct provider *provider = find_provider(om_str_trim(name), err);
        if (!provider)
            return NULL;
        *ret_provider = provider->name;
        if (!provider->add)
            return create_with(path, opts->threads, provider, err);
        if (!is_available(provider)) {
            om_log_warn(&ort_log, "provider %s is not in ONNX Runtime %s, trying the next",
                        provider->name, version);
            continue;
        }
        struct om_error why = {0};
        OrtSession *ort = create_with(path, opts->threads, provider, &why);
        if (ort)
            return ort;
        om_log_warn(&ort_log, "provider %s does not work here (%s), trying the next",
                    provider->name, why.text);
    }
    *ret_provider = providers[0].name;
    return create_with(path, opts->threads, &providers[0], err);
}

struct om_ort_session *om_ort_session_create(const char *path, const struct om_ort_opts *opts,
                                             struct om_error *err)
{
    if (!om_ort_load(opts->library, err))
        return NULL;
    om_auto(om_ort_session) session = om_new(struct om_ort_session);
    session->ort = create_first(path, opts, &session->provider, err);
    if (!session->ort || !read_infos(session, err))
        return NULL;
    return om_steal(&session);
}

void om_ort_session_destroy(struct om_ort_session *session)
{
    if (!session)
        return;
    if (session->ort)
        api->ReleaseSession(session->ort);
    om_free(session);
}

const struct om_tensor_info *om_ort_session_inputs(const struct om_ort_session *session,
                                                   int *ret_count)
{
    *ret_count = session->input_count;
    return session->inputs;
}

const struct om_tensor_info *om_ort_session_outputs(const struct om_ort_session *session,
                                                    int *ret_count)
{
    *ret_count = session->output_count;
    return session->outputs;
}

const char *om_ort_session_provider(const struct om_ort_session *session)
{
    return session->provider;
}

// ---- runs --------------------------------------------------------------------------------------

static OrtValue *wrap(struct om_ort_run *run, void *data, const struct om_tensor_info *info,
                      struct om_error *err)
{
    size_t bytes = om_tensor_count(info->dims, info->rank) * om_tensor_type_bytes(info->type);
    OrtValue *value = NULL;
    if (!is_ok(api->CreateTensorWithDataAsOrtValue(run->memory, data, bytes, info->dims,
                                                   (size_t)info->rank, ort_type_of(info->type),
                                                   &value),
               err, "tensor"))
        return NULL;
    return value;
}

struct om_ort_run *om_ort_run_create(struct om_ort_session *session,
                                     const struct om_tensor_info *inputs, int batch,
                                     struct om_error *err)
{
    om_auto(om_ort_run) run = om_try_new(struct om_ort_run);
    if (!run || batch < 1 || batch > BATCH_MAX) {
        om_error_set(err, run ? OM_LIMIT : OM_NO_MEMORY, "no run of %d pictures", batch);
        return NULL;
    }
    run->session = session;
    run->batch = batch;
    run->can_preallocate = true;
    if (!is_ok(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &run->memory), err,
               "memory"))
        return NULL;
    for (int i = 0; i < session->input_count; i++) {
        run->inputs[i] = inputs[i];
        size_t bytes = om_tensor_count(inputs[i].dims, inputs[i].rank) *
                       om_tensor_type_bytes(inputs[i].type);
        if (bytes)
            run->input_data[i] = om_try_alloc_aligned(bytes);
        if (!run->input_data[i]) {
            om_error_set(err, OM_NO_MEMORY, "no memory for the input \"%s\" (%zu bytes)",
                         inputs[i].name, bytes);
            return NULL;
        }
    }
    return om_steal(&run);
}

void om_ort_run_destroy(struct om_ort_run *run)
{
    if (!run)
        return;
    for (int i = 0; i < OM_TENSORS_MAX; i++) {
        if (run->last[i] && !run->last_is_ours[i])
            api->ReleaseValue(run->last[i]);
        for (int n = 0; n <= BATCH_MAX; n++) {
            if (run->in[n][i])
                api->ReleaseValue(run->in[n][i]);
            if (run->out[n][i])
                api->ReleaseValue(run->out[n][i]);
        }
        om_free(run->input_data[i]);
        om_free(run->output_data[i]);
        om_free(run->converted[i]);
    }
    if (run->memory)
        api->ReleaseMemoryInfo(run->memory);
    om_free(run);
}

void *om_ort_run_input(struct om_ort_run *run, int input)
{
    return run->input_data[input];
}

static bool make_inputs(struct om_ort_run *run, int count, struct om_error *err)
{
    for (int i = 0; i < run->session->input_count; i++) {
        struct om_tensor_info info = run->inputs[i];
        if (info.rank > 0 && run->session->inputs[i].dims[0] < 0)
            info.dims[0] = count;
        if (!run->in[count][i])
            run->in[count][i] = wrap(run, run->input_data[i], &info, err);
        if (!run->in[count][i])
            return false;
    }
    return true;
}

static void forget_last(struct om_ort_run *run)
{
    for (int i = 0; i < run->session->output_count; i++) {
        if (run->last[i] && !run->last_is_ours[i])
            api->ReleaseValue(run->last[i]);
        run->last[i] = NULL;
    }
}

static enum om_status run_once(struct om_ort_run *run, int count, bool with_ours,
                               struct om_error *err)
{
    struct om_ort_session *session = run->session;
    const char *in_names[OM_TENSORS_MAX], *out_names[OM_TENSORS_MAX];

    for (int i = 0; i < session->input_count; i++)
        in_names[i] = session->inputs[i].name;
    forget_last(run);
    for (int i = 0; i < session->output_count; i++) {
        out_names[i] = session->outputs[i].name;
        run->last[i] = with_ours ? run->out[count][i] : NULL;
        run->last_is_ours[i] = run->last[i] != NULL;
    }
    OrtStatus *status = api->Run(
        session->ort, NULL, in_names, (const OrtValue *const *)run->in[count],
        (size_t)session->input_count, out_names, (size_t)session->output_count, run->last);
    if (is_ok(status, err, "the network does not run"))
        return OM_OK;
    forget_last(run);
    return OM_INVALID;
}

// Whether output `i` has the same shape in every run of `count` pictures, so that it may be written
// into a buffer of ours: nothing is free but the batch.
static bool is_repeatable(const struct om_ort_run *run, int i, int count,
                          const struct om_tensor_info *seen)
{
    const struct om_tensor_info *info = &run->session->outputs[i];
    if (info->rank != seen->rank || info->rank < 1)
        return false;
    for (int d = 1; d < info->rank; d++)
        if (info->dims[d] != seen->dims[d])
            return false;
    return info->dims[0] == seen->dims[0] ||
           (info->dims[0] < 0 && info->rank > 1 && seen->dims[0] == count);
}

static bool describe(const OrtValue *value, struct om_tensor_info *ret)
{
    OrtTensorTypeAndShapeInfo *shape = NULL;
    *ret = (struct om_tensor_info){0};
    if (!value || !is_ok(api->GetTensorTypeAndShape(value, &shape), NULL, ""))
        return false;
    read_shape(shape, ret);
    api->ReleaseTensorTypeAndShapeInfo(shape);
    return ret->rank <= OM_TENSOR_RANK_MAX;
}

// After the first run of `count` pictures: buffers of our own for the outputs that always look
// alike.
static void preallocate(struct om_ort_run *run, int count)
{
    for (int i = 0; run->can_preallocate && i < run->session->output_count; i++) {
        struct om_tensor_info seen;
        if (run->out[count][i] || !describe(run->last[i], &seen) ||
            !is_repeatable(run, i, count, &seen))
            continue;
        size_t bytes = om_tensor_count(seen.dims, seen.rank) * om_tensor_type_bytes(seen.type);
        size_t total = seen.dims[0] == count ? bytes / (size_t)count * (size_t)run->batch : bytes;
        if (!bytes || (run->output_data[i] && run->output_bytes[i] < bytes))
            continue;
        if (!run->output_data[i]) {
            run->output_data[i] = om_try_alloc_aligned(total);
            run->output_bytes[i] = total;
        }
        if (run->output_data[i])
            run->out[count][i] = wrap(run, run->output_data[i], &seen, NULL);
    }
}

enum om_status om_ort_run_execute(struct om_ort_run *run, int count, struct om_error *err)
{
    if (count < 1 || count > run->batch)
        return om_error_set(err, OM_LIMIT, "a run of %d pictures where %d fit", count, run->batch);
    if (!make_inputs(run, count, err))
        return OM_NO_MEMORY;
    enum om_status status = run_once(run, count, run->can_preallocate, err);
    if (status != OM_OK && run->can_preallocate) {
        // The only thing that can differ from run to run are the buffers we offered.
        run->can_preallocate = false;
        status = run_once(run, count, false, err);
    }
    if (status == OM_OK)
        preallocate(run, count);
    return status;
}

// ---- outputs -----------------------------------------------------------------------------------

static void *converted_buffer(struct om_ort_run *run, int i, size_t bytes)
{
    if (run->converted_bytes[i] < bytes) {
        om_free(run->converted[i]);
        run->converted[i] = om_try_alloc_aligned(bytes);
        run->converted_bytes[i] = run->converted[i] ? bytes : 0;
    }
    return run->converted[i];
}

static void to_floats(const void *data, enum om_tensor_type type, float *to, size_t count)
{
    const uint16_t *halves = data;
    const uint8_t *bytes = data;
    for (size_t i = 0; i < count; i++)
        to[i] = type == OM_TENSOR_F16 ? om_half_to_float(halves[i]) : (float)bytes[i];
}

static void to_longs(const int32_t *from, int64_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}

static void fill_output(struct om_ort_run *run, int i, struct om_tensor *ret)
{
    struct om_tensor_info info;
    void *data = NULL;
    *ret = (struct om_tensor){.name = run->session->outputs[i].name};
    if (!describe(run->last[i], &info) ||
        !is_ok(api->GetTensorMutableData(run->last[i], &data), NULL, "") || !data)
        return;
    size_t count = om_tensor_count(info.dims, info.rank);
    ret->rank = info.rank;
    memcpy(ret->dims, info.dims, sizeof(info.dims));
    if (info.type == OM_TENSOR_F32) {
        ret->f32 = data;
    } else if (info.type == OM_TENSOR_I64) {
        ret->i64 = data;
    } else if (info.type == OM_TENSOR_I32 && count) {
        int64_t *longs = converted_buffer(run, i, count * sizeof(int64_t));
        if (longs)
            to_longs(data, longs, count);
        ret->i64 = longs;
    } else if (om_tensor_type_bytes(info.type) && count) {
        float *floats = converted_buffer(run, i, count * sizeof(float));
        if (floats)
            to_floats(data, info.type, floats, count);
        ret->f32 = floats;
    }
    ret->count = ret->f32 || ret->i64 ? count : 0;
}

int om_ort_run_outputs(struct om_ort_run *run, struct om_tensor ret[OM_TENSORS_MAX])
{
    for (int i = 0; i < run->session->output_count; i++)
        fill_output(run, i, &ret[i]);
    return run->session->output_count;
}
