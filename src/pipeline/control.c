#include "pipeline/control.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "conf/config.h"
#include "conf/history.h"
#include "pipeline/pipeline.h"

struct om_control {
    struct om_pipeline *pipeline;  // constant

    struct om_mutex lock;  // held while a change is applied: changes take turns
    // Under `lock`.
    struct om_conf *given;  // what the user gave
    struct om_history *history;
    struct om_conf *current;  // given, with the history laid over

    struct om_mutex
        current_lock;  // taken under `lock` to replace `current`; alone suffices to read it
};

// What would run with the history as it is; NULL with *err.
static struct om_conf *combine(const struct om_control *control, struct om_error *err)
{
    om_auto(om_conf) conf = om_conf_copy(control->given);
    return om_history_lay_over(control->history, conf, err) ? om_steal(&conf) : NULL;
}

struct om_control *om_control_create(struct om_pipeline *pipeline, const struct om_conf *conf,
                                     struct om_error *err)
{
    om_auto(om_control) control = om_new(struct om_control);
    control->pipeline = pipeline;
    om_mutex_init(&control->lock);
    om_mutex_init(&control->current_lock);
    control->given = om_conf_copy(conf);
    control->history = om_history_open(conf->home, err);
    if (!control->history)
        return NULL;
    control->current = combine(control, err);
    return control->current ? om_steal(&control) : NULL;
}

void om_control_destroy(struct om_control *control)
{
    if (!control)
        return;
    om_conf_destroy(control->current);
    om_history_close(control->history);
    om_conf_destroy(control->given);
    om_mutex_finish(&control->current_lock);
    om_mutex_finish(&control->lock);
    om_free(control);
}

// Runs `next`, which it takes over (also on failure); on failure what ran before goes on.
static bool apply(struct om_control *control, struct om_conf *next, struct om_error *err)
{
    om_mutex_assert_held(&control->lock);
    if (!om_pipeline_apply(control->pipeline, next, err)) {
        om_conf_destroy(next);
        return false;
    }
    om_with_lock(&control->current_lock);
    om_conf_destroy(control->current);
    control->current = next;
    return true;
}

bool om_control_start(struct om_control *control, struct om_error *err)
{
    om_with_lock(&control->lock);
    return apply(control, om_conf_copy(control->current), err);
}

// Answers while a change is applied, which may take as long as a model loads: then with what ran
// before.
struct om_conf *om_control_conf(struct om_control *control)
{
    om_with_lock(&control->current_lock);
    return om_conf_copy(control->current);
}

static bool not_found(om_str id, struct om_error *err)
{
    om_error_set(err, OM_NOT_FOUND, "there is no camera \"%.*s\"", OM_STR_ARG(id));
    om_error_hint(err, "GET /api/v1/cameras lists them");
    return false;
}

// First applied, then kept: what cannot run is not written down; what cannot be written is taken
// back. Here it is taken back, unless `is_kept`.
static bool settle(struct om_control *control, struct om_conf *before, bool is_kept)
{
    if (is_kept)
        om_conf_destroy(before);
    else
        (void)apply(control, before, NULL);  // it ran a moment ago
    return is_kept;
}

static bool put(struct om_control *control, const struct om_conf_camera *cam, struct om_error *err)
{
    om_auto(om_conf) before = om_conf_copy(control->current);
    om_auto(om_conf) next = om_conf_copy(control->current);
    if (!om_conf_put_camera(next, cam, err) || !apply(control, om_steal(&next), err))
        return false;
    return settle(control, om_steal(&before), om_history_put(control->history, cam, err));
}

bool om_control_add(struct om_control *control, const struct om_conf_camera *cam,
                    struct om_error *err)
{
    om_with_lock(&control->lock);
    if (om_conf_camera(control->current, om_str_from(cam->id))) {
        om_error_set(err, OM_EXISTS, "there is a camera \"%s\" already", cam->id);
        om_error_hint(err, "choose another id, or change that one with PUT");
        return false;
    }
    return put(control, cam, err);
}

bool om_control_change(struct om_control *control, const struct om_conf_camera *cam,
                       struct om_error *err)
{
    om_with_lock(&control->lock);
    if (!om_conf_camera(control->current, om_str_from(cam->id)))
        return not_found(om_str_from(cam->id), err);
    return put(control, cam, err);
}

bool om_control_remove(struct om_control *control, om_str id, struct om_error *err)
{
    om_with_lock(&control->lock);
    if (!om_conf_camera(control->current, id))
        return not_found(id, err);
    om_auto(om_conf) before = om_conf_copy(control->current);
    om_auto(om_conf) next = om_conf_copy(control->current);
    (void)om_conf_remove_camera(next, id);
    if (!apply(control, om_steal(&next), err))
        return false;
    return settle(control, om_steal(&before), om_history_remove(control->history, id, err));
}

bool om_control_undo(struct om_control *control, struct om_error *err)
{
    om_with_lock(&control->lock);
    om_auto(om_conf) before = om_conf_copy(control->current);
    om_auto(om_conf) next = om_conf_copy(control->given);
    if (!om_history_lay_over_before(control->history, next, err) ||
        !apply(control, om_steal(&next), err))
        return false;
    return settle(control, om_steal(&before), om_history_undo(control->history, err));
}

bool om_control_reload(struct om_control *control, struct om_error *err)
{
    om_with_lock(&control->lock);
    if (!control->given->path) {
        om_error_set(err, OM_NOT_FOUND, "the server was started without a configuration file");
        om_error_hint(err, "start it with -c omma.yaml");
        return false;
    }
    struct om_conf *before = control->given;
    control->given = om_conf_reload(before, err);
    struct om_conf *next = control->given ? combine(control, err) : NULL;
    if (next && apply(control, next, err)) {
        om_conf_destroy(before);
        return true;
    }
    om_conf_destroy(control->given);
    control->given = before;
    return false;
}
