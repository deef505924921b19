#include "serve/camera_json.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "conf/config.h"

static bool read_body(const char *text, struct om_conf_camera *cam, struct om_error *err)
{
    *err = (struct om_error){0};
    om_auto_json body = om_json_parse(om_str_from(text), err);
    om_assert(body);
    return om_camera_json_read(body, cam, err);
}

// A camera as it runs before each change.
static void make_camera(struct om_conf_camera *cam)
{
    *cam = (struct om_conf_camera){
        .id = om_strdup("gate"),
        .source = om_strdup("rtsp://user:secret@10.0.0.7/live"),
        .model = om_strdup("yolox"),
        .enabled = true,
        .detect_fps = 5,
    };
}

// ---- what is refused, and why
// --------------------------------------------------------------------

static const struct {
    const char *body, *text, *hint;  // parts of what is said
} refused[] = {
    {"[]", "must be a JSON object", "source"},
    {"{\"souce\":\"test:\"}", "unknown key \"souce\"", "did you mean \"source\"?"},
    {"{\"nonsense\":1}", "unknown key \"nonsense\"", "a camera has id"},
    {"{\"detect-fps\":1}", "unknown key", "did you mean \"detect_fps\"?"},
    {"{\"id\":\"Gate\"}", "\"id\" must be", "made from the source"},
    {"{\"id\":\"../x\"}", "\"id\" must be", ""},
    {"{\"id\":\"yard\"}", "cannot change", "new id"},
    {"{\"source\":7}", "\"source\" must be a text", ""},
    {"{\"source\":\"\"}", "\"source\" must be a text", ""},
    {"{\"source\":\"a\\nb\"}", "\"source\" must be a text", ""},
    {"{\"source\":null}", "\"source\" must be a text", ""},
    {"{\"fallback\":\"rtsp://10.0.0.8/x\"}", "must be a file", ""},
    {"{\"model\":[]}", "\"model\" must be a text", ""},
    {"{\"enabled\":\"yes\"}", "true or false", ""},
    {"{\"enabled\":1}", "true or false", ""},
    {"{\"detect_fps\":-1}", "from 0 to 1000", "every picture"},
    {"{\"detect_fps\":1e9}", "from 0 to 1000", ""},
    {"{\"detect_fps\":\"5\"}", "from 0 to 1000", ""},
    {"{\"zones\":[]}", "must be an object", "points"},
    {"{\"zones\":{\"A\":{\"points\":[[0,0],[1,0],[1,1]]}}}", "is no name", ""},
    {"{\"zones\":{\"a\":{}}}", "zones.a.points must be a list of 3 to 32 points", ""},
    {"{\"zones\":{\"a\":[]}}", "zones.a must be an object", "points"},
    {"{\"zones\":{\"a\":[[0,0],[1,0],[1,1]]}}", "zones.a must be an object", "points"},
    {"{\"lines\":{\"a\":\"b\"}}", "lines.a must be an object", "points"},
    {"{\"zones\":{\"a\":{\"points\":[[0,0],[1,0]]}}}", "3 to 32 points", "shares"},
    {"{\"zones\":{\"a\":{\"points\":[[0,0],[1,0],[1,640]]}}}", "zones.a.points[2]", "not pixels"},
    {"{\"zones\":{\"a\":{\"points\":[[0,0],[1,0],[1]]}}}", "zones.a.points[2]", ""},
    {"{\"zones\":{\"a\":{\"points\":[[0,0],[1,0],{}]}}}", "zones.a.points[2]", ""},
    {"{\"lines\":{\"a\":{\"points\":[[0,0],[1,0],[1,1]]}}}", "lines.a.points must be a list of 2",
     ""},
    {"{\"lines\":{\"a\":{\"points\":[[0,0],[1,1]],\"classes\":\"car\"}}}", "lines.a.classes",
     "car"},
    {"{\"lines\":{\"a\":{\"points\":[[0,0],[1,1]],\"classes\":[\"\"]}}}", "lines.a.classes", ""},
    {"{\"lines\":{\"a\":{\"points\":[[0,0],[1,1]],\"class\":[]}}}", "unknown key \"class\"", ""},
    {"{\"lines\":{\"ok\":{\"points\":[[0,0],[1,1]]},\"b\":{\"points\":7}}}", "lines.b.points", ""},
};

static void test_refused(void)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(refused); i++) {
        struct om_conf_camera cam;
        struct om_error err;
        make_camera(&cam);
        bool is_read = read_body(refused[i].body, &cam, &err);
        if (is_read || om_str_find(om_str_from(err.text), om_str_from(refused[i].text)) < 0 ||
            om_str_find(om_str_from(err.hint), om_str_from(refused[i].hint)) < 0) {
            printf("%s: \"%s\" (%s)\n", refused[i].body, err.text, err.hint);
            om_assert(!"refused with the reason and the hint");
        }
        om_assert(err.status == OM_INVALID);
        om_assert(om_str_find(om_str_from(err.text), OM_STR("secret")) < 0);
        om_conf_camera_finish(&cam);
    }
}

// ---- what is laid over
// -----------------------------------------------------------------------------

static void test_partial(void)
{
    struct om_conf_camera cam;
    struct om_error err;
    make_camera(&cam);
    om_assert(read_body("{}", &cam, &err));
    om_assert(read_body("{\"detect_fps\":2.5,\"enabled\":false}", &cam, &err));
    om_assert(cam.detect_fps == 2.5 && !cam.enabled);
    om_assert(strcmp(cam.source, "rtsp://user:secret@10.0.0.7/live") == 0);
    om_assert(strcmp(cam.model, "yolox") == 0);
    om_assert(read_body("{\"id\":\"gate\",\"model\":null}", &cam, &err));
    om_assert(!cam.model);
    om_conf_camera_finish(&cam);
}

// The source that is shown has no password; sending it back must not lose it.
static void test_source_stays_secret(void)
{
    struct om_conf_camera cam;
    struct om_error err;
    make_camera(&cam);
    om_assert(read_body("{\"source\":\"rtsp://10.0.0.7/live\"}", &cam, &err));
    om_assert(strcmp(cam.source, "rtsp://user:secret@10.0.0.7/live") == 0);
    om_assert(read_body("{\"source\":\"rtsp://10.0.0.7/other\"}", &cam, &err));
    om_assert(strcmp(cam.source, "rtsp://10.0.0.7/other") == 0);
    // A file of the user's own may use the environment, a client may not.
    om_assert(read_body("{\"source\":\"rtsp://10.0.0.7/${HOME}\"}", &cam, &err));
    om_assert(strcmp(cam.source, "rtsp://10.0.0.7/${HOME}") == 0);
    om_conf_camera_finish(&cam);
}

static void test_shapes_round_trip(void)
{
    static const char
        zones[] = "{\"yard\":{\"points\":[[0,0],[1,0],[0.25,1]],\"classes\":[\"car\",\"truck\"]},"
                  "\"door\":{\"points\":[[0.1,0.2],[0.3,0.4],[0.5,0.6],[0.7,0.8]],\"classes\":[]}}";
    struct om_conf_camera cam;
    struct om_error err;
    char body[512];
    make_camera(&cam);
    snprintf(body, sizeof(body), "{\"zones\":%s}", zones);
    om_assert(read_body(body, &cam, &err));
    om_assert(read_body("{\"lines\":{\"l\":{\"points\":[[0,0.5],[1,0.5]]}}}", &cam, &err));
    om_assert(cam.zone_count == 2 && cam.line_count == 1 && cam.zones[0].class_count == 2);

    om_auto_buf out;
    om_buf_init(&out, 4096);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_camera_json_write_shapes(&w, cam.zones, cam.zone_count);
    om_assert(strcmp(om_buf_text(&out), zones) == 0);

    om_assert(read_body("{\"zones\":{}}", &cam, &err));  // replaced as a whole
    om_assert(cam.zone_count == 0 && cam.line_count == 1);
    om_conf_camera_finish(&cam);
}

int main(void)
{
    test_refused();
    test_partial();
    test_source_stays_secret();
    test_shapes_round_trip();
    return 0;
}
