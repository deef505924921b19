// Networks alone: a written-down sequence of numbers goes in, the raw outputs are compared with
// those of another run of ONNX Runtime, element by element. And embeddings of real people, and a
// digit.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "infer/model.h"
#include "infer/tensor.h"
#include "media/frame.h"
#include "media/picture.h"
#include "scene/region.h"

enum { PATH_SIZE = 1024 };

static struct om_json *read_json(const char *shared, const char *name)
{
    char path[PATH_SIZE];
    struct om_error err;
    om_auto_free char *text = NULL;
    size_t n = 0;

    snprintf(path, sizeof(path), "%s/data/%s", shared, name);
    om_assert(om_file_read(path, 16 << 20, &text, &n, &err));
    struct om_json *json = om_json_parse(om_str_n(text, n), &err);
    om_assert(json);
    return json;
}

static struct om_model *load(const char *shared, const char *name)
{
    char path[PATH_SIZE];
    struct om_error err = {0};

    snprintf(path, sizeof(path), "%s/data/models/%s.onnx", shared, name);
    struct om_model *model = om_model_load(path, NULL, &(struct om_model_opts){.threads = 1}, &err);
    if (!model)
        printf("%s: %s (%s)\n", name, err.text, err.hint);
    om_assert(model);
    return model;
}

static void fill(float *input, size_t n, double low, double high)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        input[i] = (float)(low + (high - low) * (double)(state >> 8) / 16777216.0);
    }
}

// Mean distance of the sampled values, as a share of the output's spread.
static double distance(const struct om_tensor *t, const struct om_json *wanted)
{
    const struct om_json *at = om_json_get(wanted, "at"), *values = om_json_get(wanted, "value");
    double spread = om_json_as_double(om_json_get(wanted, "std"), 1), sum = 0;

    for (size_t i = 0; i < om_json_len(at); i++) {
        size_t k = (size_t)om_json_as_int(om_json_at(at, i), -1);
        om_assert(k < t->count);
        double got = t->f32 ? (double)t->f32[k] : (double)t->i64[k];
        sum += fabs(got - om_json_as_double(om_json_at(values, i), NAN));
    }
    return sum / (double)om_json_len(at) / fmax(spread, 1e-9);
}

static void check_outputs(const char *shared, const char *name, const struct om_json *wanted)
{
    om_auto(om_model) model = load(shared, name);
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 1, NULL);
    struct om_tensor tensors[OM_TENSORS_MAX];
    const struct om_json *range = om_json_get(wanted, "range");
    const struct om_json *outputs = om_json_get(wanted, "outputs");
    size_t n = 0;
    float *input = om_model_ctx_input(ctx, &n);
    double worst = 0;

    fill(input, n, om_json_as_double(om_json_at(range, 0), 0),
         om_json_as_double(om_json_at(range, 1), 0));
    om_assert(om_model_run_bare(ctx, 1, NULL) == OM_OK);
    int count = om_model_ctx_outputs(ctx, tensors);
    om_assert((size_t)count == om_json_len(outputs));
    for (int i = 0; i < count; i++)
        worst = fmax(worst, distance(&tensors[i], om_json_at(outputs, (size_t)i)));
    printf("%-22s %.6f of the spread apart\n", name, worst);
    // Quantised networks jump; lists sorted by score swap neighbours.
    om_assert(worst < (strstr(name, "int8") ? 0.1 : 1e-3));
}

static void check_embeddings(const char *shared)
{
    om_auto_json json = read_json(shared, "expected/reid/osnet_x0_25_msmt17.json");
    om_auto(om_model) model = load(shared, "osnet_x0_25_msmt17");
    om_assert(om_model_batch_max(model) > 1);
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 2, NULL);
    const struct om_json *crops = om_json_get(json, "crops"),
                         *cosines = om_json_get(json, "cosine");
    size_t count = om_json_len(crops);
    struct om_result *results = om_new_array(struct om_result, count + 1);
    const struct om_detect_opts opts = OM_DETECT_OPTS_DEFAULT;

    for (size_t i = 0; i < count; i++) {
        const struct om_json *crop = om_json_at(crops, i), *box = om_json_get(crop, "box");
        char path[PATH_SIZE];
        int v[4];
        for (size_t k = 0; k < 4; k++)
            v[k] = (int)om_json_as_int(om_json_at(box, k), -1);
        snprintf(path, sizeof(path), "%s/data/%s", shared,
                 om_json_as_str(om_json_get(crop, "image"), OM_STR("")).p);
        om_auto_ref(om_frame) frame = om_picture_load(path, NULL);
        om_assert(frame);
        const struct om_frame *frames[2] = {frame, frame};
        const struct om_region regions[2] = {{v[0], v[1], v[2] - v[0], v[3] - v[1]},
                                             {0, 0, frame->width, frame->height}};
        // Every other one in a batch, beside the whole picture.
        om_assert(om_model_run(ctx, frames, regions, i % 2 ? 2 : 1, &opts, &results[i], NULL) ==
                  OM_OK);
        om_assert(results[i].embedding_count == 512);
    }
    double worst = 0;
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            double sum = 0;
            for (int k = 0; k < 512; k++)
                sum += (double)results[a].embedding[k] * (double)results[b].embedding[k];
            worst = fmax(worst,
                         fabs(sum - om_json_as_double(om_json_at(om_json_at(cosines, a), b), 9)));
        }
    }
    printf("embeddings: cosines within %.5f\n", worst);
    om_assert(worst < 0.005);
    om_free(results);
}

// A drawn one: light bar on dark ground.
static void check_digit(const char *shared)
{
    om_auto(om_model) model = load(shared, "mnist");
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 1, NULL);
    om_auto_ref(om_frame) frame = om_frame_alloc(OM_PIX_GREY, 28, 28);
    om_auto_free struct om_result *result = om_new(struct om_result);
    const struct om_frame *frames[1] = {frame};
    const struct om_detect_opts opts = OM_DETECT_OPTS_DEFAULT;

    frame->is_full_range = true;
    for (int y = 0; y < 28; y++)
        for (int x = 0; x < 28; x++)
            om_frame_plane_mut(frame, 0)[y * frame->stride[0] + x] = x >= 13 && x <= 15 && y >= 4 &&
                                                                             y <= 23
                                                                         ? 255
                                                                         : 0;
    om_assert(om_model_run(ctx, frames, NULL, 1, &opts, result, NULL) == OM_OK);
    om_assert(result->topk_count == 10 && result->topk[0].class_id == 1);
    om_assert(result->topk[0].score > 0.9f && result->topk[0].score <= 1.0f);
}

int main(int argc, char **argv)
{
    const char *shared = getenv("OMMA_SHARED");
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/data/expected/tensors.json", shared ? shared : "");
    if (!shared || !om_file_exists(path)) {
        printf("skipped: no ../shared\n");
        return 77;
    }
    om_auto_json json = read_json(shared, "expected/tensors.json");
    const struct om_json *models = om_json_get(json, "models");
    const char *name;
    const struct om_json *wanted;
    void *at = NULL;
    while (om_json_next(models, &at, &name, &wanted)) {
        if (argc < 2 || strcmp(argv[1], name) == 0)
            check_outputs(shared, name, wanted);
    }
    check_embeddings(shared);
    check_digit(shared);
    return 0;
}
