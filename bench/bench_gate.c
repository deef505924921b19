// bench gate: hours of quiet cameras made from real clips (gate_timeline.h), coded by FFmpeg in
// four ways, through the packet gate. What it keeps of the motion that a watch on every picture
// sees, and how many pictures it decodes for that.

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/thread.h"
#include "bench/bench.h"
#include "bench/gate_play.h"
#include "bench/gate_scene.h"
#include "bench/gate_timeline.h"
#include "bench/home.h"

enum {
    CLIPS_MAX = 64,
    WORKERS_MAX = 8,
    EVENTS_WANTED = 305,
    OBJECTS_A_TIMELINE = 8,
    PICTURES_MAX = 120000,  // of one variant, all timelines together
    PATH_SIZE = 512,
};
static const double ACTIVITY = 0.04;

// Windows of a clip; each also mirrored, and at several speeds.
static const struct {
    double left, top, size;
} windows[] = {{0, 0, 1},     {0.2, 0.2, 0.6},   {0.4, 0.2, 0.6},    {0.4, 0.4, 0.6},
               {0, 0.4, 0.6}, {0.28, 0.3, 0.45}, {0.55, 0.55, 0.45}, {0, 0.5, 0.45}};
static const double speeds[] = {1, 0.7, 1.5};
enum { WINDOWS = OM_ARRAY_LEN(windows), VIEWS = WINDOWS * 2 * OM_ARRAY_LEN(speeds) };

struct clip {
    char path[PATH_SIZE];
    int timelines;
    bool is_unreadable;
    struct om_gate_tally tally[OM_GATE_VARIANT_COUNT];
};

struct work {
    struct clip clips[CLIPS_MAX];
    int clip_count;
    struct om_bench_home home;
    struct om_mutex lock;
    // Under the lock.
    int next;  // of clip x view x two rounds
    int events;
    int64_t pictures;
    struct om_error err;  // the first
};

// ---- clips -------------------------------------------------------------------------------------

static int compare_clips(const void *a, const void *b)
{
    return strcmp(((const struct clip *)a)->path, ((const struct clip *)b)->path);
}

static bool is_clip(om_str name)
{
    static const char *const ends[] = {".mp4", ".avi", ".mkv", ".mov", ".ts", ".webm", ".h264"};
    for (size_t i = 0; i < OM_ARRAY_LEN(ends); i++) {
        if (om_str_ends_with(name, om_str_from(ends[i])))
            return true;
    }
    return false;
}

static void add_clip(struct work *work, const char *path)
{
    if (work->clip_count < CLIPS_MAX)
        snprintf(work->clips[work->clip_count++].path, PATH_SIZE, "%s", path);
}

static void find_clips(struct work *work, const struct om_bench_opts *opts)
{
    char path[PATH_SIZE];
    if (opts->video) {
        add_clip(work, opts->video);
        return;
    }
    snprintf(path, sizeof(path), "%s/videos", opts->data ? opts->data : "");
    DIR *dir = opts->data ? opendir(path) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%.200s/videos/%.255s", opts->data, entry->d_name);
        if (is_clip(om_str_from(entry->d_name)))
            add_clip(work, path);
    }
    if (dir)
        (void)closedir(dir);
    if (work->clip_count == 0)
        add_clip(work, "test:");
    qsort(work->clips, (size_t)work->clip_count, sizeof(work->clips[0]), compare_clips);
}

// ---- one timeline ------------------------------------------------------------------------------

struct job {
    struct clip *clip;
    int view;
    bool with_sudden;
};

static bool play_variants(struct work *work, const struct job *job, const char *dir,
                          const struct om_gate_timeline *timeline, struct om_error *err)
{
    struct om_gate_tally tally[OM_GATE_VARIANT_COUNT] = {0};
    bool is_ok = true;
    for (int i = 0; i < OM_GATE_VARIANT_COUNT; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof(path), "%.400s/%s.ts", dir, om_gate_variant_names[i]);
        is_ok = is_ok && om_gate_play(path, timeline, &tally[i], err);
        (void)unlink(path);
    }
    om_with_lock(&work->lock);
    for (int i = 0; i < OM_GATE_VARIANT_COUNT && is_ok; i++)
        om_gate_tally_add(&job->clip->tally[i], &tally[i]);
    job->clip->timelines += is_ok;
    work->events += timeline->event_count;
    work->pictures += timeline->count;
    return is_ok;
}

static bool run_job(struct work *work, const struct job *job, const char *dir, struct om_error *err)
{
    size_t window = (size_t)job->view % WINDOWS;
    const struct om_gate_view view = {
        .path = job->clip->path,
        .left = windows[window].left,
        .top = windows[window].top,
        .size = windows[window].size,
        .is_mirrored = job->view / (int)WINDOWS % 2 == 1,
        .speed = speeds[job->view / (2 * (int)WINDOWS)],
    };
    struct om_gate_scene scene;
    if (!om_gate_scene_load(&scene, &view, err))
        return false;
    struct om_rand rand;
    struct om_gate_timeline timeline;
    const struct om_gate_plan plan = {ACTIVITY, OBJECTS_A_TIMELINE, job->with_sudden};
    om_rand_init(&rand, (uint64_t)job->view * CLIPS_MAX + (uint64_t)(job->clip - work->clips));
    om_gate_timeline_make(&timeline, &scene, &plan, &rand);
    bool is_wanted = timeline.objects > 0 || job->with_sudden;
    bool is_ok = !is_wanted || om_gate_timeline_encode(&timeline, &scene, dir, &rand, err);
    if (is_wanted)
        is_ok = is_ok && play_variants(work, job, dir, &timeline, err);
    om_gate_timeline_finish(&timeline);
    om_gate_scene_finish(&scene);
    return is_ok;
}

// Clips take turns, so that each has its share when there are enough events. In a second round
// those that had nothing to show yet come once, and more of all when events are missing.
static bool take_job(struct work *work, struct job *ret)
{
    om_with_lock(&work->lock);
    int round = VIEWS * work->clip_count;
    while (work->next < 2 * round) {
        bool is_enough = work->events >= EVENTS_WANTED || work->pictures >= PICTURES_MAX;
        if (is_enough && work->next >= work->clip_count && work->next < round)
            work->next = round;
        if (is_enough && work->next >= round + work->clip_count)
            return false;
        int at = work->next++ % round;
        *ret = (struct job){&work->clips[at % work->clip_count], at / work->clip_count,
                            work->next > round};
        if (!ret->clip->is_unreadable && !(is_enough && ret->clip->timelines > 0))
            return true;
    }
    return false;
}

struct worker {
    struct work *work;
    struct om_thread thread;
    char dir[PATH_SIZE];
};

static void worker_main(void *ctx)
{
    struct worker *worker = ctx;
    struct work *work = worker->work;
    struct job job;
    while (take_job(work, &job)) {
        struct om_error err = {0};
        if (run_job(work, &job, worker->dir, &err))
            continue;
        om_with_lock(&work->lock);
        job.clip->is_unreadable = true;
        if (work->err.status == OM_OK)
            work->err = err;
    }
}

static void run_all(struct work *work)
{
    struct worker workers[WORKERS_MAX] = {0};
    int count = OM_CLAMP((int)sysconf(_SC_NPROCESSORS_ONLN), 1, WORKERS_MAX);
    for (int i = 0; i < count; i++) {
        struct worker *worker = &workers[i];
        worker->work = work;
        snprintf(worker->dir, sizeof(worker->dir), "%s/%d", work->home.path, i);
        if (!om_dir_make(worker->dir, NULL) ||
            !om_thread_start(&worker->thread, "gate", 1024 * 1024, worker_main, worker))
            break;
    }
    for (int i = 0; i < count; i++) {
        om_thread_join(&workers[i].thread);
        (void)rmdir(workers[i].dir);
    }
}

// ---- report ------------------------------------------------------------------------------------

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static void write_tally(struct om_json_writer *w, const struct om_gate_tally *tally,
                        const char *suffix)
{
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"events_kept", share(tally->kept, tally->events)},
        {"frames_decoded_share", share(tally->decoded, tally->packets)},
        {"events_within_1s", share(tally->prompt, tally->events)},
        {"woken_without_motion_share", share(tally->idle_wakes, tally->wakes)},
        {"wakes_per_hour", share(tally->wakes, tally->packets) * 5 * 3600},
        {"kbit_per_s", share(tally->bytes * 8 * 5, tally->packets * 1000)},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        char key[64];
        snprintf(key, sizeof(key), "%s%s", rows[i].name, suffix);
        om_json_kv_double(w, key, rows[i].value, 4);
    }
}

static void write_clips(struct om_json_writer *w, const struct work *work)
{
    om_json_key(w, "by_clip");
    om_json_array(w);
    for (int i = 0; i < work->clip_count; i++) {
        const struct clip *clip = &work->clips[i];
        for (int v = 0; v < OM_GATE_VARIANT_COUNT && clip->timelines > 0; v++) {
            const char *slash = strrchr(clip->path, '/');
            om_json_object(w);
            om_json_kv_text(w, "clip", slash ? slash + 1 : clip->path);
            om_json_kv_text(w, "variant", om_gate_variant_names[v]);
            om_json_kv_int(w, "timelines", clip->timelines);
            om_json_kv_int(w, "events", clip->tally[v].events);
            om_json_kv_int(w, "pictures", clip->tally[v].packets);
            om_json_kv_double(w, "activity", share(clip->tally[v].moving, clip->tally[v].packets),
                              4);
            write_tally(w, &clip->tally[v], "");
            om_json_object_end(w);
        }
    }
    om_json_array_end(w);
}

static void write_report(const struct work *work, struct om_bench_report *report)
{
    struct om_gate_tally variants[OM_GATE_VARIANT_COUNT] = {0}, all = {0};
    int unreadable = 0, timelines = 0;
    for (int i = 0; i < work->clip_count; i++) {
        for (int v = 0; v < OM_GATE_VARIANT_COUNT; v++)
            om_gate_tally_add(&variants[v], &work->clips[i].tally[v]);
        unreadable += work->clips[i].is_unreadable;
        timelines += work->clips[i].timelines;
    }
    for (int v = 0; v < OM_GATE_VARIANT_COUNT; v++)
        om_gate_tally_add(&all, &variants[v]);

    struct om_json_writer *w = report->workload;
    om_json_kv_int(w, "clips", work->clip_count - unreadable);
    om_json_kv_int(w, "clips_unreadable", unreadable);
    om_json_kv_int(w, "timelines", timelines);
    om_json_kv_int(w, "events", variants[0].events);
    om_json_kv_int(w, "pictures", variants[0].packets);
    om_json_kv_double(w, "activity", share(variants[0].moving, variants[0].packets), 4);
    om_json_kv_text(w, "camera",
                    "640x360, 5 fps, H.264 (x264 ultrafast), key frame every 20; "
                    "plain and noise: constant quality 26; cbr: 256 kbit/s; "
                    "noise: alls=5:allf=t");

    w = report->figures;
    om_json_kv_double(w, "us_per_packet", share(all.judge_us, all.judged), 3);
    om_json_kv_double(w, "us_per_packet_slice_header", share(all.slice_us, all.sliced), 3);
    for (int v = 0; v < OM_GATE_VARIANT_COUNT; v++) {
        char suffix[32];
        snprintf(suffix, sizeof(suffix), "%s%s", v == 0 ? "" : "_",
                 v == 0 ? "" : om_gate_variant_names[v]);
        write_tally(w, &variants[v], suffix);
    }
    write_clips(w, work);
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    struct work *work = om_new(struct work);
    om_mutex_init(&work->lock);
    find_clips(work, opts);
    bool is_ok = om_bench_home_make(&work->home, err);
    if (is_ok) {
        run_all(work);
        om_bench_home_remove(&work->home);
        report->reference = "the motion watch on every picture, before coding";
        write_report(work, report);
        is_ok = work->pictures > 0;
        if (!is_ok && err)
            *err = work->err;
    }
    om_mutex_finish(&work->lock);
    om_free(work);
    return is_ok;
}

const struct om_bench om_bench_gate = {
    .name = "gate",
    .help = "the packet gate: motion kept, pictures decoded, on long quiet timelines",
    .run = run,
};
