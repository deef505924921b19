// Bench memory in parts: what cameras keep resident, and whether anything grows with packets or
// with cameras that come and go.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct om_bench_opts;
struct om_bench_report;

// ---- quiet cameras
// ------------------------------------------------------------------------------- A clip of 640x360
// at 5 fps in which nothing moves: a picture of the video (or a grey one) with the noise of a
// sensor, made by ffmpeg; and a simulator that plays it as cameras.
struct om_quiet_scene {
    char clip[320];
    int sim_pid;  // 0 = none
    int port;
};
// `folder` is where the clip goes. Forks: before there are threads.
OM_MUST_USE bool om_quiet_scene_start(struct om_quiet_scene *scene, const char *folder,
                                      const struct om_bench_opts *opts, struct om_error *err);
void om_quiet_scene_stop(struct om_quiet_scene *scene);  // removes the clip; accepts a zeroed one

// ---- growth
// -------------------------------------------------------------------------------------- Private
// memory against work done: a line through the samples after the first quarter.
enum { OM_GROWTH_SAMPLES = 40 };
struct om_growth {
    int count;
    double done[OM_GROWTH_SAMPLES], bytes[OM_GROWTH_SAMPLES];
};
// Takes a sample (and lets unused memory go back first) when a further fortieth of `total` is done.
void om_growth_look(struct om_growth *growth, double done, double total);
struct om_slope {
    double per_unit, error;  // bytes; the standard error of it
};
struct om_slope om_growth_slope(const struct om_growth *growth);

// ---- parts
// --------------------------------------------------------------------------------------- Each
// writes its figures into `report`.
OM_MUST_USE bool om_memory_cameras(const struct om_quiet_scene *scene,
                                   const struct om_bench_opts *opts, struct om_bench_report *report,
                                   struct om_error *err);
OM_MUST_USE bool om_memory_packets(const struct om_quiet_scene *scene,
                                   const struct om_bench_opts *opts, struct om_bench_report *report,
                                   struct om_error *err);
