// Feeder: plays a file into the stages of one camera at a chosen rate, as a reader thread would,
// with fresh time stamps.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_engine;
struct om_error;
struct om_feeder;
struct om_journal;
struct om_stages;
struct om_workers;

struct om_feeder_opts {
    const char *video;
    const char *camera;  // id
    double fps;          // 0 = as fast as the stages take it
    int64_t delay_us;    // before the first packet, to spread cameras over the interval
    struct om_workers *workers;
    struct om_engine *engine;
    struct om_journal *journal;
    int64_t update_us;  // between two track.updated events
};

// Starts at once.
struct om_feeder *om_feeder_create(const struct om_feeder_opts *opts, struct om_error *err);
// Stops and waits; accepts NULL.
void om_feeder_destroy(struct om_feeder *feeder);
struct om_stages *om_feeder_stages(struct om_feeder *feeder);
