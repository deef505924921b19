// Live video: a camera's coded packets as fragmented MP4, one fragment for each picture, not
// re-encoded.
//
// A viewer is a feed of the camera, a muxer and an exchange. The reader thread of the camera puts
// the viewer on the ready list and wakes the loop; the loop takes, muxes and writes. The answer
// starts with the first key frame, so that what cannot be played is still a plain error.
//
//   WAITING --first key frame--> PLAYING --no room, damaged, new epoch--> SKIPPING
//      |                            ^                                        |
//      | KEY_WAIT_US, wrong codec   '---------------next key frame-----------'
//      v
//   answered with a problem
//
// A viewer that is behind loses whole groups of pictures and stays. No delay is added: a picture is
// sent when it comes, so its duration is the usual gap, and its time is its own.

#include <stdio.h>

#include "base/error.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "base/time.h"
#include "loop/loop.h"
#include "media/packet.h"
#include "media/stream.h"
#include "pipeline/pipeline.h"
#include "record/fmp4.h"
#include "serve/serve_int.h"

enum {
    VIEWERS_MAX = 64,  // of one camera
    KEY_WAIT_US = 10 * OM_SECOND,
    TICK_US = OM_SECOND,
    PACKETS_A_TURN = 64,
    VIEWERS_A_TURN = 64,
    UNSENT_MAX = 2 * 1024 * 1024,  // a viewer that owes more skips to the next key frame
    FRAGMENT_BYTES_MAX = 16 * 1024 * 1024,
    GAP_DEFAULT_US = 40 * OM_MS,
    GAP_MIN_US = OM_MS,
    GAP_MAX_US = OM_SECOND,
};

static struct om_metric viewers_now = OM_GAUGE("omma_live_viewers", "Viewers of live video.");
static struct om_metric skips = OM_COUNTER("omma_live_skips_total",
                                           "Times a viewer was behind and lost pictures up to the "
                                           "next key frame.");

enum viewer_state { WAITING, PLAYING, SKIPPING, OVER };

struct viewer {
    struct om_serve_live *live;
    struct om_list ready_link;  // under live->lock
    bool is_ready;              // under live->lock

    // The loop's.
    struct om_list link;
    char camera[65];
    struct om_exchange *x;  // a reference
    struct om_feed *feed;
    enum viewer_state state;
    bool is_closed;  // the stream is: free it
    int64_t give_up_us;
    struct om_fmp4 *mux;
    const void *stream_key;  // of `mux`
    bool needs_init;
    uint32_t epoch;
    int64_t last_dts_us, gap_us;
};

struct om_serve_live {
    struct om_serve *serve;
    struct om_mutex lock;
    struct om_list ready;  // under `lock`
    // The loop's.
    struct om_list viewers;
    struct om_buf fragment;  // reused
    struct om_loop_task task;
    struct om_loop_timer tick;
};

// ---- ready list --------------------------------------------------------------------------------

static void set_ready(struct viewer *viewer)
{
    struct om_serve_live *live = viewer->live;
    {
        om_with_lock(&live->lock);
        if (viewer->is_ready)
            return;
        viewer->is_ready = true;
        om_list_push(&live->ready, &viewer->ready_link);
    }
    om_loop_post(live->serve->opts.loop, &live->task);
}

// In the camera's reader thread.
static void on_feed(void *ctx)
{
    set_ready(ctx);
}

static struct viewer *take_ready(struct om_serve_live *live)
{
    om_with_lock(&live->lock);
    struct viewer *viewer = om_list_first(&live->ready, struct viewer, ready_link);
    if (viewer) {
        om_list_remove(&viewer->ready_link);
        viewer->is_ready = false;
    }
    return viewer;
}

static void viewer_destroy(struct viewer *viewer)
{
    om_feed_close(viewer->feed);  // nobody wakes it after this
    {
        om_with_lock(&viewer->live->lock);
        om_list_remove(&viewer->ready_link);
    }
    om_list_remove(&viewer->link);
    om_fmp4_destroy(viewer->mux);
    om_exchange_unref(&viewer->x);
    om_metric_add(&viewers_now, -1);
    om_free(viewer);
}

// The stream is over, or the client gone. It may come while the viewer is being written to.
static void on_closed(void *ctx)
{
    struct viewer *viewer = ctx;
    viewer->is_closed = true;
    set_ready(viewer);
}

// ---- ends --------------------------------------------------------------------------------------

// Instead of a stream, or in its middle when it has begun.
static void give_up(struct viewer *viewer, int status, const char *detail, const char *hint)
{
    if (viewer->state == WAITING) {
        if (status == 503)
            om_exchange_set_header(viewer->x, "Retry-After", "2");
        om_exchange_problem(viewer->x, status, detail, hint);
        viewer->is_closed = true;  // there is no stream that could say so
    } else {
        om_exchange_end(viewer->x);
    }
    viewer->state = OVER;
}

static void reply_codec(struct om_exchange *x, const char *camera, const char *detail)
{
    char hint[200];
    snprintf(hint, sizeof(hint),
             "live.mp4 passes on H.264 and HEVC; ask for /api/v1/cameras/%s/snapshot.jpg again and "
             "again instead",
             camera);
    om_exchange_problem(x, 415, detail, hint);
}

static void give_up_codec(struct viewer *viewer, const char *detail)
{
    if (viewer->state == WAITING) {
        reply_codec(viewer->x, viewer->camera, detail);
        viewer->is_closed = true;
    } else {
        om_exchange_end(viewer->x);
    }
    viewer->state = OVER;
}

// Whether the camera is known to send what is not passed on.
static bool is_other_codec(const struct om_camera_status *status)
{
    return status->codec[0] && !status->is_fmp4;
}

static void skip(struct viewer *viewer)
{
    if (viewer->state == PLAYING)
        viewer->state = SKIPPING;
}

// ---- packets -----------------------------------------------------------------------------------

// A muxer for the stream the packet belongs to. False when there can be none.
static bool follow_stream(struct viewer *viewer)
{
    const void *key = om_feed_stream_key(viewer->feed);
    if (key == viewer->stream_key)
        return viewer->mux;
    struct om_stream_info info;
    struct om_error err = {0};
    om_fmp4_destroy(om_steal(&viewer->mux));
    viewer->stream_key = key;
    viewer->needs_init = true;
    skip(viewer);
    if (!om_feed_info(viewer->feed, &info))
        return false;
    viewer->gap_us = info.fps > 0 ? (int64_t)(OM_SECOND / info.fps) : GAP_DEFAULT_US;
    viewer->mux = om_fmp4_create(&info, false, &err);
    om_stream_info_finish(&info);
    if (!viewer->mux)
        give_up_codec(viewer, err.text);
    return viewer->mux;
}

// Learns the usual gap, slowly; jumps do not count.
static void follow_time(struct viewer *viewer, const struct om_packet *packet)
{
    bool has_last = viewer->last_dts_us != OM_TIME_NONE && packet->epoch == viewer->epoch;
    int64_t gap_us = has_last ? packet->dts_us - viewer->last_dts_us : 0;
    if (gap_us >= GAP_MIN_US && gap_us <= GAP_MAX_US)
        viewer->gap_us += (gap_us - viewer->gap_us) / 4;
    viewer->gap_us = OM_CLAMP(viewer->gap_us, GAP_MIN_US, GAP_MAX_US);
    viewer->last_dts_us = packet->dts_us;
    if (packet->epoch != viewer->epoch || packet->is_corrupt)
        skip(viewer);
    viewer->epoch = packet->epoch;
}

static void start_answer(struct viewer *viewer)
{
    char type[OM_FMP4_CODECS_SIZE + 32];
    snprintf(type, sizeof(type), "video/mp4; codecs=\"%s\"", om_fmp4_codecs(viewer->mux));
    om_exchange_stream(viewer->x, 200, type, on_closed, viewer);
}

// Whether the packet can be shown by this viewer now.
static bool is_wanted(struct viewer *viewer, const struct om_packet *packet)
{
    if (packet->is_key && om_fmp4_learn(viewer->mux, packet))
        viewer->needs_init = true;
    if (!om_fmp4_is_ready(viewer->mux) || (packet->is_key && packet->is_corrupt))
        return false;
    return packet->is_key || viewer->state == PLAYING;
}

static void send_packet(struct viewer *viewer, struct om_packet *packet)
{
    struct om_buf *out = &viewer->live->fragment;
    om_buf_clear(out);
    if (viewer->needs_init && om_fmp4_init_segment(viewer->mux, out) != OM_OK)
        return;
    enum om_status status = om_fmp4_fragment(viewer->mux, &packet, 1, viewer->gap_us, OM_STR(""),
                                             out);
    if (status == OM_INVALID)  // parameters or remarks without a picture
        return;
    if (status != OM_OK || out->has_failed) {
        skip(viewer);
        return;
    }
    if (viewer->state == WAITING)
        start_answer(viewer);
    // The group of pictures a new viewer starts with may be longer than what it may owe later.
    bool is_first = viewer->state == WAITING;
    viewer->state = PLAYING;
    bool is_behind = !is_first && packet->is_key && om_exchange_unsent(viewer->x) > UNSENT_MAX;
    if (is_behind || om_exchange_write(viewer->x, om_buf_str(out)) == OM_LIMIT) {
        om_metric_add(&skips, 1);
        skip(viewer);
    } else {
        viewer->needs_init = false;
    }
}

static void take_packet(struct viewer *viewer, struct om_packet *packet)
{
    if (!follow_stream(viewer))
        return;
    follow_time(viewer, packet);
    if (is_wanted(viewer, packet))
        send_packet(viewer, packet);
}

// Takes what is there, a bounded piece.
static void pump(struct viewer *viewer)
{
    for (int i = 0; i < PACKETS_A_TURN && viewer->state != OVER && !viewer->is_closed; i++) {
        om_auto_ref(om_packet) packet = NULL;
        enum om_status status = om_feed_take(viewer->feed, &packet);
        if (status == OM_AGAIN)
            return;
        if (status == OM_OK)
            take_packet(viewer, packet);
        else
            give_up(viewer, 404, "the camera was removed or changed", "ask again");
    }
    if (viewer->state != OVER)
        set_ready(viewer);
}

static void on_task(void *ctx)
{
    struct om_serve_live *live = ctx;
    // A viewer that has more to take is put behind the others.
    struct viewer *viewer;
    for (int turns = VIEWERS_A_TURN; turns > 0 && (viewer = take_ready(live)); turns--) {
        if (!viewer->is_closed)
            pump(viewer);
        if (viewer->is_closed)
            viewer_destroy(viewer);
    }
    {
        om_with_lock(&live->lock);
        if (om_list_is_empty(&live->ready))
            return;
    }
    om_loop_post(live->serve->opts.loop, &live->task);
}

// Says what is known of why nothing came.
static void give_up_waiting(struct viewer *viewer, const struct om_camera_status *status)
{
    char detail[400];
    snprintf(detail, sizeof(detail), "no key frame came within %d s: the camera is %s%s%s",
             KEY_WAIT_US / OM_SECOND, om_camera_state_name(status->state),
             status->reason[0] ? ", " : "", status->reason);
    give_up(viewer, 503, detail,
            status->hint[0] ? status->hint : "/health/stream has the state of the camera");
}

// A viewer that waits, from time to time.
static void look_after(struct viewer *viewer, int64_t now_us)
{
    struct om_camera_status status;
    struct om_pipeline *pipeline = viewer->live->serve->opts.pipeline;
    if (!om_pipeline_status(pipeline, om_str_from(viewer->camera), &status))
        return;  // its feed says so
    if (is_other_codec(&status))
        give_up_codec(viewer, "the stream of this camera cannot be passed on");
    else if (now_us >= viewer->give_up_us)
        give_up_waiting(viewer, &status);
    if (viewer->is_closed)
        viewer_destroy(viewer);
}

static void on_tick(void *ctx)
{
    struct om_serve_live *live = ctx;
    struct om_loop *loop = live->serve->opts.loop;
    int64_t now_us = om_loop_now_us(loop);
    om_loop_timer_set(loop, &live->tick, now_us + TICK_US);
    om_list_each(viewer, &live->viewers, struct viewer, link)
    {
        if (viewer->state == WAITING)
            look_after(viewer, now_us);
    }
}

// ---- opening -----------------------------------------------------------------------------------

static int count_viewers(const struct om_serve_live *live, const char *camera)
{
    int count = 0;
    om_list_each(viewer, &live->viewers, struct viewer, link)
        count += strcmp(viewer->camera, camera) == 0;
    return count;
}

// False when the camera has no live video for this client now; then that is answered.
static bool may_view(struct om_serve *serve, struct om_exchange *x,
                     const struct om_camera_status *status)
{
    if (status->state == OM_CAMERA_DISABLED) {
        om_exchange_problem(x, 409, "the camera is disabled",
                            "enable it: PUT {\"enabled\": true} to it");
        return false;
    }
    if (status->state == OM_CAMERA_REFUSED) {
        om_exchange_problem(x, 409, status->reason, status->hint);
        return false;
    }
    if (is_other_codec(status)) {
        reply_codec(x, status->id, "the stream of this camera cannot be passed on");
        return false;
    }
    if (count_viewers(serve->live, status->id) >= VIEWERS_MAX) {
        om_exchange_set_header(x, "Retry-After", "10");
        om_exchange_problem(x, 429, "the camera has 64 viewers already", "close one of them");
        return false;
    }
    return true;
}

void om_serve_get_live(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    struct om_serve_live *live = serve->live;
    struct om_camera_status status;
    struct om_error err = {0};
    om_str id = om_serve_camera_id(x);
    if (!om_pipeline_status(serve->opts.pipeline, id, &status)) {
        om_serve_no_camera(x);
        return;
    }
    if (!may_view(serve, x, &status))
        return;
    struct viewer *viewer = om_new(struct viewer);
    *viewer = (struct viewer){.live = live, .x = om_exchange_ref(x), .last_dts_us = OM_TIME_NONE};
    viewer->give_up_us = om_loop_now_us(serve->opts.loop) + KEY_WAIT_US;
    (void)om_str_copy(viewer->camera, sizeof(viewer->camera), id);
    om_list_init(&viewer->ready_link);
    om_list_push(&live->viewers, &viewer->link);
    om_metric_add(&viewers_now, 1);
    viewer->feed = om_pipeline_feed_open(serve->opts.pipeline, id, on_feed, viewer, &err);
    if (viewer->feed) {
        set_ready(viewer);  // the present group of pictures is there already
    } else {
        om_exchange_fail(x, &err);
        viewer_destroy(viewer);
    }
}

// ---- life --------------------------------------------------------------------------------------

struct om_serve_live *om_serve_live_create(struct om_serve *serve)
{
    struct om_serve_live *live = om_new(struct om_serve_live);
    live->serve = serve;
    om_mutex_init(&live->lock);
    om_list_init(&live->ready);
    om_list_init(&live->viewers);
    om_buf_init(&live->fragment, FRAGMENT_BYTES_MAX);
    live->task = (struct om_loop_task)OM_LOOP_TASK(on_task, live);
    live->tick = (struct om_loop_timer)OM_LOOP_TIMER(on_tick, live);
    om_metric_register(&viewers_now);
    om_metric_register(&skips);
    om_loop_timer_set(serve->opts.loop, &live->tick, om_time_mono_us() + TICK_US);
    return live;
}

void om_serve_live_destroy(struct om_serve_live *live)
{
    if (!live)
        return;
    om_loop_timer_clear(live->serve->opts.loop, &live->tick);
    om_list_each(viewer, &live->viewers, struct viewer, link) viewer_destroy(viewer);
    om_mutex_finish(&live->lock);
    om_buf_finish(&live->fragment);
    om_free(live);
}
