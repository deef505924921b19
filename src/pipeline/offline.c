#include "pipeline/offline.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "decode/decoder.h"
#include "infer/model.h"
#include "loop/cancel.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/picture.h"
#include "media/stream.h"
#include "media/thumb.h"
#include "motion/detections.h"
#include "motion/watch.h"
#include "scene/labels.h"
#include "scene/track.h"
#include "source/source.h"
#include "track/tracker.h"
#include "traffic/traffic.h"

enum {
    FILE_BYTES_MAX = 16 * 1024,  // of a name
    CANCEL_POLL_US = 50 * OM_MS,
    JOBS = 4,  // pictures on their way: one in the network, one ready, one being prepared, one
               // spare
    READER_STACK_BYTES = 2 * 1024 * 1024,
};

enum job_kind { JOB_FRAME, JOB_INPUT_END, JOB_ALL_DONE };

// A picture on its way from the reader thread to the caller's; it goes round between the two for
// ever.
struct job {
    enum job_kind kind;
    struct om_buf file;  // of JOB_FRAME and JOB_INPUT_END
    int64_t index;
    struct om_frame *frame;
    struct om_model_ctx *ctx;  // NULL without a model; the tensor is filled by the reader
    struct om_error
        err;  // of JOB_INPUT_END: status OM_OK = all was read; of JOB_FRAME: of preparing
    int64_t decode_us, pre_us;
    double share;
};

struct queue {
    struct job *items[JOBS + 1];
    int first, count;
};

struct offline {
    const struct om_offline_opts *opts;
    const struct om_offline_ops *ops;
    void *ctx;
    struct om_cancel stop;  // the caller's side has failed or was cancelled

    struct om_mutex lock;
    struct om_cond changed;
    // Under `lock`.
    struct queue idle, ready;

    struct job jobs[JOBS];

    // The reader's.
    double share_base, share_step;  // of the input being read

    // The caller's side.
    struct om_result result;
    struct om_tracker *tracker;
    struct om_tracks tracks;
    uint64_t track_ids[OM_DETECTIONS_MAX];
    struct om_traffic *traffic;
    struct om_measures measures;
    struct om_watch *watch;
    uint8_t luma[OM_THUMB_PIXELS_MAX];
    struct om_labels *motion_labels;
    int64_t items;  // of this input
    uint32_t epoch;
    struct om_error frame_err;  // the first picture of this input that could not be prepared
};

// ---- the two queues ----------------------------------------------------------------------------

static void queue_put(struct offline *off, struct queue *queue, struct job *job)
{
    om_with_lock(&off->lock);
    om_assert(queue->count <= JOBS);
    queue->items[(queue->first + queue->count++) % (JOBS + 1)] = job;
    om_cond_broadcast(&off->changed);
}

static bool is_stopped(const struct offline *off)
{
    return om_cancel_is_set(&off->stop) || om_cancel_is_set(off->opts->cancel);
}

// NULL once stopped and nothing is there. The caller's cancel wakes nobody here (a signal handler
// sets it), so it is looked at from time to time.
static struct job *queue_take(struct offline *off, struct queue *queue)
{
    om_with_lock(&off->lock);
    while (queue->count == 0) {
        if (is_stopped(off))
            return NULL;
        (void)om_cond_wait_until(&off->changed, &off->lock, om_time_mono_us() + CANCEL_POLL_US);
    }
    struct job *job = queue->items[queue->first];
    queue->first = (queue->first + 1) % (JOBS + 1);
    queue->count--;
    return job;
}

static void stop(struct offline *off)
{
    om_cancel_set(&off->stop);
    om_with_lock(&off->lock);
    om_cond_broadcast(&off->changed);
}

// ---- reader: inputs to jobs --------------------------------------------------------------------

static void name_job(struct job *job, const char *file)
{
    om_buf_clear(&job->file);
    om_buf_append_text(&job->file, file);
}

static bool put_frame(struct offline *off, const char *file, int64_t index, struct om_frame *frame,
                      int64_t decode_us, double share)
{
    struct job *job = is_stopped(off) ? NULL : queue_take(off, &off->idle);
    if (!job) {
        om_frame_unref(&frame);
        return false;
    }
    job->kind = JOB_FRAME;
    name_job(job, file);
    job->index = index;
    job->frame = frame;
    job->decode_us = decode_us;
    job->share = share < 0 ? -1 : off->share_base + share * off->share_step;
    int64_t start_us = om_time_mono_us();
    job->err.status = OM_OK;
    const struct om_frame *frames[] = {frame};
    if (job->ctx)
        job->err.status = om_model_prepare(job->ctx, frames, NULL, 1, &job->err);
    job->pre_us = om_time_mono_us() - start_us;
    queue_put(off, &off->ready, job);
    return true;
}

static void put_end(struct offline *off, const char *file, const struct om_error *err)
{
    struct job *job = queue_take(off, &off->idle);
    if (!job)
        return;
    job->kind = JOB_INPUT_END;
    name_job(job, file);
    job->err = err ? *err : (struct om_error){.status = OM_OK};
    queue_put(off, &off->ready, job);
}

static bool is_picture_file(const char *path)
{
    char head[32] = "";
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    size_t n = fread(head, 1, sizeof(head), file);
    (void)fclose(file);
    return om_picture_type_of(om_str_n(head, n)) != OM_PICTURE_UNKNOWN;
}

static void read_picture(struct offline *off, const char *path)
{
    struct om_error err;
    int64_t start_us = om_time_mono_us();
    struct om_frame *frame = om_picture_load(path, &err);
    if (!frame) {
        if (!strstr(err.text, path))
            om_error_prefix(&err, "%s", path);
        put_end(off, path, &err);
        return;
    }
    frame->pts_us = 0;
    frame->wall_us = om_time_wall_us();
    if (put_frame(off, path, 0, frame, om_time_mono_us() - start_us, 1))
        put_end(off, path, NULL);
}

struct video {
    struct om_source *source;
    struct om_decoder *decoder;
    struct om_stream_info info;  // of the decoder
    int64_t index;
    int64_t decode_us;  // since the last frame
    int64_t first_pts_us;
};

static double video_share(const struct video *video, int64_t pts_us)
{
    int64_t duration_us = om_source_info(video->source)->duration_us;
    return duration_us > 0
               ? OM_MIN(1.0, (double)(pts_us - video->first_pts_us) / (double)duration_us)
               : -1;
}

static bool is_full(const struct offline *off, const struct video *video)
{
    return off->opts->items_max && video->index >= off->opts->items_max;
}

// False when stopped.
static bool take_frames(struct offline *off, struct video *video, const char *file)
{
    while (!is_full(off, video)) {
        struct om_frame *frame = NULL;
        int64_t start_us = om_time_mono_us();
        enum om_status status = om_decoder_take(video->decoder, &frame);
        video->decode_us += om_time_mono_us() - start_us;
        if (status != OM_OK)
            return true;
        if (video->index == 0)
            video->first_pts_us = frame->pts_us;
        double share = video_share(video, frame->pts_us);
        if (!put_frame(off, file, video->index++, frame, video->decode_us, share))
            return false;
        video->decode_us = 0;
    }
    return true;
}

static bool flush(struct offline *off, struct video *video, const char *file)
{
    return !video->decoder || om_decoder_send(video->decoder, NULL) != OM_OK ||
           take_frames(off, video, file);
}

// A change of format in mid-stream: what the old decoder holds comes out first.
static bool fit_decoder(struct offline *off, struct video *video, const char *file,
                        struct om_error *err)
{
    const struct om_stream_info *info = om_source_info(video->source);
    if (video->decoder && video->info.codec == info->codec && video->info.width == info->width &&
        video->info.height == info->height)
        return true;
    (void)flush(off, video, file);
    om_decoder_destroy(video->decoder);
    om_stream_info_finish(&video->info);
    om_stream_info_copy(&video->info, info);
    const struct om_decoder_opts opts = {.threads = 1, .show_corrupt = true};
    video->decoder = om_decoder_create(info, &opts, err);
    return video->decoder;
}

static enum om_status read_packets(struct offline *off, struct video *video, const char *file,
                                   struct om_error *err)
{
    for (;;) {
        om_auto_ref(om_packet) packet = NULL;
        enum om_status status = om_source_read(video->source, &packet, err);
        if (status == OM_END)
            return flush(off, video, file) ? OM_OK : OM_CANCELLED;
        if (status != OM_OK)
            return status;
        if (!fit_decoder(off, video, file, err))
            return err->status;
        int64_t start_us = om_time_mono_us();
        (void)!om_decoder_send(video->decoder, packet);  // damaged packets cost their own frames
        video->decode_us += om_time_mono_us() - start_us;
        if (!take_frames(off, video, file))
            return OM_CANCELLED;
        if (is_full(off, video))
            return OM_OK;
    }
}

static enum om_status no_picture(const char *file, struct om_error *err)
{
    om_error_set(err, OM_INVALID, "%s: no picture could be decoded", file);
    om_error_hint(err, "it may be damaged or cut off before the first key frame");
    return OM_INVALID;
}

static void read_video(struct offline *off, const char *url)
{
    struct om_error err = {0};
    struct om_source_opts opts = om_source_opts_default;
    opts.as_fast_as_possible = true;
    struct video video = {.source = om_source_open(url, &opts, &off->stop, &err)};
    if (!video.source) {
        put_end(off, url, &err);
        return;
    }
    char safe[OM_SOURCE_TEXT_SIZE];
    enum om_source_kind kind;
    bool is_plain = om_source_classify(url, &kind, safe, NULL) == OM_OK;
    const char *file = is_plain && kind != OM_SOURCE_FILE ? safe : url;
    enum om_status status = read_packets(off, &video, file, &err);
    if (status == OM_OK && video.index == 0)
        status = no_picture(file, &err);
    put_end(off, file, status == OM_OK || status == OM_CANCELLED ? NULL : &err);
    om_decoder_destroy(video.decoder);
    om_stream_info_finish(&video.info);
    om_source_close(video.source);
}

static void read_input(struct offline *off, const char *input);

static void read_folder(struct offline *off, const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        struct om_error err;
        om_error_set(&err, OM_REFUSED, "%s: the folder cannot be read", path);
        put_end(off, path, &err);
        return;
    }
    int files = 0;
    double base = off->share_base, step = off->share_step / OM_MAX(n, 1);
    for (int i = 0; i < n; i++) {
        off->share_base = base + i * step;
        off->share_step = step;
        if (entries[i]->d_name[0] != '.' && !is_stopped(off)) {
            om_auto_buf file;
            om_buf_init(&file, 4096);
            om_buf_printf(&file, "%s/%s", path, entries[i]->d_name);
            struct stat st;
            if (!file.has_failed && stat(om_buf_text(&file), &st) == 0 && S_ISREG(st.st_mode)) {
                read_input(off, om_buf_text(&file));
                files++;
            }
        }
        om_free(entries[i]);  // scandir took it from the same heap
    }
    om_free(entries);
    if (files == 0 && !is_stopped(off)) {
        struct om_error err;
        om_error_set(&err, OM_NOT_FOUND, "%s: there is no file in this folder", path);
        om_error_hint(&err, "name a folder that holds pictures or videos itself");
        put_end(off, path, &err);
    }
}

static void read_input(struct offline *off, const char *input)
{
    struct stat st;
    bool is_there = stat(input, &st) == 0;
    if (is_there && S_ISDIR(st.st_mode)) {
        read_folder(off, input);
    } else if (is_there && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) {
        struct om_error err;
        om_error_set(&err, OM_UNSUPPORTED, "%s: is a pipe or a socket", input);
        om_error_hint(&err, "write it to a file first, or name its address (rtsp://, http://)");
        put_end(off, input, &err);
    } else if (is_picture_file(input)) {
        read_picture(off, input);
    } else {
        read_video(off, input);
    }
}

static void reader_main(void *ctx)
{
    struct offline *off = ctx;
    int n = off->opts->input_count;
    for (int i = 0; i < n && !is_stopped(off); i++) {
        off->share_base = (double)i / n;
        off->share_step = 1.0 / n;
        read_input(off, off->opts->inputs[i]);
    }
    struct job *job = queue_take(off, &off->idle);
    if (!job)
        return;
    job->kind = JOB_ALL_DONE;
    queue_put(off, &off->ready, job);
}

// ---- caller's side: jobs to results ------------------------------------------------------------

static void find_motion(struct offline *off, const struct om_frame *frame)
{
    struct om_thumb thumb = {.luma = off->luma};
    struct om_watch_result motion;
    om_thumb_size(frame->width, frame->height, &thumb.width, &thumb.height);
    om_thumb_fill(&thumb, frame);
    om_watch_update(off->watch, &thumb, &motion);
    om_motion_detections(&motion.regions, &thumb, frame, &off->result.detections);
}

static void end_tracks(struct offline *off)
{
    om_tracker_reset(off->tracker, &off->tracks);
    // Ended tracks leave their zones; the size of the picture plays no part in that.
    if (off->traffic)
        om_traffic_update(off->traffic, &off->tracks, 1, 1, NULL, &off->measures);
}

static void follow(struct offline *off, const struct om_frame *frame, int width, int height)
{
    if (frame->epoch != off->epoch) {
        end_tracks(off);
        off->epoch = frame->epoch;
    }
    om_tracker_update(off->tracker, frame->pts_us, frame->wall_us, &off->result.detections, NULL,
                      &off->tracks, off->track_ids);
    const struct om_labels *labels = off->opts->model ? om_model_manifest(off->opts->model)->labels
                                                      : off->motion_labels;
    if (off->traffic)
        om_traffic_update(off->traffic, &off->tracks, width, height, labels, &off->measures);
}

static enum om_status find_objects(struct offline *off, struct job *job, struct om_error *err)
{
    if (!job->ctx) {
        find_motion(off, job->frame);
        return OM_OK;
    }
    int64_t start_us = om_time_mono_us();
    enum om_status status = om_model_run_bare(job->ctx, 1, err);
    if (status != OM_OK)
        return status;
    off->result.timing.pre_us = job->pre_us;
    off->result.timing.infer_us = om_time_mono_us() - start_us;
    return om_model_finish(job->ctx, 1, off->opts->detect, &off->result, err);
}

static enum om_status run_frame(struct offline *off, struct job *job, struct om_error *err)
{
    if (job->err.status != OM_OK) {
        // One picture the model cannot take costs that picture; the input's end tells.
        if (off->frame_err.status == OM_OK)
            off->frame_err = job->err;
        return OM_OK;
    }
    enum om_status status = find_objects(off, job, err);
    if (status != OM_OK)
        return status;
    int width = om_frame_upright_width(job->frame), height = om_frame_upright_height(job->frame);
    if (off->tracker)
        follow(off, job->frame, width, height);
    const struct om_model_timing *timing = &off->result.timing;
    const struct om_offline_item item = {
        .file = om_buf_text(&job->file),
        .index = job->index,
        .pts_us = job->frame->pts_us,
        .width = width,
        .height = height,
        .frame = job->frame,
        .result = &off->result,
        .track_ids = off->tracker ? off->track_ids : NULL,
        .decode_us = job->decode_us,
        .total_us = job->decode_us + timing->pre_us + timing->infer_us + timing->post_us,
        .share = job->share,
    };
    off->ops->item(off->ctx, &item);
    off->items++;
    return OM_OK;
}

static void start_input(struct offline *off)
{
    om_tracker_destroy(om_steal(&off->tracker));
    om_traffic_destroy(om_steal(&off->traffic));
    om_watch_destroy(om_steal(&off->watch));
    off->items = 0;
    off->frame_err.status = OM_OK;
    off->result = (struct om_result){0};
    if (off->opts->tracks || off->opts->shapes) {
        struct om_tracker_opts opts;
        om_tracker_opts_default(&opts);
        off->tracker = om_tracker_create(&opts);
    }
    if (off->opts->shapes) {
        off->traffic = om_traffic_create();
        om_traffic_set_shapes(off->traffic, off->opts->shapes);
    }
    if (!off->opts->model) {
        struct om_watch_opts opts;
        om_watch_opts_default(&opts);
        off->watch = om_watch_create(&opts);
    }
}

static void end_input(struct offline *off, const struct job *job)
{
    if (off->tracker)
        end_tracks(off);
    const struct om_error *err = job->err.status != OM_OK ? &job->err : &off->frame_err;
    off->ops->input_end(off->ctx, om_buf_text(&job->file), off->items, off->traffic,
                        err->status == OM_OK ? NULL : err);
    start_input(off);
}

static void give_back(struct offline *off, struct job *job)
{
    om_frame_unref(&job->frame);
    queue_put(off, &off->idle, job);
}

static enum om_status run_jobs(struct offline *off, struct om_error *err)
{
    enum om_status status = OM_OK;
    while (status == OM_OK) {
        struct job *job = is_stopped(off) ? NULL : queue_take(off, &off->ready);
        if (!job)
            return om_error_set(err, OM_CANCELLED, "interrupted");
        if (job->kind == JOB_ALL_DONE)
            return OM_OK;
        if (job->kind == JOB_FRAME)
            status = run_frame(off, job, err);
        else
            end_input(off, job);
        give_back(off, job);
    }
    return status;
}

// ---- life --------------------------------------------------------------------------------------

static bool create_jobs(struct offline *off, struct om_error *err)
{
    for (int i = 0; i < JOBS; i++) {
        om_buf_init(&off->jobs[i].file, FILE_BYTES_MAX);
        if (off->opts->model) {
            off->jobs[i].ctx = om_model_ctx_create(off->opts->model, 1, err);
            if (!off->jobs[i].ctx)
                return false;
        }
        queue_put(off, &off->idle, &off->jobs[i]);
    }
    return true;
}

static void offline_destroy(struct offline *off)
{
    for (int i = 0; i < JOBS; i++) {
        om_model_ctx_destroy(off->jobs[i].ctx);
        om_frame_unref(&off->jobs[i].frame);
        om_buf_finish(&off->jobs[i].file);
    }
    om_tracker_destroy(off->tracker);
    om_traffic_destroy(off->traffic);
    om_watch_destroy(off->watch);
    om_labels_unref(&off->motion_labels);
    om_cond_finish(&off->changed);
    om_mutex_finish(&off->lock);
    om_cancel_finish(&off->stop);
    om_free(off);
}

static struct offline *offline_create(const struct om_offline_opts *opts,
                                      const struct om_offline_ops *ops, void *ctx)
{
    struct offline *off = om_new(struct offline);
    off->opts = opts;
    off->ops = ops;
    off->ctx = ctx;
    om_cancel_init(&off->stop);
    om_mutex_init(&off->lock);
    om_cond_init(&off->changed);
    const char *names[] = {"motion"};
    off->motion_labels = om_labels_create(names, 1);
    start_input(off);
    return off;
}

enum om_status om_offline_run(const struct om_offline_opts *opts, const struct om_offline_ops *ops,
                              void *ctx, struct om_error *err)
{
    struct offline *off = offline_create(opts, ops, ctx);
    struct om_thread reader = {0};
    enum om_status status = OM_OK;
    if (!create_jobs(off, err))
        status = err ? err->status : OM_NO_MEMORY;
    else if (!om_thread_start(&reader, "reader", READER_STACK_BYTES, reader_main, off))
        status = om_error_set(err, OM_LIMIT, "no thread could be started for reading");
    else
        status = run_jobs(off, err);
    stop(off);
    om_thread_join(&reader);
    offline_destroy(off);
    return status;
}
