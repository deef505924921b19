// bench streams: a thousand cameras on two cores. `omma run` as a child process beside the camera
// simulator, both on this machine; what the server reports is scored against an oracle that looked
// at every picture of the same reels, and its CPU time is compared with what the same binary needs
// for a camera when it decodes and looks at everything. docs/design/bench-streams.md.

#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/home.h"
#include "bench/model.h"
#include "bench/streams_oracle.h"
#include "bench/streams_reel.h"
#include "bench/streams_run.h"
#include "infer/model.h"
#include "scene/labels.h"

enum {
    SKIPPED_BYTES_MAX = 64 * 1024,
    EVENTS_BYTES_MAX = 64 << 20,
    MODEL_PATH_SIZE = 4096,
    NFTW_DESCRIPTORS = 16,
    CAMERAS = 10,
    SECONDS = 60,
    MANY_CAMERAS = 100,  // from here on:
    MANY_SECONDS = 600,
    WARM_UP_S = 15,
    FEW_CAMERAS = 4,
    FEW_SECONDS = 10,
    REFERENCE_SECONDS = 60,
    REFERENCE_WARM_UP_S = 5,
    REFERENCE_CAMERAS_MAX = 4096,
};

#define REFERENCE_SHARE_MIN 0.98
#define REFERENCE_LOAD 0.75  // of the cores, so that nothing is skipped

struct streams {
    const struct om_bench_opts *opts;
    struct om_bench_home home;
    const char *reels_folder, *runs_folder;
    char model_path[MODEL_PATH_SIZE];  // "" = motion only
    struct om_model *model;
    struct om_oracle *oracle;
    struct om_reels reels;
    struct om_buf skipped;
    struct om_run_result result, reference;
    int cameras, seconds;
};

// ---- parts -------------------------------------------------------------------------------------

// The name or file that the server is told: the same one that the oracle loads.
static void name_model(struct streams *s)
{
    char in_data[MODEL_PATH_SIZE];
    snprintf(in_data, sizeof(in_data), "%.2000s/models/yolox_nano_416.onnx",
             s->opts->data ? s->opts->data : ".");
    const char *model = s->opts->model ? s->opts->model : in_data;
    char *whole = om_file_exists(model) ? realpath(model, NULL) : NULL;
    if (whole || s->opts->model)
        (void)om_str_copy(s->model_path, sizeof(s->model_path), om_str_from(whole ? whole : model));
    om_free(whole);  // realpath took it from the same heap
}

static bool open_model(struct streams *s, struct om_error *err)
{
    name_model(s);
    if (!s->model_path[0])
        return true;
    const struct om_model_opts opts = {.threads = 1};
    s->model = om_bench_model(s->opts, &opts, err);
    return s->model;
}

static bool open_folders(struct streams *s, struct om_error *err)
{
    const char *cache = getenv("OMMA_BENCH_CACHE"), *debug = getenv("OMMA_BENCH_DEBUG");
    if (!om_bench_home_make(&s->home, err))
        return false;
    s->reels_folder = cache && cache[0] ? cache : s->home.path;
    s->runs_folder = debug && debug[0] ? debug : s->home.path;
    return om_dir_make(s->reels_folder, err) && om_dir_make(s->runs_folder, err);
}

static bool make_reels(struct streams *s, struct om_error *err)
{
    bool is_kept = s->reels_folder != s->home.path;
    s->oracle = om_oracle_create(s->model, is_kept ? s->reels_folder : NULL, err);
    if (!s->oracle)
        return false;
    const struct om_reels_opts opts = {.data = s->opts->data,
                                       .folder = s->reels_folder,
                                       .activity = s->opts->activity,
                                       .oracle = s->oracle,
                                       .skipped = &s->skipped};
    return om_reels_make(&s->reels, &opts, err);
}

static void write_event(struct streams *s, const struct om_reel *reel, const struct om_path *path,
                        struct om_buf *out)
{
    const struct om_path_point *points = reel->oracle.paths.points;
    const struct om_path_point *at = &points[path->moment];
    struct om_json_writer w;
    om_json_begin(&w, out);
    om_json_object(&w);
    om_json_kv_text(&w, "reel", reel->name);
    om_json_kv_text(&w, "path", reel->path);
    om_json_kv_int(&w, "id", at->id);
    om_json_kv_text(&w, "label", om_labels_name(om_oracle_labels(s->oracle), at->class_id));
    om_json_kv_double(&w, "from_s", (double)points[path->first].t_us / OM_SECOND, 2);
    om_json_kv_double(&w, "moment_s", (double)at->t_us / OM_SECOND, 2);
    om_json_kv_double(&w, "to_s", (double)points[path->first + path->count - 1].t_us / OM_SECOND,
                      2);
    om_json_kv_double(&w, "reel_s", (double)(at->t_us % reel->oracle.length_us) / OM_SECOND, 2);
    om_json_object_end(&w);
    om_buf_append_char(out, '\n');
}

// Every event of the oracle, for those who want to look at them.
static bool write_events(struct streams *s, struct om_error *err)
{
    om_auto_buf out, path;
    if (s->runs_folder == s->home.path)
        return true;
    om_buf_init(&out, EVENTS_BYTES_MAX);
    om_buf_init(&path, MODEL_PATH_SIZE);
    om_buf_printf(&path, "%s/events.jsonl", s->runs_folder);
    for (int r = 0; r < s->reels.count; r++) {
        const struct om_reel *reel = &s->reels.items[r];
        for (int i = 0; i < reel->oracle.paths.path_count; i++) {
            if (reel->oracle.paths.paths[i].moment >= 0)
                write_event(s, reel, &reel->oracle.paths.paths[i], &out);
        }
    }
    return om_file_write(om_buf_text(&path), om_buf_str(&out), err);
}

struct plan {
    const char *name;
    int cameras, seconds, warm_up_s;
    bool decodes_all;
};

static bool run_one(struct streams *s, struct plan plan, struct om_run_result *result,
                    struct om_error *err)
{
    const struct om_run_opts opts = {.name = plan.name,
                                     .cameras = plan.cameras,
                                     .seconds = plan.seconds,
                                     .warm_up_s = plan.warm_up_s,
                                     .reels = &s->reels,
                                     .labels = om_oracle_labels(s->oracle),
                                     .folder = s->runs_folder,
                                     .model = s->model_path[0] ? s->model_path : NULL,
                                     .decodes_all = plan.decodes_all,
                                     .is_debug = s->runs_folder != s->home.path};
    return om_run(&opts, result, err);
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

// CPU seconds of one second of one camera.
static double cost_of(const struct om_run_result *r)
{
    return ratio(r->cpu_s, r->cameras_held * r->seconds);
}

static double looked_at_share(const struct om_run_result *r)
{
    return ratio((double)r->counts.detected, (double)r->counts.packets);
}

// Few cameras tell how many fit; fewer are taken when they turn out not to, because pictures that
// are not looked at cost nothing.
static bool run_reference(struct streams *s, struct om_error *err)
{
    struct plan plan = {"few", FEW_CAMERAS, FEW_SECONDS, REFERENCE_WARM_UP_S, true};
    struct om_run_result few;
    if (!run_one(s, plan, &few, err))
        return false;
    double fit = REFERENCE_LOAD * (double)sysconf(_SC_NPROCESSORS_ONLN) / cost_of(&few);
    om_run_result_finish(&few);
    plan.name = "all";
    plan.cameras = fit >= 1 && fit < REFERENCE_CAMERAS_MAX ? (int)fit : 1;
    plan.seconds = OM_MIN(s->seconds, REFERENCE_SECONDS);
    for (;; plan.cameras = (plan.cameras + 1) / 2) {
        if (!run_one(s, plan, &s->reference, err))
            return false;
        if (plan.cameras == 1 || looked_at_share(&s->reference) >= REFERENCE_SHARE_MIN)
            return true;
        om_run_result_finish(&s->reference);
    }
}

// ---- report ------------------------------------------------------------------------------------

static void write_score(struct om_json_writer *w, struct om_score *score)
{
    om_json_kv_int(w, "events", score->events);
    om_json_kv_double(w, "event_recall", om_score_recall(score), 4);
    om_json_kv_int(w, "events_reported", score->own_events);
    om_json_kv_double(w, "event_precision", om_score_precision(score), 4);
    om_json_kv_double(w, "event_delay_ms_p50", om_score_delay_ms(score, 0.5), 1);
    om_json_kv_double(w, "event_delay_ms_p95", om_score_delay_ms(score, 0.95), 1);
}

static void write_by_reel(struct om_json_writer *w, struct streams *s)
{
    om_json_key(w, "by_reel");
    om_json_array(w);
    for (int i = 0; i < s->reels.count; i++) {
        const struct om_reel *reel = &s->reels.items[i];
        om_json_object(w);
        om_json_kv_text(w, "reel", reel->name);
        om_json_kv_double(w, "activity", reel->activity, 4);
        om_json_kv_int(w, "events_a_round", reel->events);
        const struct om_run_counts *counts = &s->result.reel_counts[i];
        write_score(w, &s->result.score[i]);
        om_json_kv_double(w, "decoded_share",
                          ratio((double)counts->decoded, (double)counts->packets), 4);
        om_json_kv_double(w, "looked_at_share",
                          ratio((double)counts->detected, (double)counts->packets), 4);
        om_json_object_end(w);
    }
    om_json_array_end(w);
}

static void write_workload(struct streams *s, struct om_json_writer *w)
{
    om_str rest = om_buf_str(&s->skipped), line;
    om_json_kv_text(w, "clips", s->opts->data ? s->opts->data : "test:");
    om_json_kv_text(w, "model", s->model ? om_model_manifest(s->model)->name : "motion only");
    om_json_kv_text(w, "pictures", "640x360, 5 a second, H.264");
    om_json_kv_int(w, "cameras_asked", s->cameras);
    om_json_kv_double(w, "activity_asked", s->opts->activity, 3);
    om_json_kv_double(w, "seconds", s->result.seconds, 1);
    om_json_kv_int(w, "reels", s->reels.count);
    om_json_key(w, "clips_left_out");
    om_json_array(w);
    while (om_str_split(&rest, '\n', &line)) {
        if (line.n)
            om_json_str(w, line);
    }
    om_json_array_end(w);
}

static void write_held(struct om_json_writer *w, const struct om_run_result *r)
{
    om_json_kv_int(w, "cameras_held", r->cameras_held);
    om_json_kv_int(w, "cameras_refused", r->cameras_refused);
    om_json_key(w, "refused_because");
    om_json_array(w);
    for (int i = 0; i < r->reason_count; i++) {
        om_json_object(w);
        om_json_kv_text(w, "reason", r->reasons[i].text);
        om_json_kv_int(w, "cameras", r->reasons[i].cameras);
        om_json_object_end(w);
    }
    om_json_array_end(w);
}

static void write_load(struct om_json_writer *w, const struct om_run_result *r)
{
    double cores = ratio(r->cpu_s, r->seconds);
    om_json_kv_double(w, "cameras_per_core", ratio(r->cameras_held, cores), 1);
    om_json_kv_double(w, "cpu_cores_used", cores, 3);
    om_json_kv_double(w, "simulator_cores", ratio(r->sim_cpu_s, r->seconds), 3);
    om_json_kv_double(w, "cpu_ms_per_camera_second", 1e3 * cost_of(r), 4);
    om_json_kv_int(w, "packets_sent", r->packets_sent);
    om_json_kv_int(w, "packets_lost", r->packets_lost);
    om_json_kv_double(w, "frames_decoded_share",
                      ratio((double)r->counts.decoded, (double)r->counts.packets), 4);
    om_json_kv_double(w, "frames_looked_at_share", looked_at_share(r), 4);
    om_json_kv_int(w, "frames_corrupt", r->counts.corrupt);
    om_json_kv_int(w, "sessions_restarted", r->restarts);
    om_json_kv_double(w, "simulator_late_ms_max", r->sim_late_ms_max, 1);
    om_json_kv_int(w, "reconnects", r->counts.reconnects);
    om_json_kv_int(w, "stalls", r->counts.stalls);
    om_json_kv_int(w, "rss_bytes", r->rss_bytes);
    om_json_kv_int(w, "rss_max_bytes", r->rss_max_bytes);
    om_json_kv_double(w, "rss_bytes_per_camera", ratio((double)r->rss_bytes, r->cameras_held), 0);
    om_json_kv_int(w, "threads", r->threads);
    om_json_kv_int(w, "results", r->results);
}

static void write_reference(struct streams *s, struct om_json_writer *w)
{
    const struct om_run_result *r = &s->reference;
    struct om_score sum = {0};
    if (r->cameras_held == 0)
        return;  // it was not wanted
    for (int i = 0; i < s->reels.count; i++)
        om_score_merge(&sum, &r->score[i]);
    om_json_kv_double(w, "times_decode_all", ratio(cost_of(r), cost_of(&s->result)), 2);
    om_json_key(w, "decode_all");
    om_json_object(w);
    om_json_kv_int(w, "cameras", r->cameras_held);
    om_json_kv_double(w, "seconds", r->seconds, 1);
    write_score(w, &sum);
    write_load(w, r);
    om_json_object_end(w);
    om_score_finish(&sum);
}

static void write_figures(struct streams *s, struct om_json_writer *w)
{
    struct om_score sum = {0};
    for (int i = 0; i < s->reels.count; i++)
        om_score_merge(&sum, &s->result.score[i]);
    om_json_kv_int(w, "cameras", s->result.cameras_held);
    om_json_kv_double(w, "activity", s->result.activity, 4);
    write_held(w, &s->result);
    write_score(w, &sum);
    write_load(w, &s->result);
    write_reference(s, w);
    write_by_reel(w, s);
    om_score_finish(&sum);
}

// ---- run ---------------------------------------------------------------------------------------

// Tuning asks for one side only.
static bool wants_reference(void)
{
    const char *text = getenv("OMMA_BENCH_REFERENCE");
    return !text || strcmp(text, "no") != 0;
}

static bool measure(struct streams *s, struct om_bench_report *report, struct om_error *err)
{
    const struct plan plan = {"run", s->cameras, s->seconds, WARM_UP_S, false};
    if (!open_folders(s, err) || !open_model(s, err) || !make_reels(s, err) ||
        !write_events(s, err) || (wants_reference() && !run_reference(s, err)) ||
        !run_one(s, plan, &s->result, err))
        return false;
    write_workload(s, report->workload);
    write_figures(s, report->figures);
    return true;
}

// Reels, logs and the servers' homes. What cannot be removed stays in the system's temporary
// folder.
static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    (void)remove(path);
    return 0;
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    struct streams s = {.opts = opts, .cameras = opts->cameras ? opts->cameras : CAMERAS};
    s.seconds = opts->has_seconds          ? opts->seconds
                : s.cameras < MANY_CAMERAS ? SECONDS
                                           : MANY_SECONDS;
    (void)signal(SIGPIPE, SIG_IGN);  // a child that ends early is an error, not our end
    om_buf_init(&s.skipped, SKIPPED_BYTES_MAX);
    report->reference = "the same binary decoding and looking at every picture, CPU time a "
                        "camera-second; recall against an oracle that looks at every picture";
    bool is_ok = measure(&s, report, err);
    om_run_result_finish(&s.result);
    om_run_result_finish(&s.reference);
    om_reels_finish(&s.reels);
    om_oracle_destroy(s.oracle);
    om_model_destroy(s.model);
    om_buf_finish(&s.skipped);
    if (s.home.path[0])
        (void)nftw(s.home.path, remove_one, NFTW_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    return is_ok;
}

const struct om_bench om_bench_streams = {
    .name = "streams",
    .help = "a thousand cameras: events found, CPU time",
    .run = run,
};
