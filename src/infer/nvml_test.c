// The management library: absent, broken, and a fake one with two cards. One process each, because
// it is opened once.

#include "infer/nvml.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "infer/fake.h"

static bool has(const struct om_buf *out, const char *line)
{
    return om_str_find(om_buf_str(out), om_str_from(line)) >= 0;
}

static void check_absent(void)
{
    struct om_nvml_card cards[OM_NVML_CARDS_MAX];
    char name[OM_NVML_NAME_SIZE];
    om_auto_buf out;
    om_buf_init(&out, 1 << 16);
    om_assert(om_nvml_read(cards, OM_NVML_CARDS_MAX) == 0);
    om_assert(!om_nvml_name(0, name) && om_nvml_driver()[0] == 0);
    om_nvml_collect(&out);
    om_assert(out.len == 0);
    for (int level = OM_LOG_ERROR; level <= OM_LOG_INFO; level++)
        om_assert(om_log_count((enum om_log_level)level) == 0);
}

static void check_cards(void)
{
    struct om_nvml_card cards[OM_NVML_CARDS_MAX];
    om_assert(om_nvml_read(cards, 1) == 1);
    om_assert(om_nvml_read(cards, OM_NVML_CARDS_MAX) == 2);
    om_assert(strcmp(cards[0].name, "NVIDIA L4") == 0 && cards[1].index == 1);
    om_assert(cards[0].busy == 0.37 && cards[0].memory_busy == 0.12);
    om_assert(cards[0].decoder_busy == 0.81 && isnan(cards[1].decoder_busy));
    om_assert(cards[0].memory_bytes == 24ll << 30 && cards[0].memory_used_bytes == 6ll << 30);
    om_assert(cards[0].celsius == 66 && cards[0].watts == 48.25 && isnan(cards[1].watts));
    char name[OM_NVML_NAME_SIZE];
    om_assert(om_nvml_name(0, name) && strcmp(name, "NVIDIA L4") == 0);
    om_assert(!om_nvml_name(7, name));
    om_assert(strcmp(om_nvml_driver(), "555.42.02") == 0);
}

static void check_metrics(void)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 16);
    om_nvml_collect(&out);
    om_assert(has(&out, "omma_gpu_info{gpu=\"0\",name=\"NVIDIA L4\",driver=\"555.42.02\"} 1\n"));
    om_assert(has(&out, "omma_gpu_info{gpu=\"1\",name=\"Old Card\",driver="));
    om_assert(has(&out, "# TYPE omma_gpu_busy_ratio gauge\nomma_gpu_busy_ratio{gpu=\"0\"} 0.37\n"));
    om_assert(has(&out, "omma_gpu_decoder_busy_ratio{gpu=\"0\"} 0.81\n"));
    om_assert(!has(&out, "omma_gpu_decoder_busy_ratio{gpu=\"1\"}"));
    om_assert(has(&out, "omma_gpu_memory_used_bytes{gpu=\"1\"} 1073741824\n"));
    om_assert(has(&out, "omma_gpu_temperature_celsius{gpu=\"1\"} 40\n"));
    om_assert(has(&out, "omma_gpu_power_watts{gpu=\"0\"} 48.25\n"));
}

static void in_child(const char *library, const char *fault, void (*check)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        om_assert(setenv("OMMA_NVML_LIBRARY", library, 1) == 0);
        om_assert(setenv("OMMA_FAKE_NVML", fault, 1) == 0);
        check();
        _exit(0);
    }
    om_assert(waitpid(child, &status, 0) == child && status == 0);
}

static void check_all(void)
{
    check_cards();
    check_metrics();
}

int main(void)
{
    char path[2200];
    om_fake_path("fake_nvml", path, sizeof(path));
    om_assert(access(path, R_OK) == 0);
    in_child("/nonexistent.so", "", check_absent);
    in_child(path, "broken", check_absent);
    in_child(path, "", check_all);
    return 0;
}
