// Labels: the class names of a model, counted because cameras, events and pages hold on to them.

#pragma once

#include <stdatomic.h>

struct om_labels {
    atomic_int refs;
    int count;
    char **names;  // owned
};

enum { OM_LABELS_MAX = 4096, OM_LABEL_LEN_MAX = 63 };

// Copies; names longer than OM_LABEL_LEN_MAX are cut.
struct om_labels *om_labels_create(const char *const *names, int count);
struct om_labels *om_labels_ref(struct om_labels *labels);
void om_labels_unref(struct om_labels **labels);
// "class_7" style text for ids out of range is not made up: gives "unknown". `labels` may be NULL.
const char *om_labels_name(const struct om_labels *labels, int class_id);
// -1 when there is none.
int om_labels_find(const struct om_labels *labels, const char *name);
// The COCO 80 in their usual order; a new reference.
struct om_labels *om_labels_coco(void);
