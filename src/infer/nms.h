// Greedy non-maximum suppression, class by class.

#pragma once

#include "scene/detection.h"

// Takes from `boxes` (best first) those that do not overlap a better one of their class by more
// than `iou`, at most `max`; they are moved to the front in their order. Returns how many. An `iou`
// of 1 keeps all.
int om_nms(struct om_detection *boxes, int count, float iou, int max);
