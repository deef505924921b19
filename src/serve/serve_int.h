// The inside of serve/: what its files share. Handlers get the struct om_serve as their context and
// run on the loop, or in the blocking pool where the route says so.

#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "net/http.h"
#include "serve/serve.h"

struct om_camera_status;
struct om_conf_camera;
struct om_json;
struct om_json_writer;
struct om_serve_boxes;
struct om_serve_changes;
struct om_serve_events;
struct om_serve_live;

enum {
    OM_SERVE_JSON_BODY_MAX = 64 * 1024,
    OM_SERVE_ANSWER_MAX = 16 * 1024 * 1024,  // no JSON answer is longer
    OM_SERVE_HEARTBEAT_US = 15 * 1000 * 1000,
};

struct om_serve {
    struct om_serve_opts opts;  // constant after create
    struct om_http_server *http;
    struct om_route *routes;  // the table of serve.c and a row for each asset of the page
    atomic_bool is_ready;
    struct om_serve_boxes *boxes;
    struct om_serve_changes *changes;
    struct om_serve_events *events;
    struct om_serve_live *live;
};

// ---- answers ------------------------------------------------------------------------------------

// Answers with the JSON in `body`, or 500 when it did not fit.
void om_serve_reply_json(struct om_exchange *x, int status, const struct om_buf *body);
// Writes to a stream what a client that is full or gone may miss.
void om_serve_try_write(struct om_exchange *x, om_str data);
// The {id} of the path.
om_str om_serve_camera_id(const struct om_exchange *x);
// 404 with the hint where to find the ids.
void om_serve_no_camera(struct om_exchange *x);
// A query value that has to be a number within [min, max]. True with `fallback` when it is absent;
// false when it is something else, and then the problem is answered.
OM_MUST_USE bool om_serve_query_int(struct om_exchange *x, const char *key, int64_t min,
                                    int64_t max, int64_t *ret);

// ---- health -------------------------------------------------------------------------------------
om_handler_fn om_serve_get_livez, om_serve_get_readyz, om_serve_get_health,
    om_serve_get_health_stream, om_serve_get_limits, om_serve_get_metrics, om_serve_get_models;

// ---- cameras ------------------------------------------------------------------------------------
om_handler_fn om_serve_get_cameras, om_serve_get_camera, om_serve_get_snapshot, om_serve_get_counts;
// Answers with one camera (`status` 200 or 201) as GET would. Blocks.
void om_serve_reply_camera(struct om_serve *serve, struct om_exchange *x, int status, om_str id);
// The statuses of all cameras, freed by om_free(); never NULL.
OM_MUST_USE struct om_camera_status *om_serve_statuses(struct om_serve *serve, int *ret_count);

// ---- changes of cameras -------------------------------------------------------------------------
// They take turns in one lane of the blocking pool, however many clients ask, so that a camera that
// takes long to stop or a model that takes long to load holds up one thread only.
OM_MUST_USE struct om_serve_changes *om_serve_changes_create(struct om_serve *serve);
void om_serve_changes_destroy(struct om_serve_changes *changes);  // accepts NULL
om_handler_fn om_serve_post_camera, om_serve_put_camera, om_serve_delete_camera, om_serve_post_undo,
    om_serve_put_motion;

// ---- events -------------------------------------------------------------------------------------
om_handler_fn om_serve_get_events, om_serve_get_event_stream, om_serve_get_schema;
OM_MUST_USE struct om_serve_events *om_serve_events_create(struct om_serve *serve,
                                                           struct om_error *err);
void om_serve_events_destroy(struct om_serve_events *events);  // accepts NULL
// The `type`, `camera` and `label` of a query, copied: empty = all. False when one is impossible;
// then the problem is answered.
struct om_serve_filter {
    char camera[65], type[65], label[64];
};
OM_MUST_USE bool om_serve_filter_read(struct om_exchange *x, struct om_serve_filter *ret);

// ---- boxes and live video -----------------------------------------------------------------------
om_handler_fn om_serve_get_all_boxes, om_serve_get_boxes, om_serve_get_live;
OM_MUST_USE struct om_serve_boxes *om_serve_boxes_create(struct om_serve *serve);
void om_serve_boxes_destroy(struct om_serve_boxes *boxes);  // accepts NULL
OM_MUST_USE struct om_serve_live *om_serve_live_create(struct om_serve *serve);
void om_serve_live_destroy(struct om_serve_live *live);  // accepts NULL

// ---- the page -----------------------------------------------------------------------------------

// How many rows the page's files need, and those rows.
size_t om_serve_page_route_count(void);
void om_serve_page_routes(struct om_route *rows);
