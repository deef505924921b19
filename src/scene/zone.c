#include "scene/zone.h"

#include <string.h>

bool om_zone_contains(const struct om_zone *zone, struct om_point p)
{
    bool is_inside = false;
    for (int i = 0, j = zone->point_count - 1; i < zone->point_count; j = i++) {
        struct om_point a = zone->points[i], b = zone->points[j];
        // A ray to the right crosses the side from a to b; half-open in y, so that a corner counts
        // for one of its two sides.
        if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
            is_inside = !is_inside;
    }
    return is_inside;
}

bool om_class_filter_matches(const struct om_class_filter *filter, const char *label)
{
    for (int i = 0; i < filter->count; i++) {
        if (strcmp(filter->names[i], label) == 0)
            return true;
    }
    return filter->count == 0;
}
