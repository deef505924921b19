// For tests only: a library that says it were an ONNX Runtime with CUDA and TensorRT and two cards,
// and lets the real one compute on the CPU. What it is asked for is written down. Tests open it as
// OMMA_ORT_LIBRARY; OMMA_FAKE_ORT (or fake_ort_set()) holds the faults, separated by commas:
// no-cuda, no-tensorrt (their libraries are missing), no-pinned, no-run (the cards fail
// every run).

#include <dlfcn.h>
#include <onnxruntime_c_api.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CARDS = 2, TEXT_SIZE = 1 << 16, PINNED_MAX = 16, SESSIONS_MAX = 64 };

struct options {
    char text[TEXT_SIZE / 4];  // "key=value;..."
    int device;
};

static const OrtApi *real;
static OrtApi fake;
static OrtApiBase base;
static char faults[256];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
// Under `lock`.
static char calls[TEXT_SIZE];
static int pinned_blocks, pinned_allocators;
static const OrtMemoryInfo *pinned_infos[PINNED_MAX];
static size_t pinned_info_count;
static const OrtSessionOptions *card_options;  // the last that a card was added to
static const OrtSession *card_sessions[SESSIONS_MAX];
static size_t card_session_count;

// ---- for the tests -----------------------------------------------------------------------------

void fake_ort_set(const char *words);
const char *fake_ort_calls(void);
void fake_ort_forget(void);
int fake_ort_pinned_blocks(void);
int fake_ort_pinned_allocators(void);

void fake_ort_set(const char *words)
{
    snprintf(faults, sizeof(faults), "%s", words);
}

// One line a provider that was added to a session.
const char *fake_ort_calls(void)
{
    return calls;
}

void fake_ort_forget(void)
{
    calls[0] = 0;
}

int fake_ort_pinned_blocks(void)
{
    return pinned_blocks;
}

int fake_ort_pinned_allocators(void)
{
    return pinned_allocators;
}

static void note(const char *provider, const struct options *options)
{
    (void)pthread_mutex_lock(&lock);
    size_t n = strlen(calls);
    snprintf(calls + n, sizeof(calls) - n, "%s %s\n", provider, options->text);
    (void)pthread_mutex_unlock(&lock);
}

static OrtStatus *missing(const char *what)
{
    char text[160];
    snprintf(text, sizeof(text), "%s: cannot open shared object file", what);
    return real->CreateStatus(ORT_FAIL, text);
}

// Memory of the real library's: a stand-in is no part of the program.
static void *take(size_t bytes)
{
    OrtAllocator *allocator = NULL;
    void *block = NULL;
    if (!real->GetAllocatorWithDefaultOptions(&allocator) &&
        !real->AllocatorAlloc(allocator, bytes, &block) && block)
        memset(block, 0, bytes);
    return block;
}

static void give_back(void *block)
{
    OrtAllocator *allocator = NULL;
    if (!real->GetAllocatorWithDefaultOptions(&allocator))
        (void)!real->AllocatorFree(allocator, block);
}

static struct options *new_options(void)
{
    return take(sizeof(struct options));
}

// ---- providers ---------------------------------------------------------------------------------

static OrtStatus *get_available(char ***ret_names, int *ret_count)
{
    static char tensorrt[] = "TensorrtExecutionProvider", cuda[] = "CUDAExecutionProvider",
                cpu[] = "CPUExecutionProvider";
    static char *names[] = {tensorrt, cuda, cpu};
    *ret_names = names;
    *ret_count = 3;
    return NULL;
}

static OrtStatus *release_available(char **names, int count)
{
    (void)names, (void)count;
    return NULL;
}

static void update(struct options *options, const char *const *keys, const char *const *values,
                   size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf(options->text + at, sizeof(options->text) - at, "%s%s=%s",
                               i ? ";" : "", keys[i], values[i]);
        if (strcmp(keys[i], "device_id") == 0)
            options->device = (int)strtol(values[i], NULL, 10);
    }
}

static OrtStatus *add(const char *provider, const struct options *options)
{
    note(provider, options);
    if (options->device >= CARDS)
        return real->CreateStatus(ORT_FAIL, "CUDA failure 101: invalid device ordinal");
    return NULL;
}

static OrtStatus *create_cuda(OrtCUDAProviderOptionsV2 **ret)
{
    if (strstr(faults, "no-cuda"))
        return missing("libcudart.so.12");
    *ret = (OrtCUDAProviderOptionsV2 *)(void *)new_options();
    return NULL;
}

static OrtStatus *update_cuda(OrtCUDAProviderOptionsV2 *options, const char *const *keys,
                              const char *const *values, size_t count)
{
    update((struct options *)(void *)options, keys, values, count);
    return NULL;
}

static OrtStatus *add_cuda(OrtSessionOptions *session, const OrtCUDAProviderOptionsV2 *options)
{
    card_options = session;
    return add("cuda", (const struct options *)(const void *)options);
}

static void release_cuda(OrtCUDAProviderOptionsV2 *options)
{
    give_back(options);
}

static OrtStatus *create_tensorrt(OrtTensorRTProviderOptionsV2 **ret)
{
    if (strstr(faults, "no-tensorrt"))
        return missing("libnvinfer.so.10");
    *ret = (OrtTensorRTProviderOptionsV2 *)(void *)new_options();
    return NULL;
}

static OrtStatus *update_tensorrt(OrtTensorRTProviderOptionsV2 *options, const char *const *keys,
                                  const char *const *values, size_t count)
{
    update((struct options *)(void *)options, keys, values, count);
    return NULL;
}

static OrtStatus *add_tensorrt(OrtSessionOptions *session,
                               const OrtTensorRTProviderOptionsV2 *options)
{
    (void)session;
    return add("tensorrt", (const struct options *)(const void *)options);
}

static void release_tensorrt(OrtTensorRTProviderOptionsV2 *options)
{
    give_back(options);
}

static OrtStatus *create_session(const OrtEnv *env, const char *path,
                                 const OrtSessionOptions *options, OrtSession **ret)
{
    OrtStatus *status = real->CreateSession(env, path, options, ret);
    if (!status)
        card_sessions[card_session_count++ % SESSIONS_MAX] = options == card_options ? *ret : NULL;
    card_options = NULL;
    return status;
}

static OrtStatus *run_with_binding(OrtSession *session, const OrtRunOptions *options,
                                   const OrtIoBinding *binding)
{
    for (size_t i = 0; strstr(faults, "no-run") && i < SESSIONS_MAX; i++) {
        if (card_sessions[i] == session)
            return real->CreateStatus(ORT_FAIL, "CUDA failure 719: unspecified launch failure");
    }
    return real->RunWithBinding(session, options, binding);
}

static void release_session(OrtSession *session)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        card_sessions[i] = card_sessions[i] == session ? NULL : card_sessions[i];
    real->ReleaseSession(session);
}

// ---- pinned memory -----------------------------------------------------------------------------

static OrtStatus *create_memory_info(const char *name, enum OrtAllocatorType type, int id,
                                     enum OrtMemType memory, OrtMemoryInfo **ret)
{
    if (strcmp(name, "CudaPinned") != 0)
        return real->CreateMemoryInfo(name, type, id, memory, ret);
    OrtStatus *status = real->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, ret);
    (void)pthread_mutex_lock(&lock);
    if (!status)
        pinned_infos[pinned_info_count++ % PINNED_MAX] = *ret;
    (void)pthread_mutex_unlock(&lock);
    return status;
}

static void *pinned_alloc(struct OrtAllocator *allocator, size_t bytes)
{
    (void)allocator;
    (void)pthread_mutex_lock(&lock);
    pinned_blocks++;
    (void)pthread_mutex_unlock(&lock);
    return take(bytes);
}

static void pinned_free(struct OrtAllocator *allocator, void *block)
{
    (void)allocator;
    (void)pthread_mutex_lock(&lock);
    pinned_blocks--;
    (void)pthread_mutex_unlock(&lock);
    give_back(block);
}

static const OrtMemoryInfo *pinned_info(const struct OrtAllocator *allocator)
{
    (void)allocator;
    return pinned_infos[0];
}

static OrtAllocator pinned = {
    .version = 21, .Alloc = pinned_alloc, .Free = pinned_free, .Info = pinned_info};

static OrtStatus *create_allocator(const OrtSession *session, const OrtMemoryInfo *info,
                                   OrtAllocator **ret)
{
    bool is_pinned = false;
    for (size_t i = 0; i < PINNED_MAX; i++)
        is_pinned |= pinned_infos[i] == info;
    if (!is_pinned)
        return real->CreateAllocator(session, info, ret);
    if (strstr(faults, "no-pinned"))
        return real->CreateStatus(ORT_INVALID_ARGUMENT, "No requested allocator available");
    pinned_allocators++;
    *ret = &pinned;
    return NULL;
}

static void release_allocator(OrtAllocator *allocator)
{
    if (allocator == &pinned)
        pinned_allocators--;
    else
        real->ReleaseAllocator(allocator);
}

// ---- the way in --------------------------------------------------------------------------------

static void patch(void)
{
    fake = *real;
    fake.GetAvailableProviders = get_available;
    fake.ReleaseAvailableProviders = release_available;
    fake.CreateCUDAProviderOptions = create_cuda;
    fake.UpdateCUDAProviderOptions = update_cuda;
    fake.SessionOptionsAppendExecutionProvider_CUDA_V2 = add_cuda;
    fake.ReleaseCUDAProviderOptions = release_cuda;
    fake.CreateTensorRTProviderOptions = create_tensorrt;
    fake.UpdateTensorRTProviderOptions = update_tensorrt;
    fake.SessionOptionsAppendExecutionProvider_TensorRT_V2 = add_tensorrt;
    fake.ReleaseTensorRTProviderOptions = release_tensorrt;
    fake.CreateSession = create_session;
    fake.RunWithBinding = run_with_binding;
    fake.ReleaseSession = release_session;
    fake.CreateMemoryInfo = create_memory_info;
    fake.CreateAllocator = create_allocator;
    fake.ReleaseAllocator = release_allocator;
}

static const OrtApi *get_api(uint32_t version)
{
    void *library = dlopen(OM_ORT_LIBRARY_DEFAULT, RTLD_NOW | RTLD_LOCAL);
    const OrtApiBase *(*get_base)(void) = NULL;
    if (library)
        *(void **)&get_base = dlsym(library, "OrtGetApiBase");
    real = get_base ? get_base()->GetApi(version) : NULL;
    if (!real)
        return NULL;  // cppcheck-suppress resourceLeak
    const char *words = getenv("OMMA_FAKE_ORT");
    fake_ort_set(words ? words : "");
    patch();
    return &fake;  // cppcheck-suppress resourceLeak
}

static const char *get_version(void)
{
    return "fake";
}

const OrtApiBase *OrtGetApiBase(void)
{
    base.GetApi = get_api;
    base.GetVersionString = get_version;
    return &base;
}
