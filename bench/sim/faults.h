// Faults that a simulator is asked for: "drop=0.001,stall=3:20,close=7:5,refuse=9,jitter=30".
//
//     drop=SHARE            so many of the RTP packets are left out, [0, 1]
//     jitter=MS             each picture is sent up to so much later than due
//     stall=WHO:AFTER[:FOR] nothing is sent from AFTER seconds behind PLAY on (for FOR seconds)
//     close=WHO:AFTER       the connection is closed AFTER seconds behind PLAY
//     refuse=WHO            DESCRIBE and SETUP are answered by 453
//     silent=WHO            requests are never answered
//
// WHO is a camera's number, a range "10-19", or "*".

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { OM_SIM_RULES_MAX = 64 };

enum om_sim_rule_kind { OM_SIM_STALL, OM_SIM_CLOSE, OM_SIM_REFUSE, OM_SIM_SILENT };

struct om_sim_rule {
    enum om_sim_rule_kind kind;
    int first, last;           // cameras
    int64_t after_us, for_us;  // for_us: INT64_MAX = for ever
};

struct om_sim_faults {
    double drop;  // share of packets
    int64_t jitter_us;
    int count;
    struct om_sim_rule rules[OM_SIM_RULES_MAX];
};

// NULL and "" are no faults.
OM_MUST_USE bool om_sim_faults_parse(const char *text, struct om_sim_faults *ret,
                                     struct om_error *err);
// The rule of that kind for that camera, or NULL.
const struct om_sim_rule *om_sim_faults_rule(const struct om_sim_faults *faults,
                                             enum om_sim_rule_kind kind, int camera);
