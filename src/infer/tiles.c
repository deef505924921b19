#include "infer/tiles.h"

#include <math.h>
#include <stdlib.h>

#include "infer/output.h"
#include "scene/detection.h"

// Of a box, less of which inside its tile makes it a shape across the gap; and how near the tile's
// edge, in pixels of the input, a box ends with it.
#define INSIDE_SHARE_MIN 0.6f
#define EDGE_PX 2.0

// ---- around them -------------------------------------------------------------------------------

static int compare_x(const void *a, const void *b)
{
    const struct om_region *const *left = a, *const *right = b;
    return ((*left)->x > (*right)->x) - ((*left)->x < (*right)->x);
}

// What a band of rows has beside the places that cross it.
static void pad_band(const struct om_prep *prep, const struct om_region **crossing, int count,
                     struct om_region band, float *tensor)
{
    int right = band.w;

    qsort(crossing, (size_t)count, sizeof(*crossing), compare_x);
    for (int i = 0; i <= count; i++) {
        int end = i < count ? crossing[i]->x : right;
        band.w = end - band.x;
        if (band.w > 0)
            om_prep_pad(prep, &band, tensor);
        if (i < count)
            band.x = crossing[i]->x + crossing[i]->w;
    }
}

static int compare_int(const void *a, const void *b)
{
    const int *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

// In bands between the rows where a tile begins or ends.
void om_tiles_pad(const struct om_prep *prep, const struct om_model_tile *tiles, int count,
                  float *tensor)
{
    struct om_region input = om_prep_input(prep);
    const struct om_region *crossing[OM_MODEL_TILES_MAX];
    int rows[2 * OM_MODEL_TILES_MAX + 2], row_count = 0;

    rows[row_count++] = 0;
    rows[row_count++] = input.h;
    for (int i = 0; i < count; i++) {
        rows[row_count++] = tiles[i].part.place.y;
        rows[row_count++] = tiles[i].part.place.y + tiles[i].part.place.h;
    }
    qsort(rows, (size_t)row_count, sizeof(*rows), compare_int);
    for (int i = 0; i + 1 < row_count; i++) {
        int found = 0;
        if (rows[i] == rows[i + 1])
            continue;
        for (int k = 0; k < count; k++) {
            const struct om_region *place = &tiles[k].part.place;
            if (tiles[k].status == OM_OK && place->y <= rows[i] && rows[i] < place->y + place->h)
                crossing[found++] = place;
        }
        pad_band(prep, crossing, found,
                 (struct om_region){0, rows[i], input.w, rows[i + 1] - rows[i]}, tensor);
    }
}

// ---- what lies in one --------------------------------------------------------------------------

static bool holds_centre(const struct om_region *place, const struct om_candidate *c)
{
    float x = (c->x1 + c->x2) / 2, y = (c->y1 + c->y2) / 2;

    return x >= (float)place->x && y >= (float)place->y && x < (float)(place->x + place->w) &&
           y < (float)(place->y + place->h);
}

// Cuts a candidate to the tile. False when so much of it lies outside that the network has seen a
// shape across the gap.
static bool cut_to_place(const struct om_region *place, struct om_candidate *c)
{
    float area = (c->x2 - c->x1) * (c->y2 - c->y1);

    c->x1 = fmaxf(c->x1, (float)place->x);
    c->y1 = fmaxf(c->y1, (float)place->y);
    c->x2 = fminf(c->x2, (float)(place->x + place->w));
    c->y2 = fminf(c->y2, (float)(place->y + place->h));
    return (c->x2 - c->x1) * (c->y2 - c->y1) >= INSIDE_SHARE_MIN * area;
}

// Whether the box ends where the tile does and the picture does not: a piece of something.
static bool is_piece(const struct om_geometry *g, const struct om_box *box)
{
    float slack_x = (float)(EDGE_PX / g->scale_x), slack_y = (float)(EDGE_PX / g->scale_y);
    int right = g->crop_x + g->crop_width, bottom = g->crop_y + g->crop_height;

    return (g->crop_x > 0 && box->x < (float)g->crop_x + slack_x) ||
           (g->crop_y > 0 && box->y < (float)g->crop_y + slack_y) ||
           (right < g->picture_width && box->x + box->w > (float)right - slack_x) ||
           (bottom < g->picture_height && box->y + box->h > (float)bottom - slack_y);
}

static bool has_centre_in_core(const struct om_model_tile *tile, const struct om_candidate *c)
{
    const struct om_geometry *g = &tile->geometry;
    struct om_region core = om_prep_upright(tile->frame, &tile->core);
    double x = ((double)(c->x1 + c->x2) / 2 - g->offset_x) / g->scale_x + g->crop_x;
    double y = ((double)(c->y1 + c->y2) / 2 - g->offset_y) / g->scale_y + g->crop_y;

    return x >= core.x && y >= core.y && x <= core.x + core.w && y <= core.y + core.h;
}

bool om_tile_box(const struct om_model_tile *tile, const struct om_candidate *candidate,
                 struct om_detection *ret)
{
    const struct om_geometry *g = &tile->geometry;
    struct om_candidate c = *candidate;

    if (tile->status != OM_OK || !holds_centre(&tile->part.place, &c) ||
        !cut_to_place(&tile->part.place, &c))
        return false;
    ret->box = om_geometry_to_picture(g, c.x1, c.y1, c.x2, c.y2);
    ret->score = c.score;
    ret->class_id = (int16_t)c.class_id;
    return ret->box.w > 0 && ret->box.h > 0 &&
           (!is_piece(g, &ret->box) || has_centre_in_core(tile, candidate));
}
