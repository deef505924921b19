#include "pipeline/contract.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"

static const struct om_contract sample = {
    .limit_cores = 2,
    .available_cores = 1.75,
    .limit_bytes = 15247304000,
    .activity = 0.1,
    .cameras_max = 1013,
    .camera_cores = 0.00161,
    .camera_bytes = 1130000,
    .base_bytes = 100 << 20,
    .admitted = 12,
    .refused = 3,
};

static void test_figures(void)
{
    static const struct {
        int64_t number;
        const char *text;
    } counts[] = {
        {0, "0"}, {999, "999"}, {1000, "1,000"}, {1234567, "1,234,567"}, {-1000, "-1,000"}};
    static const struct {
        int64_t number;
        const char *text;
    } bytes[] = {{1 << 19, "0.5 MiB"}, {110 << 20, "110 MiB"}, {1 << 30, "1.0 GiB"}};
    char text[OM_FIGURE_SIZE];
    for (size_t i = 0; i < OM_ARRAY_LEN(counts); i++)
        om_assert(strcmp(om_figure_count(counts[i].number, text), counts[i].text) == 0);
    for (size_t i = 0; i < OM_ARRAY_LEN(bytes); i++)
        om_assert(strcmp(om_figure_bytes(bytes[i].number, text), bytes[i].text) == 0);
}

static void test_text(void)
{
    om_auto_buf out;
    om_buf_init(&out, 1000);
    om_contract_text(&sample, &out);
    om_assert(strcmp(om_buf_text(&out),
                     "2.0 cores and 14.2 GiB hold about 1,010 cameras of 640x360 at 5 fps with 10 "
                     "% activity: 1.1 MB and 0.0016 cores each") == 0);
    struct om_contract bounded = sample;
    bounded.cameras_limit = 2;
    bounded.is_measured = true;
    om_buf_clear(&out);
    om_contract_text(&bounded, &out);
    om_assert(strstr(om_buf_text(&out), "each (measured); limits.cameras allows 2"));
}

static void test_json_and_metrics(void)
{
    om_auto_buf out;
    om_buf_init(&out, 10000);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_contract_write(&sample, &w);
    om_auto_json root = om_json_parse(om_buf_str(&out), NULL);
    om_assert(om_json_as_int(om_json_get(om_json_get(root, "cameras"), "refused"), -1) == 3);
    om_assert(om_json_as_double(om_json_get(om_json_get(root, "cpu"), "limit_cores"), 0) == 2);
    om_assert(om_json_as_str(om_json_get(root, "contract"), OM_STR("")).n > 50);

    om_buf_clear(&out);
    om_contract_write_metrics(&sample, &out);
    om_assert(strstr(om_buf_text(&out), "\nomma_cameras_refused 3\n"));
    om_assert(strstr(om_buf_text(&out), "\nomma_limit_memory_bytes 15247304000\n"));
}

int main(void)
{
    test_figures();
    test_text();
    test_json_and_metrics();
    return 0;
}
