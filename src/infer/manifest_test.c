#include "infer/manifest.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "scene/labels.h"

static struct om_manifest *parse(const char *text, struct om_error *err)
{
    return om_manifest_parse(om_str_from(text), "m.yaml", err);
}

static void check_whole(void)
{
    struct om_error err = {0};
    om_auto(om_manifest) m = parse("name: detector\n"
                                   "kind: detector\n"
                                   "decode: YOLO-FastestV2\n"
                                   "input_size: [352, 288]\n"
                                   "colour: rgb\n"
                                   "resize: letterbox-center\n"
                                   "pad: 114\n"
                                   "mean: 127.5\n"
                                   "std: [1, 2.5, 3]\n"
                                   "strides: [16, 32]\n"
                                   "anchors: [1, 2, 3.5, 4]\n"
                                   "nms: no\n"
                                   "classes: {0: person, 1: 'a cat'}\n"
                                   "ops: {Conv: 3}\n"
                                   "note: whatever\n",
                                   &err);
    om_assert(m && m->family == OM_OUTPUT_YOLO_FASTESTV2);
    om_assert(m->input_width == 352 && m->input_height == 288 && m->colour == OM_COLOUR_RGB);
    om_assert(m->resize == OM_RESIZE_LETTERBOX_CENTER && m->pad == 114 && !m->has_nms);
    om_assert(m->mean[0] == 127.5f && m->mean[2] == 127.5f && m->std[1] == 2.5f);
    om_assert(m->stride_count == 2 && m->anchor_count == 2 && m->anchors[1][0] == 3.5f);
    om_assert(m->labels->count == 2 && strcmp(m->labels->names[1], "a cat") == 0);

    // What is written is read back the same.
    om_auto_buf text, again;
    om_buf_init(&text, 1 << 16);
    om_buf_init(&again, 1 << 16);
    om_manifest_write(m, &text);
    om_auto(om_manifest) back = parse(om_buf_text(&text), &err);
    om_assert(back && back->anchors[1][1] == 4 && back->std[2] == 3 && !back->has_nms);
    om_manifest_write(back, &again);
    om_assert(om_str_equal(om_buf_str(&text), om_buf_str(&again)));
}

static void check_silent(void)
{
    struct om_error err = {0};
    om_auto(om_manifest) m = parse("{\"name\": \"x\", \"classes\": \"coco\"}", &err);
    om_assert(m && m->given == OM_MANIFEST_CLASSES && m->family == OM_OUTPUT_AUTO);
    om_assert(m->labels->count == 80 && m->std[0] == 1);
    om_auto(om_manifest) e = parse("kind: embedding\n", &err);
    om_assert(e && e->family == OM_OUTPUT_EMBEDDING && e->kind == OM_MODEL_EMBEDDING);
}

static void check_list(void)
{
    struct om_error err = {0};
    static const char text[] = "{\"models\": [{\"file\": \"a.onnx\", \"decode\": \"gfl\"},"
                               " {\"file\": \"b.onnx\", \"decode\": \"detr\"}]}";
    om_auto(om_manifest) b = om_manifest_parse_list(OM_STR(text), "models.json", "b.onnx", &err);
    om_assert(b && b->family == OM_OUTPUT_DETR);
    om_assert(!om_manifest_parse_list(OM_STR(text), "models.json", "c.onnx", &err));
    om_assert(err.status == OM_NOT_FOUND);
}

int main(void)
{
    // Each with the line in the message and a hint what to write.
    static const struct {
        const char *text, *says, *hint;
    } wrong[] = {
        {"decode: yolovx\n", "m.yaml:1", "yolox"},
        {"name: a\ncolour: brg\n", "m.yaml:2", "bgr"},
        {"resize: letterbox-centr\n", "m.yaml:1", "letterbox-center"},
        {"name: a\nmeen: [1]\n", "m.yaml:2", "\"mean\""},
        {"wrong_key_entirely: 1\n", "no key", "the keys are"},
        {"std: [1, 0, 1]\n", "std", ""},
        {"std: [1, 2]\n", "std", ""},
        {"mean: [a, b, c]\n", "mean", ""},
        {"input_size: [0, 3]\n", "input_size", ""},
        {"input_size: [416]\n", "input_size", ""},
        {"input_size: [416, 99999]\n", "input_size", ""},
        {"pad: 256\n", "pad", ""},
        {"nms: perhaps\n", "nms", ""},
        {"classes: []\n", "classes", ""},
        {"classes: [[a]]\n", "classes", ""},
        {"classes: {0: a, 2: b}\n", "classes", ""},
        {"strides: [8, -8]\n", "strides", ""},
        {"strides: 8\n", "strides", ""},
        {"anchors: [[1, 2], [3]]\n", "anchors", ""},
        {"anchors: [1, 2, 3]\n", "anchors", ""},
        {"kind: embedding\ndecode: yolox\n", "decode", ""},
        {"- a\n- b\n", "map", ""},
        {"name: [\n", "m.yaml", ""},
        {"", "m.yaml", ""},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(wrong); i++) {
        struct om_error err = {0};
        om_assert(!parse(wrong[i].text, &err));
        om_assert(err.status != OM_OK && strstr(err.text, wrong[i].says));
        om_assert(strstr(err.hint, wrong[i].hint));
    }
    check_whole();
    check_silent();
    check_list();
    return 0;
}
