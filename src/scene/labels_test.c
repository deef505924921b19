#include "scene/labels.h"

#include <string.h>

#include "base/assert.h"

int main(void)
{
    struct om_labels *coco = om_labels_coco();
    om_assert(coco->count == 80);
    om_assert(strcmp(om_labels_name(coco, 0), "person") == 0);
    om_assert(strcmp(om_labels_name(coco, 7), "truck") == 0);
    om_assert(strcmp(om_labels_name(coco, 79), "toothbrush") == 0);
    om_assert(strcmp(om_labels_name(coco, 80), "unknown") == 0);
    om_assert(strcmp(om_labels_name(coco, -1), "unknown") == 0);
    om_assert(strcmp(om_labels_name(NULL, 0), "unknown") == 0);
    om_assert(om_labels_find(coco, "traffic light") == 9);
    om_assert(om_labels_find(coco, "Person") == -1);
    om_assert(om_labels_find(NULL, "person") == -1);

    struct om_labels *second = om_labels_ref(coco);
    om_labels_unref(&coco);
    om_assert(!coco);
    om_assert(om_labels_find(second, "bus") == 5);  // lives on
    om_labels_unref(&second);
    om_labels_unref(&second);  // accepts NULL

    char name[100];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    const char *names[] = {name, ""};
    struct om_labels *cut = om_labels_create(names, 2);
    om_assert(strlen(om_labels_name(cut, 0)) == OM_LABEL_LEN_MAX);
    om_assert(strcmp(om_labels_name(cut, 1), "") == 0);
    om_labels_unref(&cut);
    struct om_labels *none = om_labels_create(NULL, 0);
    om_assert(none->count == 0 && om_labels_find(none, "car") == -1);
    om_labels_unref(&none);
    return 0;
}
