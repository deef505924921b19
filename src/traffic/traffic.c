#include "traffic/traffic.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "scene/labels.h"
#include "scene/track.h"

enum { COUNTS_MAX = 512 };

struct last {
    uint64_t id;
    struct om_point foot;  // shares of the picture
};

struct om_traffic {
    // The lane's.
    struct om_shapes shapes;
    struct last last[OM_TRACKS_MAX];
    int last_count;

    struct om_mutex lock;
    // Under `lock`.
    struct om_count counts[COUNTS_MAX];
    int count_count;
};

struct om_traffic *om_traffic_create(void)
{
    struct om_traffic *traffic = om_new(struct om_traffic);
    om_mutex_init(&traffic->lock);
    return traffic;
}

void om_traffic_destroy(struct om_traffic *traffic)
{
    if (!traffic)
        return;
    om_mutex_finish(&traffic->lock);
    om_free(traffic);
}

void om_traffic_set_shapes(struct om_traffic *traffic, const struct om_shapes *shapes)
{
    traffic->shapes = *shapes;
}

static float side(const struct om_line *line, struct om_point p)
{
    return (line->b.x - line->a.x) * (p.y - line->a.y) -
           (line->b.y - line->a.y) * (p.x - line->a.x);
}

static float side_of_way(struct om_point from, struct om_point to, struct om_point p)
{
    return (to.x - from.x) * (p.y - from.y) - (to.y - from.y) * (p.x - from.x);
}

static enum om_direction crossing(const struct om_line *line, struct om_point from,
                                  struct om_point to)
{
    bool was_left = side(line, from) < 0, is_left = side(line, to) < 0;
    bool meets = (side_of_way(from, to, line->a) < 0) != (side_of_way(from, to, line->b) < 0);
    if (was_left == is_left || !meets)
        return OM_DIRECTION_NONE;
    return was_left ? OM_LEFT_TO_RIGHT : OM_RIGHT_TO_LEFT;
}

static void count(struct om_traffic *traffic, const char *shape, const char *label,
                  enum om_direction direction)
{
    om_with_lock(&traffic->lock);
    int i = 0;
    while (i < traffic->count_count && (strcmp(traffic->counts[i].shape, shape) != 0 ||
                                        strcmp(traffic->counts[i].label, label) != 0))
        i++;
    if (i == COUNTS_MAX)
        return;
    struct om_count *at = &traffic->counts[i];
    if (i == traffic->count_count) {
        traffic->count_count++;
        at->is_line = true;
        (void)om_str_copy(at->shape, sizeof(at->shape), om_str_from(shape));
        (void)om_str_copy(at->label, sizeof(at->label), om_str_from(label));
    }
    at->left_to_right += direction == OM_LEFT_TO_RIGHT;
    at->right_to_left += direction == OM_RIGHT_TO_LEFT;
}

static const struct last *find_last(const struct om_traffic *traffic, uint64_t id)
{
    for (int i = 0; i < traffic->last_count; i++) {
        if (traffic->last[i].id == id)
            return &traffic->last[i];
    }
    return NULL;
}

static void cross_lines(struct om_traffic *traffic, const struct om_track *track,
                        struct om_point from, struct om_point to, const char *label,
                        struct om_measures *ret)
{
    for (int i = 0; i < traffic->shapes.line_count; i++) {
        const struct om_line *line = &traffic->shapes.lines[i];
        enum om_direction direction = crossing(line, from, to);
        if (!direction || !om_class_filter_matches(&line->classes, label))
            continue;
        count(traffic, line->name, label, direction);
        if (ret->count == OM_MEASURES_MAX)
            continue;
        struct om_measure *measure = &ret->items[ret->count++];
        *measure = (struct om_measure){.kind = OM_LINE_CROSSED,
                                       .track_id = track->id,
                                       .class_id = track->class_id,
                                       .direction = direction,
                                       .pts_us = track->last_pts_us};
        (void)om_str_copy(measure->shape, sizeof(measure->shape), om_str_from(line->name));
    }
}

void om_traffic_update(struct om_traffic *traffic, const struct om_tracks *tracks, int width,
                       int height, const struct om_labels *labels, struct om_measures *ret)
{
    struct last next[OM_TRACKS_MAX];
    int n = 0;
    ret->count = 0;
    for (int i = 0; i < tracks->count; i++) {
        const struct om_track *track = &tracks->items[i];
        if (track->state == OM_TRACK_ENDED || n == OM_TRACKS_MAX)
            continue;
        const struct last *last = find_last(traffic, track->id);
        float x, y;
        om_track_foot(track, &x, &y);
        struct om_point foot = {x / (float)width, y / (float)height};
        if (last && track->state == OM_TRACK_CONFIRMED)
            cross_lines(traffic, track, last->foot, foot, om_labels_name(labels, track->class_id),
                        ret);
        next[n++] = (struct last){track->id,
                                  last && track->state == OM_TRACK_LOST ? last->foot : foot};
    }
    memcpy(traffic->last, next, sizeof(*next) * (size_t)n);
    traffic->last_count = n;
}

int om_traffic_counts(struct om_traffic *traffic, struct om_count *out, int n)
{
    om_with_lock(&traffic->lock);
    memcpy(out, traffic->counts, sizeof(*out) * (size_t)OM_MIN(n, traffic->count_count));
    return traffic->count_count;
}
