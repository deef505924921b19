// The detectors of the shared test data against the boxes of an independent implementation (OpenCV,
// NumPy): of its boxes with score >= 0.35 as many are found again (class, IoU >= 0.85, score within
// 0.05) as its own authors find when the pictures carry a grey level of noise, less one point.
//
// By default a few pictures of each; OMMA_PARITY=full takes all of them, as `infer_parity_test
// NAME...` takes only those detectors.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "infer/model.h"
#include "media/frame.h"
#include "media/picture.h"

enum { PATH_SIZE = 1024 };

static const struct {
    const char *name;
    double share;  // as in the data's README
    int quick;     // pictures, when not all are taken
} detectors[] = {
    {"yolox_nano_416", 0.993, 7},       {"nanodet_m_416", 0.992, 7},
    {"picodet_s_320", 0.993, 7},        {"fastestdet_352", 0.964, 7},
    {"deimv2_atto_320_int8", 0.423, 7}, {"yolov8n_640_int8", 0.943, 4},
    {"yolo26n_640_int8", 0.808, 2},     {"yolov5n_plate_640", 1.000, 7},
    {"yunet_n_640", 0.978, 7},          {"ultraface_rfb_320", 0.986, 7},
};

struct tally {
    int wanted, found, extra;
    int64_t pre_us, infer_us, post_us, pictures;
};

static double iou(struct om_box a, struct om_box b)
{
    double w = fmin(a.x + a.w, b.x + b.w) - fmax(a.x, b.x);
    double h = fmin(a.y + a.h, b.y + b.h) - fmax(a.y, b.y);
    double both = w > 0 && h > 0 ? w * h : 0;
    double either = (double)a.w * a.h + (double)b.w * b.h - both;
    return either > 0 ? both / either : 0;
}

static struct om_detection row(const struct om_json *json)
{
    double v[6];
    for (size_t i = 0; i < 6; i++)
        v[i] = om_json_as_double(om_json_at(json, i), -1);
    return (struct om_detection){
        .box = {(float)v[2], (float)v[3], (float)(v[4] - v[2]), (float)(v[5] - v[3])},
        .score = (float)v[1],
        .class_id = (int16_t)v[0],
    };
}

static bool is_same(const struct om_detection *a, const struct om_detection *b)
{
    return a->class_id == b->class_id && fabsf(a->score - b->score) <= 0.05f &&
           iou(a->box, b->box) >= 0.85;
}

static void compare(const struct om_json *dets, const struct om_detections *ours,
                    struct tally *tally)
{
    bool is_used[OM_DETECTIONS_MAX] = {false};
    size_t count = om_json_len(dets);

    for (size_t i = 0; i < count; i++) {
        struct om_detection wanted = row(om_json_at(dets, i));
        bool is_found = false;
        for (int k = 0; k < ours->count && !is_found; k++)
            if (!is_used[k] && is_same(&wanted, &ours->items[k]))
                is_found = is_used[k] = true;
        if (wanted.score < 0.35f)
            continue;
        tally->wanted++;
        tally->found += is_found;
        if (!is_found && getenv("OMMA_PARITY_VERBOSE"))
            printf("  missing %d %.3f [%.1f %.1f %.1f %.1f]\n", wanted.class_id,
                   (double)wanted.score, (double)wanted.box.x, (double)wanted.box.y,
                   (double)wanted.box.w, (double)wanted.box.h);
    }
    for (int k = 0; k < ours->count; k++)
        tally->extra += !is_used[k] && ours->items[k].score >= 0.35f;
}

static void run_pictures(const char *shared, struct om_model_ctx *ctx, const struct om_json *images,
                         int quick, struct tally *tally)
{
    const char *mode = getenv("OMMA_PARITY");
    bool is_full = mode && strcmp(mode, "full") == 0;
    size_t step = is_full ? 1 : 5;
    const struct om_detect_opts opts = OM_DETECT_OPTS_DEFAULT;
    struct om_result *result = om_new(struct om_result);

    const char *name;
    const struct om_json *image;
    void *at = NULL;
    for (size_t i = 0; om_json_next(images, &at, &name, &image); i++) {
        if (i % step != 0)
            continue;
        char path[PATH_SIZE];
        struct om_error err = {0};
        snprintf(path, sizeof(path), "%s/data/%s", shared, name);
        if (!is_full && (tally->pictures == quick || !om_json_len(om_json_get(image, "dets"))))
            continue;
        om_auto_ref(om_frame) frame = om_picture_load(path, &err);
        if (!frame)
            printf("%s: %s\n", path, err.text);
        om_assert(frame);
        om_assert(om_frame_upright_width(frame) == om_json_as_int(om_json_get(image, "w"), 0));
        const struct om_frame *frames[1] = {frame};
        om_assert(om_model_run(ctx, frames, NULL, 1, &opts, result, &err) == OM_OK);
        compare(om_json_get(image, "dets"), &result->detections, tally);
        tally->pre_us += result->timing.pre_us;
        tally->infer_us += result->timing.infer_us;
        tally->post_us += result->timing.post_us;
        tally->pictures++;
    }
    om_free(result);
}

static bool check(const char *shared, const char *name, double share, int quick)
{
    char path[PATH_SIZE];
    struct om_error err = {0};
    om_auto_free char *text = NULL;
    size_t n = 0;

    snprintf(path, sizeof(path), "%s/data/expected/images/%s.json", shared, name);
    om_assert(om_file_read(path, 16 << 20, &text, &n, &err));
    om_auto_json json = om_json_parse(om_str_n(text, n), &err);
    om_assert(json);
    snprintf(path, sizeof(path), "%s/data/models/%s.onnx", shared, name);
    om_auto(om_model)
        model = om_model_load(path, NULL, &(struct om_model_opts){.threads = 1}, &err);
    if (!model)
        printf("%s: %s (%s)\n", name, err.text, err.hint);
    om_assert(model);
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 1, &err);
    om_assert(ctx);

    struct tally t = {0};
    run_pictures(shared, ctx, om_json_get(json, "images"), quick, &t);
    double got = t.wanted ? (double)t.found / t.wanted : 1;
    bool is_good = got >= share - 0.01 && t.extra <= OM_MAX(t.wanted - t.found, 0);
    printf("%-22s %.4f of %4d (wanted %.3f), %d missing, %d extra; pre %.2f infer %.1f post %.3f "
           "ms%s\n",
           name, got, t.wanted, share - 0.01, t.wanted - t.found, t.extra,
           (double)t.pre_us / 1e3 / (double)t.pictures,
           (double)t.infer_us / 1e3 / (double)t.pictures,
           (double)t.post_us / 1e3 / (double)t.pictures, is_good ? "" : "  <-- NOT ENOUGH");
    return is_good;
}

int main(int argc, char **argv)
{
    const char *shared = getenv("OMMA_SHARED");
    char models[PATH_SIZE];

    snprintf(models, sizeof(models), "%s/data/models/models.json", shared ? shared : "");
    if (!shared || !om_file_exists(models)) {
        printf("skipped: no ../shared\n");
        return 77;
    }
    bool is_good = true;
    for (size_t i = 0; i < OM_ARRAY_LEN(detectors); i++) {
        bool is_wanted = argc < 2;
        for (int a = 1; a < argc; a++)
            is_wanted |= strcmp(argv[a], detectors[i].name) == 0;
        if (is_wanted)
            is_good &= check(shared, detectors[i].name, detectors[i].share, detectors[i].quick);
    }
    return is_good ? 0 : 1;
}
