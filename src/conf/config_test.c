#include "conf/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "conf/opt.h"

struct motion {
    int tolerance;
    int64_t hold_us;
    char *password;
};

static const struct om_opt motion_rows[] = {
    {"tolerance", OM_OPT_INT, offsetof(struct motion, tolerance), 1, 255, "12", "levels", NULL,
     false},
    {"hold", OM_OPT_TIME, offsetof(struct motion, hold_us), 0, 60e6, "2s", "how long", NULL, false},
    {"password", OM_OPT_SECRET, offsetof(struct motion, password), 0, 0, NULL, "secret", NULL,
     false},
    {0},
};
static const struct om_opt_group motion_group = {"motion", "motion watch", sizeof(struct motion),
                                                 motion_rows};

// A second group, so that the first is not found by luck.
struct track {
    int hits;
};
static const struct om_opt track_rows[] = {
    {"hits", OM_OPT_INT, offsetof(struct track, hits), 1, 10, "3", "sightings", NULL, false},
    {0},
};
static const struct om_opt_group track_group = {"track", "tracker", sizeof(struct track),
                                                track_rows};
static const struct om_opt_group *const groups[] = {&track_group, &motion_group, NULL};

static const char long_form
    [] = "listen: 0.0.0.0:9000\n"
         "log_level: debug\n"
         "motion:\n"
         "  tolerance: 20\n"
         "  hold: 500ms\n"
         "  password: \"a: 'b' # ${c}\"\n"
         "track: {hits: 7}\n"
         "cameras:\n"
         "  gate: rtsp://user:${OMMA_TEST_PASSWORD}@10.0.0.7/stream1\n"
         "  yard:\n"
         "    source: /dev/video0\n"
         "    fallback: yard.jpg\n"
         "    model: nano\n"
         "    enabled: no\n"
         "    detect_fps: 2.5\n"
         "    record: off\n"
         "    zones:\n"
         "      door: {points: [[0, 0.1], [0.3, 0.1], [0.3, 1]], classes: [person, \"no\"]}\n"
         "    lines:\n"
         "      road: {points: [[0.1, 0.5], [0.9, 0.5]]}\n";

static bool is(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

static const struct om_conf_camera *camera(const struct om_conf *conf, const char *id)
{
    return om_conf_camera(conf, om_str_from(id));
}

static void test_long_form(void)
{
    om_assert(setenv("OMMA_TEST_PASSWORD", "p@ss", 1) == 0);
    om_assert(setenv("c", "C", 1) == 0);
    struct om_error err = {0};
    om_auto(om_conf) conf = om_conf_parse(om_str_from(long_form), "omma.yaml", &err);
    om_assert(conf && is(conf->listen, "0.0.0.0:9000") && !conf->model && conf->home[0]);
    const struct motion *motion = om_conf_section(conf, &motion_group);
    om_assert(motion->tolerance == 20 && motion->hold_us == 500000);
    om_assert(is(motion->password, "a: 'b' # C"));
    om_assert(((const struct track *)om_conf_section(conf, &track_group))->hits == 7);
    om_assert(conf->camera_count == 2);
    om_assert(is(camera(conf, "gate")->source, "rtsp://user:p@ss@10.0.0.7/stream1"));
    om_assert(camera(conf, "gate")->enabled && camera(conf, "gate")->line_number == 9);
    const struct om_conf_camera *yard = camera(conf, "yard");
    om_assert(is(yard->source, "/dev/video0") && is(yard->fallback, "yard.jpg"));
    om_assert(is(yard->model, "nano") && !yard->enabled && yard->detect_fps == 2.5);
    om_assert(yard->zone_count == 1 && yard->line_count == 1);
    om_assert(is(yard->zones[0].name, "door") && yard->zones[0].point_count == 3);
    om_assert(yard->zones[0].points[2].x == 0.3 && yard->zones[0].points[2].y == 1);
    om_assert(yard->zones[0].class_count == 2 && is(yard->zones[0].classes[1], "no"));
    om_assert(is(yard->lines[0].name, "road") && yard->lines[0].class_count == 0);
}

// Whatever is accepted can be written and read back the same.
static void assert_round_trip(const struct om_conf *conf)
{
    om_auto_buf first, second;
    om_buf_init(&first, 1 << 20);
    om_buf_init(&second, 1 << 20);
    om_conf_write_yaml(conf, &first);
    struct om_error err = {0};
    om_auto(om_conf) back = om_conf_parse(om_buf_str(&first), "written.yaml", &err);
    om_assert(back);
    om_conf_write_yaml(back, &second);
    om_assert(om_str_equal(om_buf_str(&first), om_buf_str(&second)));
    om_assert(back->camera_count == conf->camera_count);
    for (int i = 0; i < conf->camera_count; i++)
        om_assert(om_conf_camera_equal(&conf->cameras[i], &back->cameras[i]));
    om_assert(om_opt_equal(&motion_group, om_conf_section(conf, &motion_group),
                           om_conf_section(back, &motion_group)));
}

static void test_round_trip(void)
{
    static const char *const texts[] = {
        "",
        long_form,
        "cameras: {a: \"tab\\t quote\\\" back\\\\ $${X} \\x01 \\u00fc\"}\n",
        "cameras: {a: {source: x, zones: {z: {points: [[0.1, 0.333333333333333314829616256247], "
        "[1e-300, 1], [0.7, 0.1]]}}}}\n",
        "model: 'null'\nhome: ~\n",
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(texts) - 1; i++) {
        om_auto(om_conf) conf = om_conf_parse(om_str_from(texts[i]), "t", NULL);
        om_assert(conf);
        assert_round_trip(conf);
        om_auto(om_conf) copy = om_conf_copy(conf);
        assert_round_trip(copy);
    }
    om_assert(!om_conf_parse(om_str_from(texts[4]), "t", NULL));  // home must not be empty
}

static void test_refused(void)
{
    static const struct {
        const char *text, *says, *hint;
    } cases[] = {
        {"camera:\n", "t:1: unknown key \"camera\" (did you mean \"cameras\"?)", NULL},
        {"cameras:\n a:\n  source: x\n  zoness: {}\n",
         "t:4: unknown key \"zoness\" (did you mean \"zones\"?)", NULL},
        {"motion:\n  tolerence: 3\n",
         "t:2: unknown key \"tolerence\" (did you mean \"tolerance\"?)", NULL},
        {"motoin: {}\n", "t:1: unknown key \"motoin\" (did you mean \"motion\"?)", NULL},
        {"qqqqqqq: 1\n", "t:1: unknown key \"qqqqqqq\"", NULL},
        {"\nmotion:\n\n  tolerance: 300\n", "t:4: tolerance: \"300\" is out of range",
         "tolerance takes 1 to 255"},
        {"motion: {hold: soon}\n", "t:1: hold: \"soon\" is not a time such as 500ms, 2s, 5m", NULL},
        {"motion: [1]\n", "t:1: a section is a map of options", NULL},
        {"listen: \"\"\n", "t:1: listen must not be empty", NULL},
        {"listen: [1]\n", "t:1: one value was expected here", NULL},
        {"cameras: [a]\n", "t:1: cameras is a map of ids and sources", NULL},
        {"cameras:\n  Gate: x\n", "t:2: \"Gate\" is no camera id",
         "use 1 to 64 of a-z, 0-9, - and _"},
        {"cameras:\n  ../x: x\n", "t:2: \"../x\" is no camera id", NULL},
        {"cameras:\n  a: x\n  a: y\n", "t:3: \"a\" stands here twice", NULL},
        {"cameras:\n  a:\n", "t:2: a camera is a source, or a map with one", NULL},
        {"cameras:\n  a: {model: x}\n", "t:2: camera \"a\" has no source", NULL},
        {"cameras:\n  a: {source: x, enabled: maybe}\n", "t:2: enabled is on or off", NULL},
        {"cameras:\n  a: {source: x, detect-fps: -1}\n",
         "t:2: detect-fps is a number from 0 to 1000", NULL},
        {"cameras:\n  a: {source: x, record: on}\n",
         "t:2: recording is not available in this version", NULL},
        {"cameras: {a: {source: x, zones: {z: {points: [[0, 0], [1, 1]]}}}}\n",
         "t:1: a zone has 3 to 32 points: [[x, y], ...]", NULL},
        {"cameras: {a: {source: x, lines: {l: {points: [[0, 0], [1, 1], [0, 1]]}}}}\n",
         "t:1: a line has two points: [[x, y], [x, y]]", NULL},
        {"cameras: {a: {source: x, lines: {l: {points: [[0, 0], [1, 1.01]]}}}}\n",
         "t:1: a point lies outside of the picture", NULL},
        {"cameras: {a: {source: x, lines: {l: {points: [[0, 0], [1]]}}}}\n",
         "t:1: a point is [x, y]", NULL},
        {"cameras: {a: {source: x, lines: {l: {classes: [b]}}}}\n", "t:1: the points are missing",
         NULL},
        {"cameras: {a: {source: x, lines: {L: {points: [[0, 0], [1, 1]]}}}}\n",
         "t:1: this is no name for a zone or line", NULL},
        {"cameras:\n  a: rtsp://${OMMA_NO_SUCH}/\n",
         "t:2: the environment variable OMMA_NO_SUCH is not set", NULL},
        {"cameras:\n  a: rtsp://${OMMA\n", "t:2: \"${\" without \"}\"", NULL},
        {"cameras:\n  a: \"x\\0y\"\n", "t:2: a text must not hold a NUL", NULL},
        {"- 1\n", "t:1: a configuration is a map of keys", NULL},
        {"a: &a [x]\nb: [*a, *a]\n", "t:2: aliases", NULL},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct om_error err = {0};
        om_assert(!om_conf_parse(om_str_from(cases[i].text), "t", &err));
        om_assert(om_str_starts_with(om_str_from(err.text), om_str_from(cases[i].says)));
        if (cases[i].hint)
            om_assert(is(err.hint, cases[i].hint));
        else
            om_assert(err.hint[0]);
    }
}

static void test_file_env_flags(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/omma-config-test-%d.yaml", (int)getpid());
    om_assert(
        om_file_write(path, OM_STR("listen: a:1\nmodel: file\nmotion: {tolerance: 3}\n"), NULL));
    om_assert(setenv("OMMA_MODEL", "env", 1) == 0 && setenv("OMMA_HOME", "/tmp/h", 1) == 0);
    om_assert(setenv("OMMA_MOTION_TOLERANCE", "4", 1) == 0);
    struct om_error err = {0};
    om_auto(om_conf) conf = om_conf_load(path, &err);
    om_assert(conf && is(conf->listen, "a:1") && is(conf->model, "env") &&
              is(conf->home, "/tmp/h"));
    om_assert(is(conf->path, path));
    const struct motion *motion = om_conf_section(conf, &motion_group);
    om_assert(motion->tolerance == 4);
    om_assert(om_conf_set(conf, OM_STR("motion-tolerance"), OM_STR("5"), &err));
    om_assert(om_conf_set(conf, OM_STR("listen"), OM_STR("b:2"), &err));
    om_assert(motion->tolerance == 5 && is(conf->listen, "b:2"));
    om_assert(!om_conf_set(conf, OM_STR("motion-tolerence"), OM_STR("5"), &err));
    om_assert(strstr(err.text, "did you mean \"--motion-tolerance\"?"));
    om_assert(!om_conf_set(conf, OM_STR("motion-tolerance"), OM_STR("0"), &err));

    om_assert(setenv("OMMA_MOTION_TOLERANCE", "x", 1) == 0);
    om_assert(!om_conf_load(NULL, &err) && strstr(err.text, "OMMA_MOTION_TOLERANCE"));
    om_assert(setenv("OMMA_MOTION_TOLERANCE", "", 1) == 0);  // as good as not set
    om_auto(om_conf) unset = om_conf_load(NULL, &err);
    om_assert(unset &&
              ((const struct motion *)om_conf_section(unset, &motion_group))->tolerance == 12);
    om_assert(unsetenv("OMMA_MOTION_TOLERANCE") == 0 && unsetenv("OMMA_MODEL") == 0);
    om_assert(unlink(path) == 0);
    om_assert(!om_conf_load(path, &err) && err.status == OM_NOT_FOUND && err.hint[0]);

    om_assert(setenv("OMMA_LISTNE", "x", 1) == 0);
    om_auto_buf unknown;
    om_buf_init(&unknown, 10000);
    om_conf_unknown_env(&unknown);
    om_assert(strstr(om_buf_text(&unknown), "OMMA_LISTNE\n"));
    om_assert(!strstr(om_buf_text(&unknown), "OMMA_HOME"));
    om_assert(unsetenv("OMMA_LISTNE") == 0);
}

// SIGHUP: the file is new, flags and cameras of the command line stay.
static void test_reload(void)
{
    char path[64], id[] = "cli", source[] = "test:";
    snprintf(path, sizeof(path), "/tmp/omma-reload-test-%d.yaml", (int)getpid());
    om_assert(
        om_file_write(path, OM_STR("model: one\nlisten: a:1\ncameras: {a: x, b: y}\n"), NULL));
    om_auto(om_conf) given = om_conf_load(path, NULL);
    om_assert(given && om_conf_set(given, OM_STR("listen"), OM_STR("b:2"), NULL));
    const struct om_conf_camera cam = {.id = id, .source = source, .enabled = true};
    om_assert(om_conf_put_camera(given, &cam, NULL));
    om_auto(om_conf) old = om_conf_copy(given);

    om_assert(om_file_write(path, OM_STR("model: two\nlisten: c:3\ncameras: {b: z}\n"), NULL));
    om_auto(om_conf) conf = om_conf_reload(old, NULL);
    om_assert(conf && is(conf->model, "two") && is(conf->listen, "b:2"));
    om_assert(conf->camera_count == 2 && is(camera(conf, "b")->source, "z") && camera(conf, "cli"));
    om_auto(om_conf) again = om_conf_reload(conf, NULL);
    om_assert(again && is(again->listen, "b:2") && again->flag_count == 1);

    struct om_error err;
    om_assert(om_file_write(path, OM_STR("modell: x\n"), NULL));
    om_assert(!om_conf_reload(conf, &err) && strstr(err.text, "did you mean \"model\""));
    om_assert(unlink(path) == 0);
}

static void test_home(void)
{
    om_assert(unsetenv("OMMA_HOME") == 0 && unsetenv("STATE_DIRECTORY") == 0);
    om_assert(setenv("HOME", "/h", 1) == 0 && unsetenv("XDG_DATA_HOME") == 0);
    static const struct {
        const char *name, *value, *home;
    } cases[] = {
        {"HOME", "/h", "/h/.local/share/omma"},
        {"XDG_DATA_HOME", "/x", "/x/omma"},
        {"STATE_DIRECTORY", "/s:/t", "/s"},
        {"OMMA_HOME", "/o", "/o"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        om_assert(setenv(cases[i].name, cases[i].value, 1) == 0);
        om_auto(om_conf) conf = om_conf_load(NULL, NULL);
        om_assert(conf && is(conf->home, cases[i].home));
    }
    om_assert(unsetenv("OMMA_HOME") == 0 && unsetenv("STATE_DIRECTORY") == 0);
}

static void test_cameras(void)
{
    om_auto(om_conf) conf = om_conf_parse(OM_STR("cameras: {a: x, b: y, c: z}"), "t", NULL);
    char id[] = "b", source[] = "new", bad[] = "B";
    struct om_conf_camera cam = {.id = id, .source = source, .enabled = true};
    om_assert(om_conf_put_camera(conf, &cam, NULL) && conf->camera_count == 3);
    om_assert(is(camera(conf, "b")->source, "new") &&
              !om_conf_camera_equal(&cam, camera(conf, "a")));
    om_assert(om_conf_camera_equal(&cam, camera(conf, "b")));
    cam.detect_fps = 1;
    om_assert(!om_conf_camera_equal(&cam, camera(conf, "b")));
    om_assert(om_conf_remove_camera(conf, OM_STR("a")) && conf->camera_count == 2);
    om_assert(!om_conf_remove_camera(conf, OM_STR("a")) && is(conf->cameras[1].id, "c"));
    cam.id = bad;
    struct om_error err;
    om_assert(!om_conf_put_camera(conf, &cam, &err) && err.hint[0]);
    cam.id = id;
    cam.source = NULL;
    om_assert(!om_conf_put_camera(conf, &cam, &err));

    char many[16];
    cam = (struct om_conf_camera){.id = many, .source = source, .enabled = true};
    for (int i = conf->camera_count; i < OM_CAMERAS_MAX; i++) {
        snprintf(many, sizeof(many), "m%d", i);
        om_assert(om_conf_put_camera(conf, &cam, &err));
    }
    snprintf(many, sizeof(many), "m");
    om_assert(!om_conf_put_camera(conf, &cam, &err) && err.status == OM_LIMIT);
}

static void test_generated_texts(void)
{
    om_auto_buf text;
    om_buf_init(&text, 1 << 20);
    om_conf_write_schema(&text);
    om_auto_json schema = om_json_parse(om_buf_str(&text), NULL);
    const struct om_json *keys = om_json_get(schema, "properties");
    om_assert(om_json_get(keys, "listen") && om_json_get(keys, "cameras"));
    om_assert(om_json_get(om_json_get(om_json_get(keys, "motion"), "properties"), "tolerance"));

    om_buf_clear(&text);
    om_assert(setenv("GATE_PASSWORD", "x", 1) == 0);
    om_conf_write_example(&text);
    om_auto(om_conf) example = om_conf_parse(om_buf_str(&text), "example", NULL);
    om_assert(example && camera(example, "gate"));

    om_buf_clear(&text);
    om_conf_write_docs(&text);
    om_assert(strstr(om_buf_text(&text), "`OMMA_MOTION_TOLERANCE`"));
    om_buf_clear(&text);
    om_conf_write_flags_help(&text);
    om_assert(strstr(om_buf_text(&text), "--listen") && strstr(om_buf_text(&text), "--motion-"));
}

static void test_shapes_file(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/omma-shapes-test-%d.yaml", (int)getpid());
    om_assert(om_file_write(path, OM_STR("lines: {road: {points: [[0, 0.5], [1, 0.5]]}}\n"), NULL));
    struct om_conf_camera cam = {0};
    om_assert(om_conf_load_shapes(path, &cam, NULL) && cam.line_count == 1 && cam.zone_count == 0);
    om_conf_camera_finish(&cam);
    om_assert(om_file_write(path, OM_STR("line: {}\n"), NULL));
    struct om_error err;
    om_assert(!om_conf_load_shapes(path, &cam, &err) && strstr(err.text, "did you mean \"lines\""));
    om_assert(om_file_write(path, OM_STR("lines: {a: {points: [[0, 2], [1, 1]]}}\n"), NULL));
    om_assert(!om_conf_load_shapes(path, &cam, &err) && !cam.lines && cam.line_count == 0);
    om_assert(om_file_write(path, OM_STR("lines: [\n"), NULL));
    om_assert(!om_conf_load_shapes(path, &cam, &err) && err.status == OM_INVALID);
    om_assert(unlink(path) == 0);
    om_assert(!om_conf_load_shapes(path, &cam, &err) && err.status == OM_NOT_FOUND);
}

int main(void)
{
    om_conf_register(groups);
    test_long_form();
    test_round_trip();
    test_refused();
    test_file_env_flags();
    test_reload();
    test_home();
    test_cameras();
    test_generated_texts();
    test_shapes_file();
    return 0;
}
