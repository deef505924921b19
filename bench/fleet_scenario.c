// What happens to the fleet, one row each. Times are seconds after the start.

#include "bench/fleet.h"

#include <string.h>

#include "base/attr.h"

enum { HOUR = 3600, NOON = 12, PEAK = 8 };

const struct om_fleet_scenario om_fleet_scenarios[] = {
    {"day", "a day without faults: morning and evening rush by time zone", 0, 24, {{0}}, false},
    {"machine",
     "one machine dies, is back after 10 min",
     PEAK,
     0.5,
     {{OM_FLEET_CRASH, OM_FLEET_MACHINE, 300, 600, 0}},
     false},
    {"rack",
     "a rack loses power for 10 min",
     PEAK,
     0.5,
     {{OM_FLEET_CRASH, OM_FLEET_RACK, 300, 600, 0}},
     false},
    {"zone",
     "a third of the machines loses power for 10 min",
     PEAK,
     0.5,
     {{OM_FLEET_CRASH, OM_FLEET_ZONE, 300, 600, 0}},
     false},
    {"split",
     "a zone cannot reach the store for 10 min; it goes on reading",
     PEAK,
     0.5,
     {{OM_FLEET_PARTITION, OM_FLEET_ZONE, 300, 600, 0}},
     false},
    {"split_stop",
     "the same; it stops reading when its leases run out",
     PEAK,
     0.5,
     {{OM_FLEET_PARTITION, OM_FLEET_ZONE, 300, 600, 0}},
     true},
    {"store",
     "the store is down for 10 min; machines go on reading",
     PEAK,
     0.5,
     {{OM_FLEET_STORE_DOWN, OM_FLEET_ALL, 300, 600, 0}},
     false},
    {"store_stop",
     "the same; they stop when their leases run out",
     PEAK,
     0.5,
     {{OM_FLEET_STORE_DOWN, OM_FLEET_ALL, 300, 600, 0}},
     true},
    {"freeze",
     "a machine stands still for 30 s and wakes as a former owner",
     PEAK,
     0.5,
     {{OM_FLEET_FREEZE, OM_FLEET_MACHINE, 300, 30, 0}},
     false},
    {"upgrade",
     "every machine drains for 60 s, one a minute",
     NOON,
     2,
     {{OM_FLEET_DRAIN, OM_FLEET_ALL, 300, 60, 60}},
     false},
    {"join",
     "a rack of new machines joins",
     NOON,
     0.5,
     {{OM_FLEET_JOIN, OM_FLEET_RACK, 300, 0, 0}},
     false},
    {"storm",
     "rain opens every outdoor gate for 20 min at the morning peak",
     PEAK,
     1,
     {{OM_FLEET_STORM, OM_FLEET_ALL, 600, 1200, 0}},
     false},
    {"brokers",
     "all brokers are down for 6 h",
     6,
     8,
     {{OM_FLEET_BROKER_DOWN, OM_FLEET_ALL, 600, 6 * HOUR, 0}},
     false},
    {"brokers_disk",
     "the same, and after 3 h a machine is lost with its disk",
     6,
     8,
     {{OM_FLEET_BROKER_DOWN, OM_FLEET_ALL, 600, 6 * HOUR, 0},
      {OM_FLEET_LOSE, OM_FLEET_MACHINE, 600 + 3 * HOUR, 0, 0}},
     false},
};
const int om_fleet_scenario_count = OM_ARRAY_LEN(om_fleet_scenarios);

const struct om_fleet_scenario *om_fleet_scenario_find(const char *name)
{
    for (int i = 0; i < om_fleet_scenario_count; i++) {
        if (strcmp(om_fleet_scenarios[i].name, name) == 0)
            return &om_fleet_scenarios[i];
    }
    return NULL;
}
