#include "serve/serve.h"

#include "base/error.h"
#include "base/mem.h"
#include "serve/serve_int.h"

#define API "/api/v1"
#define CAMERA API "/cameras/{id}"

enum { BODY = OM_SERVE_JSON_BODY_MAX, BLOCKING = OM_ROUTE_BLOCKING };

// Who answers what. Rows without BLOCKING run on the loop and never wait.
static const struct om_route routes[] = {
    {"GET", "/livez", om_serve_get_livez, "public", 0, 0, "whether the process answers"},
    {"GET", "/readyz", om_serve_get_readyz, "public", 0, 0, "whether the cameras were started"},
    {"GET", "/health", om_serve_get_health, "read", 0, 0, "version, uptime, memory, models"},
    {"GET", "/health/stream", om_serve_get_health_stream, "read", 0, 0,
     "state of every camera; ?strict=1 answers 503 when one is not live"},
    {"GET", "/metrics", om_serve_get_metrics, "read", 0, BLOCKING, "counters for Prometheus"},

    {"GET", API "/cameras", om_serve_get_cameras, "read", 0, BLOCKING, "all cameras"},
    {"POST", API "/cameras", om_serve_post_camera, "admin", BODY, 0, "add a camera"},
    {"POST", API "/cameras/undo", om_serve_post_undo, "admin", BODY, 0,
     "take back the last change"},
    {"GET", CAMERA, om_serve_get_camera, "read", 0, BLOCKING, "one camera"},
    {"PUT", CAMERA, om_serve_put_camera, "admin", BODY, 0, "change what the body names"},
    {"DELETE", CAMERA, om_serve_delete_camera, "admin", 0, 0, "remove a camera"},
    {"GET", CAMERA "/snapshot.jpg", om_serve_get_snapshot, "read", 0, BLOCKING,
     "the newest picture; ?width= makes it smaller"},
    {"GET", CAMERA "/counts", om_serve_get_counts, "read", 0, 0, "counts of its lines and zones"},
    {"GET", CAMERA "/boxes", om_serve_get_boxes, "read", 0, 0, "boxes as they are found (SSE)"},
    {"GET", API "/boxes", om_serve_get_all_boxes, "read", 0, 0,
     "boxes of all cameras as they are found (SSE)"},
    {"PUT", CAMERA "/motion", om_serve_put_motion, "admin", BODY, 0,
     "somebody outside says that something moves"},
    {"GET", CAMERA "/live.mp4", om_serve_get_live, "read", 0, 0, "live video, fragmented MP4"},

    {"GET", API "/events", om_serve_get_events, "read", 0, BLOCKING, "kept events, in pages"},
    {"GET", API "/events/stream", om_serve_get_event_stream, "read", 0, 0,
     "events as they happen (SSE), from Last-Event-ID or ?after= on"},
    {"GET", API "/limits", om_serve_get_limits, "read", 0, 0,
     "what the machine holds, and what is used"},
    {"GET", API "/models", om_serve_get_models, "read", 0, 0, "models in use"},
    {"GET", "/schemas/{file}", om_serve_get_schema, "public", 0, 0, "JSON Schema of an event type"},
};

static void make_routes(struct om_serve *serve)
{
    size_t own = OM_ARRAY_LEN(routes);
    serve->routes = om_new_array(struct om_route, own + om_serve_page_route_count() + 1);
    memcpy(serve->routes, routes, sizeof(routes));
    om_serve_page_routes(serve->routes + own);
}

struct om_serve *om_serve_create(const struct om_serve_opts *opts, struct om_error *err)
{
    om_auto(om_serve) serve = om_new(struct om_serve);
    serve->opts = *opts;
    make_routes(serve);
    serve->changes = om_serve_changes_create(serve);
    serve->boxes = om_serve_boxes_create(serve);
    serve->live = om_serve_live_create(serve);
    serve->events = om_serve_events_create(serve, err);
    if (!serve->events)
        return NULL;
    struct om_http_opts http = om_http_opts_default;
    http.listen = opts->listen;
    serve->http = om_http_server_create(opts->loop, opts->blocking, serve->routes, serve, &http,
                                        false, err);
    serve->opts.listen = NULL;  // the caller's, and not needed any more
    return serve->http ? om_steal(&serve) : NULL;
}

void om_serve_destroy(struct om_serve *serve)
{
    if (!serve)
        return;
    // After this no handler runs and no client is left; streams were told so.
    om_http_server_destroy(serve->http);
    om_serve_changes_destroy(serve->changes);
    om_serve_events_destroy(serve->events);
    om_serve_live_destroy(serve->live);
    om_serve_boxes_destroy(serve->boxes);
    om_free(serve->routes);
    om_free(serve);
}

const char *om_serve_url(const struct om_serve *serve)
{
    return om_http_server_url(serve->http);
}

void om_serve_set_ready(struct om_serve *serve, bool is_ready)
{
    atomic_store(&serve->is_ready, is_ready);
}

// ---- answers -----------------------------------------------------------------------------------

void om_serve_reply_json(struct om_exchange *x, int status, const struct om_buf *body)
{
    if (body->has_failed)
        om_exchange_problem(x, 500, "the answer is too long",
                            "ask for less, for example by limit=");
    else
        om_exchange_reply(x, status, "application/json", om_buf_str(body));
}

void om_serve_try_write(struct om_exchange *x, om_str data)
{
    enum om_status status = om_exchange_write(x, data);
    (void)status;
}

om_str om_serve_camera_id(const struct om_exchange *x)
{
    return om_exchange_param(x, "id");
}

void om_serve_no_camera(struct om_exchange *x)
{
    struct om_error err;
    om_str id = om_serve_camera_id(x);
    om_error_set(&err, OM_NOT_FOUND, "there is no camera \"%.*s\"", (int)OM_MIN(id.n, 64u), id.p);
    om_error_hint(&err, "GET /api/v1/cameras lists them");
    om_exchange_fail(x, &err);
}

bool om_serve_query_int(struct om_exchange *x, const char *key, int64_t min, int64_t max,
                        int64_t *ret)
{
    om_str text;
    int64_t value;
    if (!om_exchange_query(x, key, &text))
        return true;
    if (om_str_to_int64(text, &value) && value >= min && value <= max) {
        *ret = value;
        return true;
    }
    struct om_error err;
    om_error_set(&err, OM_INVALID, "%s=%.*s is not a number from %lld to %lld", key,
                 (int)OM_MIN(text.n, 40u), text.p, (long long)min, (long long)max);
    om_error_hint(&err, "leave %s out or give such a number", key);
    om_exchange_fail(x, &err);
    return false;
}
