// The configuration of a server: omma.yaml as a typed value. File < environment < flags.
//
// A config is a plain value that is never changed once it is in use: a change makes a new one,
// compares camera by camera and applies only what differs (pipeline/).

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/str.h"

struct om_buf;
struct om_error;

enum { OM_CAMERAS_MAX = 4096 };

struct om_conf_point {
    double x, y;  // shares of the upright picture, 0..1
};

// A zone (3 points or more) or a line (2 points).
struct om_conf_shape {
    char *name;  // an id
    int point_count;
    struct om_conf_point *points;
    int class_count;
    char **classes;  // none = all
};

struct om_conf_camera {
    char *id;        // an id: [a-z0-9_-]{1,64}
    char *source;    // a secret: may hold credentials; never print it, print om_source_classify()'s
                     // form
    char *fallback;  // file or picture shown while the camera is away; NULL = the last picture
    char *model;     // name or file; NULL = the server's
    bool enabled;    // default true
    double detect_fps;  // most detections a second; 0 = every frame that moves
    int zone_count, line_count;
    struct om_conf_shape *zones, *lines;
    int line_number;  // in the file, for messages
};

// Sections with option tables register themselves here by group (see om_conf_groups()).
struct om_conf_flag {
    char *name, *value;
};

struct om_conf {
    char *path;     // of the file it came from; NULL = none
    char *listen;   // "127.0.0.1:8080"
    char *model;    // NULL = none given (motion only, or the built-in default)
    char *home;     // state directory
    int log_level;  // enum om_log_level
    int log_form;   // enum om_log_form
    int camera_count;
    struct om_conf_camera *cameras;
    int flag_count;
    struct om_conf_flag *flags;  // what om_conf_set() laid over the file, for om_conf_reload()
    void *sections;              // option structs of the registered groups, private
};

struct om_opt_group;

// The option groups a program registers before it parses anything; ended by NULL. Groups are
// borrowed.
void om_conf_register(const struct om_opt_group *const *groups);

// Defaults, then `path` (may be NULL), then the environment. NULL with file, line and "did you
// mean".
// ${NAME} in texts is replaced from the environment; an unset one is an error.
OM_MUST_USE struct om_conf *om_conf_load(const char *path, struct om_error *err);
// Reads the file of `old` again (it has one), then lays over it what came after: environment,
// flags, and cameras that stand in no file (line_number 0). `old` stays as it is.
OM_MUST_USE struct om_conf *om_conf_reload(const struct om_conf *old, struct om_error *err);
// The same from text, for tests, fuzzing and `omma check`.
OM_MUST_USE struct om_conf *om_conf_parse(om_str yaml, const char *name, struct om_error *err);
void om_conf_destroy(struct om_conf *conf);  // accepts NULL
OM_DEFINE_AUTO(om_conf);
OM_MUST_USE struct om_conf *om_conf_copy(const struct om_conf *conf);

// OMMA_... variables that mean nothing, for a warning; one a line. Empty when there are none.
void om_conf_unknown_env(struct om_buf *out);

// Zones and lines alone, from a file {lines: {...}, zones: {...}}, into *ret (zeroed; finish it).
OM_MUST_USE bool om_conf_load_shapes(const char *path, struct om_conf_camera *ret,
                                     struct om_error *err);

// The options struct of a registered group inside `conf`.
const void *om_conf_section(const struct om_conf *conf, const struct om_opt_group *group);
// A flag of the command line: "motion-tolerance" = "20", "listen" = ...; *err has "did you mean".
OM_MUST_USE bool om_conf_set(struct om_conf *conf, om_str name, om_str value, struct om_error *err);

// Adds or replaces (by id) / removes a camera. False with *err: bad id, OM_LIMIT.
OM_MUST_USE bool om_conf_put_camera(struct om_conf *conf, const struct om_conf_camera *cam,
                                    struct om_error *err);
bool om_conf_remove_camera(struct om_conf *conf, om_str id);
const struct om_conf_camera *om_conf_camera(const struct om_conf *conf, om_str id);
void om_conf_camera_finish(struct om_conf_camera *cam);
void om_conf_camera_copy(struct om_conf_camera *dst, const struct om_conf_camera *src);
bool om_conf_camera_equal(const struct om_conf_camera *a, const struct om_conf_camera *b);

// Generated texts: an example file, docs/options.md, the JSON schema, help for the flags.
void om_conf_write_example(struct om_buf *out);
void om_conf_write_docs(struct om_buf *out);
void om_conf_write_schema(struct om_buf *out);
void om_conf_write_flags_help(struct om_buf *out);
// The config as YAML that om_conf_parse() reads back to an equal one (secrets written as they are:
// for the state directory, mode 0600).
void om_conf_write_yaml(const struct om_conf *conf, struct om_buf *out);
