#include "conf/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "conf/config_int.h"

enum { FILE_BYTES_MAX = 16 * 1024 * 1024, GROUPS_MAX = 32 };

extern char **environ;

static const struct om_opt top_opts[] = {
    {"listen", OM_OPT_TEXT, offsetof(struct om_conf, listen), 1, 255, "127.0.0.1:8080",
     "address and port of the server; port 0 = any", NULL, true},
    {"model", OM_OPT_TEXT, offsetof(struct om_conf, model), 0, 4096, NULL,
     "detector of all cameras: an installed name or an ONNX file; none = motion only", NULL, false},
    {"home", OM_OPT_TEXT, offsetof(struct om_conf, home), 1, 4096, NULL,
     "folder for events, models and changed cameras", NULL, true},
    {"log-level", OM_OPT_ENUM, offsetof(struct om_conf, log_level), 0, 0, "info",
     "least important line that is logged", "error|warn|info|debug|trace", false},
    {"log-form", OM_OPT_ENUM, offsetof(struct om_conf, log_form), 0, 0, "auto",
     "JSON lines, lines for people, or people on a terminal", "auto|json|human", false},
    {0},
};

const struct om_opt_group om_conf_top_group = {
    .prefix = "",
    .about = "the server",
    .size = sizeof(struct om_conf),
    .opts = top_opts,
};

static const struct om_opt_group *const no_groups[] = {NULL};
static const struct om_opt_group *const *groups = no_groups;

void om_conf_register(const struct om_opt_group *const *new_groups)
{
    groups = new_groups;
}

const struct om_opt_group *const *om_conf_groups(void)
{
    return groups;
}

static int group_count(void)
{
    int n = 0;
    while (groups[n])
        n++;
    om_assert(n <= GROUPS_MAX);
    return n;
}

// ---- life --------------------------------------------------------------------------------------

// Where state goes when nobody says: systemd's folder, XDG's, the home of the user.
static char *default_home(void)
{
    const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_DATA_HOME");
    const char *user = getenv("HOME");
    om_auto_buf path;
    om_buf_init(&path, 4096);
    if (state && state[0])
        om_buf_append_str(&path, om_str_sub(om_str_from(state), 0, strcspn(state, ":")));
    else if (xdg && xdg[0] == '/')
        om_buf_printf(&path, "%s/omma", xdg);
    else
        om_buf_printf(&path, "%s/.local/share/omma", user && user[0] ? user : "/var/tmp");
    return om_strdup(om_buf_text(&path));
}

struct om_conf *om_conf_create(void)
{
    struct om_conf *conf = om_new(struct om_conf);
    om_opt_defaults(&om_conf_top_group, conf);
    conf->home = default_home();
    int n = group_count();
    void **sections = om_new_array(void *, (size_t)n);
    for (int i = 0; i < n; i++) {
        sections[i] = om_alloc(1, groups[i]->size);
        om_opt_defaults(groups[i], sections[i]);
    }
    conf->sections = sections;
    return conf;
}

void om_conf_destroy(struct om_conf *conf)
{
    if (!conf)
        return;
    for (int i = 0; i < conf->camera_count; i++)
        om_conf_camera_finish(&conf->cameras[i]);
    om_free(conf->cameras);
    void **sections = conf->sections;
    for (int i = 0; i < group_count(); i++) {
        om_opt_finish(groups[i], sections[i]);
        om_free(sections[i]);
    }
    om_free(sections);
    om_opt_finish(&om_conf_top_group, conf);
    for (int i = 0; i < conf->flag_count; i++) {
        om_free(conf->flags[i].name);
        om_free(conf->flags[i].value);
    }
    om_free(conf->flags);
    om_free(conf->path);
    om_free(conf);
}

static void remember_flag(struct om_conf *conf, om_str name, om_str value)
{
    conf->flags = om_realloc(conf->flags, (size_t)conf->flag_count + 1, sizeof(*conf->flags));
    conf->flags[conf->flag_count++] = (struct om_conf_flag){om_strndup(name.p, name.n),
                                                            om_strndup(value.p, value.n)};
}

struct om_conf *om_conf_copy(const struct om_conf *conf)
{
    struct om_conf *copy = om_conf_create();
    copy->path = om_strdup(conf->path);
    om_opt_copy(&om_conf_top_group, copy, conf);
    void **to = copy->sections, *const *from = conf->sections;
    for (int i = 0; i < group_count(); i++)
        om_opt_copy(groups[i], to[i], from[i]);
    for (int i = 0; i < conf->flag_count; i++)
        remember_flag(copy, om_str_from(conf->flags[i].name), om_str_from(conf->flags[i].value));
    for (int i = 0; i < conf->camera_count; i++) {
        bool is_put = om_conf_put_camera(copy, &conf->cameras[i], NULL);
        om_assert(is_put);  // it was in a config before
    }
    return copy;
}

void *om_conf_section_mut(struct om_conf *conf, const struct om_opt_group *group)
{
    void **sections = conf->sections;
    for (int i = 0; i < group_count(); i++) {
        if (groups[i] == group)
            return sections[i];
    }
    om_assert(!"an option group that was not registered");
    return NULL;
}

const void *om_conf_section(const struct om_conf *conf, const struct om_opt_group *group)
{
    void *const *sections = conf->sections;
    for (int i = 0; i < group_count(); i++) {
        if (groups[i] == group)
            return sections[i];
    }
    om_assert(!"an option group that was not registered");
    return NULL;
}

// ---- single options: flags and environment -----------------------------------------------------

// "motion-tolerance" -> the group "motion" and its option "tolerance"; top-level names as they are.
static const struct om_opt *find_option(om_str name, const struct om_opt_group **ret_group)
{
    const struct om_opt *opt = om_opt_find(&om_conf_top_group, name, NULL);
    *ret_group = &om_conf_top_group;
    for (int i = 0; !opt && groups[i]; i++) {
        om_str prefix = om_str_from(groups[i]->prefix);
        if (name.n <= prefix.n + 1 || !om_str_starts_with(name, prefix) || name.p[prefix.n] != '-')
            continue;
        *ret_group = groups[i];
        opt = om_opt_find(groups[i], om_str_sub(name, prefix.n + 1, name.n), NULL);
    }
    return opt;
}

static void guess_option(om_str name, struct om_error *err)
{
    char best[128] = "", text[128];
    int best_distance = 4;
    for (int i = -1; i < 0 || groups[i]; i++) {
        const struct om_opt_group *group = i < 0 ? &om_conf_top_group : groups[i];
        for (const struct om_opt *opt = group->opts; opt->name; opt++) {
            snprintf(text, sizeof(text), "%s%s%s", group->prefix, group->prefix[0] ? "-" : "",
                     opt->name);
            int distance = om_str_distance(om_str_from(text), name);
            if (distance < best_distance) {
                best_distance = distance;
                memcpy(best, text, sizeof(best));
            }
        }
    }
    om_error_set(err, OM_INVALID, "there is no option \"--%.*s\"%s%s%s", OM_STR_ARG(name),
                 best[0] ? " (did you mean \"--" : "", best, best[0] ? "\"?)" : "");
    om_error_hint(err, "'omma docs options' lists them all");
}

static bool set_option(struct om_conf *conf, om_str name, om_str value, struct om_error *err)
{
    const struct om_opt_group *group;
    const struct om_opt *opt = find_option(name, &group);
    if (!opt) {
        guess_option(name, err);
        return false;
    }
    void *options = group == &om_conf_top_group ? conf : om_conf_section_mut(conf, group);
    return om_opt_set(opt, options, value, err);
}

bool om_conf_set(struct om_conf *conf, om_str name, om_str value, struct om_error *err)
{
    if (!set_option(conf, name, value, err))
        return false;
    remember_flag(conf, name, value);
    return true;
}

// OMMA_MOTION_HOLD -> "motion-hold".
static void env_to_name(om_str env, char name[128])
{
    (void)om_str_copy(name, 128, om_str_sub(env, strlen("OMMA_"), env.n));
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
}

// Calls fn for each OMMA_... variable; stops when it gives false.
static bool each_env(bool (*fn)(void *ctx, om_str name, om_str value), void *ctx)
{
    for (char **at = environ; *at; at++) {
        om_str text = om_str_from(*at);
        ptrdiff_t equals = om_str_find_char(text, '=');
        if (equals < 0 || !om_str_starts_with(text, OM_STR("OMMA_")))
            continue;
        om_str value = om_str_sub(text, (size_t)equals + 1, text.n);
        if (!fn(ctx, om_str_sub(text, 0, (size_t)equals), value))
            return false;
    }
    return true;
}

struct env_ctx {
    struct om_conf *conf;
    struct om_error *err;
};

static bool set_from_env(void *ctx, om_str env, om_str value)
{
    if (value.n == 0)
        return true;  // "OMMA_MODEL=" is how compose files say that it is not set
    struct env_ctx *c = ctx;
    char name[128];
    const struct om_opt_group *group;
    env_to_name(env, name);
    if (!find_option(om_str_from(name), &group))
        return true;  // om_conf_unknown_env() tells
    if (set_option(c->conf, om_str_from(name), value, c->err))
        return true;
    om_error_prefix(c->err, "environment variable %.*s", OM_STR_ARG(env));
    return false;
}

static bool list_unknown(void *ctx, om_str env, om_str value)
{
    (void)value;
    // Read where they are needed, not by the configuration.
    static const char *const others[] = {"OMMA_ORT_LIBRARY", "OMMA_NVML_LIBRARY", "OMMA_SHARED",
                                         "OMMA_BINARY", "OMMA_BIN"};
    char name[128];
    const struct om_opt_group *group;
    env_to_name(env, name);
    if (find_option(om_str_from(name), &group))
        return true;
    for (size_t i = 0; i < OM_ARRAY_LEN(others); i++) {
        if (om_str_equal(env, om_str_from(others[i])))
            return true;
    }
    om_buf_printf(ctx, "%.*s\n", OM_STR_ARG(env));
    return true;
}

void om_conf_unknown_env(struct om_buf *out)
{
    (void)each_env(list_unknown, out);
}

// ---- load --------------------------------------------------------------------------------------

static bool read_file(const char *path, char **ret, size_t *ret_len, struct om_error *err)
{
    if (om_file_read(path, FILE_BYTES_MAX, ret, ret_len, err))
        return true;
    if (err && err->status == OM_NOT_FOUND)
        om_error_hint(err, "write one: 'omma docs example' prints a start");
    return false;
}

struct om_conf *om_conf_load(const char *path, struct om_error *err)
{
    om_auto(om_conf) conf = om_conf_create();
    if (path) {
        om_auto_free char *text = NULL;
        size_t n = 0;
        if (!read_file(path, &text, &n, err) ||
            !om_conf_parse_over(conf, om_str_n(text, n), path, err)) {
            if (err && !err->hint[0])
                om_error_hint(err, "'omma docs example' prints a file with every option");
            return NULL;
        }
        conf->path = om_strdup(path);
    }
    struct env_ctx ctx = {.conf = conf, .err = err};
    return each_env(set_from_env, &ctx) ? om_steal(&conf) : NULL;
}

struct om_conf *om_conf_reload(const struct om_conf *old, struct om_error *err)
{
    om_assert(old->path);
    om_auto(om_conf) conf = om_conf_load(old->path, err);
    for (int i = 0; conf && i < old->flag_count; i++) {
        const struct om_conf_flag *flag = &old->flags[i];
        if (!om_conf_set(conf, om_str_from(flag->name), om_str_from(flag->value), err))
            return NULL;
    }
    for (int i = 0; conf && i < old->camera_count; i++) {
        if (old->cameras[i].line_number == 0 && !om_conf_put_camera(conf, &old->cameras[i], err))
            return NULL;
    }
    return om_steal(&conf);
}

struct om_conf *om_conf_parse(om_str yaml, const char *name, struct om_error *err)
{
    om_auto(om_conf) conf = om_conf_create();
    return om_conf_parse_over(conf, yaml, name, err) ? om_steal(&conf) : NULL;
}

// ---- cameras -----------------------------------------------------------------------------------

static void shapes_finish(struct om_conf_shape *shapes, int count)
{
    for (int i = 0; i < count; i++) {
        om_free(shapes[i].name);
        om_free(shapes[i].points);
        for (int c = 0; c < shapes[i].class_count; c++)
            om_free(shapes[i].classes[c]);
        om_free(shapes[i].classes);
    }
    om_free(shapes);
}

void om_conf_camera_finish(struct om_conf_camera *cam)
{
    om_free(cam->id);
    om_free(cam->source);
    om_free(cam->fallback);
    om_free(cam->model);
    shapes_finish(cam->zones, cam->zone_count);
    shapes_finish(cam->lines, cam->line_count);
    *cam = (struct om_conf_camera){0};
}

static struct om_conf_shape *shapes_copy(const struct om_conf_shape *shapes, int count)
{
    if (count == 0)
        return NULL;
    struct om_conf_shape *copies = om_new_array(struct om_conf_shape, (size_t)count);
    for (int i = 0; i < count; i++) {
        const struct om_conf_shape *from = &shapes[i];
        struct om_conf_shape *to = &copies[i];
        to->name = om_strdup(from->name);
        to->point_count = from->point_count;
        to->points = om_new_array(struct om_conf_point, (size_t)from->point_count);
        memcpy(to->points, from->points, sizeof(*to->points) * (size_t)from->point_count);
        to->class_count = from->class_count;
        to->classes = om_new_array(char *, (size_t)from->class_count);
        for (int c = 0; c < from->class_count; c++)
            to->classes[c] = om_strdup(from->classes[c]);
    }
    return copies;
}

void om_conf_camera_copy(struct om_conf_camera *dst, const struct om_conf_camera *src)
{
    *dst = *src;
    dst->id = om_strdup(src->id);
    dst->source = om_strdup(src->source);
    dst->fallback = om_strdup(src->fallback);
    dst->model = om_strdup(src->model);
    dst->zones = shapes_copy(src->zones, src->zone_count);
    dst->lines = shapes_copy(src->lines, src->line_count);
}

static bool texts_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool shapes_equal(const struct om_conf_shape *a, const struct om_conf_shape *b, int count)
{
    for (int i = 0; i < count; i++) {
        if (!texts_equal(a[i].name, b[i].name) || a[i].point_count != b[i].point_count ||
            a[i].class_count != b[i].class_count)
            return false;
        for (int p = 0; p < a[i].point_count; p++) {
            if (a[i].points[p].x != b[i].points[p].x || a[i].points[p].y != b[i].points[p].y)
                return false;
        }
        for (int c = 0; c < a[i].class_count; c++) {
            if (!texts_equal(a[i].classes[c], b[i].classes[c]))
                return false;
        }
    }
    return true;
}

bool om_conf_camera_equal(const struct om_conf_camera *a, const struct om_conf_camera *b)
{
    return texts_equal(a->id, b->id) && texts_equal(a->source, b->source) &&
           texts_equal(a->fallback, b->fallback) && texts_equal(a->model, b->model) &&
           a->enabled == b->enabled && a->detect_fps == b->detect_fps &&
           a->zone_count == b->zone_count && a->line_count == b->line_count &&
           shapes_equal(a->zones, b->zones, a->zone_count) &&
           shapes_equal(a->lines, b->lines, a->line_count);
}

const struct om_conf_camera *om_conf_camera(const struct om_conf *conf, om_str id)
{
    for (int i = 0; i < conf->camera_count; i++) {
        if (om_str_equal(om_str_from(conf->cameras[i].id), id))
            return &conf->cameras[i];
    }
    return NULL;
}

static bool check_camera(const struct om_conf_camera *cam, struct om_error *err)
{
    if (!om_str_is_id(om_str_from(cam->id))) {
        om_error_set(err, OM_INVALID, "\"%.80s\" is no camera id", cam->id ? cam->id : "");
        om_error_hint(err, "use 1 to 64 of a-z, 0-9, - and _");
        return false;
    }
    if (!cam->source || !cam->source[0]) {
        om_error_set(err, OM_INVALID, "camera \"%s\" has no source", cam->id);
        om_error_hint(err, "give it one, such as rtsp://10.0.0.7/stream1");
        return false;
    }
    return true;
}

bool om_conf_put_camera(struct om_conf *conf, const struct om_conf_camera *cam,
                        struct om_error *err)
{
    if (!check_camera(cam, err))
        return false;
    const struct om_conf_camera *there = om_conf_camera(conf, om_str_from(cam->id));
    if (there) {
        struct om_conf_camera *at = &conf->cameras[there - conf->cameras];
        struct om_conf_camera copy;
        om_conf_camera_copy(&copy, cam);
        om_conf_camera_finish(at);
        *at = copy;
        return true;
    }
    if (conf->camera_count == OM_CAMERAS_MAX) {
        om_error_set(err, OM_LIMIT, "more than %d cameras", OM_CAMERAS_MAX);
        return false;
    }
    conf->cameras = om_realloc(conf->cameras, (size_t)conf->camera_count + 1,
                               sizeof(*conf->cameras));
    om_conf_camera_copy(&conf->cameras[conf->camera_count++], cam);
    return true;
}

bool om_conf_remove_camera(struct om_conf *conf, om_str id)
{
    const struct om_conf_camera *there = om_conf_camera(conf, id);
    if (!there)
        return false;
    size_t at = (size_t)(there - conf->cameras);
    om_conf_camera_finish(&conf->cameras[at]);
    conf->camera_count--;
    memmove(&conf->cameras[at], &conf->cameras[at + 1],
            sizeof(*conf->cameras) * ((size_t)conf->camera_count - at));
    return true;
}
