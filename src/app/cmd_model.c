// omma model: the models of this machine, and the gate they come in through.

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "app/args.h"
#include "app/commands.h"
#include "app/progress.h"
#include "base/json.h"
#include "base/mem.h"
#include "conf/config.h"
#include "infer/onnx_graph.h"
#include "model/catalogue.h"
#include "model/registry.h"
#include "model/verify.h"
#include "scene/labels.h"

enum { OUT_MAX = 16 << 20, CLASSES_SHOWN = 12, OPS_SHOWN = 14 };

struct options {
    bool json, catalogue;
    const char *manifest, *sha256, *name, *golden, *providers;
    const char *positionals[2];
    int positional_count;
    struct om_conf *conf;  // for the home
};

static struct om_model_opts model_opts(const struct options *o)
{
    return (struct om_model_opts){.threads = 1, .providers = o->providers};
}

// ---- the gate's report -------------------------------------------------------------------------

static void write_report(struct om_json_writer *w, const struct om_verify_report *report)
{
    om_json_key(w, "checks");
    om_json_array(w);
    for (int i = 0; i < report->check_count; i++) {
        const struct om_verify_check *check = &report->checks[i];
        om_json_object(w);
        om_json_kv_text(w, "name", check->name);
        om_json_kv_text(w, "outcome", om_verify_outcome_name(check->outcome));
        om_json_kv_text(w, "text", check->text);
        om_json_object_end(w);
    }
    om_json_array_end(w);
}

static void print_report(const struct om_verify_report *report)
{
    for (int i = 0; i < report->check_count; i++) {
        const struct om_verify_check *check = &report->checks[i];
        om_cli_print("  %-9s %-7s  %s\n", check->name, om_verify_outcome_name(check->outcome),
                     check->text);
    }
}

static void write_entry(struct om_json_writer *w, const struct om_registry_entry *entry)
{
    om_json_kv_text(w, "name", entry->name);
    om_json_kv_text(w, "version", entry->version);
    om_json_kv_bool(w, "current", entry->is_current);
    om_json_kv_text(w, "kind", om_model_kind_name(entry->kind));
    om_json_kv_text(w, "decode", om_output_family_name(entry->family));
    om_json_key(w, "input_size");
    om_json_array(w);
    om_json_int(w, entry->input_width);
    om_json_int(w, entry->input_height);
    om_json_array_end(w);
    om_json_kv_int(w, "classes", entry->class_count);
    om_json_kv_text(w, "licence", entry->licence);
    om_json_kv_text(w, "from", entry->from);
    om_json_kv_text(w, "added", entry->added);
    om_json_kv_text(w, "sha256", entry->sha256);
    om_json_kv_int(w, "bytes", entry->bytes);
    om_json_kv_text(w, "path", entry->path);
}

// ---- add ---------------------------------------------------------------------------------------

static void show_progress(void *ctx, int64_t done, int64_t total)
{
    om_progress_show(ctx, (double)done / 1e6, total > 0 ? (double)done / (double)total : -1);
}

static int run_add(struct options *o)
{
    struct om_progress progress;
    struct om_registry_entry entry;
    struct om_verify_report report = {0};
    struct om_error err = {0};
    const struct om_registry_add_opts opts = {
        .source = o->positionals[1],
        .manifest = o->manifest,
        .name = o->name,
        .sha256 = o->sha256,
        .model = model_opts(o),
        .progress = show_progress,
        .ctx = &progress,
    };

    om_progress_start(&progress, "MB");
    om_progress_label(&progress, opts.source);
    bool is_added = om_registry_add(o->conf->home, &opts, &entry, &report, &err);
    om_progress_end(&progress);
    if (!is_added)
        return om_cli_fail(&err);
    if (!o->json) {
        om_cli_print("added %s@%s\n", entry.name, entry.version);
        print_report(&report);
        return EX_OK;
    }
    struct om_json_writer w;
    om_auto_buf out;
    om_buf_init(&out, OUT_MAX);
    om_json_begin(&w, &out);
    om_json_object(&w);
    write_entry(&w, &entry);
    write_report(&w, &report);
    om_json_object_end(&w);
    om_cli_print("%s\n", om_buf_text(&out));
    return EX_OK;
}

// ---- list --------------------------------------------------------------------------------------

static int list_catalogue(bool json)
{
    int count = 0;
    const struct om_catalogue_item *items = om_catalogue_all(&count);
    struct om_json_writer w;
    om_auto_buf out;

    om_buf_init(&out, OUT_MAX);
    om_json_begin(&w, &out);
    om_json_array(&w);
    for (int i = 0; i < count; i++) {
        if (!json)
            om_cli_print("%-20s %s\n%-20s %s\n", items[i].name, items[i].licence, "", items[i].url);
        om_json_object(&w);
        om_json_kv_text(&w, "name", items[i].name);
        om_json_kv_text(&w, "url", items[i].url);
        om_json_kv_text(&w, "sha256", items[i].sha256);
        om_json_kv_text(&w, "licence", items[i].licence);
        om_json_object_end(&w);
    }
    om_json_array_end(&w);
    if (json)
        om_cli_print("%s\n", om_buf_text(&out));
    return EX_OK;
}

static int run_list(struct options *o)
{
    if (o->catalogue)
        return list_catalogue(o->json);
    int count = 0;
    om_auto_free struct om_registry_entry *entries = om_registry_list(o->conf->home, &count);
    struct om_json_writer w;
    om_auto_buf out;

    om_buf_init(&out, OUT_MAX);
    om_json_begin(&w, &out);
    om_json_array(&w);
    for (int i = 0; i < count; i++) {
        const struct om_registry_entry *e = &entries[i];
        if (!o->json)
            om_cli_print("%-24s %-13s %c %-10s %-14s %4dx%-4d %s\n", e->name, e->version,
                         e->is_current ? '*' : ' ', om_model_kind_name(e->kind),
                         om_output_family_name(e->family), e->input_width, e->input_height,
                         e->licence);
        om_json_object(&w);
        write_entry(&w, e);
        om_json_object_end(&w);
    }
    om_json_array_end(&w);
    if (o->json)
        om_cli_print("%s\n", om_buf_text(&out));
    else if (!count)
        om_cli_print("no models yet; add one: omma model add x.onnx, or see omma model list "
                     "--catalogue\n");
    return EX_OK;
}

// ---- show --------------------------------------------------------------------------------------

static void print_tensors(const char *what, const struct om_tensor_info *infos, int count)
{
    for (int i = 0; i < count; i++) {
        char shape[OM_TENSOR_SHAPE_TEXT_SIZE];
        om_cli_print("%-9s %s %s %s\n", i ? "" : what, infos[i].name,
                     om_tensor_shape_text(infos[i].dims, infos[i].rank, shape),
                     om_tensor_type_name(infos[i].type));
    }
}

static void write_tensors(struct om_json_writer *w, const char *key,
                          const struct om_tensor_info *infos, int count)
{
    om_json_key(w, key);
    om_json_array(w);
    for (int i = 0; i < count; i++) {
        om_json_object(w);
        om_json_kv_text(w, "name", infos[i].name);
        om_json_key(w, "shape");
        om_json_array(w);
        for (int d = 0; d < infos[i].rank && d < OM_TENSOR_RANK_MAX; d++)
            om_json_int(w, infos[i].dims[d]);
        om_json_array_end(w);
        om_json_kv_text(w, "type", om_tensor_type_name(infos[i].type));
        om_json_object_end(w);
    }
    om_json_array_end(w);
}

static void print_graph(const struct om_onnx_graph *g)
{
    om_cli_print("graph     opset %lld, IR %lld, %d nodes, %.2f million parameters%s%s\n",
                 (long long)g->opset, (long long)g->ir, g->node_count,
                 (double)g->parameter_count / 1e6, g->producer[0] ? ", from " : "", g->producer);
    print_tensors("inputs", g->inputs, g->input_count);
    print_tensors("outputs", g->outputs, g->output_count);
    om_cli_print("operators");
    for (int i = 0; i < g->op_count && i < OPS_SHOWN; i++)
        om_cli_print("%s %s %d", i ? "," : "", g->ops[i].name, g->ops[i].count);
    om_cli_print("%s\n", g->op_count > OPS_SHOWN ? ", ..." : "");
    for (int i = 0; i < g->external_count; i++)
        om_cli_print("external  %s\n", g->external[i]);
}

static void print_manifest(const struct om_manifest *m)
{
    static const char *const colours[] = {"BGR", "RGB", "grey"};
    static const char *const resizes[] = {"stretched", "letterbox in the centre",
                                          "letterbox at the top left"};
    om_cli_print("%s@%s\n", m->name, m->version);
    om_cli_print("reads     %s, %s\n", om_model_kind_name(m->kind),
                 om_output_family_name(m->family));
    om_cli_print("input     %d x %d, %s, %s, pad %g, mean %g %g %g, std %g %g %g\n", m->input_width,
                 m->input_height, colours[m->colour], resizes[m->resize], (double)m->pad,
                 (double)m->mean[0], (double)m->mean[1], (double)m->mean[2], (double)m->std[0],
                 (double)m->std[1], (double)m->std[2]);
    if (m->labels) {
        om_cli_print("classes   %d:", m->labels->count);
        for (int i = 0; i < m->labels->count && i < CLASSES_SHOWN; i++)
            om_cli_print("%s %s", i ? "," : "", m->labels->names[i]);
        om_cli_print("%s\n", m->labels->count > CLASSES_SHOWN ? ", ..." : "");
    }
    if (m->licence[0])
        om_cli_print("licence   %s\n", m->licence);
    if (m->source[0])
        om_cli_print("source    %s\n", m->source);
}

static void write_ops(struct om_json_writer *w, const struct om_onnx_graph *g)
{
    om_json_key(w, "ops");
    om_json_object(w);
    for (int i = 0; i < g->op_count; i++)
        om_json_kv_int(w, g->ops[i].name, g->ops[i].count);
    om_json_object_end(w);
}

static void show_json(const char *path, const struct om_onnx_graph *g, const struct om_model *model)
{
    struct om_json_writer w;
    om_auto_buf out, manifest;

    om_buf_init(&out, OUT_MAX);
    om_buf_init(&manifest, OUT_MAX);
    om_manifest_write(om_model_manifest(model), &manifest);
    om_json_begin(&w, &out);
    om_json_object(&w);
    om_json_kv_text(&w, "path", path);
    om_json_key(&w, "manifest");
    om_json_raw(&w, om_buf_str(&manifest));
    om_json_kv_int(&w, "opset", g->opset);
    om_json_kv_int(&w, "ir", g->ir);
    om_json_kv_text(&w, "producer", g->producer);
    om_json_kv_int(&w, "nodes", g->node_count);
    om_json_kv_int(&w, "parameters", g->parameter_count);
    om_json_kv_int(&w, "batch_max", om_model_batch_max(model));
    om_json_kv_text(&w, "provider", om_model_provider(model));
    write_tensors(&w, "inputs", g->inputs, g->input_count);
    write_tensors(&w, "outputs", g->outputs, g->output_count);
    write_ops(&w, g);
    om_json_object_end(&w);
    om_cli_print("%s\n", om_buf_text(&out));
}

// The manifest of --manifest; NULL and true when none was given.
static bool given_manifest(const struct options *o, struct om_manifest **ret, struct om_error *err)
{
    if (!o->manifest)
        return true;
    *ret = om_manifest_load(o->manifest, err);
    return *ret != NULL;
}

static int run_show(struct options *o)
{
    char path[OM_REGISTRY_PATH_SIZE];
    struct om_error err = {0};
    const struct om_model_opts opts = model_opts(o);

    if (!om_registry_resolve(o->conf->home, o->positionals[1], path, &err))
        return om_cli_fail(&err);
    om_auto(om_onnx_graph) graph = om_onnx_graph_read(path, &err);
    if (!graph)
        return om_cli_fail(&err);
    om_auto(om_manifest) manifest = NULL;
    if (!given_manifest(o, &manifest, &err))
        return om_cli_fail(&err);
    om_auto(om_model) model = om_model_load(path, manifest, &opts, &err);
    if (model && o->json) {
        show_json(path, graph, model);
        return EX_OK;
    }
    // What the graph says helps most when it could not be loaded.
    if (model)
        print_manifest(om_model_manifest(model));
    if (model || !o->json)
        print_graph(graph);
    return model ? EX_OK : om_cli_fail(&err);
}

// ---- verify ------------------------------------------------------------------------------------

static int run_verify(struct options *o)
{
    char path[OM_REGISTRY_PATH_SIZE], reference[OM_REGISTRY_PATH_SIZE + 16];
    struct om_verify_report report = {0};
    struct om_error err = {0};

    if (!om_registry_resolve(o->conf->home, o->positionals[1], path, &err))
        return om_cli_fail(&err);
    const char *slash = strrchr(path, '/');
    snprintf(reference, sizeof(reference), "%.*sreference.json",
             slash ? (int)(slash + 1 - path) : 0, path);
    om_auto(om_manifest) manifest = NULL;
    if (!given_manifest(o, &manifest, &err))
        return om_cli_fail(&err);
    const struct om_verify_opts opts = {
        .model = model_opts(o), .golden = o->golden, .reference = reference};
    bool is_passed = om_model_verify(path, manifest, &opts, &report, &err);
    if (o->json) {
        struct om_json_writer w;
        om_auto_buf out;
        om_buf_init(&out, OUT_MAX);
        om_json_begin(&w, &out);
        om_json_object(&w);
        om_json_kv_text(&w, "model", o->positionals[1]);
        om_json_kv_bool(&w, "passed", is_passed);
        write_report(&w, &report);
        if (!is_passed) {
            om_json_kv_text(&w, "error", err.text);
            om_json_kv_text(&w, "hint", err.hint);
        }
        om_json_object_end(&w);
        om_cli_print("%s\n", om_buf_text(&out));
    } else {
        print_report(&report);
    }
    if (is_passed)
        return EX_OK;
    return o->json ? om_status_exit_code(err.status) : om_cli_fail(&err);
}

// ---- remove ------------------------------------------------------------------------------------

static int run_remove(struct options *o)
{
    struct om_error err = {0};
    if (!om_registry_remove(o->conf->home, o->positionals[1], &err))
        return om_cli_fail(&err);
    om_cli_print(o->json ? "{\"removed\":true}\n" : "removed\n");
    return EX_OK;
}

// ---- command line ------------------------------------------------------------------------------

static const struct action {
    const char *name;
    int (*run)(struct options *o);
    bool needs_model;
} actions[] = {
    {"add", run_add, true},       {"list", run_list, false},    {"show", run_show, true},
    {"verify", run_verify, true}, {"remove", run_remove, true},
};

static int run_action(struct options *o)
{
    const char *name = o->positionals[0], *best = "list";
    int least = 8;
    struct om_error err = {0};

    for (size_t i = 0; i < OM_ARRAY_LEN(actions); i++) {
        int distance = om_str_distance(om_str_from(name), om_str_from(actions[i].name));
        if (distance < least)
            least = distance, best = actions[i].name;
        if (distance)
            continue;
        if (actions[i].needs_model && o->positional_count < 2)
            return om_cli_usage("model", "omma model %s needs a model", name);
        om_auto(om_conf) conf = om_conf_load(NULL, &err);
        if (!conf)
            return om_cli_fail(&err);
        o->conf = conf;
        return actions[i].run(o);
    }
    return om_cli_usage("model", "there is no \"omma model %s\" (did you mean %s?)", name, best);
}

int om_cmd_model(int argc, char **argv)
{
    struct options o = {0};
    const struct om_arg table[] = {
        {"manifest", 'm', OM_ARG_TEXT, &o.manifest, "FILE", "manifest (YAML or JSON)", 0, 0},
        {"name", 0, OM_ARG_TEXT, &o.name, "NAME", "add: call it NAME", 0, 0},
        {"sha256", 0, OM_ARG_TEXT, &o.sha256, "HEX", "add: what the file must be", 0, 0},
        {"golden", 0, OM_ARG_TEXT, &o.golden, "DIR|JSON", "verify: pictures and expected boxes", 0,
         0},
        {"providers", 0, OM_ARG_TEXT, &o.providers, "LIST", "cpu, cuda, tensorrt, openvino", 0, 0},
        {"catalogue", 0, OM_ARG_FLAG, &o.catalogue, NULL, "list: what add knows by name", 0, 0},
        {"json", 0, OM_ARG_FLAG, &o.json, NULL, "as JSON", 0, 0},
        {0},
    };
    struct om_args args = {
        .usage = "omma model add FILE|FOLDER|URL|NAME | list | show MODEL | verify MODEL | "
                 "remove MODEL",
        .about = "The models of this machine. MODEL is a name, name@version or an .onnx file.",
        .examples = "  omma model add detector.onnx --manifest detector.yaml\n"
                    "  omma model add yolox_nano_416\n"
                    "  omma model verify detector.onnx --golden pictures/expected.json\n",
        .args = table,
        .positionals = o.positionals,
        .positional_max = 2,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    o.positional_count = args.positional_count;
    if (!o.positional_count)
        return om_cli_usage("model", "say add, list, show, verify or remove");
    return run_action(&o);
}
