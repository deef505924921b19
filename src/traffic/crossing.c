#include "traffic/crossing.h"

#include <math.h>

// Signed distance of `p` from the endless line, > 0 on the right hand side looking from a to b.
static float distance_of(const struct om_point line[2], struct om_point p)
{
    float dx = line[1].x - line[0].x, dy = line[1].y - line[0].y, length = hypotf(dx, dy);
    if (length <= 0)
        return 0;
    return (dx * (p.y - line[0].y) - dy * (p.x - line[0].x)) / length;
}

// Whether the point of the endless line next to `p` is within the segment.
static bool is_beside_segment(const struct om_point line[2], struct om_point p)
{
    float dx = line[1].x - line[0].x, dy = line[1].y - line[0].y;
    float along = dx * (p.x - line[0].x) + dy * (p.y - line[0].y);
    return along >= 0 && along <= dx * dx + dy * dy;
}

// Where and when the way from the last point to `p` meets the line.
static void meet(struct om_crossing *c, const struct om_point line[2], struct om_point p,
                 float distance, int64_t pts_us)
{
    float share = c->last_distance / (c->last_distance - distance);
    struct om_point at = {c->last.x + (p.x - c->last.x) * share,
                          c->last.y + (p.y - c->last.y) * share};
    c->has_met = true;
    c->is_on_segment = is_beside_segment(line, at);
    c->met_pts_us = c->last_pts_us + (int64_t)((double)(pts_us - c->last_pts_us) * (double)share);
}

enum om_direction om_crossing_step(struct om_crossing *c, const struct om_point line[2],
                                   struct om_point p, float margin, int64_t pts_us,
                                   int64_t *ret_pts_us)
{
    float distance = distance_of(line, p);
    int8_t side = distance < 0 ? -1 : 1;
    if (c->has_last && (c->last_distance < 0) != (distance < 0))
        meet(c, line, p, distance, pts_us);
    else if (!c->has_last)
        c->side = side;  // a track that begins near the line begins on this side of it
    c->has_last = true;
    c->last = p;
    c->last_distance = distance;
    c->last_pts_us = pts_us;
    if (fabsf(distance) <= margin)
        return OM_DIRECTION_NONE;
    bool has_crossed = side != c->side && c->has_met && c->is_on_segment;
    *ret_pts_us = c->met_pts_us;
    c->side = side;
    c->has_met = false;
    if (!has_crossed)
        return OM_DIRECTION_NONE;
    return side > 0 ? OM_LEFT_TO_RIGHT : OM_RIGHT_TO_LEFT;
}
