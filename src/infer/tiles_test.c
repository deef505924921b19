#include "infer/tiles.h"

#include <math.h>

#include "base/assert.h"
#include "base/mem.h"
#include "infer/manifest.h"
#include "infer/output.h"
#include "media/frame.h"
#include "scene/detection.h"

enum { SIDE = 64 };

static const float untouched = -7;

// A tile of 20 x 10 at (30, 40) of the input shows the part (100, 60, 40, 20) of a picture of 640 x
// 360 at half its size; the middle of that part was asked for.
static struct om_model_tile tile_of(const struct om_frame *frame)
{
    return (struct om_model_tile){
        .frame = frame,
        .core = {110, 65, 20, 10},
        .part = {.crop = {100, 60, 40, 20}, .place = {30, 40, 20, 10}},
        .status = OM_OK,
        .geometry = {.input_width = SIDE,
                     .input_height = SIDE,
                     .offset_x = 30,
                     .offset_y = 40,
                     .width = 20,
                     .height = 10,
                     .scale_x = 0.5,
                     .scale_y = 0.5,
                     .crop_x = 100,
                     .crop_y = 60,
                     .crop_width = 40,
                     .crop_height = 20,
                     .picture_width = 640,
                     .picture_height = 360},
    };
}

static void test_boxes(void)
{
    static const struct {
        struct om_candidate candidate;
        bool is_in;
        struct om_box box;
    } cases[] = {
        {{36, 43, 42, 47, 0.5F, 3, 0}, true, {112, 66, 12, 8}},  // in the middle
        {{10, 10, 20, 20, 0.5F, 3, 0}, false, {0, 0, 0, 0}},     // of another tile
        {{25, 43, 47, 47, 0.5F, 3, 0}, true, {100, 66, 34, 8}},  // a piece, but where one looked
        {{30, 43, 34, 47, 0.5F, 3, 0}, false, {0, 0, 0, 0}},     // a piece in the context
        {{31, 30, 49, 58, 0.5F, 3, 0}, false, {0, 0, 0, 0}},     // most of it beside the tile
    };
    struct om_frame frame = {.width = 640, .height = 360};
    struct om_model_tile tile = tile_of(&frame);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct om_detection found = {0};
        om_assert(om_tile_box(&tile, &cases[i].candidate, &found) == cases[i].is_in);
        if (!cases[i].is_in)
            continue;
        const struct om_box *box = &cases[i].box;
        om_assert(fabsf(found.box.x - box->x) < 0.01F && fabsf(found.box.y - box->y) < 0.01F);
        om_assert(fabsf(found.box.w - box->w) < 0.01F && fabsf(found.box.h - box->h) < 0.01F);
        om_assert(found.class_id == 3 && found.score > 0.49F);
    }
    tile.status = OM_UNSUPPORTED;
    struct om_detection found;
    om_assert(!om_tile_box(&tile, &cases[0].candidate, &found));
}

// All but the tiles is pad, and a tile that could not be filled is too.
static void test_pad(void)
{
    om_auto(om_manifest) manifest = om_manifest_create();
    manifest->pad = 114;
    om_auto(om_prep) prep = om_prep_create(manifest, 3, SIDE, SIDE);
    om_auto_free float *tensor = om_new_array(float, 3 * SIDE * SIDE);
    struct om_model_tile tiles[] = {
        {.part.place = {0, 0, 20, 10}},
        {.part.place = {30, 5, 34, 20}},
        {.part.place = {4, 30, 50, 20}, .status = OM_UNSUPPORTED},
    };
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
        tensor[i] = untouched;
    om_tiles_pad(prep, tiles, 3, tensor);
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
        int x = i % SIDE, y = i / SIDE % SIDE;
        bool is_filled = false;
        for (int k = 0; k < 2; k++) {
            const struct om_region *place = &tiles[k].part.place;
            is_filled = is_filled || (x >= place->x && x < place->x + place->w && y >= place->y &&
                                      y < place->y + place->h);
        }
        om_assert(is_filled == (tensor[i] <= untouched));
    }
}

int main(void)
{
    test_boxes();
    test_pad();
    return 0;
}
