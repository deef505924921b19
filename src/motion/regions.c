#include "motion/regions.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/attr.h"
#include "media/thumb.h"
#include "scene/region.h"

enum { GAP_PX = 2 };  // regions whose rectangles are this near are one

// Sums of three rows, then of three columns: the neighbourhood without its nine reads a pixel.
OM_KERNEL
static void sum_rows(uint8_t *restrict sum, const uint8_t *restrict above,
                     const uint8_t *restrict here, const uint8_t *restrict below, int n)
{
    for (int i = 0; i < n; i++)
        sum[i] = (uint8_t)(above[i] + here[i] + below[i]);
}

OM_KERNEL
static int keep_solid(uint8_t *restrict solid, const uint8_t *restrict sum,
                      const uint8_t *restrict here, int n)
{
    int count = 0;
    for (int i = 1; i < n - 1; i++) {
        uint8_t around = (uint8_t)(sum[i - 1] + sum[i] + sum[i + 1]);
        solid[i] = here[i] & (around >= 3);
        count += solid[i];
    }
    return count;
}

OM_KERNEL
static void spread(uint8_t *restrict grown, const uint8_t *restrict sum, int n)
{
    for (int i = 1; i < n - 1; i++)
        grown[i] = (sum[i - 1] | sum[i] | sum[i + 1]) != 0;
}

static const uint8_t *row_at(const uint8_t *picture, int y, int width, int height)
{
    return picture + (ptrdiff_t)OM_CLAMP(y, 0, height - 1) * width;
}

static int remove_noise(struct om_region_work *work, const uint8_t *mask, int width, int height)
{
    uint8_t sum[OM_THUMB_WIDTH_MAX];
    int count = 0;
    om_assert(width <= (int)sizeof(sum));
    memset(work->solid, 0, (size_t)width * (size_t)height);
    for (int y = 1; y < height - 1; y++) {
        const uint8_t *here = row_at(mask, y, width, height);
        sum_rows(sum, here - width, here, here + width, width);
        count += keep_solid(work->solid + (ptrdiff_t)y * width, sum, here, width);
    }
    return count;
}

static void grow(struct om_region_work *work, int width, int height)
{
    uint8_t sum[OM_THUMB_WIDTH_MAX];
    memset(work->grown, 0, (size_t)width * (size_t)height);
    for (int y = 1; y < height - 1; y++) {
        const uint8_t *here = row_at(work->solid, y, width, height);
        sum_rows(sum, here - width, here, here + width, width);
        spread(work->grown + (ptrdiff_t)y * width, sum, width);
    }
}

static int find_root(uint16_t *parent, int label)
{
    while (parent[label] != label) {
        parent[label] = parent[parent[label]];
        label = parent[label];
    }
    return label;
}

static void join(uint16_t *parent, int a, int b)
{
    a = find_root(parent, a);
    b = find_root(parent, b);
    parent[OM_MAX(a, b)] = (uint16_t)OM_MIN(a, b);
}

// Connected parts of `grown` (eight neighbours); returns the number of labels given out.
static int give_labels(struct om_region_work *work, int width, int height)
{
    int count = 0;
    for (int y = 1; y < height - 1; y++) {
        const uint8_t *grown = work->grown + (ptrdiff_t)y * width;
        uint16_t *label = work->label + (ptrdiff_t)y * width;
        const uint16_t *above = label - width;
        label[0] = label[width - 1] = 0;
        for (int x = 1; x < width - 1; x++) {
            label[x] = 0;
            if (!grown[x])
                continue;
            int near[] = {label[x - 1], above[x - 1], above[x], above[x + 1]};
            for (int i = 0; i < 4; i++) {
                if (near[i] && label[x])
                    join(work->parent, near[i], label[x]);
                else if (near[i])
                    label[x] = (uint16_t)near[i];
            }
            if (!label[x]) {
                label[x] = (uint16_t)++count;
                work->parent[count] = (uint16_t)count;
            }
        }
    }
    return count;
}

static void measure_parts(struct om_region_work *work, int width, int height, int count)
{
    for (int i = 1; i <= count; i++) {
        work->part[i].left = work->part[i].top = INT16_MAX;
        work->part[i].right = work->part[i].bottom = work->part[i].pixels = 0;
    }
    for (int y = 1; y < height - 1; y++) {
        for (int x = 1; x < width - 1; x++) {
            ptrdiff_t at = (ptrdiff_t)y * width + x;
            if (!work->solid[at])
                continue;
            int i = find_root(work->parent, work->label[at]);
            work->part[i].left = (int16_t)OM_MIN(work->part[i].left, x);
            work->part[i].top = (int16_t)OM_MIN(work->part[i].top, y);
            work->part[i].right = (int16_t)OM_MAX(work->part[i].right, x + 1);
            work->part[i].bottom = (int16_t)OM_MAX(work->part[i].bottom, y + 1);
            work->part[i].pixels++;
        }
    }
}

static bool are_near(struct om_region a, struct om_region b)
{
    return a.x <= b.x + b.w + GAP_PX && b.x <= a.x + a.w + GAP_PX && a.y <= b.y + b.h + GAP_PX &&
           b.y <= a.y + a.h + GAP_PX;
}

static struct om_region hull(struct om_region a, struct om_region b)
{
    int left = OM_MIN(a.x, b.x), right = OM_MAX(a.x + a.w, b.x + b.w);
    int top = OM_MIN(a.y, b.y), bottom = OM_MAX(a.y + a.h, b.y + b.h);
    return (struct om_region){left, top, right - left, bottom - top};
}

// Puts `region` in, as one with those it comes near; the smallest goes when there is no room.
static void add(struct om_regions *regions, struct om_region region)
{
    for (int i = 0; i < regions->count; i++) {
        if (!are_near(regions->items[i], region))
            continue;
        region = hull(regions->items[i], region);
        regions->items[i] = regions->items[--regions->count];
        i = -1;  // the larger one may be near to those before
    }
    if (regions->count < OM_REGIONS_MAX) {
        regions->items[regions->count++] = region;
        return;
    }
    int least = 0;
    for (int i = 1; i < regions->count; i++) {
        const struct om_region *r = &regions->items[i], *l = &regions->items[least];
        if (r->w * r->h < l->w * l->h)
            least = i;
    }
    if (regions->items[least].w * regions->items[least].h < region.w * region.h)
        regions->items[least] = region;
}

static void sort_by_area(struct om_regions *regions)
{
    for (int i = 1; i < regions->count; i++) {
        struct om_region r = regions->items[i];
        int j = i;
        for (; j > 0 && regions->items[j - 1].w * regions->items[j - 1].h < r.w * r.h; j--)
            regions->items[j] = regions->items[j - 1];
        regions->items[j] = r;
    }
}

int om_regions_find(struct om_region_work *work, const uint8_t *mask, int width, int height,
                    int pixels_min, struct om_regions *ret)
{
    ret->count = 0;
    if (width < 3 || height < 3)
        return 0;
    int changed_px = remove_noise(work, mask, width, height);
    if (changed_px == 0)
        return 0;
    grow(work, width, height);
    memset(work->label, 0, sizeof(work->label[0]) * (size_t)width);
    int count = give_labels(work, width, height);
    measure_parts(work, width, height, count);
    for (int i = 1; i <= count; i++) {
        if (work->parent[i] != i || work->part[i].pixels < pixels_min)
            continue;
        add(ret, (struct om_region){work->part[i].left, work->part[i].top,
                                    work->part[i].right - work->part[i].left,
                                    work->part[i].bottom - work->part[i].top});
    }
    sort_by_area(ret);
    return changed_px;
}
