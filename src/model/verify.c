#include "model/verify.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "infer/tensor.h"
#include "media/frame.h"
#include "media/picture.h"
#include "scene/region.h"

enum {
    PATH_SIZE = 4096,
    SYNTHETIC = 3,  // pictures
    SAMPLES = 32,   // values of each output that are kept
    GOLDEN_BYTES_MAX = 64 << 20,
    GOLDEN_PICTURES_MAX = 2000,
    LEVELS_UP = 3  // folders above a golden file in which its pictures may lie
};

// Two runs of one network on two machines differ in the last digits, quantised ones by a few steps.
static const double score_tolerance = 0.05, iou_min = 0.85, found_share_min = 0.9;
static const double drift_max = 0.05;  // of an output, as a share of its spread

const char *om_verify_outcome_name(enum om_verify_outcome outcome)
{
    static const char *const names[] = {"passed", "skipped", "failed"};
    return (size_t)outcome < OM_ARRAY_LEN(names) ? names[outcome] : "failed";
}

OM_PRINTF(4, 5)
static bool note(struct om_verify_report *report, const char *name, enum om_verify_outcome outcome,
                 const char *format, ...)
{
    if (report->check_count == OM_VERIFY_CHECKS_MAX)
        return outcome != OM_VERIFY_FAILED;
    struct om_verify_check *check = &report->checks[report->check_count++];
    va_list args;

    check->name = name;
    check->outcome = outcome;
    va_start(args, format);
    vsnprintf(check->text, sizeof(check->text), format, args);
    va_end(args);
    return outcome != OM_VERIFY_FAILED;
}

// ---- synthetic pictures ------------------------------------------------------------------------

static void draw_block(struct om_frame *frame, struct om_rand *rand)
{
    int w = 16 + (int)om_rand_below(rand, 200), h = 16 + (int)om_rand_below(rand, 200);
    int x0 = (int)om_rand_below(rand, (uint32_t)(frame->width - w));
    int y0 = (int)om_rand_below(rand, (uint32_t)(frame->height - h));

    for (int p = 0; p < 3; p++) {
        uint8_t level = (uint8_t)om_rand_below(rand, 256);
        uint8_t *plane = om_frame_plane_mut(frame, p);
        int shift = p ? 1 : 0;
        for (int y = y0 >> shift; y < (y0 + h) >> shift; y++)
            memset(plane + (ptrdiff_t)y * frame->stride[p] + (x0 >> shift), level,
                   (size_t)(w >> shift));
    }
}

// Slopes, blocks and noise: the same on every machine.
static struct om_frame *synthetic(int which)
{
    static const int sizes[SYNTHETIC][2] = {{640, 480}, {500, 375}, {360, 640}};
    struct om_frame *frame = om_frame_alloc(OM_PIX_I420, sizes[which][0], sizes[which][1]);
    struct om_rand rand;

    if (!frame)
        return NULL;
    om_rand_init(&rand, (uint64_t)which + 1);
    frame->is_full_range = true;
    for (int p = 0; p < 3; p++) {
        int w = p ? (frame->width + 1) / 2 : frame->width;
        int h = p ? (frame->height + 1) / 2 : frame->height;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                om_frame_plane_mut(
                    frame,
                    p)[(ptrdiff_t)y * frame->stride[p] + x] = (uint8_t)(p ? 128 + (x - y) * 40 / w
                                                                          : 40 + x * 160 / w);
    }
    for (int i = 0; i < 12; i++)
        draw_block(frame, &rand);
    uint8_t *luma = om_frame_plane_mut(frame, 0);
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++)
            luma[(ptrdiff_t)y * frame->stride[0] + x] ^= (uint8_t)om_rand_below(&rand, 8);
    return frame;
}

// ---- likeness ----------------------------------------------------------------------------------

static bool is_same_box(const struct om_detection *a, const struct om_detection *b)
{
    return a->class_id == b->class_id && fabsf(a->score - b->score) <= (float)score_tolerance &&
           (double)om_box_iou(a->box, b->box) >= iou_min;
}

// How many of `wanted` (of a score that a small drift does not push out) are in `got`.
static int find_boxes(const struct om_detections *wanted, const struct om_detections *got,
                      float score_min, int *ret_wanted)
{
    bool is_used[OM_DETECTIONS_MAX] = {false};
    int found = 0;

    *ret_wanted = 0;
    for (int i = 0; i < wanted->count; i++) {
        bool is_counted = wanted->items[i].score >= score_min, is_found = false;
        for (int k = 0; k < got->count && !is_found; k++)
            if (!is_used[k] && is_same_box(&wanted->items[i], &got->items[k]))
                is_found = is_used[k] = true;
        *ret_wanted += is_counted;
        found += is_counted && is_found;
    }
    return found;
}

static double cosine(const struct om_result *a, const struct om_result *b)
{
    double sum = 0;
    for (int i = 0; i < a->embedding_count && i < b->embedding_count; i++)
        sum += (double)a->embedding[i] * (double)b->embedding[i];
    return sum;
}

// How far two results of one picture are alike, 1 = the same.
static double likeness(enum om_model_kind kind, const struct om_result *a,
                       const struct om_result *b)
{
    if (kind == OM_MODEL_EMBEDDING)
        return a->embedding_count == b->embedding_count ? cosine(a, b) : 0;
    if (kind == OM_MODEL_CLASSIFIER) {
        if (!a->topk_count || !b->topk_count)
            return a->topk_count == b->topk_count;
        return a->topk[0].class_id == b->topk[0].class_id
                   ? 1 - fabs((double)a->topk[0].score - (double)b->topk[0].score)
                   : 0;
    }
    int wanted_a, wanted_b;
    int found_a = find_boxes(&a->detections, &b->detections, 0.35f, &wanted_a);
    int found_b = find_boxes(&b->detections, &a->detections, 0.35f, &wanted_b);
    int wanted = wanted_a + wanted_b;
    return wanted ? (double)(found_a + found_b) / wanted : 1;
}

// ---- batch -------------------------------------------------------------------------------------

struct pictures {
    struct om_frame *frames[SYNTHETIC];
    struct om_result *alone, *together;  // SYNTHETIC each
};

static void pictures_finish(struct pictures *p)
{
    for (int i = 0; i < SYNTHETIC; i++)
        om_frame_unref(&p->frames[i]);
    om_free(p->alone);
    om_free(p->together);
}

static bool pictures_init(struct pictures *p)
{
    *p = (struct pictures){.alone = om_new_array(struct om_result, SYNTHETIC),
                           .together = om_new_array(struct om_result, SYNTHETIC)};
    for (int i = 0; i < SYNTHETIC; i++) {
        p->frames[i] = synthetic(i);
        if (!p->frames[i])
            return false;
    }
    return true;
}

static bool run_both(struct om_model *model, struct pictures *p, int batch, struct om_error *err)
{
    // A low threshold: on drawn pictures a detector sees little.
    const struct om_detect_opts opts = {0.05f, 0.45f, false, OM_DETECTIONS_MAX};
    om_auto(om_model_ctx) one = om_model_ctx_create(model, 1, err);
    om_auto(om_model_ctx) all = om_model_ctx_create(model, batch, err);

    if (!one || !all)
        return false;
    for (int i = 0; i < batch; i++) {
        const struct om_frame *frames[1] = {p->frames[i]};
        if (om_model_run(one, frames, NULL, 1, &opts, &p->alone[i], err) != OM_OK)
            return false;
    }
    return om_model_run(all, (const struct om_frame *const *)p->frames, NULL, batch, &opts,
                        p->together, err) == OM_OK;
}

static bool check_batch(struct om_model *model, struct om_verify_report *report,
                        struct om_error *err)
{
    int batch = OM_MIN(om_model_batch_max(model), (int)SYNTHETIC);
    enum om_model_kind kind = om_model_manifest(model)->kind;
    struct pictures p;

    if (batch < 2)
        return note(report, "batch", OM_VERIFY_SKIPPED, "the graph takes one picture at a time");
    double worst = 1;
    bool is_run = pictures_init(&p) && run_both(model, &p, batch, err);
    for (int i = 0; i < batch && is_run; i++)
        worst = fmin(worst, likeness(kind, &p.alone[i], &p.together[i]));
    pictures_finish(&p);
    if (!is_run)
        return note(report, "batch", OM_VERIFY_FAILED, "%d pictures at a time: %s", batch,
                    err->text);
    if (worst >= found_share_min)
        return note(report, "batch", OM_VERIFY_PASSED,
                    "%d pictures at a time give what each gives alone (%.4f alike)", batch, worst);
    om_error_set(err, OM_INVALID,
                 "a batch of %d gives other results than its pictures alone "
                 "(%.2f alike)",
                 batch, worst);
    om_error_hint(err, "export the model with batch 1, or with a batch axis that is really free");
    return note(report, "batch", OM_VERIFY_FAILED, "%s", err->text);
}

// ---- stored reference --------------------------------------------------------------------------

struct summary {
    double mean, spread, samples[SAMPLES];
};

static double value_at(const struct om_tensor *t, size_t i)
{
    double value = t->f32 ? (double)t->f32[i] : (double)t->i64[i];
    return isfinite(value) ? value : 0;
}

static struct summary summarise(const struct om_tensor *t)
{
    struct summary s = {0};
    double sum = 0, squares = 0;

    if (!t->count)
        return s;
    for (size_t i = 0; i < t->count; i++) {
        double value = value_at(t, i);
        sum += value;
        squares += value * value;
    }
    s.mean = sum / (double)t->count;
    s.spread = sqrt(fmax(squares / (double)t->count - s.mean * s.mean, 0));
    for (size_t i = 0; i < SAMPLES; i++)
        s.samples[i] = value_at(t, i * t->count / SAMPLES);
    return s;
}

// Runs the first synthetic picture; the tensors live as long as *ret_ctx.
static int raw_outputs(struct om_model *model, struct om_model_ctx **ret_ctx,
                       struct om_tensor tensors[OM_TENSORS_MAX], struct om_error *err)
{
    const struct om_detect_opts opts = OM_DETECT_OPTS_DEFAULT;
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 1, err);
    om_auto_ref(om_frame) frame = synthetic(0);
    om_auto_free struct om_result *result = om_new(struct om_result);
    const struct om_frame *frames[1] = {frame};

    if (!ctx || !frame || om_model_run(ctx, frames, NULL, 1, &opts, result, err) != OM_OK)
        return -1;
    int count = om_model_ctx_outputs(ctx, tensors);
    *ret_ctx = om_steal(&ctx);
    return count;
}

static void write_summary(struct om_json_writer *w, const struct om_tensor *t)
{
    struct summary s = summarise(t);

    om_json_object(w);
    om_json_kv_text(w, "name", t->name);
    om_json_kv_int(w, "count", (int64_t)t->count);
    om_json_kv_double(w, "mean", s.mean, 12);
    om_json_kv_double(w, "spread", s.spread, 12);
    om_json_key(w, "samples");
    om_json_array(w);
    for (int i = 0; i < SAMPLES; i++)
        om_json_double(w, s.samples[i], 12);
    om_json_array_end(w);
    om_json_object_end(w);
}

bool om_model_reference(struct om_model *model, struct om_buf *out, struct om_error *err)
{
    struct om_tensor tensors[OM_TENSORS_MAX];
    om_auto(om_model_ctx) ctx = NULL;
    struct om_json_writer w;
    int count = raw_outputs(model, &ctx, tensors, err);

    if (count < 0)
        return false;
    om_json_begin(&w, out);
    om_json_object(&w);
    om_json_kv_text(&w, "picture", "synthetic-0");
    om_json_key(&w, "outputs");
    om_json_array(&w);
    for (int i = 0; i < count; i++)
        write_summary(&w, &tensors[i]);
    om_json_array_end(&w);
    om_json_object_end(&w);
    return true;
}

// Lists of what was found are sorted by score: two rows that change places move every sample.
static bool is_sorted_list(const struct om_model *model)
{
    enum om_output_family family = om_model_manifest(model)->family;
    return family == OM_OUTPUT_DETR || family == OM_OUTPUT_END2END;
}

// How far an output has moved, as a share of its spread.
static double drift(const struct om_tensor *t, const struct om_json *was, bool with_samples)
{
    struct summary now = summarise(t);
    const struct om_json *samples = om_json_get(was, "samples");
    double spread = fmax(om_json_as_double(om_json_get(was, "spread"), 0), 1e-6), sum = 0;

    if (om_json_as_int(om_json_get(was, "count"), -1) != (int64_t)t->count ||
        om_json_len(samples) != SAMPLES)
        return INFINITY;
    for (size_t i = 0; i < SAMPLES; i++)
        sum += fabs(now.samples[i] - om_json_as_double(om_json_at(samples, i), 0));
    double mean = fabs(now.mean - om_json_as_double(om_json_get(was, "mean"), 0));
    return (with_samples ? fmax(mean, sum / SAMPLES) : mean) / spread;
}

static bool check_reference(struct om_model *model, const char *path,
                            struct om_verify_report *report, struct om_error *err)
{
    struct om_tensor tensors[OM_TENSORS_MAX];
    om_auto(om_model_ctx) ctx = NULL;
    om_auto_free char *text = NULL;
    size_t n = 0;
    double worst = 0;

    if (!path || !om_file_exists(path))
        return note(report, "reference", OM_VERIFY_SKIPPED, "none is stored");
    if (!om_file_read(path, GOLDEN_BYTES_MAX, &text, &n, err))
        return note(report, "reference", OM_VERIFY_FAILED, "%s", err->text);
    om_auto_json json = om_json_parse(om_str_n(text, n), err);
    int count = json ? raw_outputs(model, &ctx, tensors, err) : -1;
    if (count < 0)
        return note(report, "reference", OM_VERIFY_FAILED, "%s", err->text);
    const struct om_json *outputs = om_json_get(json, "outputs");
    if (om_json_len(outputs) != (size_t)count)
        worst = INFINITY;
    for (int i = 0; i < count; i++)
        worst = fmax(worst,
                     drift(&tensors[i], om_json_at(outputs, (size_t)i), !is_sorted_list(model)));
    if (worst <= drift_max)
        return note(report, "reference", OM_VERIFY_PASSED,
                    "the outputs are those of the import (%.5f of their spread apart)", worst);
    om_error_set(err, OM_INVALID,
                 "the model gives other outputs than when it was imported "
                 "(%.2f of their spread apart)",
                 worst);
    om_error_hint(err, "its files have changed, or this ONNX Runtime computes it wrongly: add the "
                       "model again");
    return note(report, "reference", OM_VERIFY_FAILED, "%s", err->text);
}

// ---- golden set --------------------------------------------------------------------------------

struct golden {
    char file[PATH_SIZE];
    struct om_json *json;
    int pictures, wanted, found, extra;
};

// A JSON file with "images": the one given, or in a folder the one for this model, else the only
// one.
static bool open_golden(struct golden *golden, const char *path, const char *name,
                        struct om_error *err)
{
    om_auto_free char *text = NULL;
    size_t n = 0;
    DIR *dir = opendir(path);
    int seen = 0;

    snprintf(golden->file, sizeof(golden->file), "%s", path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        om_str file = om_str_from(entry->d_name);
        if (!om_str_ends_with(file, OM_STR(".json")))
            continue;
        bool is_ours = om_str_equal(om_str_sub(file, 0, file.n - 5), om_str_from(name));
        if (is_ours || seen == 0)
            snprintf(golden->file, sizeof(golden->file), "%s/%s", path, entry->d_name);
        seen = is_ours ? INT16_MIN : seen + 1;
    }
    if (dir)
        closedir(dir);
    if (dir && (seen == 0 || seen > 1)) {
        om_error_set(err, OM_NOT_FOUND, "%s has no %s.json with the expected boxes", path, name);
        om_error_hint(err, "name the JSON file itself");
        return false;
    }
    if (!om_file_read(golden->file, GOLDEN_BYTES_MAX, &text, &n, err))
        return false;
    golden->json = om_json_parse(om_str_n(text, n), err);
    const struct om_json *images = om_json_get(golden->json, "images");
    if (om_json_type(images) == OM_JSON_OBJECT && om_json_len(images) > 0)
        return true;
    if (golden->json)
        om_error_set(err, OM_INVALID, "%s has no \"images\"", golden->file);
    om_error_hint(err, "the form is {\"images\": {path: {\"w\": w, \"h\": h, \"dets\": [[class, "
                       "score, x1, y1, x2, y2], ...]}}}");
    return false;
}

static bool find_picture(const struct golden *golden, const char *name, char path[PATH_SIZE])
{
    const char *slash = strrchr(golden->file, '/');
    int folder = slash ? (int)(slash - golden->file) : 0;
    static const char *const up[LEVELS_UP + 1] = {"", "../", "../../", "../../../"};

    for (int i = 0; i <= LEVELS_UP; i++) {
        snprintf(path, PATH_SIZE, "%.*s%s%s%s", folder, golden->file, folder ? "/" : "", up[i],
                 name);
        if (om_file_exists(path))
            return true;
    }
    return false;
}

static void read_boxes(const struct om_json *dets, struct om_detections *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < om_json_len(dets) && ret->count < OM_DETECTIONS_MAX; i++) {
        float v[6];
        for (size_t k = 0; k < 6; k++)
            v[k] = (float)om_json_as_double(om_json_at(om_json_at(dets, i), k), -1);
        ret->items[ret->count++] = (struct om_detection){
            .box = {v[2], v[3], v[4] - v[2], v[5] - v[3]},
            .score = v[1],
            .class_id = (int16_t)OM_CLAMP(v[0], -1, 32767),
        };
    }
}

static bool run_golden(struct golden *golden, struct om_model_ctx *ctx, struct om_error *err)
{
    const struct om_json *images = om_json_get(golden->json, "images");
    const struct om_detect_opts opts = {
        (float)om_json_as_double(om_json_get(golden->json, "score_min"), 0.25),
        (float)om_json_as_double(om_json_get(golden->json, "nms_iou"), 0.45), false, 300};
    om_auto_free struct om_result *result = om_new(struct om_result);
    om_auto_free struct om_detections *wanted = om_new(struct om_detections);

    const char *name;
    const struct om_json *image;
    void *at = NULL;
    for (int i = 0; i < GOLDEN_PICTURES_MAX && om_json_next(images, &at, &name, &image); i++) {
        char path[PATH_SIZE];
        int all, extra_all;
        if (!find_picture(golden, name, path)) {
            om_error_set(err, OM_NOT_FOUND, "the golden set's picture %s is missing", name);
            om_error_hint(err, "put it beside %s", golden->file);
            return false;
        }
        om_auto_ref(om_frame) frame = om_picture_load(path, err);
        const struct om_frame *frames[1] = {frame};
        if (!frame || om_model_run(ctx, frames, NULL, 1, &opts, result, err) != OM_OK)
            return false;
        read_boxes(om_json_get(image, "dets"), wanted);
        golden->found += find_boxes(wanted, &result->detections, opts.score_min + 0.1f, &all);
        golden->wanted += all;
        int again = find_boxes(&result->detections, wanted, opts.score_min + 0.1f, &extra_all);
        golden->extra += extra_all - again;
        golden->pictures++;
    }
    return true;
}

static bool check_golden(struct om_model *model, const char *path, struct om_verify_report *report,
                         struct om_error *err)
{
    struct golden golden = {.json = NULL};

    if (!path)
        return note(report, "golden", OM_VERIFY_SKIPPED, "no golden set was given");
    if (om_model_manifest(model)->kind != OM_MODEL_DETECTOR)
        return note(report, "golden", OM_VERIFY_SKIPPED, "golden sets are for detectors");
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 1, err);
    bool is_run = ctx && open_golden(&golden, path, om_model_manifest(model)->name, err) &&
                  run_golden(&golden, ctx, err);
    om_json_destroy(golden.json);
    if (!is_run)
        return note(report, "golden", OM_VERIFY_FAILED, "%s", err->text);
    double share = golden.wanted ? (double)golden.found / golden.wanted : 1;
    int missing = golden.wanted - golden.found;
    int extra_max = (int)((1 - found_share_min) * golden.wanted) + 1;
    if (share >= found_share_min && golden.extra <= extra_max)
        return note(report, "golden", OM_VERIFY_PASSED,
                    "%d of %d boxes found again in %d pictures, %d extra", golden.found,
                    golden.wanted, golden.pictures, golden.extra);
    om_error_set(err, OM_INVALID, "of the golden set's %d boxes %d are missing, %d are extra",
                 golden.wanted, missing, golden.extra);
    om_error_hint(err, "check colour, resize, mean, std, decode and the order of classes in the "
                       "manifest");
    return note(report, "golden", OM_VERIFY_FAILED, "%s", err->text);
}

// ---- the gate ----------------------------------------------------------------------------------

bool om_model_verify_loaded(struct om_model *model, const struct om_verify_opts *opts,
                            struct om_verify_report *report, struct om_error *err)
{
    const struct om_manifest *m = om_model_manifest(model);
    struct om_error own = {0};
    char outputs[160];

    if (!err)
        err = &own;
    (void)note(report, "family", OM_VERIFY_PASSED, "%s, %s at %d x %d%s (outputs %s)",
               om_model_kind_name(m->kind), om_output_family_name(m->family), m->input_width,
               m->input_height, m->given & OM_MANIFEST_FAMILY ? ", as named" : ", recognised",
               om_model_outputs_text(model, outputs, sizeof(outputs)));
    return check_batch(model, report, err) &&
           check_reference(model, opts->reference, report, err) &&
           check_golden(model, opts->golden, report, err);
}

bool om_model_verify(const char *path, const struct om_manifest *manifest,
                     const struct om_verify_opts *opts, struct om_verify_report *report,
                     struct om_error *err)
{
    struct om_error own = {0};

    if (!err)
        err = &own;
    report->check_count = 0;
    om_auto(om_model) model = om_model_load(path, manifest, &opts->model, err);
    if (!model)
        return note(report, "graph", OM_VERIFY_FAILED, "%s", err->text);
    (void)note(report, "graph", OM_VERIFY_PASSED, "read, loaded and run on %s",
               om_model_provider(model));
    return om_model_verify_loaded(model, opts, report, err);
}
