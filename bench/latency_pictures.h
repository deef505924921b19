// bench latency, second half: pictures that are there already, into the engine, until their
// detections are back.

#pragma once

#include <stdbool.h>

struct om_bench_opts;
struct om_bench_report;
struct om_error;

// Adds its figures to the report: those of the server's own choice of threads and instances, and
// under "by_shape" those of the other ways to use the cores.
bool om_bench_latency_pictures(const struct om_bench_opts *opts, struct om_bench_report *report,
                               struct om_error *err);
