#include "infer/manifest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "conf/yaml.h"
#include "scene/labels.h"

enum { SIDE_MAX = 8192, GUESS_DISTANCE_MAX = 3 };

struct word {
    const char *text;
    int value;
};

static const struct word kinds[] = {
    {"detector", OM_MODEL_DETECTOR},
    {"classifier", OM_MODEL_CLASSIFIER},
    {"embedding", OM_MODEL_EMBEDDING},
};

// The first of each value is its name; the others are what people call it.
static const struct word families[] = {
    {"yolox", OM_OUTPUT_YOLOX},
    {"yolov5", OM_OUTPUT_YOLOV5},
    {"yolov6", OM_OUTPUT_YOLOV5},
    {"yolov7", OM_OUTPUT_YOLOV5},
    {"yolov8", OM_OUTPUT_YOLOV8},
    {"yolo11", OM_OUTPUT_YOLOV8},
    {"yolov9", OM_OUTPUT_YOLOV8},
    {"yolo12", OM_OUTPUT_YOLOV8},
    {"end2end", OM_OUTPUT_END2END},
    {"yolov10", OM_OUTPUT_END2END},
    {"yolo26", OM_OUTPUT_END2END},
    {"gfl", OM_OUTPUT_GFL},
    {"nanodet", OM_OUTPUT_GFL},
    {"picodet", OM_OUTPUT_GFL},
    {"detr", OM_OUTPUT_DETR},
    {"rt-detr", OM_OUTPUT_DETR},
    {"rtdetr", OM_OUTPUT_DETR},
    {"d-fine", OM_OUTPUT_DETR},
    {"deim", OM_OUTPUT_DETR},
    {"fastestdet", OM_OUTPUT_FASTESTDET},
    {"yolo-fastestv2", OM_OUTPUT_YOLO_FASTESTV2},
    {"yunet", OM_OUTPUT_YUNET},
    {"ultraface", OM_OUTPUT_ULTRAFACE},
    {"classifier", OM_OUTPUT_CLASSIFIER},
    {"embedding", OM_OUTPUT_EMBEDDING},
    {"auto", OM_OUTPUT_AUTO},
};

static const struct word colours[] = {
    {"bgr", OM_COLOUR_BGR},
    {"rgb", OM_COLOUR_RGB},
    {"gray", OM_COLOUR_GREY},
    {"grey", OM_COLOUR_GREY},
};

static const struct word resizes[] = {
    {"stretch", OM_RESIZE_STRETCH},
    {"letterbox-center", OM_RESIZE_LETTERBOX_CENTER},
    {"letterbox-centre", OM_RESIZE_LETTERBOX_CENTER},
    {"letterbox", OM_RESIZE_LETTERBOX_CENTER},
    {"letterbox-topleft", OM_RESIZE_LETTERBOX_TOPLEFT},
};

// What is being read.
struct source {
    const char *file;
    struct om_manifest *manifest;
    struct om_error *err;
};

typedef const struct om_yaml_node *node_t;

// ---- values ------------------------------------------------------------------------------------

static bool wrong(struct source *s, node_t node, const char *key, const char *wanted)
{
    om_str text = om_yaml_str(node, OM_STR(""));
    om_error_set(s->err, OM_INVALID, "%s:%d: %s \"%.*s\" is not %s", s->file, om_yaml_line(node),
                 key, (int)OM_MIN(text.n, (size_t)60), text.p, wanted);
    om_error_hint(s->err, "docs/design/model-outputs.md shows a manifest of each family");
    return false;
}

static const char *nearest(om_str text, const struct word *words, size_t count)
{
    const char *best = NULL;
    int least = GUESS_DISTANCE_MAX + 1;

    for (size_t i = 0; i < count; i++) {
        int distance = om_str_distance(text, om_str_from(words[i].text));
        if (distance < least)
            least = distance, best = words[i].text;
    }
    return best;
}

static bool read_word(struct source *s, node_t node, const char *key, const struct word *words,
                      size_t count, int *ret)
{
    om_str text = om_yaml_str(node, OM_STR(""));

    for (size_t i = 0; i < count; i++) {
        if (om_str_equal_nocase(text, om_str_from(words[i].text))) {
            *ret = words[i].value;
            return true;
        }
    }
    char list[200] = "";
    size_t at = 0;
    for (size_t i = 0; i < count && at < sizeof(list) - 1; i++) {
        if (i && words[i].value == words[i - 1].value)
            continue;
        int n = snprintf(list + at, sizeof(list) - at, "%s%s", at ? ", " : "", words[i].text);
        at += (size_t)OM_MAX(n, 0);
    }
    (void)wrong(s, node, key, "known");
    const char *guess = nearest(text, words, count);
    if (guess)
        om_error_hint(s->err, "did you mean \"%s\"? There are: %s", guess, list);
    else
        om_error_hint(s->err, "there are: %s", list);
    return false;
}

static bool read_text(struct source *s, node_t node, const char *key, char *to, size_t size)
{
    om_str text = om_yaml_str(node, OM_STR(""));
    if (om_yaml_type(node) != OM_YAML_SCALAR)
        return wrong(s, node, key, "a text");
    om_str_copy(to, size, text);
    return true;
}

static bool read_floats(struct source *s, node_t node, const char *key, float to[3])
{
    size_t n = om_yaml_type(node) == OM_YAML_LIST ? om_yaml_len(node) : 1;

    if (n != 1 && n != 3)
        return wrong(s, node, key, "one number or a list of three");
    for (size_t i = 0; i < 3; i++) {
        double value;
        node_t item = om_yaml_type(node) == OM_YAML_LIST ? om_yaml_at(node, n == 1 ? 0 : i) : node;
        if (!om_yaml_double(item, &value) || !isfinite(value) || fabs(value) > 1e9)
            return wrong(s, item, key, "a number");
        to[i] = (float)value;
    }
    return true;
}

static bool read_int(struct source *s, node_t node, const char *key, int max, int *ret)
{
    int64_t value;
    char wanted[64];

    if (om_yaml_int(node, &value) && value >= 1 && value <= max) {
        *ret = (int)value;
        return true;
    }
    snprintf(wanted, sizeof(wanted), "a whole number from 1 to %d", max);
    return wrong(s, node, key, wanted);
}

// ---- keys --------------------------------------------------------------------------------------

static bool read_name(struct source *s, node_t node)
{
    return read_text(s, node, "name", s->manifest->name, sizeof(s->manifest->name));
}

static bool read_version(struct source *s, node_t node)
{
    return read_text(s, node, "version", s->manifest->version, sizeof(s->manifest->version));
}

static bool read_file(struct source *s, node_t node)
{
    return read_text(s, node, "file", s->manifest->file, sizeof(s->manifest->file));
}

static bool read_licence(struct source *s, node_t node)
{
    return read_text(s, node, "licence", s->manifest->licence, sizeof(s->manifest->licence));
}

static bool read_source(struct source *s, node_t node)
{
    return read_text(s, node, "source", s->manifest->source, sizeof(s->manifest->source));
}

static bool read_kind(struct source *s, node_t node)
{
    int value = 0;
    if (!read_word(s, node, "kind", kinds, OM_ARRAY_LEN(kinds), &value))
        return false;
    s->manifest->kind = (enum om_model_kind)value;
    s->manifest->given |= OM_MANIFEST_KIND;
    return true;
}

static bool read_decode(struct source *s, node_t node)
{
    int value = 0;
    if (!read_word(s, node, "decode", families, OM_ARRAY_LEN(families), &value))
        return false;
    s->manifest->family = (enum om_output_family)value;
    if (value != OM_OUTPUT_AUTO)
        s->manifest->given |= OM_MANIFEST_FAMILY;
    return true;
}

static bool read_size(struct source *s, node_t node)
{
    struct om_manifest *m = s->manifest;
    bool is_list = om_yaml_type(node) == OM_YAML_LIST;

    if (is_list && om_yaml_len(node) != 2)
        return wrong(s, node, "input_size", "[width, height]");
    if (!read_int(s, is_list ? om_yaml_at(node, 0) : node, "input_size", SIDE_MAX,
                  &m->input_width) ||
        !read_int(s, is_list ? om_yaml_at(node, 1) : node, "input_size", SIDE_MAX,
                  &m->input_height))
        return false;
    m->given |= OM_MANIFEST_SIZE;
    return true;
}

static bool read_colour(struct source *s, node_t node)
{
    int value = 0;
    if (!read_word(s, node, "colour", colours, OM_ARRAY_LEN(colours), &value))
        return false;
    s->manifest->colour = (enum om_colour)value;
    s->manifest->given |= OM_MANIFEST_COLOUR;
    return true;
}

static bool read_resize(struct source *s, node_t node)
{
    int value = 0;
    if (!read_word(s, node, "resize", resizes, OM_ARRAY_LEN(resizes), &value))
        return false;
    s->manifest->resize = (enum om_resize)value;
    s->manifest->given |= OM_MANIFEST_RESIZE;
    return true;
}

static bool read_pad(struct source *s, node_t node)
{
    double value;
    if (!om_yaml_double(node, &value) || value < 0 || value > 255)
        return wrong(s, node, "pad", "a grey level from 0 to 255");
    s->manifest->pad = (float)value;
    s->manifest->given |= OM_MANIFEST_PAD;
    return true;
}

static bool read_mean(struct source *s, node_t node)
{
    s->manifest->given |= OM_MANIFEST_NORM;
    return read_floats(s, node, "mean", s->manifest->mean);
}

static bool read_std(struct source *s, node_t node)
{
    if (!read_floats(s, node, "std", s->manifest->std))
        return false;
    for (int i = 0; i < 3; i++)
        if (!(fabsf(s->manifest->std[i]) > 1e-12f))
            return wrong(s, node, "std", "other than 0");
    s->manifest->given |= OM_MANIFEST_NORM;
    return true;
}

static bool read_nms(struct source *s, node_t node)
{
    s->manifest->given |= OM_MANIFEST_NMS;
    return om_yaml_bool(node, &s->manifest->has_nms) || wrong(s, node, "nms", "true or false");
}

static bool read_strides(struct source *s, node_t node)
{
    size_t n = om_yaml_len(node);

    if (om_yaml_type(node) != OM_YAML_LIST || n < 1 || n > OM_STRIDES_MAX)
        return wrong(s, node, "strides", "a list of one to six numbers");
    for (size_t i = 0; i < n; i++)
        if (!read_int(s, om_yaml_at(node, i), "strides", 1024, &s->manifest->strides[i]))
            return false;
    s->manifest->stride_count = (int)n;
    s->manifest->given |= OM_MANIFEST_STRIDES;
    return true;
}

// [[w, h], ...] or [w, h, w, h, ...].
static bool read_anchors(struct source *s, node_t node)
{
    struct om_manifest *m = s->manifest;
    size_t n = om_yaml_len(node);
    bool is_nested = om_yaml_type(om_yaml_at(node, 0)) == OM_YAML_LIST;
    size_t pairs = is_nested ? n : n / 2;

    if (om_yaml_type(node) != OM_YAML_LIST || !pairs || pairs > OM_ANCHORS_MAX ||
        (!is_nested && n % 2))
        return wrong(s, node, "anchors", "a list of pairs of width and height, at most 32");
    for (size_t i = 0; i < 2 * pairs; i++) {
        double value;
        node_t item = is_nested ? om_yaml_at(om_yaml_at(node, i / 2), i % 2) : om_yaml_at(node, i);
        if (!om_yaml_double(item, &value) || !(value > 0) || value > 1e6)
            return wrong(s, item ? item : node, "anchors", "a list of pairs of positive numbers");
        m->anchors[i / 2][i % 2] = (float)value;
    }
    m->anchor_count = (int)pairs;
    m->given |= OM_MANIFEST_ANCHORS;
    return true;
}

static bool read_class_list(struct source *s, node_t node, const char **names)
{
    size_t n = om_yaml_len(node);

    for (size_t i = 0; i < n; i++) {
        node_t item = om_yaml_at(node, i);
        if (om_yaml_type(node) == OM_YAML_MAP) {  // {0: person, 1: bicycle}
            om_str key;
            int64_t id;
            item = om_yaml_pair(node, i, &key, NULL);
            if (!om_str_to_int64(key, &id) || id != (int64_t)i)
                return wrong(s, item, "classes", "a list of names, or 0: name, 1: name in order");
        }
        if (om_yaml_type(item) != OM_YAML_SCALAR)
            return wrong(s, item, "classes", "a list of names");
        names[i] = om_yaml_str(item, OM_STR("")).p;
    }
    return true;
}

static bool read_classes(struct source *s, node_t node)
{
    size_t n = om_yaml_len(node);

    if (om_str_equal_nocase(om_yaml_str(node, OM_STR("")), OM_STR("coco"))) {
        om_labels_unref(&s->manifest->labels);
        s->manifest->labels = om_labels_coco();
        s->manifest->given |= OM_MANIFEST_CLASSES;
        return true;
    }
    if (om_yaml_type(node) == OM_YAML_SCALAR || !n || n > OM_LABELS_MAX)
        return wrong(s, node, "classes", "a list of names, or \"coco\"");
    const char **names = om_new_array(const char *, n);
    bool is_read = read_class_list(s, node, names);
    if (is_read) {
        om_labels_unref(&s->manifest->labels);
        s->manifest->labels = om_labels_create(names, (int)n);
        s->manifest->given |= OM_MANIFEST_CLASSES;
    }
    om_free(names);
    return is_read;
}

static const struct key {
    const char *name;
    bool (*read)(struct source *s, node_t node);  // NULL = only informative
} keys[] = {
    {"name", read_name},
    {"version", read_version},
    {"file", read_file},
    {"kind", read_kind},
    {"decode", read_decode},
    {"input_size", read_size},
    {"colour", read_colour},
    {"color", read_colour},
    {"resize", read_resize},
    {"pad", read_pad},
    {"mean", read_mean},
    {"std", read_std},
    {"classes", read_classes},
    {"nms", read_nms},
    {"strides", read_strides},
    {"anchors", read_anchors},
    {"licence", read_licence},
    {"license", read_licence},
    {"source", read_source},
    {"note", NULL},
    {"ops", NULL},
    {"bytes", NULL},
    {"sha256", NULL},
    {"inputs", NULL},
    {"outputs", NULL},
    {"opset", NULL},
    {"ir", NULL},
    {"value_range", NULL},
    {"channels", NULL},
};

static bool read_key(struct source *s, om_str name, int line, node_t node)
{
    const char *best = NULL;
    int least = GUESS_DISTANCE_MAX;

    for (size_t i = 0; i < OM_ARRAY_LEN(keys); i++) {
        if (om_str_equal(name, om_str_from(keys[i].name)))
            return om_yaml_type(node) == OM_YAML_NULL || !keys[i].read || keys[i].read(s, node);
        int distance = om_str_distance(name, om_str_from(keys[i].name));
        if (distance < least)
            least = distance, best = keys[i].name;
    }
    om_error_set(s->err, OM_INVALID, "%s:%d: there is no key \"%.*s\" in a manifest", s->file, line,
                 (int)OM_MIN(name.n, (size_t)60), name.p);
    if (best)
        om_error_hint(s->err, "did you mean \"%s\"?", best);
    else
        om_error_hint(s->err, "the keys are name, file, kind, decode, input_size, colour, resize, "
                              "pad, mean, std, classes, nms, strides, anchors, licence, source");
    return false;
}

// ---- records -----------------------------------------------------------------------------------

struct om_manifest *om_manifest_create(void)
{
    struct om_manifest *manifest = om_new(struct om_manifest);
    for (int i = 0; i < 3; i++)
        manifest->std[i] = 1;
    manifest->has_nms = true;
    return manifest;
}

struct om_manifest *om_manifest_copy(const struct om_manifest *manifest)
{
    struct om_manifest *copy = om_new(struct om_manifest);
    *copy = *manifest;
    copy->labels = manifest->labels ? om_labels_ref(manifest->labels) : NULL;
    return copy;
}

void om_manifest_destroy(struct om_manifest *manifest)
{
    if (!manifest)
        return;
    om_labels_unref(&manifest->labels);
    om_free(manifest);
}

// `kind` and `decode` say the same thing twice for classifiers and embeddings.
static bool settle_kind(struct source *s, node_t record)
{
    struct om_manifest *m = s->manifest;
    enum om_model_kind kind = m->family == OM_OUTPUT_CLASSIFIER  ? OM_MODEL_CLASSIFIER
                              : m->family == OM_OUTPUT_EMBEDDING ? OM_MODEL_EMBEDDING
                                                                 : OM_MODEL_DETECTOR;
    if ((m->given & OM_MANIFEST_FAMILY) && (m->given & OM_MANIFEST_KIND) && kind != m->kind) {
        om_error_set(s->err, OM_INVALID, "%s:%d: decode \"%s\" does not fit the kind", s->file,
                     om_yaml_line(record), om_output_family_name(m->family));
        om_error_hint(s->err, "leave one of kind and decode out");
        return false;
    }
    if (m->given & OM_MANIFEST_FAMILY) {
        m->kind = kind;
        m->given |= OM_MANIFEST_KIND;
    } else if (m->kind != OM_MODEL_DETECTOR) {
        m->family = m->kind == OM_MODEL_CLASSIFIER ? OM_OUTPUT_CLASSIFIER : OM_OUTPUT_EMBEDDING;
        m->given |= OM_MANIFEST_FAMILY;
    }
    return true;
}

static struct om_manifest *parse_record(node_t record, const char *file_name, struct om_error *err)
{
    om_auto(om_manifest) manifest = om_manifest_create();
    struct source s = {.file = file_name, .manifest = manifest, .err = err};

    if (om_yaml_type(record) != OM_YAML_MAP) {
        om_error_set(err, OM_INVALID, "%s: a manifest is a map of keys and values", file_name);
        om_error_hint(err, "begin with \"decode: yolox\"; docs/design/model-outputs.md has more");
        return NULL;
    }
    for (size_t i = 0; i < om_yaml_len(record); i++) {
        om_str key;
        int line = 0;
        node_t value = om_yaml_pair(record, i, &key, &line);
        if (!read_key(&s, key, line, value))
            return NULL;
    }
    return settle_kind(&s, record) ? om_steal(&manifest) : NULL;
}

struct om_manifest *om_manifest_parse(om_str text, const char *file_name, struct om_error *err)
{
    om_auto(om_yaml) doc = om_yaml_parse(text, file_name, err);
    return doc ? parse_record(om_yaml_root(doc), file_name, err) : NULL;
}

struct om_manifest *om_manifest_parse_list(om_str text, const char *file_name,
                                           const char *graph_file, struct om_error *err)
{
    om_auto(om_yaml) doc = om_yaml_parse(text, file_name, err);
    if (!doc)
        return NULL;
    node_t list = om_yaml_get(om_yaml_root(doc), "models");
    for (size_t i = 0; om_yaml_type(list) == OM_YAML_LIST && i < om_yaml_len(list); i++) {
        node_t record = om_yaml_at(list, i);
        om_str file = om_yaml_str(om_yaml_get(record, "file"), OM_STR(""));
        if (om_str_equal(file, om_str_from(graph_file)))
            return parse_record(record, file_name, err);
    }
    om_error_set(err, OM_NOT_FOUND, "%s lists no model with the file \"%s\"", file_name,
                 graph_file);
    return NULL;
}

// ---- writing -----------------------------------------------------------------------------------

const char *om_model_kind_name(enum om_model_kind kind)
{
    return (size_t)kind < OM_ARRAY_LEN(kinds) ? kinds[kind].text : "detector";
}

static void write_floats(struct om_json_writer *w, const char *key, const float *values, int count)
{
    om_json_key(w, key);
    om_json_array(w);
    for (int i = 0; i < count; i++)
        om_json_double(w, (double)values[i], 6);
    om_json_array_end(w);
}

static void write_preprocessing(struct om_json_writer *w, const struct om_manifest *m)
{
    static const char *const colour_names[] = {"BGR", "RGB", "GRAY"};
    static const char *const resize_names[] = {"stretch", "letterbox-center", "letterbox-topleft"};

    if (m->input_width) {
        om_json_key(w, "input_size");
        om_json_array(w);
        om_json_int(w, m->input_width);
        om_json_int(w, m->input_height);
        om_json_array_end(w);
    }
    om_json_kv_text(w, "colour", colour_names[m->colour]);
    om_json_kv_text(w, "resize", resize_names[m->resize]);
    om_json_kv_double(w, "pad", (double)m->pad, 3);
    write_floats(w, "mean", m->mean, 3);
    write_floats(w, "std", m->std, 3);
}

static void write_decoding(struct om_json_writer *w, const struct om_manifest *m)
{
    om_json_kv_bool(w, "nms", m->has_nms);
    if (m->given & OM_MANIFEST_STRIDES) {
        om_json_key(w, "strides");
        om_json_array(w);
        for (int i = 0; i < m->stride_count; i++)
            om_json_int(w, m->strides[i]);
        om_json_array_end(w);
    }
    if (m->given & OM_MANIFEST_ANCHORS)
        write_floats(w, "anchors", m->anchors[0], 2 * m->anchor_count);
    if (!m->labels || !m->labels->count)
        return;
    om_json_key(w, "classes");
    om_json_array(w);
    for (int i = 0; i < m->labels->count; i++)
        om_json_text(w, m->labels->names[i]);
    om_json_array_end(w);
}

void om_manifest_write(const struct om_manifest *m, struct om_buf *out)
{
    struct om_json_writer w;

    om_json_begin(&w, out);
    om_json_object(&w);
    om_json_kv_text(&w, "name", m->name);
    if (m->version[0])
        om_json_kv_text(&w, "version", m->version);
    if (m->file[0])
        om_json_kv_text(&w, "file", m->file);
    om_json_kv_text(&w, "kind", om_model_kind_name(m->kind));
    if (m->family != OM_OUTPUT_AUTO)
        om_json_kv_text(&w, "decode", om_output_family_name(m->family));
    write_preprocessing(&w, m);
    write_decoding(&w, m);
    if (m->licence[0])
        om_json_kv_text(&w, "licence", m->licence);
    if (m->source[0])
        om_json_kv_text(&w, "source", m->source);
    om_json_object_end(&w);
}
