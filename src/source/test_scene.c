#include "source/test_scene.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

// Each actor crosses the picture again and again: it appears at one edge, leaves at the other, and
// waits out of sight until its period is over. Shapes are painted in parts given as shares of the
// box (in 1/16), in BT.601 studio colours.

enum {
    WIDTH = OM_TEST_WIDTH,
    HEIGHT = OM_TEST_HEIGHT,
    LUMA = WIDTH * HEIGHT,
    CHROMA = LUMA / 4,
    SHARES = 16,
    NOISE = 4,  // levels of grain, so that flat areas look like a camera's
};

struct colour {
    uint8_t y, u, v;
};

struct actor {
    bool is_car;
    int y, width, height;  // even
    int speed_x2;          // pixels in two frames; negative = to the left
    int period, delay;     // frames
    struct colour colour;
};

static const struct actor actors[] = {
    {true, 150, 96, 48, 8, 260, 0, {81, 90, 240}},       // red car to the right
    {true, 204, 112, 56, -10, 230, 60, {60, 190, 100}},  // blue car to the left
    {true, 152, 100, 50, 9, 310, 170, {190, 110, 140}},  // pale car to the right
    {false, 262, 28, 72, 3, 520, 20, {110, 100, 160}},   // somebody walking to the right
    {false, 276, 30, 76, -4, 460, 120, {70, 150, 110}},  // and to the left
    {false, 92, 18, 46, 2, 800, 10, {140, 90, 120}},     // far away
};

struct om_test_scene {
    uint8_t i420[LUMA + 2 * CHROMA];  // the empty street
};

// ---- where everything is -----------------------------------------------------------------------

// Left edge of actor in frame `t` of its period; it starts just outside.
static int actor_x(const struct actor *actor, int t)
{
    int way = t * actor->speed_x2 / 2 & ~1;
    return actor->speed_x2 > 0 ? way - actor->width : WIDTH + way;
}

static bool place(size_t i, uint64_t frame_no, struct om_test_box *box)
{
    const struct actor *actor = &actors[i];

    if (frame_no < (uint64_t)actor->delay)
        return false;
    uint64_t since = frame_no - (uint64_t)actor->delay;
    int x = actor_x(actor, (int)(since % (uint64_t)actor->period));
    int left = OM_MAX(x, 0), right = OM_MIN(x + actor->width, WIDTH);
    if (right <= left)
        return false;
    *box = (struct om_test_box){
        .id = (int)(since / (uint64_t)actor->period * OM_ARRAY_LEN(actors) + i),
        .label = actor->is_car ? "car" : "person",
        .x = left,
        .y = actor->y,
        .width = right - left,
        .height = actor->height,
    };
    return true;
}

int om_test_scene_truth(uint64_t frame_no, struct om_test_box boxes[OM_TEST_BOXES_MAX])
{
    int n = 0;

    for (size_t i = 0; i < OM_ARRAY_LEN(actors); i++)
        n += place(i, frame_no, &boxes[n]);
    return n;
}

// ---- painting ----------------------------------------------------------------------------------

static void paint(uint8_t *i420, int x, int y, int width, int height, struct colour colour)
{
    int right = OM_MIN(x + width, WIDTH), bottom = OM_MIN(y + height, HEIGHT);

    x = OM_MAX(x, 0);
    y = OM_MAX(y, 0);
    if (x >= right)
        return;
    for (int row = y; row < bottom; row++)
        memset(i420 + row * WIDTH + x, colour.y, (size_t)(right - x));
    for (int row = y / 2; row < (bottom + 1) / 2; row++) {
        size_t at = (size_t)row * (WIDTH / 2) + (size_t)(x / 2),
               n = (size_t)((right + 1) / 2 - x / 2);
        memset(i420 + LUMA + at, colour.u, n);
        memset(i420 + LUMA + CHROMA + at, colour.v, n);
    }
}

struct part {
    int x, y, width, height;  // in 1/16 of the box
    int darker;               // luma taken off; < 0 = lighter
    bool is_plain;            // without the actor's colour
};

static const struct part car_parts[] = {
    {0, 6, 16, 8, 0, false}, {3, 0, 10, 6, 10, false},  {4, 1, 4, 5, -60, true},
    {9, 1, 3, 5, -60, true}, {0, 6, 16, 1, -25, false}, {0, 12, 16, 2, 25, false},
    {2, 12, 3, 4, 60, true}, {11, 12, 3, 4, 60, true},  {15, 8, 1, 2, -110, true},
};
static const struct part person_parts[] = {
    {5, 0, 6, 3, -60, false}, {3, 3, 10, 6, 0, false},  {1, 3, 2, 6, 15, false},
    {13, 3, 2, 6, 15, false}, {3, 3, 3, 6, -20, false},
};

static void paint_part(uint8_t *i420, const struct actor *actor, int x, const struct part *part)
{
    int left = part->x * actor->width / SHARES, top = part->y * actor->height / SHARES;
    int right = (part->x + part->width) * actor->width / SHARES;
    int bottom = (part->y + part->height) * actor->height / SHARES;
    struct colour colour = part->is_plain ? (struct colour){90, 128, 128} : actor->colour;

    colour.y = (uint8_t)OM_CLAMP(colour.y - part->darker, 16, 235);
    paint(i420, x + left, actor->y + top, right - left, bottom - top, colour);
}

// Legs swing once in sixteen frames.
static void paint_legs(uint8_t *i420, const struct actor *actor, int x, int t)
{
    int swing = t % 16 < 8 ? t % 8 : 8 - t % 8;
    int step = swing * actor->width / 40;
    struct part left = {4, 9, 3, 7, 50, false}, right = {9, 9, 3, 7, 40, false};

    paint_part(i420, actor, x - step, &left);
    paint_part(i420, actor, x + step, &right);
}

static void paint_actor(uint8_t *i420, const struct actor *actor, uint64_t frame_no)
{
    if (frame_no < (uint64_t)actor->delay)
        return;
    int t = (int)((frame_no - (uint64_t)actor->delay) % (uint64_t)actor->period);
    int x = actor_x(actor, t);
    if (!actor->is_car)
        paint_legs(i420, actor, x, t);
    size_t n = actor->is_car ? OM_ARRAY_LEN(car_parts) : OM_ARRAY_LEN(person_parts);
    for (size_t i = 0; i < n; i++)
        paint_part(i420, actor, x, actor->is_car ? &car_parts[i] : &person_parts[i]);
}

static void paint_houses(uint8_t *i420)
{
    for (int i = 0; i < 5; i++) {
        int x = i * 132 - 10, top = 14 + i * 37 % 26;
        paint(i420, x, top, 124, 118 - top,
              (struct colour){(uint8_t)(96 + i * 23 % 50), (uint8_t)(118 + i * 7 % 15),
                              (uint8_t)(130 + i * 11 % 16)});
        for (int w = 0; w < 8; w++)
            paint(i420, x + 10 + w % 4 * 28, top + 10 + w / 4 * 34, 16, 22,
                  (struct colour){(uint8_t)(60 + w * 29 % 70), 134, 120});
    }
}

static void add_grain(uint8_t *i420)
{
    uint32_t state = 1;

    for (int i = 0; i < LUMA; i++) {
        state = state * 1664525u + 1013904223u;
        i420[i] = (uint8_t)(i420[i] + (state >> 24) % NOISE);
    }
}

struct om_test_scene *om_test_scene_create(void)
{
    struct om_test_scene *scene = om_new(struct om_test_scene);
    uint8_t *i420 = scene->i420;

    paint(i420, 0, 0, WIDTH, HEIGHT, (struct colour){170, 140, 118});  // sky
    paint_houses(i420);
    paint(i420, 0, 118, WIDTH, 28, (struct colour){128, 126, 130});  // far pavement
    paint(i420, 0, 146, WIDTH, 116, (struct colour){74, 128, 128});  // street
    for (int x = 0; x < WIDTH; x += 80)
        paint(i420, x + 10, 199, 44, 4, (struct colour){180, 128, 128});  // lane marks
    paint(i420, 0, 262, WIDTH, 98, (struct colour){140, 124, 132});       // near pavement
    for (int x = 0; x < WIDTH; x += 64)
        paint(i420, x, 264, 2, 96, (struct colour){120, 124, 132});
    paint(i420, 0, 260, WIDTH, 4, (struct colour){158, 128, 128});  // kerb
    add_grain(i420);
    return scene;
}

void om_test_scene_destroy(struct om_test_scene *scene)
{
    om_free(scene);
}

void om_test_scene_draw(const struct om_test_scene *scene, uint64_t frame_no, uint8_t *i420)
{
    memcpy(i420, scene->i420, sizeof(scene->i420));
    // Far things first.
    static const size_t order[] = {5, 0, 2, 1, 3, 4};
    static_assert(OM_ARRAY_LEN(order) == OM_ARRAY_LEN(actors), "every actor is painted");
    for (size_t i = 0; i < OM_ARRAY_LEN(order); i++)
        paint_actor(i420, &actors[order[i]], frame_no);
}
