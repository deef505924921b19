#include "serve/camera_id.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "conf/config.h"

static const struct {
    const char *source, *id;
} cases[] = {
    {"rtsp://10.0.0.7/gate", "gate"},
    {"rtsp://user:secret@10.0.0.7:554/Streaming/Channels/101", "101"},
    {"rtsp://10.0.0.7", "10-0-0-7"},
    {"rtsp://cam.local/", "cam"},
    {"/data/Yard 2.mp4", "yard-2"},
    {"clips/person-bicycle-car-detection.mp4", "person-bicycle-car-detection"},
    {"test:", "test"},
    {"/dev/video0", "video0"},
    {"0", "video0"},
    {"gopher://10.0.0.7/x", "camera"},
};

int main(void)
{
    struct om_error err;
    om_auto(om_conf)
        conf = om_conf_parse(OM_STR("cameras: {gate: 'test:', gate-2: 'test:'}"), "t", &err);
    om_assert(conf);
    struct om_conf empty = {0};
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        char id[OM_CAMERA_ID_SIZE];
        om_camera_id_suggest(&empty, cases[i].source, id);
        if (strcmp(id, cases[i].id) != 0) {
            printf("%s: %s instead of %s\n", cases[i].source, id, cases[i].id);
            om_assert(!"the id that is expected");
        }
        om_assert(om_str_is_id(om_str_from(id)));
    }
    char id[OM_CAMERA_ID_SIZE];
    om_camera_id_suggest(conf, "rtsp://10.0.0.7/gate", id);
    om_assert(strcmp(id, "gate-3") == 0);
    return 0;
}
