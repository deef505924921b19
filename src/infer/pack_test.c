// What a packer must never do (overlap, leave the canvas, lose a part in silence), on random parts;
// and what a plan promises about the regions it was made from.

#include "infer/pack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rand.h"
#include "base/time.h"
#include "media/frame.h"

enum { SIDE = 416, ROUNDS = 400 };

// ---- places ------------------------------------------------------------------------------------

static int any(struct om_rand *rand, int low, int high)
{
    return low + (int)om_rand_below(rand, (uint32_t)(high - low + 1));
}

static bool are_apart(const struct om_pack_spot *a, const struct om_pack_spot *b, int gap)
{
    return a->x + a->w + gap <= b->x || b->x + b->w + gap <= a->x || a->y + a->h + gap <= b->y ||
           b->y + b->h + gap <= a->y;
}

static void check_spots(const struct om_pack_spot *spots, int count, int gap)
{
    for (int i = 0; i < count; i++) {
        om_assert(spots[i].x >= 0 && spots[i].y >= 0 && spots[i].x + spots[i].w <= SIDE &&
                  spots[i].y + spots[i].h <= SIDE);
        for (int k = 0; k < i; k++)
            om_assert(are_apart(&spots[i], &spots[k], gap));
    }
}

// Groups of one to four parts until nothing more goes in.
static double fill_canvas(struct om_rand *rand, int side_max, int gap)
{
    struct om_pack_canvas canvas;
    struct om_pack_spot spots[OM_PACK_TILES_MAX];
    int64_t used = 0;
    int count = 0;

    om_pack_canvas_begin(&canvas, SIDE, SIDE, gap);
    for (int misses = 0; misses < 20;) {
        struct om_pack_spot group[4];
        int n = any(rand, 1, 4);
        for (int i = 0; i < n; i++)
            group[i] = (struct om_pack_spot){.w = any(rand, 1, side_max),
                                             .h = any(rand, 1, side_max)};
        struct om_pack_canvas before = canvas;
        if (!om_pack_put(&canvas, group, n)) {
            om_assert(canvas.tile_count == count && canvas.used_px == used);
            om_assert(memcmp(before.free, canvas.free,
                             (size_t)before.free_count * sizeof(before.free[0])) == 0);
            misses++;
            continue;
        }
        for (int i = 0; i < n; i++) {
            used += (int64_t)group[i].w * group[i].h;
            spots[count++] = group[i];
        }
        om_assert(canvas.tile_count == count && canvas.used_px == used);
    }
    check_spots(spots, count, gap);
    return (double)used / (SIDE * SIDE);
}

static void check_places(void)
{
    struct om_rand rand;
    double fill = 0;

    om_rand_init(&rand, 5);
    for (int i = 0; i < ROUNDS; i++) {
        double one = fill_canvas(&rand, any(&rand, 30, 300), any(&rand, 0, 16));
        om_assert(one > 0);
        fill += one / ROUNDS;
    }
    om_assert(fill > 0.6);

    struct om_pack_canvas canvas;
    om_pack_canvas_begin(&canvas, SIDE, SIDE, 8);
    struct om_pack_spot all = {.w = SIDE, .h = SIDE}, dot = {.w = 1, .h = 1};
    om_assert(om_pack_put(&canvas, &all, 1) && all.x == 0 && all.y == 0);
    om_assert(!om_pack_put(&canvas, &dot, 1));
    // More parts than a canvas keeps.
    om_pack_canvas_begin(&canvas, SIDE, SIDE, 0);
    for (int i = 0; i < OM_PACK_TILES_MAX; i++)
        om_assert(om_pack_put(&canvas, &dot, 1));
    om_assert(!om_pack_put(&canvas, &dot, 1));
}

static void tell_time(void)
{
    enum { PARTS = 32, TIMES = 300 };
    struct om_rand rand;
    int64_t start_us = om_time_thread_cpu_us();
    int placed = 0;

    om_rand_init(&rand, 9);
    for (int i = 0; i < TIMES; i++) {
        struct om_pack_canvas canvas;
        om_pack_canvas_begin(&canvas, SIDE, SIDE, 4);
        for (int k = 0; k < PARTS; k++) {
            struct om_pack_spot spot = {.w = any(&rand, 30, 90), .h = any(&rand, 30, 90)};
            placed += om_pack_put(&canvas, &spot, 1);
        }
    }
    printf("%d parts offered, %.1f placed: %.1f us\n", PARTS, (double)placed / TIMES,
           (double)(om_time_thread_cpu_us() - start_us) / TIMES);
}

// ---- plans -------------------------------------------------------------------------------------

static struct om_pack_rules rules_of(bool is_stretched, double zoom)
{
    struct om_pack_rules rules = OM_PACK_RULES_DEFAULT;
    rules.width = rules.height = SIDE;
    rules.is_stretched = is_stretched;
    rules.can_share = true;
    rules.zoom = zoom;
    return rules;
}

static bool is_inside(const struct om_region *a, const struct om_region *b)
{
    return a->x >= b->x && a->y >= b->y && a->x + a->w <= b->x + b->w && a->y + a->h <= b->y + b->h;
}

static bool do_overlap(const struct om_region *a, const struct om_region *b)
{
    return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h && b->y < a->y + a->h;
}

static void check_tile(const struct om_pack_rules *rules, const struct om_frame *frame,
                       const struct om_pack_tile *tile)
{
    const struct om_region picture = {0, 0, frame->width, frame->height};
    bool is_turned = frame->rotation_deg % 180 != 0;
    double w = is_turned ? tile->crop.h : tile->crop.w, h = is_turned ? tile->crop.w : tile->crop.h;
    double x = (double)SIDE / om_frame_upright_width(frame);
    double y = (double)SIDE / om_frame_upright_height(frame);

    om_assert(tile->core.w > 0 && tile->core.h > 0);
    om_assert(is_inside(&tile->core, &tile->crop) && is_inside(&tile->crop, &picture));
    om_assert(tile->w >= 1 && tile->h >= 1 && tile->w <= SIDE && tile->h <= SIDE);
    if (!rules->is_stretched)
        x = y = fmin(x, y);
    if (rules->zoom <= 1)  // the sizes of the whole picture
        om_assert(fabs(tile->w - w * x) <= 1 && fabs(tile->h - h * y) <= 1);
    else  // and never more than the pixels there are
        om_assert(tile->w <= fmax(w * x, w) + 1 && tile->h <= fmax(h * y, h) + 1);
}

static void check_plan(const struct om_pack_rules *rules, const struct om_frame *frame,
                       const struct om_regions *regions)
{
    const struct om_region picture = {0, 0, frame->width, frame->height};
    struct om_pack_plan plan;
    struct om_pack_canvas canvas;

    om_pack_plan_make(rules, frame, &(struct om_parts){.regions = *regions}, &plan);
    om_pack_canvas_begin(&canvas, SIDE, SIDE, rules->gap_px);
    for (int i = 0; i < regions->count; i++) {
        const struct om_region *r = &regions->items[i];
        bool is_in = false;
        for (int k = 0; k < plan.count && !is_in; k++) {
            struct om_region both = {OM_MAX(r->x, 0), OM_MAX(r->y, 0), 0, 0};
            both.w = OM_MIN(r->x + r->w, picture.w) - both.x;
            both.h = OM_MIN(r->y + r->h, picture.h) - both.y;
            is_in = is_inside(&both, &plan.tiles[k].core);
        }
        om_assert(is_in || !do_overlap(r, &picture));
    }
    for (int i = 0; i < plan.count; i++) {
        check_tile(rules, frame, &plan.tiles[i]);
        struct om_pack_spot spot = {.w = plan.tiles[i].w, .h = plan.tiles[i].h};
        om_assert(om_pack_put(&canvas, &spot, 1));
        for (int k = 0; k < i; k++) {
            om_assert(!do_overlap(&plan.tiles[i].crop, &plan.tiles[k].crop));
            om_assert(plan.tiles[k].h >= plan.tiles[i].h);
        }
    }
    om_assert(!plan.is_whole || (plan.count == 1 && is_inside(&picture, &plan.tiles[0].crop)));
    om_assert(plan.area_px <= SIDE * SIDE && (plan.count == 0 || plan.area_px > 0));
}

static void check_plans(void)
{
    static const int sizes[][2] = {{640, 360}, {1920, 1080}, {320, 240}, {360, 640}, {17, 9000}};
    struct om_rand rand;

    om_rand_init(&rand, 11);
    for (int i = 0; i < ROUNDS; i++) {
        const int *size = sizes[i % 5];
        struct om_frame frame = {
            .width = size[0], .height = size[1], .rotation_deg = any(&rand, 0, 3) * 90};
        struct om_pack_rules rules = rules_of(i % 2, i % 3 ? 1 : 1.6);
        struct om_regions regions = {.count = any(&rand, 0, OM_REGIONS_MAX)};
        int side = any(&rand, 10, OM_MAX(size[0] / 3, 11));
        for (int k = 0; k < regions.count; k++)
            regions.items[k] = (struct om_region){any(&rand, -50, size[0] + 20),
                                                  any(&rand, -50, size[1] + 20),
                                                  any(&rand, 1, side), any(&rand, 1, side)};
        check_plan(&rules, &frame, &regions);
    }
}

static struct om_pack_plan plan_of(const struct om_pack_rules *rules, int count,
                                   const struct om_region *items)
{
    struct om_frame frame = {.width = 640, .height = 360};
    struct om_regions regions = {.count = count};
    struct om_pack_plan plan;

    memcpy(regions.items, items, (size_t)count * sizeof(*items));
    om_pack_plan_make(rules, &frame, &(struct om_parts){.regions = regions}, &plan);
    return plan;
}

static void check_cases(void)
{
    struct om_pack_rules rules = rules_of(false, 1);
    static const struct om_region huge = {-2000000000, -2000000000, 2147483647, 2147483647};
    static const struct om_region outside[] = {
        {640, 0, 9, 9}, {0, -9, 9, 9}, {5, 5, 0, 9}, {5, 5, 9, -1}};
    static const struct om_region pair[] = {{100, 100, 40, 60}, {150, 120, 40, 40}};
    static const struct om_region apart[] = {{100, 100, 40, 60}, {400, 120, 40, 40}};

    om_assert(plan_of(&rules, 4, outside).count == 0);
    om_assert(plan_of(&rules, 1, &huge).count == 1);
    // Contexts that overlap become one part.
    struct om_pack_plan plan = plan_of(&rules, 2, pair);
    om_assert(plan.count == 1 && plan.tiles[0].core.x == 100 && plan.tiles[0].core.w == 90);
    om_assert(plan.tiles[0].crop.x == 100 - 17 && !plan.is_whole && !plan.is_alone);
    plan = plan_of(&rules, 2, apart);
    om_assert(plan.count == 2 && plan.tiles[0].core.h == 60);
    // Nearly everything: the whole picture.
    plan = plan_of(&rules, 1, &(struct om_region){20, 20, 560, 300});
    om_assert(plan.is_whole && plan.count == 1 && plan.tiles[0].w == 416 && plan.tiles[0].h == 234);
    // Nothing may lie beside it: one part, no smaller than the input where the picture allows.
    rules.can_share = false;
    plan = plan_of(&rules, 2, apart);
    om_assert(plan.is_alone && plan.count == 1 && plan.tiles[0].crop.w >= SIDE &&
              plan.tiles[0].crop.h == 360 && plan.area_px == SIDE * SIDE);
    rules.is_exact = true;
    plan = plan_of(&rules, 2, apart);
    om_assert(plan.is_alone && plan.count == 1 && plan.tiles[0].crop.w == 40);
}

// Two wide pictures share an input when they may; one that is nearly square would lose too much.
static void check_shrinking(void)
{
    struct om_pack_rules rules = OM_PACK_RULES_DEFAULT;
    struct om_frame frame = {.width = 640, .height = 360};
    struct om_parts parts = {.may_shrink = true};
    struct om_pack_plan plan;

    rules.width = rules.height = SIDE;
    rules.can_share = true;
    om_pack_plan_make(&rules, &frame, &parts, &plan);
    om_assert(plan.is_whole && 2 * plan.tiles[0].h + rules.gap_px <= SIDE);
    om_assert(plan.tiles[0].h >= rules.shrink_min * 234);
    parts.may_shrink = false;
    om_pack_plan_make(&rules, &frame, &parts, &plan);
    om_assert(plan.tiles[0].w == SIDE && plan.tiles[0].h == 234);
    parts.may_shrink = true;
    frame.height = 480;
    om_pack_plan_make(&rules, &frame, &parts, &plan);
    om_assert(plan.is_whole && plan.tiles[0].w == SIDE);
}

int main(void)
{
    check_places();
    check_plans();
    check_cases();
    check_shrinking();
    tell_time();
    return 0;
}
