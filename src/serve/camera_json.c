#include "serve/camera_json.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "conf/config.h"
#include "scene/zone.h"
#include "source/source.h"

enum { TEXT_MAX = 2048, DETECT_FPS_MAX = 1000, GUESS_DISTANCE_MAX = 3 };

typedef bool read_fn(const struct om_json *value, struct om_conf_camera *cam, struct om_error *err);

struct field {
    const char *name;
    read_fn *read;
};

// ---- plain members -----------------------------------------------------------------------------

// An owned copy of a text without control characters, NULL for JSON null where that is allowed.
static bool read_text(const struct om_json *value, const char *name, char **at,
                      struct om_error *err)
{
    om_str text = om_json_as_str(value, OM_STR(""));
    bool is_ok = om_json_type(value) == OM_JSON_STRING && text.n > 0 && text.n <= TEXT_MAX;
    for (size_t i = 0; is_ok && i < text.n; i++)
        is_ok = (unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7f;
    if (!is_ok) {
        om_error_set(err, OM_INVALID, "\"%s\" must be a text of 1 to %d characters", name,
                     TEXT_MAX);
        return false;
    }
    om_free(*at);
    *at = om_strndup(text.p, text.n);
    return true;
}

static bool is_shown_form(const char *source, om_str text)
{
    enum om_source_kind kind;
    char safe[OM_SOURCE_TEXT_SIZE];
    return source && om_source_classify(source, &kind, safe, NULL) == OM_OK &&
           om_str_equal(om_str_from(safe), text);
}

static bool read_id(const struct om_json *value, struct om_conf_camera *cam, struct om_error *err)
{
    om_str text = om_json_as_str(value, OM_STR(""));
    if (!om_str_is_id(text)) {
        om_error_set(err, OM_INVALID, "\"id\" must be 1 to 64 of a-z, 0-9, _ and -");
        om_error_hint(err, "leave it out and one is made from the source");
        return false;
    }
    if (cam->id && !om_str_equal(om_str_from(cam->id), text)) {
        om_error_set(err, OM_INVALID, "the id of a camera cannot change");
        om_error_hint(err, "add a camera with the new id and remove this one");
        return false;
    }
    om_free(cam->id);
    cam->id = om_strndup(text.p, text.n);
    return true;
}

static bool read_source(const struct om_json *value, struct om_conf_camera *cam,
                        struct om_error *err)
{
    enum om_source_kind kind;
    char safe[OM_SOURCE_TEXT_SIZE];
    if (is_shown_form(cam->source, om_json_as_str(value, OM_STR(""))))
        return true;
    return read_text(value, "source", &cam->source, err) &&
           om_source_classify(cam->source, &kind, safe, err) == OM_OK;
}

static bool read_fallback(const struct om_json *value, struct om_conf_camera *cam,
                          struct om_error *err)
{
    enum om_source_kind kind;
    char safe[OM_SOURCE_TEXT_SIZE];
    if (om_json_type(value) == OM_JSON_NULL) {
        om_free(om_steal(&cam->fallback));
        return true;
    }
    if (is_shown_form(cam->fallback, om_json_as_str(value, OM_STR(""))))
        return true;
    if (!read_text(value, "fallback", &cam->fallback, err) ||
        om_source_classify(cam->fallback, &kind, safe, err) != OM_OK) {
        om_error_prefix(err, "fallback");
        return false;
    }
    if (kind == OM_SOURCE_RTSP || kind == OM_SOURCE_HTTP || kind == OM_SOURCE_USB) {
        om_error_set(err, OM_INVALID,
                     "\"fallback\" must be a file: another camera may be away too");
        om_error_hint(err, "give a video or a picture on this machine");
        return false;
    }
    return true;
}

static bool read_model(const struct om_json *value, struct om_conf_camera *cam,
                       struct om_error *err)
{
    if (om_json_type(value) == OM_JSON_NULL) {
        om_free(om_steal(&cam->model));
        return true;
    }
    return read_text(value, "model", &cam->model, err);
}

static bool read_enabled(const struct om_json *value, struct om_conf_camera *cam,
                         struct om_error *err)
{
    if (om_json_type(value) != OM_JSON_BOOL) {
        om_error_set(err, OM_INVALID, "\"enabled\" must be true or false");
        return false;
    }
    cam->enabled = om_json_as_bool(value, true);
    return true;
}

static bool read_detect_fps(const struct om_json *value, struct om_conf_camera *cam,
                            struct om_error *err)
{
    double fps = om_json_as_double(value, NAN);
    if (!(fps >= 0 && fps <= DETECT_FPS_MAX)) {
        om_error_set(err, OM_INVALID, "\"detect_fps\" must be a number from 0 to %d",
                     DETECT_FPS_MAX);
        om_error_hint(err, "0 detects on every picture that moves");
        return false;
    }
    cam->detect_fps = fps;
    return true;
}

// ---- zones and lines ---------------------------------------------------------------------------

struct shape_kind {
    const char *key;  // in the camera
    int points_min, points_max;
    const char *points_text;
};

static const struct shape_kind zone_kind = {"zones", 3, OM_ZONE_POINTS_MAX, "3 to 32 points"};
static const struct shape_kind line_kind = {"lines", 2, 2, "2 points"};

static void shapes_free(struct om_conf_shape *shapes, int count)
{
    for (int i = 0; i < count; i++) {
        for (int c = 0; c < shapes[i].class_count; c++)
            om_free(shapes[i].classes[c]);
        om_free(shapes[i].classes);
        om_free(shapes[i].points);
        om_free(shapes[i].name);
    }
    om_free(shapes);
}

static bool read_point(const struct om_json *value, struct om_conf_point *ret)
{
    ret->x = om_json_as_double(om_json_at(value, 0), NAN);
    ret->y = om_json_as_double(om_json_at(value, 1), NAN);
    return om_json_type(value) == OM_JSON_ARRAY && om_json_len(value) == 2 && ret->x >= 0 &&
           ret->x <= 1 && ret->y >= 0 && ret->y <= 1;
}

static bool read_points(const struct om_json *value, const struct shape_kind *kind,
                        struct om_conf_shape *shape, struct om_error *err)
{
    int count = (int)OM_MIN(om_json_len(value), 1000u);
    if (om_json_type(value) != OM_JSON_ARRAY || count < kind->points_min ||
        count > kind->points_max) {
        om_error_set(err, OM_INVALID, "%s.%s.points must be a list of %s", kind->key, shape->name,
                     kind->points_text);
        om_error_hint(err, "a point is [x, y] in shares of the picture's width and height");
        return false;
    }
    shape->points = om_new_array(struct om_conf_point, (size_t)count);
    shape->point_count = count;
    for (int i = 0; i < count; i++) {
        if (!read_point(om_json_at(value, (size_t)i), &shape->points[i])) {
            om_error_set(err, OM_INVALID, "%s.%s.points[%d] must be [x, y], both from 0 to 1",
                         kind->key, shape->name, i);
            om_error_hint(err, "coordinates are shares of the picture, not pixels");
            return false;
        }
    }
    return true;
}

static bool read_classes(const struct om_json *value, const struct shape_kind *kind,
                         struct om_conf_shape *shape, struct om_error *err)
{
    if (om_json_type(value) == OM_JSON_NULL)
        return true;
    size_t count = om_json_len(value);
    bool is_ok = om_json_type(value) == OM_JSON_ARRAY && count <= OM_SHAPE_CLASSES_MAX;
    if (is_ok)
        shape->classes = om_new_array(char *, count);
    for (size_t i = 0; is_ok && i < count; i++) {
        om_str text = om_json_as_str(om_json_at(value, i), OM_STR(""));
        is_ok = text.n > 0 && text.n <= 63;
        if (is_ok)
            shape->classes[shape->class_count++] = om_strndup(text.p, text.n);
    }
    if (!is_ok) {
        om_error_set(err, OM_INVALID, "%s.%s.classes must be a list of at most %d labels",
                     kind->key, shape->name, OM_SHAPE_CLASSES_MAX);
        om_error_hint(err, "for example [\"car\", \"truck\"]; an empty list counts all");
    }
    return is_ok;
}

static bool read_shape(const struct om_json *value, const struct shape_kind *kind,
                       struct om_conf_shape *shape, struct om_error *err)
{
    const char *key;
    const struct om_json *member;
    if (om_json_type(value) != OM_JSON_OBJECT) {
        om_error_set(err, OM_INVALID, "%s.%s must be an object", kind->key, shape->name);
        om_error_hint(err, "its corners go into \"points\": {\"points\": [[x, y], ...]}");
        return false;
    }
    for (void *at = NULL; om_json_next(value, &at, &key, &member);) {
        if (strcmp(key, "points") != 0 && strcmp(key, "classes") != 0) {
            om_error_set(err, OM_INVALID, "%s.%s: unknown key \"%.40s\"", kind->key, shape->name,
                         key);
            om_error_hint(err, "it has \"points\" and, if not all count, \"classes\"");
            return false;
        }
    }
    return read_points(om_json_get(value, "points"), kind, shape, err) &&
           read_classes(om_json_get(value, "classes"), kind, shape, err);
}

static bool read_shapes(const struct om_json *value, const struct shape_kind *kind,
                        struct om_conf_shape **at, int *at_count, struct om_error *err)
{
    size_t count = om_json_len(value);
    enum om_json_type type = om_json_type(value);
    if ((type != OM_JSON_OBJECT && type != OM_JSON_NULL) || count > OM_SHAPES_MAX) {
        om_error_set(err, OM_INVALID, "\"%s\" must be an object of at most %d names", kind->key,
                     OM_SHAPES_MAX);
        om_error_hint(err, "for example {\"gate\": {\"points\": [[0.1, 0.5], [0.9, 0.5]]}}");
        return false;
    }
    struct om_conf_shape *shapes = om_new_array(struct om_conf_shape, OM_MAX(count, 1u));
    const char *name;
    const struct om_json *member;
    void *walk = NULL;
    for (int i = 0; om_json_next(value, &walk, &name, &member); i++) {
        bool is_named = om_str_is_id(om_str_from(name));
        if (!is_named) {
            om_error_set(err, OM_INVALID, "%s: \"%.64s\" is no name: 1 to 64 of a-z, 0-9, _ and -",
                         kind->key, name);
        } else {
            shapes[i].name = om_strdup(name);
        }
        if (!is_named || !read_shape(member, kind, &shapes[i], err)) {
            shapes_free(shapes, i + 1);
            return false;
        }
    }
    shapes_free(*at, *at_count);
    *at = shapes;
    *at_count = (int)count;
    return true;
}

static bool read_zones(const struct om_json *value, struct om_conf_camera *cam,
                       struct om_error *err)
{
    return read_shapes(value, &zone_kind, &cam->zones, &cam->zone_count, err);
}

static bool read_lines(const struct om_json *value, struct om_conf_camera *cam,
                       struct om_error *err)
{
    return read_shapes(value, &line_kind, &cam->lines, &cam->line_count, err);
}

// ---- the whole ---------------------------------------------------------------------------------

static const struct field fields[] = {
    {"id", read_id},       {"source", read_source},   {"fallback", read_fallback},
    {"model", read_model}, {"enabled", read_enabled}, {"detect_fps", read_detect_fps},
    {"zones", read_zones}, {"lines", read_lines},
};

static void say_unknown(const char *key, struct om_error *err)
{
    const char *guess = NULL;
    int best = GUESS_DISTANCE_MAX;
    for (size_t i = 0; i < OM_ARRAY_LEN(fields); i++) {
        int distance = om_str_distance(om_str_from(key), om_str_from(fields[i].name));
        if (distance < best) {
            best = distance;
            guess = fields[i].name;
        }
    }
    om_error_set(err, OM_INVALID, "unknown key \"%.64s\"", key);
    if (guess)
        om_error_hint(err, "did you mean \"%s\"?", guess);
    else
        om_error_hint(err, "a camera has id, source, fallback, model, enabled, detect_fps, zones "
                           "and lines");
}

static bool read_member(const char *key, const struct om_json *value, struct om_conf_camera *cam,
                        struct om_error *err)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i].name, key) == 0)
            return fields[i].read(value, cam, err);
    }
    say_unknown(key, err);
    return false;
}

bool om_camera_json_read(const struct om_json *body, struct om_conf_camera *cam,
                         struct om_error *err)
{
    if (om_json_type(body) != OM_JSON_OBJECT) {
        om_error_set(err, OM_INVALID, "the body must be a JSON object");
        om_error_hint(err, "for example {\"source\": \"rtsp://10.0.0.7/stream1\"}");
        return false;
    }
    const char *key;
    const struct om_json *value;
    for (void *at = NULL; om_json_next(body, &at, &key, &value);) {
        if (!read_member(key, value, cam, err))
            return false;
    }
    return true;
}

void om_camera_json_write_shapes(struct om_json_writer *w, const struct om_conf_shape *shapes,
                                 int count)
{
    om_json_object(w);
    for (int i = 0; i < count; i++) {
        const struct om_conf_shape *shape = &shapes[i];
        om_json_key(w, shape->name);
        om_json_object(w);
        om_json_key(w, "points");
        om_json_array(w);
        for (int p = 0; p < shape->point_count; p++) {
            om_json_array(w);
            om_json_double(w, shape->points[p].x, 6);
            om_json_double(w, shape->points[p].y, 6);
            om_json_array_end(w);
        }
        om_json_array_end(w);
        om_json_key(w, "classes");
        om_json_array(w);
        for (int c = 0; c < shape->class_count; c++)
            om_json_text(w, shape->classes[c]);
        om_json_array_end(w);
        om_json_object_end(w);
    }
    om_json_object_end(w);
}
