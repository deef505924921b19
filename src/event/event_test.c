// `event_event_test samples` prints one event of each type, `event_event_test check` says "ok" or
// what is wrong for each event on its input: tests/test_events.py compares that with another
// validator.

#include "event/event.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/mem.h"
#include "event/sample.h"

enum { LINE_MAX_BYTES = 1 << 16 };

static const char *text_at(const struct om_json *object, const char *key)
{
    return om_json_as_str(om_json_get(object, key), OM_STR("(none)")).p;
}

static void to_json(const struct om_event *event, struct om_buf *out)
{
    om_buf_clear(out);
    om_event_to_json(event, out);
    om_assert(!out->has_failed);
}

static void test_names(void)
{
    static const struct {
        const char *name;
        bool is_type;
        enum om_event_type type;
    } rows[] = {
        {"io.omma.track.started.v1", true, OM_EVENT_TRACK_STARTED},
        {"track.started", true, OM_EVENT_TRACK_STARTED},
        {"line.crossed", true, OM_EVENT_LINE_CROSSED},
        {"detection", true, OM_EVENT_DETECTION},
        {"track", false, 0},
        {"track.started.v1", false, 0},
        {"io.omma.track.started", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        enum om_event_type type = OM_EVENT_TYPE_COUNT;
        bool is_type = om_event_type_from_name(om_str_from(rows[i].name), &type);
        om_assert(is_type == rows[i].is_type);
        om_assert(type == (is_type ? rows[i].type : OM_EVENT_TYPE_COUNT));
    }
    for (int i = 0; i < OM_EVENT_TYPE_COUNT; i++) {
        enum om_event_type type;
        om_assert(om_event_type_from_name(om_event_type_brief((enum om_event_type)i), &type));
        om_assert(type == (enum om_event_type)i);
    }
}

// What every reader may rely on, in every type.
static void check_common(const struct om_event *event, const struct om_json *root)
{
    const struct om_json *data = om_json_get(root, "data");
    om_assert(strcmp(text_at(root, "specversion"), "1.0") == 0);
    om_assert(strcmp(text_at(root, "id"), event->id) == 0);
    om_assert(strcmp(text_at(root, "source"), "/cameras/gate") == 0);
    om_assert(strcmp(text_at(root, "type"), om_event_type_name(event->type)) == 0);
    om_assert(strcmp(text_at(root, "time"), "2026-11-21T10:42:40.123456Z") == 0);
    om_assert(strcmp(text_at(root, "sequence"), "00000000000000004711") == 0);
    om_assert(strcmp(text_at(data, "timestamp"), text_at(root, "time")) == 0);
    om_assert(strcmp(text_at(data, "source"), "/cameras/gate") == 0);
    om_assert(strcmp(text_at(data, "request_id"), event->request_id) == 0);
    om_assert(om_json_type(om_json_get(data, "topk")) == OM_JSON_ARRAY);
    om_assert(om_json_get(om_json_get(data, "latency"), "total_ms"));
    om_assert(om_json_get(data, "model"));
}

static void test_samples(struct om_buf *out)
{
    static const char *const subjects[OM_EVENT_TYPE_COUNT] = {
        [OM_EVENT_TRACK_STARTED] = "track/17", [OM_EVENT_TRACK_UPDATED] = "track/17",
        [OM_EVENT_TRACK_ENDED] = "track/17",   [OM_EVENT_ZONE_ENTERED] = "zone/door",
        [OM_EVENT_ZONE_LEFT] = "zone/door",    [OM_EVENT_LINE_CROSSED] = "line/in",
        [OM_EVENT_MOTION_STARTED] = "motion",  [OM_EVENT_MOTION_ENDED] = "motion",
        [OM_EVENT_CAMERA_STATE] = "state",     [OM_EVENT_DETECTION] = "frame",
    };
    for (int i = 0; i < OM_EVENT_TYPE_COUNT; i++) {
        struct om_event event;
        struct om_error err = {0};
        om_event_sample((enum om_event_type)i, &event);
        to_json(&event, out);
        om_assert(!memchr(out->data, '\n', out->len));
        om_auto_json root = om_json_parse(om_buf_str(out), &err);
        om_assert(root);
        check_common(&event, root);
        om_assert(strcmp(text_at(root, "subject"), subjects[i]) == 0);
        om_assert(om_event_validate(om_buf_str(out), &err) == OM_OK);
    }
}

static void test_fields(struct om_buf *out)
{
    struct om_event event;
    om_event_sample(OM_EVENT_ZONE_LEFT, &event);
    to_json(&event, out);
    om_auto_json root = om_json_parse(om_buf_str(out), NULL);
    const struct om_json *data = om_json_get(root, "data");
    const struct om_json *track = om_json_get(data, "track");
    om_assert(om_json_as_int(om_json_get(track, "id"), 0) == 17);
    om_assert(om_json_as_double(om_json_at(om_json_get(track, "box"), 0), 0) == 412.5);
    om_assert(om_json_as_double(om_json_at(om_json_get(track, "velocity"), 0), 0) == -41.5);
    om_assert(om_json_as_double(om_json_get(track, "age_s"), 0) == 2.36);
    om_assert(om_json_as_double(om_json_get(om_json_get(data, "zone"), "dwell_s"), 0) == 4.48);
    om_assert(om_json_as_int(om_json_get(data, "pts_us"), 0) == 84120000);
    om_assert(om_json_len(om_json_get(data, "topk")) == 2);
    om_assert(strcmp(text_at(om_json_get(data, "model"), "name"), "yolox_nano_416") == 0);
}

// Whatever the numbers and texts are, what comes out fits its schema.
static void test_extremes(struct om_buf *out)
{
    const float odd[] = {NAN, INFINITY, -INFINITY, -1e30F, 1e30F, 0};
    for (int i = 0; i < OM_EVENT_TYPE_COUNT * (int)OM_ARRAY_LEN(odd); i++) {
        struct om_event event;
        float value = odd[i / OM_EVENT_TYPE_COUNT];
        om_event_sample((enum om_event_type)(i % OM_EVENT_TYPE_COUNT), &event);
        event.score = event.vx = event.vy = event.topk[0].score = value;
        event.box = (struct om_box){value, value, value, value};
        event.latency_total_ms = event.latency_queue_ms = (double)value;
        event.age_us = event.dwell_us = event.pts_us = INT64_MIN;
        event.wall_us = 0;
        event.track_id = event.seq = UINT64_MAX;
        event.frame_width = event.frame_height = -1;
        event.has_box = i % 2;
        event.topk_count = i % 3 ? 99 : -1;
        event.epoch = UINT32_MAX;
        memset(event.label, '\xff', sizeof(event.label) - 1);
        memset(event.reason, '"', sizeof(event.reason) - 1);
        to_json(&event, out);
        struct om_error err = {0};
        enum om_status status = om_event_validate(om_buf_str(out), &err);
        if (status != OM_OK)
            fprintf(stderr, "%s\n%s\n", err.text, om_buf_text(out));
        om_assert(status == OM_OK);
    }
}

// Replaces the first `from` in `json`.
static om_str replaced(om_str json, const char *from, const char *to, struct om_buf *out)
{
    ptrdiff_t at = om_str_find(json, om_str_from(from));
    om_assert(at >= 0);
    om_buf_clear(out);
    om_buf_append(out, json.p, (size_t)at);
    om_buf_append_text(out, to);
    om_buf_append_str(out, om_str_sub(json, (size_t)at + strlen(from), json.n));
    return om_buf_str(out);
}

static void test_refusals(struct om_buf *out)
{
    static const struct {
        const char *from, *to, *says;
        enum om_status status;
    } rows[] = {
        {"\"specversion\":\"1.0\"", "\"specversion\":\"2.0\"", "/specversion: ", OM_INVALID},
        {"\"specversion\":\"1.0\",", "", "/specversion: is missing", OM_INVALID},
        {"\"sequence\"", "\"extra\"", "/extra: is not known", OM_INVALID},
        {"\"id\":\"019e", "\"id\":\"x19e", "/id: is malformed", OM_INVALID},
        {"\"topk\":", "\"topk\":7,\"t\":", "data: /topk: is of another type", OM_INVALID},
        {"\"label\":\"person\",", "", "data: /topk/0/label: is missing", OM_INVALID},
        {"\"score\":0.9375", "\"score\":1.5", "data: /topk/0/score: is above", OM_INVALID},
        {"\"direction\":\"left", "\"direction\":\"l", "data: /line/direction: is none", OM_INVALID},
        {"track.started", "track.begun", "", OM_UNSUPPORTED},
        {"io.omma.line", "io.other.line", "/type: \"io.other.line", OM_UNSUPPORTED},
        {"{\"spec", "{{\"spec", "not JSON", OM_INVALID},
        {"\"data\":{", "\"data\":[{", "not JSON", OM_INVALID},
    };
    om_auto_buf changed;
    om_buf_init(&changed, LINE_MAX_BYTES);
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_event event;
        struct om_error err = {0};
        bool is_track = om_str_starts_with(om_str_from(rows[i].from), OM_STR("track"));
        om_event_sample(is_track ? OM_EVENT_TRACK_STARTED : OM_EVENT_LINE_CROSSED, &event);
        to_json(&event, out);
        om_str json = replaced(om_buf_str(out), rows[i].from, rows[i].to, &changed);
        enum om_status status = om_event_validate(json, &err);
        if (status != rows[i].status || !strstr(err.text, rows[i].says))
            fprintf(stderr, "row %zu: %s\n", i, err.text);
        om_assert(status == rows[i].status && strstr(err.text, rows[i].says));
    }
    om_auto_free char *big = om_alloc(70000, 1);
    om_assert(om_event_validate(om_str_n(big, 70000), NULL) == OM_LIMIT);
}

static void print_samples(struct om_buf *out)
{
    for (int i = 0; i < OM_EVENT_TYPE_COUNT; i++) {
        struct om_event event;
        om_event_sample((enum om_event_type)i, &event);
        to_json(&event, out);
        puts(om_buf_text(out));
    }
}

static void check_lines(void)
{
    om_auto_free char *line = om_alloc(LINE_MAX_BYTES, 1);
    while (fgets(line, LINE_MAX_BYTES, stdin)) {
        struct om_error err = {0};
        bool ok = om_event_validate(om_str_trim(om_str_from(line)), &err) == OM_OK;
        puts(ok ? "ok" : err.text);
    }
}

int main(int argc, char **argv)
{
    om_auto_buf out;
    om_buf_init(&out, LINE_MAX_BYTES);
    if (argc > 1 && strcmp(argv[1], "samples") == 0) {
        print_samples(&out);
    } else if (argc > 1 && strcmp(argv[1], "check") == 0) {
        check_lines();
    } else {
        test_names();
        test_samples(&out);
        test_fields(&out);
        test_extremes(&out);
        test_refusals(&out);
    }
    return 0;
}
