// A run: the server as a child process beside the camera simulator as another, measured for a while
// and scored against the oracle.
//
// Threads: one.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "bench/streams_reel.h"
#include "bench/streams_score.h"

struct om_labels;

enum { OM_RUN_REASONS_MAX = 8 };

struct om_run_opts {
    const char *name;  // of the run; part of the names of its files
    int cameras, seconds, warm_up_s;
    const struct om_reels *reels;
    const struct om_labels *labels;
    const char *folder;  // for its files
    const char *model;   // as in omma.yaml; NULL = motion only
    bool decodes_all;    // the reference: every picture decoded and looked at
    bool is_debug;       // writes <folder>/<name>-slips.jsonl
};

// Sums over the cameras, of one moment.
struct om_run_counts {
    int live;
    int64_t packets, decoded, detected, skipped, corrupt, reconnects, stalls;
};

struct om_run_reason {
    char text[240];
    int cameras;
};

struct om_run_result {
    int cameras_held, cameras_refused;
    struct om_run_reason reasons[OM_RUN_REASONS_MAX];  // of those that are not live
    int reason_count;
    double seconds;           // measured
    double activity;          // of the held cameras' time
    double cpu_s, sim_cpu_s;  // in that time
    int64_t rss_bytes, rss_max_bytes;
    int threads;
    struct om_run_counts counts;  // of that time (live: at its end)
    int64_t packets_sent;         // pictures for the held cameras, from their start on
    int64_t packets_lost;         // of them: dropped by the simulator, or never came
    int restarts;                 // sessions of held cameras that began anew in the measured time
    double sim_late_ms_max;       // how late the simulator sent a picture, at most
    int64_t results;              // reports that came in
    // By reel.
    struct om_score score[OM_REELS_MAX];
    struct om_run_counts reel_counts[OM_REELS_MAX];  // of the measured time
};
void om_run_result_finish(struct om_run_result *result);  // accepts an all-zero struct

OM_MUST_USE bool om_run(const struct om_run_opts *opts, struct om_run_result *result,
                        struct om_error *err);
