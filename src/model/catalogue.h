// Catalogue: detectors that may be fetched by name, each from its source at a fixed commit, with
// the SHA-256 it must have and its licence.

#pragma once

struct om_catalogue_item {
    const char *name;
    const char *url;
    const char *sha256;
    const char *licence;
    const char *manifest;  // YAML
};

// NULL when there is none of that name.
const struct om_catalogue_item *om_catalogue_find(const char *name);
const struct om_catalogue_item *om_catalogue_all(int *ret_count);
