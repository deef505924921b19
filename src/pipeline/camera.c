#include "pipeline/camera.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/rand.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/config.h"
#include "event/event.h"
#include "loop/cancel.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/picture.h"
#include "media/stream.h"
#include "pipeline/backoff.h"
#include "pipeline/feed.h"
#include "pipeline/gate.h"
#include "pipeline/stages.h"
#include "pipeline/timeline.h"
#include "pipeline/waker.h"
#include "record/fmp4.h"
#include "sink/journal.h"
#include "source/source.h"

enum {
    RATE_WINDOW_US = OM_SECOND,
    DRAIN_POLL_US = 5 * OM_MS,
    READER_STACK_BYTES = 512 * 1024,  // libavformat's open and TLS handshakes run on it
};

static struct om_metric reconnects_total = OM_COUNTER("omma_camera_reconnects_total",
                                                      "Tries to bring a camera back, all cameras.");
static struct om_metric stalls_total = OM_COUNTER(
    "omma_camera_stalls_total", "Streams that stopped giving pictures without an error.");

struct om_camera {
    // Constant after create.
    struct om_log log;
    struct om_source_opts source_opts;
    struct om_connect_gate *gate;
    struct om_journal *journal;
    struct om_stages *stages;
    struct om_feed_hub *hub;
    struct om_waker *waker;  // NULL: every packet is decoded
    char safe_source[OM_SOURCE_TEXT_SIZE];
    enum om_source_kind kind;

    struct om_thread thread;
    struct om_cancel cancel;

    // Owned by the reader thread.
    struct om_backoff backoff;
    struct om_stream_ref *stream;
    struct om_timeline timeline;
    uint32_t epoch;
    struct om_source *fallback;  // a fallback video while it plays
    struct om_stream_ref *fallback_stream;
    bool has_tried_fallback;  // once an outage
    bool shows_fallback;
    int64_t slept_us;  // when a packet was last left alone: no picture is expected of it
    int64_t window_since_us;
    uint64_t window_packets, window_bytes;

    struct om_mutex lock;
    // Under `lock`.
    struct om_conf_camera conf;
    struct om_camera_status status;
    int64_t next_try_us;
};

const char *om_camera_state_name(enum om_camera_state state)
{
    static const char *const names[OM_CAMERA_STATE_COUNT] = {
        [OM_CAMERA_CONNECTING] = "connecting", [OM_CAMERA_LIVE] = "live",
        [OM_CAMERA_STALLED] = "stalled",       [OM_CAMERA_BACKOFF] = "backoff",
        [OM_CAMERA_FALLBACK] = "fallback",     [OM_CAMERA_ENDED] = "ended",
        [OM_CAMERA_DISABLED] = "disabled",     [OM_CAMERA_REFUSED] = "refused",
    };
    om_assert(state >= 0 && state < OM_CAMERA_STATE_COUNT);
    return names[state];
}

// ---- state -------------------------------------------------------------------------------------

static void tell_state(struct om_camera *cam, enum om_camera_state before,
                       enum om_camera_state after, const struct om_error *why)
{
    struct om_event event = {.type = OM_EVENT_CAMERA_STATE, .wall_us = om_time_wall_us()};
    (void)om_str_copy(event.camera, sizeof(event.camera), om_str_from(cam->conf.id));
    (void)om_str_copy(event.state, sizeof(event.state), om_str_from(om_camera_state_name(after)));
    (void)om_str_copy(event.state_before, sizeof(event.state_before),
                      om_str_from(om_camera_state_name(before)));
    if (why)
        (void)om_str_copy(event.reason, sizeof(event.reason), om_str_from(why->text));
    om_rand_uuid7(event.request_id);
    om_journal_put(cam->journal, &event);
}

// The one place that changes the state. `why` may be NULL.
static void camera_set_state(struct om_camera *cam, enum om_camera_state state,
                             const struct om_error *why)
{
    enum om_camera_state before;
    {
        om_with_lock(&cam->lock);
        before = cam->status.state;
        cam->status.state = state;
        cam->next_try_us = 0;
        if (before != state)
            cam->status.state_since_wall_us = om_time_wall_us();
        if (state == OM_CAMERA_LIVE) {
            cam->status.reason[0] = cam->status.hint[0] = '\0';
        } else {
            cam->status.fps = cam->status.bitrate_bps = 0;
        }
        if (state != OM_CAMERA_LIVE && why) {
            (void)om_str_copy(cam->status.reason, sizeof(cam->status.reason),
                              om_str_from(why->text));
            (void)om_str_copy(cam->status.hint, sizeof(cam->status.hint), om_str_from(why->hint));
        }
    }
    if (before == state)
        return;
    if (why)
        om_log_warn(&cam->log, "%s: %s%s%s", om_camera_state_name(state), why->text,
                    why->hint[0] ? "; " : "", why->hint);
    else
        om_log_info(&cam->log, "%s", om_camera_state_name(state));
    tell_state(cam, before, state, why);
}

static enum om_camera_state camera_state(struct om_camera *cam)
{
    om_with_lock(&cam->lock);
    return cam->status.state;
}

// ---- reading -----------------------------------------------------------------------------------

static bool is_video_passthrough(const struct om_stream_info *info)
{
    return info->codec == OM_CODEC_H264 || info->codec == OM_CODEC_HEVC;
}

static void learn_stream(struct om_camera *cam, const struct om_stream_info *info)
{
    om_stream_ref_unref(&cam->stream);
    cam->stream = om_stream_ref_create(info);
    if (cam->waker)
        om_waker_stream(cam->waker, info);
    char codecs[OM_FMP4_CODECS_SIZE] = "";
    struct om_fmp4 *mux = is_video_passthrough(info) ? om_fmp4_create(info, false, NULL) : NULL;
    if (mux && om_fmp4_is_ready(mux))
        (void)om_str_copy(codecs, sizeof(codecs), om_str_from(om_fmp4_codecs(mux)));
    om_fmp4_destroy(mux);

    om_with_lock(&cam->lock);
    (void)om_str_copy(cam->status.codec, sizeof(cam->status.codec),
                      om_str_from(om_codec_name(info->codec)));
    cam->status.is_fmp4 = is_video_passthrough(info);
    if (codecs[0] || !cam->status.is_fmp4)
        (void)om_str_copy(cam->status.codecs, sizeof(cam->status.codecs), om_str_from(codecs));
}

static void count_packet(struct om_camera *cam, const struct om_packet *packet)
{
    int64_t now_us = om_time_mono_us();
    cam->window_packets++;
    cam->window_bytes += packet->bytes;
    int64_t window_us = now_us - cam->window_since_us;
    bool is_over = window_us >= RATE_WINDOW_US;
    om_with_lock(&cam->lock);
    cam->status.packets++;
    if (!is_over)
        return;
    cam->status.fps = (double)cam->window_packets * OM_SECOND / (double)window_us;
    cam->status.bitrate_bps = (double)cam->window_bytes * 8 * OM_SECOND / (double)window_us;
    cam->window_since_us = now_us;
    cam->window_packets = cam->window_bytes = 0;
}

static void hand_over(struct om_camera *cam, struct om_packet *packet,
                      const struct om_stream_info *info)
{
    om_timeline_place(&cam->timeline, packet);
    if (!cam->stream || packet->epoch != cam->epoch)
        learn_stream(cam, info);
    cam->epoch = packet->epoch;
    bool is_kept = is_video_passthrough(info);
    if (is_kept) {
        om_feed_hub_publish(cam->hub, packet, cam->stream);
        is_kept = om_feed_hub_keeps_group(cam->hub);
    }
    enum om_mail_kind kind = cam->waker ? om_waker_judge(cam->waker, packet, is_kept)
                                        : OM_MAIL_PASS;
    if (kind == OM_MAIL_IGNORE) {
        cam->slept_us = om_time_mono_us();
        om_packet_unref(&packet);
        return;
    }
    struct om_mail mail = {
        .packet = packet, .stream = om_stream_ref_ref(cam->stream), .kind = kind};
    om_stages_put(cam->stages, mail, info->is_live ? OM_MAILBOX_NEWEST_WINS : OM_MAILBOX_WAIT,
                  &cam->cancel);
}

static void close_fallback(struct om_camera *cam)
{
    om_source_close(om_steal(&cam->fallback));
    om_stream_ref_unref(&cam->fallback_stream);
    cam->has_tried_fallback = cam->shows_fallback = false;
}

// Pictures arrive: the outage, if there was one, is over.
static void note_pictures(struct om_camera *cam)
{
    if (camera_state(cam) == OM_CAMERA_LIVE)
        return;
    om_backoff_live(&cam->backoff, om_time_mono_us());
    close_fallback(cam);
    camera_set_state(cam, OM_CAMERA_LIVE, NULL);
}

// Packets without pictures are a stall too: the decoder may wait for a key frame that never comes.
static enum om_status check_pictures(struct om_camera *cam, uint64_t frames_before,
                                     int64_t opened_us, struct om_error *err)
{
    struct om_stages_stats stats;
    om_stages_stats(cam->stages, &stats);
    if (stats.frames_live > frames_before)
        note_pictures(cam);
    int64_t last_us = OM_MAX(opened_us, stats.last_frame_mono_us);
    last_us = OM_MAX(last_us, cam->slept_us);
    if (om_time_mono_us() - last_us < cam->source_opts.first_key_timeout_us)
        return OM_OK;
    struct om_error why;
    if (om_stages_take_error(cam->stages, &why)) {
        *err = why;
        return err->status;
    }
    om_error_set(err, OM_TIMEOUT, "packets arrive, but no picture can be decoded from them");
    om_error_hint(err, "lower the camera's key frame interval, or check its codec settings");
    return OM_TIMEOUT;
}

// Has the lane show all that it was given, so that nothing of this stream comes out when the next
// one, or a fallback, is on. Returns how many pictures there were since `frames_before`.
static uint64_t drain(struct om_camera *cam, uint64_t frames_before)
{
    struct om_stages_stats stats;
    om_stages_stats(cam->stages, &stats);
    uint64_t flushes = stats.flushes;
    om_stages_put(cam->stages, (struct om_mail){0}, OM_MAILBOX_WAIT, &cam->cancel);
    do {
        om_stages_stats(cam->stages, &stats);
    } while (stats.flushes == flushes &&
             !om_cancel_sleep_until(&cam->cancel, om_time_mono_us() + DRAIN_POLL_US));
    return stats.frames_live - frames_before;
}

static enum om_status end_of_stream(bool is_live, bool has_pictures, struct om_error *err)
{
    if (is_live)
        return om_error_set(err, OM_END, "the camera ended the stream");
    if (has_pictures)
        return OM_END;
    om_error_set(err, OM_INVALID, "no picture could be decoded from this file");
    om_error_hint(err, "it may be damaged or cut off before the first key frame");
    return OM_INVALID;
}

// Reads until the stream ends or breaks; the class says how.
static enum om_status read_stream(struct om_camera *cam, struct om_source *source,
                                  struct om_error *err)
{
    struct om_stages_stats stats;
    om_stages_stats(cam->stages, &stats);
    uint64_t frames_before = stats.frames_live;
    int64_t opened_us = om_time_mono_us();
    cam->window_since_us = opened_us;
    cam->window_packets = cam->window_bytes = 0;
    enum om_status status;
    do {
        struct om_packet *packet = NULL;
        status = om_source_read(source, &packet, err);
        if (status != OM_OK)
            break;
        count_packet(cam, packet);
        hand_over(cam, packet, om_source_info(source));
        status = check_pictures(cam, frames_before, opened_us, err);
    } while (status == OM_OK);
    bool has_pictures = drain(cam, frames_before) > 0;
    if (cam->waker)
        om_waker_end(cam->waker);
    if (om_cancel_is_set(&cam->cancel))
        return OM_CANCELLED;
    if (has_pictures)
        note_pictures(cam);
    return status == OM_END ? end_of_stream(om_source_info(source)->is_live, has_pictures, err)
                            : status;
}

static enum om_status try_once(struct om_camera *cam, struct om_error *err)
{
    if (!om_connect_gate_wait(cam->gate, &cam->cancel))
        return OM_CANCELLED;
    om_auto(om_source)
        source = om_source_open(cam->conf.source, &cam->source_opts, &cam->cancel, err);
    if (!source)
        return om_cancel_is_set(&cam->cancel) ? OM_CANCELLED : err->status;
    om_stream_ref_unref(&cam->stream);
    om_feed_hub_clear(cam->hub);
    om_timeline_start_source(&cam->timeline);
    enum om_status status = read_stream(cam, source, err);
    return status == OM_END && !om_source_info(source)->is_live ? OM_CANCELLED : status;
}

// ---- waiting -----------------------------------------------------------------------------------

// A picture is shown once; a video is opened and then played by play_fallback().
static void open_fallback(struct om_camera *cam)
{
    if (!cam->conf.fallback || cam->has_tried_fallback)
        return;
    struct om_error err;
    cam->has_tried_fallback = true;
    struct om_frame *frame = om_picture_load(cam->conf.fallback, NULL);
    if (frame) {
        om_stages_show(cam->stages, frame);
        cam->shows_fallback = true;
        return;
    }
    struct om_source_opts opts = cam->source_opts;
    opts.loop = true;
    cam->fallback = om_source_open(cam->conf.fallback, &opts, &cam->cancel, &err);
    cam->shows_fallback = cam->fallback;
    if (!cam->fallback)
        om_log_warn(&cam->log, "the fallback cannot be shown: %s", err.text);
    else
        cam->fallback_stream = om_stream_ref_create(om_source_info(cam->fallback));
}

static void play_fallback(struct om_camera *cam, int64_t until_us)
{
    om_timeline_start_source(&cam->timeline);
    while (cam->fallback && om_time_mono_us() < until_us && !om_cancel_is_set(&cam->cancel)) {
        struct om_packet *packet = NULL;
        if (om_source_read(cam->fallback, &packet, NULL) != OM_OK) {
            om_source_close(om_steal(&cam->fallback));
            return;
        }
        om_timeline_place(&cam->timeline, packet);
        if (is_video_passthrough(om_source_info(cam->fallback)))
            om_feed_hub_publish(cam->hub, packet, cam->fallback_stream);
        struct om_mail mail = {.packet = packet,
                               .stream = om_stream_ref_ref(cam->fallback_stream),
                               .is_fallback = true};
        om_stages_put(cam->stages, mail, OM_MAILBOX_WAIT, &cam->cancel);
    }
}

static void wait_for_retry(struct om_camera *cam, int64_t wait_us)
{
    int64_t until_us = om_time_mono_us() + wait_us;
    {
        om_with_lock(&cam->lock);
        cam->next_try_us = until_us;
    }
    play_fallback(cam, until_us);
    om_cancel_sleep_until(&cam->cancel, until_us);
}

static void note_failure(struct om_camera *cam, enum om_status status, const struct om_error *err)
{
    if (status == OM_TIMEOUT && camera_state(cam) == OM_CAMERA_LIVE) {
        camera_set_state(cam, OM_CAMERA_STALLED, err);
        om_metric_add(&stalls_total, 1);
        om_with_lock(&cam->lock);
        cam->status.stalls++;
    }
    open_fallback(cam);
    camera_set_state(cam, cam->shows_fallback ? OM_CAMERA_FALLBACK : OM_CAMERA_BACKOFF, err);
    om_metric_add(&reconnects_total, 1);
    om_with_lock(&cam->lock);
    cam->status.reconnects++;
}

static void reader_main(void *ctx)
{
    struct om_camera *cam = ctx;
    while (!om_cancel_is_set(&cam->cancel)) {
        struct om_error err = {0};
        enum om_status status = try_once(cam, &err);
        if (status == OM_CANCELLED)
            break;
        note_failure(cam, status, &err);
        wait_for_retry(cam, om_backoff_failed(&cam->backoff, status, om_time_mono_us()));
    }
    if (!om_cancel_is_set(&cam->cancel))
        camera_set_state(cam, OM_CAMERA_ENDED, NULL);
}

// ---- life --------------------------------------------------------------------------------------

static void start(struct om_camera *cam, const struct om_error *refusal)
{
    struct om_error err;
    if (om_source_classify(cam->conf.source, &cam->kind, cam->safe_source, &err) != OM_OK) {
        camera_set_state(cam, OM_CAMERA_DISABLED, &err);
        return;
    }
    if (!cam->conf.enabled) {
        camera_set_state(cam, OM_CAMERA_DISABLED, NULL);
        return;
    }
    if (refusal) {
        camera_set_state(cam, OM_CAMERA_REFUSED, refusal);
        return;
    }
    if (!om_thread_start(&cam->thread, cam->conf.id, READER_STACK_BYTES, reader_main, cam)) {
        om_error_set(&err, OM_LIMIT, "no thread could be started for this camera");
        om_error_hint(&err, "raise the limit of processes (ulimit -u), or remove cameras");
        camera_set_state(cam, OM_CAMERA_DISABLED, &err);
    }
}

struct om_camera *om_camera_create(const struct om_camera_opts *opts)
{
    om_metric_register(&reconnects_total);
    om_metric_register(&stalls_total);
    struct om_camera *cam = om_new(struct om_camera);
    om_conf_camera_copy(&cam->conf, opts->conf);
    cam->log = (struct om_log){.name = "camera", .camera = cam->conf.id};
    cam->source_opts = *opts->source;
    cam->gate = opts->gate;
    cam->journal = opts->stages->journal;
    om_mutex_init(&cam->lock);
    om_cancel_init(&cam->cancel);
    uint64_t seed;
    om_rand_bytes(&seed, sizeof(seed));
    om_backoff_init(&cam->backoff, opts->backoff_min_us, opts->backoff_max_us, seed);
    cam->hub = om_feed_hub_create();
    if (opts->packet_gate)
        cam->waker = om_waker_create(opts->packet_gate, opts->stages->load);
    (void)om_str_copy(cam->status.id, sizeof(cam->status.id), om_str_from(cam->conf.id));
    (void)om_str_copy(cam->status.model, sizeof(cam->status.model), om_str_from(opts->model_name));
    (void)om_str_copy(cam->status.model_version, sizeof(cam->status.model_version),
                      om_str_from(opts->model_version));
    cam->status.state_since_wall_us = om_time_wall_us();

    struct om_stages_opts stages = *opts->stages;
    stages.conf = &cam->conf;
    stages.log = &cam->log;
    stages.hub = cam->hub;
    stages.waker = cam->waker;
    cam->stages = om_stages_create(&stages);
    start(cam, opts->refusal);
    return cam;
}

void om_camera_admit(struct om_camera *cam)
{
    if (camera_state(cam) != OM_CAMERA_REFUSED)
        return;
    {
        om_with_lock(&cam->lock);
        cam->status.reason[0] = cam->status.hint[0] = '\0';
    }
    camera_set_state(cam, OM_CAMERA_CONNECTING, NULL);
    start(cam, NULL);
}

void om_camera_stop(struct om_camera *cam)
{
    om_cancel_set(&cam->cancel);
    om_stages_wake_putter(cam->stages);
}

void om_camera_destroy(struct om_camera *cam)
{
    if (!cam)
        return;
    om_camera_stop(cam);
    om_thread_join(&cam->thread);
    om_source_close(cam->fallback);
    om_stream_ref_unref(&cam->fallback_stream);
    om_stages_destroy(cam->stages);
    om_feed_hub_destroy(cam->hub);
    om_waker_destroy(cam->waker);
    om_stream_ref_unref(&cam->stream);
    om_conf_camera_finish(&cam->conf);
    om_cancel_finish(&cam->cancel);
    om_mutex_finish(&cam->lock);
    om_free(cam);
}

const struct om_conf_camera *om_camera_conf(const struct om_camera *cam)
{
    return &cam->conf;
}

void om_camera_hint(struct om_camera *cam, bool has_motion)
{
    if (cam->waker)
        om_waker_hint(cam->waker, has_motion);
}

struct om_stages *om_camera_stages(struct om_camera *cam)
{
    return cam->stages;
}

struct om_feed_hub *om_camera_hub(struct om_camera *cam)
{
    return cam->hub;
}

void om_camera_set_shapes(struct om_camera *cam, const struct om_conf_camera *conf)
{
    // The reader thread reads source and fallback without the lock, so those pointers stay.
    struct om_conf_camera copy = {0};
    om_conf_camera_copy(&copy, conf);
    {
        om_with_lock(&cam->lock);
        struct om_conf_camera before = cam->conf;
        cam->conf.zones = copy.zones;
        cam->conf.zone_count = copy.zone_count;
        cam->conf.lines = copy.lines;
        cam->conf.line_count = copy.line_count;
        cam->conf.detect_fps = copy.detect_fps;
        copy.zones = before.zones;
        copy.zone_count = before.zone_count;
        copy.lines = before.lines;
        copy.line_count = before.line_count;
    }
    om_conf_camera_finish(&copy);
    om_stages_set_conf(cam->stages, &cam->conf);
}

void om_camera_status(struct om_camera *cam, struct om_camera_status *ret)
{
    struct om_stages_stats stats;
    om_with_lock(&cam->lock);
    om_stages_stats(cam->stages, &stats);  // not older than the state, which follows from it
    *ret = cam->status;
    (void)om_str_copy(ret->source, sizeof(ret->source), om_str_from(cam->safe_source));
    ret->width = stats.width;
    ret->height = stats.height;
    ret->delay_ms = stats.delay_ms;
    ret->frames_decoded = stats.frames_decoded;
    ret->frames_detected = stats.frames_detected;
    ret->frames_skipped = stats.frames_skipped;
    ret->frames_corrupt = stats.frames_corrupt;
    ret->frames_put_off = stats.frames_put_off;
    ret->parts_looked = stats.parts_looked;
    if (cam->waker) {
        struct om_waker_stats waker = om_waker_stats(cam->waker);
        ret->packets_ignored = waker.ignored;
        ret->wakes = waker.wakes;
        ret->packets_put_off = waker.put_off;
        ret->is_awake = waker.is_awake;
    }
    ret->tracks = stats.tracks;
    ret->next_try_in_us = cam->next_try_us ? OM_MAX(0, cam->next_try_us - om_time_mono_us()) : 0;
}
