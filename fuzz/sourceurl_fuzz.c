// Feeds: what a user gives as the URL of a camera. What is accepted must read back to itself.
#include <string.h>

#include "base/assert.h"
#include "source/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_url url, again;
    char text[4 * OM_URL_SIZE], twice[4 * OM_URL_SIZE];

    if (om_url_parse(om_str_n((const char *)data, size), &url, NULL) != OM_OK ||
        !om_url_write(&url, text, sizeof(text)) || strlen(text) >= OM_URL_SIZE)
        return 0;
    for (const char *c = text; *c; c++)
        om_assert(*c > ' ' && *c < 0x7f);
    om_assert(om_url_parse(om_str_from(text), &again, NULL) == OM_OK);
    om_assert(om_url_write(&again, twice, sizeof(twice)) && strcmp(text, twice) == 0);
    om_assert(strcmp(url.host, again.host) == 0 && strcmp(url.password, again.password) == 0);
    return 0;
}
