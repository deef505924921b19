// The fleet: a simulator of many machines that share many cameras. What is simulated, and what the
// numbers mean for the plan, is in docs/design/fleet.md.
//
// One thread; the same plan, scenario and seed give the same result, bit by bit.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/metric.h"

struct om_fleet_delays;

enum { OM_FLEET_DAY_POINTS = 288 };

struct om_fleet_plan {
    int cameras, machines, spare, cores, zones, rack_machines, partitions;
    double fps, slack;
    double quiet_cores, active_cores;  // what one camera takes
    double activity, bout_s, events_per_bout, outdoor_share;
    int time_zones;         // the cameras' days are shifted by 0, 1, ... hours
    int64_t heartbeat_us;   // lease renewed, member table read
    int64_t lease_us;       // it runs out on the store's clock
    double lease_margin;    // a holder counts it shorter by this share of its own clock
    double clock_drift;     // most that a machine's clock runs fast or slow
    double connects_per_s;  // a machine's limit
    int64_t connect_us, key_gap_us, check_us, batch_us;
    double sink_per_s;  // events a machine sends at most
    double event_bytes, spool_bytes_max;
    bool stops_without_store;  // a machine whose lease ran out stops reading
    const struct om_fleet_delays *delays;
    uint64_t seed;
};

enum om_fleet_fault_kind {
    OM_FLEET_NONE,
    OM_FLEET_CRASH,      // down, back after `for_s` with its disk
    OM_FLEET_LOSE,       // down with its disk, for good
    OM_FLEET_PARTITION,  // cameras and brokers are reached, the store is not
    OM_FLEET_FREEZE,     // stands still (a paused virtual machine), then goes on as if nothing was
    OM_FLEET_DRAIN,      // hands its cameras over, one machine every `gap_s`, each for `for_s`
    OM_FLEET_JOIN,       // new machines
    OM_FLEET_STORE_DOWN,
    OM_FLEET_BROKER_DOWN,
    OM_FLEET_STORM  // every outdoor gate opens
};

enum om_fleet_scope { OM_FLEET_MACHINE, OM_FLEET_RACK, OM_FLEET_ZONE, OM_FLEET_ALL };

struct om_fleet_fault {
    enum om_fleet_fault_kind kind;
    enum om_fleet_scope scope;
    double at_s, for_s, gap_s;
};

struct om_fleet_scenario {
    const char *name, *what;
    double from_hour, hours;  // of the day
    struct om_fleet_fault faults[2];
    bool stops_without_store;
};

struct om_fleet_result {
    int machines;
    uint64_t sim_events, bouts, moves, moves_planned, view_changes;
    uint64_t accepted, delivered, lost, spooled;  // accepted = delivered + lost + spooled
    uint64_t unseen;                              // happened while nobody read the camera
    uint64_t resent, stale;                       // duplicates: same id; older epoch
    uint64_t double_owners;                       // must stay 0
    double dark_s, twice_s;                       // camera-seconds read by nobody, by two
    double load_mean, load_max, overload_share, skipped_share;
    double connects_peak_per_s, spool_peak_bytes, delay_max_s, drain_s, partition_skew;
    double events_peak_per_s;
    double *failover_s;  // of each camera that a fault left unread; sorted, owned
    int failover_count;
    struct om_hist delay;
    float day_mean[OM_FLEET_DAY_POINTS], day_max[OM_FLEET_DAY_POINTS];
    int day_points;
};

extern const struct om_fleet_scenario om_fleet_scenarios[];
extern const int om_fleet_scenario_count;
// NULL when there is none of that name.
const struct om_fleet_scenario *om_fleet_scenario_find(const char *name);

// Mean over the cameras' time zones of how much busier an hour (UTC) is than the day's average.
double om_fleet_busy(int time_zones, double hour);

// The caller finishes *ret.
void om_fleet_run(const struct om_fleet_plan *plan, const struct om_fleet_scenario *scenario,
                  struct om_fleet_result *ret);
void om_fleet_result_finish(struct om_fleet_result *result);
// 0 when no camera was left unread.
double om_fleet_failover_s(const struct om_fleet_result *result, double share);
