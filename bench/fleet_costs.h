// What things cost, and from where it is known: measured here, read from what other benchmarks
// printed (--costs FILE), or assumed. Every one of them is listed in the report.

#pragma once

#include <stdbool.h>

struct om_bench_opts;
struct om_error;
struct om_json_writer;

enum om_fleet_cost {
    OM_FLEET_READ_US,           // one packet read from its stream
    OM_FLEET_JUDGE_US,          // one packet judged by the gate
    OM_FLEET_DECODE_MS,         // one frame of 640x360
    OM_FLEET_MOTION_MS,         // one frame watched for motion
    OM_FLEET_RUN_MS,            // one run of the network
    OM_FLEET_REGIONS_PER_RUN,   // that share it
    OM_FLEET_QUIET_DECODED,     // share of a quiet camera's frames that are decoded
    OM_FLEET_EVENT_US,          // one event into the journal
    OM_FLEET_EVENT_BYTES,       // its JSON
    OM_FLEET_CAMERA_MB,         // resident, quiet
    OM_FLEET_CAMERAS_PER_CORE,  // all in all, from the streams benchmark; 0 = not known
    OM_FLEET_CAMERAS_ACTIVITY,  // ... at this activity
    OM_FLEET_TIMES_DECODE_ALL,  // ... and so many times those that decode and detect every frame
    OM_FLEET_COST_COUNT
};

struct om_fleet_costs {
    double value[OM_FLEET_COST_COUNT];
    const char *origin[OM_FLEET_COST_COUNT];  // "measured", "file", "assumed: ..."
    double video_frame_ms;                    // decoded and watched, of the video as it is
    char model[128];
};

// Assumptions, then what can be measured with `opts`, then what its costs file says.
bool om_fleet_costs_find(const struct om_bench_opts *opts, struct om_fleet_costs *ret,
                         struct om_error *err);
void om_fleet_costs_write(const struct om_fleet_costs *costs, struct om_json_writer *w);
// Reads the costs in the lines of a file: one JSON object of `omma bench ... --json` each.
bool om_fleet_costs_load(struct om_fleet_costs *costs, const char *path, struct om_error *err);
