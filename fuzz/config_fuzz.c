// Feeds conf/config.c (om_conf_parse) with the option groups of the server. What is accepted is
// written as YAML, which must read back to the same.

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "conf/config.h"
#include "pipeline/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    om_conf_register(om_pipeline_opt_groups);
    struct om_error err = {0};
    om_auto(om_conf) conf = om_conf_parse(om_str_n((const char *)data, size), "fuzz", &err);
    om_assert(conf || (err.status != OM_OK && err.text[0]));
    if (!conf)
        return 0;
    om_auto_buf first, second;
    om_buf_init(&first, 1 << 26);
    om_buf_init(&second, 1 << 26);
    om_conf_write_yaml(conf, &first);
    om_auto(om_conf) back = om_conf_parse(om_buf_str(&first), "written", &err);
    om_assert(back && back->camera_count == conf->camera_count);
    for (int i = 0; i < conf->camera_count; i++)
        om_assert(om_conf_camera_equal(&conf->cameras[i], &back->cameras[i]));
    om_conf_write_yaml(back, &second);
    om_assert(om_str_equal(om_buf_str(&first), om_buf_str(&second)));
    return 0;
}
