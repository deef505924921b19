#include "event/event.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/time.h"

static const char type_root[] = "io.omma.";
static const char type_version[] = ".v1";

// What the data of a type holds besides what all have; docs/events.md shows each.
enum part {
    PART_FRAME = 1 << 0,   // pts_us, epoch: it comes from a picture
    PART_TRACK = 1 << 1,   // track {...}
    PART_ZONE = 1 << 2,    // zone {...}
    PART_LINE = 1 << 3,    // line {...}
    PART_MOTION = 1 << 4,  // motion {...}
    PART_CAMERA = 1 << 5,  // camera {...}
    PART_OBJECT = 1 << 6,  // object {...}
};

static const struct {
    const char *name;
    unsigned parts;
} types[OM_EVENT_TYPE_COUNT] = {
    [OM_EVENT_TRACK_STARTED] = {"io.omma.track.started.v1", PART_FRAME | PART_TRACK},
    [OM_EVENT_TRACK_UPDATED] = {"io.omma.track.updated.v1", PART_FRAME | PART_TRACK},
    [OM_EVENT_TRACK_ENDED] = {"io.omma.track.ended.v1", PART_FRAME | PART_TRACK},
    [OM_EVENT_ZONE_ENTERED] = {"io.omma.zone.entered.v1", PART_FRAME | PART_TRACK | PART_ZONE},
    [OM_EVENT_ZONE_LEFT] = {"io.omma.zone.left.v1", PART_FRAME | PART_TRACK | PART_ZONE},
    [OM_EVENT_LINE_CROSSED] = {"io.omma.line.crossed.v1", PART_FRAME | PART_TRACK | PART_LINE},
    [OM_EVENT_MOTION_STARTED] = {"io.omma.motion.started.v1", PART_FRAME | PART_MOTION},
    [OM_EVENT_MOTION_ENDED] = {"io.omma.motion.ended.v1", PART_FRAME | PART_MOTION},
    [OM_EVENT_CAMERA_STATE] = {"io.omma.camera.state.v1", PART_CAMERA},
    [OM_EVENT_DETECTION] = {"io.omma.detection.v1", PART_FRAME | PART_OBJECT},
};

const char *om_event_type_name(enum om_event_type type)
{
    om_assert(type >= 0 && type < OM_EVENT_TYPE_COUNT);
    return types[type].name;
}

om_str om_event_type_brief(enum om_event_type type)
{
    om_str name = om_str_from(om_event_type_name(type));
    return om_str_sub(name, sizeof(type_root) - 1, name.n - (sizeof(type_version) - 1));
}

bool om_event_type_from_name(om_str name, enum om_event_type *ret)
{
    for (int i = 0; i < OM_EVENT_TYPE_COUNT; i++) {
        enum om_event_type type = (enum om_event_type)i;
        if (om_str_equal(name, om_str_from(types[i].name)) ||
            om_str_equal(name, om_event_type_brief(type))) {
            *ret = type;
            return true;
        }
    }
    return false;
}

// ---- the data ----------------------------------------------------------------------------------

// What is out of its range is told as the nearest value inside, so that no event breaks its schema.
static double sane(double value)
{
    return isfinite(value) ? value : 0;
}

static void kv_positive(struct om_json_writer *w, const char *key, double value)
{
    om_json_kv_double(w, key, OM_MAX(sane(value), 0.0), 3);
}

static void kv_share(struct om_json_writer *w, const char *key, float value)
{
    om_json_kv_double(w, key, OM_CLAMP(sane((double)value), 0.0, 1.0), 4);
}

static void kv_seconds(struct om_json_writer *w, const char *key, int64_t us)
{
    kv_positive(w, key, (double)us / 1e6);
}

static void kv_pair(struct om_json_writer *w, const char *key, double a, double b)
{
    om_json_key(w, key);
    om_json_array(w);
    om_json_double(w, sane(a), 1);
    om_json_double(w, sane(b), 1);
    om_json_array_end(w);
}

static void kv_box(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "box");
    if (!event->has_box) {
        om_json_null(w);
        return;
    }
    const float sides[] = {event->box.x, event->box.y, event->box.w, event->box.h};
    om_json_array(w);
    for (size_t i = 0; i < OM_ARRAY_LEN(sides); i++)
        om_json_double(w, sane((double)sides[i]), 1);
    om_json_array_end(w);
}

static void kv_frame(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "frame");
    om_json_array(w);
    om_json_int(w, OM_MAX(event->frame_width, 0));
    om_json_int(w, OM_MAX(event->frame_height, 0));
    om_json_array_end(w);
}

static void write_guess(struct om_json_writer *w, const char *label, float score)
{
    om_json_object(w);
    om_json_kv_text(w, "label", label);
    kv_share(w, "score", score);
    om_json_object_end(w);
}

static void kv_topk(struct om_json_writer *w, const struct om_event *event)
{
    int count = OM_CLAMP(event->topk_count, 0, OM_EVENT_TOPK);
    om_json_key(w, "topk");
    om_json_array(w);
    for (int i = 0; i < count; i++)
        write_guess(w, event->topk[i].label, event->topk[i].score);
    if (count == 0 && event->label[0])
        write_guess(w, event->label, event->score);
    om_json_array_end(w);
}

static void kv_latency(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "latency");
    om_json_object(w);
    kv_positive(w, "decode_ms", event->latency_decode_ms);
    kv_positive(w, "queue_ms", event->latency_queue_ms);
    kv_positive(w, "infer_ms", event->latency_infer_ms);
    kv_positive(w, "total_ms", event->latency_total_ms);
    om_json_object_end(w);
}

static void kv_model(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "model");
    if (!event->model_name[0]) {
        om_json_null(w);
        return;
    }
    om_json_object(w);
    om_json_kv_text(w, "name", event->model_name);
    om_json_kv_text(w, "version", event->model_version);
    om_json_object_end(w);
}

static void kv_track(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "track");
    om_json_object(w);
    om_json_kv_int(w, "id", (int64_t)(event->track_id & INT64_MAX));
    om_json_kv_text(w, "label", event->label);
    kv_share(w, "score", event->score);
    kv_box(w, event);
    kv_frame(w, event);
    kv_pair(w, "velocity", (double)event->vx, (double)event->vy);
    kv_seconds(w, "age_s", event->age_us);
    om_json_object_end(w);
}

static void kv_object(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "object");
    om_json_object(w);
    om_json_kv_text(w, "label", event->label);
    kv_share(w, "score", event->score);
    kv_box(w, event);
    kv_frame(w, event);
    om_json_object_end(w);
}

static void kv_zone(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "zone");
    om_json_object(w);
    om_json_kv_text(w, "name", event->shape);
    kv_seconds(w, "dwell_s", event->dwell_us);
    om_json_object_end(w);
}

static void kv_line(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "line");
    om_json_object(w);
    om_json_kv_text(w, "name", event->shape);
    om_json_kv_text(w, "direction", event->direction);
    om_json_object_end(w);
}

static void kv_motion(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "motion");
    om_json_object(w);
    kv_box(w, event);
    kv_frame(w, event);
    kv_seconds(w, "duration_s", event->dwell_us);
    om_json_object_end(w);
}

static void kv_camera(struct om_json_writer *w, const struct om_event *event)
{
    om_json_key(w, "camera");
    om_json_object(w);
    om_json_kv_text(w, "state", event->state);
    om_json_kv_text(w, "before", event->state_before);
    om_json_kv_text(w, "reason", event->reason);
    om_json_object_end(w);
}

static void kv_source(struct om_json_writer *w, const struct om_event *event)
{
    char source[sizeof("/cameras/") + sizeof(event->camera)];
    const om_str root = OM_STR("/cameras/");
    memcpy(source, root.p, root.n);
    (void)om_str_copy(source + root.n, sizeof(source) - root.n, om_str_from(event->camera));
    om_json_kv_text(w, "source", source);
}

static void write_data(struct om_json_writer *w, const struct om_event *event, const char *time)
{
    unsigned parts = types[event->type].parts;

    om_json_object(w);
    om_json_kv_text(w, "timestamp", time);
    kv_source(w, event);
    om_json_kv_text(w, "request_id", event->request_id);
    kv_topk(w, event);
    kv_latency(w, event);
    kv_model(w, event);
    if (parts & PART_FRAME) {
        om_json_kv_int(w, "pts_us", event->pts_us);
        om_json_kv_int(w, "epoch", event->epoch);
    }
    if (parts & PART_TRACK)
        kv_track(w, event);
    if (parts & PART_OBJECT)
        kv_object(w, event);
    if (parts & PART_ZONE)
        kv_zone(w, event);
    if (parts & PART_LINE)
        kv_line(w, event);
    if (parts & PART_MOTION)
        kv_motion(w, event);
    if (parts & PART_CAMERA)
        kv_camera(w, event);
    om_json_object_end(w);
}

// ---- the envelope ------------------------------------------------------------------------------

// What it is about, inside its source: "track/17", "line/in", "zone/door".
static void kv_subject(struct om_json_writer *w, const struct om_event *event)
{
    unsigned parts = types[event->type].parts;
    char id[24];
    char text[96];
    om_str kind = OM_STR("frame");
    const char *name = NULL;

    if (parts & PART_LINE) {
        kind = OM_STR("line/");
        name = event->shape;
    } else if (parts & PART_ZONE) {
        kind = OM_STR("zone/");
        name = event->shape;
    } else if (parts & PART_TRACK) {
        kind = OM_STR("track/");
        snprintf(id, sizeof(id), "%llu", (unsigned long long)event->track_id);
        name = id;
    } else if (parts & PART_MOTION) {
        kind = OM_STR("motion");
    } else if (parts & PART_CAMERA) {
        kind = OM_STR("state");
    }
    memcpy(text, kind.p, kind.n);
    (void)om_str_copy(text + kind.n, sizeof(text) - kind.n, om_str_from(name));
    om_json_kv_text(w, "subject", text);
}

// CloudEvents' own extension for order: a text that sorts as the number does.
static void kv_sequence(struct om_json_writer *w, uint64_t seq)
{
    if (seq == 0)
        return;
    char text[24];
    snprintf(text, sizeof(text), "%020llu", (unsigned long long)seq);
    om_json_kv_text(w, "sequence", text);
}

void om_event_to_json(const struct om_event *event, struct om_buf *out)
{
    om_assert(event->type >= 0 && event->type < OM_EVENT_TYPE_COUNT);

    const char *name = types[event->type].name;
    char schema[sizeof("/schemas/") + 48 + sizeof(".json")];
    char time[OM_TIME_TEXT_SIZE];
    struct om_json_writer w;

    snprintf(schema, sizeof(schema), "/schemas/%s.json", name);
    om_time_text(event->wall_us, time);
    om_json_begin(&w, out);
    om_json_object(&w);
    om_json_kv_text(&w, "specversion", "1.0");
    om_json_kv_text(&w, "id", event->id);
    kv_source(&w, event);
    om_json_kv_text(&w, "type", name);
    kv_subject(&w, event);
    om_json_kv_text(&w, "time", time);
    kv_sequence(&w, event->seq);
    om_json_kv_text(&w, "partitionkey", event->camera);
    om_json_kv_text(&w, "datacontenttype", "application/json");
    om_json_kv_text(&w, "dataschema", schema);
    om_json_key(&w, "data");
    write_data(&w, event, time);
    om_json_object_end(&w);
}
