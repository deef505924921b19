// Control: the one place where the configuration of a running server changes. It holds the current
// one, makes a changed copy, applies it, keeps it (with history and undo), and only then says yes.
//
// Threads: any; changes take turns and block (model load, camera stop, disk): never from an event
// loop.

#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/str.h"

struct om_conf;
struct om_conf_camera;
struct om_control;
struct om_error;
struct om_pipeline;

// `conf` is what the user gave (file, environment, flags); it is copied. Cameras that API calls
// added or changed before are laid over it. Borrows the pipeline. Nothing runs yet: call
// om_control_start().
OM_MUST_USE struct om_control *om_control_create(struct om_pipeline *pipeline,
                                                 const struct om_conf *conf, struct om_error *err);
void om_control_destroy(struct om_control *control);  // accepts NULL
OM_DEFINE_AUTO(om_control);
// Applies the configuration for the first time.
OM_MUST_USE bool om_control_start(struct om_control *control, struct om_error *err);

// A copy of the current configuration, for the caller to destroy.
OM_MUST_USE struct om_conf *om_control_conf(struct om_control *control);

// Adds a camera; OM_EXISTS when the id is taken.
OM_MUST_USE bool om_control_add(struct om_control *control, const struct om_conf_camera *cam,
                                struct om_error *err);
// Replaces one; OM_NOT_FOUND.
OM_MUST_USE bool om_control_change(struct om_control *control, const struct om_conf_camera *cam,
                                   struct om_error *err);
OM_MUST_USE bool om_control_remove(struct om_control *control, om_str id, struct om_error *err);
// Takes back the last change that came by API; OM_NOT_FOUND when there is none.
OM_MUST_USE bool om_control_undo(struct om_control *control, struct om_error *err);
// Reads the user's file again (SIGHUP). On failure everything stays as it is.
OM_MUST_USE bool om_control_reload(struct om_control *control, struct om_error *err);
