// omma detect: pictures, folders and videos to JSON lines.

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/args.h"
#include "app/commands.h"
#include "app/interrupt.h"
#include "app/progress.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/config.h"
#include "infer/model.h"
#include "media/frame.h"
#include "model/registry.h"
#include "pipeline/offline.h"
#include "pipeline/shapes.h"
#include "scene/labels.h"
#include "scene/zone.h"
#include "traffic/traffic.h"

enum { LINE_BYTES_MAX = 1 << 20 };

struct detect {
    // From the command line.
    const char *model_name, *lines_file, *providers;
    double score_min, nms_iou;
    bool all_classes, tracks, json;
    int threads, objects_max, frames_max;

    struct om_model *model;
    struct om_shapes *shapes;
    struct om_buf line;
    struct om_progress progress;
    double done;
    struct om_error first_failure;  // of an input; the others went on
    bool has_failed;
    struct om_cancel *cancel;
};

// ---- one JSON line a picture -------------------------------------------------------------------

static const struct om_labels *labels_of(const struct detect *d)
{
    return d->model ? om_model_manifest(d->model)->labels : NULL;
}

static const char *label_of(const struct detect *d, int class_id)
{
    return d->model ? om_labels_name(labels_of(d), class_id) : "motion";
}

static void write_model(struct om_json_writer *w, const struct detect *d)
{
    om_json_key(w, "model");
    if (!d->model) {
        om_json_null(w);
        return;
    }
    const struct om_manifest *manifest = om_model_manifest(d->model);
    om_json_object(w);
    om_json_kv_text(w, "name", manifest->name);
    om_json_kv_text(w, "version", manifest->version);
    om_json_object_end(w);
}

static void write_object(struct om_json_writer *w, const struct detect *d,
                         const struct om_detection *det, uint64_t track_id)
{
    om_json_object(w);
    om_json_kv_text(w, "label", label_of(d, det->class_id));
    om_json_kv_int(w, "class_id", det->class_id);
    om_json_kv_double(w, "score", (double)det->score, 4);
    om_json_key(w, "box");
    om_json_array(w);
    om_json_double(w, (double)det->box.x, 2);
    om_json_double(w, (double)det->box.y, 2);
    om_json_double(w, (double)det->box.w, 2);
    om_json_double(w, (double)det->box.h, 2);
    om_json_array_end(w);
    if (track_id)
        om_json_kv_int(w, "track_id", (int64_t)track_id);
    om_json_object_end(w);
}

static void write_objects(struct om_json_writer *w, const struct detect *d,
                          const struct om_offline_item *item)
{
    om_json_key(w, "objects");
    om_json_array(w);
    for (int i = 0; i < item->result->detections.count; i++)
        write_object(w, d, &item->result->detections.items[i],
                     item->track_ids ? item->track_ids[i] : 0);
    om_json_array_end(w);
}

static void write_topk(struct om_json_writer *w, const struct detect *d,
                       const struct om_result *result)
{
    om_json_key(w, "topk");
    om_json_array(w);
    for (int i = 0; i < result->topk_count; i++) {
        om_json_object(w);
        om_json_kv_text(w, "label", label_of(d, result->topk[i].class_id));
        om_json_kv_int(w, "class_id", result->topk[i].class_id);
        om_json_kv_double(w, "score", (double)result->topk[i].score, 5);
        om_json_object_end(w);
    }
    om_json_array_end(w);
}

static void write_embedding(struct om_json_writer *w, const struct om_result *result)
{
    om_json_key(w, "embedding");
    om_json_array(w);
    for (int i = 0; i < result->embedding_count; i++)
        om_json_double(w, (double)result->embedding[i], 6);
    om_json_array_end(w);
}

static void write_timing(struct om_json_writer *w, const struct om_offline_item *item)
{
    const struct om_model_timing *timing = &item->result->timing;
    om_json_key(w, "timing_ms");
    om_json_object(w);
    om_json_kv_double(w, "decode", (double)item->decode_us / OM_MS, 3);
    om_json_kv_double(w, "pre", (double)timing->pre_us / OM_MS, 3);
    om_json_kv_double(w, "infer", (double)timing->infer_us / OM_MS, 3);
    om_json_kv_double(w, "post", (double)timing->post_us / OM_MS, 3);
    om_json_kv_double(w, "total", (double)item->total_us / OM_MS, 3);
    om_json_object_end(w);
}

static void put_line(struct detect *d)
{
    om_buf_append_char(&d->line, '\n');
    if (fwrite(om_buf_text(&d->line), 1, d->line.len, stdout) != d->line.len)
        om_interrupt_now();  // nobody reads any more
}

static void on_item(void *ctx, const struct om_offline_item *item)
{
    struct detect *d = ctx;
    om_buf_clear(&d->line);
    struct om_json_writer w;
    om_json_begin(&w, &d->line);
    om_json_object(&w);
    om_json_kv_text(&w, "file", item->file);
    om_json_kv_int(&w, "frame", item->index);
    om_json_kv_double(&w, "pts_ms", (double)item->pts_us / OM_MS, 3);
    om_json_kv_int(&w, "width", item->width);
    om_json_kv_int(&w, "height", item->height);
    write_model(&w, d);
    enum om_model_kind kind = d->model ? om_model_manifest(d->model)->kind : OM_MODEL_DETECTOR;
    if (kind == OM_MODEL_CLASSIFIER)
        write_topk(&w, d, item->result);
    else if (kind == OM_MODEL_EMBEDDING)
        write_embedding(&w, item->result);
    else
        write_objects(&w, d, item);
    write_timing(&w, item);
    om_json_object_end(&w);
    put_line(d);
    om_progress_label(&d->progress, item->file);
    om_progress_show(&d->progress, ++d->done, item->share);
}

// ---- an input is over --------------------------------------------------------------------------

static void write_counts(struct detect *d, const char *file, int64_t items,
                         struct om_traffic *traffic)
{
    om_buf_clear(&d->line);
    struct om_json_writer w;
    om_json_begin(&w, &d->line);
    om_json_object(&w);
    om_json_kv_text(&w, "file", file);
    om_json_kv_int(&w, "frames", items);
    om_json_key(&w, "counts");
    om_traffic_write_counts(traffic, &w);
    om_json_object_end(&w);
    put_line(d);
}

static void on_input_end(void *ctx, const char *file, int64_t items, struct om_traffic *traffic,
                         const struct om_error *err)
{
    struct detect *d = ctx;
    if (traffic && items > 0)
        write_counts(d, file, items, traffic);
    if (!err)
        return;
    om_progress_end(&d->progress);
    (void)om_cli_fail(err);
    if (!d->has_failed)
        d->first_failure = *err;
    d->has_failed = true;
}

// ---- start -------------------------------------------------------------------------------------

static bool load_model(struct detect *d, struct om_error *err)
{
    if (!d->model_name)
        return true;
    om_auto(om_conf) conf = om_conf_load(NULL, err);
    if (!conf)
        return false;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const struct om_model_opts opts = {
        // One core is left to decoding and preparing, where there is more than one.
        .threads = d->threads ? d->threads : (int)OM_CLAMP(cores - 1, 1, 8),
        .providers = d->providers,
        .home = conf->home,
    };
    d->model = om_registry_load(conf->home, d->model_name, &opts, err);
    return d->model;
}

static bool load_shapes(struct detect *d, struct om_error *err)
{
    if (!d->lines_file)
        return true;
    struct om_conf_camera cam = {0};
    if (!om_conf_load_shapes(d->lines_file, &cam, err))
        return false;
    d->shapes = om_new(struct om_shapes);
    om_shapes_from_conf(&cam, d->shapes);
    om_conf_camera_finish(&cam);
    return true;
}

static int run(struct detect *d, const struct om_args *args)
{
    struct om_error err = {0};
    if (!load_model(d, &err) || !load_shapes(d, &err))
        return om_cli_fail(&err);
    const struct om_detect_opts detect = {
        .score_min = (float)d->score_min,
        .nms_iou = (float)d->nms_iou,
        .all_classes = d->all_classes,
        .objects_max = d->objects_max,
    };
    const struct om_offline_opts opts = {
        .inputs = args->positionals,
        .input_count = args->positional_count,
        .model = d->model,
        .detect = &detect,
        .tracks = d->tracks,
        .shapes = d->shapes,
        .items_max = d->frames_max,
        .cancel = om_interrupt_start(),
    };
    const struct om_offline_ops ops = {.item = on_item, .input_end = on_input_end};
    om_progress_start(&d->progress, "frames");
    enum om_status status = om_offline_run(&opts, &ops, d, &err);
    om_progress_end(&d->progress);
    if (fflush(stdout) != 0)
        return EX_IOERR;
    if (status != OM_OK)
        return om_cli_fail(&err);
    return d->has_failed ? om_status_exit_code(d->first_failure.status) : EX_OK;
}

int om_cmd_detect(int argc, char **argv)
{
    struct detect d = {.score_min = 0.25, .nms_iou = 0.45, .objects_max = OM_DETECTIONS_MAX};
    const struct om_arg table[] = {
        {"model", 'm', OM_ARG_TEXT, &d.model_name, "NAME|FILE",
         "an installed model, or an ONNX file", 0, 0},
        {"track", 't', OM_ARG_FLAG, &d.tracks, NULL, "follow objects through videos (track_id)", 0,
         0},
        {"lines", 'l', OM_ARG_TEXT, &d.lines_file, "FILE",
         "count at the lines and zones in this YAML file", 0, 0},
        {"min-score", 's', OM_ARG_DOUBLE, &d.score_min, "S", "least score of an object (0.25)", 0,
         1},
        {"nms-iou", 0, OM_ARG_DOUBLE, &d.nms_iou, "T", "overlap that makes two boxes one (0.45)", 0,
         1},
        {"max-objects", 0, OM_ARG_INT, &d.objects_max, "N", "most objects of a picture (300)", 1,
         OM_DETECTIONS_MAX},
        {"all-classes", 0, OM_ARG_FLAG, &d.all_classes, NULL,
         "every class of a box above the score, not only the best", 0, 0},
        {"frames", 'n', OM_ARG_INT, &d.frames_max, "N", "stop after N frames of an input", 1, 1e9},
        {"threads", 0, OM_ARG_INT, &d.threads, "N", "threads of the network (cores - 1)", 1, 256},
        {"providers", 0, OM_ARG_TEXT, &d.providers, "LIST",
         "cpu, cuda:0, tensorrt, openvino; in order", 0, 0},
        {"json", 0, OM_ARG_FLAG, &d.json, NULL, "JSON lines (what it prints anyway)", 0, 0},
        {0},
    };
    static const char *inputs[OM_ARG_POSITIONALS_MAX];
    struct om_args args = {
        .usage = "omma detect INPUT... [options]",
        .about = "Finds objects in pictures, folders and videos: one JSON line a picture or frame.",
        .examples = "  omma detect --model yolox.onnx street.jpg\n"
                    "  omma detect --model yolox.onnx --track video.mp4 > tracks.jsonl\n"
                    "  omma detect --model yolox.onnx --lines lines.yaml motorway.mp4\n",
        .args = table,
        .more_help = "Without a model it shows what moves in a video. lines.yaml:\n"
                     "  lines: {road: {points: [[0.1, 0.5], [0.9, 0.5]]}}   # shares of the "
                     "picture\n",
        .positionals = inputs,
        .positional_max = OM_ARG_POSITIONALS_MAX,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    if (args.positional_count == 0)
        return om_cli_usage("detect", "name a picture, a folder or a video to look at");
    om_buf_init(&d.line, LINE_BYTES_MAX);
    int code = run(&d, &args);
    om_model_destroy(d.model);
    om_free(d.shapes);
    om_buf_finish(&d.line);
    return code;
}
