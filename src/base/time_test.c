#include "base/time.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"

static void test_text(void)
{
    static const struct {
        int64_t wall_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1795258360123456, "2026-11-21T10:52:40.123456Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {951782400000000, "2000-02-29T00:00:00.000000Z"},
        {4107542399999999, "2100-02-28T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        char text[OM_TIME_TEXT_SIZE];
        om_assert(strcmp(om_time_text(cases[i].wall_us, text), cases[i].text) == 0);
        int64_t back = 0;
        om_assert(om_time_parse(text, strlen(text), &back) && back == cases[i].wall_us);
    }
}

static void test_parse(void)
{
    static const struct {
        const char *text;
        bool is_ok;
        int64_t wall_us;
    } cases[] = {
        {"1970-01-01T00:00:01Z", true, 1000000},
        {"1970-01-01t00:00:01.5z", true, 1500000},
        {"1970-01-01 00:00:00.1234567Z", true, 123456},
        {"1970-01-01T02:00:00+02:00", true, 0},
        {"1969-12-31T23:30:00-00:30", true, 0},
        {"2016-12-31T23:59:60Z", true, 1483228800000000},  // a leap second
        {"2024-02-29T00:00:00Z", true, 1709164800000000},
        {"2023-02-29T00:00:00Z", false, 0},
        {"2023-04-31T00:00:00Z", false, 0},
        {"2023-13-01T00:00:00Z", false, 0},
        {"2023-00-01T00:00:00Z", false, 0},
        {"2023-01-01T24:00:00Z", false, 0},
        {"2023-01-01T00:00:00", false, 0},
        {"2023-01-01T00:00:00.Z", false, 0},
        {"2023-01-01T00:00:00Zx", false, 0},
        {"2023-01-01T00:00:00+2:00", false, 0},
        {"2023-01-01", false, 0},
        {"yesterday", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        int64_t wall_us = 42;
        om_assert(om_time_parse(cases[i].text, strlen(cases[i].text), &wall_us) == cases[i].is_ok);
        om_assert(wall_us == (cases[i].is_ok ? cases[i].wall_us : 42));
    }
}

static void test_clocks(void)
{
    int64_t start_us = om_time_mono_us();
    om_time_sleep_us(5 * OM_MS);
    om_time_sleep_us(-1);
    om_assert(om_time_mono_us() - start_us >= 5 * OM_MS);
    om_assert(om_time_wall_us() > 1700000000 * (int64_t)OM_SECOND);
    int64_t thread_us = om_time_thread_cpu_us();
    om_assert(om_time_cpu_us() + OM_MS >= thread_us);
}

int main(void)
{
    test_text();
    test_parse();
    test_clocks();
    return 0;
}
