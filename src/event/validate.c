// The schemas in the program, and events checked against them.

#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/thread.h"
#include "event/event.h"
#include "event/schema.h"
#include "event/schemas_int.h"

enum { EVENT_MAX_BYTES = 64 * 1024, ENVELOPE = OM_EVENT_TYPE_COUNT, SCHEMA_COUNT };

// Loaded when first needed and kept for ever.
static struct om_mutex lock = OM_MUTEX_INIT;
static struct om_schema *schemas[SCHEMA_COUNT];  // under `lock` until `is_loaded`, then constant
static atomic_bool is_loaded;

static om_str find_text(const char *name)
{
    for (const struct om_event_schema_text *row = om_event_schema_texts; row->name; row++) {
        if (strcmp(row->name, name) == 0)
            return om_str_from(row->text);
    }
    om_assert(!"a type without a schema in proto/events");
    return OM_STR("");
}

om_str om_event_schema(enum om_event_type type)
{
    return find_text(om_event_type_name(type));
}

om_str om_event_envelope_schema(void)
{
    return find_text("envelope");
}

static const struct om_schema *schema_at(int i)
{
    if (atomic_load_explicit(&is_loaded, memory_order_acquire))
        return schemas[i];
    om_with_lock(&lock);
    for (int k = 0; k < SCHEMA_COUNT && !schemas[k]; k++) {
        om_str text = k == ENVELOPE ? om_event_envelope_schema()
                                    : om_event_schema((enum om_event_type)k);
        schemas[k] = om_schema_load(text, NULL);
        om_assert(schemas[k]);
    }
    atomic_store_explicit(&is_loaded, true, memory_order_release);
    return schemas[i];
}

enum om_status om_event_validate(om_str json, struct om_error *err)
{
    if (json.n > EVENT_MAX_BYTES)
        return om_error_set(err, OM_LIMIT, "an event of %zu bytes, at most %d", json.n,
                            EVENT_MAX_BYTES);
    om_auto_json root = om_json_parse(json, err);
    if (!root)
        return OM_INVALID;
    enum om_event_type type;
    om_str name = om_json_as_str(om_json_get(root, "type"), OM_STR(""));
    if (!om_event_type_from_name(name, &type))
        return om_error_set(err, OM_UNSUPPORTED, "/type: \"%.*s\" is no event type of Omma",
                            (int)OM_MIN(name.n, 64u), name.p);
    enum om_status status = om_schema_check(schema_at(ENVELOPE), root, err);
    if (status != OM_OK)
        return status;
    status = om_schema_check(schema_at((int)type), om_json_get(root, "data"), err);
    if (status != OM_OK)
        om_error_prefix(err, "data");
    return status;
}
