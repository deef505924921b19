// Feeds: model manifests (YAML or JSON, one record) to om_manifest_parse(), what it understood
// through om_manifest_write() and back.

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "infer/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_error err = {0};
    om_auto(om_manifest)
        manifest = om_manifest_parse(om_str_n((const char *)data, size), "fuzz.yaml", &err);
    if (!manifest) {
        om_assert(err.status != OM_OK && err.text[0]);
        return 0;
    }
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    om_manifest_write(manifest, &out);
    om_assert(!out.has_failed);
    return 0;
}
