#include "bench/streams_run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/progress.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "bench/sim/sim.h"
#include "bench/streams_child.h"
#include "bench/streams_clip.h"
#include "bench/streams_collect.h"
#include "bench/streams_http.h"
#include "bench/streams_recorder.h"
#include "scene/labels.h"

enum {
    CONNECTS_PER_S = 200,
    START_TIMEOUT_US = 30 * OM_SECOND,
    DRAIN_US = 3 * OM_SECOND,  // results of the last second come later
    STOP_US = 10 * OM_SECOND,
    SETTLE_US = OM_SECOND / 2,
    PATH_SIZE = 512,
    ANSWER_MAX = 64 << 20,
    STEP_US = OM_SECOND / OM_CLIP_FPS,
};

static const struct om_log run_log = {.name = "bench"};

struct run {
    const struct om_run_opts *opts;
    struct om_run_result *result;
    struct om_child sim, server;
    struct om_sim_stats *stats;  // of the simulator, shared with it
    struct om_collect collect;
    uint64_t *plays;  // by camera, when the measured time began
    int port;
    char conf_path[PATH_SIZE], home[PATH_SIZE], results_path[PATH_SIZE];
    char log_path[PATH_SIZE];
    bool *is_held;  // by camera
    struct om_progress progress;
    int64_t from_us, to_us;  // mono, the measured time
    struct om_child_usage before, after, sim_before, sim_after;
    struct om_run_counts before_counts[OM_REELS_MAX], after_counts[OM_REELS_MAX];  // by reel
};

void om_run_result_finish(struct om_run_result *result)
{
    for (int i = 0; i < OM_REELS_MAX; i++)
        om_score_finish(&result->score[i]);
    *result = (struct om_run_result){0};
}

static void name_file(const struct run *run, const char *tail, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%.380s/%.32s-%s", run->opts->folder, run->opts->name, tail);
}

// ---- children ----------------------------------------------------------------------------------

static bool write_conf(struct run *run, struct om_error *err)
{
    om_auto_buf text;
    int sim_port = atomic_load(&run->stats->port);
    om_buf_init(&text, 16 << 20);
    om_buf_printf(&text, "listen: 127.0.0.1:0\nhome: %s\n", run->home);
    if (run->opts->model)
        om_buf_printf(&text, "model: %s\n", run->opts->model);
    om_buf_printf(&text, "source: {connects-per-second: %d}\n", CONNECTS_PER_S);
    if (run->opts->decodes_all)
        om_buf_append_text(&text, "gate: {enabled: off}\nwork: {look: always}\n"
                                  "limits: {cpu: 4096}\n");
    else
        om_buf_printf(&text, "limits: {activity: %g}\n", run->opts->reels->activity);
    om_buf_append_text(&text, "cameras:\n");
    for (int i = 0; i < run->opts->cameras; i++)
        om_buf_printf(&text, "  cam-%d: rtsp://127.0.0.1:%d/cam/%d\n", i, sim_port, i);
    return om_file_write(run->conf_path, om_buf_str(&text), err);
}

// The simulator's process.
static void simulate(void *ctx)
{
    const struct run *run = ctx;
    const struct om_reels *reels = run->opts->reels;
    const char *paths[OM_REELS_MAX];
    struct om_error err;
    for (int i = 0; i < reels->count; i++)
        paths[i] = reels->items[i].path;
    struct om_sim_opts opts = om_sim_opts_default;
    opts.listen = "127.0.0.1:0";
    opts.cameras = run->opts->cameras;
    opts.reels = paths;
    opts.reel_count = reels->count;
    opts.json_fd = -1;
    opts.stats = run->stats;
    if (!om_sim_run(&opts, &err))
        om_log_error(&run_log, "%s", err.text);
}

static bool start_simulator(struct run *run, struct om_error *err)
{
    int64_t until_us = om_time_mono_us() + START_TIMEOUT_US;
    run->stats = om_sim_stats_create(run->opts->cameras);
    if (!run->stats) {
        om_error_set(err, OM_NO_MEMORY, "no memory for the simulator's statistics");
        return false;
    }
    if (!om_child_fork(&run->sim, simulate, run, err))
        return false;
    while (om_child_is_running(&run->sim) && om_time_mono_us() < until_us) {
        if (atomic_load(&run->stats->port) > 0)
            return true;
        om_time_sleep_us(10 * OM_MS);
    }
    om_error_set(err, OM_INTERNAL, "the camera simulator did not start");
    return false;
}

// The first line that the child prints.
static bool read_line(struct om_child *child, struct om_buf *line)
{
    char c;
    while (read(child->out_fd, &c, 1) == 1 && c != '\n')
        om_buf_append_char(line, c);
    return line->len > 0;
}

static bool port_of(om_str url, int *ret)
{
    int64_t port;
    size_t at = url.n;
    while (at > 0 && url.p[at - 1] != ':')
        at--;
    if (!om_str_to_int64(om_str_trim(om_str_sub(url, at, url.n)), &port))
        return false;
    *ret = (int)port;
    return true;
}

static bool start_server(struct run *run, struct om_error *err)
{
    char home[PATH_SIZE + 16];
    snprintf(home, sizeof(home), "OMMA_HOME=%s", run->home);
    const char *const env[] = {home, NULL};
    const char *const argv[] = {"omma", "run", "-c", run->conf_path, NULL};
    const struct om_child_opts opts = {.path = "/proc/self/exe",
                                       .argv = argv,
                                       .set_env = env,
                                       .log_path = run->log_path,
                                       .has_out = true};
    if (!write_conf(run, err) || !om_child_start(&run->server, &opts, err))
        return false;
    om_auto_buf line;
    om_buf_init(&line, 4096);
    if (read_line(&run->server, &line) && port_of(om_buf_str(&line), &run->port))
        return true;
    om_error_set(err, OM_INTERNAL, "the server did not start; see %s", run->log_path);
    return false;
}

// ---- what the server says ----------------------------------------------------------------------

// Reasons that differ in the camera's name only are one: "camera cam-17 ..." is "camera ...".
static void note_reason(struct om_run_result *result, int camera, om_str state, om_str reason)
{
    char text[240], name[32];
    int n = snprintf(name, sizeof(name), "cam-%d ", camera);
    ptrdiff_t at = om_str_find(reason, om_str_n(name, (size_t)n));
    om_str head = om_str_sub(reason, 0, at < 0 ? 0 : (size_t)at);
    om_str tail = om_str_sub(reason, at < 0 ? 0 : (size_t)(at + n), reason.n);
    snprintf(text, sizeof(text), "%.*s: %.*s%.*s", OM_STR_ARG(state), OM_STR_ARG(head),
             OM_STR_ARG(tail));
    for (int i = 0; i < result->reason_count; i++) {
        if (strcmp(result->reasons[i].text, text) == 0) {
            result->reasons[i].cameras++;
            return;
        }
    }
    if (result->reason_count == OM_RUN_REASONS_MAX)
        return;
    struct om_run_reason *added = &result->reasons[result->reason_count++];
    memcpy(added->text, text, sizeof(text));
    added->cameras = 1;
}

static bool is_in_state(const struct om_json *cam, const char *state)
{
    return om_str_equal(om_json_as_str(om_json_get(cam, "state"), OM_STR("")), om_str_from(state));
}

static int64_t packets_of(const struct om_json *cam)
{
    return om_json_as_int(om_json_get(om_json_get(cam, "packets"), "received"), 0);
}

static void add_camera(struct om_run_counts *counts, const struct om_json *cam)
{
    const struct om_json *frames = om_json_get(cam, "frames");
    counts->live += is_in_state(cam, "live");
    counts->packets += packets_of(cam);
    counts->decoded += om_json_as_int(om_json_get(frames, "decoded"), 0);
    counts->detected += om_json_as_int(om_json_get(frames, "detected"), 0);
    counts->skipped += om_json_as_int(om_json_get(frames, "skipped"), 0);
    counts->corrupt += om_json_as_int(om_json_get(frames, "corrupt"), 0);
    counts->reconnects += om_json_as_int(om_json_get(cam, "reconnects"), 0);
    counts->stalls += om_json_as_int(om_json_get(cam, "stalls"), 0);
}

static struct om_json *ask_cameras(struct run *run, struct om_error *err)
{
    om_auto_buf body;
    om_buf_init(&body, ANSWER_MAX);
    if (!om_http_get(run->port, "/api/v1/cameras", &body, err))
        return NULL;
    return om_json_parse(om_buf_str(&body), err);
}

static const struct om_json *camera_of(const struct om_json *root, int i)
{
    return om_json_at(om_json_get(root, "cameras"), (size_t)i);
}

// How many are live, and of how many the server has said its last word.
static bool count_started(struct run *run, int *ret_live, int *ret_settled, struct om_error *err)
{
    om_auto_json root = ask_cameras(run, err);
    *ret_live = *ret_settled = 0;
    for (int i = 0; i < run->opts->cameras; i++) {
        bool is_live = is_in_state(camera_of(root, i), "live");
        *ret_live += is_live;
        *ret_settled += is_live || is_in_state(camera_of(root, i), "refused");
    }
    return root;
}

static bool wait_started(struct run *run, struct om_error *err)
{
    int live = 0, settled = 0, last = -1;
    int64_t progress_us = om_time_mono_us();
    om_progress_label(&run->progress, "cameras start");
    while (settled < run->opts->cameras) {
        om_time_sleep_us(OM_SECOND);
        if (!om_child_is_running(&run->server)) {
            om_error_set(err, OM_INTERNAL, "the server ended; see %s", run->log_path);
            return false;
        }
        if (!count_started(run, &live, &settled, err))
            return false;
        if (settled != last)
            progress_us = om_time_mono_us();
        last = settled;
        if (om_time_mono_us() - progress_us > START_TIMEOUT_US)
            break;  // the others were refused, or cannot be held
        om_progress_show(&run->progress, live, (double)live / run->opts->cameras);
    }
    if (live == 0)
        om_error_set(err, OM_INTERNAL, "no camera came up; see %s", run->log_path);
    return live > 0;
}

// Notes who is held and, of the others, why not.
static bool take_stock(struct run *run, struct om_run_counts counts[OM_REELS_MAX], bool is_first,
                       struct om_error *err)
{
    om_auto_json root = ask_cameras(run, err);
    if (!root)
        return false;
    for (int i = 0; i < run->opts->cameras; i++) {
        const struct om_json *cam = camera_of(root, i);
        if (is_first) {
            run->is_held[i] = is_in_state(cam, "live");
            run->result->cameras_held += run->is_held[i];
        }
        if (run->is_held[i])
            add_camera(&counts[i % run->opts->reels->count], cam);
        else if (is_first)
            note_reason(run->result, i, om_json_as_str(om_json_get(cam, "state"), OM_STR("")),
                        om_json_as_str(om_json_get(cam, "reason"), OM_STR("")));
    }
    return true;
}

// ---- sessions ----------------------------------------------------------------------------------

// Which part of which reel each camera plays, as the measured time begins.
static void note_sessions(struct run *run)
{
    for (int i = 0; i < run->opts->cameras; i++) {
        struct om_sim_camera_stats *stats = &run->stats->cameras[i];
        run->plays[i] = atomic_load(&stats->plays);
        run->collect.cameras[i] = (struct om_collect_camera){
            .has_session = run->plays[i] > 0 && run->is_held[i],
            .reel = i % run->opts->reels->count,
            .offset_us = atomic_load(&stats->offset_us),
            .play_us = atomic_load(&stats->play_mono_us),
            .replaced_us = INT64_MAX};
    }
}

// Who began anew since then.
static void note_restarts(struct run *run)
{
    for (int i = 0; i < run->opts->cameras; i++) {
        struct om_sim_camera_stats *stats = &run->stats->cameras[i];
        if (!run->collect.cameras[i].has_session || atomic_load(&stats->plays) == run->plays[i])
            continue;
        run->collect.cameras[i].replaced_us = atomic_load(&stats->play_mono_us);
        run->result->restarts++;
    }
}

// With the simulator gone nothing is under way any more: what it sent and what came is final.
static bool count_lost(struct run *run, struct om_error *err)
{
    om_child_stop(&run->sim, STOP_US);
    om_time_sleep_us(SETTLE_US);
    om_auto_json root = ask_cameras(run, err);
    for (int i = 0; i < run->opts->cameras; i++) {
        int64_t sent = (int64_t)atomic_load(&run->stats->cameras[i].pictures);
        int64_t dropped = (int64_t)atomic_load(&run->stats->cameras[i].pictures_dropped);
        int64_t came = packets_of(camera_of(root, i));
        if (!run->is_held[i])
            continue;
        run->result->packets_sent += sent + dropped;
        run->result->packets_lost += OM_MAX(0, sent - came) + dropped;
    }
    run->result->sim_late_ms_max = (double)atomic_load(&run->stats->late_us_max) / OM_MS;
    return root;
}

// ---- the measured time -------------------------------------------------------------------------

static bool pass_time(struct run *run, const char *label, int64_t us, struct om_error *err)
{
    int64_t start_us = om_time_mono_us(), now_us;
    om_progress_label(&run->progress, label);
    while ((now_us = om_time_mono_us()) < start_us + us) {
        om_time_sleep_us(OM_MIN(start_us + us - now_us, 200 * OM_MS));
        om_progress_show(&run->progress, (double)(now_us - start_us) / OM_SECOND,
                         (double)(now_us - start_us) / (double)us);
        if (!om_child_is_running(&run->server) || !om_child_is_running(&run->sim)) {
            om_error_set(err, OM_INTERNAL, "the server or the simulator ended; see %s",
                         run->log_path);
            return false;
        }
    }
    return true;
}

static bool measure(struct run *run, struct om_error *err)
{
    if (!wait_started(run, err) ||
        !pass_time(run, "warming up", run->opts->warm_up_s * (int64_t)OM_SECOND, err))
        return false;
    struct om_recorder *recorder = om_recorder_start(run->port, run->results_path, err);
    if (!recorder)
        return false;
    bool is_ok = take_stock(run, run->before_counts, true, err);
    note_sessions(run);
    om_child_usage(&run->server, &run->before);
    om_child_usage(&run->sim, &run->sim_before);
    run->from_us = om_time_mono_us();
    is_ok = is_ok && pass_time(run, "measuring", run->opts->seconds * (int64_t)OM_SECOND, err);
    om_child_usage(&run->server, &run->after);
    om_child_usage(&run->sim, &run->sim_after);
    run->to_us = om_time_mono_us();
    is_ok = is_ok && take_stock(run, run->after_counts, false, err) &&
            pass_time(run, "waiting for the last results", DRAIN_US, err);
    note_restarts(run);
    is_ok = is_ok && count_lost(run, err);
    if (om_recorder_stop(recorder) || !is_ok)
        return is_ok;
    om_error_set(err, OM_INTERNAL, "%s could not be written", run->results_path);
    return false;
}

// ---- the result --------------------------------------------------------------------------------

struct slips {
    const struct run *run;
    int camera, reel;
    struct om_buf out;
};

static void write_slip(void *ctx, const struct om_score_slip *slip)
{
    struct slips *slips = ctx;
    const struct run *run = slips->run;
    struct om_json_writer w;
    om_json_begin(&w, &slips->out);
    om_json_object(&w);
    om_json_kv_text(&w, "slip", slip->is_missed ? "missed" : "made up");
    om_json_kv_int(&w, "camera", slips->camera);
    om_json_kv_text(&w, "reel", run->opts->reels->items[slips->reel].name);
    om_json_kv_text(&w, "label", om_labels_name(run->opts->labels, slip->class_id));
    om_json_kv_double(&w, "reel_s", (double)slip->reel_us / OM_SECOND, 2);
    om_json_kv_double(&w, "session_s", (double)slip->session_us / OM_SECOND, 2);
    om_json_key(&w, "box");
    om_json_array(&w);
    om_json_double(&w, (double)slip->box.x, 1);
    om_json_double(&w, (double)slip->box.y, 1);
    om_json_double(&w, (double)slip->box.w, 1);
    om_json_double(&w, (double)slip->box.h, 1);
    om_json_array_end(&w);
    om_json_object_end(&w);
    om_buf_append_char(&slips->out, '\n');
}

static void score_camera(struct run *run, const struct om_collect_camera *cam, struct slips *slips)
{
    struct om_run_result *result = run->result;
    const struct om_reel *reel = &run->opts->reels->items[cam->reel];
    const struct om_score_session session = {.reel = &reel->oracle,
                                             .offset_us = cam->offset_us,
                                             .start_us = cam->play_us,
                                             .from_us = run->from_us - cam->play_us,
                                             .to_us = run->to_us - cam->play_us,
                                             .tracks = &cam->tracks};
    result->activity += reel->activity / result->cameras_held;
    om_score_add(&result->score[cam->reel], &session, run->opts->is_debug ? write_slip : NULL,
                 slips);
}

static bool score_all(struct run *run, struct om_error *err)
{
    struct slips slips = {.run = run};
    char slips_path[PATH_SIZE];
    name_file(run, "slips.jsonl", slips_path);
    om_progress_label(&run->progress, "scoring");
    if (!om_collect_file(&run->collect, run->results_path, err))
        return false;
    om_collect_settle(&run->collect, STEP_US);
    om_buf_init(&slips.out, ANSWER_MAX);
    for (int i = 0; i < run->opts->cameras; i++) {
        const struct om_collect_camera *cam = &run->collect.cameras[i];
        slips.camera = i;
        slips.reel = cam->reel;
        if (cam->has_session)
            score_camera(run, cam, &slips);
        om_progress_show(&run->progress, i, (double)i / run->opts->cameras);
    }
    run->result->results = run->collect.results;
    bool is_ok = !run->opts->is_debug || om_file_write(slips_path, om_buf_str(&slips.out), err);
    om_buf_finish(&slips.out);
    return is_ok;
}

static void add_counts(struct om_run_counts *sum, const struct om_run_counts *more, int sign)
{
    sum->live += sign * more->live;
    sum->packets += sign * more->packets;
    sum->decoded += sign * more->decoded;
    sum->detected += sign * more->detected;
    sum->skipped += sign * more->skipped;
    sum->corrupt += sign * more->corrupt;
    sum->reconnects += sign * more->reconnects;
    sum->stalls += sign * more->stalls;
}

static void fill_result(struct run *run)
{
    struct om_run_result *result = run->result;
    result->cameras_refused = run->opts->cameras - result->cameras_held;
    result->seconds = (double)(run->to_us - run->from_us) / OM_SECOND;
    result->cpu_s = (double)(run->after.cpu_us - run->before.cpu_us) / OM_SECOND;
    result->sim_cpu_s = (double)(run->sim_after.cpu_us - run->sim_before.cpu_us) / OM_SECOND;
    result->rss_bytes = run->after.rss_bytes;
    result->rss_max_bytes = run->after.rss_max_bytes;
    result->threads = run->after.threads;
    for (int i = 0; i < run->opts->reels->count; i++) {
        add_counts(&result->reel_counts[i], &run->after_counts[i], 1);
        add_counts(&result->reel_counts[i], &run->before_counts[i], -1);
        add_counts(&result->counts, &result->reel_counts[i], 1);
    }
}

// ---- the whole ---------------------------------------------------------------------------------

// A thousand cameras are a thousand descriptors on either side.
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

bool om_run(const struct om_run_opts *opts, struct om_run_result *result, struct om_error *err)
{
    struct run run = {.opts = opts, .result = result};
    *result = (struct om_run_result){0};
    name_file(&run, "omma.yaml", run.conf_path);
    name_file(&run, "home", run.home);
    name_file(&run, "results.jsonl", run.results_path);
    name_file(&run, "omma.log", run.log_path);
    run.is_held = om_new_array(bool, (size_t)opts->cameras);
    run.plays = om_new_array(uint64_t, (size_t)opts->cameras);
    om_collect_init(&run.collect, opts->cameras, opts->labels);
    raise_limits();
    om_progress_start(&run.progress, "s");
    bool is_ok = start_simulator(&run, err) && start_server(&run, err) && measure(&run, err);
    om_child_stop(&run.server, STOP_US);
    om_child_stop(&run.sim, STOP_US);
    if (is_ok)
        fill_result(&run);
    is_ok = is_ok && score_all(&run, err);
    om_progress_end(&run.progress);
    om_free(run.is_held);
    om_free(run.plays);
    om_collect_finish(&run.collect);
    om_sim_stats_destroy(run.stats);
    if (!is_ok)
        om_run_result_finish(result);
    return is_ok;
}
