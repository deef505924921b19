#include "scene/labels.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"

static const char *const coco_names[] = {"person",        "bicycle",      "car",
                                         "motorcycle",    "airplane",     "bus",
                                         "train",         "truck",        "boat",
                                         "traffic light", "fire hydrant", "stop sign",
                                         "parking meter", "bench",        "bird",
                                         "cat",           "dog",          "horse",
                                         "sheep",         "cow",          "elephant",
                                         "bear",          "zebra",        "giraffe",
                                         "backpack",      "umbrella",     "handbag",
                                         "tie",           "suitcase",     "frisbee",
                                         "skis",          "snowboard",    "sports ball",
                                         "kite",          "baseball bat", "baseball glove",
                                         "skateboard",    "surfboard",    "tennis racket",
                                         "bottle",        "wine glass",   "cup",
                                         "fork",          "knife",        "spoon",
                                         "bowl",          "banana",       "apple",
                                         "sandwich",      "orange",       "broccoli",
                                         "carrot",        "hot dog",      "pizza",
                                         "donut",         "cake",         "chair",
                                         "couch",         "potted plant", "bed",
                                         "dining table",  "toilet",       "tv",
                                         "laptop",        "mouse",        "remote",
                                         "keyboard",      "cell phone",   "microwave",
                                         "oven",          "toaster",      "sink",
                                         "refrigerator",  "book",         "clock",
                                         "vase",          "scissors",     "teddy bear",
                                         "hair drier",    "toothbrush"};

static_assert(OM_ARRAY_LEN(coco_names) == 80, "COCO has 80 classes");

struct om_labels *om_labels_create(const char *const *names, int count)
{
    om_assert(count >= 0 && count <= OM_LABELS_MAX);
    struct om_labels *labels = om_new(struct om_labels);
    atomic_init(&labels->refs, 1);
    labels->count = count;
    labels->names = om_new_array(char *, count > 0 ? (size_t)count : 1);
    for (int i = 0; i < count; i++)
        labels->names[i] = om_strndup(names[i], OM_MIN(strlen(names[i]), (size_t)OM_LABEL_LEN_MAX));
    return labels;
}

struct om_labels *om_labels_ref(struct om_labels *labels)
{
    atomic_fetch_add_explicit(&labels->refs, 1, memory_order_relaxed);
    return labels;
}

void om_labels_unref(struct om_labels **labels)
{
    struct om_labels *old = *labels;
    *labels = NULL;
    if (!old || atomic_fetch_sub_explicit(&old->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < old->count; i++)
        om_free(old->names[i]);
    om_free(old->names);
    om_free(old);
}

const char *om_labels_name(const struct om_labels *labels, int class_id)
{
    return labels && class_id >= 0 && class_id < labels->count ? labels->names[class_id]
                                                               : "unknown";
}

int om_labels_find(const struct om_labels *labels, const char *name)
{
    for (int i = 0; labels && i < labels->count; i++) {
        if (strcmp(labels->names[i], name) == 0)
            return i;
    }
    return -1;
}

struct om_labels *om_labels_coco(void)
{
    return om_labels_create(coco_names, OM_ARRAY_LEN(coco_names));
}
