#include "source/test_scene.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { W = OM_TEST_WIDTH, H = OM_TEST_HEIGHT };

// An object crosses the picture at a steady speed, waits outside, and comes again.
static const struct object {
    int w, h, foot_y;
    int speed_px;  // a frame, to the right when positive
    int period;    // frames between two entries
    int phase;
    uint8_t y, u, v;  // body colour
    int is_person;
} objects[OM_TEST_OBJECTS] = {
    {110, 46, 230, 4, 260, 0, 90, 90, 200, 0},       // a red car to the right
    {120, 50, 300, -5, 230, 90, 120, 190, 90, 0},    // a blue car to the left
    {150, 78, 296, -3, 420, 300, 200, 120, 120, 0},  // a white van
    {22, 62, 166, 1, 700, 20, 60, 120, 150, 1},      // people on the pavement
    {20, 58, 160, -1, 760, 400, 150, 100, 140, 1},
};

static struct om_test_box place(const struct object *object, int64_t number)
{
    int64_t age = (number + object->phase) % object->period;
    int64_t way = age * abs(object->speed_px);
    int64_t x = object->speed_px > 0 ? -object->w + way : W - way;
    return (struct om_test_box){(int)x, object->foot_y - object->h, object->w, object->h};
}

static struct om_test_box clip(struct om_test_box box)
{
    int x0 = box.x < 0 ? 0 : box.x, x1 = box.x + box.w > W ? W : box.x + box.w;
    return (struct om_test_box){x0, box.y, x1 > x0 ? x1 - x0 : 0, box.h};
}

int om_test_scene_truth(int64_t number, struct om_test_box boxes[OM_TEST_OBJECTS])
{
    for (int i = 0; i < OM_TEST_OBJECTS; i++)
        boxes[i] = clip(place(&objects[i], number));
    return OM_TEST_OBJECTS;
}

static void fill(uint8_t *plane, int stride, int x0, int y0, int x1, int y1, uint8_t value)
{
    x0 = x0 < 0 ? 0 : x0;
    for (int y = y0 < 0 ? 0 : y0; y < y1; y++) {
        if (x1 > x0)
            memset(plane + (ptrdiff_t)y * stride + x0, value, (size_t)(x1 - x0));
    }
}

struct colour {
    uint8_t y, u, v;
};

// A rectangle in all three planes, clipped.
static void rect(uint8_t *const plane[3], const int stride[3], int x, int y, int w, int h,
                 struct colour c)
{
    int x1 = x + w > W ? W : x + w, y1 = y + h > H ? H : y + h;
    fill(plane[0], stride[0], x, y, x1, y1, c.y);
    fill(plane[1], stride[1], x / 2, y / 2, x1 / 2, y1 / 2, c.u);
    fill(plane[2], stride[2], x / 2, y / 2, x1 / 2, y1 / 2, c.v);
}

static void draw_background(uint8_t *const plane[3], const int stride[3])
{
    rect(plane, stride, 0, 0, W, 90, (struct colour){190, 140, 115});   // sky
    rect(plane, stride, 0, 60, W, 70, (struct colour){110, 118, 134});  // houses
    for (int x = 20; x < W; x += 70)
        rect(plane, stride, x, 74, 26, 30, (struct colour){70, 134, 122});   // windows
    rect(plane, stride, 0, 130, W, 46, (struct colour){150, 126, 130});      // pavement
    rect(plane, stride, 0, 176, W, H - 176, (struct colour){76, 128, 128});  // road
    for (int x = 10; x < W; x += 80)
        rect(plane, stride, x, 240, 40, 4, (struct colour){210, 128, 128});  // lane marks
}

static void draw_person(uint8_t *const plane[3], const int stride[3], struct om_test_box b,
                        struct colour body)
{
    int x = b.x, y = b.y, w = b.w, h = b.h;
    rect(plane, stride, x + w / 4, y, w / 2, h / 5, (struct colour){170, 110, 150});
    rect(plane, stride, x, y + h / 5, w, h * 2 / 5, body);
    rect(plane, stride, x + 2, y + h * 3 / 5, w - 4, h - h * 3 / 5, (struct colour){45, 132, 126});
}

static void draw_car(uint8_t *const plane[3], const int stride[3], struct om_test_box b,
                     struct colour body)
{
    int x = b.x, y = b.y, w = b.w, h = b.h;
    rect(plane, stride, x + w / 5, y, w * 3 / 5, h / 2, body);
    rect(plane, stride, x + w / 4, y + h / 8, w / 2, h / 4, (struct colour){60, 140, 120});
    rect(plane, stride, x, y + h / 2, w, h / 3, body);
    rect(plane, stride, x + w / 8, y + h * 4 / 5, w / 6, h - h * 4 / 5,
         (struct colour){20, 128, 128});
    rect(plane, stride, x + w * 5 / 7, y + h * 4 / 5, w / 6, h - h * 4 / 5,
         (struct colour){20, 128, 128});
}

void om_test_scene_draw(int64_t number, uint8_t *const plane[3], const int stride[3])
{
    // From the back to the front.
    static const int order[OM_TEST_OBJECTS] = {4, 3, 0, 2, 1};
    draw_background(plane, stride);
    for (int i = 0; i < OM_TEST_OBJECTS; i++) {
        const struct object *object = &objects[order[i]];
        struct om_test_box box = place(object, number);
        struct colour body = {object->y, object->u, object->v};
        if (box.x >= W || box.x + box.w <= 0)
            continue;
        if (object->is_person)
            draw_person(plane, stride, box, body);
        else
            draw_car(plane, stride, box, body);
    }
}
