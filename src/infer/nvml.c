// The few declarations below are those of NVML's public ABI, which NVIDIA keeps stable: functions
// have C linkage, handles are opaque pointers, 0 is success. The library is never closed.

#include "infer/nvml.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"

enum { NVML_TEMPERATURE_GPU = 0, DRIVER_SIZE = 80 };

struct nvml_memory {
    unsigned long long total, free, used;
};
struct nvml_utilization {
    unsigned int gpu, memory;  // per cent
};
typedef void *nvml_device;

static const struct om_log nvml_log = {.name = "nvml"};

static struct {
    int (*init)(void);
    int (*driver_version)(char *text, unsigned int size);
    int (*count)(unsigned int *ret);
    int (*handle)(unsigned int index, nvml_device *ret);
    int (*name)(nvml_device device, char *text, unsigned int size);
    int (*memory)(nvml_device device, struct nvml_memory *ret);
    // May be missing in old drivers.
    int (*utilization)(nvml_device device, struct nvml_utilization *ret);
    int (*decoder)(nvml_device device, unsigned int *ret_percent, unsigned int *ret_period_us);
    int (*temperature)(nvml_device device, int sensor, unsigned int *ret_celsius);
    int (*power)(nvml_device device, unsigned int *ret_milliwatts);
} nvml;

static struct om_mutex lock = OM_MUTEX_INIT;
// Under `lock`.
static enum { UNTRIED, ABSENT, READY } state;
static char driver[DRIVER_SIZE];

static const struct symbol {
    const char *name;
    void *to;  // a pointer to a function
    bool is_needed;
} symbols[] = {
    {"nvmlInit_v2", &nvml.init, true},
    {"nvmlSystemGetDriverVersion", &nvml.driver_version, true},
    {"nvmlDeviceGetCount_v2", &nvml.count, true},
    {"nvmlDeviceGetHandleByIndex_v2", &nvml.handle, true},
    {"nvmlDeviceGetName", &nvml.name, true},
    {"nvmlDeviceGetMemoryInfo", &nvml.memory, true},
    {"nvmlDeviceGetUtilizationRates", &nvml.utilization, false},
    {"nvmlDeviceGetDecoderUtilization", &nvml.decoder, false},
    {"nvmlDeviceGetTemperature", &nvml.temperature, false},
    {"nvmlDeviceGetPowerUsage", &nvml.power, false},
};

static bool find_symbols(void *library)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(symbols); i++) {
        void *symbol = dlsym(library, symbols[i].name);
        if (!symbol && symbols[i].is_needed) {
            om_log_debug(&nvml_log, "%s is missing", symbols[i].name);
            return false;
        }
        memcpy(symbols[i].to, &symbol, sizeof(symbol));
    }
    return true;
}

static bool open_library(void)
{
    const char *path = getenv("OMMA_NVML_LIBRARY");
    void *library = dlopen(path && *path ? path : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    int status = find_symbols(library) ? nvml.init() : -1;
    if (status != 0) {
        om_log_debug(&nvml_log, "the driver does not answer (%d)", status);
        (void)dlclose(library);
        return false;
    }
    if (nvml.driver_version(driver, sizeof(driver)) != 0)
        driver[0] = 0;
    driver[sizeof(driver) - 1] = 0;
    return true;
}

static bool is_ready(void)
{
    om_mutex_assert_held(&lock);
    if (state == UNTRIED)
        state = open_library() ? READY : ABSENT;
    return state == READY;
}

static double share(unsigned int percent)
{
    return OM_MIN(percent, 100u) / 100.0;
}

// Names reach labels and folders; whatever else the driver puts there is cut off.
static void read_name(nvml_device device, char name[OM_NVML_NAME_SIZE])
{
    if (nvml.name(device, name, OM_NVML_NAME_SIZE) != 0)
        name[0] = 0;
    name[OM_NVML_NAME_SIZE - 1] = 0;
}

static void read_card(unsigned int index, nvml_device device, struct om_nvml_card *card)
{
    struct nvml_memory memory;
    struct nvml_utilization rates;
    unsigned int value, period;
    *card = (struct om_nvml_card){.index = (int)index,
                                  .busy = NAN,
                                  .memory_busy = NAN,
                                  .decoder_busy = NAN,
                                  .memory_bytes = -1,
                                  .memory_used_bytes = -1,
                                  .celsius = NAN,
                                  .watts = NAN};
    read_name(device, card->name);
    if (nvml.memory(device, &memory) == 0) {
        card->memory_bytes = (int64_t)memory.total;
        card->memory_used_bytes = (int64_t)memory.used;
    }
    if (nvml.utilization && nvml.utilization(device, &rates) == 0) {
        card->busy = share(rates.gpu);
        card->memory_busy = share(rates.memory);
    }
    if (nvml.decoder && nvml.decoder(device, &value, &period) == 0)
        card->decoder_busy = share(value);
    if (nvml.temperature && nvml.temperature(device, NVML_TEMPERATURE_GPU, &value) == 0)
        card->celsius = value;
    if (nvml.power && nvml.power(device, &value) == 0)
        card->watts = value / 1000.0;
}

int om_nvml_read(struct om_nvml_card *ret, int max)
{
    om_with_lock(&lock);
    unsigned int count = 0;
    int n = 0;
    if (!is_ready() || nvml.count(&count) != 0)
        return 0;
    for (unsigned int i = 0; i < count && n < max; i++) {
        nvml_device device = NULL;
        if (nvml.handle(i, &device) == 0)
            read_card(i, device, &ret[n++]);
    }
    return n;
}

bool om_nvml_name(int index, char name[OM_NVML_NAME_SIZE])
{
    om_with_lock(&lock);
    nvml_device device = NULL;
    if (!is_ready() || nvml.handle((unsigned int)index, &device) != 0)
        return false;
    read_name(device, name);
    return name[0];
}

const char *om_nvml_driver(void)
{
    om_with_lock(&lock);
    (void)is_ready();
    return driver;
}

// ---- metrics -----------------------------------------------------------------------------------

// Label values may hold anything but these.
static void put_label(struct om_buf *out, const char *value)
{
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p >= ' ' && *p != '"' && *p != '\\')
            om_buf_append_char(out, *p);
    }
}

static double value_of(const struct om_nvml_card *card, int row)
{
    const double values[] = {
        card->busy,
        card->memory_busy,
        card->decoder_busy,
        card->memory_bytes < 0 ? NAN : (double)card->memory_bytes,
        card->memory_used_bytes < 0 ? NAN : (double)card->memory_used_bytes,
        card->celsius,
        card->watts,
    };
    return values[row];
}

static void put_family(struct om_buf *out, const char *name, const char *help)
{
    om_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void collect_row(struct om_buf *out, const struct om_nvml_card *cards, int n, int row)
{
    static const struct {
        const char *name, *help;
    } rows[] = {
        {"omma_gpu_busy_ratio", "Share of the time in which the card computed."},
        {"omma_gpu_memory_busy_ratio", "Share of the time in which its memory moved."},
        {"omma_gpu_decoder_busy_ratio", "Share of the time in which its video decoder worked."},
        {"omma_gpu_memory_bytes", "Memory of the card."},
        {"omma_gpu_memory_used_bytes", "Memory of the card in use, by all processes."},
        {"omma_gpu_temperature_celsius", "Temperature of the card."},
        {"omma_gpu_power_watts", "Power the card draws."},
    };
    bool has_any = false;
    for (int i = 0; i < n; i++)
        has_any |= !isnan(value_of(&cards[i], row));
    if (!has_any)
        return;
    put_family(out, rows[row].name, rows[row].help);
    for (int i = 0; i < n; i++) {
        double value = value_of(&cards[i], row);
        if (!isnan(value))
            om_buf_printf(out, "%s{gpu=\"%d\"} %.15g\n", rows[row].name, cards[i].index, value);
    }
}

void om_nvml_collect(struct om_buf *out)
{
    enum { ROWS = 7 };
    struct om_nvml_card cards[OM_NVML_CARDS_MAX];
    int n = om_nvml_read(cards, OM_NVML_CARDS_MAX);
    if (n == 0)
        return;
    put_family(out, "omma_gpu_info", "The cards by name; always 1.");
    for (int i = 0; i < n; i++) {
        om_buf_printf(out, "omma_gpu_info{gpu=\"%d\",name=\"", cards[i].index);
        put_label(out, cards[i].name);
        om_buf_append_text(out, "\",driver=\"");
        put_label(out, om_nvml_driver());
        om_buf_append_text(out, "\"} 1\n");
    }
    for (int row = 0; row < ROWS; row++)
        collect_row(out, cards, n, row);
}
