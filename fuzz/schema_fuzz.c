// Feeds: om_schema_load() with the text before the first newline, om_schema_check() with the JSON
// behind it.

#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "event/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    om_str text = om_str_n((const char *)data, size);
    om_str schema_text;
    struct om_error err;
    if (!om_str_split(&text, '\n', &schema_text))
        return 0;
    om_auto(om_schema) schema = om_schema_load(schema_text, &err);
    om_auto_json value = om_json_parse(text, &err);
    if (schema && value)
        (void)om_schema_check(schema, value, &err);
    return 0;
}
