#include "infer/family.h"

#include <string.h>

#include "base/error.h"
#include "conf/yaml.h"
#include "scene/labels.h"

enum { SIDE_USUAL = 640, COCO_CLASSES = 80 };

// ---- inputs ------------------------------------------------------------------------------------

static bool is_picture(const struct om_tensor_info *info)
{
    bool is_pixels = info->type == OM_TENSOR_F32 || info->type == OM_TENSOR_F16 ||
                     info->type == OM_TENSOR_U8;
    return is_pixels && info->rank == 4 &&
           (info->dims[1] == 3 || info->dims[1] == 1 ||
            (info->dims[1] < 0 && info->dims[3] != 3 && info->dims[3] != 1));
}

static bool is_size(const struct om_tensor_info *info)
{
    bool is_number = info->type == OM_TENSOR_I64 || info->type == OM_TENSOR_I32 ||
                     info->type == OM_TENSOR_F32;
    return is_number && info->rank == 2 && (info->dims[1] == 2 || info->dims[1] < 0);
}

bool om_family_inputs_find(const struct om_tensor_info *inputs, int count,
                           struct om_family_inputs *ret, struct om_error *err)
{
    *ret = (struct om_family_inputs){.picture = -1, .size = -1, .batch = 1};
    for (int i = 0; i < count; i++) {
        if (ret->picture < 0 && is_picture(&inputs[i]))
            ret->picture = i;
        else if (ret->size < 0 && is_size(&inputs[i]))
            ret->size = i;
    }
    if (ret->picture < 0 || count != (ret->size < 0 ? 1 : 2)) {
        char list[160];
        om_error_set(err, OM_UNSUPPORTED, "the graph's inputs are not those of a picture model: %s",
                     om_tensor_list_text(inputs, count, list, sizeof(list)));
        om_error_hint(err, "export it with one input [batch, 3 or 1, height, width] (DETR-type "
                           "models: and a second [batch, 2] for the picture's size)");
        return false;
    }
    const struct om_tensor_info *picture = &inputs[ret->picture];
    ret->channels = picture->dims[1] == 1 ? 1 : 3;
    ret->height = (int)OM_CLAMP(picture->dims[2], 0, 1 << 20);
    ret->width = (int)OM_CLAMP(picture->dims[3], 0, 1 << 20);
    ret->is_batch_free = picture->dims[0] < 0;
    ret->batch = picture->dims[0] > 0 ? (int)OM_MIN(picture->dims[0], 1 << 20) : 1;
    return true;
}

// ---- metadata ----------------------------------------------------------------------------------

void om_family_labels(struct om_manifest *manifest, const struct om_onnx_graph *graph)
{
    const char *names = om_onnx_graph_meta(graph, "names");
    const char *list[OM_LABELS_MAX];
    struct om_error ignored;

    if (manifest->labels || !names)
        return;
    // A Python dict or list of strings is YAML too.
    om_auto(om_yaml) doc = om_yaml_parse(om_str_from(names), "names", &ignored);
    const struct om_yaml_node *root = om_yaml_root(doc);
    size_t count = om_yaml_len(root);
    if (!doc || !count || count > OM_LABELS_MAX || om_yaml_type(root) == OM_YAML_SCALAR)
        return;
    for (size_t i = 0; i < count; i++) {
        om_str key;
        const struct om_yaml_node *item = om_yaml_type(root) == OM_YAML_MAP
                                              ? om_yaml_pair(root, i, &key, NULL)
                                              : om_yaml_at(root, i);
        list[i] = om_yaml_str(item, OM_STR("")).p;
    }
    manifest->labels = om_labels_create(list, (int)count);
}

// Ultralytics: "[640, 640]", height first.
static bool size_from_meta(const struct om_onnx_graph *graph, int *ret_width, int *ret_height)
{
    const char *text = om_onnx_graph_meta(graph, "imgsz");
    struct om_error ignored;

    om_auto(om_yaml) doc = text ? om_yaml_parse(om_str_from(text), "imgsz", &ignored) : NULL;
    const struct om_yaml_node *root = om_yaml_root(doc);
    int64_t height, width;
    if (!doc || om_yaml_len(root) != 2 || !om_yaml_int(om_yaml_at(root, 0), &height) ||
        !om_yaml_int(om_yaml_at(root, 1), &width) || height < 1 || width < 1 || height > 8192 ||
        width > 8192)
        return false;
    *ret_width = (int)width;
    *ret_height = (int)height;
    return true;
}

bool om_family_size(struct om_manifest *manifest, const struct om_onnx_graph *graph,
                    const struct om_family_inputs *inputs, struct om_error *err)
{
    int width = inputs->width, height = inputs->height;
    bool is_given = manifest->given & OM_MANIFEST_SIZE;

    if (is_given && ((width && width != manifest->input_width) ||
                     (height && height != manifest->input_height))) {
        om_error_set(err, OM_INVALID, "the manifest says input_size [%d, %d], the graph [%d, %d]",
                     manifest->input_width, manifest->input_height, width, height);
        om_error_hint(err, "leave input_size out: the graph knows it (width comes first)");
        return false;
    }
    if (!is_given && (!width || !height) &&
        !size_from_meta(graph, &manifest->input_width, &manifest->input_height))
        manifest->input_width = manifest->input_height = SIDE_USUAL;
    if (width)
        manifest->input_width = width;
    if (height)
        manifest->input_height = height;
    if (manifest->input_width < 8 || manifest->input_height < 8 || manifest->input_width > 8192 ||
        manifest->input_height > 8192) {
        om_error_set(err, OM_LIMIT, "an input of %d x %d is not within 8 and 8192 pixels",
                     manifest->input_width, manifest->input_height);
        om_error_hint(err, "write the size the model was trained for as input_size: [w, h]");
        return false;
    }
    return true;
}

// ---- preprocessing -----------------------------------------------------------------------------

struct preprocessing {
    enum om_colour colour;
    enum om_resize resize;
    float pad, mean[3], std[3];
};

#define PLAIN                                                                                      \
    {0, 0, 0},                                                                                     \
    {                                                                                              \
        1, 1, 1                                                                                    \
    }
#define UNIT                                                                                       \
    {0, 0, 0},                                                                                     \
    {                                                                                              \
        255, 255, 255                                                                              \
    }
#define IMAGENET_RGB                                                                               \
    {123.675f, 116.28f, 103.53f},                                                                  \
    {                                                                                              \
        58.395f, 57.12f, 57.375f                                                                   \
    }
#define IMAGENET_BGR                                                                               \
    {103.53f, 116.28f, 123.675f},                                                                  \
    {                                                                                              \
        57.375f, 57.12f, 58.395f                                                                   \
    }

// What each family's own exporter and demo do.
static const struct preprocessing usual[OM_OUTPUT_COUNT] = {
    [OM_OUTPUT_YOLOX] = {OM_COLOUR_BGR, OM_RESIZE_LETTERBOX_TOPLEFT, 114, PLAIN},
    [OM_OUTPUT_YOLOV5] = {OM_COLOUR_RGB, OM_RESIZE_LETTERBOX_CENTER, 114, UNIT},
    [OM_OUTPUT_YOLOV8] = {OM_COLOUR_RGB, OM_RESIZE_LETTERBOX_CENTER, 114, UNIT},
    [OM_OUTPUT_END2END] = {OM_COLOUR_RGB, OM_RESIZE_LETTERBOX_CENTER, 114, UNIT},
    [OM_OUTPUT_GFL] = {OM_COLOUR_BGR, OM_RESIZE_LETTERBOX_CENTER, 0, IMAGENET_BGR},
    [OM_OUTPUT_DETR] = {OM_COLOUR_RGB, OM_RESIZE_STRETCH, 0, UNIT},
    [OM_OUTPUT_FASTESTDET] = {OM_COLOUR_BGR, OM_RESIZE_STRETCH, 0, UNIT},
    [OM_OUTPUT_YOLO_FASTESTV2] = {OM_COLOUR_BGR, OM_RESIZE_STRETCH, 0, UNIT},
    [OM_OUTPUT_YUNET] = {OM_COLOUR_BGR, OM_RESIZE_LETTERBOX_TOPLEFT, 0, PLAIN},
    [OM_OUTPUT_ULTRAFACE] = {OM_COLOUR_RGB, OM_RESIZE_STRETCH, 0, {127, 127, 127}, {128, 128, 128}},
    [OM_OUTPUT_CLASSIFIER] = {OM_COLOUR_RGB, OM_RESIZE_STRETCH, 0, IMAGENET_RGB},
    [OM_OUTPUT_EMBEDDING] = {OM_COLOUR_RGB, OM_RESIZE_STRETCH, 0, IMAGENET_RGB},
};

static const struct preprocessing picodet = {OM_COLOUR_RGB, OM_RESIZE_STRETCH, 0, IMAGENET_RGB};
static const struct preprocessing digits = {OM_COLOUR_GREY, OM_RESIZE_STRETCH, 0, UNIT};

static bool is_from_paddle(const struct om_onnx_graph *graph)
{
    return om_str_find(om_str_from(graph->producer), OM_STR("addle")) >= 0 ||
           om_str_starts_with(om_str_from(graph->outputs[0].name), OM_STR("save_infer_model")) ||
           strcmp(graph->inputs[0].name, "image") == 0;
}

static void complete(struct om_manifest *m, const struct om_onnx_graph *graph, int channels)
{
    const struct preprocessing *p = &usual[m->family];

    if (m->family == OM_OUTPUT_GFL && is_from_paddle(graph))
        p = &picodet;
    if (channels == 1)
        p = &digits;
    if (!(m->given & OM_MANIFEST_COLOUR))
        m->colour = p->colour;
    if (!(m->given & OM_MANIFEST_RESIZE))
        m->resize = p->resize;
    if (!(m->given & OM_MANIFEST_PAD))
        m->pad = p->pad;
    if (m->given & OM_MANIFEST_NORM)
        return;
    memcpy(m->mean, p->mean, sizeof(m->mean));
    memcpy(m->std, p->std, sizeof(m->std));
}

// ---- families ----------------------------------------------------------------------------------

static bool refuse(const struct om_manifest *manifest, const struct om_output_spec *spec,
                   struct om_error *err)
{
    char list[160];

    om_tensor_list_text(spec->tensors, spec->tensor_count, list, sizeof(list));
    if (manifest->family == OM_OUTPUT_AUTO) {
        om_error_set(err, OM_UNSUPPORTED, "the model's family is not recognised; outputs: %s",
                     list);
        om_error_hint(err, "write \"decode: yolov8\" (or yolox, yolov5, end2end, gfl, detr, "
                           "fastestdet, yolo-fastestv2, yunet, ultraface, classifier, embedding) "
                           "into a .yaml of the same name beside it");
    } else {
        om_error_set(err, OM_INVALID, "the outputs are not those of decode \"%s\" at %d x %d: %s",
                     om_output_family_name(manifest->family), spec->input_width, spec->input_height,
                     list);
        om_error_hint(err, "leave decode out to have it recognised; see "
                           "docs/design/model-outputs.md for what each family gives");
    }
    return false;
}

static void take_given(const struct om_manifest *manifest, struct om_output_spec *spec)
{
    spec->input_width = manifest->input_width;
    spec->input_height = manifest->input_height;
    if (manifest->given & OM_MANIFEST_STRIDES) {
        spec->stride_count = manifest->stride_count;
        memcpy(spec->strides, manifest->strides, sizeof(spec->strides));
    }
    if (manifest->given & OM_MANIFEST_ANCHORS) {
        spec->anchor_count = manifest->anchor_count;
        memcpy(spec->anchors, manifest->anchors, sizeof(spec->anchors));
    }
}

// Without names: faces where the family knows nothing else, COCO where there are 80 classes or
// where the outputs do not tell how many there are. NULL when there is nothing to go by.
static struct om_labels *usual_labels(const struct om_output_spec *spec)
{
    static const char *const face[] = {"face"};
    enum om_output_family family = spec->ops->family;

    if (spec->ops->kind != OM_MODEL_DETECTOR)
        return NULL;
    if ((family == OM_OUTPUT_YUNET || family == OM_OUTPUT_ULTRAFACE) && spec->class_count == 1)
        return om_labels_create(face, 1);
    return spec->class_count == COCO_CLASSES || spec->class_count == 0 ? om_labels_coco() : NULL;
}

bool om_family_settle(struct om_manifest *manifest, const struct om_onnx_graph *graph,
                      const struct om_tensor *sample, struct om_output_spec *spec,
                      struct om_error *err)
{
    const struct om_output_facts facts = {
        .label_count = manifest->labels ? manifest->labels->count : 0,
        .sample = sample,
    };
    int channels = graph->inputs[0].rank == 4 && graph->inputs[0].dims[1] == 1 ? 1 : 3;

    take_given(manifest, spec);
    const struct om_output_spec before = *spec;
    if (!om_output_bind(spec, manifest->family, &facts))
        return refuse(manifest, &before, err);
    manifest->family = spec->ops->family;
    manifest->kind = spec->ops->kind;
    if (!(manifest->given & OM_MANIFEST_NMS))
        manifest->has_nms = spec->ops->has_nms;
    if (!manifest->labels)
        manifest->labels = usual_labels(spec);
    if (manifest->labels && spec->class_count > manifest->labels->count &&
        manifest->kind != OM_MODEL_EMBEDDING) {
        om_error_set(err, OM_INVALID, "the graph has %d classes, the manifest names %d",
                     spec->class_count, manifest->labels->count);
        om_error_hint(err, "list every class in the order of the training, or leave classes out");
        return false;
    }
    manifest->stride_count = spec->stride_count;
    memcpy(manifest->strides, spec->strides, sizeof(spec->strides));
    complete(manifest, graph, channels);
    return true;
}
