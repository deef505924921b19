#include "infer/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "infer/family.h"
#include "infer/nms.h"
#include "infer/ort.h"
#include "infer/output.h"
#include "infer/output_vector.h"
#include "infer/preprocess.h"
#include "media/frame.h"
#include "scene/region.h"

enum {
    BATCH_MAX = 16,
    BOXES_BEFORE_NMS_ALL_CLASSES = 1000,  // of a picture, with every class of a box
    MANIFEST_BYTES_MAX = 4 * 1024 * 1024,
    PATH_SIZE = 4096
};

struct om_model {
    // Constant after load.
    struct om_manifest *manifest;
    struct om_ort_session *session;
    struct om_family_inputs inputs;
    struct om_tensor_info shapes[OM_TENSORS_MAX];  // of the inputs, for one picture
    struct om_output_spec spec;
    int batch_max;
    int instances;  // on each device
    bool can_share;
};

struct om_model_ctx {
    struct om_model *model;  // borrowed
    int batch;
    struct om_ort_run *run;
    float *staging;          // NULL when the graph takes float
    struct om_prep **preps;  // one a picture: geometry and border differ
    struct om_prep *tile_prep;
    struct om_geometry *geometries;
    struct om_tensor outputs[OM_TENSORS_MAX];  // of the canvas that is read
    struct om_sink sink;
    struct om_detection *boxes;  // OM_CANDIDATES_MAX
};

// ---- manifests ---------------------------------------------------------------------------------

static struct om_manifest *read_manifest(const char *path, const char *graph_file,
                                         struct om_error *err)
{
    om_auto_free char *text = NULL;
    size_t n = 0;

    if (!om_file_read(path, MANIFEST_BYTES_MAX, &text, &n, err))
        return NULL;
    return graph_file ? om_manifest_parse_list(om_str_n(text, n), path, graph_file, err)
                      : om_manifest_parse(om_str_n(text, n), path, err);
}

struct om_manifest *om_manifest_load(const char *path, struct om_error *err)
{
    return read_manifest(path, NULL, err);
}

struct om_manifest *om_model_manifest_find(const char *path, struct om_error *err)
{
    static const char *const endings[] = {"yaml", "yml", "json"};
    char beside[PATH_SIZE];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    int stem = (int)((dot ? dot : path + strlen(path)) - path);

    for (size_t i = 0; i < OM_ARRAY_LEN(endings); i++) {
        snprintf(beside, sizeof(beside), "%.*s.%s", stem, path, endings[i]);
        if (om_file_exists(beside))
            return read_manifest(beside, NULL, err);
    }
    snprintf(beside, sizeof(beside), "%.*smodels.json", (int)(name - path), path);
    if (om_file_exists(beside)) {
        struct om_error none = {0};
        struct om_manifest *manifest = read_manifest(beside, name, &none);
        if (manifest || none.status != OM_NOT_FOUND) {
            if (err)
                *err = none;
            return manifest;
        }
    }
    return om_manifest_create();
}

// What the graph and the file say of themselves where the manifest is silent.
static bool fill_identity(struct om_manifest *manifest, const char *path, struct om_error *err)
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    const char *dot = strrchr(file, '.');
    char digest[OM_SHA256_TEXT_SIZE];

    if (!manifest->name[0])
        om_str_copy(manifest->name, sizeof(manifest->name),
                    om_str_n(file, dot ? (size_t)(dot - file) : strlen(file)));
    if (!manifest->file[0])
        om_str_copy(manifest->file, sizeof(manifest->file), om_str_from(file));
    if (manifest->version[0])
        return true;
    if (!om_sha256_file(path, digest, err))
        return false;
    om_str_copy(manifest->version, sizeof(manifest->version), om_str_n(digest, 12));
    return true;
}

// ---- shapes ------------------------------------------------------------------------------------

// Every free dim of the inputs, for `batch` pictures.
static bool resolve_inputs(struct om_model *model, struct om_error *err)
{
    int count = 0;
    const struct om_tensor_info *infos = om_ort_session_inputs(model->session, &count);
    struct om_family_inputs *inputs = &model->inputs;

    if (!om_family_inputs_find(infos, count, inputs, err))
        return false;
    if (!inputs->is_batch_free && inputs->batch > BATCH_MAX) {
        om_error_set(err, OM_LIMIT, "the graph takes %d pictures at a time; at most %d",
                     inputs->batch, BATCH_MAX);
        om_error_hint(err, "export it with batch 1 or with a free batch");
        return false;
    }
    memcpy(model->shapes, infos, (size_t)count * sizeof(*infos));
    return true;
}

static void set_shapes(const struct om_model *model, int batch,
                       struct om_tensor_info shapes[OM_TENSORS_MAX])
{
    const struct om_family_inputs *inputs = &model->inputs;

    memcpy(shapes, model->shapes, sizeof(model->shapes));
    struct om_tensor_info *picture = &shapes[inputs->picture];
    picture->dims[0] = inputs->is_batch_free ? batch : inputs->batch;
    picture->dims[1] = inputs->channels;
    picture->dims[2] = model->manifest->input_height;
    picture->dims[3] = model->manifest->input_width;
    if (inputs->size >= 0) {
        struct om_tensor_info *size = &shapes[inputs->size];
        if (size->dims[0] < 0)
            size->dims[0] = batch;
        size->dims[1] = 2;
    }
}

static void set_size_input(const struct om_model *model, struct om_ort_run *run, int picture,
                           const int size[2])
{
    if (model->inputs.size < 0)
        return;
    void *data = om_ort_run_input(run, model->inputs.size);
    const struct om_tensor_info *info = &model->shapes[model->inputs.size];
    if (info->dims[0] > 0 && picture >= info->dims[0])
        return;
    for (int i = 0; i < 2; i++) {
        if (info->type == OM_TENSOR_I64)
            ((int64_t *)data)[2 * picture + i] = size[i];
        else if (info->type == OM_TENSOR_I32)
            ((int32_t *)data)[2 * picture + i] = size[i];
        else
            ((float *)data)[2 * picture + i] = (float)size[i];
    }
}

// ---- load --------------------------------------------------------------------------------------

static bool try_run(const struct om_model *model, int batch, struct om_ort_run **ret,
                    struct om_error *err)
{
    struct om_tensor_info shapes[OM_TENSORS_MAX];
    const int size[2] = {model->manifest->input_width, model->manifest->input_height};

    set_shapes(model, batch, shapes);
    om_auto(om_ort_run) run = om_ort_run_create(model->session, shapes,
                                                &(struct om_ort_run_opts){.batch = batch}, err);
    if (!run)
        return false;
    for (int i = 0; i < batch; i++)
        set_size_input(model, run, i, size);
    if (om_ort_run_execute(run, batch, err) != OM_OK)
        return false;
    *ret = om_steal(&run);
    return true;
}

// An empty picture through the network: shows that it runs, and the shapes it declares or not.
static bool bind_outputs(struct om_model *model, const struct om_onnx_graph *graph,
                         struct om_error *err)
{
    struct om_tensor tensors[OM_TENSORS_MAX];
    om_auto(om_ort_run) run = NULL;
    int batch = model->inputs.is_batch_free ? 1 : model->inputs.batch, count = 0;

    if (!try_run(model, batch, &run, err))
        return false;
    const struct om_tensor_info *infos = om_ort_session_outputs(model->session, &count);
    (void)om_ort_run_outputs(run, tensors);
    model->spec.tensor_count = count;
    for (int i = 0; i < count; i++) {
        struct om_tensor_info *info = &model->spec.tensors[i];
        *info = infos[i];
        info->type = tensors[i].i64 ? OM_TENSOR_I64 : OM_TENSOR_F32;
        info->rank = tensors[i].rank;
        memcpy(info->dims, tensors[i].dims, sizeof(info->dims));
        if (batch > 1 && info->rank > 0 && info->dims[0] == batch) {
            info->dims[0] = 1;
            tensors[i].count /= (size_t)batch;
        }
    }
    return om_family_settle(model->manifest, graph, tensors, &model->spec, err);
}

// Whether the graph really takes two pictures: some exporters free the batch in the input only.
static int find_batch_max(const struct om_model *model)
{
    struct om_tensor tensors[OM_TENSORS_MAX];
    om_auto(om_ort_run) run = NULL;

    if (!model->inputs.is_batch_free)
        return model->inputs.batch;
    if (!try_run(model, 2, &run, NULL))
        return 1;
    int count = om_ort_run_outputs(run, tensors);
    for (int i = 0; i < count; i++) {
        const struct om_tensor_info *one = &model->spec.tensors[i];
        if (tensors[i].rank != one->rank || one->rank < 2 || tensors[i].dims[0] != 2)
            return 1;
    }
    return BATCH_MAX;
}

// The shapes of the inputs, as far as the graph and the manifest tell before anything is loaded:
// TensorRT builds for them. Where they do not tell, it finds out at the first run.
static void foresee_inputs(struct om_model *model, const struct om_onnx_graph *graph,
                           struct om_ort_opts *opts, struct om_tensor_info resolved[OM_TENSORS_MAX])
{
    if (!om_family_inputs_find(graph->inputs, graph->input_count, &model->inputs, NULL) ||
        !om_family_size(model->manifest, graph, &model->inputs, NULL))
        return;
    memcpy(model->shapes, graph->inputs, sizeof(model->shapes));
    set_shapes(model, 1, resolved);
    opts->declared = graph->inputs;
    opts->resolved = resolved;
    opts->input_count = graph->input_count;
    opts->batch_max = model->inputs.is_batch_free ? BATCH_MAX : 1;
}

static bool open_session(struct om_model *model, const char *path,
                         const struct om_onnx_graph *graph, const struct om_model_opts *opts,
                         struct om_error *err)
{
    struct om_tensor_info resolved[OM_TENSORS_MAX];
    struct om_ort_opts ort_opts = {
        .name = model->manifest->name,
        .threads = opts->threads,
        .providers = opts->providers,
        .library = opts->library,
        .fp16 = opts->fp16,
        .device_memory_max = opts->device_memory_max,
        .home = opts->home,
        .external = graph->external,
        .external_count = graph->external_count,
    };
    foresee_inputs(model, graph, &ort_opts, resolved);
    model->session = om_ort_session_create(path, &ort_opts, err);
    return model->session;
}

// Dynamic quantisation scales by the extremes of the whole input, a second input tells one
// picture's size, and a graph that picks the best boxes itself picks them from all parts together.
static bool find_can_share(const struct om_model *model, const struct om_onnx_graph *graph)
{
    const struct om_output_ops *ops = model->spec.ops;

    return ops->kind == OM_MODEL_DETECTOR && model->inputs.size < 0 &&
           ops->family != OM_OUTPUT_DETR && ops->family != OM_OUTPUT_END2END &&
           om_onnx_graph_op(graph, "DynamicQuantizeLinear") == 0;
}

struct om_model *om_model_load(const char *path, const struct om_manifest *manifest,
                               const struct om_model_opts *opts, struct om_error *err)
{
    om_auto(om_onnx_graph) graph = om_onnx_graph_read(path, err);
    if (!graph)
        return NULL;
    om_auto(om_model) model = om_new(struct om_model);
    model->manifest = manifest ? om_manifest_copy(manifest) : om_model_manifest_find(path, err);
    if (!model->manifest || !fill_identity(model->manifest, path, err))
        return NULL;
    model->instances = OM_MAX(opts->instances, 1);
    if (!open_session(model, path, graph, opts, err))
        return NULL;
    om_family_labels(model->manifest, graph);
    if (!resolve_inputs(model, err) ||
        !om_family_size(model->manifest, graph, &model->inputs, err) ||
        !bind_outputs(model, graph, err))
        return NULL;
    model->batch_max = find_batch_max(model);
    model->can_share = find_can_share(model, graph);
    return om_steal(&model);
}

void om_model_destroy(struct om_model *model)
{
    if (!model)
        return;
    om_ort_session_destroy(model->session);
    om_manifest_destroy(model->manifest);
    om_free(model);
}

const struct om_manifest *om_model_manifest(const struct om_model *model)
{
    return model->manifest;
}

const char *om_model_provider(const struct om_model *model)
{
    return om_ort_session_provider(model->session);
}

int om_model_batch_max(const struct om_model *model)
{
    return model->batch_max;
}

int om_model_instances(const struct om_model *model)
{
    return om_ort_session_device_count(model->session) * model->instances;
}

bool om_model_can_share(const struct om_model *model)
{
    return model->can_share;
}

// ---- contexts ----------------------------------------------------------------------------------

static size_t picture_floats(const struct om_model *model)
{
    return (size_t)model->inputs.channels * (size_t)model->manifest->input_width *
           (size_t)model->manifest->input_height;
}

static bool alloc_ctx(struct om_model_ctx *ctx)
{
    const struct om_model *model = ctx->model;
    const struct om_manifest *m = model->manifest;

    ctx->preps = om_try_new_array(struct om_prep *, (size_t)ctx->batch);
    ctx->geometries = om_try_new_array(struct om_geometry, (size_t)ctx->batch);
    ctx->sink.capacity = OM_CANDIDATES_MAX;
    ctx->sink.items = om_try_new_array(struct om_candidate, OM_CANDIDATES_MAX);
    ctx->boxes = om_try_new_array(struct om_detection, OM_CANDIDATES_MAX);
    if (!ctx->preps || !ctx->geometries || !ctx->sink.items || !ctx->boxes)
        return false;
    for (int i = 0; i < ctx->batch; i++) {
        ctx->preps[i] = om_prep_create(m, model->inputs.channels, m->input_width, m->input_height);
        if (!ctx->preps[i])
            return false;
    }
    ctx->tile_prep = om_prep_create(m, model->inputs.channels, m->input_width, m->input_height);
    if (!ctx->tile_prep)
        return false;
    if (model->shapes[model->inputs.picture].type == OM_TENSOR_F32)
        return true;
    ctx->staging = om_try_alloc_aligned(picture_floats(model) * sizeof(float));
    return ctx->staging != NULL;
}

struct om_model_ctx *om_model_ctx_create(struct om_model *model, int batch, struct om_error *err)
{
    return om_model_ctx_create_on(model, 0, batch, err);
}

struct om_model_ctx *om_model_ctx_create_on(struct om_model *model, int instance, int batch,
                                            struct om_error *err)
{
    struct om_tensor_info shapes[OM_TENSORS_MAX];

    if (batch < 1 || batch > model->batch_max) {
        om_error_set(err, OM_LIMIT, "the model takes 1 to %d pictures at a time, not %d",
                     model->batch_max, batch);
        return NULL;
    }
    if (!model->inputs.is_batch_free)
        batch = model->inputs.batch;
    om_auto(om_model_ctx) ctx = om_new(struct om_model_ctx);
    ctx->model = model;
    ctx->batch = batch;
    set_shapes(model, batch, shapes);
    ctx->run = om_ort_run_create(
        model->session, shapes, &(struct om_ort_run_opts){.batch = batch, .device = instance}, err);
    if (!ctx->run)
        return NULL;
    if (!alloc_ctx(ctx)) {
        om_error_set(err, OM_NO_MEMORY, "no memory for %d pictures of %d x %d", batch,
                     model->manifest->input_width, model->manifest->input_height);
        return NULL;
    }
    const int size[2] = {model->manifest->input_width, model->manifest->input_height};
    for (int i = 0; i < batch; i++)
        set_size_input(model, ctx->run, i, size);
    return om_steal(&ctx);
}

void om_model_ctx_destroy(struct om_model_ctx *ctx)
{
    if (!ctx)
        return;
    for (int i = 0; ctx->preps && i < ctx->batch; i++)
        om_prep_destroy(ctx->preps[i]);
    om_prep_destroy(ctx->tile_prep);
    om_free(ctx->preps);
    om_free(ctx->geometries);
    om_free(ctx->sink.items);
    om_free(ctx->boxes);
    om_free(ctx->staging);
    om_ort_run_destroy(ctx->run);
    om_free(ctx);
}

// ---- before the run ----------------------------------------------------------------------------

static void convert_input(const struct om_model_ctx *ctx, void *input, size_t from, size_t n)
{
    bool is_half = ctx->model->shapes[ctx->model->inputs.picture].type == OM_TENSOR_F16;
    uint16_t *halves = (uint16_t *)input + from;
    uint8_t *bytes = (uint8_t *)input + from;

    for (size_t i = 0; i < n; i++) {
        if (is_half)
            halves[i] = om_half_from_float(ctx->staging[i]);
        else
            bytes[i] = (uint8_t)OM_CLAMP(lrintf(ctx->staging[i]), 0L, 255L);
    }
}

static enum om_status prepare(struct om_model_ctx *ctx, int picture, const struct om_frame *frame,
                              const struct om_region *crop, struct om_error *err)
{
    const struct om_model *model = ctx->model;
    size_t floats = picture_floats(model);
    void *input = om_ort_run_input(ctx->run, model->inputs.picture);
    float *to = ctx->staging ? ctx->staging : (float *)input + (size_t)picture * floats;
    struct om_geometry *g = &ctx->geometries[picture];

    // The staging buffer is shared by the pictures, so a border may have been overwritten.
    if (ctx->staging)
        om_prep_forget(ctx->preps[picture]);
    enum om_status status = om_prep_fill(ctx->preps[picture], frame, crop, to, g);
    if (status != OM_OK)
        return om_error_set(err, status, "a frame of %d x %d cannot be fed to the model",
                            frame->width, frame->height);
    if (ctx->staging)
        convert_input(ctx, input, (size_t)picture * floats, floats);
    bool is_stretched = model->manifest->resize == OM_RESIZE_STRETCH;
    const int size[2] = {is_stretched ? g->crop_width : g->input_width,
                         is_stretched ? g->crop_height : g->input_height};
    set_size_input(model, ctx->run, picture, size);
    return OM_OK;
}

// ---- tiles -------------------------------------------------------------------------------------

static void prepare_shared(struct om_model_ctx *ctx, int canvas, struct om_model_tile *tiles,
                           int count)
{
    const struct om_model *model = ctx->model;
    const struct om_manifest *m = model->manifest;
    size_t floats = picture_floats(model);
    void *input = om_ort_run_input(ctx->run, model->inputs.picture);
    float *to = ctx->staging ? ctx->staging : (float *)input + (size_t)canvas * floats;

    om_prep_forget(ctx->preps[canvas]);
    for (int i = 0; i < count; i++)
        tiles[i].status = om_prep_fill_at(ctx->tile_prep, tiles[i].frame, &tiles[i].part, to,
                                          &tiles[i].geometry);
    om_tiles_pad(ctx->tile_prep, tiles, count, to);
    if (ctx->staging)
        convert_input(ctx, input, (size_t)canvas * floats, floats);
    ctx->geometries[canvas] = (struct om_geometry){.input_width = m->input_width,
                                                   .input_height = m->input_height,
                                                   .crop_width = m->input_width,
                                                   .crop_height = m->input_height};
}

static void prepare_alone(struct om_model_ctx *ctx, struct om_model_tile *tile)
{
    tile->status = prepare(ctx, tile->canvas, tile->frame, &tile->part.crop, NULL);
    tile->geometry = ctx->geometries[tile->canvas];
}

void om_model_prepare_tiles(struct om_model_ctx *ctx, struct om_model_tile *tiles, int count,
                            int canvases)
{
    om_assert(canvases <= ctx->batch);
    for (int canvas = 0, from = 0; canvas < canvases; canvas++) {
        int to = from;
        while (to < count && tiles[to].canvas == canvas)
            to++;
        om_assert(to > from && to - from <= OM_MODEL_TILES_MAX);
        if (to - from == 1 && tiles[from].part.place.w == 0)
            prepare_alone(ctx, &tiles[from]);
        else
            prepare_shared(ctx, canvas, &tiles[from], to - from);
        from = to;
    }
}

// ---- after the run -----------------------------------------------------------------------------

// The part of a batch's output that belongs to one picture.
static bool cut(const struct om_tensor *whole, int picture, int pictures, struct om_tensor *ret)
{
    *ret = *whole;
    if (pictures == 1)
        return true;
    if (whole->rank < 1 || whole->dims[0] != pictures)
        return false;
    ret->dims[0] = 1;
    ret->count = whole->count / (size_t)pictures;
    if (ret->f32)
        ret->f32 += (size_t)picture * ret->count;
    if (ret->i64)
        ret->i64 += (size_t)picture * ret->count;
    return true;
}

static int boxes_of(struct om_model_ctx *ctx, const struct om_geometry *g)
{
    const struct om_sink *sink = &ctx->sink;
    int count = 0, from = sink->count;

    if (sink->all_classes)
        from = OM_MIN(from, (int)BOXES_BEFORE_NMS_ALL_CLASSES);
    for (int i = 0; i < from; i++) {
        const struct om_candidate *c = &sink->items[i];
        struct om_detection *box = &ctx->boxes[count];
        box->box = om_geometry_to_picture(g, c->x1, c->y1, c->x2, c->y2);
        box->score = c->score;
        box->class_id = (int16_t)c->class_id;
        if (box->box.w > 0 && box->box.h > 0)
            count++;
    }
    return count;
}

// Of the ctx's first `count` boxes, best first.
static void keep_best(struct om_model_ctx *ctx, int count, const struct om_detect_opts *opts,
                      struct om_result *result)
{
    int max = OM_CLAMP(opts->objects_max, 0, (int)OM_DETECTIONS_MAX);

    if (ctx->model->manifest->has_nms)
        count = om_nms(ctx->boxes, count, opts->nms_iou, max);
    count = OM_MIN(count, max);
    result->detections.count = count;
    memcpy(result->detections.items, ctx->boxes, (size_t)count * sizeof(*ctx->boxes));
}

static bool decode(struct om_model_ctx *ctx, int picture, const struct om_tensor *tensors,
                   const struct om_detect_opts *opts)
{
    const struct om_output_spec *spec = &ctx->model->spec;
    const struct om_geometry *g = &ctx->geometries[picture];
    bool is_stretched = ctx->model->manifest->resize == OM_RESIZE_STRETCH;
    struct om_sink *sink = &ctx->sink;

    sink->score_min = opts->score_min;
    sink->all_classes = opts->all_classes;
    sink->target_width = (float)(is_stretched ? g->crop_width : g->input_width);
    sink->target_height = (float)(is_stretched ? g->crop_height : g->input_height);
    return om_output_decode(spec, tensors, spec->tensor_count, sink);
}

static void read_result(struct om_model_ctx *ctx, const struct om_geometry *g,
                        const struct om_tensor *tensors, const struct om_detect_opts *opts,
                        struct om_result *result)
{
    const struct om_output_spec *spec = &ctx->model->spec;

    result->detections.count = result->topk_count = result->embedding_count = 0;
    const struct om_tensor *row = &tensors[0];
    if (spec->ops->kind == OM_MODEL_DETECTOR)
        keep_best(ctx, boxes_of(ctx, g), opts, result);
    else if (spec->ops->kind == OM_MODEL_CLASSIFIER)
        om_output_topk(row->f32, (int)row->count, result);
    else
        om_output_embed(row->f32, (int)row->count, result);
}

// The outputs of one picture of the last run.
static bool cut_all(struct om_model_ctx *ctx, int picture, int count, struct om_tensor *ret)
{
    struct om_tensor whole[OM_TENSORS_MAX];
    int tensors = om_ort_run_outputs(ctx->run, whole);
    int pictures = ctx->model->inputs.is_batch_free ? count : ctx->batch;
    bool is_cut = true;

    for (int t = 0; t < tensors; t++)
        is_cut &= cut(&whole[t], picture, pictures, &ret[t]);
    return is_cut;
}

static enum om_status read_results(struct om_model_ctx *ctx, int count,
                                   const struct om_detect_opts *opts, struct om_result *results,
                                   struct om_error *err)
{
    for (int i = 0; i < count; i++) {
        int64_t start_us = om_time_mono_us();
        if (!cut_all(ctx, i, count, ctx->outputs) || !decode(ctx, i, ctx->outputs, opts))
            return om_error_set(err, OM_INVALID,
                                "the model gave other outputs than when it was "
                                "loaded");
        read_result(ctx, &ctx->geometries[i], ctx->outputs, opts, &results[i]);
        results[i].timing.post_us = om_time_mono_us() - start_us;
    }
    return OM_OK;
}

// ---- what lies in a tile -----------------------------------------------------------------------

static int boxes_in_tiles(struct om_model_ctx *ctx, const struct om_model_tile *tiles, int count,
                          float score_min)
{
    int max = ctx->sink.all_classes ? BOXES_BEFORE_NMS_ALL_CLASSES : OM_CANDIDATES_MAX;
    int found = 0;

    for (int i = 0; i < ctx->sink.count && found < max; i++) {
        const struct om_candidate *c = &ctx->sink.items[i];
        if (c->score < score_min)
            break;  // best first
        for (int k = 0; k < count; k++) {
            if (!om_tile_box(&tiles[k], c, &ctx->boxes[found]))
                continue;
            found++;
            break;
        }
    }
    return found;
}

enum om_status om_model_read_canvas(struct om_model_ctx *ctx, int canvas, int canvases,
                                    const struct om_detect_opts *widest)
{
    if (!cut_all(ctx, canvas, canvases, ctx->outputs) || !decode(ctx, canvas, ctx->outputs, widest))
        return OM_INVALID;
    return OM_OK;
}

void om_model_read_tiles(struct om_model_ctx *ctx, const struct om_model_tile *tiles, int count,
                         const struct om_detect_opts *opts, struct om_result *result)
{
    if (tiles[0].part.place.w == 0) {
        read_result(ctx, &tiles[0].geometry, ctx->outputs, opts, result);
        return;
    }
    result->topk_count = result->embedding_count = 0;
    keep_best(ctx, boxes_in_tiles(ctx, tiles, count, opts->score_min), opts, result);
}

// ---- run ---------------------------------------------------------------------------------------

enum om_status om_model_prepare(struct om_model_ctx *ctx, const struct om_frame *const *frames,
                                const struct om_region *crops, int count, struct om_error *err)
{
    if (count < 1 || count > ctx->batch)
        return om_error_set(err, OM_LIMIT, "%d pictures for a context of %d", count, ctx->batch);
    for (int i = 0; i < count; i++) {
        enum om_status status = prepare(ctx, i, frames[i], crops ? &crops[i] : NULL, err);
        if (status != OM_OK)
            return status;
    }
    return OM_OK;
}

enum om_status om_model_finish(struct om_model_ctx *ctx, int count,
                               const struct om_detect_opts *opts, struct om_result *results,
                               struct om_error *err)
{
    return read_results(ctx, count, opts, results, err);
}

enum om_status om_model_run(struct om_model_ctx *ctx, const struct om_frame *const *frames,
                            const struct om_region *crops, int count,
                            const struct om_detect_opts *opts, struct om_result *results,
                            struct om_error *err)
{
    int64_t start_us = om_time_mono_us();
    enum om_status status = om_model_prepare(ctx, frames, crops, count, err);
    if (status != OM_OK)
        return status;
    int64_t prepared_us = om_time_mono_us();
    status = om_model_run_bare(ctx, count, err);
    if (status != OM_OK)
        return status;
    int64_t ran_us = om_time_mono_us();
    for (int i = 0; i < count; i++) {
        results[i].timing.pre_us = (prepared_us - start_us) / count;
        results[i].timing.infer_us = ran_us - prepared_us;
    }
    return om_model_finish(ctx, count, opts, results, err);
}

enum om_status om_model_run_bare(struct om_model_ctx *ctx, int count, struct om_error *err)
{
    return om_ort_run_execute(ctx->run, ctx->model->inputs.is_batch_free ? count : ctx->batch, err);
}

// ---- raw tensors -------------------------------------------------------------------------------

float *om_model_ctx_input(struct om_model_ctx *ctx, size_t *ret_floats)
{
    *ret_floats = picture_floats(ctx->model);
    return ctx->staging ? NULL : om_ort_run_input(ctx->run, ctx->model->inputs.picture);
}

int om_model_ctx_outputs(struct om_model_ctx *ctx, struct om_tensor *ret)
{
    return om_ort_run_outputs(ctx->run, ret);
}

const char *om_model_outputs_text(const struct om_model *model, char *text, size_t size)
{
    return om_tensor_list_text(model->spec.tensors, model->spec.tensor_count, text, size);
}
