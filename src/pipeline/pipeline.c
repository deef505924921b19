#include "pipeline/pipeline.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "alert/alert.h"
#include "base/list.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "conf/config.h"
#include "conf/opt.h"
#include "decode/packet_gate.h"
#include "infer/engine.h"
#include "loop/workers.h"
#include "motion/watch.h"
#include "pipeline/budget.h"
#include "pipeline/camera.h"
#include "pipeline/contract.h"
#include "pipeline/feed.h"
#include "pipeline/gate.h"
#include "pipeline/load.h"
#include "pipeline/looks.h"
#include "pipeline/models.h"
#include "pipeline/options.h"
#include "pipeline/stages.h"
#include "track/tracker.h"

static const struct om_log pipeline_log = {.name = "pipeline"};

enum { CAMERAS_A_CORE_FEW = 4, ADMITTED_AT_ONCE = 64 };

// A camera in the pipeline's list. Counted by whoever works on it outside the lock.
struct seat {
    struct om_camera *cam;
    int users;  // under `lock`
};

struct om_pipeline {
    // Constant after create.
    struct om_workers *workers;
    struct om_journal *journal;
    struct om_engines *engines;
    struct om_connect_gate gate;
    struct om_load *load;

    struct om_mutex apply_lock;  // one om_pipeline_apply() at a time
    struct om_conf *conf;        // under `apply_lock`: what runs
    // Made by the first apply, constant from then on.
    _Atomic(struct om_budget *) budget;

    struct om_mutex lock;
    struct om_cond unused;  // a seat's users went to 0
    // Under `lock`.
    struct seat **seats;  // in the order of the configuration
    int count;

    struct om_mutex boxes_lock;
    // Under `boxes_lock`.
    void (*on_boxes)(void *ctx);
    void *on_boxes_ctx;
};

// ---- cameras by id -----------------------------------------------------------------------------

static struct seat *find(struct om_pipeline *pipeline, om_str id)
{
    om_mutex_assert_held(&pipeline->lock);
    for (int i = 0; i < pipeline->count; i++) {
        if (om_str_equal(om_str_from(om_camera_conf(pipeline->seats[i]->cam)->id), id))
            return pipeline->seats[i];
    }
    return NULL;
}

// The seat stays until om_leave(); NULL when there is no such camera.
static struct seat *enter(struct om_pipeline *pipeline, om_str id)
{
    om_with_lock(&pipeline->lock);
    struct seat *seat = find(pipeline, id);
    if (seat)
        seat->users++;
    return seat;
}

static void leave(struct om_pipeline *pipeline, struct seat *seat)
{
    om_with_lock(&pipeline->lock);
    if (--seat->users == 0)
        om_cond_broadcast(&pipeline->unused);
}

static void wait_unused(struct om_pipeline *pipeline, const struct seat *seat)
{
    om_with_lock(&pipeline->lock);
    while (seat->users > 0)
        om_cond_wait(&pipeline->unused, &pipeline->lock);
}

static void seat_destroy(struct om_pipeline *pipeline, struct seat *seat)
{
    wait_unused(pipeline, seat);
    om_camera_destroy(seat->cam);
    om_free(seat);
}

// ---- metrics -----------------------------------------------------------------------------------

struct camera_metric {
    const char *name, *help, *type;
    double (*value)(const struct om_camera_status *status);
};

static double is_up(const struct om_camera_status *s)
{
    return s->state == OM_CAMERA_LIVE;
}
static double fps(const struct om_camera_status *s)
{
    return s->fps;
}
static double bitrate(const struct om_camera_status *s)
{
    return s->bitrate_bps;
}
static double delay_s(const struct om_camera_status *s)
{
    return s->delay_ms / 1e3;
}
static double packets(const struct om_camera_status *s)
{
    return (double)s->packets;
}
static double decoded(const struct om_camera_status *s)
{
    return (double)s->frames_decoded;
}
static double detected(const struct om_camera_status *s)
{
    return (double)s->frames_detected;
}
static double skipped(const struct om_camera_status *s)
{
    return (double)s->frames_skipped;
}
static double corrupt(const struct om_camera_status *s)
{
    return (double)s->frames_corrupt;
}
static double put_off(const struct om_camera_status *s)
{
    return (double)s->frames_put_off;
}
static double parts(const struct om_camera_status *s)
{
    return (double)s->parts_looked;
}
static double ignored(const struct om_camera_status *s)
{
    return (double)s->packets_ignored;
}
static double packets_put_off(const struct om_camera_status *s)
{
    return (double)s->packets_put_off;
}
static double wakes(const struct om_camera_status *s)
{
    return (double)s->wakes;
}
static double reconnects(const struct om_camera_status *s)
{
    return (double)s->reconnects;
}
static double stalls(const struct om_camera_status *s)
{
    return (double)s->stalls;
}

static const struct camera_metric camera_metrics[] = {
    {"omma_camera_up", "Whether the camera is live.", "gauge", is_up},
    {"omma_camera_fps", "Packets a second in the last second.", "gauge", fps},
    {"omma_camera_bitrate_bits_per_second", "Bits a second in the last second.", "gauge", bitrate},
    {"omma_camera_delay_seconds", "Packet in to event out, last result.", "gauge", delay_s},
    {"omma_camera_packets_total", "Packets received.", "counter", packets},
    {"omma_camera_frames_decoded_total", "Pictures decoded.", "counter", decoded},
    {"omma_camera_frames_detected_total", "Pictures that went through the detector.", "counter",
     detected},
    {"omma_camera_frames_skipped_total", "Pictures not worth the detector.", "counter", skipped},
    {"omma_camera_frames_corrupt_total", "Damaged pictures not shown.", "counter", corrupt},
    {"omma_camera_frames_put_off_total", "Of the skipped ones: looked at later, to save work.",
     "counter", put_off},
    {"omma_camera_parts_looked_total", "Parts of pictures that went through the detector.",
     "counter", parts},
    {"omma_camera_packets_not_decoded_total", "Packets that the packet gate left alone.", "counter",
     ignored},
    {"omma_camera_packets_put_off_total",
     "Packets worth decoding that were not, because too many cameras were awake.", "counter",
     packets_put_off},
    {"omma_camera_wakes_total", "Times the packet gate woke the decoder.", "counter", wakes},
    {"omma_camera_reconnects_total_by_camera", "Tries to bring the camera back.", "counter",
     reconnects},
    {"omma_camera_stalls_total_by_camera", "Times the stream stopped without an error.", "counter",
     stalls},
};

static void collect(void *ctx, struct om_buf *out)
{
    struct om_pipeline *pipeline = ctx;
    struct om_contract contract;
    if (om_pipeline_contract(pipeline, &contract))
        om_contract_write_metrics(&contract, out);
    int n = om_pipeline_camera_count(pipeline);
    if (n == 0)
        return;
    struct om_camera_status *statuses = om_new_array(struct om_camera_status, (size_t)n);
    n = OM_MIN(n, om_pipeline_statuses(pipeline, statuses, n));
    for (size_t m = 0; m < OM_ARRAY_LEN(camera_metrics); m++) {
        const struct camera_metric *metric = &camera_metrics[m];
        om_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                      metric->type);
        for (int i = 0; i < n; i++)
            om_buf_printf(out, "%s{camera=\"%s\"} %.6g\n", metric->name, statuses[i].id,
                          metric->value(&statuses[i]));
    }
    om_free(statuses);
}

// ---- life --------------------------------------------------------------------------------------

struct om_pipeline *om_pipeline_create(const struct om_pipeline_opts *opts)
{
    struct om_pipeline *pipeline = om_new(struct om_pipeline);
    pipeline->workers = opts->workers;
    pipeline->journal = opts->journal;
    pipeline->engines = opts->engines;
    om_connect_gate_init(&pipeline->gate, opts->connects_per_s);
    pipeline->load = om_load_create(om_workers_count(opts->workers));
    om_mutex_init(&pipeline->apply_lock);
    om_mutex_init(&pipeline->lock);
    om_mutex_init(&pipeline->boxes_lock);
    om_cond_init(&pipeline->unused);
    om_metric_collector_add(collect, pipeline);
    return pipeline;
}

void om_pipeline_destroy(struct om_pipeline *pipeline)
{
    if (!pipeline)
        return;
    om_metric_collector_remove(collect, pipeline);
    for (int i = 0; i < pipeline->count; i++)
        om_camera_stop(pipeline->seats[i]->cam);
    for (int i = 0; i < pipeline->count; i++)
        seat_destroy(pipeline, pipeline->seats[i]);
    om_free(pipeline->seats);
    om_conf_destroy(pipeline->conf);
    om_connect_gate_finish(&pipeline->gate);
    om_load_destroy(pipeline->load);
    om_budget_destroy(pipeline->budget);
    om_cond_finish(&pipeline->unused);
    om_mutex_finish(&pipeline->boxes_lock);
    om_mutex_finish(&pipeline->lock);
    om_mutex_finish(&pipeline->apply_lock);
    om_free(pipeline);
}

static void tell_boxes(void *ctx)
{
    struct om_pipeline *pipeline = ctx;
    om_with_lock(&pipeline->boxes_lock);
    if (pipeline->on_boxes)
        pipeline->on_boxes(pipeline->on_boxes_ctx);
}

void om_pipeline_on_boxes(struct om_pipeline *pipeline, void (*wake)(void *ctx), void *ctx)
{
    om_with_lock(&pipeline->boxes_lock);
    pipeline->on_boxes = wake;
    pipeline->on_boxes_ctx = ctx;
}

// ---- apply -------------------------------------------------------------------------------------

static const char *model_of(const struct om_conf *conf, const struct om_conf_camera *cam)
{
    return cam->model ? cam->model : conf->model;
}

static bool load_models(struct om_pipeline *pipeline, const struct om_conf *conf,
                        struct om_error *err)
{
    for (int i = 0; i < conf->camera_count; i++) {
        const char *model = model_of(conf, &conf->cameras[i]);
        if (model && !om_engines_get(pipeline->engines, model, err)) {
            om_error_prefix(err, "camera \"%s\"", conf->cameras[i].id);
            return false;
        }
    }
    return true;
}

static bool texts_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

// ---- budget ------------------------------------------------------------------------------------

static void observe(struct om_pipeline *pipeline, int live, int awake)
{
    struct om_budget_usage usage = {0};
    om_budget_usage_read(&usage);
    usage.cameras_live = live;
    usage.cameras_active = awake;
    usage.stretch = om_load_stretch(pipeline->load);
    om_budget_observe(pipeline->budget, &usage);
}

static void measure_models(struct om_pipeline *pipeline, const struct om_conf *conf)
{
    double dearest_us = 0;
    const struct om_engine *measured = NULL;
    for (int i = 0; i < conf->camera_count; i++) {
        const char *model = model_of(conf, &conf->cameras[i]);
        struct om_engine *engine = model ? om_engines_get(pipeline->engines, model, NULL) : NULL;
        if (!engine || engine == measured)
            continue;
        measured = engine;
        dearest_us = fmax(dearest_us, om_costs_measure_run(om_engine_model(engine)));
    }
    om_budget_set_run_us(pipeline->budget, dearest_us);
}

static void print_contract(struct om_pipeline *pipeline)
{
    struct om_contract contract;
    om_auto_buf text;
    om_buf_init(&text, 1024);
    om_budget_contract(pipeline->budget, &contract);
    om_contract_text(&contract, &text);
    om_log_info(&pipeline_log, "%s", om_buf_text(&text));
}

// What the limits hold is worked out once, by what this machine needed for a few milliseconds of
// work.
static void prepare_budget(struct om_pipeline *pipeline, const struct om_conf *conf)
{
    const struct om_limits_opts *limits = om_conf_section(conf, &om_limits_opt_group);
    if (pipeline->budget) {
        om_budget_set_limits(pipeline->budget, limits);
    } else {
        struct om_costs costs = om_costs_default;
        struct om_machine machine;
        om_costs_calibrate(&costs);
        om_machine_read("", &machine);
        pipeline->budget = om_budget_create(limits, &machine, &costs);
        observe(pipeline, 0, 0);
    }
    bool has_new_model = !pipeline->conf || !texts_equal(pipeline->conf->model, conf->model) ||
                         pipeline->conf->camera_count != conf->camera_count;
    if (has_new_model)
        measure_models(pipeline, conf);
}

static struct om_camera_kind kind_of(const struct om_conf_camera *cam, bool has_model)
{
    struct om_camera_kind kind = {.detect_fps = cam->detect_fps, .has_model = has_model};
    return kind;
}

void om_pipeline_observe(struct om_pipeline *pipeline)
{
    if (!pipeline->budget)
        return;
    int live = 0, awake = 0;
    {
        om_with_lock(&pipeline->lock);
        for (int i = 0; i < pipeline->count; i++) {
            struct om_camera *cam = pipeline->seats[i]->cam;
            struct om_camera_status status;
            om_camera_status(cam, &status);
            if (status.state != OM_CAMERA_LIVE)
                continue;
            live++;
            awake += status.is_awake;
            struct om_camera_kind kind = kind_of(om_camera_conf(cam), status.model[0] != '\0');
            kind.width = status.width;
            kind.height = status.height;
            kind.fps = status.fps;
            om_budget_learn(pipeline->budget, om_str_from(status.id), &kind);
        }
    }
    observe(pipeline, live, awake);
}

bool om_pipeline_contract(struct om_pipeline *pipeline, struct om_contract *ret)
{
    if (!pipeline->budget)
        return false;
    om_budget_contract(pipeline->budget, ret);
    return true;
}

void om_pipeline_admit(struct om_pipeline *pipeline)
{
    if (!pipeline->budget)
        return;
    om_with_lock(&pipeline->lock);
    for (int i = 0, admitted = 0; i < pipeline->count && admitted < ADMITTED_AT_ONCE; i++) {
        struct om_camera *cam = pipeline->seats[i]->cam;
        struct om_camera_status status;
        om_camera_status(cam, &status);
        const struct om_camera_kind kind = kind_of(om_camera_conf(cam), status.model[0] != '\0');
        struct om_error err;
        if (status.state == OM_CAMERA_REFUSED &&
            om_budget_admit(pipeline->budget, om_str_from(status.id), &kind, &err)) {
            om_camera_admit(cam);
            admitted++;
        }
    }
}

// ---- seats -------------------------------------------------------------------------------------

static struct seat *seat_create(struct om_pipeline *pipeline, const struct om_conf *conf,
                                const struct om_conf_camera *cam)
{
    const struct om_camera_life_opts *life = om_conf_section(conf, &om_source_opt_group);
    const struct om_source_opts source = om_source_opts_from(life);
    const char *model = model_of(conf, cam);
    // Loaded before, so it cannot fail now.
    struct om_engine *engine = model ? om_engines_get(pipeline->engines, model, NULL) : NULL;
    const struct om_manifest *manifest = engine ? om_model_manifest(om_engine_model(engine)) : NULL;
    const struct om_stages_opts stages = {
        .looks = om_conf_section(conf, &om_looks_opt_group),
        .load = pipeline->load,
        .watch = om_conf_section(conf, &om_watch_opt_group),
        .tracker = om_conf_section(conf, &om_tracker_opt_group),
        .alert = om_conf_section(conf, &om_alert_opt_group),
        .workers = pipeline->workers,
        .engine = engine,
        .journal = pipeline->journal,
        .on_boxes = tell_boxes,
        .ctx = pipeline,
    };
    struct om_error refusal;
    const struct om_camera_kind kind = kind_of(cam, engine);
    bool is_admitted = !cam->enabled ||
                       om_budget_admit(pipeline->budget, om_str_from(cam->id), &kind, &refusal);
    const struct om_camera_opts opts = {
        .conf = cam,
        .source = &source,
        .stages = &stages,
        .gate = &pipeline->gate,
        .packet_gate = om_conf_section(conf, &om_packet_gate_opt_group),
        .backoff_min_us = life->backoff_min_us,
        .backoff_max_us = life->backoff_max_us,
        .model_name = manifest ? manifest->name : NULL,
        .model_version = manifest ? manifest->version : NULL,
        .refusal = is_admitted ? NULL : &refusal,
    };
    struct seat *seat = om_new(struct seat);
    seat->cam = om_camera_create(&opts);
    return seat;
}

static bool sections_equal(const struct om_conf *a, const struct om_conf *b)
{
    for (const struct om_opt_group *const *group = om_pipeline_opt_groups; *group; group++) {
        // New limits concern who comes, not who is in.
        if (*group != &om_limits_opt_group &&
            !om_opt_equal(*group, om_conf_section(a, *group), om_conf_section(b, *group)))
            return false;
    }
    return true;
}

// Whether a running camera can go on with only its drawings changed.
static bool stays(const struct om_pipeline *pipeline, const struct om_conf *conf,
                  const struct om_conf_camera *now, const struct om_conf_camera *next)
{
    return pipeline->conf && sections_equal(pipeline->conf, conf) &&
           texts_equal(now->source, next->source) && texts_equal(now->fallback, next->fallback) &&
           now->enabled == next->enabled &&
           texts_equal(model_of(pipeline->conf, now), model_of(conf, next));
}

static bool is_refused(struct om_camera *cam)
{
    struct om_camera_status status;
    om_camera_status(cam, &status);
    return status.state == OM_CAMERA_REFUSED;
}

// Takes the seat with that id out of the running ones if it can stay; NULL otherwise.
static struct seat *keep_seat(struct om_pipeline *pipeline, const struct om_conf *conf,
                              const struct om_conf_camera *next, struct seat **running, int count)
{
    for (int i = 0; i < count; i++) {
        struct seat *seat = running[i];
        if (!seat || strcmp(om_camera_conf(seat->cam)->id, next->id) != 0)
            continue;
        // A refused one asks again with every change.
        if (!stays(pipeline, conf, om_camera_conf(seat->cam), next) || is_refused(seat->cam))
            return NULL;
        running[i] = NULL;
        om_camera_set_shapes(seat->cam, next);
        return seat;
    }
    return NULL;
}

// Nobody can enter these seats any more.
static void stop_the_rest(struct om_pipeline *pipeline, struct seat **running, int count)
{
    for (int i = 0; i < count; i++) {
        if (running[i])
            om_camera_stop(running[i]->cam);
    }
    for (int i = 0; i < count; i++) {
        if (!running[i])
            continue;
        om_budget_leave(pipeline->budget, om_str_from(om_camera_conf(running[i]->cam)->id));
        seat_destroy(pipeline, running[i]);
    }
}

bool om_pipeline_apply(struct om_pipeline *pipeline, const struct om_conf *conf,
                       struct om_error *err)
{
    om_with_lock(&pipeline->apply_lock);
    if (!load_models(pipeline, conf, err))
        return false;

    bool is_first = !pipeline->budget;
    prepare_budget(pipeline, conf);
    om_load_set_crowded(pipeline->load,
                        conf->camera_count >
                            CAMERAS_A_CORE_FEW * om_workers_count(pipeline->workers));
    int running_count = pipeline->count;
    struct seat **running = om_new_array(struct seat *, (size_t)running_count);
    struct seat **next = om_new_array(struct seat *, (size_t)conf->camera_count);
    if (running_count)
        memcpy(running, pipeline->seats, sizeof(*running) * (size_t)running_count);
    for (int i = 0; i < conf->camera_count; i++)
        next[i] = keep_seat(pipeline, conf, &conf->cameras[i], running, running_count);

    // First the kept ones alone are shown, then the changed ones are stopped, then started anew:
    // two sessions to one camera at the same time would be one too many for many cameras.
    struct seat **old = NULL;
    {
        om_with_lock(&pipeline->lock);
        old = pipeline->seats;
        pipeline->seats = om_new_array(struct seat *, (size_t)conf->camera_count);
        pipeline->count = 0;
        for (int i = 0; i < conf->camera_count; i++) {
            if (next[i])
                pipeline->seats[pipeline->count++] = next[i];
        }
    }
    om_free(old);
    stop_the_rest(pipeline, running, running_count);
    om_free(running);
    for (int i = 0; i < conf->camera_count; i++) {
        if (!next[i])
            next[i] = seat_create(pipeline, conf, &conf->cameras[i]);
    }
    {
        om_with_lock(&pipeline->lock);
        om_free(pipeline->seats);
        pipeline->seats = next;
        pipeline->count = conf->camera_count;
    }
    om_conf_destroy(pipeline->conf);
    pipeline->conf = om_conf_copy(conf);
    if (is_first)
        print_contract(pipeline);
    return true;
}

// ---- questions ---------------------------------------------------------------------------------

int om_pipeline_camera_count(struct om_pipeline *pipeline)
{
    om_with_lock(&pipeline->lock);
    return pipeline->count;
}

int om_pipeline_statuses(struct om_pipeline *pipeline, struct om_camera_status *out, int n)
{
    om_with_lock(&pipeline->lock);
    for (int i = 0; i < OM_MIN(n, pipeline->count); i++)
        om_camera_status(pipeline->seats[i]->cam, &out[i]);
    return pipeline->count;
}

bool om_pipeline_status(struct om_pipeline *pipeline, om_str id, struct om_camera_status *ret)
{
    struct seat *seat = enter(pipeline, id);
    if (!seat)
        return false;
    om_camera_status(seat->cam, ret);
    leave(pipeline, seat);
    return true;
}

struct om_frame *om_pipeline_snapshot(struct om_pipeline *pipeline, om_str id)
{
    struct seat *seat = enter(pipeline, id);
    if (!seat)
        return NULL;
    struct om_frame *frame = om_stages_snapshot(om_camera_stages(seat->cam));
    leave(pipeline, seat);
    return frame;
}

bool om_pipeline_hint(struct om_pipeline *pipeline, om_str id, bool has_motion)
{
    struct seat *seat = enter(pipeline, id);
    if (!seat)
        return false;
    om_camera_hint(seat->cam, has_motion);
    leave(pipeline, seat);
    return true;
}

enum om_status om_pipeline_counts_json(struct om_pipeline *pipeline, om_str id, struct om_buf *out)
{
    struct seat *seat = enter(pipeline, id);
    if (!seat)
        return OM_NOT_FOUND;
    om_stages_counts_json(om_camera_stages(seat->cam), out);
    leave(pipeline, seat);
    return OM_OK;
}

enum om_status om_pipeline_boxes_json(struct om_pipeline *pipeline, om_str id, uint64_t *seq,
                                      struct om_buf *out)
{
    struct seat *seat = enter(pipeline, id);
    if (!seat)
        return OM_NOT_FOUND;
    bool has_new = om_stages_boxes_json(om_camera_stages(seat->cam), seq, out);
    leave(pipeline, seat);
    return has_new ? OM_OK : OM_AGAIN;
}

int om_pipeline_boxes_json_all(struct om_pipeline *pipeline, uint64_t *seq, om_str before,
                               om_str after, struct om_buf *out)
{
    int found = 0;
    om_with_lock(&pipeline->lock);
    uint64_t seen = *seq;
    *seq = om_stages_results_seq();
    for (int i = 0; i < pipeline->count; i++) {
        struct om_stages *stages = om_camera_stages(pipeline->seats[i]->cam);
        uint64_t camera_seq = seen;
        if (om_stages_boxes_seq(stages) <= seen)
            continue;
        om_buf_append_str(out, before);
        (void)om_stages_boxes_json(stages, &camera_seq, out);
        om_buf_append_str(out, after);
        found++;
    }
    return found;
}

struct om_feed *om_pipeline_feed_open(struct om_pipeline *pipeline, om_str id,
                                      void (*wake)(void *ctx), void *ctx, struct om_error *err)
{
    struct seat *seat = enter(pipeline, id);
    if (!seat) {
        om_error_set(err, OM_NOT_FOUND, "there is no camera \"%.*s\"", OM_STR_ARG(id));
        om_error_hint(err, "GET /api/v1/cameras lists them");
        return NULL;
    }
    struct om_feed *feed = om_feed_hub_open(om_camera_hub(seat->cam), wake, ctx);
    leave(pipeline, seat);
    return feed;
}
