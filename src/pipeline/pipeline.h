// Pipeline: wires the stages of every camera, owns their state machines and mailboxes, supervises.
//
// Reader thread (blocking, one a camera): source -> packets -> ring, live viewers, lane. Lane
// (worker pool, one worker at a time): decode -> motion -> slot of the engine; back from the
// engine: track -> traffic -> alert -> journal.
//
// Threads: everything here from any thread, except where said.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"

struct om_conf;
struct om_contract;
struct om_frame;
struct om_journal;
struct om_pipeline;
struct om_workers;

// A camera's state machine (pipeline/camera.c has the drawing).
enum om_camera_state {
    OM_CAMERA_CONNECTING,
    OM_CAMERA_LIVE,
    OM_CAMERA_STALLED,   // connected, but no frames
    OM_CAMERA_BACKOFF,   // waiting before the next try
    OM_CAMERA_FALLBACK,  // waiting, and the fallback picture shows
    OM_CAMERA_ENDED,     // a file that is over
    OM_CAMERA_DISABLED,
    OM_CAMERA_REFUSED,  // it does not fit within the limits (pipeline/budget.h)
    OM_CAMERA_STATE_COUNT
};
const char *om_camera_state_name(enum om_camera_state state);

struct om_camera_status {
    char id[65];
    char source[256];  // safe form, no credentials
    enum om_camera_state state;
    int64_t state_since_wall_us;
    char reason[240], hint[240];  // of the last failure
    char codec[16];
    int width, height;  // upright
    double fps, bitrate_bps;
    double delay_ms;  // packet in -> event out, last
    uint64_t packets, frames_decoded, frames_detected, frames_skipped, frames_corrupt;
    uint64_t frames_put_off, parts_looked;  // pipeline/stages.h
    uint64_t packets_ignored, wakes;        // by the packet gate
    uint64_t packets_put_off;               // worth decoding, but too many cameras were awake
    bool is_awake;                          // its pictures are decoded now
    uint64_t reconnects, stalls;
    int64_t next_try_in_us;
    int tracks;
    char model[65], model_version[65];  // "" = motion only
    bool is_fmp4;                       // H.264/HEVC: /live.mp4 works; else the page shows JPEG
    char codecs[64];                    // RFC 6381 when is_fmp4
};

struct om_pipeline_opts {
    struct om_workers *workers;
    struct om_journal *journal;
    struct om_engines *engines;  // pipeline/models.h
    int connects_per_s;          // most connection attempts a second over all cameras
};

// Borrows all three until destroy.
OM_MUST_USE struct om_pipeline *om_pipeline_create(const struct om_pipeline_opts *opts);
// Stops every camera, waits. Accepts NULL.
void om_pipeline_destroy(struct om_pipeline *pipeline);

// Makes the running cameras equal `conf`'s: starts, stops and changes only what differs; zones and
// lines change without touching the stream. Models are loaded first: when one cannot be, nothing
// changes and *err says why. Blocks (model load, camera stop): not from an event loop.
OM_MUST_USE bool om_pipeline_apply(struct om_pipeline *pipeline, const struct om_conf *conf,
                                   struct om_error *err);

// Looks at what the cameras really use, for the budget (pipeline/budget.h); about every second.
void om_pipeline_observe(struct om_pipeline *pipeline);
// Starts refused cameras that there is room for by now, in the order of the configuration, a few at
// a time, so that what they really cost is known before the next ones. Every few seconds.
void om_pipeline_admit(struct om_pipeline *pipeline);
// False before the first apply.
OM_MUST_USE bool om_pipeline_contract(struct om_pipeline *pipeline, struct om_contract *ret);

int om_pipeline_camera_count(struct om_pipeline *pipeline);
// Up to `n` statuses in the order of the configuration; returns how many there are.
int om_pipeline_statuses(struct om_pipeline *pipeline, struct om_camera_status *out, int n);
OM_MUST_USE bool om_pipeline_status(struct om_pipeline *pipeline, om_str id,
                                    struct om_camera_status *ret);
// Called (any thread, may only wake) whenever a camera has a new result for
// om_pipeline_boxes_json(). One listener; NULL takes it off, and it is not called afterwards.
void om_pipeline_on_boxes(struct om_pipeline *pipeline, void (*wake)(void *ctx), void *ctx);

// The newest picture (or the fallback), a reference the caller owns; NULL when there is none yet.
struct om_frame *om_pipeline_snapshot(struct om_pipeline *pipeline, om_str id);
// Appends {"counts":[{"shape","kind","label",...}]}; OM_NOT_FOUND.
OM_MUST_USE enum om_status om_pipeline_counts_json(struct om_pipeline *pipeline, om_str id,
                                                   struct om_buf *out);

// Somebody outside (the camera's own detection, a door contact) says that something moves before
// this camera, or no more: it is decoded until then. False when there is no such camera.
OM_MUST_USE bool om_pipeline_hint(struct om_pipeline *pipeline, om_str id, bool has_motion);

// ---- live ---------------------------------------------------------------------------------------
// A live viewer's feed: coded packets from the last key frame on. Bounded: a viewer that falls
// behind loses whole groups of pictures. The feed survives reconnects of the camera (new epoch).
struct om_packet;
struct om_stream_info;
struct om_feed;
// `wake(ctx)` is called from the reader thread when something can be taken; it may only wake.
OM_MUST_USE struct om_feed *om_pipeline_feed_open(struct om_pipeline *pipeline, om_str id,
                                                  void (*wake)(void *ctx), void *ctx,
                                                  struct om_error *err);
void om_feed_close(struct om_feed *feed);  // accepts NULL; wake is not called afterwards
// OM_OK with a packet the caller owns; OM_AGAIN; OM_END when the camera was removed.
OM_MUST_USE enum om_status om_feed_take(struct om_feed *feed, struct om_packet **ret);
// The stream's parameters as of the last packet taken (copied; finish it). False when not known
// yet.
bool om_feed_info(struct om_feed *feed, struct om_stream_info *ret);
// Identity of those parameters: changes exactly when om_feed_info() would tell something new. NULL
// before the first packet.
const void *om_feed_stream_key(const struct om_feed *feed);

// The newest result of a camera as JSON (one line):
// {"camera","epoch","pts_us","wall","width","height", "objects":[{"id","label","score","box"}]};
// for drawing boxes in step with the picture. `seq` counts the results of all cameras; OM_AGAIN
// when there is none newer than *seq.
OM_MUST_USE enum om_status om_pipeline_boxes_json(struct om_pipeline *pipeline, om_str id,
                                                  uint64_t *seq, struct om_buf *out);
// The same for every camera that has a result newer than *seq, each between `before` and `after`.
// Returns how many. One that comes meanwhile may be there again the next time.
int om_pipeline_boxes_json_all(struct om_pipeline *pipeline, uint64_t *seq, om_str before,
                               om_str after, struct om_buf *out);
