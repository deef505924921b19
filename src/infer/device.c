#include "infer/device.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/metric.h"
#include "base/thread.h"
#include "conf/opt.h"
#include "infer/device_memory.h"
#include "infer/nvml.h"

enum { COUNTERS_MAX = 64, CARD_MAX = 255 };

// ---- plans -------------------------------------------------------------------------------------

static const char *const names[] = {"cpu", "cuda", "tensorrt", "openvino"};

const char *om_provider_name(enum om_provider provider)
{
    return names[provider];
}

const char *om_device_text(struct om_device device, char text[OM_DEVICE_TEXT_SIZE])
{
    if (device.id < 0)
        snprintf(text, OM_DEVICE_TEXT_SIZE, "%s", names[device.provider]);
    else
        snprintf(text, OM_DEVICE_TEXT_SIZE, "%s:%d", names[device.provider], device.id);
    return text;
}

static bool is_same(struct om_device a, struct om_device b)
{
    return a.provider == b.provider && a.id == b.id;
}

static bool find_provider(om_str name, enum om_provider *ret, struct om_error *err)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(names); i++) {
        if (om_str_equal_nocase(om_str_from(names[i]), name)) {
            *ret = (enum om_provider)i;
            return true;
        }
    }
    om_error_set(err, OM_INVALID, "there is no execution provider \"%.*s\"", OM_STR_ARG(name));
    om_error_hint(err, "one or more of cpu, cuda, tensorrt, openvino, separated by commas; cards "
                       "as in cuda:0,cuda:1");
    return false;
}

// "cuda:1", "tensorrt", "cpu".
static bool parse_device(om_str text, struct om_device *ret, struct om_error *err)
{
    ptrdiff_t colon = om_str_find_char(text, ':');
    om_str name = colon < 0 ? text : om_str_trim(om_str_sub(text, 0, (size_t)colon));
    if (!find_provider(name, &ret->provider, err))
        return false;
    bool has_cards = ret->provider == OM_PROVIDER_CUDA || ret->provider == OM_PROVIDER_TENSORRT;
    ret->id = has_cards ? 0 : -1;
    if (colon < 0)
        return true;
    om_str number = om_str_trim(om_str_sub(text, (size_t)colon + 1, text.n));
    int64_t id;
    if (ret->provider == OM_PROVIDER_CPU || !om_str_to_int64(number, &id) || id < 0 ||
        id > CARD_MAX) {
        om_error_set(err, OM_INVALID, "\"%.*s\" names no device", OM_STR_ARG(text));
        om_error_hint(err, "after cuda, tensorrt or openvino the number of a card may stand, as in "
                           "cuda:0");
        return false;
    }
    ret->id = (int)id;
    return true;
}

static bool add(struct om_device_plan *plan, struct om_device device, struct om_error *err)
{
    char text[OM_DEVICE_TEXT_SIZE];
    for (int i = 0; i < plan->count; i++) {
        if (is_same(plan->items[i], device)) {
            om_error_set(err, OM_INVALID, "the provider %s is listed twice",
                         om_device_text(device, text));
            om_error_hint(err, "several instances on one card: the option instances");
            return false;
        }
    }
    // The last place is the CPU's.
    if (plan->count == OM_PLAN_MAX - (device.provider != OM_PROVIDER_CPU)) {
        om_error_set(err, OM_LIMIT, "more than %d providers", OM_PLAN_MAX - 1);
        om_error_hint(err, "name fewer cards");
        return false;
    }
    plan->items[plan->count++] = device;
    return true;
}

// What TensorRT cannot take at all may still run on the same cards by CUDA.
static bool add_cuda_after_tensorrt(struct om_device_plan *plan, struct om_error *err)
{
    int named = plan->count;
    for (int i = 0; i < named; i++)
        if (plan->items[i].provider == OM_PROVIDER_CUDA)
            return true;
    for (int i = 0; i < named; i++) {
        const struct om_device cuda = {OM_PROVIDER_CUDA, plan->items[i].id};
        if (plan->items[i].provider == OM_PROVIDER_TENSORRT && !add(plan, cuda, err))
            return false;
    }
    return true;
}

bool om_device_plan_parse(const char *list, struct om_device_plan *ret, struct om_error *err)
{
    om_str rest = om_str_trim(om_str_from(list)), item;
    struct om_device_plan plan = {0};
    while (om_str_split(&rest, ',', &item)) {
        struct om_device device;
        if (!parse_device(om_str_trim(item), &device, err))
            return false;
        if (device.provider == OM_PROVIDER_CPU)
            break;
        if (!add(&plan, device, err))
            return false;
    }
    if (!add_cuda_after_tensorrt(&plan, err) ||
        !add(&plan, (struct om_device){OM_PROVIDER_CPU, -1}, err))
        return false;
    *ret = plan;
    return true;
}

int om_device_plan_tier(const struct om_device_plan *plan, int from)
{
    int n = 0;
    while (from + n < plan->count && plan->items[from + n].provider == plan->items[from].provider)
        n++;
    return n;
}

// ---- options -----------------------------------------------------------------------------------

#define FIELD(name) offsetof(struct om_infer_opts, name)

static const struct om_opt infer_opts[] = {
    {"providers", OM_OPT_TEXT, FIELD(providers), 0, 255, "cpu",
     "where models run, best first: cpu, cuda, tensorrt, openvino; cards as in cuda:0,cuda:1,cpu",
     NULL, true},
    {"threads", OM_OPT_INT, FIELD(threads), 0, 64, "0",
     "threads of one run on the CPU; 0 = one, or the cores, at most 4, where a card is asked first",
     NULL, true},
    {"instances", OM_OPT_INT, FIELD(instances), 0, 16, "0",
     "runs of one model at the same time on each device; 0 = the cores, at most 4, or one on a "
     "card",
     NULL, true},
    {"fp16", OM_OPT_BOOL, FIELD(fp16), 0, 1, "no",
     "TensorRT and OpenVINO compute in half precision: faster, scores may move a little", NULL,
     true},
    {"engine-cache", OM_OPT_BOOL, FIELD(engine_cache), 0, 1, "yes",
     "keep what TensorRT builds below the home folder, so that the next start is fast", NULL, true},
    {"device-memory", OM_OPT_BYTES, FIELD(device_memory), 0, 1e12, "0",
     "most memory that one model may take on one card; 0 = no bound", NULL, true},
    {0},
};

const struct om_opt_group om_infer_opt_group = {
    .prefix = "infer",
    .about = "where and how models run",
    .size = sizeof(struct om_infer_opts),
    .opts = infer_opts,
};

// On the CPU runs of one thread side by side: measured on two cores, 15.4 ms of CPU time a picture
// and 128 pictures a second against 21.5 ms and 68 with two threads in one run, at the same time
// for a picture alone (omma bench latency, by_shape).
void om_infer_opts_choose(struct om_infer_opts *opts, int cores)
{
    enum { SIDE_BY_SIDE_MAX = 4 };
    int wide = OM_CLAMP(cores, 1, (int)SIDE_BY_SIDE_MAX);
    bool is_cpu_only = !opts->providers || strcmp(opts->providers, "cpu") == 0;
    if (opts->threads == 0)
        opts->threads = is_cpu_only ? 1 : wide;
    if (opts->instances == 0)
        opts->instances = is_cpu_only ? wide : 1;
}

// ---- counters ----------------------------------------------------------------------------------

struct om_device_counter {
    struct om_device device;  // constant once counted
    atomic_int instances;
    atomic_uint_fast64_t runs, pictures;
    atomic_int_fast64_t busy_us;
};

static struct om_mutex counters_lock = OM_MUTEX_INIT;
static struct om_device_counter counters[COUNTERS_MAX];
static int counter_count;  // under `counters_lock`

struct om_device_counter *om_device_counter_get(struct om_device device)
{
    om_with_lock(&counters_lock);
    for (int i = 0; i < counter_count; i++)
        if (is_same(counters[i].device, device))
            return &counters[i];
    if (counter_count == COUNTERS_MAX)
        return NULL;
    struct om_device_counter *counter = &counters[counter_count++];
    counter->device = device;
    return counter;
}

void om_device_counter_instances(struct om_device_counter *counter, int more)
{
    if (counter)
        atomic_fetch_add_explicit(&counter->instances, more, memory_order_relaxed);
}

void om_device_counter_add(struct om_device_counter *counter, int pictures, int64_t us)
{
    if (!counter)
        return;
    atomic_fetch_add_explicit(&counter->runs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counter->pictures, (uint64_t)pictures, memory_order_relaxed);
    atomic_fetch_add_explicit(&counter->busy_us, us, memory_order_relaxed);
}

int om_device_stats(struct om_device_stats *ret, int max)
{
    om_with_lock(&counters_lock);
    int n = OM_MIN(counter_count, max);
    for (int i = 0; i < n; i++) {
        struct om_device_counter *c = &counters[i];
        ret[i] = (struct om_device_stats){
            .device = c->device,
            .instances = atomic_load_explicit(&c->instances, memory_order_relaxed),
            .runs = atomic_load_explicit(&c->runs, memory_order_relaxed),
            .pictures = atomic_load_explicit(&c->pictures, memory_order_relaxed),
            .busy_us = atomic_load_explicit(&c->busy_us, memory_order_relaxed),
        };
    }
    return n;
}

// ---- metrics -----------------------------------------------------------------------------------

static void family(struct om_buf *out, const char *name, const char *type, const char *help)
{
    om_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void collect_devices(struct om_buf *out)
{
    static const struct {
        const char *name, *type, *help;
    } rows[] = {
        {"omma_infer_instances", "gauge", "Contexts of models that may run on the device."},
        {"omma_infer_runs_total", "counter", "Runs of networks on the device."},
        {"omma_infer_pictures_total", "counter", "Pictures in those runs."},
        {"omma_infer_busy_seconds_total", "counter", "Time spent in those runs, over instances."},
    };
    struct om_device_stats stats[COUNTERS_MAX];
    int n = om_device_stats(stats, COUNTERS_MAX);
    for (size_t r = 0; n && r < OM_ARRAY_LEN(rows); r++) {
        family(out, rows[r].name, rows[r].type, rows[r].help);
        for (int i = 0; i < n; i++) {
            char text[OM_DEVICE_TEXT_SIZE];
            const double values[] = {stats[i].instances, (double)stats[i].runs,
                                     (double)stats[i].pictures, (double)stats[i].busy_us / 1e6};
            om_buf_printf(out, "%s{device=\"%s\"} %.15g\n", rows[r].name,
                          om_device_text(stats[i].device, text), values[r]);
        }
    }
}

static void collect_memory(struct om_buf *out)
{
    family(out, "omma_infer_memory_bytes", "gauge", "Memory for tensors, by kind and state.");
    for (int kind = 0; kind < OM_MEMORY_KIND_COUNT; kind++) {
        struct om_device_memory_stats stats = om_device_memory_stats((enum om_memory_kind)kind);
        const char *name = om_memory_kind_name((enum om_memory_kind)kind);
        om_buf_printf(out, "omma_infer_memory_bytes{kind=\"%s\",state=\"out\"} %" PRId64 "\n", name,
                      stats.bytes_out);
        om_buf_printf(out, "omma_infer_memory_bytes{kind=\"%s\",state=\"kept\"} %" PRId64 "\n",
                      name, stats.bytes_kept);
    }
}

void om_device_collect(void *ctx, struct om_buf *out)
{
    (void)ctx;
    collect_devices(out);
    collect_memory(out);
    om_nvml_collect(out);
}

void om_device_metrics_register(void)
{
    static atomic_bool is_registered;
    if (!atomic_exchange(&is_registered, true))
        om_metric_collector_add(om_device_collect, NULL);
}
