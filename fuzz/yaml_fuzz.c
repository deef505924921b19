// Feeds conf/yaml.c (om_yaml_parse) and walks the whole tree by every accessor.

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/error.h"
#include "conf/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const struct om_yaml_node *node)
{
    double real;
    int64_t integer;
    bool boolean;
    (void)om_yaml_double(node, &real);
    (void)om_yaml_int(node, &integer);
    (void)om_yaml_bool(node, &boolean);
    om_str text = om_yaml_str(node, OM_STR(""));
    om_assert(text.p[text.n] == '\0' && om_yaml_line(node) >= 1);
    size_t count = 1;
    for (size_t i = 0; i < om_yaml_len(node); i++) {
        om_str key;
        int line;
        const struct om_yaml_node *child = om_yaml_pair(node, i, &key, &line);
        if (child)
            om_assert(key.p[key.n] == '\0' && line >= 1);
        count += walk(child ? child : om_yaml_at(node, i));
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_error err = {0};
    om_auto(om_yaml) doc = om_yaml_parse(om_str_n((const char *)data, size), "fuzz", &err);
    om_assert(doc ? err.status == OM_OK : err.status != OM_OK && err.text[0]);
    if (doc && om_yaml_root(doc))
        om_assert(walk(om_yaml_root(doc)) <= 1000 * 1000);
    return 0;
}
