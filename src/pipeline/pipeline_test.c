#include "pipeline/pipeline.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/metric.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/config.h"
#include "media/frame.h"
#include "pipeline/options.h"
#include "pipeline/room_fixture.h"

static struct room room;

static void apply(const char *yaml)
{
    struct om_error err = {0};
    om_auto(om_conf) conf = om_conf_parse(om_str_from(yaml), "test", &err);
    om_assert(conf && om_pipeline_apply(room.pipeline, conf, &err));
}

static struct om_camera_status status_of(const char *id)
{
    struct om_camera_status status;
    om_assert(om_pipeline_status(room.pipeline, om_str_from(id), &status));
    return status;
}

static struct om_camera_status wait_live(const char *id)
{
    struct om_camera_status status = status_of(id);
    for (int i = 0; i < 1000 && status.state != OM_CAMERA_LIVE; i++) {
        om_time_sleep_us(5 * OM_MS);
        status = status_of(id);
    }
    if (status.state != OM_CAMERA_LIVE)
        (void)fprintf(stderr, "%s: %s\n", om_camera_state_name(status.state), status.reason);
    om_assert(status.state == OM_CAMERA_LIVE);
    return status;
}

static void test_apply_keeps_what_did_not_change(void)
{
    apply("cameras: {a: 'test:', b: 'test:', c: 'test:'}");
    struct om_camera_status a = wait_live("a"), b = wait_live("b");
    // a gets a line, b another source, c goes, d comes.
    apply("cameras:\n"
          "  d: 'test:'\n"
          "  a: {source: 'test:', lines: {road: {points: [[0, 0.5], [1, 0.5]]}}}\n"
          "  b: 'test:9999'\n");
    struct om_camera_status a_after = status_of("a");
    om_assert(a_after.state == OM_CAMERA_LIVE && a_after.packets >= a.packets);
    om_assert(a_after.reconnects == 0 && a_after.state_since_wall_us == a.state_since_wall_us);
    om_assert(wait_live("b").state_since_wall_us > b.state_since_wall_us);
    (void)wait_live("d");

    struct om_camera_status none, all[4];
    om_assert(!om_pipeline_status(room.pipeline, OM_STR("c"), &none));
    om_assert(om_pipeline_statuses(room.pipeline, all, 4) == 3);
    om_assert(strcmp(all[0].id, "d") == 0 && strcmp(all[1].id, "a") == 0);

    om_auto_buf counts;
    om_buf_init(&counts, 1 << 16);
    om_assert(om_pipeline_counts_json(room.pipeline, OM_STR("a"), &counts) == OM_OK);
    om_assert(om_pipeline_counts_json(room.pipeline, OM_STR("c"), &counts) == OM_NOT_FOUND);
}

static void test_a_failing_model_stops_nothing(void)
{
    apply("cameras: {a: 'test:'}");
    struct om_camera_status before = wait_live("a");
    struct om_error err = {0};
    om_auto(om_conf) conf = om_conf_parse(
        OM_STR("cameras: {b: {source: 'test:', model: /no/model.onnx}}"), "test", &err);
    om_assert(conf && !om_pipeline_apply(room.pipeline, conf, &err));
    om_assert(strstr(err.text, "\"b\""));
    om_assert(status_of("a").state_since_wall_us == before.state_since_wall_us);
}

static atomic_bool ends;

// Everybody who asks, while cameras come and go.
static void ask(void *ctx)
{
    (void)ctx;
    while (!atomic_load(&ends)) {
        struct om_camera_status statuses[4];
        (void)om_pipeline_statuses(room.pipeline, statuses, 4);
        struct om_frame *frame = om_pipeline_snapshot(room.pipeline, OM_STR("a"));
        om_frame_unref(&frame);
        om_auto_buf buf;
        om_buf_init(&buf, 1 << 20);
        uint64_t seq = 0;
        (void)!om_pipeline_boxes_json(room.pipeline, OM_STR("b"), &seq, &buf);
        (void)om_pipeline_boxes_json_all(room.pipeline, &seq, OM_STR(""), OM_STR("\n"), &buf);
        (void)!om_pipeline_counts_json(room.pipeline, OM_STR("a"), &buf);
        om_metric_render(&buf);
        om_time_sleep_us(OM_MS);
    }
}

// Both cameras' newest results come, once; afterwards only what is newer.
static void test_boxes_of_all(void)
{
    om_auto_buf buf;
    om_buf_init(&buf, 1 << 20);
    uint64_t seq = 0;
    apply("cameras: {a: 'test:', b: 'test:'}");
    for (int i = 0; i < 1000; i++) {
        om_buf_clear(&buf);
        seq = 0;
        if (om_pipeline_boxes_json_all(room.pipeline, &seq, OM_STR("<"), OM_STR(">"), &buf) == 2)
            break;
        om_time_sleep_us(5 * OM_MS);
    }
    om_assert(om_str_find(om_buf_str(&buf), OM_STR("<{\"camera\":\"a\",")) == 0);
    om_assert(om_str_find(om_buf_str(&buf), OM_STR("}><{\"camera\":\"b\",")) > 0);
    apply("cameras: {}");
    om_buf_clear(&buf);
    om_assert(om_pipeline_boxes_json_all(room.pipeline, &seq, OM_STR(""), OM_STR(""), &buf) == 0);
    om_assert(buf.len == 0 && seq > 0);
}

static void on_boxes(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void test_questions_while_cameras_come_and_go(void)
{
    static const char *const confs[] = {
        "cameras: {a: 'test:', b: 'test:'}",
        "cameras: {a: {source: 'test:', zones: {z: {points: [[0, 0], [1, 0], [1, 1]]}}}}",
        "cameras: {b: 'test:', a: 'test:9999'}",
    };
    atomic_int boxes = 0;
    struct om_thread threads[2] = {0};
    om_pipeline_on_boxes(room.pipeline, on_boxes, &boxes);
    for (int i = 0; i < 2; i++)
        om_assert(om_thread_start(&threads[i], "ask", 0, ask, NULL));
    for (size_t i = 0; i < 9; i++) {
        apply(confs[i % OM_ARRAY_LEN(confs)]);
        om_time_sleep_us(60 * OM_MS);
    }
    (void)wait_live("a");
    for (int i = 0; i < 1000 && atomic_load(&boxes) == 0; i++)
        om_time_sleep_us(5 * OM_MS);
    om_assert(atomic_load(&boxes) > 0);
    atomic_store(&ends, true);
    for (int i = 0; i < 2; i++)
        om_thread_join(&threads[i]);
    om_pipeline_on_boxes(room.pipeline, NULL, NULL);
}

int main(void)
{
    om_conf_register(om_pipeline_opt_groups);
    room_init(&room);
    test_apply_keeps_what_did_not_change();
    test_a_failing_model_stops_nothing();
    test_boxes_of_all();
    test_questions_while_cameras_come_and_go();
    room_finish(&room);  // with cameras that run
    return 0;
}
