// Feeds: bytes of an .onnx file (protobuf) to the bounded graph reader.

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/error.h"
#include "infer/onnx_graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_error err = {0};
    om_auto(om_onnx_graph) graph = om_onnx_graph_parse(om_str_n((const char *)data, size), &err);
    if (!graph)
        om_assert(err.status != OM_OK && err.text[0]);
    else
        om_assert(graph->input_count > 0 && graph->input_count <= OM_TENSORS_MAX &&
                  graph->output_count > 0 && graph->output_count <= OM_TENSORS_MAX);
    return 0;
}
