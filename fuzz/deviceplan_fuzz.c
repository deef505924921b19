// Feeds: lists of execution providers; what is read names devices that read back as the same.

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "infer/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char list[1024], text[OM_DEVICE_TEXT_SIZE];
    struct om_device_plan plan, again;
    struct om_error err = {0};
    (void)om_str_copy(list, sizeof(list), om_str_n((const char *)data, size));
    if (!om_device_plan_parse(list, &plan, &err)) {
        om_assert(err.status != OM_OK && err.text[0] && err.hint[0]);
        return 0;
    }
    om_assert(plan.count >= 1 && plan.count <= OM_PLAN_MAX);
    om_assert(plan.items[plan.count - 1].provider == OM_PROVIDER_CPU);
    om_auto_buf written;
    om_buf_init(&written, 1024);
    for (int i = 0; i < plan.count; i++)
        om_buf_printf(&written, "%s%s", i ? "," : "", om_device_text(plan.items[i], text));
    om_assert(om_device_plan_parse(om_buf_text(&written), &again, &err));
    om_assert(again.count == plan.count);
    om_assert(memcmp(again.items, plan.items, (size_t)plan.count * sizeof(plan.items[0])) == 0);
    return 0;
}
