#include "bench/streams_oracle.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "decode/decoder.h"
#include "infer/model.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/thumb.h"
#include "motion/detections.h"
#include "motion/watch.h"
#include "scene/labels.h"
#include "scene/track.h"
#include "source/source.h"
#include "track/tracker.h"

enum { VIEW_BYTES_MAX = 1 << 30, VIEW_MAGIC = 0x31564d4f };

struct om_oracle {
    struct om_model *model;  // borrowed
    struct om_model_ctx *ctx;
    struct om_result result;
    struct om_watch *watch;
    uint8_t luma[OM_THUMB_PIXELS_MAX];
    struct om_labels *motion_labels;
    const char *cache;  // borrowed
};

// ---- life --------------------------------------------------------------------------------------

struct om_oracle *om_oracle_create(struct om_model *model, const char *cache, struct om_error *err)
{
    static const char *const names[] = {"motion"};
    om_auto(om_oracle) oracle = om_new(struct om_oracle);
    oracle->model = model;
    oracle->cache = cache;
    oracle->motion_labels = om_labels_create(names, 1);
    if (model)
        oracle->ctx = om_model_ctx_create(model, 1, err);
    if (model && !oracle->ctx)
        return NULL;
    om_oracle_begin(oracle);
    return om_steal(&oracle);
}

void om_oracle_destroy(struct om_oracle *oracle)
{
    if (!oracle)
        return;
    om_model_ctx_destroy(oracle->ctx);
    om_watch_destroy(oracle->watch);
    om_labels_unref(&oracle->motion_labels);
    om_free(oracle);
}

const struct om_labels *om_oracle_labels(const struct om_oracle *oracle)
{
    return oracle->model ? om_model_manifest(oracle->model)->labels : oracle->motion_labels;
}

void om_oracle_view_finish(struct om_oracle_view *view)
{
    om_free(view->pictures);
    *view = (struct om_oracle_view){0};
}

// ---- looking -----------------------------------------------------------------------------------

void om_oracle_begin(struct om_oracle *oracle)
{
    struct om_watch_opts opts;
    om_watch_opts_default(&opts);
    om_watch_destroy(oracle->watch);
    oracle->watch = om_watch_create(&opts);
}

static struct om_detections *add_picture(struct om_oracle_view *view)
{
    if (view->count == view->room) {
        view->room = OM_MAX(64, view->room * 2);
        view->pictures = om_realloc(view->pictures, (size_t)view->room, sizeof(*view->pictures));
    }
    memset(&view->pictures[view->count], 0, sizeof(*view->pictures));
    return &view->pictures[view->count++];
}

static void find_motion(struct om_oracle *oracle, const struct om_frame *frame,
                        struct om_detections *ret)
{
    struct om_thumb thumb = {.luma = oracle->luma};
    struct om_watch_result motion;
    om_thumb_size(frame->width, frame->height, &thumb.width, &thumb.height);
    om_thumb_fill(&thumb, frame);
    om_watch_update(oracle->watch, &thumb, &motion);
    om_motion_detections(&motion.regions, &thumb, frame, ret);
}

bool om_oracle_look(struct om_oracle *oracle, const struct om_frame *frame,
                    struct om_oracle_view *view, struct om_error *err)
{
    struct om_detections *detections = add_picture(view);
    if (!oracle->model) {
        find_motion(oracle, frame, detections);
        return true;
    }
    const struct om_frame *frames[] = {frame};
    if (om_model_run(oracle->ctx, frames, NULL, 1, &OM_DETECT_OPTS_DEFAULT, &oracle->result, err) !=
        OM_OK)
        return false;
    *detections = oracle->result.detections;
    return true;
}

static bool look_at_all(struct om_oracle *oracle, struct om_decoder *decoder,
                        struct om_oracle_view *view, struct om_error *err)
{
    struct om_frame *frame = NULL;
    bool is_ok = true;
    while (is_ok && om_decoder_take(decoder, &frame) == OM_OK) {
        is_ok = om_oracle_look(oracle, frame, view, err);
        om_frame_unref(&frame);
    }
    return is_ok;
}

bool om_oracle_watch(struct om_oracle *oracle, const char *path, struct om_oracle_view *view,
                     struct om_error *err)
{
    struct om_source_opts source_opts = om_source_opts_default;
    source_opts.as_fast_as_possible = true;
    om_auto(om_source) source = om_source_open(path, &source_opts, NULL, err);
    if (!source)
        return false;
    const struct om_decoder_opts decoder_opts = {.threads = 1};
    om_auto(om_decoder) decoder = om_decoder_create(om_source_info(source), &decoder_opts, err);
    if (!decoder)
        return false;
    om_oracle_begin(oracle);
    for (;;) {
        om_auto_ref(om_packet) packet = NULL;
        enum om_status status = om_source_read(source, &packet, err);
        if (status != OM_OK && status != OM_END)
            return false;
        (void)!om_decoder_send(decoder, packet);  // NULL at the end: what it holds comes out
        if (!look_at_all(oracle, decoder, view, err))
            return false;
        if (status == OM_END)
            return true;
    }
}

// ---- the cache ---------------------------------------------------------------------------------

// A file of our own on this very machine: the structs as they are.
struct view_head {
    uint32_t magic, count, detection_bytes, reserved;
};

static void view_path(const struct om_oracle *oracle, const char *name, struct om_buf *ret)
{
    om_buf_init(ret, 4096);
    om_buf_printf(ret, "%s/%s-%s.view", oracle->cache, name,
                  oracle->model ? om_model_manifest(oracle->model)->version : "motion");
}

bool om_oracle_recall(struct om_oracle *oracle, const char *name, struct om_oracle_view *view)
{
    if (!oracle->cache)
        return false;
    om_auto_buf path;
    om_auto_free char *data = NULL;
    size_t n = 0, at = sizeof(struct view_head);
    struct view_head head = {0};
    view_path(oracle, name, &path);
    if (!om_file_read(om_buf_text(&path), VIEW_BYTES_MAX, &data, &n, NULL) || n < sizeof(head))
        return false;
    memcpy(&head, data, sizeof(head));
    bool is_ok = head.magic == VIEW_MAGIC && head.detection_bytes == sizeof(struct om_detection);
    for (uint32_t i = 0; is_ok && i < head.count; i++) {
        struct om_detections *picture = add_picture(view);
        is_ok = n - at >= sizeof(picture->count);
        if (is_ok)
            memcpy(&picture->count, data + at, sizeof(picture->count));
        at += sizeof(picture->count);
        is_ok = is_ok && picture->count >= 0 && picture->count <= OM_DETECTIONS_MAX &&
                n - at >= (size_t)picture->count * sizeof(struct om_detection);
        if (is_ok)
            memcpy(picture->items, data + at, (size_t)picture->count * sizeof(struct om_detection));
        at += is_ok ? (size_t)picture->count * sizeof(struct om_detection) : 0;
    }
    if (!is_ok)
        om_oracle_view_finish(view);
    return is_ok;
}

void om_oracle_remember(struct om_oracle *oracle, const char *name,
                        const struct om_oracle_view *view)
{
    if (!oracle->cache)
        return;
    om_auto_buf path, data;
    const struct view_head head = {.magic = VIEW_MAGIC,
                                   .count = (uint32_t)view->count,
                                   .detection_bytes = sizeof(struct om_detection)};
    om_buf_init(&data, VIEW_BYTES_MAX);
    om_buf_append(&data, &head, sizeof(head));
    for (int i = 0; i < view->count; i++) {
        const struct om_detections *picture = &view->pictures[i];
        om_buf_append(&data, &picture->count, sizeof(picture->count));
        om_buf_append(&data, picture->items, (size_t)picture->count * sizeof(*picture->items));
    }
    view_path(oracle, name, &path);
    // Without it the next run takes longer, nothing else.
    (void)!om_file_write(om_buf_text(&path), om_buf_str(&data), NULL);
}

// ---- following ---------------------------------------------------------------------------------

static void add_tracks(const struct om_tracks *tracks, int64_t t_us, struct om_paths *ret)
{
    for (int i = 0; i < tracks->count; i++) {
        const struct om_track *track = &tracks->items[i];
        if (track->state != OM_TRACK_CONFIRMED)
            continue;
        const struct om_path_point point = {.id = (uint32_t)track->id,
                                            .class_id = track->class_id,
                                            .box = track->box,
                                            .t_us = t_us};
        om_paths_add(ret, &point);
    }
}

void om_oracle_follow(const struct om_oracle_view *view, int pictures, double fps,
                      struct om_paths *ret)
{
    struct om_tracker_opts opts;
    om_tracker_opts_default(&opts);
    om_auto(om_tracker) tracker = om_tracker_create(&opts);
    struct om_tracks *tracks = om_new(struct om_tracks);
    for (int i = 0; i < pictures && view->count > 0; i++) {
        int64_t t_us = (int64_t)((double)i * OM_SECOND / fps);
        om_tracker_update(tracker, t_us, t_us, &view->pictures[i % view->count], NULL, tracks,
                          NULL);
        add_tracks(tracks, t_us, ret);
    }
    om_free(tracks);
    om_paths_close(ret);
}
