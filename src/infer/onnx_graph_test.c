// The graph reader on real graphs, on graphs put together here byte by byte, and on broken ones.

#include "infer/onnx_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

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

static void put_bytes(struct om_buf *b, unsigned field, om_str bytes)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, bytes.n);
    om_buf_append_str(b, bytes);
}

static void put_buf(struct om_buf *b, unsigned field, struct om_buf *inner)
{
    put_bytes(b, field, om_buf_str(inner));
    om_buf_finish(inner);
}

static void put_value(struct om_buf *graph, unsigned field, const char *name)
{
    om_auto_buf value, type, tensor, shape, dim;
    om_buf_init(&value, 4096);
    om_buf_init(&type, 4096);
    om_buf_init(&tensor, 4096);
    om_buf_init(&shape, 4096);
    om_buf_init(&dim, 4096);
    put_bytes(&value, 1, om_str_from(name));
    put_int(&dim, 1, 3);
    put_buf(&shape, 1, &dim);
    om_buf_init(&dim, 4096);
    put_bytes(&dim, 2, OM_STR("batch"));
    put_buf(&shape, 1, &dim);
    put_int(&tensor, 1, 1);
    put_buf(&tensor, 2, &shape);
    put_buf(&type, 1, &tensor);
    put_buf(&value, 2, &type);
    put_buf(graph, field, &value);
}

static void put_weight(struct om_buf *graph, const char *name, const char *location)
{
    om_auto_buf tensor, entry;
    om_buf_init(&tensor, 4096);
    om_buf_init(&entry, 4096);
    put_int(&tensor, 1, 5);
    put_int(&tensor, 1, 7);
    put_bytes(&tensor, 8, om_str_from(name));
    if (location) {
        put_bytes(&entry, 1, OM_STR("location"));
        put_bytes(&entry, 2, om_str_from(location));
        put_buf(&tensor, 13, &entry);
    }
    put_buf(graph, 5, &tensor);
}

// A model of one node: x and w (listed as an input too) in, y out.
static void make_model(struct om_buf *model, const char *location)
{
    om_auto_buf graph, node;
    om_buf_init(&graph, 1 << 16);
    om_buf_init(&node, 4096);
    put_bytes(&node, 4, OM_STR("Mul"));
    put_buf(&graph, 1, &node);
    put_weight(&graph, "w", location);
    put_value(&graph, 11, "x");
    put_value(&graph, 11, "w");
    put_value(&graph, 12, "y");
    put_int(model, 1, 8);
    put_buf(model, 7, &graph);
}

// ---- checks ------------------------------------------------------------------------------------

static void check_made(void)
{
    struct om_error err = {0};
    om_auto_buf model;
    om_buf_init(&model, 1 << 16);
    make_model(&model, NULL);
    om_auto(om_onnx_graph) graph = om_onnx_graph_parse(om_buf_str(&model), &err);
    om_assert(graph && graph->ir == 8 && graph->node_count == 1);
    om_assert(graph->input_count == 1 && strcmp(graph->inputs[0].name, "x") == 0);
    om_assert(graph->inputs[0].rank == 2 && graph->inputs[0].dims[0] == 3 &&
              graph->inputs[0].dims[1] == -1 && graph->inputs[0].type == OM_TENSOR_F32);
    om_assert(graph->initializer_count == 1 && graph->parameter_count == 35);
    om_assert(om_onnx_graph_op(graph, "Mul") == 1 && om_onnx_graph_op(graph, "Add") == 0);
    om_assert(!om_onnx_graph_meta(graph, "names"));

    // Cut anywhere it is refused with a sentence, or (where whole fields are missing) as
    // incomplete.
    for (size_t n = 0; n < model.len; n++) {
        om_auto(om_onnx_graph) cut = om_onnx_graph_parse(om_str_n(model.data, n), &err);
        om_assert(!cut && err.text[0] && err.hint[0]);
    }
    // Any byte changed: no crash.
    for (size_t i = 0; i < model.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            model.data[i] ^= (char)(1 << bit);
            om_auto(om_onnx_graph) other = om_onnx_graph_parse(om_buf_str(&model), &err);
            model.data[i] ^= (char)(1 << bit);
        }
    }
}

// Subgraphs in subgraphs, deeper than anybody needs.
static void check_depth(void)
{
    struct om_error err = {0};
    om_auto_buf inner;
    om_buf_init(&inner, 1 << 20);
    for (int i = 0; i < 60; i++) {
        om_auto_buf attribute, node, graph;
        om_buf_init(&attribute, 1 << 20);
        om_buf_init(&node, 1 << 20);
        om_buf_init(&graph, 1 << 20);
        put_buf(&attribute, 6, &inner);
        put_buf(&node, 5, &attribute);
        put_buf(&graph, 1, &node);
        om_buf_init(&inner, 1 << 20);
        om_buf_append_str(&inner, om_buf_str(&graph));
    }
    om_auto_buf model;
    om_buf_init(&model, 1 << 20);
    put_buf(&model, 7, &inner);
    om_auto(om_onnx_graph) graph = om_onnx_graph_parse(om_buf_str(&model), &err);
    om_assert(!graph && err.status == OM_LIMIT);
}

static void check_external(const char *location, enum om_status status)
{
    char folder[] = "/tmp/omma-graph-XXXXXX", path[64], data[64];
    struct om_error err = {0};
    om_auto_buf model;

    om_buf_init(&model, 1 << 16);
    make_model(&model, location);
    om_assert(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/m.onnx", folder);
    snprintf(data, sizeof(data), "%s/m.data", folder);
    om_assert(om_file_write(path, om_buf_str(&model), &err));
    om_assert(om_file_write(data, OM_STR("weights"), &err));
    om_auto(om_onnx_graph) graph = om_onnx_graph_read(path, &err);
    om_assert(graph ? status == OM_OK : err.status == status);
    unlink(path);
    unlink(data);
    rmdir(folder);
}

static void check_real(const char *shared)
{
    char path[1024];
    struct om_error err = {0};

    snprintf(path, sizeof(path), "%s/data/models/ultraface_rfb_320.onnx", shared);
    om_auto(om_onnx_graph) face = om_onnx_graph_read(path, &err);
    om_assert(face && face->input_count == 1 && face->output_count == 2 && face->opset == 9);
    om_assert(face->inputs[0].dims[2] == 240 && face->inputs[0].dims[3] == 320);
    snprintf(path, sizeof(path), "%s/data/models/yolo26n_640_int8.onnx", shared);
    om_auto(om_onnx_graph) yolo = om_onnx_graph_read(path, &err);
    om_assert(yolo && yolo->opset == 20 && om_onnx_graph_op(yolo, "ConvInteger") > 0);
    const char *names = om_onnx_graph_meta(yolo, "names");
    om_assert(!names || strstr(names, "person"));
    snprintf(path, sizeof(path), "%s/data/README.md", shared);
    om_assert(!om_onnx_graph_read(path, &err) && err.status == OM_INVALID);
    om_assert(!om_onnx_graph_read(shared, &err));
    om_assert(!om_onnx_graph_read("/nowhere/x.onnx", &err) && err.status == OM_NOT_FOUND);
}

int main(void)
{
    const char *shared = getenv("OMMA_SHARED");

    check_made();
    check_depth();
    check_external("m.data", OM_OK);
    check_external("./m.data", OM_OK);
    check_external("missing.data", OM_NOT_FOUND);
    check_external("../m.data", OM_REFUSED);
    check_external("a/../../m.data", OM_REFUSED);
    check_external("/etc/passwd", OM_REFUSED);
    if (!shared) {
        printf("skipped in part: no ../shared\n");
        return 0;
    }
    check_real(shared);
    return 0;
}
