#include "infer/round.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"

enum {
    CANVASES_MAX = 16,
    CTX_SIZES = 5,  // tensors for 1, 2, 4, 8, 16 pictures, made when first needed
    LOOKS_MAX = 256,
    TILES_MAX = 512
};

struct canvas {
    struct om_pack_canvas room;
    bool is_closed;  // one part that goes alone
};

struct om_round {
    // Constant after create.
    struct om_model *model;  // borrowed
    int instance, batch_max;
    struct om_pack_rules rules;
    struct om_model_ctx *ctx[CTX_SIZES];
    struct om_result *result;  // of the look that is told

    int canvases_max, canvas_count, look_count, tile_count;
    struct canvas canvases[CANVASES_MAX];
    struct om_round_look looks[LOOKS_MAX];
    struct om_model_tile tiles[TILES_MAX];   // look by look, as they were added
    struct om_model_tile sorted[TILES_MAX];  // those of a run, canvas by canvas
    // Of the run under way.
    enum om_status status;
    int64_t pre_us, infer_us;
};

struct om_pack_rules om_round_rules(const struct om_model *model, const struct om_pack_rules *wish)
{
    const struct om_manifest *manifest = om_model_manifest(model);
    struct om_pack_rules rules = *wish;

    rules.width = manifest->input_width;
    rules.height = manifest->input_height;
    rules.is_stretched = manifest->resize == OM_RESIZE_STRETCH;
    rules.can_share = wish->can_share && om_model_can_share(model);
    rules.is_exact = manifest->kind != OM_MODEL_DETECTOR;
    return rules;
}

struct om_round *om_round_create(struct om_model *model, const struct om_round_opts *opts,
                                 struct om_error *err)
{
    om_auto(om_round) round = om_try_new(struct om_round);
    if (!round || !(round->result = om_try_new(struct om_result))) {
        om_error_set(err, OM_NO_MEMORY, "no memory for the runs of a model");
        return NULL;
    }
    round->model = model;
    round->instance = opts->instance;
    round->batch_max = OM_MIN(OM_MIN(opts->batch_max, (int)CANVASES_MAX),
                              om_model_batch_max(model));
    round->rules = om_round_rules(model, opts->rules);
    round->ctx[0] = om_model_ctx_create_on(model, opts->instance, 1, err);
    return round->ctx[0] ? om_steal(&round) : NULL;
}

void om_round_destroy(struct om_round *round)
{
    if (!round)
        return;
    for (int i = 0; i < CTX_SIZES; i++)
        om_model_ctx_destroy(round->ctx[i]);
    om_free(round->result);
    om_free(round);
}

// ---- filling -----------------------------------------------------------------------------------

void om_round_begin(struct om_round *round, int canvases_max)
{
    round->canvases_max = OM_CLAMP(canvases_max, 1, round->batch_max);
    round->canvas_count = round->look_count = round->tile_count = 0;
}

static bool open_canvas(struct om_round *round, bool is_closed)
{
    if (round->canvas_count == round->canvases_max)
        return false;
    struct canvas *canvas = &round->canvases[round->canvas_count++];
    om_pack_canvas_begin(&canvas->room, round->rules.width, round->rules.height,
                         round->rules.gap_px);
    canvas->is_closed = is_closed;
    return true;
}

// The canvas that takes all of the spots, or -1.
static int find_canvas(struct om_round *round, const struct om_pack_plan *plan,
                       struct om_pack_spot *spots)
{
    for (int i = 0; i < round->canvas_count; i++)
        if (!round->canvases[i].is_closed &&
            om_pack_put(&round->canvases[i].room, spots, plan->count))
            return i;
    if (!open_canvas(round, false))
        return -1;
    // A plan fits into an empty canvas.
    bool is_put = om_pack_put(&round->canvases[round->canvas_count - 1].room, spots, plan->count);
    om_assert(is_put);
    return round->canvas_count - 1;
}

static void add_tiles(struct om_round *round, const struct om_round_look *look,
                      const struct om_pack_plan *plan, const struct om_pack_spot *spots)
{
    for (int i = 0; i < plan->count; i++) {
        const struct om_pack_tile *tile = &plan->tiles[i];
        struct om_model_tile *to = &round->tiles[round->tile_count++];
        *to = (struct om_model_tile){.frame = look->frame, .core = tile->core};
        to->canvas = look->canvas;
        to->part.crop = tile->crop;
        if (!plan->is_alone)
            to->part.place = (struct om_region){spots[i].x, spots[i].y, tile->w, tile->h};
    }
}

static void set_looked(struct om_round_look *look, const struct om_pack_plan *plan)
{
    look->looked.count = plan->is_whole ? 0 : plan->count;
    for (int i = 0; i < look->looked.count; i++)
        look->looked.items[i] = plan->tiles[i].core;
}

bool om_round_add(struct om_round *round, const struct om_round_look *look,
                  const struct om_pack_plan *plan)
{
    struct om_pack_spot spots[OM_REGIONS_MAX];
    int canvas = 0;

    if (round->look_count == LOOKS_MAX || round->tile_count + plan->count > TILES_MAX)
        return false;
    if (round->look_count && look->detect.all_classes != round->looks[0].detect.all_classes)
        return false;
    for (int i = 0; i < plan->count; i++)
        spots[i] = (struct om_pack_spot){.w = plan->tiles[i].w, .h = plan->tiles[i].h};
    if (plan->is_alone && !open_canvas(round, true))
        return false;
    if (plan->is_alone)
        canvas = round->canvas_count - 1;
    else if (plan->count && (canvas = find_canvas(round, plan, spots)) < 0)
        return false;
    struct om_round_look *to = &round->looks[round->look_count++];
    *to = *look;
    to->canvas = plan->count ? canvas : -1;  // nothing of it is in the picture
    to->tile_first = round->tile_count;
    to->tile_count = plan->count;
    set_looked(to, plan);
    add_tiles(round, to, plan, spots);
    return true;
}

int om_round_count(const struct om_round *round)
{
    return round->look_count;
}

const struct om_round_look *om_round_look(const struct om_round *round, int i)
{
    return &round->looks[i];
}

struct om_round_stats om_round_stats(const struct om_round *round)
{
    struct om_round_stats stats = {
        .looks = round->look_count,
        .regions = round->tile_count,
        .canvases = round->canvas_count,
        .canvas_px = (int64_t)round->rules.width * round->rules.height * round->canvas_count,
    };
    for (int i = 0; i < round->canvas_count; i++)
        stats.used_px += round->canvases[i].is_closed
                             ? (int64_t)round->rules.width * round->rules.height
                             : round->canvases[i].room.used_px;
    return stats;
}

// ---- running -----------------------------------------------------------------------------------

// The smallest context that holds `count` pictures; NULL when it cannot be had.
static struct om_model_ctx *ctx_for(struct om_round *round, int count)
{
    int size = 0;

    while (1 << size < count)
        size++;
    if (!round->ctx[size]) {
        int batch = OM_MIN(1 << size, om_model_batch_max(round->model));
        round->ctx[size] = om_model_ctx_create_on(round->model, round->instance, batch, NULL);
    }
    return round->ctx[size];
}

// A whole picture that found no company goes the model's own way.
static bool is_lonely_whole(const struct om_round *round, const struct om_round_look *look)
{
    return look->looked.count == 0 && round->canvases[look->canvas].room.tile_count == 1;
}

// Copies the tiles of canvases [first, first + count) in their order; they become canvases 0 and
// on. Each look's tiles stay together, and the look learns where.
static int sort_tiles(struct om_round *round, int first, int count)
{
    int n = 0;

    for (int canvas = first; canvas < first + count; canvas++) {
        for (int i = 0; i < round->look_count; i++) {
            struct om_round_look *look = &round->looks[i];
            if (look->canvas != canvas)
                continue;
            memcpy(&round->sorted[n], &round->tiles[look->tile_first],
                   (size_t)look->tile_count * sizeof(*round->tiles));
            for (int t = 0; t < look->tile_count; t++)
                round->sorted[n + t].canvas = canvas - first;
            if (is_lonely_whole(round, look))
                round->sorted[n].part.place.w = 0;
            look->sorted_first = n;
            n += look->tile_count;
        }
    }
    return n;
}

// Sets round->status.
static struct om_model_ctx *run_canvases(struct om_round *round, int first, int count)
{
    struct om_model_ctx *ctx = ctx_for(round, count);
    int64_t start_us = om_time_mono_us();

    round->status = OM_NO_MEMORY;
    if (!ctx)
        return NULL;
    om_model_prepare_tiles(ctx, round->sorted, sort_tiles(round, first, count), count);
    int64_t prepared_us = om_time_mono_us();
    round->status = om_model_run_bare(ctx, count, NULL);
    round->pre_us = (prepared_us - start_us) / OM_MAX(round->look_count, 1);
    round->infer_us = om_time_mono_us() - prepared_us;
    return ctx;
}

static struct om_detect_opts widest_of(const struct om_round *round, int canvas)
{
    struct om_detect_opts widest = round->looks[0].detect;

    widest.score_min = 1;
    for (int i = 0; i < round->look_count; i++)
        if (round->looks[i].canvas == canvas)
            widest.score_min = OM_MIN(widest.score_min, round->looks[i].detect.score_min);
    return widest;
}

struct shot {
    int canvas, at, count;
};

struct call {
    om_round_fn *fn;
    void *ctx;
};

static void tell(struct om_round *round, const struct om_round_look *look, enum om_status status,
                 const struct call *call)
{
    struct om_result *result = round->result;

    if (status != OM_OK) {
        result->detections.count = result->topk_count = result->embedding_count = 0;
        result->timing = (struct om_model_timing){0};
    }
    call->fn(call->ctx, look, result, status);
}

static enum om_status read_look(struct om_round *round, struct om_model_ctx *ctx,
                                const struct om_round_look *look)
{
    const struct om_model_tile *tiles = &round->sorted[look->sorted_first];
    int64_t start_us = om_time_mono_us();

    for (int i = 0; i < look->tile_count; i++)
        if (tiles[i].status != OM_OK)
            return tiles[i].status;
    om_model_read_tiles(ctx, tiles, look->tile_count, &look->detect, round->result);
    round->result->timing.pre_us = round->pre_us;
    round->result->timing.infer_us = round->infer_us;
    round->result->timing.post_us = om_time_mono_us() - start_us;
    return OM_OK;
}

// Canvas `canvas` was number `at` of `count` in its run.
static void tell_canvas(struct om_round *round, struct om_model_ctx *ctx, const struct shot *shot,
                        const struct call *call)
{
    const struct om_detect_opts widest = widest_of(round, shot->canvas);
    enum om_status status = round->status;

    if (status == OM_OK)
        status = om_model_read_canvas(ctx, shot->at, shot->count, &widest);
    for (int k = 0; k < round->look_count; k++) {
        const struct om_round_look *look = &round->looks[k];
        if (look->canvas == shot->canvas)
            tell(round, look, status == OM_OK ? read_look(round, ctx, look) : status, call);
    }
}

void om_round_run(struct om_round *round, om_round_fn *fn, void *ctx)
{
    const struct call call = {fn, ctx};
    int count = round->canvas_count;

    for (int i = 0; i < round->look_count; i++)
        if (round->looks[i].canvas < 0)
            tell(round, &round->looks[i], OM_INVALID, &call);
    if (count == 0)
        return;
    struct om_model_ctx *model_ctx = run_canvases(round, 0, count);
    if (round->status == OM_OK || count == 1) {
        for (int i = 0; i < count; i++)
            tell_canvas(round, model_ctx, &(struct shot){i, i, count}, &call);
        return;
    }
    // One by one: what spoils the run of one shall not cost the others.
    for (int i = 0; i < count; i++) {
        model_ctx = run_canvases(round, i, 1);
        tell_canvas(round, model_ctx, &(struct shot){i, 0, 1}, &call);
    }
}
