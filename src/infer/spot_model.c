#include "infer/spot_model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"
#include "infer/model.h"

enum {
    CELLS = SPOT_SIDE / SPOT_CELL,
    BYTES_MAX = 1 << 20,
    ONNX_FLOAT = 1,
    ONNX_INT64 = 7,
    ATTRIBUTE_INT = 2,
    ATTRIBUTE_INTS = 7
};

// ---- a small protobuf writer -------------------------------------------------------------------

static void put_varint(struct om_buf *b, uint64_t value)
{
    for (; value > 127; value >>= 7)
        om_buf_append_u8(b, (uint8_t)(value | 128));
    om_buf_append_u8(b, (uint8_t)value);
}

static void put_int(struct om_buf *b, unsigned field, uint64_t value)
{
    put_varint(b, field << 3);
    put_varint(b, value);
}

static void put_str(struct om_buf *b, unsigned field, om_str bytes)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, bytes.n);
    om_buf_append_str(b, bytes);
}

// Appends `inner` as a message and makes it empty again.
static void put_message(struct om_buf *b, unsigned field, struct om_buf *inner)
{
    put_str(b, field, om_buf_str(inner));
    om_buf_clear(inner);
}

// ---- the graph ---------------------------------------------------------------------------------

static void put_value(struct om_buf *graph, unsigned field, const char *name, const int dims[4])
{
    om_auto_buf value, type, tensor, shape, dim;
    om_buf_init(&value, 4096);
    om_buf_init(&type, 4096);
    om_buf_init(&tensor, 4096);
    om_buf_init(&shape, 4096);
    om_buf_init(&dim, 4096);
    for (int i = 0; i < 4 && dims[i]; i++) {
        put_int(&dim, 1, (uint64_t)dims[i]);
        put_message(&shape, 1, &dim);
    }
    put_str(&value, 1, om_str_from(name));
    put_int(&tensor, 1, ONNX_FLOAT);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
}

struct weight {
    const char *name;
    int type;
    int dims[4];
    om_str data;
};

static void put_weight(struct om_buf *graph, const struct weight *weight)
{
    om_auto_buf tensor;
    om_buf_init(&tensor, BYTES_MAX);
    for (int i = 0; i < 4 && weight->dims[i]; i++)
        put_int(&tensor, 1, (uint64_t)weight->dims[i]);
    put_int(&tensor, 2, (uint64_t)weight->type);
    put_str(&tensor, 8, om_str_from(weight->name));
    put_str(&tensor, 9, weight->data);
    put_message(graph, 5, &tensor);
}

struct node {
    const char *op;
    const char *inputs[3], *output;
    const char *attribute;  // NULL = none
    int ints[2];            // its value; the second 0 = one number
};

static void put_node(struct om_buf *graph, const struct node *node)
{
    om_auto_buf out, attribute;
    om_buf_init(&out, 4096);
    om_buf_init(&attribute, 4096);
    for (int i = 0; i < 3 && node->inputs[i]; i++)
        put_str(&out, 1, om_str_from(node->inputs[i]));
    put_str(&out, 2, om_str_from(node->output));
    put_str(&out, 4, om_str_from(node->op));
    if (node->attribute) {
        put_str(&attribute, 1, om_str_from(node->attribute));
        for (int i = 0; i < 2 && node->ints[i]; i++)
            put_int(&attribute, node->ints[1] ? 8 : 3, (uint64_t)node->ints[i]);
        put_int(&attribute, 20, node->ints[1] ? ATTRIBUTE_INTS : ATTRIBUTE_INT);
        put_message(&out, 5, &attribute);
    }
    put_message(graph, 1, &out);
}

static om_str bytes_of(const void *data, size_t n)
{
    return om_str_n(data, n);
}

static void put_weights(struct om_buf *graph, int box_px)
{
    static float kernel[3 * SPOT_CELL * SPOT_CELL], boxes[CELLS * CELLS][4], ones[CELLS * CELLS];
    static const int64_t shape[3] = {1, CELLS * CELLS, 1};
    const struct weight weights[] = {
        {"kernel", ONNX_FLOAT, {1, 3, SPOT_CELL, SPOT_CELL}, bytes_of(kernel, sizeof(kernel))},
        {"shape", ONNX_INT64, {3}, bytes_of(shape, sizeof(shape))},
        {"boxes", ONNX_FLOAT, {1, CELLS * CELLS, 4}, bytes_of(boxes, sizeof(boxes))},
        {"ones", ONNX_FLOAT, {1, CELLS * CELLS, 1}, bytes_of(ones, sizeof(ones))},
    };

    for (size_t i = 0; i < OM_ARRAY_LEN(kernel); i++)
        kernel[i] = 1.f / (float)OM_ARRAY_LEN(kernel) / 255;
    for (int i = 0; i < CELLS * CELLS; i++) {
        boxes[i][0] = ((float)(i % CELLS) + 0.5f) * SPOT_CELL;
        boxes[i][1] = ((float)(i / CELLS) + 0.5f) * SPOT_CELL;
        boxes[i][2] = boxes[i][3] = (float)box_px;
        ones[i] = 1;
    }
    for (size_t i = 0; i < OM_ARRAY_LEN(weights); i++)
        put_weight(graph, &weights[i]);
}

static void put_graph(struct om_buf *graph, int box_px)
{
    static const struct node nodes[] = {
        {"Conv", {"picture", "kernel", NULL}, "mean", "strides", {SPOT_CELL, SPOT_CELL}},
        {"Reshape", {"mean", "shape", NULL}, "score", NULL, {0}},
        {"Concat", {"boxes", "score", "ones"}, "rows", "axis", {2, 0}},
    };

    for (size_t i = 0; i < OM_ARRAY_LEN(nodes); i++)
        put_node(graph, &nodes[i]);
    put_str(graph, 2, OM_STR("spots"));
    put_weights(graph, box_px);
    put_value(graph, 11, "picture", (const int[4]){1, 3, SPOT_SIDE, SPOT_SIDE});
    put_value(graph, 12, "rows", (const int[4]){1, CELLS * CELLS, 6, 0});
}

struct om_model *spot_model_create(int box_px)
{
    static const char manifest_text[] =
        "{\"name\":\"spots\",\"decode\":\"yolov5\",\"resize\":\"letterbox-topleft\",\"pad\":0,"
        "\"colour\":\"rgb\",\"mean\":[0,0,0],\"std\":[1,1,1],\"nms\":false,\"classes\":[\"spot\"]}";
    char path[] = "/tmp/omma-spots-XXXXXX.onnx";
    struct om_error err = {0};
    om_auto_buf model, graph, opset;
    om_buf_init(&model, BYTES_MAX);
    om_buf_init(&graph, BYTES_MAX);
    om_buf_init(&opset, 64);
    put_graph(&graph, box_px);
    put_int(&model, 1, 8);
    put_message(&model, 7, &graph);
    put_str(&opset, 1, OM_STR(""));
    put_int(&opset, 2, 13);
    put_message(&model, 8, &opset);
    om_assert(!model.has_failed);

    int fd = mkstemps(path, 5);
    om_assert(fd >= 0);
    close(fd);
    om_assert(om_file_write(path, om_buf_str(&model), &err));
    om_auto(om_manifest) manifest = om_manifest_parse(om_str_from(manifest_text), "spots", &err);
    struct om_model *loaded = manifest ? om_model_load(path, manifest,
                                                       &(struct om_model_opts){.threads = 1}, &err)
                                       : NULL;
    unlink(path);
    om_assert(loaded);
    return loaded;
}
