#include "infer/nms.h"

#include <stdbool.h>

// The overlap in double: corners of large pictures lose their last bits as x + w.
static bool overlaps(const struct om_box *a, const struct om_box *b, float iou)
{
    double left = a->x > b->x ? a->x : b->x, top = a->y > b->y ? a->y : b->y;
    double right_a = (double)a->x + a->w, right_b = (double)b->x + b->w;
    double bottom_a = (double)a->y + a->h, bottom_b = (double)b->y + b->h;
    double w = (right_a < right_b ? right_a : right_b) - left;
    double h = (bottom_a < bottom_b ? bottom_a : bottom_b) - top;

    if (w <= 0 || h <= 0)
        return false;
    double both = w * h;
    double either = (double)a->w * a->h + (double)b->w * b->h - both;
    return both > (double)iou * either;
}

int om_nms(struct om_detection *boxes, int count, float iou, int max)
{
    int kept = 0;

    for (int i = 0; i < count && kept < max; i++) {
        bool is_free = true;
        for (int k = 0; k < kept && is_free; k++)
            is_free = boxes[k].class_id != boxes[i].class_id ||
                      !overlaps(&boxes[k].box, &boxes[i].box, iou);
        if (is_free)
            boxes[kept++] = boxes[i];
    }
    return kept;
}
