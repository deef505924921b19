// Field numbers are those of onnx.proto (ModelProto and what hangs on it). Unknown fields are
// passed over, as protobuf wants it. Every length is checked against what is left, nesting against
// DEPTH_MAX.

#include "infer/onnx_graph.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

enum { DEPTH_MAX = 24, META_BYTES_MAX = 256 * 1024, PATH_SIZE = 4096 };

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
    uint32_t number;
    enum wire wire;
    uint64_t value;  // WIRE_VARINT
    om_str bytes;    // WIRE_BYTES
};

struct reader {
    struct om_onnx_graph *graph;
    struct om_error *err;
    om_str *listed;   // graph inputs with the weights of old exporters, in file order
    om_str *weights;  // names of the initialisers of the main graph
    int listed_counts[2], weight_counts[2];  // used, reserved
};

// ---- protobuf ----------------------------------------------------------------------------------

static bool take_varint(om_str *rest, uint64_t *ret)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64 && rest->n; shift += 7) {
        uint8_t byte = (uint8_t)*rest->p;
        rest->p++, rest->n--;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(om_str *rest, uint64_t n, om_str *ret)
{
    if (n > rest->n)
        return false;
    *ret = om_str_n(rest->p, (size_t)n);
    rest->p += n, rest->n -= (size_t)n;
    return true;
}

// 1 = a field, 0 = the end, -1 = broken.
static int next_field(om_str *rest, struct field *field)
{
    uint64_t key, n = 0;

    if (!rest->n)
        return 0;
    *field = (struct field){0};
    if (!take_varint(rest, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return -1;
    field->number = (uint32_t)(key >> 3);
    field->wire = (enum wire)(key & 7);
    switch (field->wire) {
    case WIRE_VARINT:
        return take_varint(rest, &field->value) ? 1 : -1;
    case WIRE_64:
        return take_bytes(rest, 8, &field->bytes) ? 1 : -1;
    case WIRE_32:
        return take_bytes(rest, 4, &field->bytes) ? 1 : -1;
    case WIRE_BYTES:
        return take_varint(rest, &n) && take_bytes(rest, n, &field->bytes) ? 1 : -1;
    }
    return -1;  // groups are not in ONNX
}

static bool broken(struct reader *r, const char *what)
{
    om_error_set(r->err, OM_INVALID, "not a whole ONNX file: %s is broken or cut off", what);
    om_error_hint(r->err, "fetch or export the model again");
    return false;
}

// ---- tensors and values ------------------------------------------------------------------------

static enum om_tensor_type type_of(uint64_t onnx_type)
{
    switch (onnx_type) {
    case 1:
        return OM_TENSOR_F32;
    case 2:
        return OM_TENSOR_U8;
    case 6:
        return OM_TENSOR_I32;
    case 7:
        return OM_TENSOR_I64;
    case 10:
        return OM_TENSOR_F16;
    default:
        return OM_TENSOR_OTHER;
    }
}

static bool read_dim(struct reader *r, om_str rest, int64_t *ret)
{
    struct field f;
    int more;

    *ret = -1;
    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number == 1 && f.wire == WIRE_VARINT)
            *ret = (int64_t)f.value > 0 ? (int64_t)f.value : -1;
    }
    return more == 0 || broken(r, "a dimension");
}

static bool read_shape(struct reader *r, om_str rest, struct om_tensor_info *info)
{
    struct field f;
    int more, rank = 0;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number != 1 || f.wire != WIRE_BYTES)
            continue;
        int64_t dim = -1;
        if (!read_dim(r, f.bytes, &dim))
            return false;
        if (rank < OM_TENSOR_RANK_MAX)
            info->dims[rank] = dim;
        if (rank <= OM_TENSOR_RANK_MAX)
            rank++;
    }
    info->rank = rank;
    return more == 0 || broken(r, "a shape");
}

static bool read_type(struct reader *r, om_str rest, struct om_tensor_info *info)
{
    struct field f, inner;
    int more, inner_more = 0;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number != 1 || f.wire != WIRE_BYTES)
            continue;
        om_str tensor = f.bytes;
        while ((inner_more = next_field(&tensor, &inner)) > 0) {
            if (inner.number == 1 && inner.wire == WIRE_VARINT)
                info->type = type_of(inner.value);
            else if (inner.number == 2 && inner.wire == WIRE_BYTES &&
                     !read_shape(r, inner.bytes, info))
                return false;
        }
        if (inner_more < 0)
            return broken(r, "a tensor type");
    }
    return more == 0 || broken(r, "a type");
}

static bool read_value_info(struct reader *r, om_str rest, struct om_tensor_info *info,
                            om_str *ret_name)
{
    struct field f;
    int more;

    *info = (struct om_tensor_info){.rank = -1};
    *ret_name = OM_STR("");
    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number == 1 && f.wire == WIRE_BYTES)
            *ret_name = f.bytes;
        else if (f.number == 2 && f.wire == WIRE_BYTES && !read_type(r, f.bytes, info))
            return false;
    }
    om_str_copy(info->name, sizeof(info->name), *ret_name);
    return more == 0 || broken(r, "an input or output");
}

// ---- external data -----------------------------------------------------------------------------

static bool add_external(struct reader *r, om_str location)
{
    struct om_onnx_graph *graph = r->graph;

    for (int i = 0; i < graph->external_count; i++)
        if (om_str_equal(om_str_from(graph->external[i]), location))
            return true;
    if (graph->external_count == OM_ONNX_EXTERNAL_MAX) {
        om_error_set(r->err, OM_LIMIT, "the graph's external data lies in more than %d files",
                     OM_ONNX_EXTERNAL_MAX);
        om_error_hint(r->err, "save it again with all external data in one file");
        return false;
    }
    graph->external[graph->external_count++] = om_strndup(location.p, OM_MIN(location.n, 1024u));
    return true;
}

static bool read_external(struct reader *r, om_str rest)
{
    struct field f;
    om_str key = OM_STR(""), value = OM_STR("");
    int more;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number == 1 && f.wire == WIRE_BYTES)
            key = f.bytes;
        else if (f.number == 2 && f.wire == WIRE_BYTES)
            value = f.bytes;
    }
    if (more < 0)
        return broken(r, "external data");
    return !om_str_equal(key, OM_STR("location")) || add_external(r, value);
}

static int64_t elements_of(om_str packed)
{
    uint64_t dim, count = 1;

    while (packed.n && take_varint(&packed, &dim))
        count = dim && count > INT64_MAX / dim ? INT64_MAX : count * dim;
    return (int64_t)count;
}

// A TensorProto: its name and external files; the weights are passed over.
static bool read_tensor(struct reader *r, om_str rest, om_str *ret_name)
{
    struct field f;
    uint64_t count = 1;
    int more;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number == 1 && f.wire == WIRE_VARINT)
            count = f.value && count > INT64_MAX / f.value ? INT64_MAX : count * f.value;
        else if (f.number == 1 && f.wire == WIRE_BYTES)
            count = (uint64_t)elements_of(f.bytes);
        else if (f.number == 8 && f.wire == WIRE_BYTES)
            *ret_name = f.bytes;
        else if (f.number == 13 && f.wire == WIRE_BYTES && !read_external(r, f.bytes))
            return false;
    }
    if (more < 0)
        return broken(r, "a tensor");
    struct om_onnx_graph *graph = r->graph;
    graph->initializer_count++;
    if ((uint64_t)(INT64_MAX - graph->parameter_count) > count)
        graph->parameter_count += (int64_t)count;
    return true;
}

// ---- nodes and graphs --------------------------------------------------------------------------

static bool read_graph(struct reader *r, om_str rest, int depth);

static bool read_attribute(struct reader *r, om_str rest, int depth)
{
    struct field f;
    om_str name = OM_STR("");
    int more;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.wire != WIRE_BYTES)
            continue;
        bool is_tensor = f.number == 5 || f.number == 10;
        bool is_graph = f.number == 6 || f.number == 11;
        if (is_tensor && !read_tensor(r, f.bytes, &name))
            return false;
        if (is_graph && !read_graph(r, f.bytes, depth + 1))
            return false;
    }
    return more == 0 || broken(r, "an attribute");
}

static void count_op(struct om_onnx_graph *graph, om_str name)
{
    graph->node_count++;
    for (int i = 0; i < graph->op_count; i++) {
        if (om_str_equal(om_str_from(graph->ops[i].name), name)) {
            graph->ops[i].count++;
            return;
        }
    }
    if (graph->op_count == OM_ONNX_OPS_MAX || name.n >= sizeof(graph->ops[0].name))
        return;
    struct om_onnx_op *op = &graph->ops[graph->op_count++];
    om_str_copy(op->name, sizeof(op->name), name);
    op->count = 1;
}

static bool read_node(struct reader *r, om_str rest, int depth)
{
    struct field f;
    int more;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number == 4 && f.wire == WIRE_BYTES)
            count_op(r->graph, f.bytes);
        else if (f.number == 5 && f.wire == WIRE_BYTES && !read_attribute(r, f.bytes, depth))
            return false;
    }
    return more == 0 || broken(r, "a node");
}

static bool too_many(struct reader *r, const char *what, int max)
{
    om_error_set(r->err, OM_LIMIT, "the graph has more than %d %s", max, what);
    return false;
}

// Appends to an array that grows.
static bool append(struct reader *r, om_str **items, int counts[2], om_str item)
{
    if (counts[0] == counts[1]) {
        int capacity = OM_MAX(64, 2 * counts[1]);
        om_str *grown = om_try_realloc(*items, (size_t)capacity, sizeof(*grown));
        if (!grown) {
            om_error_set(r->err, OM_NO_MEMORY, "no memory for the names of %d weights", capacity);
            return false;
        }
        *items = grown;
        counts[1] = capacity;
    }
    (*items)[counts[0]++] = item;
    return true;
}

static bool add_output(struct reader *r, om_str bytes)
{
    struct om_onnx_graph *graph = r->graph;
    om_str name;

    if (graph->output_count == OM_TENSORS_MAX)
        return too_many(r, "outputs", OM_TENSORS_MAX);
    return read_value_info(r, bytes, &graph->outputs[graph->output_count++], &name);
}

static bool read_graph_field(struct reader *r, const struct field *f, int depth)
{
    om_str name = OM_STR("");
    bool is_main = depth == 0;

    switch (f->number) {
    case 1:
        return read_node(r, f->bytes, depth);
    case 5:
        return read_tensor(r, f->bytes, &name) &&
               (!is_main || append(r, &r->weights, r->weight_counts, name));
    case 11:
        return !is_main || append(r, &r->listed, r->listed_counts, f->bytes);
    case 12:
        return !is_main || add_output(r, f->bytes);
    default:
        return true;
    }
}

static bool read_graph(struct reader *r, om_str rest, int depth)
{
    struct field f;
    int more;

    if (depth > DEPTH_MAX)
        return too_many(r, "levels of subgraphs", DEPTH_MAX);
    while ((more = next_field(&rest, &f)) > 0) {
        if (f.wire == WIRE_BYTES && !read_graph_field(r, &f, depth))
            return false;
    }
    return more == 0 || broken(r, "the graph");
}

// ---- the model ---------------------------------------------------------------------------------

static bool read_opset(struct reader *r, om_str rest)
{
    struct field f;
    om_str domain = OM_STR("");
    int64_t version = 0;
    int more;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number == 1 && f.wire == WIRE_BYTES)
            domain = f.bytes;
        else if (f.number == 2 && f.wire == WIRE_VARINT)
            version = (int64_t)f.value;
    }
    if (!domain.n || om_str_equal(domain, OM_STR("ai.onnx")))
        r->graph->opset = version;
    return more == 0 || broken(r, "the operator set");
}

static bool read_meta(struct reader *r, om_str rest)
{
    struct om_onnx_graph *graph = r->graph;
    struct field f;
    om_str key = OM_STR(""), value = OM_STR("");
    int more;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number == 1 && f.wire == WIRE_BYTES)
            key = f.bytes;
        else if (f.number == 2 && f.wire == WIRE_BYTES)
            value = f.bytes;
    }
    if (more < 0)
        return broken(r, "the metadata");
    if (graph->meta_count == OM_ONNX_META_MAX || key.n > 256 || value.n > META_BYTES_MAX)
        return true;  // only a help for recognition
    graph->meta[graph->meta_count++] = (struct om_onnx_meta){om_strndup(key.p, key.n),
                                                             om_strndup(value.p, value.n)};
    return true;
}

// FunctionProto: its nodes may carry tensors too.
static bool read_function(struct reader *r, om_str rest)
{
    struct field f;
    int more;

    while ((more = next_field(&rest, &f)) > 0) {
        if (f.number == 7 && f.wire == WIRE_BYTES && !read_node(r, f.bytes, 1))
            return false;
    }
    return more == 0 || broken(r, "a function");
}

static bool read_model(struct reader *r, om_str rest, bool *ret_has_graph)
{
    struct field f;
    int more;

    while ((more = next_field(&rest, &f)) > 0) {
        bool is_fine = true;
        if (f.number == 1 && f.wire == WIRE_VARINT) {
            r->graph->ir = (int64_t)f.value;
        } else if (f.wire == WIRE_BYTES && f.number == 2) {
            om_str_copy(r->graph->producer, sizeof(r->graph->producer), f.bytes);
        } else if (f.wire == WIRE_BYTES && f.number == 7 && !*ret_has_graph) {
            *ret_has_graph = true;
            is_fine = read_graph(r, f.bytes, 0);
        } else if (f.wire == WIRE_BYTES && f.number == 8) {
            is_fine = read_opset(r, f.bytes);
        } else if (f.wire == WIRE_BYTES && f.number == 14) {
            is_fine = read_meta(r, f.bytes);
        } else if (f.wire == WIRE_BYTES && f.number == 25) {
            is_fine = read_function(r, f.bytes);
        }
        if (!is_fine)
            return false;
    }
    return more == 0 || broken(r, "the model");
}

static int compare_names(const void *a, const void *b)
{
    return om_str_compare(*(const om_str *)a, *(const om_str *)b);
}

// The listed inputs that are no weights.
static bool keep_inputs(struct reader *r)
{
    struct om_onnx_graph *graph = r->graph;

    if (r->weight_counts[0])
        qsort(r->weights, (size_t)r->weight_counts[0], sizeof(*r->weights), compare_names);
    for (int i = 0; i < r->listed_counts[0]; i++) {
        struct om_tensor_info info;
        om_str name;
        if (!read_value_info(r, r->listed[i], &info, &name))
            return false;
        if (r->weight_counts[0] && bsearch(&name, r->weights, (size_t)r->weight_counts[0],
                                           sizeof(*r->weights), compare_names))
            continue;
        if (graph->input_count == OM_TENSORS_MAX)
            return too_many(r, "inputs", OM_TENSORS_MAX);
        graph->inputs[graph->input_count++] = info;
    }
    return true;
}

static bool is_complete(struct reader *r, bool has_graph)
{
    const struct om_onnx_graph *graph = r->graph;

    if (has_graph && graph->input_count && graph->output_count && graph->node_count)
        return true;
    om_error_set(r->err, OM_INVALID, "%s",
                 !has_graph            ? "not an ONNX file: there is no graph in it"
                 : !graph->node_count  ? "the graph has no nodes"
                 : !graph->input_count ? "the graph has no inputs besides its weights"
                                       : "the graph has no outputs");
    om_error_hint(r->err, "give the .onnx file of a trained model");
    return false;
}

struct om_onnx_graph *om_onnx_graph_parse(om_str data, struct om_error *err)
{
    om_auto(om_onnx_graph) graph = om_new(struct om_onnx_graph);
    struct reader r = {.graph = graph, .err = err};
    bool has_graph = false;

    bool is_read = read_model(&r, data, &has_graph) && keep_inputs(&r) &&
                   is_complete(&r, has_graph);
    om_free(r.listed);
    om_free(r.weights);
    return is_read ? om_steal(&graph) : NULL;
}

void om_onnx_graph_destroy(struct om_onnx_graph *graph)
{
    if (!graph)
        return;
    for (int i = 0; i < graph->meta_count; i++) {
        om_free(graph->meta[i].key);
        om_free(graph->meta[i].value);
    }
    for (int i = 0; i < graph->external_count; i++)
        om_free(graph->external[i]);
    om_free(graph);
}

// ---- files -------------------------------------------------------------------------------------

static bool stays_inside(om_str location)
{
    om_str piece;

    if (!location.n || location.p[0] == '/' || om_str_find_char(location, '\\') >= 0)
        return false;
    while (om_str_split(&location, '/', &piece))
        if (om_str_equal(piece, OM_STR("..")))
            return false;
    return true;
}

static bool check_external(const struct om_onnx_graph *graph, const char *path,
                           struct om_error *err)
{
    const char *slash = strrchr(path, '/');

    for (int i = 0; i < graph->external_count; i++) {
        char file[PATH_SIZE];
        const char *location = graph->external[i];
        if (!stays_inside(om_str_from(location))) {
            om_error_set(err, OM_REFUSED, "external data \"%s\" lies outside the model's folder",
                         location);
            om_error_hint(err, "put it beside the graph and save the graph with a plain file name");
            return false;
        }
        snprintf(file, sizeof(file), "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, location);
        if (access(file, R_OK) != 0) {
            om_error_set(err, OM_NOT_FOUND, "external data \"%s\" of the graph is missing",
                         location);
            om_error_hint(err, "copy it from where the graph came from, into the same folder");
            return false;
        }
        // A link may lead anywhere.
        struct stat link;
        if (lstat(file, &link) == 0 && S_ISLNK(link.st_mode)) {
            om_error_set(err, OM_REFUSED, "external data \"%s\" is a link", location);
            om_error_hint(err, "put the file itself beside the graph");
            return false;
        }
    }
    return true;
}

static struct om_onnx_graph *map_and_parse(int fd, const char *path, struct om_error *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        om_error_set(err, OM_INVALID, "%s is not a file", path);
        om_error_hint(err, "give the .onnx file of a model");
        return NULL;
    }
    if (st.st_size == 0 || (uint64_t)st.st_size > OM_ONNX_BYTES_MAX) {
        om_error_set(err, OM_INVALID, st.st_size ? "%s is larger than 2 GiB" : "%s is empty", path);
        om_error_hint(err, "fetch or export the model again");
        return NULL;
    }
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
        return NULL;
    }
    struct om_onnx_graph *graph = om_onnx_graph_parse(om_str_n(data, (size_t)st.st_size), err);
    munmap(data, (size_t)st.st_size);
    return graph;
}

struct om_onnx_graph *om_onnx_graph_read(const char *path, struct om_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
        return NULL;
    }
    om_auto(om_onnx_graph) graph = map_and_parse(fd, path, err);
    close(fd);
    if (!graph)
        return NULL;
    return check_external(graph, path, err) ? om_steal(&graph) : NULL;
}

const char *om_onnx_graph_meta(const struct om_onnx_graph *graph, const char *key)
{
    for (int i = 0; i < graph->meta_count; i++)
        if (strcmp(graph->meta[i].key, key) == 0)
            return graph->meta[i].value;
    return NULL;
}

int om_onnx_graph_op(const struct om_onnx_graph *graph, const char *name)
{
    for (int i = 0; i < graph->op_count; i++)
        if (strcmp(graph->ops[i].name, name) == 0)
            return graph->ops[i].count;
    return 0;
}
