// Which devices a graph runs on: provider options, fallback by tier, memory of the device, and who
// runs how many operators.

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/thread.h"
#include "infer/device_memory.h"
#include "infer/nvml.h"
#include "infer/ort_int.h"
#include "infer/tensorrt.h"

enum {
    PATH_SIZE = 4096,
    REASONS_SIZE = 400,
    TOLD_MAX = 64,
    FAILURES_MAX = 3,
    KEYS_MAX = 8,
    VALUE_SIZE = 32,
};
// Page-locked memory that is kept for the next context of the same size.
#define PINNED_KEPT_MAX ((size_t)64 << 20)

static const char *const ort_names[] = {
    [OM_PROVIDER_CPU] = "CPUExecutionProvider",
    [OM_PROVIDER_CUDA] = "CUDAExecutionProvider",
    [OM_PROVIDER_TENSORRT] = "TensorrtExecutionProvider",
    [OM_PROVIDER_OPENVINO] = "OpenVINOExecutionProvider",
};

static bool is_available(enum om_provider provider)
{
    char **names = NULL;
    int count = 0;
    bool is_there = false;
    if (!om_ort_is_ok(om_ort_api->GetAvailableProviders(&names, &count), NULL, ""))
        return false;
    for (int i = 0; i < count; i++)
        is_there |= strcmp(names[i], ort_names[provider]) == 0;
    (void)om_ort_is_ok(om_ort_api->ReleaseAvailableProviders(names, count), NULL, "");
    return is_there;
}

const char *om_ort_providers(char *text, size_t size)
{
    om_auto_buf out;
    om_buf_init(&out, size);
    for (int i = 0; i < (int)OM_ARRAY_LEN(ort_names); i++) {
        if (om_ort_api && is_available((enum om_provider)i))
            om_buf_printf(&out, "%s%s", out.len ? ", " : "", om_provider_name((enum om_provider)i));
    }
    (void)om_str_copy(text, size, om_buf_str(&out));
    return text;
}

// ---- provider options --------------------------------------------------------------------------

// Everything that goes into one session's options.
struct attempt {
    const char *path;
    const struct om_ort_opts *opts;
    struct om_device device;
};

struct pairs {
    int count;
    const char *keys[KEYS_MAX], *values[KEYS_MAX];
    char text[KEYS_MAX][VALUE_SIZE];
};

static void put(struct pairs *pairs, const char *key, const char *value)
{
    int i = pairs->count++;
    pairs->keys[i] = key;
    pairs->values[i] = pairs->text[i];
    (void)om_str_copy(pairs->text[i], VALUE_SIZE, om_str_from(value));
}

static void put_int(struct pairs *pairs, const char *key, int64_t value)
{
    char text[VALUE_SIZE];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    put(pairs, key, text);
}

static bool add_cuda(OrtSessionOptions *options, const struct attempt *attempt,
                     struct om_error *err)
{
    struct pairs pairs = {0};
    put_int(&pairs, "device_id", attempt->device.id);
    // An exhaustive search would come back for every size of batch that turns up.
    put(&pairs, "cudnn_conv_algo_search", "HEURISTIC");
    // Growing by doubling would keep half of a card that several models share.
    put(&pairs, "arena_extend_strategy", "kSameAsRequested");
    if (attempt->opts->device_memory_max > 0)
        put_int(&pairs, "gpu_mem_limit", attempt->opts->device_memory_max);
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    if (!om_ort_is_ok(om_ort_api->CreateCUDAProviderOptions(&cuda), err, ""))
        return false;
    bool is_added = om_ort_is_ok(om_ort_api->UpdateCUDAProviderOptions(
                                     cuda, pairs.keys, pairs.values, (size_t)pairs.count),
                                 err, "") &&
                    om_ort_is_ok(
                        om_ort_api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda),
                        err, "");
    om_ort_api->ReleaseCUDAProviderOptions(cuda);
    return is_added;
}

// The digest of everything that a built engine holds: the graph, and weights that lie beside it.
static bool digest_of(const struct attempt *attempt, char digest[OM_SHA256_TEXT_SIZE],
                      struct om_error *err)
{
    const char *slash = strrchr(attempt->path, '/');
    int folder = slash ? (int)(slash - attempt->path) + 1 : 0;
    if (!om_sha256_file(attempt->path, digest, err))
        return false;
    if (attempt->opts->external_count == 0)
        return true;
    om_auto_buf all;
    om_buf_init(&all, 1 << 16);
    om_buf_append_text(&all, digest);
    for (int i = 0; i < attempt->opts->external_count; i++) {
        char file[PATH_SIZE];
        snprintf(file, sizeof(file), "%.*s%s", folder, attempt->path, attempt->opts->external[i]);
        if (!om_sha256_file(file, digest, err))
            return false;
        om_buf_append_text(&all, digest);
    }
    unsigned char bytes[OM_SHA256_BYTES];
    om_sha256(all.data, all.len, bytes);
    om_hex(bytes, sizeof(bytes), digest);
    return true;
}

struct cache {
    char engines[PATH_SIZE], timing[PATH_SIZE];
};

// <home>/cache/tensorrt/<what>/ for engines, <home>/cache/tensorrt/timing/ for all models.
static bool make_cache(const struct attempt *attempt, struct cache *cache, struct om_error *err)
{
    char digest[OM_SHA256_TEXT_SIZE], card[OM_NVML_NAME_SIZE], name[OM_TENSORRT_NAME_SIZE];
    if (!digest_of(attempt, digest, err))
        return false;
    if (!om_nvml_name(attempt->device.id, card))
        card[0] = 0;
    om_tensorrt_cache_name(digest, card, om_tensorrt_version(), name);
    snprintf(cache->engines, PATH_SIZE, "%s/cache/tensorrt/%s", attempt->opts->home, name);
    snprintf(cache->timing, PATH_SIZE, "%s/cache/tensorrt/timing", attempt->opts->home);
    return om_dir_make(cache->engines, err) && om_dir_make(cache->timing, err);
}

static bool tensorrt_options(const struct attempt *attempt, struct om_tensorrt_options *ret,
                             struct om_error *err)
{
    om_auto_free struct cache *cache = om_new(struct cache);
    struct om_tensorrt_opts opts = {
        .device = attempt->device.id,
        .fp16 = attempt->opts->fp16,
        .memory_max = attempt->opts->device_memory_max,
        .declared = attempt->opts->declared,
        .resolved = attempt->opts->resolved,
        .input_count = attempt->opts->input_count,
        .batch_max = attempt->opts->batch_max,
    };
    if (attempt->opts->home) {
        if (make_cache(attempt, cache, err)) {
            opts.engine_path = cache->engines;
            opts.timing_path = cache->timing;
        } else {
            om_log_warn(&om_ort_log, "TensorRT's engines are not kept: %s", err->text);
        }
    }
    return om_tensorrt_options(&opts, ret, err);
}

static bool add_tensorrt(OrtSessionOptions *options, const struct attempt *attempt,
                         struct om_error *err)
{
    OrtTensorRTProviderOptionsV2 *trt = NULL;
    // Brings the libraries of TensorRT in, so that their version can be asked.
    if (!om_ort_is_ok(om_ort_api->CreateTensorRTProviderOptions(&trt), err, ""))
        return false;
    om_auto_free struct om_tensorrt_options *all = om_new(struct om_tensorrt_options);
    bool is_added = tensorrt_options(attempt, all, err) &&
                    om_ort_is_ok(om_ort_api->UpdateTensorRTProviderOptions(
                                     trt, all->keys, all->values, (size_t)all->count),
                                 err, "") &&
                    om_ort_is_ok(
                        om_ort_api->SessionOptionsAppendExecutionProvider_TensorRT_V2(options, trt),
                        err, "");
    om_ort_api->ReleaseTensorRTProviderOptions(trt);
    // What TensorRT cannot run falls to CUDA, then to the CPU.
    return is_added && add_cuda(options, attempt, err);
}

static bool add_openvino(OrtSessionOptions *options, const struct attempt *attempt,
                         struct om_error *err)
{
    struct pairs pairs = {0};
    char type[VALUE_SIZE] = "CPU";
    if (attempt->device.id >= 0)
        snprintf(type, sizeof(type), "GPU.%d", attempt->device.id);
    put(&pairs, "device_type", type);
    if (attempt->device.id < 0)
        put_int(&pairs, "num_of_threads", OM_MAX(attempt->opts->threads, 1));
    else if (attempt->opts->fp16)
        put(&pairs, "precision", "FP16");
    return om_ort_is_ok(om_ort_api->SessionOptionsAppendExecutionProvider_OpenVINO_V2(
                            options, pairs.keys, pairs.values, (size_t)pairs.count),
                        err, "");
}

static bool add_provider(OrtSessionOptions *options, const struct attempt *attempt,
                         struct om_error *err)
{
    switch (attempt->device.provider) {
    case OM_PROVIDER_CUDA:
        return add_cuda(options, attempt, err);
    case OM_PROVIDER_TENSORRT:
        return add_tensorrt(options, attempt, err);
    case OM_PROVIDER_OPENVINO:
        return add_openvino(options, attempt, err);
    case OM_PROVIDER_CPU:
        break;
    }
    return true;
}

// ---- who runs what -----------------------------------------------------------------------------

// " All nodes placed on [CUDAExecutionProvider]. Number of nodes: 231", or one such line a
// provider. It is the only place where ONNX Runtime of this API tells.
static void read_placement(struct om_ort_replica *replica, om_str line)
{
    static const om_str before = OM_STR("placed on ["), middle = OM_STR("]. Number of nodes: ");
    ptrdiff_t from = om_str_find(line, before), to = om_str_find(line, middle);
    uint64_t count;
    if (from < 0 || to < from || replica->nodes_count == OM_ORT_NODES_MAX)
        return;
    om_str name = om_str_sub(line, (size_t)from + before.n, (size_t)to);
    om_str number = om_str_trim(om_str_sub(line, (size_t)to + middle.n, line.n));
    if (!om_str_to_uint64(number, &count) || count > INT32_MAX)
        return;
    struct om_ort_nodes *nodes = &replica->nodes[replica->nodes_count++];
    (void)om_str_copy(nodes->provider, sizeof(nodes->provider), name);
    nodes->count = (int)count;
}

static void listen(void *ctx, OrtLoggingLevel severity, const char *category, const char *id,
                   const char *where, const char *message)
{
    if (severity == ORT_LOGGING_LEVEL_VERBOSE)
        read_placement(ctx, om_str_from(message));
    if (severity >= ORT_LOGGING_LEVEL_WARNING)
        om_ort_log_line(ctx, severity, category, id, where, message);
}

// The session says at its most talkative who got which operators; its runs are told to be quiet.
static bool listen_to_placement(OrtSessionOptions *options, struct om_ort_replica *replica,
                                struct om_error *err)
{
    const char *doing = "session options";
    return om_ort_is_ok(om_ort_api->SetSessionLogSeverityLevel(options, ORT_LOGGING_LEVEL_VERBOSE),
                        err, doing) &&
           om_ort_is_ok(om_ort_api->SetUserLoggingFunction(options, listen, replica), err, doing) &&
           om_ort_is_ok(om_ort_api->CreateRunOptions(&replica->run_options), err, doing) &&
           om_ort_is_ok(om_ort_api->RunOptionsSetRunLogSeverityLevel(replica->run_options,
                                                                     ORT_LOGGING_LEVEL_ERROR),
                        err, doing);
}

// ---- memory ------------------------------------------------------------------------------------

static void *pinned_alloc(void *ctx, size_t bytes)
{
    void *data = NULL;
    if (!om_ort_is_ok(om_ort_api->AllocatorAlloc(ctx, bytes, &data), NULL, ""))
        return NULL;
    return data;
}

static void pinned_release(void *ctx, void *data)
{
    (void)om_ort_is_ok(om_ort_api->AllocatorFree(ctx, data), NULL, "");
}

// Page-locked memory of the provider: the card reads and writes it without a copy in between. Some
// versions know it under the card's number, some under 0.
static bool open_pinned(struct om_ort_replica *replica)
{
    static const struct om_device_pool_ops ops = {pinned_alloc, pinned_release};
    const int ids[] = {replica->device.id, 0};
    for (size_t i = 0; i < OM_ARRAY_LEN(ids); i++) {
        OrtMemoryInfo *memory = NULL;
        if (!om_ort_is_ok(om_ort_api->CreateMemoryInfo("CudaPinned", OrtDeviceAllocator, ids[i],
                                                       OrtMemTypeCPUOutput, &memory),
                          NULL, ""))
            continue;
        if (om_ort_is_ok(om_ort_api->CreateAllocator(replica->ort, memory, &replica->pinned), NULL,
                         "")) {
            replica->memory = memory;
            replica->pool = om_device_pool_create(OM_MEMORY_PINNED, &ops, replica->pinned,
                                                  PINNED_KEPT_MAX);
            return true;
        }
        replica->pinned = NULL;
        om_ort_api->ReleaseMemoryInfo(memory);
    }
    return false;
}

static bool open_memory(struct om_ort_replica *replica, struct om_error *err)
{
    enum om_provider provider = replica->device.provider;
    replica->is_remote = provider == OM_PROVIDER_CUDA || provider == OM_PROVIDER_TENSORRT;
    if (replica->is_remote && open_pinned(replica))
        return true;
    replica->pool = om_device_pool_host();
    return om_ort_is_ok(
        om_ort_api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &replica->memory),
        err, "memory");
}

// ---- replicas ----------------------------------------------------------------------------------

static bool set_entry(OrtSessionOptions *options, const char *key, const char *value,
                      struct om_error *err)
{
    return om_ort_is_ok(om_ort_api->AddSessionConfigEntry(options, key, value), err, key);
}

static bool set_options(OrtSessionOptions *options, int threads, struct om_error *err)
{
    const char *doing = "session options";
    return om_ort_is_ok(om_ort_api->SetIntraOpNumThreads(options, OM_MAX(threads, 1)), err,
                        doing) &&
           om_ort_is_ok(om_ort_api->SetInterOpNumThreads(options, 1), err, doing) &&
           om_ort_is_ok(om_ort_api->SetSessionExecutionMode(options, ORT_SEQUENTIAL), err, doing) &&
           om_ort_is_ok(om_ort_api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL), err,
                        doing) &&
           // A spinning thread would steal the core that decodes.
           set_entry(options, "session.intra_op.allow_spinning", "0", err) &&
           set_entry(options, "session.inter_op.allow_spinning", "0", err) &&
           set_entry(options, "session.use_device_allocator_for_initializers", "1", err);
}

static bool open_session(const struct attempt *attempt, struct om_ort_replica *replica,
                         struct om_error *err)
{
    OrtSessionOptions *options = NULL;
    bool is_cpu = attempt->device.provider == OM_PROVIDER_CPU;
    if (!om_ort_is_ok(om_ort_api->CreateSessionOptions(&options), err, "session options"))
        return false;
    bool is_open = set_options(options, attempt->opts->threads, err) &&
                   (is_cpu || listen_to_placement(options, replica, err)) &&
                   add_provider(options, attempt, err) &&
                   om_ort_is_ok(
                       om_ort_api->CreateSession(om_ort_env, attempt->path, options, &replica->ort),
                       err, "ONNX Runtime cannot load it");
    om_ort_api->ReleaseSessionOptions(options);
    return is_open;
}

void om_ort_replica_close(struct om_ort_replica *replica)
{
    if (replica->pool && replica->pool != om_device_pool_host())
        om_device_pool_destroy(replica->pool);
    if (replica->pinned)
        om_ort_api->ReleaseAllocator(replica->pinned);
    if (replica->memory)
        om_ort_api->ReleaseMemoryInfo(replica->memory);
    if (replica->run_options)
        om_ort_api->ReleaseRunOptions(replica->run_options);
    if (replica->ort)
        om_ort_api->ReleaseSession(replica->ort);
    *replica = (struct om_ort_replica){0};
}

static bool open_replica(struct om_ort_replica *replica, const struct attempt *attempt,
                         struct om_error *err)
{
    replica->device = attempt->device;
    replica->counter = om_device_counter_get(attempt->device);
    if (!open_session(attempt, replica, err) || !open_memory(replica, err)) {
        om_ort_replica_close(replica);
        return false;
    }
    return true;
}

static bool add_replica(struct om_ort_session *session, const struct attempt *attempt,
                        struct om_error *err)
{
    if (!open_replica(&session->replicas[session->replica_count], attempt, err))
        return false;
    session->replica_count++;
    return true;
}

// ---- fallback ----------------------------------------------------------------------------------

// Whether `text` was not told before. What comes after the first few is told each time.
static bool is_news(const char *text)
{
    static struct om_mutex lock = OM_MUTEX_INIT;
    static uint64_t told[TOLD_MAX];  // under `lock`, like told_count
    static int told_count;
    uint64_t hash = 14695981039346656037u;
    for (const char *p = text; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    om_with_lock(&lock);
    for (int i = 0; i < told_count; i++)
        if (told[i] == hash)
            return false;
    if (told_count < TOLD_MAX)
        told[told_count++] = hash;
    return true;
}

static void put_reason(struct om_buf *reasons, const char *who, const char *why)
{
    om_str line = om_str_from(why), first;
    if (!om_str_split(&line, '\n', &first))
        first = OM_STR("no reason given");
    first = om_str_sub(first, 0, 160);
    om_buf_printf(reasons, "%s%s: %.*s", reasons->len ? "; " : "", who, OM_STR_ARG(first));
}

static void tell_fallback(const struct om_ort_session *session, const struct attempt *attempt,
                          const struct om_buf *reasons)
{
    const char *slash = strrchr(attempt->path, '/');
    const char *name = attempt->opts->name ? attempt->opts->name
                                           : (slash ? slash + 1 : attempt->path);
    char line[REASONS_SIZE + 256], text[OM_DEVICE_TEXT_SIZE];
    snprintf(line, sizeof(line), "%s runs on %s%s; %s", name,
             om_device_text(session->replicas[0].device, text),
             session->replica_count > 1 ? " and others" : "", om_buf_text(reasons));
    if (is_news(line))
        om_log_warn(&om_ort_log, "%s", line);
}

static void tell_placement(const struct om_ort_session *session, const struct attempt *attempt)
{
    const struct om_ort_replica *first = &session->replicas[0];
    om_auto_buf out;
    om_buf_init(&out, 512);
    for (int i = 0; i < first->nodes_count; i++)
        om_buf_printf(&out, "%s%d by %s", i ? ", " : "", first->nodes[i].count,
                      first->nodes[i].provider);
    if (out.len)
        om_log_info(&om_ort_log, "%s: operators run %s",
                    attempt->opts->name ? attempt->opts->name : attempt->path, om_buf_text(&out));
}

// Opens the graph on every device of a tier that works; what does not is put among the reasons.
static void open_tier(struct om_ort_session *session, struct attempt *attempt,
                      const struct om_device *devices, int n, struct om_buf *reasons)
{
    if (!is_available(devices[0].provider)) {
        char why[160];
        snprintf(why, sizeof(why),
                 "not in this ONNX Runtime %s (OMMA_ORT_LIBRARY may name one that has it)",
                 om_ort_version());
        put_reason(reasons, om_provider_name(devices[0].provider), why);
        return;
    }
    for (int i = 0; i < n; i++) {
        char text[OM_DEVICE_TEXT_SIZE];
        struct om_error why = {0};
        attempt->device = devices[i];
        if (!add_replica(session, attempt, &why))
            put_reason(reasons, om_device_text(devices[i], text), why.text);
    }
}

bool om_ort_open_replicas(struct om_ort_session *session, const char *path,
                          const struct om_ort_opts *opts, struct om_error *err)
{
    struct om_device_plan plan;
    struct attempt attempt = {.path = path, .opts = opts};
    om_auto_buf reasons;
    om_buf_init(&reasons, REASONS_SIZE);
    if (!om_device_plan_parse(opts->providers, &plan, err))
        return false;
    for (int at = 0; session->replica_count == 0;) {
        int n = om_device_plan_tier(&plan, at);
        if (plan.items[at].provider == OM_PROVIDER_CPU) {
            attempt.device = plan.items[at];
            if (!add_replica(session, &attempt, err))
                return false;
        } else {
            open_tier(session, &attempt, &plan.items[at], n, &reasons);
        }
        at += n;
    }
    if (reasons.len)
        tell_fallback(session, &attempt, &reasons);
    tell_placement(session, &attempt);
    return true;
}

// ---- devices that are lost ---------------------------------------------------------------------

struct om_ort_replica *om_ort_fallback(struct om_ort_session *session, struct om_error *err)
{
    om_with_lock(&session->lock);
    const struct om_ort_opts opts = {.name = session->name, .threads = session->threads};
    const struct attempt attempt = {
        .path = session->path, .opts = &opts, .device = {OM_PROVIDER_CPU, -1}};
    if (!session->has_fallback)
        session->has_fallback = open_replica(&session->fallback, &attempt, err);
    return session->has_fallback ? &session->fallback : NULL;
}

bool om_ort_replica_judge(struct om_ort_session *session, struct om_ort_replica *replica,
                          const struct om_error *failure)
{
    char text[OM_DEVICE_TEXT_SIZE];
    // The CPU has nowhere to fall to, and what it refuses is the input's fault.
    if (!failure || !replica->is_remote) {
        atomic_store_explicit(&replica->failures, 0, memory_order_relaxed);
        return false;
    }
    if (atomic_fetch_add(&replica->failures, 1) + 1 < FAILURES_MAX)
        return false;
    if (!atomic_exchange(&replica->is_lost, true))
        om_log_warn(&om_ort_log, "%s: %s failed %d runs in a row, the CPU takes over: %s",
                    session->name, om_device_text(replica->device, text), FAILURES_MAX,
                    failure->text);
    return true;
}
