// Sessions on devices that are not there: which provider is asked in which order and with which
// options, what is told when one does not work, where tensors lie, and that every byte comes back.
// The library is fake_ort.c; the computing is real and the numbers must be those of the CPU.

#include "infer/ort.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "infer/device_memory.h"
#include "infer/engine.h"
#include "infer/fake.h"
#include "infer/model.h"
#include "media/frame.h"

static char shared_path[1024], log_path[] = "/tmp/ort_test.XXXXXX";

static struct {
    void (*set)(const char *words);
    const char *(*calls)(void);
    void (*forget)(void);
    int (*pinned_blocks)(void), (*pinned_allocators)(void);
} fake;

static void find_fake(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    om_assert(library);
    *(void **)&fake.set = dlsym(library, "fake_ort_set");
    *(void **)&fake.calls = dlsym(library, "fake_ort_calls");
    *(void **)&fake.forget = dlsym(library, "fake_ort_forget");
    *(void **)&fake.pinned_blocks = dlsym(library, "fake_ort_pinned_blocks");
    *(void **)&fake.pinned_allocators = dlsym(library, "fake_ort_pinned_allocators");
    // cppcheck-suppress resourceLeak ; it stays open
}

// ---- the log -----------------------------------------------------------------------------------

static int log_lines(const char *part)
{
    om_auto_free char *text = NULL;
    size_t n = 0;
    om_assert(om_file_read(log_path, 1 << 20, &text, &n, NULL));
    om_str rest = om_str_n(text, n), line;
    int count = 0;
    while (om_str_split(&rest, '\n', &line))
        count += om_str_find(line, om_str_from(part)) >= 0;
    return count;
}

static void open_log(void)
{
    int fd = mkstemp(log_path);
    om_assert(fd >= 0);
    om_log_set_fd(fd);
    om_log_set_form(OM_LOG_JSON);
}

// ---- models ------------------------------------------------------------------------------------

static struct om_model *load(const char *name, const struct om_model_opts *opts)
{
    char path[1200];
    struct om_error err = {0};
    fake.forget();
    snprintf(path, sizeof(path), "%s/data/models/%s.onnx", shared_path, name);
    struct om_model *model = om_model_load(path, NULL, opts, &err);
    if (!model)
        printf("%s: %s (%s)\n", name, err.text, err.hint);
    return model;
}

// The sum of the first output for a written-down picture.
static double run_sum(struct om_model *model, int instance, int batch)
{
    struct om_tensor tensors[OM_TENSORS_MAX];
    struct om_error err = {0};
    size_t floats = 0;
    double sum = 0;
    om_auto(om_model_ctx) ctx = om_model_ctx_create_on(model, instance, batch, &err);
    om_assert(ctx);
    float *input = om_model_ctx_input(ctx, &floats);
    om_assert(input);
    // Twice: the second run goes into buffers of ours.
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < floats * (size_t)batch; i++)
            input[i] = (float)(i * 7 % 255) + (float)round;
        om_assert(om_model_run_bare(ctx, batch, &err) == OM_OK);
    }
    om_assert(om_model_ctx_outputs(ctx, tensors) > 0 && tensors[0].f32);
    for (size_t i = 0; i < tensors[0].count; i++)
        sum += fabs((double)tensors[0].f32[i]);
    return sum;
}

static void assert_no_memory_out(void)
{
    for (int kind = 0; kind < OM_MEMORY_KIND_COUNT; kind++)
        om_assert(om_device_memory_stats((enum om_memory_kind)kind).bytes_out == 0);
    om_assert(om_device_memory_stats(OM_MEMORY_PINNED).bytes_kept == 0);
    om_assert(fake.pinned_blocks() == 0 && fake.pinned_allocators() == 0);
}

// ---- fallback ----------------------------------------------------------------------------------

static void check_fallback(void)
{
    static const struct {
        const char *providers, *faults;
        const char *provider;  // that the model ends on
        int instances;
        const char *calls;   // providers that were added, in order
        const char *reason;  // in the one line that tells; NULL = none
    } rows[] = {
        {"cpu", "", "cpu", 1, "", NULL},
        {"cuda", "", "cuda", 1, "cuda:0 ", NULL},
        {"cuda:0,cuda:1", "", "cuda", 2, "cuda:0 cuda:1 ", NULL},
        {"tensorrt", "", "tensorrt", 1, "tensorrt:0 cuda:0 ", NULL},
        {"cuda:1,cuda:2", "", "cuda", 1, "cuda:1 cuda:2 ",
         "runs on cuda:1; cuda:2: CUDA failure 101: invalid device ordinal"},
        {"cuda:5", "", "cpu", 1, "cuda:5 ",
         "runs on cpu; cuda:5: CUDA failure 101: invalid device ordinal"},
        {"tensorrt", "no-tensorrt", "cuda", 1, "cuda:0 ",
         "runs on cuda:0; tensorrt:0: libnvinfer.so.10: cannot open"},
        {"tensorrt", "no-tensorrt,no-cuda", "cpu", 1, "",
         "runs on cpu; tensorrt:0: libnvinfer.so.10: cannot open shared object file; "
         "cuda:0: libcudart.so.12: cannot open shared object file"},
        {"openvino", "", "cpu", 1, "",
         "runs on cpu; openvino: not in this ONNX Runtime fake (OMMA_ORT_LIBRARY may name one that "
         "has it)\"}"},
        {"openvino,cuda:1", "no-cuda", "cpu", 1, "",
         "has it); cuda:1: libcudart.so.12: cannot open shared object file\"}"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        fake.set(rows[i].faults);
        uint64_t warnings = om_log_count(OM_LOG_WARN);
        const struct om_model_opts opts = {.providers = rows[i].providers};
        for (int again = 0; again < 2; again++) {
            om_auto(om_model) model = load("mnist", &opts);
            om_assert(model && strcmp(om_model_provider(model), rows[i].provider) == 0);
            om_assert(om_model_instances(model) == rows[i].instances);
        }
        om_assert(om_log_count(OM_LOG_WARN) - warnings == (rows[i].reason != NULL));
        om_assert(!rows[i].reason || log_lines(rows[i].reason) == 1);
        om_str rest = om_str_from(fake.calls()), line;
        char calls[256] = "";
        while (om_str_split(&rest, '\n', &line) && line.n) {
            om_str name,
                device = om_str_sub(line, (size_t)om_str_find(line, OM_STR("device_id=")), line.n);
            om_assert(om_str_split(&line, ' ', &name));
            snprintf(calls + strlen(calls), sizeof(calls) - strlen(calls), "%.*s:%c ",
                     OM_STR_ARG(name), device.p[10]);
        }
        if (strcmp(calls, rows[i].calls) != 0)
            printf("%s: %s\n", rows[i].providers, calls);
        om_assert(strcmp(calls, rows[i].calls) == 0);
        assert_no_memory_out();
    }
    fake.set("");
}

// ---- options -----------------------------------------------------------------------------------

static void check_provider_options(void)
{
    const struct om_model_opts opts = {.providers = "cuda:1", .device_memory_max = 1 << 30};
    om_auto(om_model) model = load("mnist", &opts);
    om_assert(strcmp(fake.calls(),
                     "cuda device_id=1;cudnn_conv_algo_search=HEURISTIC;"
                     "arena_extend_strategy=kSameAsRequested;gpu_mem_limit=1073741824\n") == 0);
    om_assert(log_lines("mnist: operators run ") > 0);
}

static void remove_home(const char *home, om_str engines)
{
    static const char *const tails[] = {"/cache/tensorrt/timing", "/cache/tensorrt", "/cache", ""};
    char path[1024];
    snprintf(path, sizeof(path), "%.*s", OM_STR_ARG(engines));
    om_assert(rmdir(path) == 0);
    for (size_t i = 0; i < OM_ARRAY_LEN(tails); i++) {
        snprintf(path, sizeof(path), "%s%s", home, tails[i]);
        om_assert(rmdir(path) == 0);
    }
}

// Batch 1 to 16 where the graph leaves it free, engines in a folder named by what they hold.
static void check_tensorrt_options(void)
{
    char home[] = "/tmp/ort_test_home.XXXXXX", wanted[1024];
    struct stat info;
    om_assert(mkdtemp(home));
    const struct om_model_opts opts = {.providers = "tensorrt", .fp16 = true, .home = home};
    om_auto(om_model) model = load("osnet_x0_25_msmt17", &opts);
    om_assert(model);
    om_str rest = om_str_from(fake.calls()), line;
    om_assert(om_str_split(&rest, '\n', &line));
    snprintf(wanted, sizeof(wanted), ";trt_engine_cache_path=%s/cache/tensorrt/", home);
    ptrdiff_t at = om_str_find(line, om_str_from(wanted));
    om_assert(at > 0);
    om_str folder = om_str_sub(line, (size_t)at + strlen(";trt_engine_cache_path="), line.n), path;
    om_assert(om_str_split(&folder, ';', &path));
    om_assert(om_str_ends_with(path, OM_STR("-nvidia-l4-0")));
    snprintf(wanted, sizeof(wanted), "%.*s", OM_STR_ARG(path));
    om_assert(stat(wanted, &info) == 0 && S_ISDIR(info.st_mode));
    snprintf(wanted, sizeof(wanted), ";trt_timing_cache_path=%s/cache/tensorrt/timing", home);
    om_assert(om_str_find(line, om_str_from(wanted)) > 0);
    om_assert(om_str_find(line, OM_STR("tensorrt device_id=0;trt_fp16_enable=1;")) == 0);
    printf("%.*s\n", OM_STR_ARG(line));
    remove_home(home, path);
}

// ---- memory ------------------------------------------------------------------------------------

static void check_pinned(void)
{
    om_auto(om_model) cpu = load("mnist", &(struct om_model_opts){.providers = "cpu"});
    double wanted = run_sum(cpu, 0, 1);
    om_assert(wanted > 0 && om_device_memory_stats(OM_MEMORY_PINNED).bytes_out == 0);
    uint64_t takes = om_device_memory_stats(OM_MEMORY_PINNED).takes;
    {
        om_auto(om_model) cuda = load("mnist", &(struct om_model_opts){.providers = "cuda"});
        om_assert(fake.pinned_allocators() == 1);
        om_assert(fabs(run_sum(cuda, 0, 1) - wanted) < 1e-3 * wanted);
        // Input and output of the model's own first run, then of ours, which were there already.
        struct om_device_memory_stats stats = om_device_memory_stats(OM_MEMORY_PINNED);
        om_assert(stats.takes - takes >= 3 && stats.reuses > 0 && stats.bytes_out == 0);
    }
    assert_no_memory_out();
    fake.set("no-pinned");
    {
        om_auto(om_model) cuda = load("mnist", &(struct om_model_opts){.providers = "cuda"});
        om_assert(fake.pinned_allocators() == 0);
        om_assert(fabs(run_sum(cuda, 0, 1) - wanted) < 1e-3 * wanted);
    }
    fake.set("");
}

static void check_accounts(void)
{
    om_auto(om_model) model = load("mnist", &(struct om_model_opts){.providers = "cpu"});
    struct om_error err = {0};
    int64_t before = om_device_memory_stats(OM_MEMORY_HOST).bytes_out;
    struct om_model_ctx *a = om_model_ctx_create(model, 1, &err);
    struct om_model_ctx *b = om_model_ctx_create(model, 1, &err);
    int64_t one = om_device_memory_stats(OM_MEMORY_HOST).bytes_out - before;
    om_assert(a && b && one >= 2 * 28 * 28 * 4);
    om_assert(om_model_run_bare(a, 1, &err) == OM_OK);
    uint64_t allocs = om_mem_alloc_count();
    int64_t out = om_device_memory_stats(OM_MEMORY_HOST).bytes_out;
    om_assert(out > before + one);  // the output, too
    for (int i = 0; i < 100; i++)
        om_assert(om_model_run_bare(a, 1, &err) == OM_OK);
    om_assert(om_mem_alloc_count() == allocs);
    om_assert(om_device_memory_stats(OM_MEMORY_HOST).bytes_out == out);
    om_model_ctx_destroy(a);
    om_model_ctx_destroy(b);
    om_assert(om_device_memory_stats(OM_MEMORY_HOST).bytes_out == before);
}

// ---- several devices ---------------------------------------------------------------------------

struct instance {
    struct om_model *model;
    struct om_thread thread;
    int number;
    double sum;
};

static void run_instance(void *ctx)
{
    struct instance *instance = ctx;
    for (int i = 0; i < 20; i++)
        instance->sum = run_sum(instance->model, instance->number, 1);
}

static uint64_t runs_on(const char *device)
{
    struct om_device_stats stats[16];
    int n = om_device_stats(stats, 16);
    for (int i = 0; i < n; i++) {
        char text[OM_DEVICE_TEXT_SIZE];
        if (strcmp(om_device_text(stats[i].device, text), device) == 0)
            return stats[i].runs;
    }
    return 0;
}

static void check_spread(void)
{
    enum { INSTANCES = 4 };
    struct instance instances[INSTANCES];
    om_auto(om_model) model = load(
        "mnist", &(struct om_model_opts){.providers = "cuda:0,cuda:1", .instances = 2});
    om_assert(model && om_model_instances(model) == INSTANCES);
    uint64_t zero = runs_on("cuda:0"), one = runs_on("cuda:1");
    for (int i = 0; i < INSTANCES; i++) {
        instances[i] = (struct instance){.model = model, .number = i};
        om_assert(
            om_thread_start(&instances[i].thread, "run", 1 << 20, run_instance, &instances[i]));
    }
    for (int i = 0; i < INSTANCES; i++) {
        om_thread_join(&instances[i].thread);
        om_assert(fabs(instances[i].sum - instances[0].sum) < 1e-3 * instances[0].sum);
    }
    om_assert(runs_on("cuda:0") - zero == 80 && runs_on("cuda:1") - one == 80);
}

// The engine's workers are dealt out over the cards and take what waits.
static void on_result(void *ctx, struct om_slot_result *result)
{
    atomic_int *results = ctx;
    om_assert(result->status == OM_OK);
    om_frame_unref(&result->frame);
    atomic_fetch_add(results, 1);
}

static void check_engine(void)
{
    enum { SLOTS = 12, ROUNDS = 10 };
    struct om_slot *slots[SLOTS];
    atomic_int results = 0;
    struct om_error err = {0};
    const struct om_slot_opts opts = OM_SLOT_OPTS_DEFAULT;
    struct om_model *model = load(
        "mnist", &(struct om_model_opts){.providers = "cuda:0,cuda:1", .instances = 2});
    om_auto(om_engine) engine = om_engine_create(model, &(struct om_engine_opts){0}, &err);
    om_assert(engine);
    uint64_t zero = runs_on("cuda:0"), one = runs_on("cuda:1");
    for (int i = 0; i < SLOTS; i++)
        om_assert((slots[i] = om_slot_open(engine, &opts, on_result, &results)));
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < SLOTS; i++)
            om_slot_put(slots[i], om_frame_alloc(OM_PIX_GREY, 28, 28));
        while (atomic_load(&results) < round * SLOTS)
            om_time_sleep_us(100);
    }
    for (int i = 0; i < SLOTS; i++)
        om_slot_close(slots[i]);
    om_assert(runs_on("cuda:0") > zero && runs_on("cuda:1") > one);
}

// ---- a card that dies ---------------------------------------------------------------------------

static void check_lost_card(void)
{
    om_auto(om_model) cpu = load("mnist", &(struct om_model_opts){.providers = "cpu"});
    double wanted = run_sum(cpu, 0, 1);
    {
        om_auto(om_model) model = load("mnist", &(struct om_model_opts){.providers = "cuda"});
        struct om_error err = {0};
        om_auto(om_model_ctx) before = om_model_ctx_create(model, 1, &err);
        om_assert(before && om_model_run_bare(before, 1, &err) == OM_OK);
        fake.set("no-run");
        // A failure that passes costs one picture.
        om_assert(om_model_run_bare(before, 1, &err) == OM_INVALID);
        om_assert(om_str_find(om_str_from(err.text), OM_STR("unspecified launch failure")) > 0);
        fake.set("");
        om_assert(om_model_run_bare(before, 1, &err) == OM_OK);
        // One that stays: the third run is made on the CPU, and so are all later ones.
        fake.set("no-run");
        om_assert(om_model_run_bare(before, 1, &err) == OM_INVALID);
        om_assert(om_model_run_bare(before, 1, &err) == OM_INVALID);
        om_assert(strcmp(om_model_provider(model), "cuda") == 0);
        om_assert(om_model_run_bare(before, 1, &err) == OM_OK);
        om_assert(strcmp(om_model_provider(model), "cpu") == 0);
        om_assert(fabs(run_sum(model, 0, 1) - wanted) < 1e-3 * wanted);
        om_assert(om_model_run_bare(before, 1, &err) == OM_OK);
        om_assert(log_lines("mnist: cuda:0 failed 3 runs in a row, the CPU takes over: ") == 1);
        fake.set("");
    }
}

int main(void)
{
    char path[2200];
    const char *shared = getenv("OMMA_SHARED");
    snprintf(shared_path, sizeof(shared_path), "%s", shared ? shared : "");
    if (!shared || access(shared_path, R_OK) != 0) {
        printf("skipped: no ../shared\n");
        return 77;
    }
    om_fake_path("fake_nvml", path, sizeof(path));
    om_assert(setenv("OMMA_NVML_LIBRARY", path, 1) == 0);
    om_fake_path("fake_ort", path, sizeof(path));
    om_assert(setenv("OMMA_ORT_LIBRARY", path, 1) == 0);
    find_fake(path);
    open_log();
    check_fallback();
    check_provider_options();
    check_tensorrt_options();
    check_pinned();
    check_accounts();
    check_spread();
    check_engine();
    check_lost_card();
    assert_no_memory_out();
    (void)unlink(log_path);
    return 0;
}
