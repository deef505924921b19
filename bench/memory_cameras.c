// Quiet cameras in a whole pipeline, against the simulator: what each keeps resident, and whether
// anything is left of those that were removed.

#include <stdio.h>

#include "app/progress.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/home.h"
#include "bench/memory.h"
#include "bench/model.h"
#include "conf/config.h"
#include "loop/workers.h"
#include "pipeline/models.h"
#include "pipeline/options.h"
#include "pipeline/pipeline.h"
#include "sink/journal.h"

enum {
    CAMERAS_FIRST = 50,  // what comes with the first ones is no camera's
    CAMERAS = 250,
    QUIET_TIMEOUT_US = 120 * OM_SECOND,
    QUIET_ROUNDS = 5,  // looks a second apart, all of them quiet, before it counts
    ADDS_AT_ONCE = 20,
    ADDS_TIMEOUT_US = 20 * OM_SECOND,
    CONF_BYTES_MAX = 1 << 20,
};

struct rig {
    const struct om_quiet_scene *scene;
    const char *model;
    struct om_bench_home home;
    struct om_journal *journal;
    struct om_workers *workers;
    struct om_engines *engines;
    struct om_pipeline *pipeline;
    struct om_camera_status *statuses;
    int statuses_room;
};

// `count` cameras from camera `first` of the simulator on.
static bool apply(struct rig *rig, int first, int count, struct om_error *err)
{
    om_auto_buf yaml;
    om_buf_init(&yaml, CONF_BYTES_MAX);
    // The limits are not what is measured.
    om_buf_printf(&yaml, "limits: {cpu: 4096, memory: 900000GiB}\n");
    if (rig->model)
        om_buf_printf(&yaml, "model: \"%s\"\n", rig->model);
    om_buf_append_text(&yaml, count > 0 ? "cameras:\n" : "");
    for (int i = first; i < first + count; i++)
        om_buf_printf(&yaml, "  cam-%d: \"rtsp://127.0.0.1:%d/cam/%d\"\n", i, rig->scene->port, i);
    om_auto(om_conf) conf = om_conf_parse(om_buf_str(&yaml), "bench", err);
    return conf && om_pipeline_apply(rig->pipeline, conf, err);
}

static void look(struct rig *rig, int count, int *ret_live, int *ret_awake)
{
    if (count > rig->statuses_room) {
        rig->statuses = om_realloc(rig->statuses, (size_t)count, sizeof(*rig->statuses));
        rig->statuses_room = count;
    }
    *ret_live = *ret_awake = 0;
    int n = OM_MIN(om_pipeline_statuses(rig->pipeline, rig->statuses, count), count);
    for (int i = 0; i < n; i++) {
        *ret_live += rig->statuses[i].state == OM_CAMERA_LIVE;
        *ret_awake += rig->statuses[i].is_awake;
    }
}

// Private bytes once all are live and asleep, the least of some seconds.
static bool measure_quiet(struct rig *rig, int count, struct om_progress *progress,
                          int64_t *ret_bytes, struct om_error *err)
{
    int64_t until_us = om_time_mono_us() + QUIET_TIMEOUT_US, least = INT64_MAX;
    int live = 0, awake = 0;
    for (int quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
        om_time_sleep_us(OM_SECOND);
        look(rig, count, &live, &awake);
        om_progress_show(progress, live, -1);
        if (om_time_mono_us() > until_us) {
            om_error_set(err, OM_TIMEOUT, "of %d cameras %d are live, and %d of them not asleep",
                         count, live, awake);
            return false;
        }
        if (live < count || awake > 0) {
            quiet = -1;
            continue;
        }
        (void)om_mem_give_back();
        least = OM_MIN(least, om_machine_private_bytes());
    }
    *ret_bytes = least;
    return true;
}

static bool measure_cameras(struct rig *rig, const struct om_bench_opts *opts,
                            struct om_bench_report *report, struct om_error *err)
{
    int64_t first_bytes, all_bytes;
    int all = opts->cameras ? OM_MAX(opts->cameras, 2) : CAMERAS;
    int first = OM_MIN(CAMERAS_FIRST, all / 2);
    struct om_progress progress;
    om_progress_start(&progress, "cameras");
    om_progress_label(&progress, "quiet cameras");
    bool is_ok = apply(rig, 0, first, err) &&
                 measure_quiet(rig, first, &progress, &first_bytes, err) &&
                 apply(rig, 0, all, err) && measure_quiet(rig, all, &progress, &all_bytes, err);
    om_progress_end(&progress);
    if (!is_ok)
        return false;
    om_json_kv_int(report->workload, "cameras_first", first);
    om_json_kv_int(report->workload, "cameras", all);
    om_json_kv_double(report->figures, "bytes_per_quiet_camera",
                      (double)(all_bytes - first_bytes) / (all - first), 0);
    return true;
}

// Every other time they go before they are live.
static bool add_and_remove(struct rig *rig, int first, bool waits, struct om_error *err)
{
    int live = 0, awake = 0;
    if (!apply(rig, first, ADDS_AT_ONCE, err))
        return false;
    int64_t until_us = om_time_mono_us() + (waits ? ADDS_TIMEOUT_US : 20 * OM_MS);
    do {
        om_time_sleep_us(10 * OM_MS);
        look(rig, ADDS_AT_ONCE, &live, &awake);
    } while (live < ADDS_AT_ONCE && om_time_mono_us() < until_us);
    if (waits && live < ADDS_AT_ONCE) {
        om_error_set(err, OM_TIMEOUT, "of %d cameras %d are live", ADDS_AT_ONCE, live);
        return false;
    }
    return apply(rig, 0, 0, err);
}

static bool measure_adds(struct rig *rig, const struct om_bench_opts *opts,
                         struct om_bench_report *report, struct om_error *err)
{
    struct om_growth growth = {0};
    struct om_progress progress;
    om_progress_start(&progress, "cameras");
    om_progress_label(&progress, "added and removed");
    bool is_ok = apply(rig, 0, 0, err);
    for (int added = 0; added < opts->adds && is_ok; added += ADDS_AT_ONCE) {
        int first = added % OM_CAMERAS_MAX / ADDS_AT_ONCE * ADDS_AT_ONCE;
        is_ok = add_and_remove(rig, OM_MIN(first, OM_CAMERAS_MAX - ADDS_AT_ONCE),
                               added / ADDS_AT_ONCE % 2 == 0, err);
        om_growth_look(&growth, added + ADDS_AT_ONCE, opts->adds);
        om_progress_show(&progress, added, (double)added / opts->adds);
    }
    om_progress_end(&progress);
    if (!is_ok)
        return false;
    struct om_slope slope = om_growth_slope(&growth);
    om_json_kv_int(report->workload, "adds", opts->adds);
    om_json_kv_double(report->figures, "slope_bytes_per_1000_adds", slope.per_unit * 1e3, 0);
    om_json_kv_double(report->figures, "slope_error_bytes_per_1000_adds", slope.error * 1e3, 0);
    return true;
}

static bool rig_start(struct rig *rig, struct om_error *err)
{
    om_conf_register(om_pipeline_opt_groups);
    if (!om_bench_home_make(&rig->home, err))
        return false;
    rig->journal = om_journal_open(rig->home.journal_path, &om_journal_opts_default, err);
    if (!rig->journal)
        return false;
    rig->workers = om_workers_create("worker", 0, 1024 * 1024);
    const struct om_engines_opts engines = {.home = rig->home.path};
    rig->engines = om_engines_create(&engines);
    const struct om_pipeline_opts pipeline = {.workers = rig->workers,
                                              .journal = rig->journal,
                                              .engines = rig->engines,
                                              .connects_per_s = 1000};
    rig->pipeline = om_pipeline_create(&pipeline);
    return true;
}

static void rig_finish(struct rig *rig)
{
    om_pipeline_destroy(rig->pipeline);
    om_engines_destroy(rig->engines);
    om_workers_destroy(rig->workers);
    om_journal_close(rig->journal);
    om_bench_home_remove(&rig->home);
    om_free(rig->statuses);
}

bool om_memory_cameras(const struct om_quiet_scene *scene, const struct om_bench_opts *opts,
                       struct om_bench_report *report, struct om_error *err)
{
    struct rig rig = {.scene = scene, .model = opts->model};
    bool is_ok = rig_start(&rig, err) && measure_cameras(&rig, opts, report, err) &&
                 (opts->adds == 0 || measure_adds(&rig, opts, report, err));
    rig_finish(&rig);
    return is_ok;
}
