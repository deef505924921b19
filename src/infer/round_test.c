// Looks of many pictures in one run, with a detector whose answers are known beforehand: every
// bright spot comes back to its own picture, at its own place, whatever the format, the rotation,
// and what lies beside it.

#include "infer/round.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "infer/spot_model.h"
#include "media/frame.h"

enum { PICTURES_MAX = 24, DARK = 16, BRIGHT = 235 };

struct picture {
    struct om_frame *frame;
    struct om_region spot;  // of the stored picture
    struct om_parts parts;
    // What was told.
    int answers;
    enum om_status status;
    int looked;
    struct om_detections found;
};

// ---- pictures ----------------------------------------------------------------------------------

static void fill_plane(struct om_frame *frame, int plane, const struct om_region *at, int level)
{
    int bytes = frame->format == OM_PIX_RGB24 ? 3 : 1;
    uint8_t *data = om_frame_plane_mut(frame, plane);

    for (int y = at->y; y < at->y + at->h; y++)
        memset(data + (ptrdiff_t)y * frame->stride[plane] + bytes * at->x, level,
               (size_t)(bytes * at->w));
}

static struct om_frame *make_frame(enum om_pixfmt format, int width, int height,
                                   const struct om_region *spot)
{
    struct om_frame *frame = om_frame_alloc(format, width, height);
    bool is_rgb = format == OM_PIX_RGB24;
    int row_bytes, rows;

    om_assert(frame);
    for (int p = 1; om_pixfmt_plane(format, p, width, height, &row_bytes, &rows); p++)
        for (int y = 0; y < rows; y++)
            memset(om_frame_plane_mut(frame, p) + (ptrdiff_t)y * frame->stride[p], 128,
                   (size_t)row_bytes);
    fill_plane(frame, 0, &(struct om_region){0, 0, width, height}, is_rgb ? 0 : DARK);
    fill_plane(frame, 0, spot, is_rgb ? 255 : BRIGHT);
    return frame;
}

static void on_look(void *ctx, const struct om_round_look *look, const struct om_result *result,
                    enum om_status status)
{
    struct picture *picture = look->owner;
    (void)ctx;
    picture->answers++;
    picture->status = status;
    picture->looked = look->looked.count;
    picture->found = result->detections;
}

static bool add(struct om_round *round, const struct om_pack_rules *rules, struct picture *picture)
{
    struct om_pack_plan plan;
    const struct om_round_look look = {
        .owner = picture, .frame = picture->frame, .detect = {0.5f, 1, false, 300}};

    om_pack_plan_make(rules, picture->frame, &picture->parts, &plan);
    return om_round_add(round, &look, &plan);
}

// Around everything that was found: cells, half of which at the least is bright.
static struct om_box around_found(const struct om_detections *found)
{
    float left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;

    for (int i = 0; i < found->count; i++) {
        const struct om_box *box = &found->items[i].box;
        left = fminf(left, box->x);
        top = fminf(top, box->y);
        right = fmaxf(right, box->x + box->w);
        bottom = fmaxf(bottom, box->y + box->h);
    }
    return (struct om_box){left, top, right - left, bottom - top};
}

// Within a cell of the canvas, in pixels of the picture.
static void check_found(const struct picture *picture, const struct om_pack_rules *rules)
{
    struct om_region spot = om_prep_upright(picture->frame, &picture->spot);
    struct om_box found = around_found(&picture->found);
    double scale = fmin((double)rules->width / om_frame_upright_width(picture->frame),
                        (double)rules->height / om_frame_upright_height(picture->frame));
    double slack = SPOT_CELL / scale + 1;

    om_assert(picture->answers == 1 && picture->status == OM_OK && picture->found.count > 0);
    om_assert(fabs((double)found.x - spot.x) <= slack && fabs((double)found.y - spot.y) <= slack);
    om_assert(fabs((double)(found.x + found.w) - spot.x - spot.w) <= slack);
    om_assert(fabs((double)(found.y + found.h) - spot.y - spot.h) <= slack);
}

static struct om_pack_rules rules_for(const struct om_model *model)
{
    struct om_pack_rules wish = OM_PACK_RULES_DEFAULT;
    wish.can_share = true;
    struct om_pack_rules rules = om_round_rules(model, &wish);
    om_assert(rules.can_share);
    return rules;
}

static struct om_round *make_round(struct om_model *model, const struct om_pack_rules *rules)
{
    struct om_error err;
    struct om_round *round = om_round_create(
        model, &(struct om_round_opts){.batch_max = 1, .rules = rules}, &err);
    om_assert(round);
    return round;
}

// ---- checks ------------------------------------------------------------------------------------

// Every format, rotation and mirroring, side by side in as few canvases as they need.
static void check_mixed(struct om_model *model)
{
    static const enum om_pixfmt formats[] = {OM_PIX_I420, OM_PIX_NV12, OM_PIX_I422,
                                             OM_PIX_I444, OM_PIX_GREY, OM_PIX_RGB24};
    struct picture pictures[PICTURES_MAX] = {0};
    const struct om_pack_rules rules = rules_for(model);
    om_auto(om_round) round = make_round(model, &rules);
    int next = 0, rounds = 0;

    for (int i = 0; i < PICTURES_MAX; i++) {
        struct picture *p = &pictures[i];
        int x = 60 + 37 * i % 400, y = 50 + 23 * i % 200;
        p->spot = (struct om_region){x, y, 40 + i, 30};
        p->frame = make_frame(formats[i % 6], 640, 360, &p->spot);
        p->frame->rotation_deg = i / 6 * 90;
        p->frame->is_mirrored = i % 2;
        p->parts.regions.count = i % 3 ? 1 : 2;  // its surroundings, and somewhere else
        p->parts.regions.items[0] = (struct om_region){x - 8, y - 5, 60 + i, 40};
        p->parts.regions.items[1] = (struct om_region){x > 300 ? 4 : 560, y > 150 ? 2 : 300, 50,
                                                       50};
    }
    for (; next < PICTURES_MAX; rounds++) {
        om_round_begin(round, 1);
        while (next < PICTURES_MAX && add(round, &rules, &pictures[next]))
            next++;
        struct om_round_stats stats = om_round_stats(round);
        om_assert(stats.canvases == 1 && stats.looks > 1 && stats.regions >= stats.looks);
        om_assert(stats.used_px > 0 && stats.used_px <= stats.canvas_px);
        om_round_run(round, on_look, NULL);
    }
    om_assert(rounds < PICTURES_MAX / 2);
    for (int i = 0; i < PICTURES_MAX; i++) {
        check_found(&pictures[i], &rules);
        om_assert(pictures[i].looked == pictures[i].parts.regions.count);
        om_frame_unref(&pictures[i].frame);
    }
}

// A frame nobody can read and a look at nothing, among good ones; a whole picture beside regions.
static void check_bad(struct om_model *model)
{
    struct picture pictures[4] = {0};
    const struct om_pack_rules rules = rules_for(model);
    om_auto(om_round) round = make_round(model, &rules);

    for (int i = 0; i < 4; i++) {
        pictures[i].spot = (struct om_region){100, 80, 40, 40};
        pictures[i].frame = make_frame(OM_PIX_I420, 640, 360, &pictures[i].spot);
        pictures[i].parts.regions = (struct om_regions){1, {{100, 80, 40, 40}}};
    }
    pictures[0].parts.regions.count = 0;
    pictures[1].frame->format = OM_PIX_YUYV;
    pictures[2].parts.regions.items[0].x = 700;
    om_round_begin(round, 1);
    for (int i = 0; i < 4; i++)
        om_assert(add(round, &rules, &pictures[i]));
    om_assert(om_round_stats(round).canvases == 1);
    om_round_run(round, on_look, NULL);
    check_found(&pictures[0], &rules);
    om_assert(pictures[0].looked == 0);
    om_assert(pictures[1].answers == 1 && pictures[1].status == OM_UNSUPPORTED);
    om_assert(pictures[2].answers == 1 && pictures[2].status == OM_INVALID);
    check_found(&pictures[3], &rules);
    for (int i = 0; i < 4; i++)
        om_frame_unref(&pictures[i].frame);
}

// A whole picture alone is what om_model_run() sees, to the bit.
static void check_alone(struct om_model *model)
{
    struct picture picture = {.spot = {311, 77, 51, 40}};
    const struct om_pack_rules rules = rules_for(model);
    const struct om_detect_opts opts = {0.5f, 1, false, 300};
    struct om_result *direct = om_new(struct om_result);
    struct om_error err;
    om_auto(om_round) round = make_round(model, &rules);
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 1, &err);

    picture.frame = make_frame(OM_PIX_I420, 640, 360, &picture.spot);
    om_round_begin(round, 1);
    om_assert(add(round, &rules, &picture));
    om_round_run(round, on_look, NULL);
    const struct om_frame *frames[1] = {picture.frame};
    om_assert(om_model_run(ctx, frames, NULL, 1, &opts, direct, &err) == OM_OK);
    om_assert(picture.found.count == direct->detections.count && picture.found.count > 0);
    om_assert(memcmp(picture.found.items, direct->detections.items,
                     (size_t)picture.found.count * sizeof(picture.found.items[0])) == 0);
    om_free(direct);
    om_frame_unref(&picture.frame);
}

// Boxes of 40 pixels around each bright cell. In the canvas a picture of 256 x 256 keeps its size.
static int boxes_found(struct om_model *model, const struct om_region *spot,
                       const struct om_region *region, struct om_box *ret)
{
    struct picture picture = {.spot = *spot, .parts.regions = {1, {*region}}};
    const struct om_pack_rules rules = rules_for(model);
    om_auto(om_round) round = make_round(model, &rules);

    picture.frame = make_frame(OM_PIX_GREY, 256, 256, spot);
    om_round_begin(round, 1);
    om_assert(add(round, &rules, &picture));
    om_round_run(round, on_look, NULL);
    om_assert(picture.status == OM_OK);
    *ret = picture.found.items[0].box;
    om_frame_unref(&picture.frame);
    return picture.found.count;
}

static void check_edges(struct om_model *model)
{
    struct om_box box;

    // Core 100..160, context of 11 on each side: the part is 89..171, at 0 of the canvas.
    const struct om_region region = {100, 100, 60, 60};
    // In the middle: whole.
    om_assert(boxes_found(model, &(struct om_region){129, 129, 4, 4}, &region, &box) == 1);
    om_assert(box.w > 39.9f && box.w < 40.1f && fabsf(box.x + 20 - 131) < 0.1f);
    // Sticks out a little, its middle where somebody asked to look: cut to the part.
    om_assert(boxes_found(model, &(struct om_region){101, 129, 4, 4}, &region, &box) == 1);
    om_assert(fabsf(box.x - 89) < 0.1f && box.w < 39);
    // The same with its middle in the context: a piece of something that nobody asked for.
    om_assert(boxes_found(model, &(struct om_region){93, 129, 4, 4}, &region, &box) == 0);
    // At the edge of the picture nothing is cut off by looking at a part.
    const struct om_region corner = {0, 100, 60, 60};
    om_assert(boxes_found(model, &(struct om_region){8, 128, 4, 4}, &corner, &box) == 1);
    om_assert(box.x == 0 && box.w > 29);
    // Most of it would lie outside: nothing that can be in this picture.
    om_assert(boxes_found(model, &(struct om_region){0, 100, 4, 4}, &corner, &box) == 0);
}

int main(void)
{
    om_auto(om_model) cells = spot_model_create(SPOT_CELL);
    om_auto(om_model) boxes = spot_model_create(40);
    check_mixed(cells);
    check_bad(cells);
    check_alone(cells);
    check_edges(boxes);
    return 0;
}
