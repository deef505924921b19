// Benchmarks: commands, never timed tests. Each prints one JSON object {"bench","commit","machine",
// "workload","reference","figures"}, and its figures are ratios measured in the same run against
// the reference named there. bench/README.md says how each is done.

#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

struct om_bench_opts {
    const char *data;   // folder with videos/ (and models/); NULL = the test: scene
    const char *model;  // name or file; NULL = none
    const char *video;  // one video to use instead of those in `data`
    int seconds;        // how long one measurement takes, about
    int cycles;         // reconnect: outages
    int cameras;        // streams, fleet; 0 = the benchmark's own number
    int packets, adds;  // memory: packets pumped, cameras added and removed
    const char *costs;  // fleet: a file of what other benchmarks printed; NULL = none
    const char *chart;  // fleet: where its picture goes; NULL = nowhere
    double activity;    // streams: share of the time in which something moves
    bool has_seconds;   // somebody gave `seconds`
};

// Where a benchmark writes what it found. The runner puts the frame around it.
struct om_bench_report {
    struct om_json_writer *workload;  // an open object
    struct om_json_writer *figures;   // an open object
    const char *reference;            // one sentence
};

struct om_bench {
    const char *name;
    const char *help;
    bool (*run)(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err);
};

extern const struct om_bench om_bench_engine;
extern const struct om_bench om_bench_latency;
extern const struct om_bench om_bench_decode;
extern const struct om_bench om_bench_memory;
extern const struct om_bench om_bench_reconnect;
extern const struct om_bench om_bench_fleet;
extern const struct om_bench om_bench_rtsp;
extern const struct om_bench om_bench_gate;
extern const struct om_bench om_bench_streams;
extern const struct om_bench om_bench_pack;

// The workload of the options: a video (of the data folder, the biggest H.264 one by name, or
// "test:").
const char *om_bench_video(const struct om_bench_opts *opts);

// Median of `n` values; sorts them.
double om_bench_median(double *values, int n);
