// Boxes as they are found, by server-sent events: one line for each picture that was looked at. The
// newest wins: a client that has not taken the last ones skips some, because boxes of the past are
// of no use.
//
// Everything here belongs to the loop; the pipeline only wakes it. Clients of one camera share a
// topic, so that a result is fetched and framed once. A client of all cameras gets what is new ten
// times a second: the cameras are gone through once for many results.

#include "base/json.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/time.h"
#include "loop/loop.h"
#include "pipeline/pipeline.h"
#include "serve/serve_int.h"

enum {
    TICK_US = 5 * OM_SECOND,
    GONE_US = 10 * OM_SECOND,  // a camera that is being changed is away for a moment
    UNSENT_MAX = 64 * 1024,
    LINE_BYTES_MAX = 1 << 20,
    ALL_EVERY_US = 100 * OM_MS,
    ALL_BYTES_MAX = 8 << 20,
    ALL_UNSENT_MAX = 1 << 20,
};

static struct om_metric clients_now = OM_GAUGE("omma_box_stream_clients",
                                               "Clients that read boxes as they are found.");
static struct om_metric skipped = OM_COUNTER("omma_box_stream_skipped_total",
                                             "Results not sent to a client that was behind.");

struct topic {
    struct om_list link;  // boxes->topics
    struct om_list clients;
    char camera[65];
    uint64_t seq;           // of the last result
    int64_t gone_since_us;  // 0 = the camera is there
};

struct client {
    struct om_list link;  // topic->clients
    struct om_serve_boxes *boxes;
    struct topic *topic;
    struct om_exchange *x;  // a reference
    int64_t written_us;
};

// A client of all cameras.
struct watcher {
    struct om_list link;  // boxes->watchers
    struct om_exchange *x;
    uint64_t seq;
    int64_t written_us;
};

struct om_serve_boxes {
    struct om_serve *serve;
    struct om_list topics;
    struct om_list watchers;
    struct om_buf all;  // reused
    struct om_loop_timer sweep;
    struct om_buf line;  // reused
    struct om_loop_task task;
    struct om_loop_timer tick;
};

// ---- topics ------------------------------------------------------------------------------------

static struct topic *get_topic(struct om_serve_boxes *boxes, om_str camera)
{
    om_list_each(topic, &boxes->topics, struct topic, link)
    {
        if (om_str_equal(om_str_from(topic->camera), camera))
            return topic;
    }
    struct topic *topic = om_new(struct topic);
    (void)om_str_copy(topic->camera, sizeof(topic->camera), camera);
    om_list_init(&topic->clients);
    om_list_push(&boxes->topics, &topic->link);
    return topic;
}

static void client_destroy(struct client *client)
{
    struct topic *topic = client->topic;
    om_list_remove(&client->link);
    om_exchange_unref(&client->x);
    om_free(client);
    om_metric_add(&clients_now, -1);
    if (om_list_is_empty(&topic->clients)) {
        om_list_remove(&topic->link);
        om_free(topic);
    }
}

static void on_closed(void *ctx)
{
    client_destroy(ctx);
}

// Puts the newest result after *seq into boxes->line, as an event.
static enum om_status fetch(struct om_serve_boxes *boxes, const char *camera, uint64_t *seq)
{
    om_buf_clear(&boxes->line);
    om_buf_append_text(&boxes->line, "data: ");
    enum om_status status = om_pipeline_boxes_json(boxes->serve->opts.pipeline, om_str_from(camera),
                                                   seq, &boxes->line);
    om_buf_append_text(&boxes->line, "\n\n");
    return status == OM_OK && boxes->line.has_failed ? OM_AGAIN : status;
}

static void send_line(struct client *client, int64_t now_us)
{
    if (om_exchange_unsent(client->x) > UNSENT_MAX ||
        om_exchange_write(client->x, om_buf_str(&client->boxes->line)) == OM_LIMIT)
        om_metric_add(&skipped, 1);
    else
        client->written_us = now_us;
}

// Writing never closes at once: closed() comes in a later turn.
static void on_boxes_task(void *ctx)
{
    struct om_serve_boxes *boxes = ctx;
    int64_t now_us = om_loop_now_us(boxes->serve->opts.loop);
    om_list_each(topic, &boxes->topics, struct topic, link)
    {
        if (fetch(boxes, topic->camera, &topic->seq) != OM_OK)
            continue;
        om_list_each(client, &topic->clients, struct client, link) send_line(client, now_us);
    }
}

static void on_boxes(void *ctx)
{
    struct om_serve_boxes *boxes = ctx;
    om_loop_post(boxes->serve->opts.loop, &boxes->task);
}

// ---- all cameras -------------------------------------------------------------------------------

static void send_all(struct om_serve_boxes *boxes, struct watcher *watcher, int64_t now_us)
{
    if (om_exchange_unsent(watcher->x) > ALL_UNSENT_MAX) {
        om_metric_add(&skipped, 1);
        return;  // it gets the newest ones when it has taken these
    }
    om_buf_clear(&boxes->all);
    int found = om_pipeline_boxes_json_all(boxes->serve->opts.pipeline, &watcher->seq,
                                           OM_STR("data: "), OM_STR("\n\n"), &boxes->all);
    if (found == 0)
        return;
    if (boxes->all.has_failed || om_exchange_write(watcher->x, om_buf_str(&boxes->all)) == OM_LIMIT)
        om_metric_add(&skipped, found);
    else
        watcher->written_us = now_us;
}

static void on_sweep(void *ctx)
{
    struct om_serve_boxes *boxes = ctx;
    struct om_loop *loop = boxes->serve->opts.loop;
    int64_t now_us = om_loop_now_us(loop);
    om_list_each(watcher, &boxes->watchers, struct watcher, link) send_all(boxes, watcher, now_us);
    if (!om_list_is_empty(&boxes->watchers))
        om_loop_timer_set(loop, &boxes->sweep, now_us + ALL_EVERY_US);
}

static void on_watcher_closed(void *ctx)
{
    struct watcher *watcher = ctx;
    om_list_remove(&watcher->link);
    om_exchange_unref(&watcher->x);
    om_free(watcher);
    om_metric_add(&clients_now, -1);
}

void om_serve_get_all_boxes(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    struct om_serve_boxes *boxes = serve->boxes;
    int64_t now_us = om_loop_now_us(serve->opts.loop);
    struct watcher *watcher = om_new(struct watcher);
    *watcher = (struct watcher){.x = om_exchange_ref(x), .written_us = now_us};
    om_list_push(&boxes->watchers, &watcher->link);
    om_metric_add(&clients_now, 1);
    om_exchange_stream(x, 200, "text/event-stream", on_watcher_closed, watcher);
    om_serve_try_write(x, OM_STR("retry: 1000\n\n"));
    om_loop_timer_set(serve->opts.loop, &boxes->sweep, now_us);
}

// ---- time --------------------------------------------------------------------------------------

static bool is_gone(struct om_serve_boxes *boxes, struct topic *topic, int64_t now_us)
{
    struct om_camera_status status;
    if (om_pipeline_status(boxes->serve->opts.pipeline, om_str_from(topic->camera), &status)) {
        topic->gone_since_us = 0;
        return false;
    }
    if (topic->gone_since_us == 0)
        topic->gone_since_us = now_us;
    return now_us - topic->gone_since_us >= GONE_US;
}

static void keep_watchers(struct om_serve_boxes *boxes, int64_t now_us)
{
    om_list_each(watcher, &boxes->watchers, struct watcher, link)
    {
        if (now_us - watcher->written_us < OM_SERVE_HEARTBEAT_US - TICK_US / 2)
            continue;
        watcher->written_us = now_us;
        om_serve_try_write(watcher->x, OM_STR(": still here\n\n"));
    }
}

static void on_tick(void *ctx)
{
    struct om_serve_boxes *boxes = ctx;
    struct om_loop *loop = boxes->serve->opts.loop;
    int64_t now_us = om_loop_now_us(loop);
    om_loop_timer_set(loop, &boxes->tick, now_us + TICK_US);
    keep_watchers(boxes, now_us);
    om_list_each(topic, &boxes->topics, struct topic, link)
    {
        bool ends = is_gone(boxes, topic, now_us);
        om_list_each(client, &topic->clients, struct client, link)
        {
            if (ends)
                om_exchange_end(client->x);
            if (now_us - client->written_us < OM_SERVE_HEARTBEAT_US - TICK_US / 2)
                continue;
            client->written_us = now_us;
            om_serve_try_write(client->x, OM_STR(": still here\n\n"));
        }
    }
}

// ---- opening -----------------------------------------------------------------------------------

void om_serve_get_boxes(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    struct om_serve_boxes *boxes = serve->boxes;
    struct om_camera_status status;
    om_str id = om_serve_camera_id(x);
    if (!om_pipeline_status(serve->opts.pipeline, id, &status)) {
        om_serve_no_camera(x);
        return;
    }
    struct client *client = om_new(struct client);
    *client = (struct client){.boxes = boxes,
                              .topic = get_topic(boxes, id),
                              .x = om_exchange_ref(x),
                              .written_us = om_loop_now_us(serve->opts.loop)};
    om_list_push(&client->topic->clients, &client->link);
    om_metric_add(&clients_now, 1);
    om_exchange_stream(x, 200, "text/event-stream", on_closed, client);
    if (om_exchange_write(x, OM_STR("retry: 1000\n\n")) != OM_OK)
        return;
    uint64_t seq = 0;  // the newest there is, if any
    if (fetch(boxes, status.id, &seq) == OM_OK)
        om_serve_try_write(x, om_buf_str(&boxes->line));  // the client left: closed() comes
}

// ---- life --------------------------------------------------------------------------------------

struct om_serve_boxes *om_serve_boxes_create(struct om_serve *serve)
{
    struct om_serve_boxes *boxes = om_new(struct om_serve_boxes);
    boxes->serve = serve;
    om_list_init(&boxes->topics);
    om_list_init(&boxes->watchers);
    om_buf_init(&boxes->line, LINE_BYTES_MAX);
    om_buf_init(&boxes->all, ALL_BYTES_MAX);
    boxes->sweep = (struct om_loop_timer)OM_LOOP_TIMER(on_sweep, boxes);
    boxes->task = (struct om_loop_task)OM_LOOP_TASK(on_boxes_task, boxes);
    boxes->tick = (struct om_loop_timer)OM_LOOP_TIMER(on_tick, boxes);
    om_metric_register(&clients_now);
    om_metric_register(&skipped);
    om_loop_timer_set(serve->opts.loop, &boxes->tick, om_time_mono_us() + TICK_US);
    om_pipeline_on_boxes(serve->opts.pipeline, on_boxes, boxes);
    return boxes;
}

void om_serve_boxes_destroy(struct om_serve_boxes *boxes)
{
    if (!boxes)
        return;
    om_pipeline_on_boxes(boxes->serve->opts.pipeline, NULL, NULL);
    om_loop_timer_clear(boxes->serve->opts.loop, &boxes->tick);
    om_loop_timer_clear(boxes->serve->opts.loop, &boxes->sweep);
    om_buf_finish(&boxes->line);
    om_buf_finish(&boxes->all);
    om_free(boxes);
}
