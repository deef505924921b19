// Average precision in the manner of COCO: greedy matching by score, IoU 0.50 to 0.95 in steps of
// 0.05, interpolated at 101 recalls, mean over the classes that have truths.

#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "scene/detection.h"

struct om_ap;

struct om_ap_truth {
    int image, class_id;
    struct om_box box;
    bool is_ignored;  // crowds and what lies outside: neither wanted nor wrong
    bool is_crowd;    // overlap is measured against the detection's own area
};

OM_MUST_USE struct om_ap *om_ap_create(void);
void om_ap_destroy(struct om_ap *ap);  // accepts NULL
OM_DEFINE_AUTO(om_ap);
void om_ap_add_truth(struct om_ap *ap, const struct om_ap_truth *truth);
// At most the 100 best of an image count: the caller gives no more. `is_ignored`: it is not wrong
// when nothing matches it.
void om_ap_add(struct om_ap *ap, int image, const struct om_detection *detection, bool is_ignored);

struct om_ap_result {
    double ap, ap50;
    int truths, detections;
};
struct om_ap_result om_ap_result(struct om_ap *ap);
