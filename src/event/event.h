// Events: what Omma reports. CloudEvents 1.0 with a versioned type; data as in proto/events/*.json.
//
// An event is a plain value: everything in it is copied, so it can cross threads freely.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "scene/box.h"

struct om_error;

enum om_event_type {
    OM_EVENT_TRACK_STARTED,  // io.omma.track.started.v1
    OM_EVENT_TRACK_UPDATED,
    OM_EVENT_TRACK_ENDED,
    OM_EVENT_ZONE_ENTERED,  // io.omma.zone.entered.v1
    OM_EVENT_ZONE_LEFT,
    OM_EVENT_LINE_CROSSED,    // io.omma.line.crossed.v1
    OM_EVENT_MOTION_STARTED,  // io.omma.motion.started.v1 (motion-only mode)
    OM_EVENT_MOTION_ENDED,
    OM_EVENT_CAMERA_STATE,  // io.omma.camera.state.v1
    OM_EVENT_DETECTION,     // io.omma.detection.v1: one frame's detections
    OM_EVENT_TYPE_COUNT
};

enum { OM_EVENT_TOPK = 5 };

struct om_event {
    enum om_event_type type;
    uint64_t seq;  // given by the journal: 1, 2, 3, ... over all cameras; the SSE id
    char id[37];   // UUID v7
    char camera[65];
    int64_t wall_us;  // when it happened in the scene
    int64_t pts_us;   // on the camera's media clock; what the page aligns boxes by
    uint32_t epoch;
    char request_id[37];                     // of the frame that caused it
    char model_name[65], model_version[65];  // "" = motion only
    double latency_decode_ms, latency_queue_ms, latency_infer_ms, latency_total_ms;
    // Track events, zones, lines.
    uint64_t track_id;
    char label[64];
    float score;
    struct om_box box;              // pixels of the upright picture
    int frame_width, frame_height;  // of that picture
    bool has_box;
    float vx, vy;
    int64_t age_us;  // since the track began
    // topk: labels the track was seen as, best first.
    int topk_count;
    struct {
        char label[64];
        float score;
    } topk[OM_EVENT_TOPK];
    char shape[65];      // zone or line
    char direction[16];  // "left_to_right" / "right_to_left"
    int64_t dwell_us;
    char state[16], state_before[16];  // camera state
    char reason[160];                  // camera state: one sentence
};

// "io.omma.track.started.v1".
const char *om_event_type_name(enum om_event_type type);
// Its short form: "track.started". Valid for ever.
om_str om_event_type_brief(enum om_event_type type);
// False when `name` is none; the short form "track.started" works too.
bool om_event_type_from_name(om_str name, enum om_event_type *ret);
// Appends the CloudEvents JSON of it (one line, no newline). Allocates nothing but the buffer's
// growth.
void om_event_to_json(const struct om_event *event, struct om_buf *out);
// The JSON Schema text of the `data` of a type (as CloudEvents wants of `dataschema`), compiled
// into the binary; valid for ever.
om_str om_event_schema(enum om_event_type type);
// The same of everything around `data`.
om_str om_event_envelope_schema(void);
// Checks JSON text against the envelope's schema and its `data` against that of its own `type`.
// OM_OK, or OM_INVALID with the path in *err; OM_UNSUPPORTED for a type that is none of ours. Any
// thread.
OM_MUST_USE enum om_status om_event_validate(om_str json, struct om_error *err);
