// bench pack: regions of many cameras in one run of the network against one region a run: the same
// regions at the same scale, the same engine, the same thread. Speed in CPU time of the process,
// both sides in turn; accuracy on labelled pictures (COCO AP) and as agreement on the videos.

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/thread.h"
#include "base/time.h"
#include "bench/ap.h"
#include "bench/bench.h"
#include "bench/model.h"
#include "bench/pack_work.h"
#include "infer/engine.h"
#include "infer/nms.h"
#include "infer/round.h"
#include "media/frame.h"

enum { ROUNDS = 5, IN_FLIGHT_MAX = 96, SHUFFLES = 3 };

// ---- looks through an engine -------------------------------------------------------------------

// What one om_slot_look() asks for.
struct part {
    int look;
    struct om_parts parts;
};

struct parts {
    int count, in_flight;
    int64_t next;  // where the next measurement goes on
    struct part *items;
};

struct run;

struct lane {
    struct run *run;
    struct om_slot *slot;
    int part;
};

struct run {
    // Constant while it goes.
    struct om_engine *engine;
    const struct om_pack_work *work;
    const struct parts *parts;
    struct om_detections *found;  // one a part, or NULL
    int64_t end_us;               // until when parts are asked for again and again; 0 = once each
    struct lane lanes[IN_FLIGHT_MAX];

    struct om_mutex lock;
    struct om_cond idle;
    // Under `lock`.
    int64_t next;
    int busy, failed;
};

static bool next_part(struct run *run, int *ret)
{
    om_with_lock(&run->lock);
    bool goes_on = run->end_us ? om_time_mono_us() < run->end_us : run->next < run->parts->count;
    if (goes_on)
        *ret = (int)(run->next++ % run->parts->count);
    return goes_on;
}

static void lane_ends(struct run *run)
{
    om_with_lock(&run->lock);
    run->busy--;
    om_cond_signal(&run->idle);
}

static void ask(struct lane *lane)
{
    struct run *run = lane->run;
    if (!next_part(run, &lane->part)) {
        lane_ends(run);
        return;
    }
    const struct part *part = &run->parts->items[lane->part];
    om_slot_look(lane->slot,
                 &(struct om_look){.frame = om_frame_ref(run->work->looks[part->look].frame),
                                   .parts = part->parts});
}

static void on_look(void *ctx, struct om_slot_result *result)
{
    struct lane *lane = ctx;
    struct run *run = lane->run;
    if (run->found)
        run->found[lane->part] = result->result->detections;
    if (result->status != OM_OK) {
        om_with_lock(&run->lock);
        run->failed++;
    }
    om_frame_unref(&result->frame);
    ask(lane);
}

// With so many looks waiting or running at any time. False when one failed.
static bool go(struct run *run, const struct om_detect_opts *detect)
{
    const struct om_slot_opts opts = {.detect = *detect, .weight = 1};
    const int in_flight = run->parts->in_flight;

    om_mutex_init(&run->lock);
    om_cond_init(&run->idle);
    run->next = run->parts->next;
    run->failed = 0;
    run->busy = in_flight;
    for (int i = 0; i < in_flight; i++) {
        struct lane *lane = &run->lanes[i];
        *lane = (struct lane){.run = run};
        lane->slot = om_slot_open(run->engine, &opts, on_look, lane);
    }
    for (int i = 0; i < in_flight; i++)
        ask(&run->lanes[i]);
    om_mutex_lock(&run->lock);
    while (run->busy)
        om_cond_wait(&run->idle, &run->lock);
    om_mutex_unlock(&run->lock);
    for (int i = 0; i < in_flight; i++)
        om_slot_close(run->lanes[i].slot);
    om_cond_finish(&run->idle);
    om_mutex_finish(&run->lock);
    return run->failed == 0;
}

// ---- parts -------------------------------------------------------------------------------------

static struct part *add_part(struct parts *parts, int look)
{
    parts->items = om_realloc(parts->items, (size_t)parts->count + 1, sizeof(*parts->items));
    parts->items[parts->count] = (struct part){.look = look};
    return &parts->items[parts->count++];
}

// As they come: a look is asked for at once.
static struct parts parts_packed(const struct om_pack_work *work)
{
    struct parts parts = {.in_flight = IN_FLIGHT_MAX};
    for (int i = 0; i < work->count; i++)
        add_part(&parts, i)->parts = work->looks[i].parts;
    return parts;
}

// Each region by itself, as the packed side has joined and cut them.
static struct parts parts_single(const struct om_pack_work *work, const struct om_pack_rules *rules)
{
    struct parts parts = {.in_flight = 1};
    struct om_pack_plan plan;
    for (int i = 0; i < work->count; i++) {
        om_pack_plan_make(rules, work->looks[i].frame, &work->looks[i].parts, &plan);
        if (plan.is_whole)
            (void)add_part(&parts, i);
        for (int k = 0; k < plan.count && !plan.is_whole; k++)
            add_part(&parts, i)->parts.regions = (struct om_regions){1, {plan.tiles[k].core}};
    }
    return parts;
}

static void shuffle(struct parts *parts, struct om_rand *rand)
{
    for (int i = parts->count - 1; i > 0; i--) {
        int k = (int)om_rand_below(rand, (uint32_t)i + 1);
        struct part part = parts->items[i];
        parts->items[i] = parts->items[k];
        parts->items[k] = part;
    }
}

// ---- accuracy ----------------------------------------------------------------------------------

static void insert(struct om_detections *all, const struct om_detection *one)
{
    if (all->count == OM_DETECTIONS_MAX)
        return;
    int at = all->count++;
    for (; at > 0 && all->items[at - 1].score < one->score; at--)
        all->items[at] = all->items[at - 1];
    all->items[at] = *one;
}

// What was found in each look, from its parts: best first, overlaps taken out.
static bool find(struct om_engine *engine, const struct om_pack_work *work,
                 const struct parts *parts, const struct om_detect_opts *detect,
                 struct om_detections *ret)
{
    struct run *run = om_new(struct run);
    struct om_detections *found = om_new_array(struct om_detections, (size_t)parts->count);

    *run = (struct run){.engine = engine, .work = work, .parts = parts, .found = found};
    bool is_ok = go(run, detect);
    for (int i = 0; i < work->count; i++)
        ret[i].count = 0;
    for (int i = 0; i < parts->count; i++)
        for (int k = 0; k < found[i].count; k++)
            insert(&ret[parts->items[i].look], &found[i].items[k]);
    for (int i = 0; i < work->count; i++)
        ret[i].count = om_nms(ret[i].items, ret[i].count, detect->nms_iou, detect->objects_max);
    om_free(found);
    om_free(run);
    return is_ok;
}

// Outside the region that was asked for, what is found is neither right nor wrong.
static bool is_outside(const struct om_pack_look *look, const struct om_box *box)
{
    float x = box->x + box->w / 2, y = box->y + box->h / 2;

    for (int i = 0; i < look->parts.regions.count; i++) {
        const struct om_region *r = &look->parts.regions.items[i];
        if (x >= (float)r->x && y >= (float)r->y && x <= (float)(r->x + r->w) &&
            y <= (float)(r->y + r->h))
            return false;
    }
    return look->parts.regions.count > 0;
}

static struct om_ap_result judge(const struct om_pack_work *work, const struct om_detections *found)
{
    om_auto(om_ap) ap = om_ap_create();

    for (int i = 0; i < work->truth_count; i++)
        om_ap_add_truth(ap, &work->truths[i]);
    for (int i = 0; i < work->count; i++)
        for (int k = 0; k < found[i].count; k++)
            om_ap_add(ap, work->looks[i].image, &found[i].items[k],
                      is_outside(&work->looks[i], &found[i].items[k].box));
    return om_ap_result(ap);
}

struct accuracy {
    struct om_ap_result whole, single, packed;  // packed: mean over the shuffles
    int looks, regions;
    double regions_per_canvas;
};

static const struct om_detect_opts for_ap = {
    .score_min = 0.01f, .nms_iou = 0.6f, .all_classes = true, .objects_max = 100};

static bool measure_accuracy(struct om_engine *engine, const struct om_pack_work *work,
                             const struct om_pack_rules *rules, struct accuracy *ret)
{
    struct om_detections *found = om_new_array(struct om_detections, (size_t)work->count + 1);
    struct parts single = parts_single(work, rules), packed = parts_packed(work);
    struct parts whole = parts_packed(work);
    struct om_rand rand;

    om_rand_init(&rand, 23);
    *ret = (struct accuracy){.looks = work->count, .regions = single.count};
    whole.in_flight = 1;
    for (int i = 0; i < whole.count; i++)
        whole.items[i].parts = (struct om_parts){0};
    bool is_ok = find(engine, work, &whole, &for_ap, found);
    ret->whole = judge(work, found);
    is_ok = is_ok && find(engine, work, &single, &for_ap, found);
    ret->single = judge(work, found);
    struct om_engine_stats before = om_engine_stats(engine);
    for (int i = 0; i < SHUFFLES && is_ok; i++) {
        shuffle(&packed, &rand);
        is_ok = find(engine, work, &packed, &for_ap, found);
        struct om_ap_result one = judge(work, found);
        ret->packed.ap += one.ap / SHUFFLES;
        ret->packed.ap50 += one.ap50 / SHUFFLES;
    }
    struct om_engine_stats after = om_engine_stats(engine);
    ret->regions_per_canvas = (double)(after.regions - before.regions) /
                              (double)(after.canvases - before.canvases);
    om_free(single.items);
    om_free(packed.items);
    om_free(whole.items);
    om_free(found);
    return is_ok;
}

// ---- agreement ---------------------------------------------------------------------------------

struct agreement {
    int wanted, found;
};

// Of those with a good score in `a`, how many are in `b` too.
static void agree(const struct om_detections *a, const struct om_detections *b,
                  struct agreement *ret)
{
    for (int i = 0; i < a->count; i++) {
        bool is_there = false;
        if (a->items[i].score < 0.35f)
            continue;
        for (int k = 0; k < b->count && !is_there; k++)
            is_there = a->items[i].class_id == b->items[k].class_id &&
                       om_box_iou(a->items[i].box, b->items[k].box) >= 0.5f;
        ret->wanted++;
        ret->found += is_there;
    }
}

static bool measure_agreement(struct om_engine *engine, const struct om_pack_work *work,
                              const struct om_pack_rules *rules, double ret[2])
{
    const struct om_detect_opts detect = OM_DETECT_OPTS_DEFAULT;
    struct om_detections *found[2];
    struct parts parts[2] = {parts_single(work, rules), parts_packed(work)};
    struct agreement kept = {0}, made_up = {0};
    bool is_ok = true;

    for (int i = 0; i < 2; i++) {
        found[i] = om_new_array(struct om_detections, (size_t)work->count + 1);
        is_ok = is_ok && find(engine, work, &parts[i], &detect, found[i]);
        om_free(parts[i].items);
    }
    for (int i = 0; i < work->count; i++) {
        agree(&found[0][i], &found[1][i], &kept);
        agree(&found[1][i], &found[0][i], &made_up);
    }
    ret[0] = kept.wanted ? (double)kept.found / kept.wanted : NAN;
    ret[1] = made_up.wanted ? (double)made_up.found / made_up.wanted : NAN;
    om_free(found[0]);
    om_free(found[1]);
    return is_ok;
}

// ---- speed -------------------------------------------------------------------------------------

struct speed {
    double regions_per_s, fill, regions_per_canvas, run_ms;
};

// Regions a second of the process's CPU time.
static bool measure_speed(struct om_engine *engine, const struct om_pack_work *work,
                          struct parts *parts, int64_t for_us, struct speed *ret)
{
    const struct om_detect_opts detect = OM_DETECT_OPTS_DEFAULT;
    struct run *run = om_new(struct run);
    struct om_engine_stats before = om_engine_stats(engine);
    int64_t start_us = om_time_cpu_us();

    *run = (struct run){
        .engine = engine, .work = work, .parts = parts, .end_us = om_time_mono_us() + for_us};
    bool is_ok = go(run, &detect);
    parts->next = run->next;
    double cpu_us = (double)(om_time_cpu_us() - start_us);
    struct om_engine_stats after = om_engine_stats(engine);
    double regions = (double)(after.regions - before.regions);
    double canvases = (double)(after.canvases - before.canvases);
    ret->regions_per_s = regions * OM_SECOND / cpu_us;
    ret->regions_per_canvas = regions / canvases;
    ret->fill = (double)(after.used_px - before.used_px) /
                (double)(after.canvas_px - before.canvas_px);
    ret->run_ms = cpu_us / OM_MS / canvases;
    om_free(run);
    return is_ok;
}

// ---- the whole ---------------------------------------------------------------------------------

static bool report_speed(const struct om_bench_opts *opts, struct om_engine *engine,
                         const struct om_pack_work *work, const struct om_pack_rules *rules,
                         struct om_bench_report *report)
{
    struct parts single = parts_single(work, rules), packed = parts_packed(work);
    int64_t for_us = (int64_t)opts->seconds * OM_SECOND / 2 / ROUNDS;
    double ratio[ROUNDS], one[ROUNDS], many[ROUNDS];
    struct speed last[2] = {0};
    bool is_ok = true;

    for (int i = 0; i < ROUNDS && is_ok; i++) {
        is_ok = measure_speed(engine, work, &single, for_us, &last[0]) &&
                measure_speed(engine, work, &packed, for_us, &last[1]);
        one[i] = last[0].regions_per_s;
        many[i] = last[1].regions_per_s;
        ratio[i] = many[i] / one[i];
    }
    om_json_kv_int(report->workload, "looks", work->count);
    om_json_kv_int(report->workload, "regions", single.count);
    struct om_json_writer *w = report->figures;
    om_json_kv_double(w, "times_unpacked", is_ok ? om_bench_median(ratio, ROUNDS) : NAN, 2);
    om_json_kv_double(w, "regions_per_s_packed", is_ok ? om_bench_median(many, ROUNDS) : NAN, 1);
    om_json_kv_double(w, "regions_per_s_one_per_run", is_ok ? om_bench_median(one, ROUNDS) : NAN,
                      1);
    om_json_kv_double(w, "regions_per_canvas", last[1].regions_per_canvas, 2);
    om_json_kv_double(w, "fill", last[1].fill, 3);
    om_json_kv_double(w, "fill_one_per_run", last[0].fill, 3);
    om_json_kv_double(w, "cpu_ms_a_canvas", last[1].run_ms, 2);
    om_json_kv_double(w, "cpu_ms_a_run_of_one", last[0].run_ms, 2);
    om_free(single.items);
    om_free(packed.items);
    return is_ok;
}

static bool report_videos(const struct om_bench_opts *opts, struct om_engine *engine,
                          const struct om_pack_rules *rules, struct om_bench_report *report,
                          struct om_error *err)
{
    struct om_pack_work work = {0};
    double share[2] = {NAN, NAN};
    bool is_ok = om_pack_work_videos(&work, opts->data, om_engine_model(engine), err);

    if (is_ok) {
        om_json_kv_int(report->workload, "videos", work.pictures);
        is_ok = report_speed(opts, engine, &work, rules, report) &&
                measure_agreement(engine, &work, rules, share);
        if (!is_ok)
            om_error_set(err, OM_INTERNAL, "a run of the network failed");
    }
    om_json_kv_double(report->figures, "videos_found_again", share[0], 4);
    om_json_kv_double(report->figures, "videos_found_before", share[1], 4);
    om_pack_work_finish(&work);
    return is_ok;
}

static void write_accuracy(struct om_json_writer *w, const char *key, const struct accuracy *a)
{
    om_json_key(w, key);
    om_json_object(w);
    om_json_kv_int(w, "looks", a->looks);
    om_json_kv_int(w, "regions", a->regions);
    om_json_kv_double(w, "regions_per_canvas", a->regions_per_canvas, 2);
    om_json_kv_double(w, "ap_whole", a->whole.ap, 4);
    om_json_kv_double(w, "ap_one_per_run", a->single.ap, 4);
    om_json_kv_double(w, "ap_packed", a->packed.ap, 4);
    om_json_kv_double(w, "ap50_one_per_run", a->single.ap50, 4);
    om_json_kv_double(w, "ap50_packed", a->packed.ap50, 4);
    om_json_object_end(w);
}

static bool report_pictures(const struct om_bench_opts *opts, struct om_engine *engine,
                            const struct om_pack_rules *rules, struct om_bench_report *report,
                            struct om_error *err)
{
    struct accuracy of[2] = {0};

    for (int is_each = 0; is_each < 2; is_each++) {
        struct om_pack_work work = {0};
        bool is_ok = om_pack_work_pictures(&work, opts->data, om_engine_model(engine), is_each != 0,
                                           err);
        if (is_ok && !measure_accuracy(engine, &work, rules, &of[is_each])) {
            om_error_set(err, OM_INTERNAL, "a run of the network failed");
            is_ok = false;
        }
        om_pack_work_finish(&work);
        if (!is_ok)
            return false;
    }
    struct om_json_writer *w = report->figures;
    om_json_kv_double(w, "ap_lost", of[0].single.ap - of[0].packed.ap, 4);
    om_json_kv_double(w, "ap_lost_by_object", of[1].single.ap - of[1].packed.ap, 4);
    write_accuracy(w, "by_object", &of[1]);
    write_accuracy(w, "by_picture", &of[0]);
    return true;
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    struct om_pack_rules wish = OM_PACK_RULES_DEFAULT;

    report->reference = "one region a run of the network";
    if (!opts->data) {
        om_error_set(err, OM_NOT_FOUND, "this benchmark needs videos and labelled pictures");
        om_error_hint(err, "give --data DIR with videos/ and images/coco.json");
        return false;
    }
    struct om_model *model = om_bench_model(opts, &(struct om_model_opts){.threads = 1}, err);
    if (!model)
        return false;
    om_json_kv_text(report->workload, "model", om_model_manifest(model)->name);
    om_json_kv_bool(report->workload, "packs", om_model_can_share(model));
    wish.can_share = true;
    const struct om_pack_rules rules = om_round_rules(model, &wish);
    om_auto(om_engine)
        engine = om_engine_create(model, &(struct om_engine_opts){.workers = 1}, err);
    return engine && report_videos(opts, engine, &rules, report, err) &&
           report_pictures(opts, engine, &rules, report, err);
}

const struct om_bench om_bench_pack = {
    .name = "pack",
    .help = "regions of many cameras in one run, against one region a run",
    .run = run,
};
