// Placing is MaxRects with the best short side: the list of all largest free rectangles; a part
// goes into the corner of the one whose shorter side is left with least. Against a skyline on the
// same parts it fills 6 points more of a canvas for about 10 us.

#include "infer/pack.h"

#include <math.h>

#include "base/assert.h"
#include "media/frame.h"

// From this share of a whole picture's own cost on it is looked at whole: it sees more.
#define WHOLE_SHARE 0.75

// ---- regions -----------------------------------------------------------------------------------

static bool overlap(const struct om_region *a, const struct om_region *b)
{
    return (a->x < b->x + b->w) & (b->x < a->x + a->w) & (a->y < b->y + b->h) &
           (b->y < a->y + a->h);
}

static bool contains(const struct om_region *outer, const struct om_region *inner)
{
    return (inner->x >= outer->x) & (inner->y >= outer->y) &
           (inner->x + inner->w <= outer->x + outer->w) &
           (inner->y + inner->h <= outer->y + outer->h);
}

static struct om_region around(const struct om_region *a, const struct om_region *b)
{
    int x = OM_MIN(a->x, b->x), y = OM_MIN(a->y, b->y);
    int right = OM_MAX(a->x + a->w, b->x + b->w), bottom = OM_MAX(a->y + a->h, b->y + b->h);

    return (struct om_region){x, y, right - x, bottom - y};
}

// Cut to the picture; false when nothing is left. Regions may hold any numbers.
static bool cut(const struct om_frame *frame, const struct om_region *region, struct om_region *ret)
{
    int64_t right = OM_MIN((int64_t)region->x + region->w, (int64_t)frame->width);
    int64_t bottom = OM_MIN((int64_t)region->y + region->h, (int64_t)frame->height);

    ret->x = OM_MAX(region->x, 0);
    ret->y = OM_MAX(region->y, 0);
    ret->w = (int)OM_MAX(right - ret->x, (int64_t)0);
    ret->h = (int)OM_MAX(bottom - ret->y, (int64_t)0);
    return region->w > 0 && region->h > 0 && ret->w > 0 && ret->h > 0;
}

// ---- the plan ----------------------------------------------------------------------------------

// Input pixels per pixel of the picture, along the upright sides.
struct scales {
    double x, y;
    bool is_turned;
};

static struct scales scales_of(const struct om_pack_rules *rules, const struct om_frame *frame,
                               double zoom)
{
    struct scales s = {
        .x = (double)rules->width / om_frame_upright_width(frame),
        .y = (double)rules->height / om_frame_upright_height(frame),
        .is_turned = frame->rotation_deg == 90 || frame->rotation_deg == 270,
    };

    if (!rules->is_stretched)
        s.x = s.y = fmin(s.x, s.y);
    // Zooming in never makes pixels up; a whole picture that is enlarged keeps its size.
    s.x = fmin(s.x * zoom, fmax(s.x, 1));
    s.y = fmin(s.y * zoom, fmax(s.y, 1));
    return s;
}

static struct om_region with_margin(const struct om_pack_rules *rules, const struct scales *s,
                                    const struct om_frame *frame, const struct om_region *core)
{
    double scale_x = s->is_turned ? s->y : s->x, scale_y = s->is_turned ? s->x : s->y;
    int dx = (int)ceil(fmax(core->w * rules->margin, rules->margin_min_px / scale_x));
    int dy = (int)ceil(fmax(core->h * rules->margin, rules->margin_min_px / scale_y));
    struct om_region crop;

    (void)cut(frame,
              &(struct om_region){core->x - dx, core->y - dy, core->w + 2 * dx, core->h + 2 * dy},
              &crop);  // a core is never empty
    return crop;
}

static void join(const struct om_pack_rules *rules, const struct scales *s,
                 const struct om_frame *frame, struct om_pack_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        for (int k = i + 1; k < plan->count; k++) {
            struct om_pack_tile *a = &plan->tiles[i], *b = &plan->tiles[k];
            if (!overlap(&a->crop, &b->crop))
                continue;
            a->core = around(&a->core, &b->core);
            a->crop = with_margin(rules, s, frame, &a->core);
            *b = plan->tiles[--plan->count];
            i = -1;  // it has grown: look at all of them again
            break;
        }
    }
}

static void size_tile(const struct om_pack_rules *rules, const struct scales *s,
                      struct om_pack_tile *tile)
{
    int w = s->is_turned ? tile->crop.h : tile->crop.w,
        h = s->is_turned ? tile->crop.w : tile->crop.h;
    double x = s->x, y = s->y;

    if (!rules->is_stretched)
        x = y = fmin(x, fmin((double)rules->width / w, (double)rules->height / h));
    tile->w = OM_CLAMP((int)rint(w * x), 1, rules->width);
    tile->h = OM_CLAMP((int)rint(h * y), 1, rules->height);
}

static void sort_taller_first(struct om_pack_plan *plan)
{
    for (int i = 1; i < plan->count; i++) {
        struct om_pack_tile tile = plan->tiles[i];
        int k = i;
        for (; k > 0 && plan->tiles[k - 1].h < tile.h; k--)
            plan->tiles[k] = plan->tiles[k - 1];
        plan->tiles[k] = tile;
    }
}

static int area_of(const struct om_pack_rules *rules, const struct om_pack_plan *plan)
{
    int64_t area = 0;

    for (int i = 0; i < plan->count; i++)
        area += (int64_t)(plan->tiles[i].w + rules->gap_px) * (plan->tiles[i].h + rules->gap_px);
    return (int)OM_MIN(area, (int64_t)rules->width * rules->height);
}

// Two pictures that are wider (or higher) than the input leave much of it empty, and would nearly
// fit into one together.
static void shrink_to_half(const struct om_pack_rules *rules, struct om_pack_tile *tile)
{
    double half_w = (rules->width - rules->gap_px) / 2,
           half_h = (rules->height - rules->gap_px) / 2;
    double scale = fmax(half_w / tile->w, half_h / tile->h);

    if (rules->is_stretched || scale >= 1 || scale < rules->shrink_min)
        return;
    tile->w = OM_MAX((int)(tile->w * scale), 1);
    tile->h = OM_MAX((int)(tile->h * scale), 1);
}

static void plan_whole(const struct om_pack_rules *rules, const struct om_frame *frame,
                       bool may_shrink, struct om_pack_plan *plan)
{
    struct scales s = scales_of(rules, frame, 1);
    struct om_region whole = {0, 0, frame->width, frame->height};

    plan->is_whole = true;
    plan->is_alone = !rules->can_share;
    plan->count = 1;
    plan->tiles[0] = (struct om_pack_tile){.core = whole, .crop = whole};
    size_tile(rules, &s, &plan->tiles[0]);
    if (may_shrink)
        shrink_to_half(rules, &plan->tiles[0]);
    plan->area_px = plan->is_alone ? rules->width * rules->height : area_of(rules, plan);
}

static bool fits_alone(const struct om_pack_rules *rules, const struct om_pack_plan *plan)
{
    struct om_pack_canvas canvas;
    struct om_pack_spot spots[OM_REGIONS_MAX];

    om_pack_canvas_begin(&canvas, rules->width, rules->height, rules->gap_px);
    for (int i = 0; i < plan->count; i++)
        spots[i] = (struct om_pack_spot){.w = plan->tiles[i].w, .h = plan->tiles[i].h};
    return om_pack_put(&canvas, spots, plan->count);
}

// Tiles of the regions at this zoom; false when the whole picture, `whole`, is the better way.
static bool plan_tiles(const struct om_pack_rules *rules, const struct om_frame *frame, double zoom,
                       const struct om_pack_plan *whole, struct om_pack_plan *plan)
{
    struct scales s = scales_of(rules, frame, zoom);

    for (int i = 0; i < plan->count; i++)
        plan->tiles[i].crop = with_margin(rules, &s, frame, &plan->tiles[i].core);
    join(rules, &s, frame, plan);
    for (int i = 0; i < plan->count; i++)
        size_tile(rules, &s, &plan->tiles[i]);
    sort_taller_first(plan);
    plan->area_px = area_of(rules, plan);
    // What is zoomed in costs more on purpose.
    return plan->area_px <= WHOLE_SHARE * zoom * zoom * whole->area_px && fits_alone(rules, plan);
}

// Everything that was asked for in one part of its own, grown to the input's own size: enlarging
// would show the network what it never saw.
static void plan_alone(const struct om_pack_rules *rules, const struct om_frame *frame,
                       struct om_pack_plan *plan)
{
    struct scales s = scales_of(rules, frame, 1);
    struct om_pack_tile *tile = &plan->tiles[0];
    int w = s.is_turned ? rules->height : rules->width,
        h = s.is_turned ? rules->width : rules->height;

    for (int i = 1; i < plan->count; i++)
        tile->core = around(&tile->core, &plan->tiles[i].core);
    struct om_region crop = with_margin(rules, &s, frame, &tile->core);
    if (rules->is_exact)
        crop = tile->core;
    int grow_x = OM_MAX(OM_MIN(w, frame->width) - crop.w, 0);
    int grow_y = OM_MAX(OM_MIN(h, frame->height) - crop.h, 0);
    if (rules->is_exact)
        grow_x = grow_y = 0;
    crop.w += grow_x;
    crop.h += grow_y;
    crop.x = OM_CLAMP(crop.x - grow_x / 2, 0, frame->width - crop.w);
    crop.y = OM_CLAMP(crop.y - grow_y / 2, 0, frame->height - crop.h);
    tile->crop = crop;
    tile->w = rules->width;
    tile->h = rules->height;
    plan->count = 1;
    plan->is_alone = true;
    plan->is_whole = crop.w == frame->width && crop.h == frame->height;
    plan->area_px = rules->width * rules->height;
}

void om_pack_plan_make(const struct om_pack_rules *rules, const struct om_frame *frame,
                       const struct om_parts *parts, struct om_pack_plan *ret)
{
    const struct om_regions *regions = &parts->regions;
    struct om_pack_plan whole;

    ret->is_whole = ret->is_alone = false;
    ret->count = ret->area_px = 0;
    if (frame->width < 1 || frame->height < 1)
        return;
    if (regions->count == 0) {
        plan_whole(rules, frame, parts->may_shrink, ret);
        return;
    }
    int count = rules->is_exact ? 1 : OM_MIN(regions->count, (int)OM_REGIONS_MAX);
    for (int i = 0; i < count; i++)
        ret->count += cut(frame, &regions->items[i], &ret->tiles[ret->count].core);
    if (ret->count == 0)
        return;
    if (rules->is_exact || !rules->can_share) {
        plan_alone(rules, frame, ret);
        return;
    }
    plan_whole(rules, frame, parts->may_shrink, &whole);
    if (!plan_tiles(rules, frame, rules->zoom, &whole, ret) &&
        (rules->zoom <= 1 || !plan_tiles(rules, frame, 1, &whole, ret)))
        *ret = whole;
}

// ---- places ------------------------------------------------------------------------------------

void om_pack_canvas_begin(struct om_pack_canvas *canvas, int width, int height, int gap_px)
{
    canvas->gap_px = gap_px;
    canvas->tile_count = 0;
    canvas->used_px = 0;
    canvas->free_count = 1;
    // Each part carries its gap on the right and below; at the far edges it may stick out.
    canvas->free[0] = (struct om_region){0, 0, width + gap_px, height + gap_px};
}

static int best_free(const struct om_pack_canvas *canvas, int w, int h)
{
    int best = -1, best_short = INT32_MAX, best_long = INT32_MAX;

    for (int i = 0; i < canvas->free_count; i++) {
        int left_x = canvas->free[i].w - w, left_y = canvas->free[i].h - h;
        int shorter = OM_MIN(left_x, left_y), longer = OM_MAX(left_x, left_y);
        if (shorter < 0 || shorter > best_short || (shorter == best_short && longer >= best_long))
            continue;
        best = i;
        best_short = shorter;
        best_long = longer;
    }
    return best;
}

// Free rectangles that a part has cut, and what is left of them.
struct rests {
    int count;
    struct om_region items[OM_PACK_FREE_MAX];
};

// A rest lies in an old rectangle that lay in no other, so it contains none of the old ones: only
// other rests have to be looked at both ways. With `&`, because no branch here can be foretold.
static void add_rest(const struct om_pack_canvas *canvas, struct rests *rests,
                     const struct om_region *rest)
{
    bool is_inside = false;

    if (rest->w <= canvas->gap_px || rest->h <= canvas->gap_px)
        return;
    for (int i = 0; i < canvas->free_count; i++)
        is_inside |= contains(&canvas->free[i], rest);
    for (int i = 0; i < rests->count; i++)
        is_inside |= contains(&rests->items[i], rest);
    if (is_inside)
        return;
    int kept = 0;
    for (int i = 0; i < rests->count; i++) {
        rests->items[kept] = rests->items[i];
        kept += !contains(rest, &rests->items[i]);
    }
    rests->count = kept;
    if (rests->count < OM_PACK_FREE_MAX)
        rests->items[rests->count++] = *rest;
}

// Up to four, as large as they can be.
static void add_rests(const struct om_pack_canvas *canvas, struct rests *rests,
                      const struct om_region *f, const struct om_region *part)
{
    int right = f->x + f->w, bottom = f->y + f->h;
    int part_right = part->x + part->w, part_bottom = part->y + part->h;

    add_rest(canvas, rests, &(struct om_region){f->x, f->y, part->x - f->x, f->h});
    add_rest(canvas, rests, &(struct om_region){part_right, f->y, right - part_right, f->h});
    add_rest(canvas, rests, &(struct om_region){f->x, f->y, f->w, part->y - f->y});
    add_rest(canvas, rests, &(struct om_region){f->x, part_bottom, f->w, bottom - part_bottom});
}

// Where the list is full, what is left out is only room that nobody will find.
static void take_room(struct om_pack_canvas *canvas, const struct om_region *part)
{
    struct om_region hit[OM_PACK_FREE_MAX];
    struct rests rests;
    int hits = 0, kept = 0;

    rests.count = 0;
    for (int i = 0; i < canvas->free_count; i++) {
        struct om_region f = canvas->free[i];
        bool is_hit = overlap(&f, part);
        hit[hits] = f;
        canvas->free[kept] = f;
        hits += is_hit;
        kept += !is_hit;
    }
    canvas->free_count = kept;
    for (int i = 0; i < hits; i++)
        add_rests(canvas, &rests, &hit[i], part);
    for (int i = 0; i < rests.count && canvas->free_count < OM_PACK_FREE_MAX; i++)
        canvas->free[canvas->free_count++] = rests.items[i];
}

static bool put_one(struct om_pack_canvas *canvas, struct om_pack_spot *spot)
{
    int w = spot->w + canvas->gap_px, h = spot->h + canvas->gap_px;
    int at = best_free(canvas, w, h);

    if (at < 0 || canvas->tile_count == OM_PACK_TILES_MAX)
        return false;
    spot->x = canvas->free[at].x;
    spot->y = canvas->free[at].y;
    canvas->tile_count++;
    canvas->used_px += (int64_t)spot->w * spot->h;
    take_room(canvas, &(struct om_region){spot->x, spot->y, w, h});
    return true;
}

bool om_pack_put(struct om_pack_canvas *canvas, struct om_pack_spot *spots, int count)
{
    struct om_pack_canvas before;

    if (count > 1)
        before = *canvas;
    for (int i = 0; i < count; i++) {
        om_assert(spots[i].w > 0 && spots[i].h > 0);
        if (put_one(canvas, &spots[i]))
            continue;
        if (count > 1)
            *canvas = before;
        return false;
    }
    return true;
}
