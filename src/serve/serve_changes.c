// Changes of cameras: add, change, remove, undo. One lane of the pool does them in the order they
// came; a bounded list waits before it, beyond which clients are told to come back.

#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "conf/config.h"
#include "loop/workers.h"
#include "pipeline/control.h"
#include "pipeline/pipeline.h"
#include "serve/camera_id.h"
#include "serve/camera_json.h"
#include "serve/serve_int.h"

enum { WAITING_MAX = 256 };

static const struct om_log changes_log = {.name = "api"};

typedef void change_fn(struct om_serve *serve, struct om_exchange *x);

struct change {
    struct om_list link;
    struct om_exchange *x;  // a reference
    change_fn *fn;
};

struct om_serve_changes {
    struct om_serve *serve;
    struct om_lane lane;
    struct om_mutex lock;
    // Under `lock`.
    struct om_list waiting;
    int count;
};

// ---- turns -------------------------------------------------------------------------------------

static struct change *take(struct om_serve_changes *changes)
{
    om_with_lock(&changes->lock);
    struct change *change = om_list_first(&changes->waiting, struct change, link);
    if (change) {
        om_list_remove(&change->link);
        changes->count--;
    }
    return change;
}

static void change_destroy(struct change *change)
{
    om_exchange_unref(&change->x);
    om_free(change);
}

static void lane_main(void *ctx)
{
    struct om_serve_changes *changes = ctx;
    struct change *change = take(changes);
    if (!change)
        return;
    change->fn(changes->serve, change->x);
    change_destroy(change);
    om_lane_wake(changes->serve->opts.blocking, &changes->lane);
}

static bool put(struct om_serve_changes *changes, struct om_exchange *x, change_fn *fn)
{
    om_with_lock(&changes->lock);
    if (changes->count == WAITING_MAX)
        return false;
    struct change *change = om_new(struct change);
    *change = (struct change){.x = om_exchange_ref(x), .fn = fn};
    om_list_push(&changes->waiting, &change->link);
    changes->count++;
    return true;
}

static void queue(struct om_serve *serve, struct om_exchange *x, change_fn *fn)
{
    if (put(serve->changes, x, fn)) {
        om_lane_wake(serve->opts.blocking, &serve->changes->lane);
        return;
    }
    om_exchange_set_header(x, "Retry-After", "2");
    om_exchange_problem(x, 429, "too many changes wait for their turn",
                        "wait for the answer of one before you send the next");
}

struct om_serve_changes *om_serve_changes_create(struct om_serve *serve)
{
    struct om_serve_changes *changes = om_new(struct om_serve_changes);
    changes->serve = serve;
    om_lane_init(&changes->lane, lane_main, changes);
    om_mutex_init(&changes->lock);
    om_list_init(&changes->waiting);
    return changes;
}

void om_serve_changes_destroy(struct om_serve_changes *changes)
{
    if (!changes)
        return;
    om_lane_finish(changes->serve->opts.blocking, &changes->lane);
    for (struct change *change; (change = take(changes));)
        change_destroy(change);
    om_mutex_finish(&changes->lock);
    om_free(changes);
}

// ---- bodies ------------------------------------------------------------------------------------

// Without a JSON content type a body may come from a form on some web page; with one, browsers ask
// first.
static bool is_json_body(const struct om_exchange *x)
{
    om_str type = OM_STR(""), part;
    if (!om_exchange_header(x, "content-type", &type))
        return om_exchange_body(x).n == 0;
    om_str rest = type;
    return om_str_split(&rest, ';', &part) &&
           (om_str_equal_nocase(om_str_trim(part), OM_STR("application/json")) ||
            om_str_ends_with(om_str_trim(part), OM_STR("+json")));
}

// NULL when there is no JSON object in it; then the problem is answered.
static struct om_json *read_body(struct om_exchange *x)
{
    if (!is_json_body(x)) {
        om_exchange_problem(x, 415, "the body is not said to be JSON",
                            "send the header Content-Type: application/json");
        return NULL;
    }
    struct om_error err;
    struct om_json *body = om_json_parse(om_exchange_body(x), &err);
    if (body)
        return body;
    om_error_prefix(&err, "the body is no JSON");
    om_exchange_problem(x, 400, err.text, "for example {\"source\": \"rtsp://10.0.0.7/stream1\"}");
    return NULL;
}

// Lays the body over `cam`. False when it cannot be; then the problem is answered.
static bool lay_body(struct om_exchange *x, struct om_conf_camera *cam)
{
    struct om_error err = {0};
    om_auto_json body = read_body(x);
    if (!body)
        return false;
    if (om_camera_json_read(body, cam, &err))
        return true;
    // A source of an unknown kind is as much a mistake in the body as a missing bracket.
    if (err.status == OM_UNSUPPORTED || err.status == OM_NOT_FOUND)
        err.status = OM_INVALID;
    om_exchange_fail(x, &err);
    return false;
}

// What the control refuses because of what was asked (a model file that is not there, a broken
// graph) is the body's fault; a missing camera or a taken id keeps its own status.
static void reply_refused(struct om_exchange *x, struct om_error *err, const char *what, om_str id)
{
    om_log_info(&changes_log, "camera %.*s not %s: %s", OM_STR_ARG(id), what, err->text);
    om_exchange_fail(x, err);
}

// ---- the four ----------------------------------------------------------------------------------

static void add(struct om_serve *serve, struct om_exchange *x, struct om_conf_camera *cam)
{
    struct om_error err = {0};
    if (!cam->source) {
        om_exchange_problem(x, 422, "\"source\" is missing",
                            "for example {\"source\": \"rtsp://10.0.0.7/stream1\"}");
        return;
    }
    if (!cam->id) {
        char id[OM_CAMERA_ID_SIZE];
        om_auto(om_conf) conf = om_control_conf(serve->opts.control);
        om_camera_id_suggest(conf, cam->source, id);
        cam->id = om_strdup(id);
    }
    om_str id = om_str_from(cam->id);
    if (!om_control_add(serve->opts.control, cam, &err)) {
        reply_refused(x, &err, "added", id);
        return;
    }
    char location[128];
    snprintf(location, sizeof(location), "/api/v1/cameras/%s", cam->id);
    om_exchange_set_header(x, "Location", location);
    om_serve_reply_camera(serve, x, 201, id);
}

static void post_camera(struct om_serve *serve, struct om_exchange *x)
{
    struct om_conf_camera cam = {.enabled = true};
    if (lay_body(x, &cam))
        add(serve, x, &cam);
    om_conf_camera_finish(&cam);
}

static void put_camera(struct om_serve *serve, struct om_exchange *x)
{
    struct om_error err = {0};
    om_str id = om_serve_camera_id(x);
    om_auto(om_conf) conf = om_control_conf(serve->opts.control);
    const struct om_conf_camera *now = om_conf_camera(conf, id);
    if (!now) {
        om_serve_no_camera(x);
        return;
    }
    struct om_conf_camera cam = {0};
    om_conf_camera_copy(&cam, now);
    if (lay_body(x, &cam)) {
        if (om_control_change(serve->opts.control, &cam, &err))
            om_serve_reply_camera(serve, x, 200, id);
        else
            reply_refused(x, &err, "changed", id);
    }
    om_conf_camera_finish(&cam);
}

static void delete_camera(struct om_serve *serve, struct om_exchange *x)
{
    struct om_error err = {0};
    om_str id = om_serve_camera_id(x);
    if (om_control_remove(serve->opts.control, id, &err))
        om_exchange_reply(x, 204, NULL, OM_STR(""));
    else
        reply_refused(x, &err, "removed", id);
}

static void post_undo(struct om_serve *serve, struct om_exchange *x)
{
    struct om_error err = {0};
    if (om_control_undo(serve->opts.control, &err))
        om_serve_get_cameras(serve, x);
    else
        om_exchange_fail(x, &err);
}

void om_serve_post_camera(void *ctx, struct om_exchange *x)
{
    queue(ctx, x, post_camera);
}

void om_serve_put_camera(void *ctx, struct om_exchange *x)
{
    queue(ctx, x, put_camera);
}

void om_serve_delete_camera(void *ctx, struct om_exchange *x)
{
    queue(ctx, x, delete_camera);
}

void om_serve_post_undo(void *ctx, struct om_exchange *x)
{
    queue(ctx, x, post_undo);
}

// Nothing is kept of it, so it waits for no change under way.
void om_serve_put_motion(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    om_auto_json body = read_body(x);
    if (!body)
        return;
    const struct om_json *moving = om_json_get(body, "moving");
    if (om_json_type(moving) != OM_JSON_BOOL || om_json_len(body) != 1) {
        om_exchange_problem(x, 422, "the body must be {\"moving\": true} or {\"moving\": false}",
                            "true wakes the camera until false comes");
        return;
    }
    if (om_pipeline_hint(serve->opts.pipeline, om_serve_camera_id(x),
                         om_json_as_bool(moving, false)))
        om_exchange_reply(x, 204, NULL, OM_STR(""));
    else
        om_serve_no_camera(x);
}
