// Contract: what a budget promises and how things stand, for people, programs and Prometheus.
//
// Threads: a plain value.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_buf;
struct om_json_writer;

struct om_contract {
    double limit_cores;
    double available_cores;  // what others on the machine leave of them
    int64_t limit_bytes;
    double activity;        // expected share of camera time with something moving
    int cameras_limit;      // 0 = none
    int cameras_max;        // cameras of the usual kind that the limits hold in all
    double camera_cores;    // one of them, at that activity
    int64_t camera_bytes;   // one of them, the decoders of the active ones shared among all
    int64_t base_bytes;     // Omma without cameras
    double planned_cores;   // by those that are in
    int64_t planned_bytes;  // by Omma and those that are in
    double used_cores;      // observed lately
    int64_t used_bytes;
    double activity_seen;
    int admitted, refused;
    int active_max;    // decoders that may be open at the same time within the memory
    bool is_measured;  // by what cameras really use; else expected
};

// "2.0 cores and 14.2 GiB hold about 1,010 cameras of 640x360 at 5 fps with 10 % activity: 1.1 MB
// and 0.0016 cores each"
void om_contract_text(const struct om_contract *contract, struct om_buf *out);
// An object: what GET /api/v1/limits answers.
void om_contract_write(const struct om_contract *contract, struct om_json_writer *w);
// The metric families omma_limit_... and omma_cameras_..., for a collector.
void om_contract_write_metrics(const struct om_contract *contract, struct om_buf *out);

// Numbers as people read them, into `text` (returned): "1,010"; "1.9 GiB", "110 MiB".
enum { OM_FIGURE_SIZE = 32 };
const char *om_figure_count(int64_t count, char text[OM_FIGURE_SIZE]);
const char *om_figure_bytes(int64_t bytes, char text[OM_FIGURE_SIZE]);
