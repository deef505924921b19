#include "bench/ap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { THRESHOLDS = 10, RECALLS = 101, CLASSES_MAX = 4096 };

struct found {
    int image, class_id, order;
    float score;
    bool is_ignored;
    struct om_box box;
};

struct om_ap {
    int truth_count, truth_capacity, found_count, found_capacity;
    struct om_ap_truth *truths;
    struct found *founds;
};

struct om_ap *om_ap_create(void)
{
    return om_new(struct om_ap);
}

void om_ap_destroy(struct om_ap *ap)
{
    if (!ap)
        return;
    om_free(ap->truths);
    om_free(ap->founds);
    om_free(ap);
}

void om_ap_add_truth(struct om_ap *ap, const struct om_ap_truth *truth)
{
    if (ap->truth_count == ap->truth_capacity) {
        ap->truth_capacity = OM_MAX(64, 2 * ap->truth_capacity);
        ap->truths = om_realloc(ap->truths, (size_t)ap->truth_capacity, sizeof(*ap->truths));
    }
    ap->truths[ap->truth_count++] = *truth;
}

void om_ap_add(struct om_ap *ap, int image, const struct om_detection *detection, bool is_ignored)
{
    if (ap->found_count == ap->found_capacity) {
        ap->found_capacity = OM_MAX(256, 2 * ap->found_capacity);
        ap->founds = om_realloc(ap->founds, (size_t)ap->found_capacity, sizeof(*ap->founds));
    }
    ap->founds[ap->found_count] = (struct found){.image = image,
                                                 .class_id = detection->class_id,
                                                 .order = ap->found_count,
                                                 .score = detection->score,
                                                 .is_ignored = is_ignored,
                                                 .box = detection->box};
    ap->found_count++;
}

// By class, then best first.
static int compare_found(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->class_id != y->class_id)
        return x->class_id < y->class_id ? -1 : 1;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

// By class, image, and those that are wanted first.
static int compare_truth(const void *a, const void *b)
{
    const struct om_ap_truth *x = a, *y = b;
    if (x->class_id != y->class_id)
        return x->class_id < y->class_id ? -1 : 1;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return (int)x->is_ignored - (int)y->is_ignored;
}

static double overlap(const struct om_ap_truth *truth, const struct om_box *box)
{
    double both = (double)om_box_intersection(truth->box, *box);
    double own = (double)om_box_area(*box);
    double either = truth->is_crowd ? own : own + (double)om_box_area(truth->box) - both;
    return either > 0 ? both / either : 0;
}

// The best free truth of the image at this threshold, or -1. One that is ignored is only taken when
// no wanted one fits.
static int match(const struct om_ap_truth *truths, int count, const bool *is_taken,
                 const struct found *found, double threshold)
{
    double best = fmin(threshold, 1 - 1e-10);
    int at = -1;

    for (int i = 0; i < count; i++) {
        if (truths[i].image != found->image || (is_taken[i] && !truths[i].is_crowd))
            continue;
        if (at >= 0 && !truths[at].is_ignored && truths[i].is_ignored)
            break;
        double iou = overlap(&truths[i], &found->box);
        if (iou < best)
            continue;
        best = iou;
        at = i;
    }
    return at;
}

// Area under the curve of one class at one threshold.
static double precision_of(const struct om_ap_truth *truths, int truth_count,
                           const struct found *founds, int found_count, double threshold)
{
    om_auto_free bool *is_taken = om_new_array(bool, (size_t)truth_count + 1);
    om_auto_free double *recall = om_new_array(double, (size_t)found_count + 1);
    om_auto_free double *precision = om_new_array(double, (size_t)found_count + 1);
    int wanted = 0, right = 0, wrong = 0, n = 0;
    double sum = 0;

    for (int i = 0; i < truth_count; i++)
        wanted += !truths[i].is_ignored;
    for (int i = 0; i < found_count; i++) {
        int at = match(truths, truth_count, is_taken, &founds[i], threshold);
        if (at >= 0)
            is_taken[at] = true;
        if (at >= 0 ? truths[at].is_ignored : founds[i].is_ignored)
            continue;
        right += at >= 0;
        wrong += at < 0;
        recall[n] = (double)right / wanted;
        precision[n++] = (double)right / (right + wrong);
    }
    for (int i = n - 1; i > 0; i--)
        precision[i - 1] = fmax(precision[i - 1], precision[i]);
    for (int r = 0, i = 0; r < RECALLS; r++) {
        while (i < n && recall[i] < r / 100.0)
            i++;
        sum += i < n ? precision[i] : 0;
    }
    return sum / RECALLS;
}

struct om_ap_result om_ap_result(struct om_ap *ap)
{
    struct om_ap_result result = {.truths = ap->truth_count, .detections = ap->found_count};
    int classes = 0;

    if (ap->truth_count)
        qsort(ap->truths, (size_t)ap->truth_count, sizeof(*ap->truths), compare_truth);
    if (ap->found_count)
        qsort(ap->founds, (size_t)ap->found_count, sizeof(*ap->founds), compare_found);
    for (int t = 0, f = 0; t < ap->truth_count;) {
        int class_id = ap->truths[t].class_id, t_end = t, wanted = 0;
        for (; t_end < ap->truth_count && ap->truths[t_end].class_id == class_id; t_end++)
            wanted += !ap->truths[t_end].is_ignored;
        while (f < ap->found_count && ap->founds[f].class_id < class_id)
            f++;
        int f_end = f;
        while (f_end < ap->found_count && ap->founds[f_end].class_id == class_id)
            f_end++;
        for (int i = 0; i < THRESHOLDS && wanted; i++) {
            double one = precision_of(&ap->truths[t], t_end - t, &ap->founds[f], f_end - f,
                                      0.5 + 0.05 * i);
            result.ap += one / THRESHOLDS;
            result.ap50 += i == 0 ? one : 0;
        }
        classes += wanted > 0;
        t = t_end;
        f = f_end;
    }
    result.ap /= OM_MAX(classes, 1);
    result.ap50 /= OM_MAX(classes, 1);
    return result;
}
