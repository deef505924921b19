// Camera: one source with its reader thread and its stages, and the state machine that keeps it
// alive.
//
//              open ok, first picture
//   CONNECTING ----------------------> LIVE <-------------------+
//       |                             |  |                      |
//       | failed          no pictures |  | connection lost      | first picture again
//       v                             v  |                      |
//   BACKOFF or FALLBACK <-------- STALLED |                      |
//       |   ^                            |                      |
//       |   +----------------------------+                      |
//       +-- tries again and again ------------------------------+
//
//   LIVE -> ENDED when a file is over; DISABLED when the configuration says so; REFUSED when the
//   budget does, until om_camera_admit().
//
// While an outage lasts the state stays BACKOFF (FALLBACK when a fallback picture shows); tries do
// not change it. Only the reader thread changes the state, in camera_set_state(), which logs it,
// journals it and counts.
//
// Threads: everything here from any thread.

#pragma once

#include "base/cleanup.h"
#include "pipeline/pipeline.h"

struct om_camera;
struct om_conf_camera;
struct om_connect_gate;
struct om_error;
struct om_packet_gate_opts;
struct om_stages_opts;
struct om_source_opts;

struct om_camera_opts {
    const struct om_conf_camera *conf;    // copied
    const struct om_source_opts *source;  // copied
    const struct om_stages_opts *stages;  // copied as far as needed; its conf and log are ignored
    struct om_connect_gate *gate;         // borrowed
    const struct om_packet_gate_opts *packet_gate;  // copied; NULL = every packet is decoded
    int64_t backoff_min_us, backoff_max_us;
    const char *model_name, *model_version;  // borrowed; NULL = motion only
    const struct om_error *refusal;          // why it may not run; NULL = it may
};

// Starts at once (unless disabled or refused). Never NULL: what goes wrong is the state.
OM_MUST_USE struct om_camera *om_camera_create(const struct om_camera_opts *opts);
// Stops and waits. Accepts NULL.
void om_camera_destroy(struct om_camera *cam);
OM_DEFINE_AUTO(om_camera);
// Starts one that was refused; nothing for any other. Not at the same time from two threads.
void om_camera_admit(struct om_camera *cam);
// Only says that it shall stop; the destroy that follows waits less when all were told before.
void om_camera_stop(struct om_camera *cam);

const struct om_conf_camera *om_camera_conf(const struct om_camera *cam);
// Takes over zones, lines and detect_fps without touching the stream. Not at the same time from two
// threads.
void om_camera_set_shapes(struct om_camera *cam, const struct om_conf_camera *conf);

void om_camera_status(struct om_camera *cam, struct om_camera_status *ret);
// Somebody outside says that something moves before this camera, or no more.
void om_camera_hint(struct om_camera *cam, bool has_motion);
struct om_stages *om_camera_stages(struct om_camera *cam);
struct om_feed_hub *om_camera_hub(struct om_camera *cam);
