// Feeds: om_event_validate() with any text, and with a sample event in which some bytes are
// changed.

#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "event/event.h"
#include "event/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_error err;
    (void)om_event_validate(om_str_n((const char *)data, size), &err);

    if (size < 3)
        return 0;
    struct om_event event;
    om_auto_buf json;
    om_buf_init(&json, 1 << 16);
    om_event_sample((enum om_event_type)(data[0] % OM_EVENT_TYPE_COUNT), &event);
    om_event_to_json(&event, &json);
    size_t at = (size_t)(data[1] << 3) % json.len;
    memcpy(json.data + at, data + 2, size - 2 < json.len - at ? size - 2 : json.len - at);
    (void)om_event_validate(om_buf_str(&json), &err);
    return 0;
}
