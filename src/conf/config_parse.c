// YAML to configuration: every complaint carries file and line.

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "conf/config_int.h"
#include "conf/yaml.h"

enum {
    TEXT_BYTES_MAX = 4096,
    SHAPES_MAX = 32,  // as many as scene/zone.h can count with
    POINTS_MAX = 32,
    CLASSES_MAX = 16,
    SHAPES_FILE_BYTES_MAX = 1024 * 1024,
};

// Where a complaint has no better hint of its own.
static const char
    form_hint[] = "'omma docs example' shows the form, 'omma docs options' every option";

static bool complain(const char *name, int line, struct om_error *err, const char *text)
{
    om_error_set(err, OM_INVALID, "%s:%d: %s", name, line, text);
    om_error_hint(err, "%s", form_hint);
    return false;
}

// Puts "omma.yaml:12" in front of what a value's own parser said; its hint stays.
static bool place(const char *name, int line, struct om_error *err)
{
    if (err) {
        char hint[sizeof(err->hint)];
        memcpy(hint, err->hint, sizeof(hint));
        om_error_prefix(err, "%s:%d", name, line);
        memcpy(err->hint, hint, sizeof(hint));
        if (!err->hint[0])
            om_error_hint(err, "%s", form_hint);
    }
    return false;
}

static bool unknown_key(const char *name, int line, om_str key, const char *guess,
                        struct om_error *err)
{
    om_error_set(err, OM_INVALID, "%s:%d: unknown key \"%.*s\"%s%s%s", name, line, OM_STR_ARG(key),
                 guess ? " (did you mean \"" : "", guess ? guess : "", guess ? "\"?)" : "");
    om_error_hint(err, "%s", form_hint);
    return false;
}

static bool key_is(om_str key, const char *name)
{
    size_t n = strlen(name);
    if (key.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if ((key.p[i] == '_' ? '-' : key.p[i]) != name[i])
            return false;
    }
    return true;
}

// ---- texts with ${NAME} ------------------------------------------------------------------------

static bool append_variable(om_str name, struct om_buf *out, struct om_error *err)
{
    char text[128];
    if (name.n == 0 || !om_str_copy(text, sizeof(text), name)) {
        om_error_set(err, OM_INVALID, "${...} needs the name of an environment variable");
        return false;
    }
    const char *value = getenv(text);
    if (!value) {
        om_error_set(err, OM_INVALID, "the environment variable %s is not set", text);
        om_error_hint(err, "set it before the start, or write the value here");
        return false;
    }
    om_buf_append_text(out, value);
    return true;
}

// "$${" stands for "${".
static bool expand(om_str text, struct om_buf *out, struct om_error *err)
{
    while (text.n > 0) {
        ptrdiff_t at = om_str_find(text, OM_STR("${"));
        if (at < 0) {
            om_buf_append_str(out, text);
            return true;
        }
        if (at > 0 && text.p[at - 1] == '$') {
            om_buf_append(out, text.p, (size_t)at - 1);
            om_buf_append_text(out, "${");
            text = om_str_sub(text, (size_t)at + 2, text.n);
            continue;
        }
        om_buf_append(out, text.p, (size_t)at);
        om_str rest = om_str_sub(text, (size_t)at + 2, text.n);
        ptrdiff_t end = om_str_find_char(rest, '}');
        if (end < 0) {
            om_error_set(err, OM_INVALID, "\"${\" without \"}\"");
            return false;
        }
        if (!append_variable(om_str_sub(rest, 0, (size_t)end), out, err))
            return false;
        text = om_str_sub(rest, (size_t)end + 1, rest.n);
    }
    return true;
}

static bool text_of(const struct om_yaml_node *node, const char *name, struct om_buf *out,
                    struct om_error *err)
{
    om_buf_clear(out);
    if (om_yaml_type(node) == OM_YAML_LIST || om_yaml_type(node) == OM_YAML_MAP)
        return complain(name, om_yaml_line(node), err, "one value was expected here");
    om_str text = om_yaml_str(node, OM_STR(""));
    if (text.n && memchr(text.p, 0, text.n))
        return complain(name, om_yaml_line(node), err, "a text must not hold a NUL");
    if (!expand(text, out, err))
        return place(name, om_yaml_line(node), err);
    if (out->has_failed)
        return complain(name, om_yaml_line(node), err, "this text is too long");
    return true;
}

static bool set_text(char **at, const struct om_yaml_node *node, const char *name,
                     struct om_error *err)
{
    om_auto_buf text;
    om_buf_init(&text, TEXT_BYTES_MAX);
    if (!text_of(node, name, &text, err))
        return false;
    om_free(*at);
    *at = text.len ? om_strdup(om_buf_text(&text)) : NULL;
    return true;
}

// ---- zones and lines ---------------------------------------------------------------------------

static bool parse_point(struct om_conf_point *point, const struct om_yaml_node *node,
                        const char *name, struct om_error *err)
{
    if (om_yaml_type(node) != OM_YAML_LIST || om_yaml_len(node) != 2 ||
        !om_yaml_double(om_yaml_at(node, 0), &point->x) ||
        !om_yaml_double(om_yaml_at(node, 1), &point->y))
        return complain(name, om_yaml_line(node), err, "a point is [x, y]");
    if (point->x < 0 || point->x > 1 || point->y < 0 || point->y > 1) {
        (void)complain(name, om_yaml_line(node), err, "a point lies outside of the picture");
        om_error_hint(err, "coordinates are shares of width and height, from 0 to 1");
        return false;
    }
    return true;
}

static bool parse_points(struct om_conf_shape *shape, const struct om_yaml_node *node, bool is_line,
                         const char *name, struct om_error *err)
{
    size_t n = om_yaml_len(node);
    bool is_list = om_yaml_type(node) == OM_YAML_LIST;
    if (is_line && (!is_list || n != 2))
        return complain(name, om_yaml_line(node), err, "a line has two points: [[x, y], [x, y]]");
    if (!is_list || n < 2 || (!is_line && n < 3) || n > POINTS_MAX)
        return complain(name, om_yaml_line(node), err, "a zone has 3 to 32 points: [[x, y], ...]");
    om_free(shape->points);
    shape->points = om_new_array(struct om_conf_point, n);
    shape->point_count = (int)n;
    for (size_t i = 0; i < n; i++) {
        if (!parse_point(&shape->points[i], om_yaml_at(node, i), name, err))
            return false;
    }
    return true;
}

static bool parse_classes(struct om_conf_shape *shape, const struct om_yaml_node *node,
                          const char *name, struct om_error *err)
{
    size_t n = om_yaml_len(node);
    if (om_yaml_type(node) == OM_YAML_NULL)
        return true;
    if (om_yaml_type(node) != OM_YAML_LIST || n > CLASSES_MAX)
        return complain(name, om_yaml_line(node), err, "classes is a list of up to 16 names");
    shape->classes = om_new_array(char *, n);
    for (size_t i = 0; i < n; i++) {
        if (!set_text(&shape->classes[i], om_yaml_at(node, i), name, err))
            return false;
        shape->class_count++;
        if (!shape->classes[i])
            return complain(name, om_yaml_line(node), err, "a class without a name");
    }
    return true;
}

static bool parse_shape(struct om_conf_shape *shape, const struct om_yaml_node *node, bool is_line,
                        const char *name, struct om_error *err)
{
    if (om_yaml_type(node) != OM_YAML_MAP)
        return complain(name, om_yaml_line(node), err, "{points: [[x, y], ...]} was expected here");
    for (size_t i = 0; i < om_yaml_len(node); i++) {
        om_str key;
        int line;
        const struct om_yaml_node *value = om_yaml_pair(node, i, &key, &line);
        if (key_is(key, "points")) {
            if (!parse_points(shape, value, is_line, name, err))
                return false;
        } else if (key_is(key, "classes")) {
            if (!parse_classes(shape, value, name, err))
                return false;
        } else {
            const char *guess = om_str_distance(key, OM_STR("points")) <
                                        om_str_distance(key, OM_STR("classes"))
                                    ? "points"
                                    : "classes";
            return unknown_key(name, line, key, guess, err);
        }
    }
    return shape->point_count > 0 ||
           complain(name, om_yaml_line(node), err, "the points are missing");
}

static bool parse_shapes(struct om_conf_shape **ret, int *ret_count,
                         const struct om_yaml_node *node, bool is_line, const char *name,
                         struct om_error *err)
{
    size_t n = om_yaml_len(node);
    if (om_yaml_type(node) == OM_YAML_NULL)
        return true;
    if (om_yaml_type(node) != OM_YAML_MAP || n > SHAPES_MAX)
        return complain(name, om_yaml_line(node), err,
                        "up to 32 names with their points belong here");
    *ret = om_new_array(struct om_conf_shape, n);
    for (size_t i = 0; i < n; i++) {
        om_str key;
        int line;
        const struct om_yaml_node *value = om_yaml_pair(node, i, &key, &line);
        if (!om_str_is_id(key)) {
            (void)complain(name, line, err, "this is no name for a zone or line");
            om_error_hint(err, "use 1 to 64 of a-z, 0-9, - and _");
            return false;
        }
        (*ret)[i].name = om_strndup(key.p, key.n);
        ++*ret_count;
        if (!parse_shape(&(*ret)[i], value, is_line, name, err))
            return false;
    }
    return true;
}

// ---- cameras -----------------------------------------------------------------------------------

static bool parse_detect_fps(struct om_conf_camera *cam, const struct om_yaml_node *node,
                             const char *name, struct om_error *err)
{
    if (om_yaml_double(node, &cam->detect_fps) && cam->detect_fps >= 0 && cam->detect_fps <= 1000)
        return true;
    return complain(name, om_yaml_line(node), err, "detect-fps is a number from 0 to 1000");
}

static const char *const camera_keys[] = {"source",     "fallback", "model", "enabled",
                                          "detect-fps", "record",   "zones", "lines"};

static const char *guess_camera_key(om_str key)
{
    const char *best = NULL;
    int best_distance = 4;
    for (size_t i = 0; i < OM_ARRAY_LEN(camera_keys); i++) {
        int distance = om_str_distance(om_str_from(camera_keys[i]), key);
        if (distance < best_distance) {
            best_distance = distance;
            best = camera_keys[i];
        }
    }
    return best;
}

static bool parse_camera_key(struct om_conf_camera *cam, om_str key, int line,
                             const struct om_yaml_node *value, const char *name,
                             struct om_error *err)
{
    if (key_is(key, "source"))
        return set_text(&cam->source, value, name, err);
    if (key_is(key, "fallback"))
        return set_text(&cam->fallback, value, name, err);
    if (key_is(key, "model"))
        return set_text(&cam->model, value, name, err);
    if (key_is(key, "enabled"))
        return om_yaml_bool(value, &cam->enabled) ||
               complain(name, line, err, "enabled is on or off");
    if (key_is(key, "detect-fps"))
        return parse_detect_fps(cam, value, name, err);
    if (key_is(key, "zones"))
        return parse_shapes(&cam->zones, &cam->zone_count, value, false, name, err);
    if (key_is(key, "lines"))
        return parse_shapes(&cam->lines, &cam->line_count, value, true, name, err);
    if (key_is(key, "record")) {
        bool wanted = true;
        if (om_yaml_bool(value, &wanted) && !wanted)
            return true;
        (void)complain(name, line, err, "recording is not available in this version");
        om_error_hint(err, "take the key out, or write 'record: off'");
        return false;
    }
    return unknown_key(name, line, key, guess_camera_key(key), err);
}

bool om_conf_parse_camera(struct om_conf_camera *cam, const struct om_yaml_node *node,
                          const char *name, struct om_error *err)
{
    cam->line_number = om_yaml_line(node);
    cam->enabled = true;
    if (om_yaml_type(node) == OM_YAML_SCALAR)
        return set_text(&cam->source, node, name, err);
    if (om_yaml_type(node) != OM_YAML_MAP) {
        (void)complain(name, om_yaml_line(node), err, "a camera is a source, or a map with one");
        om_error_hint(err, "gate: rtsp://10.0.0.7/stream1");
        return false;
    }
    for (size_t i = 0; i < om_yaml_len(node); i++) {
        om_str key;
        int line;
        const struct om_yaml_node *value = om_yaml_pair(node, i, &key, &line);
        if (!parse_camera_key(cam, key, line, value, name, err))
            return false;
    }
    return true;
}

static bool parse_cameras(struct om_conf *conf, const struct om_yaml_node *node, const char *name,
                          struct om_error *err)
{
    if (om_yaml_type(node) == OM_YAML_NULL)
        return true;
    if (om_yaml_type(node) != OM_YAML_MAP)
        return complain(name, om_yaml_line(node), err, "cameras is a map of ids and sources");
    for (size_t i = 0; i < om_yaml_len(node); i++) {
        om_str key;
        int line;
        const struct om_yaml_node *value = om_yaml_pair(node, i, &key, &line);
        struct om_conf_camera cam = {.id = om_strndup(key.p, key.n)};
        bool is_ok = om_conf_parse_camera(&cam, value, name, err);
        if (is_ok && !om_conf_put_camera(conf, &cam, err))
            is_ok = place(name, line, err);
        om_conf_camera_finish(&cam);
        if (!is_ok)
            return false;
    }
    return true;
}

// ---- sections and the whole --------------------------------------------------------------------

static bool parse_option(const struct om_opt *opt, void *options, const struct om_yaml_node *value,
                         const char *name, struct om_error *err)
{
    om_auto_buf text;
    om_buf_init(&text, TEXT_BYTES_MAX);
    if (!text_of(value, name, &text, err))
        return false;
    return om_opt_set(opt, options, om_buf_str(&text), err) ||
           place(name, om_yaml_line(value), err);
}

static bool parse_section(struct om_conf *conf, const struct om_opt_group *group,
                          const struct om_yaml_node *node, const char *name, struct om_error *err)
{
    void *options = om_conf_section_mut(conf, group);
    if (om_yaml_type(node) == OM_YAML_NULL)
        return true;
    if (om_yaml_type(node) != OM_YAML_MAP)
        return complain(name, om_yaml_line(node), err, "a section is a map of options");
    for (size_t i = 0; i < om_yaml_len(node); i++) {
        om_str key;
        int line;
        const char *guess;
        const struct om_yaml_node *value = om_yaml_pair(node, i, &key, &line);
        const struct om_opt *opt = om_opt_find(group, key, &guess);
        if (!opt)
            return unknown_key(name, line, key, guess, err);
        if (!parse_option(opt, options, value, name, err))
            return false;
    }
    return true;
}

static const struct om_opt_group *find_group(om_str key)
{
    for (const struct om_opt_group *const *group = om_conf_groups(); *group; group++) {
        if (key_is(key, (*group)->prefix))
            return *group;
    }
    return NULL;
}

static const char *guess_top_key(om_str key, const char *guess)
{
    if (guess)
        return guess;
    if (om_str_distance(key, OM_STR("cameras")) < 4)
        return "cameras";
    for (const struct om_opt_group *const *group = om_conf_groups(); *group; group++) {
        if (om_str_distance(key, om_str_from((*group)->prefix)) < 3)
            return (*group)->prefix;
    }
    return NULL;
}

bool om_conf_parse_over(struct om_conf *conf, om_str yaml, const char *name, struct om_error *err)
{
    om_auto(om_yaml) doc = om_yaml_parse(yaml, name, err);
    if (!doc)
        return false;
    const struct om_yaml_node *root = om_yaml_root(doc);
    if (om_yaml_type(root) != OM_YAML_MAP && om_yaml_type(root) != OM_YAML_NULL)
        return complain(name, om_yaml_line(root), err, "a configuration is a map of keys");
    for (size_t i = 0; i < om_yaml_len(root); i++) {
        om_str key;
        int line;
        const char *guess = NULL;
        const struct om_yaml_node *value = om_yaml_pair(root, i, &key, &line);
        const struct om_opt_group *group = find_group(key);
        const struct om_opt *opt = group ? NULL : om_opt_find(&om_conf_top_group, key, &guess);
        bool is_ok = key_is(key, "cameras") ? parse_cameras(conf, value, name, err)
                     : group                ? parse_section(conf, group, value, name, err)
                     : opt                  ? parse_option(opt, conf, value, name, err)
                           : unknown_key(name, line, key, guess_top_key(key, guess), err);
        if (!is_ok)
            return false;
    }
    return true;
}

static bool parse_shapes_file(struct om_conf_camera *cam, om_str text, const char *path,
                              struct om_error *err)
{
    om_auto(om_yaml) doc = om_yaml_parse(text, path, err);
    if (!doc)
        return false;
    const struct om_yaml_node *root = om_yaml_root(doc);
    if (om_yaml_type(root) != OM_YAML_MAP)
        return complain(path, 1, err, "{lines: {name: {points: ...}}} was expected");
    for (size_t i = 0; i < om_yaml_len(root); i++) {
        om_str key;
        int line;
        const struct om_yaml_node *value = om_yaml_pair(root, i, &key, &line);
        if (!key_is(key, "zones") && !key_is(key, "lines"))
            return unknown_key(path, line, key,
                               om_str_distance(key, OM_STR("zones")) < 3 ? "zones" : "lines", err);
        if (!parse_camera_key(cam, key, line, value, path, err))
            return false;
    }
    return true;
}

bool om_conf_load_shapes(const char *path, struct om_conf_camera *ret, struct om_error *err)
{
    om_auto_free char *text = NULL;
    size_t n = 0;
    if (!om_file_read(path, SHAPES_FILE_BYTES_MAX, &text, &n, err))
        return false;
    if (parse_shapes_file(ret, om_str_n(text, n), path, err))
        return true;
    om_conf_camera_finish(ret);
    return false;
}
