// Feeds: JSON bodies of the camera calls, laid over a camera that has everything.

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "conf/config.h"
#include "serve/camera_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_error err = {0};
    om_auto_json body = om_json_parse(om_str_n((const char *)data, size), &err);
    if (!body)
        return 0;
    struct om_conf_camera cam = {
        .id = om_strdup("gate"),
        .source = om_strdup("rtsp://user:secret@10.0.0.7/live"),
        .enabled = true,
    };
    if (om_camera_json_read(body, &cam, &err)) {
        om_auto_buf out;
        om_buf_init(&out, 1 << 20);
        struct om_json_writer w;
        om_json_begin(&w, &out);
        om_camera_json_write_shapes(&w, cam.zones, cam.zone_count);
        om_assert(cam.source && cam.id && cam.line_count >= 0);
    } else {
        om_assert(err.status != OM_OK && err.text[0]);
    }
    om_conf_camera_finish(&cam);
    return 0;
}
