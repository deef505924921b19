// The option groups of a pipeline: what `omma.yaml` may say about sources and about the camera's
// life.

#pragma once

#include <stdint.h>

#include "source/source.h"

struct om_opt_group;

struct om_camera_life_opts {
    int rtsp_transport;  // enum om_rtsp_transport
    int64_t connect_timeout_us, first_key_timeout_us, stall_min_us;
    int64_t backoff_min_us, backoff_max_us;
    int connects_per_s;
};

extern const struct om_opt_group om_source_opt_group;  // fills a struct om_camera_life_opts
struct om_source_opts om_source_opts_from(const struct om_camera_life_opts *life);

// Every group that a server has, ended by NULL; for om_conf_register().
extern const struct om_opt_group *const om_pipeline_opt_groups[];
