// Zones and lines as people draw them: in shares of the upright picture's width and height, 0..1.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct om_point {
    float x, y;
};

enum { OM_ZONE_POINTS_MAX = 32, OM_SHAPE_CLASSES_MAX = 16, OM_SHAPES_MAX = 32, OM_ID_SIZE = 65 };

// Which labels count; none = all. Names, because models (and so class ids) change under a camera.
struct om_class_filter {
    int count;
    char names[OM_SHAPE_CLASSES_MAX][64];
};

struct om_zone {
    char name[OM_ID_SIZE];
    int point_count;  // >= 3
    struct om_point points[OM_ZONE_POINTS_MAX];
    struct om_class_filter classes;
};

struct om_line {
    char name[OM_ID_SIZE];
    struct om_point a, b;  // looking from a to b, "left_to_right" crosses from the left hand side
    struct om_class_filter classes;
};

// What is drawn on one camera.
struct om_shapes {
    int zone_count, line_count;
    struct om_zone zones[OM_SHAPES_MAX];
    struct om_line lines[OM_SHAPES_MAX];
};

// Even-odd rule; a point on the edge counts as inside or outside, but always the same.
bool om_zone_contains(const struct om_zone *zone, struct om_point p);
bool om_class_filter_matches(const struct om_class_filter *filter, const char *label);
