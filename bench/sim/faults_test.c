#include "bench/sim/faults.h"

#include <string.h>

#include "base/assert.h"

static void test_good(void)
{
    struct om_sim_faults f;
    om_assert(om_sim_faults_parse(NULL, &f, NULL) && f.count == 0 && f.drop == 0);
    om_assert(om_sim_faults_parse("drop=0.25, stall=3:20:5,close=*:1.5,refuse=10-19,jitter=30", &f,
                                  NULL));
    om_assert(f.drop == 0.25 && f.jitter_us == 30000 && f.count == 3);
    const struct om_sim_rule *stall = om_sim_faults_rule(&f, OM_SIM_STALL, 3);
    om_assert(stall && stall->after_us == 20000000 && stall->for_us == 5000000);
    om_assert(!om_sim_faults_rule(&f, OM_SIM_STALL, 4));
    om_assert(om_sim_faults_rule(&f, OM_SIM_CLOSE, 12345)->after_us == 1500000);
    om_assert(om_sim_faults_rule(&f, OM_SIM_REFUSE, 10));
    om_assert(om_sim_faults_rule(&f, OM_SIM_REFUSE, 19));
    om_assert(!om_sim_faults_rule(&f, OM_SIM_REFUSE, 9));
    om_assert(!om_sim_faults_rule(&f, OM_SIM_REFUSE, 20));
    om_assert(!om_sim_faults_rule(&f, OM_SIM_SILENT, 10));
    om_assert(om_sim_faults_parse("stall=0:2", &f, NULL) && f.rules[0].for_us == INT64_MAX);
}

static void test_bad(void)
{
    static const char *const texts[] = {
        "drop",          "drop=",      "drop=2",       "drop=-1",     "jitter=x", "stall=1",
        "stall=1:2:3:4", "stall=1:-2", "close=1",      "close=1:2:3", "refuse=",  "refuse=x",
        "refuse=3-2",    "refuse=-3",  "refuse=1-2-3", "refuse=1:2",  "burn=1",   "refuse=1,,",
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(texts); i++) {
        struct om_sim_faults f;
        struct om_error err = {0};
        om_assert(!om_sim_faults_parse(texts[i], &f, &err));
        om_assert(err.status == OM_INVALID && strstr(err.hint, "drop=SHARE"));
    }
}

int main(void)
{
    test_good();
    test_bad();
    return 0;
}
