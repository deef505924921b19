#include "scene/zone.h"

#include "base/assert.h"

static const struct om_zone square = {
    .point_count = 4, .points = {{0.2F, 0.2F}, {0.8F, 0.2F}, {0.8F, 0.8F}, {0.2F, 0.8F}}};

// A "U": a point between its arms is outside.
static const struct om_zone horseshoe = {
    .point_count = 8,
    .points = {{0, 0}, {0.3F, 0}, {0.3F, 0.7F}, {0.7F, 0.7F}, {0.7F, 0}, {1, 0}, {1, 1}, {0, 1}}};

static void test_contains(void)
{
    static const struct {
        const struct om_zone *zone;
        struct om_point p;
        bool is_inside;
    } cases[] = {
        {&square, {0.5F, 0.5F}, true},      {&square, {0.1F, 0.5F}, false},
        {&square, {0.9F, 0.5F}, false},     {&square, {0.5F, 0.1F}, false},
        {&square, {0.5F, 0.9F}, false},     {&square, {0.21F, 0.79F}, true},
        {&square, {-1, 0.2F}, false},       {&square, {-1, 0.8F}, false},
        {&horseshoe, {0.5F, 0.5F}, false},  {&horseshoe, {0.5F, 0.9F}, true},
        {&horseshoe, {0.1F, 0.5F}, true},   {&horseshoe, {0.9F, 0.5F}, true},
        {&horseshoe, {-0.5F, 0.7F}, false},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++)
        om_assert(om_zone_contains(cases[i].zone, cases[i].p) == cases[i].is_inside);
}

// Two zones with a common side: each point of it is in exactly one of them.
static void test_common_side(void)
{
    const struct om_zone right = {.point_count = 4,
                                  .points = {{0.8F, 0.2F}, {1, 0.2F}, {1, 0.8F}, {0.8F, 0.8F}}};
    for (int i = 0; i < 60; i++) {
        struct om_point p = {0.8F, 0.2F + (float)i * 0.01F};
        om_assert(om_zone_contains(&square, p) != om_zone_contains(&right, p));
    }
    const struct om_zone none = {.point_count = 0};
    om_assert(!om_zone_contains(&none, (struct om_point){0.5F, 0.5F}));
}

static void test_filter(void)
{
    const struct om_class_filter all = {0}, cars = {.count = 2, .names = {"car", "bus"}};
    om_assert(om_class_filter_matches(&all, "dog"));
    om_assert(om_class_filter_matches(&cars, "car") && om_class_filter_matches(&cars, "bus"));
    om_assert(!om_class_filter_matches(&cars, "cart") && !om_class_filter_matches(&cars, ""));
}

int main(void)
{
    test_contains();
    test_common_side();
    test_filter();
    return 0;
}
