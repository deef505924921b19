// Costs: what cameras need of a machine, worked out from what little is known before their first
// packet. Pure arithmetic on measured constants; docs/design/budget.md says where each comes from.
//
// Threads: any; nothing is kept.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_model;

// Of one kind of machine; CPU in microseconds of one core.
struct om_costs {
    double second_us;           // of a camera, whatever comes: timers, state, figures
    double packet_us;           // one packet: receive, put together, keep, judge by the packet gate
    double decode_us_per_mpx;   // a million decoded pixels
    double picture_us;          // one decoded picture: thumb, motion watch, tracker, events
    double run_us;              // one run of the network; 0 = there is none
    double runs_per_look;       // share of a run that the regions of one picture fill
    double looks_per_s;         // pictures of an active camera that are looked at, most a second
    double key_interval_s;      // a quiet camera's pictures are decoded so far apart
    double awake_factor;        // so much longer than something moves a camera is awake
    int64_t bytes_quiet;        // resident, of a camera with nothing moving ...
    double bytes_quiet_per_px;  // ... and for each pixel of its picture
    int64_t bytes_active;       // on top of it while its decoder is open ...
    double bytes_active_per_px;
};

// Measured on the machine of docs/benchmarks.md.
extern const struct om_costs om_costs_default;

// What is known of a camera; zeros are unknown and taken for the usual: 640x360 at 5 fps.
struct om_camera_kind {
    int width, height;
    double fps;
    double detect_fps;  // most looks a second; 0 = no bound of its own
    bool has_model;
};
extern const struct om_camera_kind om_camera_kind_usual;

struct om_camera_cost {
    double quiet_cores, active_cores;
    int64_t quiet_bytes, active_bytes;
};
struct om_camera_cost om_camera_cost(const struct om_costs *costs,
                                     const struct om_camera_kind *kind);

// Scales the CPU figures of om_costs_default (all but run_us) to this machine by some milliseconds
// of the same kind of work. `ret` may have a run_us already, which stays.
void om_costs_calibrate(struct om_costs *ret);
// CPU time of one run of `model`'s network on one picture, in microseconds; 0 when it fails. Takes
// three runs' time.
double om_costs_measure_run(struct om_model *model);
