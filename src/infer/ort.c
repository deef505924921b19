#include "infer/ort.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/thread.h"
#include "infer/ort_int.h"

enum { API_VERSION = 21, PATH_SIZE = 4096 };

const struct om_log om_ort_log = {.name = "ort"};

// ---- the library -------------------------------------------------------------------------------

static struct om_mutex lock = OM_MUTEX_INIT;
const OrtApi *om_ort_api;  // under `lock` until set; constant afterwards
OrtEnv *om_ort_env;        // one a process, never released
static char version[32];

// Takes over `status`; true when it is no error.
bool om_ort_is_ok(OrtStatus *status, struct om_error *err, const char *doing)
{
    if (!status)
        return true;
    OrtErrorCode code = om_ort_api->GetErrorCode(status);
    enum om_status class = OM_INVALID;
    if (code == ORT_NOT_IMPLEMENTED || code == ORT_INVALID_GRAPH)
        class = OM_UNSUPPORTED;
    else if (code == ORT_NO_SUCHFILE)
        class = OM_NOT_FOUND;
    om_error_set(err, class, "%s%s%s", doing, doing[0] ? ": " : "",
                 om_ort_api->GetErrorMessage(status));
    om_ort_api->ReleaseStatus(status);
    return false;
}

void om_ort_log_line(void *ctx, OrtLoggingLevel severity, const char *category, const char *id,
                     const char *where, const char *message)
{
    (void)ctx, (void)category, (void)id, (void)where;
    // Errors come back as a status too, so that nothing is lost by keeping them quiet here.
    if (severity >= ORT_LOGGING_LEVEL_ERROR)
        om_log_debug(&om_ort_log, "%s", message);
    else
        om_log_trace(&om_ort_log, "%s", message);
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
    if (om_ort_env)
        return true;
    void *library = open_library(wanted, err);
    if (!library)
        return false;
    const OrtApiBase *(*get_base)(void);
    *(void **)&get_base = dlsym(library, "OrtGetApiBase");
    const OrtApiBase *base = get_base ? get_base() : NULL;
    om_ort_api = base ? base->GetApi(API_VERSION) : NULL;
    if (!om_ort_api) {
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
    if (!om_ort_is_ok(
            om_ort_api->CreateEnvWithCustomLogger(om_ort_log_line, NULL, level, "omma", &made), err,
            "ONNX Runtime"))
        return false;
    (void)om_ort_is_ok(om_ort_api->DisableTelemetryEvents(made), NULL,
                       "");  // no-op outside Windows
    om_ort_env = made;
    return true;
}

const char *om_ort_version(void)
{
    om_with_lock(&lock);
    return version;
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

ONNXTensorElementDataType om_ort_type_of(enum om_tensor_type type)
{
    static const ONNXTensorElementDataType types[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,   ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,     ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
    };
    return types[type];
}

void om_ort_read_shape(const OrtTensorTypeAndShapeInfo *shape, struct om_tensor_info *info)
{
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    (void)om_ort_is_ok(om_ort_api->GetTensorElementType(shape, &type), NULL, "");
    (void)om_ort_is_ok(om_ort_api->GetDimensionsCount(shape, &rank), NULL, "");
    info->type = type_of(type);
    info->rank = (int)OM_MIN(rank, (size_t)OM_TENSOR_RANK_MAX + 1);
    if (rank <= OM_TENSOR_RANK_MAX)
        (void)om_ort_is_ok(om_ort_api->GetDimensions(shape, info->dims, rank), NULL, "");
}

static bool read_info(const OrtSession *ort, size_t i, bool is_input, struct om_tensor_info *info,
                      struct om_error *err)
{
    OrtAllocator *allocator = NULL;
    OrtTypeInfo *type = NULL;
    char *name = NULL;
    if (!om_ort_is_ok(om_ort_api->GetAllocatorWithDefaultOptions(&allocator), err, "names") ||
        !om_ort_is_ok(is_input ? om_ort_api->SessionGetInputName(ort, i, allocator, &name)
                               : om_ort_api->SessionGetOutputName(ort, i, allocator, &name),
                      err, "names"))
        return false;
    bool fits = om_str_copy(info->name, sizeof(info->name), om_str_from(name));
    (void)om_ort_is_ok(om_ort_api->AllocatorFree(allocator, name), NULL, "");
    if (!fits) {
        om_error_set(err, OM_LIMIT, "a tensor's name is longer than %d bytes",
                     OM_TENSOR_NAME_SIZE - 1);
        return false;
    }
    if (!om_ort_is_ok(is_input ? om_ort_api->SessionGetInputTypeInfo(ort, i, &type)
                               : om_ort_api->SessionGetOutputTypeInfo(ort, i, &type),
                      err, "shapes"))
        return false;
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    if (om_ort_is_ok(om_ort_api->CastTypeInfoToTensorInfo(type, &shape), NULL, "") && shape)
        om_ort_read_shape(shape, info);
    om_ort_api->ReleaseTypeInfo(type);
    return true;
}

static bool read_infos(struct om_ort_session *session, struct om_error *err)
{
    size_t inputs = 0, outputs = 0;
    if (!om_ort_is_ok(om_ort_api->SessionGetInputCount(session->replicas[0].ort, &inputs), err,
                      "inputs") ||
        !om_ort_is_ok(om_ort_api->SessionGetOutputCount(session->replicas[0].ort, &outputs), err,
                      "outputs"))
        return false;
    if (inputs > OM_TENSORS_MAX || outputs > OM_TENSORS_MAX) {
        om_error_set(err, OM_LIMIT, "the graph has %zu inputs and %zu outputs; at most %d each",
                     inputs, outputs, OM_TENSORS_MAX);
        return false;
    }
    for (size_t i = 0; i < inputs; i++)
        if (!read_info(session->replicas[0].ort, i, true, &session->inputs[i], err))
            return false;
    for (size_t i = 0; i < outputs; i++)
        if (!read_info(session->replicas[0].ort, i, false, &session->outputs[i], err))
            return false;
    session->input_count = (int)inputs;
    session->output_count = (int)outputs;
    return true;
}

struct om_ort_session *om_ort_session_create(const char *path, const struct om_ort_opts *opts,
                                             struct om_error *err)
{
    if (!om_ort_load(opts->library, err))
        return NULL;
    om_auto(om_ort_session) session = om_new(struct om_ort_session);
    om_mutex_init(&session->lock);
    session->path = om_strdup(path);
    session->name = om_strdup(opts->name ? opts->name : path);
    session->threads = opts->threads;
    if (!om_ort_open_replicas(session, path, opts, err) || !read_infos(session, err))
        return NULL;
    return om_steal(&session);
}

void om_ort_session_destroy(struct om_ort_session *session)
{
    if (!session)
        return;
    for (int i = 0; i < session->replica_count; i++)
        om_ort_replica_close(&session->replicas[i]);
    if (session->has_fallback)
        om_ort_replica_close(&session->fallback);
    om_mutex_finish(&session->lock);
    om_free(session->path);
    om_free(session->name);
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
    for (int i = 0; i < session->replica_count; i++) {
        const struct om_ort_replica *replica = &session->replicas[i];
        if (!atomic_load(&replica->is_lost))
            return om_provider_name(replica->device.provider);
    }
    return om_provider_name(OM_PROVIDER_CPU);
}

int om_ort_session_device_count(const struct om_ort_session *session)
{
    return session->replica_count;
}

struct om_device om_ort_session_device(const struct om_ort_session *session, int device)
{
    return session->replicas[device].device;
}

int om_ort_session_nodes(const struct om_ort_session *session,
                         struct om_ort_nodes ret[OM_ORT_NODES_MAX])
{
    memcpy(ret, session->replicas[0].nodes, sizeof(session->replicas[0].nodes));
    return session->replicas[0].nodes_count;
}
