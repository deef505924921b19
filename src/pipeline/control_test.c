#include "pipeline/control.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "conf/config.h"
#include "pipeline/options.h"
#include "pipeline/pipeline.h"
#include "pipeline/room_fixture.h"

static struct room room;
static char conf_path[128];

static struct om_conf *parse(const char *yaml)
{
    om_assert(om_file_write(conf_path, om_str_from(yaml), NULL));
    struct om_conf *conf = om_conf_load(conf_path, NULL);
    om_assert(conf);
    return conf;
}

// "id=source id=source" of what runs, by the control and by the pipeline alike.
static const char *running(struct om_control *control)
{
    static char text[1000];
    struct om_camera_status statuses[8];
    om_auto(om_conf) conf = om_control_conf(control);
    int n = om_pipeline_statuses(room.pipeline, statuses, 8);
    om_assert(n == conf->camera_count);
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        om_assert(strcmp(statuses[i].id, conf->cameras[i].id) == 0);
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s=%s", i ? " " : "",
                               conf->cameras[i].id, conf->cameras[i].source);
    }
    return text;
}

static bool is_running(struct om_control *control, const char *want)
{
    bool is = strcmp(running(control), want) == 0;
    if (!is)
        (void)fprintf(stderr, "runs: %s\nnot:  %s\n", running(control), want);
    return is;
}

typedef bool change_fn(struct om_control *control, const struct om_conf_camera *cam,
                       struct om_error *err);

static enum om_status change(change_fn *fn, struct om_control *control, const char *id,
                             const char *source, const char *model)
{
    struct om_error err = {0};
    om_auto_free char *id_copy = om_strdup(id), *source_copy = om_strdup(source);
    om_auto_free char *model_copy = om_strdup(model);
    const struct om_conf_camera cam = {
        .id = id_copy, .source = source_copy, .model = model_copy, .enabled = true};
    if (fn(control, &cam, &err))
        return OM_OK;
    om_assert(err.text[0]);
    return err.status;
}

static struct om_control *start(const char *yaml)
{
    om_auto(om_conf) conf = parse(yaml);
    om_free(conf->home);
    conf->home = om_strdup(room.home);
    struct om_error err = {0};
    struct om_control *control = om_control_create(room.pipeline, conf, &err);
    om_assert(control && om_control_start(control, &err));
    return control;
}

static void test_add_change_remove_undo(void)
{
    om_auto(om_control) control = start("cameras: {a: 'test:1'}");
    struct om_error err = {0};
    om_assert(!om_control_undo(control, &err) && err.status == OM_NOT_FOUND);
    om_assert(change(om_control_add, control, "b", "test:2", NULL) == OM_OK);
    om_assert(change(om_control_add, control, "b", "test:2", NULL) == OM_EXISTS);
    om_assert(change(om_control_change, control, "c", "test:3", NULL) == OM_NOT_FOUND);
    om_assert(is_running(control, "a=test:1 b=test:2"));
    om_assert(change(om_control_change, control, "a", "test:3", NULL) == OM_OK);
    om_assert(om_control_remove(control, OM_STR("b"), &err));
    om_assert(!om_control_remove(control, OM_STR("b"), &err) && err.status == OM_NOT_FOUND);
    om_assert(is_running(control, "a=test:3"));
    om_assert(om_control_undo(control, &err) && is_running(control, "a=test:3 b=test:2"));
    om_assert(om_control_undo(control, &err) && is_running(control, "a=test:1 b=test:2"));
    om_assert(om_control_undo(control, &err) && is_running(control, "a=test:1"));
}

static void test_changes_outlive_the_server(void)
{
    struct om_control *control = start("cameras: {a: 'test:1'}");
    om_assert(change(om_control_add, control, "b", "test:2", NULL) == OM_OK);
    om_control_destroy(control);
    control = start("cameras: {a: 'test:1'}");
    om_assert(is_running(control, "a=test:1 b=test:2"));
    struct om_error err = {0};
    om_assert(om_control_undo(control, &err));
    om_control_destroy(control);
}

static void test_a_failing_model_changes_nothing(void)
{
    om_auto(om_control) control = start("cameras: {a: 'test:1'}");
    struct om_error err = {0};
    om_assert(change(om_control_add, control, "b", "test:2", "/no/model.onnx") != OM_OK);
    om_assert(change(om_control_change, control, "a", "test:2", "/no/model.onnx") != OM_OK);
    om_assert(is_running(control, "a=test:1"));
    // Nothing of it was kept either.
    om_assert(!om_control_undo(control, &err) && err.status == OM_NOT_FOUND);

    // A change that cannot be written is taken back, a removal too. The folder is made a file.
    char folder[128];
    room_text(folder, sizeof(folder), &room, "config");
    (void)rmdir(folder);
    om_assert(om_file_write(folder, OM_STR("x"), NULL));
    om_assert(change(om_control_add, control, "b", "test:2", NULL) != OM_OK);
    om_assert(!om_control_remove(control, OM_STR("a"), &err));
    om_assert(is_running(control, "a=test:1"));
    om_assert(unlink(folder) == 0);
}

// The file has meanwhile a model for the camera that the API changed back and forth: an undo that
// cannot run stays undone, and can be tried again.
static void test_an_undo_that_fails_keeps_the_change(void)
{
    om_auto(om_control) control = start("cameras: {a: 'test:1'}");
    struct om_error err = {0};
    om_assert(change(om_control_change, control, "a", "test:2", NULL) == OM_OK);
    om_conf_destroy(parse("cameras: {a: {source: 'test:1', model: /no/model.onnx}}"));
    om_assert(om_control_reload(control, &err) && is_running(control, "a=test:2"));
    om_assert(!om_control_undo(control, &err) && is_running(control, "a=test:2"));
    om_conf_destroy(parse("cameras: {a: 'test:1'}"));
    om_assert(om_control_reload(control, &err) && is_running(control, "a=test:2"));
    om_assert(om_control_undo(control, &err) && is_running(control, "a=test:1"));
}

static void test_reload(void)
{
    om_auto(om_control) control = start("cameras: {a: 'test:1'}");
    struct om_error err = {0};
    om_conf_destroy(parse("cameras: {a: 'test:1', c: 'test:3'}"));
    om_assert(om_control_reload(control, &err) && is_running(control, "a=test:1 c=test:3"));
    om_assert(om_file_write(conf_path, OM_STR("cameras: {a: ["), NULL));
    om_assert(!om_control_reload(control, &err) && is_running(control, "a=test:1 c=test:3"));
    om_conf_destroy(parse("cameras: {a: {source: 'test:1', model: /no/model.onnx}}"));
    om_assert(!om_control_reload(control, &err) && is_running(control, "a=test:1 c=test:3"));
    om_conf_destroy(parse("cameras: {c: 'test:3'}"));
    om_assert(om_control_reload(control, &err) && is_running(control, "c=test:3"));
}

int main(void)
{
    room_init(&room);
    room_text(conf_path, sizeof(conf_path), &room, "omma.yaml");
    om_conf_register(om_pipeline_opt_groups);
    test_a_failing_model_changes_nothing();
    test_add_change_remove_undo();
    test_changes_outlive_the_server();
    test_an_undo_that_fails_keeps_the_change();
    test_reload();
    room_finish(&room);
    return 0;
}
