#include "pipeline/stages.h"

#include <stdatomic.h>
#include <string.h>

#include "alert/alert.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/config.h"
#include "decode/decoder.h"
#include "infer/engine.h"
#include "loop/workers.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/stream.h"
#include "media/thumb.h"
#include "motion/detections.h"
#include "motion/watch.h"
#include "pipeline/feed.h"
#include "pipeline/load.h"
#include "pipeline/looks.h"
#include "pipeline/shapes.h"
#include "pipeline/waker.h"
#include "scene/labels.h"
#include "scene/track.h"
#include "sink/journal.h"
#include "track/tracker.h"
#include "traffic/traffic.h"

enum {
    RESULTS_MAX = 4,             // results waiting for the lane; a newer one pushes the oldest out
    RUN_BUDGET_US = 10 * OM_MS,  // one turn of the lane
    USEFUL_US = 2 * OM_SECOND,   // an answer that comes later is not waited for
    LINGER_US = 150 * OM_MS,     // thrift: what a look waits for others to share its run
    WATCH_STALE_US = 10 * OM_SECOND,  // a background that old is taken anew from the group
    GIVE_UP_US = 1500 * OM_MS,        // a lane so far behind goes on at the next key frame
    UNDER_WAY_US = 2 * OM_SECOND,     // so long a new or lost track keeps its camera awake
    BOXES_BYTES_MAX = 256 * 1024,
    BOXES_BYTES_USUAL = 4 * 1024,  // some forty objects
};

#define EPOCH_NONE UINT32_MAX  // no stream has it

// Counts the results of all cameras. It moves on under the lock of the stages that have the result,
// so whoever reads it first and then asks every camera has seen all up to there.
static atomic_uint_fast64_t results_seq;

// A result on its way from the engine back to the lane.
struct result {
    struct om_frame *frame;
    struct om_detections detections;
    struct om_regions looked;  // count 0: the whole picture
    int64_t queued_us, infer_us;
};

struct om_stages {
    // Constant after create.
    const struct om_log *log;
    struct om_workers *workers;
    struct om_engine *engine;
    struct om_journal *journal;
    struct om_feed_hub *hub;
    struct om_waker *waker;
    struct om_load *load;
    void (*on_boxes)(void *ctx);
    void *ctx;
    char camera[65];
    const struct om_labels *labels;  // borrowed from the engine's model, or own_labels
    struct om_labels *own_labels;
    struct om_mailbox *mailbox;
    struct om_slot *slot;
    struct om_lane lane;

    // Owned by the lane.
    struct om_decoder *decoder;
    struct om_stream_ref *stream;  // of the decoder; without one: it could not be opened for this
    bool is_fallback;              // what is decoded now
    uint64_t frames_before, corrupt_before;  // of the decoders that are closed
    uint32_t epoch;
    uint64_t frame_seq;
    struct om_watch *watch;
    struct om_watch_result motion;
    int64_t judged_pts_us;  // of the last picture the watch saw
    struct om_thumb thumb;
    uint8_t luma[OM_THUMB_PIXELS_MAX];
    struct om_tracker *tracker;
    struct om_tracks tracks;
    struct om_traffic *traffic;
    struct om_measures measures;
    struct om_alert *alert;
    int live_tracks;
    struct om_looks looks;
    bool is_thrifty;        // looks are rationed now
    int64_t moving_pts_us;  // of the last picture that was looked at, and what moved in it
    int moving_count;
    struct om_box moving[OM_REGIONS_MAX];
    int64_t last_result_pts_us;
    double detect_fps;
    struct om_buf boxes_work;

    struct om_mutex results_lock;
    // Under `results_lock`.
    struct result results[RESULTS_MAX];  // a circle
    int result_first, result_count;

    struct om_mutex lock;
    // Under `lock`.
    struct om_stages_stats stats;
    struct om_error error;
    bool has_error;
    struct om_frame *shown;
    struct om_buf boxes;
    uint64_t boxes_seq;
    struct om_conf_camera conf;  // pending
    bool has_conf;
};

static void lane_run(void *ctx);
static void on_result(void *ctx, struct om_slot_result *result);

static void motion_labels(struct om_stages *stages)
{
    const char *names[] = {"motion"};
    stages->own_labels = om_labels_create(names, 1);
    stages->labels = stages->own_labels;
}

struct om_stages *om_stages_create(const struct om_stages_opts *opts)
{
    struct om_stages *stages = om_new(struct om_stages);
    stages->log = opts->log;
    stages->workers = opts->workers;
    stages->engine = opts->engine;
    stages->journal = opts->journal;
    stages->hub = opts->hub;
    stages->waker = opts->waker;
    stages->load = opts->load;
    stages->on_boxes = opts->on_boxes;
    stages->ctx = opts->ctx;
    (void)om_str_copy(stages->camera, sizeof(stages->camera), om_str_from(opts->conf->id));
    om_mutex_init(&stages->lock);
    om_mutex_init(&stages->results_lock);
    om_buf_init(&stages->boxes, BOXES_BYTES_MAX);
    om_buf_init(&stages->boxes_work, BOXES_BYTES_MAX);
    (void)!om_buf_reserve(&stages->boxes, BOXES_BYTES_USUAL);  // else they grow picture by picture
    (void)!om_buf_reserve(&stages->boxes_work, BOXES_BYTES_USUAL);
    stages->stats.last_frame_mono_us = OM_TIME_NONE;
    stages->last_result_pts_us = OM_TIME_NONE;
    stages->judged_pts_us = OM_TIME_NONE;
    struct om_looks_opts looks = {.mode = OM_LOOK_MOVING};
    om_looks_init(&stages->looks, opts->looks ? opts->looks : &looks);
    stages->thumb.luma = stages->luma;
    stages->mailbox = om_mailbox_create();
    stages->watch = om_watch_create(opts->watch);
    stages->tracker = om_tracker_create(opts->tracker);
    stages->traffic = om_traffic_create();
    stages->alert = om_alert_create(opts->alert);
    om_lane_init(&stages->lane, lane_run, stages);
    om_stages_set_conf(stages, opts->conf);
    if (stages->engine) {
        stages->labels = om_model_manifest(om_engine_model(stages->engine))->labels;
        stages->slot = om_slot_open(stages->engine, &OM_SLOT_OPTS_DEFAULT, on_result, stages);
    } else {
        motion_labels(stages);
    }
    return stages;
}

void om_stages_destroy(struct om_stages *stages)
{
    if (!stages)
        return;
    // The lane puts frames into the slot; results that still come wake a finished lane: nothing.
    om_lane_finish(stages->workers, &stages->lane);
    om_slot_close(stages->slot);
    for (; stages->result_count > 0; stages->result_count--) {
        om_frame_unref(&stages->results[stages->result_first].frame);
        stages->result_first = (stages->result_first + 1) % RESULTS_MAX;
    }
    om_mailbox_destroy(stages->mailbox);
    om_decoder_destroy(stages->decoder);
    om_stream_ref_unref(&stages->stream);
    om_frame_unref(&stages->shown);
    om_watch_destroy(stages->watch);
    om_tracker_destroy(stages->tracker);
    om_traffic_destroy(stages->traffic);
    om_alert_destroy(stages->alert);
    om_labels_unref(&stages->own_labels);
    om_conf_camera_finish(&stages->conf);
    om_buf_finish(&stages->boxes);
    om_buf_finish(&stages->boxes_work);
    om_mutex_finish(&stages->results_lock);
    om_mutex_finish(&stages->lock);
    om_free(stages);
}

// ---- in from the reader ------------------------------------------------------------------------

void om_stages_put(struct om_stages *stages, struct om_mail mail, enum om_mailbox_policy policy,
                   struct om_cancel *cancel)
{
    om_mailbox_put(stages->mailbox, mail, policy, cancel);
    om_lane_wake(stages->workers, &stages->lane);
}

void om_stages_wake_putter(struct om_stages *stages)
{
    om_mailbox_wake(stages->mailbox);
}

void om_stages_show(struct om_stages *stages, struct om_frame *frame)
{
    struct om_frame *before;
    {
        om_with_lock(&stages->lock);
        before = stages->shown;
        stages->shown = frame;
    }
    om_frame_unref(&before);
}

void om_stages_set_conf(struct om_stages *stages, const struct om_conf_camera *conf)
{
    om_with_lock(&stages->lock);
    om_conf_camera_finish(&stages->conf);
    om_conf_camera_copy(&stages->conf, conf);
    stages->has_conf = true;
}

// Lane: takes over what om_stages_set_conf() left.
static void apply_conf(struct om_stages *stages)
{
    struct om_shapes *shapes = NULL;
    {
        om_with_lock(&stages->lock);
        if (!stages->has_conf)
            return;
        stages->has_conf = false;
        shapes = om_new(struct om_shapes);
        om_shapes_from_conf(&stages->conf, shapes);
        stages->detect_fps = stages->conf.detect_fps;
    }
    om_traffic_set_shapes(stages->traffic, shapes);
    om_free(shapes);
}

// ---- results: track, traffic, alert ------------------------------------------------------------

static void emit(void *ctx, const struct om_event *event)
{
    struct om_stages *stages = ctx;
    om_journal_put(stages->journal, event);
}

static void alert_frame_fill(struct om_stages *stages, const struct om_frame *frame,
                             const struct result *result, struct om_alert_frame *ret)
{
    *ret = (struct om_alert_frame){
        .camera = stages->camera,
        .labels = stages->labels,
        .pts_us = frame->pts_us,
        .wall_us = frame->wall_us,
        .epoch = frame->epoch,
        .width = om_frame_upright_width(frame),
        .height = om_frame_upright_height(frame),
        .latency_decode_ms = (double)(frame->decoded_us - frame->arrival_us) / OM_MS,
        .latency_queue_ms = (double)result->queued_us / OM_MS,
        .latency_infer_ms = (double)result->infer_us / OM_MS,
        .latency_total_ms = (double)(om_time_mono_us() - frame->arrival_us) / OM_MS,
    };
    if (stages->engine) {
        const struct om_manifest *manifest = om_model_manifest(om_engine_model(stages->engine));
        ret->model_name = manifest->name;
        ret->model_version = manifest->version;
    }
    om_rand_uuid7(ret->request_id);
}

static void write_box(struct om_json_writer *w, struct om_box box)
{
    om_json_key(w, "box");
    om_json_array(w);
    om_json_double(w, (double)box.x, 1);
    om_json_double(w, (double)box.y, 1);
    om_json_double(w, (double)box.w, 1);
    om_json_double(w, (double)box.h, 1);
    om_json_array_end(w);
}

// What the page draws: the tracks seen in this very picture.
static void publish_boxes(struct om_stages *stages, const struct om_alert_frame *frame)
{
    om_buf_clear(&stages->boxes_work);
    struct om_json_writer w;
    om_json_begin(&w, &stages->boxes_work);
    om_json_object(&w);
    om_json_kv_text(&w, "camera", stages->camera);
    om_json_kv_int(&w, "epoch", frame->epoch);
    om_json_kv_int(&w, "pts_us", frame->pts_us);
    char wall[OM_TIME_TEXT_SIZE];
    om_json_kv_text(&w, "wall", om_time_text(frame->wall_us, wall));
    om_json_kv_int(&w, "width", frame->width);
    om_json_kv_int(&w, "height", frame->height);
    om_json_key(&w, "objects");
    om_json_array(&w);
    for (int i = 0; i < stages->tracks.count; i++) {
        const struct om_track *track = &stages->tracks.items[i];
        if (track->state != OM_TRACK_CONFIRMED)
            continue;
        om_json_object(&w);
        om_json_kv_int(&w, "id", (int64_t)track->id);
        om_json_kv_text(&w, "label", om_labels_name(stages->labels, track->class_id));
        om_json_kv_double(&w, "score", (double)track->score, 3);
        write_box(&w, track->box);
        om_json_object_end(&w);
    }
    om_json_array_end(&w);
    om_json_object_end(&w);
    {
        om_with_lock(&stages->lock);
        struct om_buf before = stages->boxes;
        stages->boxes = stages->boxes_work;
        stages->boxes_work = before;
        stages->boxes_seq = atomic_fetch_add(&results_seq, 1) + 1;
        stages->stats.frames_detected++;
        stages->stats.tracks = stages->live_tracks;
        stages->stats.delay_ms = frame->latency_total_ms;
    }
    if (stages->on_boxes)
        stages->on_boxes(stages->ctx);
}

static void count_live_tracks(struct om_stages *stages)
{
    stages->live_tracks = 0;
    for (int i = 0; i < stages->tracks.count; i++)
        stages->live_tracks += stages->tracks.items[i].state == OM_TRACK_CONFIRMED;
}

// Parts are only asked for of pictures that are stored upright.
static int looked_boxes(const struct om_regions *looked, struct om_box ret[OM_REGIONS_MAX])
{
    for (int i = 0; i < looked->count; i++) {
        const struct om_region *r = &looked->items[i];
        ret[i] = (struct om_box){(float)r->x, (float)r->y, (float)r->w, (float)r->h};
    }
    return looked->count;
}

static void follow(struct om_stages *stages, const struct result *result)
{
    const struct om_frame *frame = result->frame;
    if (stages->last_result_pts_us != OM_TIME_NONE && frame->pts_us <= stages->last_result_pts_us)
        return;
    stages->last_result_pts_us = frame->pts_us;

    struct om_box looked[OM_REGIONS_MAX];
    const struct om_tracker_look look = {
        .detections = &result->detections,
        .looked = looked,
        .looked_count = looked_boxes(&result->looked, looked),
        .moving = stages->moving,
        .moving_count = frame->pts_us == stages->moving_pts_us ? stages->moving_count : 0,
        .width = (float)om_frame_upright_width(frame),
        .height = (float)om_frame_upright_height(frame),
    };
    om_tracker_update_looked(stages->tracker, frame->pts_us, frame->wall_us, &look, &stages->tracks,
                             NULL);
    struct om_alert_frame about;
    alert_frame_fill(stages, frame, result, &about);
    om_traffic_update(stages->traffic, &stages->tracks, about.width, about.height, stages->labels,
                      &stages->measures);
    om_alert_update(stages->alert, &about, &stages->tracks, &stages->measures, emit, stages);
    count_live_tracks(stages);
    publish_boxes(stages, &about);
}

// A jump in the stream: nothing that was tracked can be matched with what comes.
static void end_tracks(struct om_stages *stages, const struct om_frame *frame)
{
    om_tracker_reset(stages->tracker, &stages->tracks);
    struct om_alert_frame about;
    alert_frame_fill(stages, frame, &(struct result){0}, &about);
    om_traffic_update(stages->traffic, &stages->tracks, about.width, about.height, stages->labels,
                      &stages->measures);
    om_alert_update(stages->alert, &about, &stages->tracks, &stages->measures, emit, stages);
    stages->tracks.count = 0;
    stages->live_tracks = 0;
    om_looks_start(&stages->looks);
    stages->last_result_pts_us = OM_TIME_NONE;
}

// Engine thread: hands over, nothing else.
static void on_result(void *ctx, struct om_slot_result *in)
{
    struct om_stages *stages = ctx;
    struct om_frame *pushed_out = NULL;
    if (stages->load) {
        // What a look was willing to wait is no lateness.
        om_load_note(stages->load, OM_MAX(in->queued_us - LINGER_US, 0), om_time_mono_us());
    }
    if (in->status != OM_OK) {
        om_frame_unref(&in->frame);
        return;
    }
    {
        om_with_lock(&stages->results_lock);
        if (stages->result_count == RESULTS_MAX) {
            pushed_out = stages->results[stages->result_first].frame;
            stages->result_first = (stages->result_first + 1) % RESULTS_MAX;
            stages->result_count--;
        }
        int at = (stages->result_first + stages->result_count++) % RESULTS_MAX;
        struct result *result = &stages->results[at];
        result->frame = om_steal(&in->frame);
        result->detections.count = in->result->detections.count;
        memcpy(result->detections.items, in->result->detections.items,
               sizeof(struct om_detection) * (size_t)in->result->detections.count);
        result->looked = *in->looked;
        result->queued_us = in->queued_us;
        result->infer_us = in->result->timing.pre_us + in->result->timing.infer_us +
                           in->result->timing.post_us;
    }
    om_frame_unref(&pushed_out);
    om_lane_wake(stages->workers, &stages->lane);
}

static bool take_result(struct om_stages *stages, struct result *ret)
{
    om_with_lock(&stages->results_lock);
    if (stages->result_count == 0)
        return false;
    struct result *result = &stages->results[stages->result_first];
    ret->frame = om_steal(&result->frame);
    ret->looked = result->looked;
    ret->queued_us = result->queued_us;
    ret->infer_us = result->infer_us;
    ret->detections.count = result->detections.count;
    memcpy(ret->detections.items, result->detections.items,
           sizeof(struct om_detection) * (size_t)result->detections.count);
    stages->result_first = (stages->result_first + 1) % RESULTS_MAX;
    stages->result_count--;
    return true;
}

static void follow_results(struct om_stages *stages)
{
    struct result result;
    while (take_result(stages, &result)) {
        if (result.frame->epoch == stages->epoch)
            follow(stages, &result);
        om_frame_unref(&result.frame);
    }
}

// ---- frames: motion, slot ----------------------------------------------------------------------

static void judge(struct om_stages *stages, struct om_frame *frame)
{
    om_thumb_size(frame->width, frame->height, &stages->thumb.width, &stages->thumb.height);
    om_thumb_fill(&stages->thumb, frame);
    om_watch_update(stages->watch, &stages->thumb, &stages->motion);
    stages->judged_pts_us = frame->pts_us;
}

static void follow_motion(struct om_stages *stages, struct om_frame *frame)
{
    struct result result = {.frame = frame};
    om_motion_detections(&stages->motion.regions, &stages->thumb, frame, &result.detections);
    follow(stages, &result);
}

// Whether the camera has to stay awake for this picture's sake. A track that is just seen needs no
// watching over: if it moves, so do pixels.
static bool is_under_way(const struct om_stages *stages, const struct om_frame *frame)
{
    if (stages->motion.is_moving)
        return true;
    for (int i = 0; i < stages->tracks.count; i++) {
        const struct om_track *track = &stages->tracks.items[i];
        bool is_open = track->state == OM_TRACK_TENTATIVE || track->state == OM_TRACK_LOST;
        if (is_open && frame->pts_us - track->last_pts_us < UNDER_WAY_US)
            return true;
    }
    return false;
}

static enum om_look_kind decide(struct om_stages *stages, const struct om_frame *frame,
                                struct om_parts *parts)
{
    bool is_crowded = stages->load && om_load_is_crowded(stages->load);
    stages->is_thrifty = om_looks_are_thrifty(&stages->looks, is_crowded);
    parts->regions.count = 0;
    if (stages->is_thrifty && stages->slot && om_slot_is_busy(stages->slot))
        return OM_LOOK_LATER;
    const struct om_look_at at = {
        .pts_us = frame->pts_us,
        .width = frame->width,
        .height = frame->height,
        .thumb_width = stages->thumb.width,
        .thumb_height = stages->thumb.height,
        .is_turned = frame->rotation_deg != 0 || frame->is_mirrored,
        .motion = &stages->motion,
        .tracks = &stages->tracks,
        .tracks_pts_us = stages->last_result_pts_us,
        .is_crowded = is_crowded,
        .fps_max = stages->detect_fps,
        .stretch = stages->load ? om_load_stretch(stages->load) : 1,
    };
    return om_looks_decide(&stages->looks, &at, parts);
}

static void count_frame(struct om_stages *stages, const struct om_frame *frame,
                        enum om_look_kind kind, const struct om_parts *parts)
{
    om_with_lock(&stages->lock);
    stages->stats.frames_live++;
    stages->stats.last_frame_mono_us = om_time_mono_us();
    stages->stats.width = om_frame_upright_width(frame);
    stages->stats.height = om_frame_upright_height(frame);
    stages->stats.frames_skipped += kind == OM_LOOK_NOTHING || kind == OM_LOOK_LATER;
    stages->stats.frames_put_off += kind == OM_LOOK_LATER;
    stages->stats.parts_looked += (uint64_t)parts->regions.count;
}

static void keep_moving(struct om_stages *stages, const struct om_frame *frame)
{
    stages->moving_pts_us = frame->pts_us;
    stages->moving_count = 0;
    if (!stages->is_thrifty || !stages->motion.is_moving)
        return;
    struct om_detections moving;
    om_motion_detections(&stages->motion.regions, &stages->thumb, frame, &moving);
    for (int i = 0; i < moving.count; i++)
        stages->moving[stages->moving_count++] = moving.items[i].box;
}

static void look_at(struct om_stages *stages, struct om_frame *frame, const struct om_parts *parts)
{
    if (!stages->slot) {
        follow_motion(stages, frame);
        return;
    }
    keep_moving(stages, frame);
    struct om_look look = {
        .frame = om_frame_ref(frame),
        .parts = *parts,
        .deadline_us = frame->arrival_us + USEFUL_US,
        .linger_us = stages->is_thrifty ? LINGER_US : 0,
    };
    om_slot_look(stages->slot, &look);
}

static void on_frame(struct om_stages *stages, struct om_frame *frame)
{
    frame->seq = stages->frame_seq++;
    if (frame->epoch != stages->epoch) {
        end_tracks(stages, frame);
        stages->epoch = frame->epoch;
    }
    judge(stages, frame);
    struct om_parts parts;
    enum om_look_kind kind = decide(stages, frame, &parts);
    om_stages_show(stages,
                   om_frame_ref(frame));  // before it is counted: a live camera has a picture
    count_frame(stages, frame, kind, &parts);
    if (kind == OM_LOOK_PARTS || kind == OM_LOOK_WHOLE)
        look_at(stages, frame, &parts);
    if (stages->waker)
        om_waker_saw(stages->waker, frame->pts_us, is_under_way(stages, frame));
    om_frame_unref(&frame);
}

// ---- packets: decode ---------------------------------------------------------------------------

static void fail(struct om_stages *stages, const struct om_error *err)
{
    om_with_lock(&stages->lock);
    stages->error = *err;
    stages->has_error = true;
}

static bool same_coding(const struct om_stream_info *a, const struct om_stream_info *b)
{
    return a->codec == b->codec && a->width == b->width && a->height == b->height &&
           a->raw_format == b->raw_format && a->rotation_deg == b->rotation_deg &&
           a->extradata_bytes == b->extradata_bytes &&
           (a->extradata_bytes == 0 || memcmp(a->extradata, b->extradata, a->extradata_bytes) == 0);
}

static bool decoder_fits(const struct om_stages *stages, const struct om_mail *mail)
{
    return stages->decoder && stages->is_fallback == mail->is_fallback &&
           (stages->stream == mail->stream ||
            same_coding(om_stream_ref_info(stages->stream), om_stream_ref_info(mail->stream)));
}

static void take_frames(struct om_stages *stages)
{
    struct om_frame *frame = NULL;
    while (om_decoder_take(stages->decoder, &frame) == OM_OK) {
        if (stages->is_fallback)
            om_stages_show(stages, om_steal(&frame));
        else
            on_frame(stages, om_steal(&frame));
    }
    struct om_decoder_stats stats = om_decoder_stats(stages->decoder);
    om_with_lock(&stages->lock);
    stages->stats.frames_decoded = stages->frames_before + stats.frames;
    stages->stats.frames_corrupt = stages->corrupt_before + stats.corrupt;
}

static void close_decoder(struct om_stages *stages)
{
    if (stages->decoder) {
        if (om_decoder_send(stages->decoder, NULL) == OM_OK)
            take_frames(stages);
        struct om_decoder_stats stats = om_decoder_stats(stages->decoder);
        stages->frames_before += stats.frames;
        stages->corrupt_before += stats.corrupt;
        om_decoder_destroy(om_steal(&stages->decoder));
    }
    om_stream_ref_unref(&stages->stream);
}

static bool open_decoder(struct om_stages *stages, const struct om_mail *mail)
{
    close_decoder(stages);
    struct om_error err;
    const struct om_decoder_opts opts = {.threads = 1};
    stages->stream = om_stream_ref_ref(mail->stream);
    stages->is_fallback = mail->is_fallback;
    stages->decoder = om_decoder_create(om_stream_ref_info(mail->stream), &opts, &err);
    if (!stages->decoder)
        fail(stages, &err);
    return stages->decoder;
}

// What was tracked is over with the stream it was seen in.
static void end_stream(struct om_stages *stages)
{
    bool was_watched = stages->decoder && !stages->is_fallback;
    close_decoder(stages);
    om_auto_ref(om_frame) last = was_watched ? om_stages_snapshot(stages) : NULL;
    if (!last)
        return;
    end_tracks(stages, last);
    stages->epoch = EPOCH_NONE;  // results still on their way are nobody's any more
}

static void discard_frames(struct om_stages *stages)
{
    struct om_frame *frame = NULL;
    while (om_decoder_take(stages->decoder, &frame) == OM_OK) {
        // The picture before the motion is the best background there is.
        if (frame->is_key && (stages->judged_pts_us == OM_TIME_NONE ||
                              frame->pts_us - stages->judged_pts_us > WATCH_STALE_US)) {
            om_watch_restart(stages->watch);
            judge(stages, frame);
        }
        om_frame_unref(&frame);
    }
}

// When all is quiet, what stands there now is the background of what comes next.
static void settle(struct om_stages *stages)
{
    if (stages->judged_pts_us == OM_TIME_NONE || stages->motion.is_moving)
        return;
    om_watch_settle(stages->watch, &stages->thumb);
}

// The group of pictures that went by while the camera slept.
static void catch_up(struct om_stages *stages, const struct om_packet *until)
{
    struct om_packet *group[OM_GROUP_PACKETS_MAX];
    size_t n = stages->hub ? om_feed_hub_group(stages->hub, until, group) : 0;
    for (size_t i = 0; i < n; i++) {
        (void)!om_decoder_send(stages->decoder, group[i]);
        discard_frames(stages);
        om_packet_unref(&group[i]);
    }
    om_looks_wake(&stages->looks);
}

static void decode(struct om_stages *stages, const struct om_mail *mail)
{
    if (!mail->packet) {
        end_stream(stages);
        om_with_lock(&stages->lock);
        stages->stats.flushes++;
        return;
    }
    if (stages->load && !mail->is_fallback) {
        int64_t now_us = om_time_mono_us();
        int64_t late_us = now_us - mail->packet->arrival_us;
        om_load_note(stages->load, late_us, now_us);
        if (stages->waker && late_us > GIVE_UP_US && mail->kind != OM_MAIL_SLEEP)
            om_waker_give_up(stages->waker, mail->packet->dts_us);
    }
    if (mail->kind == OM_MAIL_SLEEP) {
        close_decoder(stages);
        settle(stages);
        return;
    }
    if (!stages->decoder && stages->stream == mail->stream)
        return;  // it cannot be decoded, and trying again with every packet would change nothing
    if (!decoder_fits(stages, mail) && !open_decoder(stages, mail))
        return;
    if (mail->kind == OM_MAIL_WAKE)
        catch_up(stages, mail->packet);
    // A damaged packet costs its own pictures; the decoder counts them and goes on.
    (void)!om_decoder_send(stages->decoder, mail->packet);
    take_frames(stages);
    if (mail->kind == OM_MAIL_KEY)
        close_decoder(stages);
}

static void lane_run(void *ctx)
{
    struct om_stages *stages = ctx;
    int64_t until_us = om_time_mono_us() + RUN_BUDGET_US;
    apply_conf(stages);
    do {
        follow_results(stages);
        struct om_mail mail;
        if (!om_mailbox_take(stages->mailbox, &mail))
            return;
        decode(stages, &mail);
        om_packet_unref(&mail.packet);
        om_stream_ref_unref(&mail.stream);
    } while (om_time_mono_us() < until_us);
    om_lane_wake(stages->workers, &stages->lane);
}

// ---- out to everybody --------------------------------------------------------------------------

void om_stages_stats(struct om_stages *stages, struct om_stages_stats *ret)
{
    om_with_lock(&stages->lock);
    *ret = stages->stats;
}

bool om_stages_take_error(struct om_stages *stages, struct om_error *ret)
{
    om_with_lock(&stages->lock);
    if (!stages->has_error)
        return false;
    stages->has_error = false;
    *ret = stages->error;
    return true;
}

struct om_frame *om_stages_snapshot(struct om_stages *stages)
{
    om_with_lock(&stages->lock);
    return stages->shown ? om_frame_ref(stages->shown) : NULL;
}

bool om_stages_boxes_json(struct om_stages *stages, uint64_t *seq, struct om_buf *out)
{
    om_with_lock(&stages->lock);
    if (stages->boxes_seq <= *seq)
        return false;
    *seq = stages->boxes_seq;
    om_buf_append_str(out, om_buf_str(&stages->boxes));
    return true;
}

uint64_t om_stages_boxes_seq(struct om_stages *stages)
{
    om_with_lock(&stages->lock);
    return stages->boxes_seq;
}

uint64_t om_stages_results_seq(void)
{
    return atomic_load(&results_seq);
}

void om_stages_counts_json(struct om_stages *stages, struct om_buf *out)
{
    struct om_json_writer w;
    om_json_begin(&w, out);
    om_json_object(&w);
    om_json_key(&w, "counts");
    om_traffic_write_counts(stages->traffic, &w);
    om_json_object_end(&w);
}
