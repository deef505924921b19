// One machine seen frame by frame: cameras that send a frame every interval, servers that take one
// each, and of each camera only the newest frame waits. It gives the delay of a frame by load; the
// simulator of the whole fleet draws from that instead of simulating every frame of the day.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_fleet_node_opts {
    int cameras;  // that are active
    int servers;
    double fps;
    double service_ms;  // one frame, one server
    double commit_ms;   // least distance of two commits; the first after a calm is at once
    double jitter;      // of the interval, as a share
    bool is_even;       // cameras spread evenly over the interval, not by chance
    double seconds;     // simulated
    double background;  // share of the servers that quiet cameras take
    uint64_t seed;
};

struct om_fleet_node_result {
    int frames, skipped;
    double p50_ms, p99_ms;  // frame in to event committed
};

// `samples_ms` (may be NULL) takes up to `sample_max` delays; returns how many.
int om_fleet_node_run(const struct om_fleet_node_opts *opts, float *samples_ms, int sample_max,
                      struct om_fleet_node_result *ret);

enum { OM_FLEET_LOADS = 24, OM_FLEET_SAMPLES = 512, OM_FLEET_LOAD_STEPS = 16 };

// Delays at load 0, 1/16, 2/16, ... of the machine, and the share of frames skipped there.
struct om_fleet_delays {
    float ms[OM_FLEET_LOADS][OM_FLEET_SAMPLES];
    double skipped[OM_FLEET_LOADS];
    double p99_ms[OM_FLEET_LOADS];
};

// `opts->cameras` and `background` are set by load.
void om_fleet_delays_make(const struct om_fleet_node_opts *opts, struct om_fleet_delays *ret);
// The row of a load in [0, ...).
int om_fleet_delays_row(double load);
