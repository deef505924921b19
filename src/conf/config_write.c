// Configuration to texts: YAML that reads back equal, and the pages made from the option tables.

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "conf/config_int.h"

// ---- YAML --------------------------------------------------------------------------------------

// Double quotes with escapes: the one YAML form that holds any text. "${" is doubled so that it
// stays text.
static void write_quoted(struct om_buf *out, const char *text)
{
    om_auto_buf escaped;
    om_buf_init(&escaped, 64 * 1024);
    for (const char *c = text; *c; c++) {
        if (c[0] == '$' && c[1] == '{')
            om_buf_append_char(&escaped, '$');
        om_buf_append_char(&escaped, *c);
    }
    struct om_json_writer w;
    om_json_begin(&w, out);
    om_json_text(&w, om_buf_text(&escaped));
}

static void write_text(struct om_buf *out, const char *indent, const char *key, const char *text)
{
    if (!text)
        return;
    om_buf_printf(out, "%s%s: ", indent, key);
    write_quoted(out, text);
    om_buf_append_char(out, '\n');
}

static void write_shape(struct om_buf *out, const struct om_conf_shape *shape)
{
    om_buf_append_text(out, "      ");
    write_quoted(out, shape->name);
    om_buf_append_text(out, ": {points: [");
    for (int i = 0; i < shape->point_count; i++) {
        om_buf_append_text(out, i ? ", [" : "[");
        om_opt_format_number(shape->points[i].x, out);
        om_buf_append_text(out, ", ");
        om_opt_format_number(shape->points[i].y, out);
        om_buf_append_char(out, ']');
    }
    om_buf_append_text(out, "]");
    if (shape->class_count > 0) {
        om_buf_append_text(out, ", classes: [");
        for (int i = 0; i < shape->class_count; i++) {
            om_buf_append_text(out, i ? ", " : "");
            write_quoted(out, shape->classes[i]);
        }
        om_buf_append_text(out, "]");
    }
    om_buf_append_text(out, "}\n");
}

static void write_shapes(struct om_buf *out, const char *key, const struct om_conf_shape *shapes,
                         int count)
{
    if (count == 0)
        return;
    om_buf_printf(out, "    %s:\n", key);
    for (int i = 0; i < count; i++)
        write_shape(out, &shapes[i]);
}

void om_conf_write_camera(const struct om_conf_camera *cam, struct om_buf *out)
{
    om_buf_append_text(out, "  ");
    write_quoted(out, cam->id);
    om_buf_append_text(out, ":\n");
    write_text(out, "    ", "source", cam->source);
    write_text(out, "    ", "fallback", cam->fallback);
    write_text(out, "    ", "model", cam->model);
    if (!cam->enabled)
        om_buf_append_text(out, "    enabled: off\n");
    if (cam->detect_fps > 0) {
        om_buf_append_text(out, "    detect-fps: ");
        om_opt_format_number(cam->detect_fps, out);
        om_buf_append_char(out, '\n');
    }
    write_shapes(out, "zones", cam->zones, cam->zone_count);
    write_shapes(out, "lines", cam->lines, cam->line_count);
}

static void write_option(const struct om_opt *opt, const void *options, const char *indent,
                         struct om_buf *out)
{
    om_auto_buf value;
    om_buf_init(&value, 64 * 1024);
    om_opt_format(opt, options, &value);
    if (opt->type == OM_OPT_SECRET) {
        const char *secret = *(char *const *)(const void *)((const char *)options + opt->offset);
        write_text(out, indent, opt->name, secret);
    } else if (opt->type != OM_OPT_TEXT || value.len > 0) {
        write_text(out, indent, opt->name, om_buf_text(&value));
    }
}

void om_conf_write_yaml(const struct om_conf *conf, struct om_buf *out)
{
    for (const struct om_opt *opt = om_conf_top_group.opts; opt->name; opt++)
        write_option(opt, conf, "", out);
    for (const struct om_opt_group *const *group = om_conf_groups(); *group; group++) {
        om_buf_printf(out, "%s:\n", (*group)->prefix);
        for (const struct om_opt *opt = (*group)->opts; opt->name; opt++)
            write_option(opt, om_conf_section(conf, *group), "  ", out);
    }
    om_buf_append_text(out, conf->camera_count ? "cameras:\n" : "");
    for (int i = 0; i < conf->camera_count; i++)
        om_conf_write_camera(&conf->cameras[i], out);
}

// ---- pages from the tables ---------------------------------------------------------------------

static const char *type_name(enum om_opt_type type)
{
    static const char *const names[] = {
        [OM_OPT_BOOL] = "on/off", [OM_OPT_INT] = "number",    [OM_OPT_DOUBLE] = "number",
        [OM_OPT_RATIO] = "share", [OM_OPT_TIME] = "time",     [OM_OPT_BYTES] = "size",
        [OM_OPT_TEXT] = "text",   [OM_OPT_SECRET] = "secret", [OM_OPT_ENUM] = "word",
    };
    return names[type];
}

void om_conf_write_example(struct om_buf *out)
{
    om_buf_append_text(out,
                       "# omma.yaml: everything has a default; cameras are all it takes.\n\n"
                       "cameras:\n"
                       "  gate: rtsp://user:${GATE_PASSWORD}@10.0.0.7/stream1\n"
                       "  # demo: \"test:\"   # the built-in scene; quoted, because of the colon\n"
                       "  # yard:\n"
                       "  #   source: rtsp://10.0.0.8/stream1\n"
                       "  #   fallback: yard.jpg\n"
                       "  #   model: yolox_nano_416\n"
                       "  #   detect-fps: 5\n"
                       "  #   zones: {door: {points: [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9]], "
                       "classes: [person]}}\n"
                       "  #   lines: {road: {points: [[0.1, 0.6], [0.9, 0.6]]}}\n\n");
    for (int i = -1; i < 0 || om_conf_groups()[i]; i++) {
        const struct om_opt_group *group = i < 0 ? &om_conf_top_group : om_conf_groups()[i];
        if (i >= 0)
            om_buf_printf(out, "\n# %s\n#%s:\n", group->about, group->prefix);
        for (const struct om_opt *opt = group->opts; opt->name; opt++)
            om_buf_printf(out, "#%s%s: %s   # %s\n", i < 0 ? "" : "  ", opt->name,
                          opt->fallback ? opt->fallback : "", opt->help);
    }
}

static void write_env_name(const struct om_opt_group *group, const struct om_opt *opt,
                           struct om_buf *out)
{
    char text[128];
    snprintf(text, sizeof(text), "OMMA_%s%s%s", group->prefix, group->prefix[0] ? "_" : "",
             opt->name);
    for (char *c = text; *c; c++)
        *c = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
    om_buf_append_text(out, text);
}

static void write_range(const struct om_opt *opt, struct om_buf *out)
{
    if (opt->type == OM_OPT_ENUM)
        om_buf_append_text(out, "one of ");
    for (const char *c = opt->type == OM_OPT_ENUM ? opt->names : ""; *c; c++)
        om_buf_append_text(out, *c == '|' ? ", " : (char[]){*c, '\0'});
    bool is_number = opt->type != OM_OPT_TEXT && opt->type != OM_OPT_SECRET;
    double scale = opt->type == OM_OPT_TIME ? 1e-6 : 1;
    if (is_number && opt->min < opt->max)
        om_buf_printf(out, "%g to %g%s", opt->min * scale, opt->max * scale,
                      opt->type == OM_OPT_TIME ? " s" : "");
}

void om_conf_write_docs(struct om_buf *out)
{
    om_buf_append_text(
        out,
        "# Options\n\nMade by `omma docs options` from the option tables. The file is weaker than "
        "the environment, the environment weaker than flags.\n"
        "Times: `500ms`, `2s`, `5m`, `1h`. Sizes: `64KiB`, `3MB`, `2GiB`. `${NAME}` in a text "
        "is replaced from the environment.\n");
    for (int i = -1; i < 0 || om_conf_groups()[i]; i++) {
        const struct om_opt_group *group = i < 0 ? &om_conf_top_group : om_conf_groups()[i];
        om_buf_printf(out, "\n## %s: %s\n\n", i < 0 ? "top level" : group->prefix, group->about);
        om_buf_append_text(out, "| option | kind | default | range | environment | what |\n"
                                "|---|---|---|---|---|---|\n");
        for (const struct om_opt *opt = group->opts; opt->name; opt++) {
            om_buf_printf(out, "| `%s` | %s | %s | ", opt->name, type_name(opt->type),
                          opt->fallback ? opt->fallback : "");
            write_range(opt, out);
            om_buf_append_text(out, " | `");
            write_env_name(group, opt, out);
            om_buf_printf(out, "` | %s%s |\n", opt->help,
                          opt->needs_restart ? " (needs a restart)" : "");
        }
    }
    om_buf_append_text(
        out,
        "\n## cameras\n\nA map of ids (1 to 64 of `a-z 0-9 - _`) to a source, or to a map:\n\n"
        "| key | what |\n|---|---|\n"
        "| `source` | `rtsp://`, `rtsps://`, `http(s)://`, `/dev/videoN` or an index, a file "
        "(`?loop`), a folder of pictures, `test:` |\n"
        "| `fallback` | file or picture shown while the camera is away |\n"
        "| `model` | detector of this camera; else the server's |\n"
        "| `enabled` | `off` keeps it in the list without watching it |\n"
        "| `detect-fps` | most detections a second; 0 = every picture that moves |\n"
        "| `zones` | `{name: {points: [[x, y], ...], classes: [...]}}`, shares of the picture |\n"
        "| `lines` | `{name: {points: [[x, y], [x, y]], classes: [...]}}` |\n");
}

void om_conf_write_flags_help(struct om_buf *out)
{
    for (int i = -1; i < 0 || om_conf_groups()[i]; i++) {
        const struct om_opt_group *group = i < 0 ? &om_conf_top_group : om_conf_groups()[i];
        for (const struct om_opt *opt = group->opts; i < 0 && opt->name; opt++)
            om_buf_printf(out, "      --%-24s %s%s%s%s\n", opt->name, opt->help,
                          opt->fallback ? " (" : "", opt->fallback ? opt->fallback : "",
                          opt->fallback ? ")" : "");
        if (i >= 0)
            om_buf_printf(out, "      --%s-...%*s %s; see 'omma docs options'\n", group->prefix,
                          (int)(20 - strlen(group->prefix)), "", group->about);
    }
}

static void write_schema_type(struct om_json_writer *w, const struct om_opt *opt)
{
    bool is_number = opt->type == OM_OPT_INT || opt->type == OM_OPT_DOUBLE ||
                     opt->type == OM_OPT_RATIO;
    om_json_kv_text(w, "type",
                    opt->type == OM_OPT_BOOL  ? "boolean"
                    : opt->type == OM_OPT_INT ? "integer"
                    : is_number               ? "number"
                                              : "string");
    if (is_number && opt->min < opt->max) {
        om_json_kv_double(w, "minimum", opt->min, 6);
        om_json_kv_double(w, "maximum", opt->max, 6);
    }
    if (opt->type != OM_OPT_ENUM)
        return;
    om_json_key(w, "enum");
    om_json_array(w);
    om_str rest = om_str_from(opt->names), name;
    while (om_str_split(&rest, '|', &name))
        om_json_str(w, name);
    om_json_array_end(w);
}

static void write_schema_options(struct om_json_writer *w, const struct om_opt_group *group)
{
    for (const struct om_opt *opt = group->opts; opt->name; opt++) {
        om_json_key(w, opt->name);
        om_json_object(w);
        write_schema_type(w, opt);
        om_json_kv_text(w, "description", opt->help);
        if (opt->fallback)
            om_json_kv_text(w, "default", opt->fallback);
        om_json_object_end(w);
    }
}

static const char camera_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":"
    "\"object\",\"required\":[\"source\"],\"additionalProperties\":false,\"properties\":{"
    "\"source\":{\"type\":\"string\"},\"fallback\":{\"type\":\"string\"},\"model\":{\"type\":"
    "\"string\"},\"enabled\":{\"type\":\"boolean\"},\"detect-fps\":{\"type\":\"number\","
    "\"minimum\":0,\"maximum\":1000},\"zones\":{\"$ref\":\"#/$defs/shapes\"},\"lines\":{\"$ref\":"
    "\"#/$defs/shapes\"}}}]}}";
static const char shape_schema[] =
    "{\"shapes\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"required\":["
    "\"points\"],\"additionalProperties\":false,\"properties\":{\"points\":{\"type\":\"array\","
    "\"minItems\":2,\"maxItems\":32,\"items\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,"
    "\"items\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1}}},\"classes\":{\"type\":"
    "\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\"}}}}}}";

void om_conf_write_schema(struct om_buf *out)
{
    struct om_json_writer w;
    om_json_begin(&w, out);
    om_json_object(&w);
    om_json_kv_text(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    om_json_kv_text(&w, "title", "omma.yaml");
    om_json_kv_text(&w, "type", "object");
    om_json_kv_bool(&w, "additionalProperties", false);
    om_json_key(&w, "properties");
    om_json_object(&w);
    write_schema_options(&w, &om_conf_top_group);
    for (const struct om_opt_group *const *group = om_conf_groups(); *group; group++) {
        om_json_key(&w, (*group)->prefix);
        om_json_object(&w);
        om_json_kv_text(&w, "type", "object");
        om_json_kv_bool(&w, "additionalProperties", false);
        om_json_key(&w, "properties");
        om_json_object(&w);
        write_schema_options(&w, *group);
        om_json_object_end(&w);
        om_json_object_end(&w);
    }
    om_json_key(&w, "cameras");
    om_json_raw(&w, om_str_from(camera_schema));
    om_json_object_end(&w);
    om_json_key(&w, "$defs");
    om_json_raw(&w, om_str_from(shape_schema));
    om_json_object_end(&w);
}
