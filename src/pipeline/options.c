#include "pipeline/options.h"

#include <stddef.h>

#include "alert/alert.h"
#include "base/time.h"
#include "conf/opt.h"
#include "decode/packet_gate.h"
#include "infer/device.h"
#include "motion/watch.h"
#include "pipeline/budget.h"
#include "pipeline/looks.h"
#include "track/tracker.h"

#define FIELD(name) offsetof(struct om_camera_life_opts, name)
#define S (double)OM_SECOND

static const struct om_opt life_opts[] = {
    {"rtsp-transport", OM_OPT_ENUM, FIELD(rtsp_transport), 0, 0, "tcp",
     "how RTSP cameras send their packets", "tcp|udp", false},
    {"connect-timeout", OM_OPT_TIME, FIELD(connect_timeout_us), 0.1 * S, 60 * S, "5s",
     "longest wait for a camera's first answer", NULL, false},
    {"first-key-timeout", OM_OPT_TIME, FIELD(first_key_timeout_us), 1 * S, 120 * S, "10s",
     "longest wait for the first picture, and for any picture while packets arrive", NULL, false},
    {"stall-min", OM_OPT_TIME, FIELD(stall_min_us), 0.1 * S, 120 * S, "2s",
     "a stream without packets this long, or 3 of its usual gaps, has stalled", NULL, false},
    {"backoff-min", OM_OPT_TIME, FIELD(backoff_min_us), 0.05 * S, 600 * S, "1s",
     "shortest wait before a camera is tried again", NULL, false},
    {"backoff-max", OM_OPT_TIME, FIELD(backoff_max_us), 0.05 * S, 3600 * S, "60s",
     "longest wait before a camera is tried again", NULL, false},
    {"connects-per-second", OM_OPT_INT, FIELD(connects_per_s), 1, 1000, "20",
     "most connection attempts a second over all cameras", NULL, true},
    {0},
};

const struct om_opt_group om_source_opt_group = {
    .prefix = "source",
    .about = "how cameras are reached, and tried again",
    .size = sizeof(struct om_camera_life_opts),
    .opts = life_opts,
};

struct om_source_opts om_source_opts_from(const struct om_camera_life_opts *life)
{
    struct om_source_opts opts = om_source_opts_default;
    opts.rtsp_transport = (enum om_rtsp_transport)life->rtsp_transport;
    opts.connect_timeout_us = life->connect_timeout_us;
    opts.first_key_timeout_us = life->first_key_timeout_us;
    opts.stall_min_us = life->stall_min_us;
    return opts;
}

const struct om_opt_group *const om_pipeline_opt_groups[] = {
    &om_source_opt_group, &om_packet_gate_opt_group, &om_watch_opt_group,
    &om_looks_opt_group,  &om_tracker_opt_group,     &om_alert_opt_group,
    &om_limits_opt_group, &om_infer_opt_group,       NULL,
};
