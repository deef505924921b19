// Cameras as answers: what is configured, what state it is in, its newest picture, its counts.

#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/config.h"
#include "media/frame.h"
#include "media/picture.h"
#include "pipeline/control.h"
#include "pipeline/pipeline.h"
#include "serve/camera_json.h"
#include "serve/serve_int.h"
#include "source/source.h"

enum { SNAPSHOT_QUALITY = 80, SNAPSHOT_BYTES_MAX = 16 * 1024 * 1024, SNAPSHOT_WIDTH_MAX = 8192 };

// ---- one camera --------------------------------------------------------------------------------

static void write_safe(struct om_json_writer *w, const char *key, const char *source)
{
    enum om_source_kind kind;
    char safe[OM_SOURCE_TEXT_SIZE];
    bool is_known = source && om_source_classify(source, &kind, safe, NULL) == OM_OK;
    om_json_kv_text(w, key, is_known ? safe : NULL);
}

static void write_frames(struct om_json_writer *w, const struct om_camera_status *status)
{
    om_json_key(w, "frames");
    om_json_object(w);
    om_json_kv_int(w, "decoded", (int64_t)status->frames_decoded);
    om_json_kv_int(w, "detected", (int64_t)status->frames_detected);
    om_json_kv_int(w, "skipped", (int64_t)status->frames_skipped);
    om_json_kv_int(w, "corrupt", (int64_t)status->frames_corrupt);
    om_json_kv_int(w, "put_off", (int64_t)status->frames_put_off);
    om_json_kv_int(w, "parts", (int64_t)status->parts_looked);
    om_json_object_end(w);
    om_json_key(w, "packets");
    om_json_object(w);
    om_json_kv_int(w, "received", (int64_t)status->packets);
    om_json_kv_int(w, "not_decoded", (int64_t)status->packets_ignored);
    om_json_kv_int(w, "put_off", (int64_t)status->packets_put_off);
    om_json_kv_int(w, "wakes", (int64_t)status->wakes);
    om_json_kv_bool(w, "awake", status->is_awake);
    om_json_object_end(w);
}

static void write_model(struct om_json_writer *w, const struct om_camera_status *status)
{
    om_json_key(w, "model");
    if (!status->model[0]) {
        om_json_null(w);
        return;
    }
    om_json_object(w);
    om_json_kv_text(w, "name", status->model);
    om_json_kv_text(w, "version", status->model_version);
    om_json_object_end(w);
}

static void write_status(struct om_json_writer *w, const struct om_camera_status *status)
{
    char since[OM_TIME_TEXT_SIZE];
    om_json_kv_text(w, "state", om_camera_state_name(status->state));
    om_json_kv_text(w, "state_since", om_time_text(status->state_since_wall_us, since));
    om_json_kv_text(w, "reason", status->reason);
    om_json_kv_text(w, "hint", status->hint);
    om_json_kv_double(w, "next_try_s", (double)status->next_try_in_us / OM_SECOND, 3);
    om_json_kv_text(w, "codec", status->codec);
    om_json_kv_text(w, "codecs", status->codecs);
    om_json_kv_text(w, "live", status->is_fmp4 ? "fmp4" : "jpeg");
    om_json_kv_int(w, "width", status->width);
    om_json_kv_int(w, "height", status->height);
    om_json_kv_double(w, "fps", status->fps, 2);
    om_json_kv_double(w, "bitrate_bps", status->bitrate_bps, 0);
    om_json_kv_double(w, "delay_ms", status->delay_ms, 2);
    om_json_kv_int(w, "reconnects", (int64_t)status->reconnects);
    om_json_kv_int(w, "stalls", (int64_t)status->stalls);
    om_json_kv_int(w, "tracks", status->tracks);
    write_model(w, status);
    write_frames(w, status);
}

static void write_camera(struct om_json_writer *w, const struct om_conf_camera *cam,
                         const struct om_camera_status *status)
{
    om_json_object(w);
    om_json_kv_text(w, "id", cam->id);
    write_safe(w, "source", cam->source);
    write_safe(w, "fallback", cam->fallback);
    write_status(w, status);
    om_json_kv_bool(w, "enabled", cam->enabled);
    om_json_kv_double(w, "detect_fps", cam->detect_fps, 3);
    om_json_key(w, "zones");
    om_camera_json_write_shapes(w, cam->zones, cam->zone_count);
    om_json_key(w, "lines");
    om_camera_json_write_shapes(w, cam->lines, cam->line_count);
    om_json_object_end(w);
}

// ---- all of them -------------------------------------------------------------------------------

// The status of `id`. Both lists have the same order but for a change under way, so `at` is tried
// first.
static const struct om_camera_status *find_status(const struct om_camera_status *statuses, int n,
                                                  int at, const char *id)
{
    if (at < n && strcmp(statuses[at].id, id) == 0)
        return &statuses[at];
    for (int i = 0; i < n; i++) {
        if (strcmp(statuses[i].id, id) == 0)
            return &statuses[i];
    }
    return NULL;
}

// What is said of a camera that is configured and about to start.
static struct om_camera_status starting_status(const struct om_conf_camera *cam)
{
    return (struct om_camera_status){
        .state = cam->enabled ? OM_CAMERA_CONNECTING : OM_CAMERA_DISABLED,
        .state_since_wall_us = om_time_wall_us(),
    };
}

void om_serve_get_cameras(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    int n = 0;
    om_auto(om_conf) conf = om_control_conf(serve->opts.control);
    om_auto_free struct om_camera_status *statuses = om_serve_statuses(serve, &n);
    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_json_object(&w);
    om_json_key(&w, "cameras");
    om_json_array(&w);
    for (int i = 0; i < conf->camera_count; i++) {
        const struct om_conf_camera *cam = &conf->cameras[i];
        const struct om_camera_status *status = find_status(statuses, n, i, cam->id);
        struct om_camera_status starting = starting_status(cam);
        write_camera(&w, cam, status ? status : &starting);
    }
    om_json_array_end(&w);
    om_json_object_end(&w);
    om_serve_reply_json(x, 200, &out);
}

void om_serve_reply_camera(struct om_serve *serve, struct om_exchange *x, int status, om_str id)
{
    om_auto(om_conf) conf = om_control_conf(serve->opts.control);
    const struct om_conf_camera *cam = om_conf_camera(conf, id);
    if (!cam) {
        om_serve_no_camera(x);
        return;
    }
    struct om_camera_status now;
    if (!om_pipeline_status(serve->opts.pipeline, id, &now))
        now = starting_status(cam);
    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    write_camera(&w, cam, &now);
    om_serve_reply_json(x, status, &out);
}

void om_serve_get_camera(void *ctx, struct om_exchange *x)
{
    om_serve_reply_camera(ctx, x, 200, om_serve_camera_id(x));
}

// ---- picture and counts ------------------------------------------------------------------------

static void reply_no_picture(struct om_exchange *x, const struct om_camera_status *status)
{
    char detail[400];
    snprintf(detail, sizeof(detail), "camera \"%s\" has no picture yet (%s%s%s)", status->id,
             om_camera_state_name(status->state), status->reason[0] ? ", " : "", status->reason);
    om_exchange_set_header(x, "Retry-After", "1");
    om_exchange_problem(x, 503, detail, status->hint[0] ? status->hint : "try again in a second");
}

void om_serve_get_snapshot(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    struct om_camera_status status;
    int64_t width = 0;
    if (!om_serve_query_int(x, "width", 16, SNAPSHOT_WIDTH_MAX, &width))
        return;
    om_str id = om_serve_camera_id(x);
    if (!om_pipeline_status(serve->opts.pipeline, id, &status)) {
        om_serve_no_camera(x);
        return;
    }
    om_auto_ref(om_frame) frame = om_pipeline_snapshot(serve->opts.pipeline, id);
    if (!frame) {
        reply_no_picture(x, &status);
        return;
    }
    struct om_error err = {0};
    om_auto_buf jpeg;
    om_buf_init(&jpeg, SNAPSHOT_BYTES_MAX);
    if (om_picture_encode_jpeg(frame, (int)width, SNAPSHOT_QUALITY, &jpeg, &err) != OM_OK) {
        om_exchange_fail(x, &err);
        return;
    }
    // What the picture shows was at this moment; the page puts boxes over it by that.
    char text[32], wall[OM_TIME_TEXT_SIZE];
    snprintf(text, sizeof(text), "%lld", (long long)frame->pts_us);
    om_exchange_set_header(x, "X-Pts-Us", text);
    om_exchange_set_header(x, "X-Wall", om_time_text(frame->wall_us, wall));
    om_exchange_reply(x, 200, "image/jpeg", om_buf_str(&jpeg));
}

void om_serve_get_counts(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    if (om_pipeline_counts_json(serve->opts.pipeline, om_serve_camera_id(x), &out) == OM_OK)
        om_serve_reply_json(x, 200, &out);
    else
        om_serve_no_camera(x);
}
