#include "traffic/traffic.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "scene/labels.h"
#include "scene/track.h"
#include "traffic/counts.h"
#include "traffic/crossing.h"

enum {
    STAY_US = 400 * OM_MS,  // on the new side of a zone's edge so long: it went over
    NONE = -1,
};

// A foot point so far from a line, in shares of the object's size (the root of its area), is
// clearly on one side: more than boxes tremble, less than an object moves while anybody looks.
static const float CLEAR_SHARE = 0.1F;
static const float CLEAR_MIN_PX = 2;

// One track and one zone.
struct stay {
    bool is_inside;
    bool is_changing;     // the foot point is on the other side ...
    int64_t changing_us;  // ... since then
    int64_t entered_us;
    char label[64];  // it entered with
};

// What is known of one track.
struct passer {
    uint64_t id;          // 0 = free
    bool is_listed;       // in this update
    int64_t last_pts_us;  // when it was last seen
    // A crossing that nobody was told of, because the track is still tentative.
    enum om_direction waiting[OM_SHAPES_MAX];
    int64_t waiting_us[OM_SHAPES_MAX];
    struct om_crossing crossings[OM_SHAPES_MAX];
    struct stay stays[OM_SHAPES_MAX];
};

struct om_traffic {
    struct om_shapes shapes;
    uint64_t dropped;
    struct om_counts counts;
    // Of one update.
    int width, height;
    const struct om_labels *labels;        // borrowed
    struct om_measures *measures;          // borrowed
    struct passer passers[OM_TRACKS_MAX];  // last: pages of it that are never used cost nothing
};

struct om_traffic *om_traffic_create(void)
{
    struct om_traffic *traffic = om_new(struct om_traffic);
    om_counts_init(&traffic->counts);
    return traffic;
}

void om_traffic_destroy(struct om_traffic *traffic)
{
    if (!traffic)
        return;
    om_counts_finish(&traffic->counts);
    om_free(traffic);
}

int om_traffic_counts(struct om_traffic *traffic, struct om_count *out, int n)
{
    return om_counts_copy(&traffic->counts, out, n);
}

void om_traffic_write_counts(struct om_traffic *traffic, struct om_json_writer *w)
{
    om_counts_write(&traffic->counts, w);
}

uint64_t om_traffic_dropped(const struct om_traffic *traffic)
{
    return traffic->dropped;
}

// ---- shapes ------------------------------------------------------------------------------------

static bool is_same_line(const struct om_line *a, const struct om_line *b)
{
    return strcmp(a->name, b->name) == 0 && memcmp(&a->a, &b->a, sizeof(a->a)) == 0 &&
           memcmp(&a->b, &b->b, sizeof(a->b)) == 0;
}

static bool is_same_zone(const struct om_zone *a, const struct om_zone *b)
{
    return strcmp(a->name, b->name) == 0 && a->point_count == b->point_count &&
           memcmp(a->points, b->points, sizeof(a->points[0]) * (size_t)a->point_count) == 0;
}

static int find_line(const struct om_shapes *shapes, const struct om_line *line)
{
    for (int i = 0; i < shapes->line_count; i++) {
        if (is_same_line(&shapes->lines[i], line))
            return i;
    }
    return NONE;
}

static int find_zone(const struct om_shapes *shapes, const struct om_zone *zone)
{
    for (int i = 0; i < shapes->zone_count; i++) {
        if (is_same_zone(&shapes->zones[i], zone))
            return i;
    }
    return NONE;
}

struct change {
    const struct om_shapes *before, *after;
};

static bool is_kept(void *ctx, const struct om_count *count)
{
    const struct change *change = ctx;
    for (int i = 0; count->is_line && i < change->before->line_count; i++) {
        const struct om_line *line = &change->before->lines[i];
        if (strcmp(line->name, count->shape) == 0)
            return find_line(change->after, line) != NONE;
    }
    for (int i = 0; !count->is_line && i < change->before->zone_count; i++) {
        const struct om_zone *zone = &change->before->zones[i];
        if (strcmp(zone->name, count->shape) == 0)
            return find_zone(change->after, zone) != NONE;
    }
    return false;
}

// What a track did at the shapes that stay, in the places they have now.
static void move_passer(struct passer *passer, const struct change *change)
{
    struct passer before = *passer;
    for (int i = 0; i < change->after->line_count; i++) {
        int old = find_line(change->before, &change->after->lines[i]);
        passer->crossings[i] = old == NONE ? (struct om_crossing){0} : before.crossings[old];
        passer->waiting[i] = old == NONE ? OM_DIRECTION_NONE : before.waiting[old];
        passer->waiting_us[i] = old == NONE ? 0 : before.waiting_us[old];
    }
    for (int i = 0; i < change->after->zone_count; i++) {
        int old = find_zone(change->before, &change->after->zones[i]);
        passer->stays[i] = old == NONE ? (struct stay){0} : before.stays[old];
    }
}

void om_traffic_set_shapes(struct om_traffic *traffic, const struct om_shapes *shapes)
{
    om_assert(shapes->line_count <= OM_SHAPES_MAX && shapes->zone_count <= OM_SHAPES_MAX);
    struct change change = {&traffic->shapes, shapes};
    om_counts_filter(&traffic->counts, is_kept, &change);
    for (int i = 0; i < OM_TRACKS_MAX; i++) {
        if (traffic->passers[i].id)
            move_passer(&traffic->passers[i], &change);
    }
    traffic->shapes = *shapes;
}

// ---- measures ----------------------------------------------------------------------------------

static void tell(struct om_traffic *traffic, const struct om_measure *measure, const char *shape)
{
    if (traffic->measures->count == OM_MEASURES_MAX) {
        traffic->dropped++;
        return;
    }
    struct om_measure *m = &traffic->measures->items[traffic->measures->count++];
    *m = *measure;
    (void)om_str_copy(m->shape, sizeof(m->shape), om_str_from(shape));
}

static void tell_crossing(struct om_traffic *traffic, const struct om_track *track,
                          const struct om_line *line, enum om_direction direction, int64_t pts_us)
{
    const char *label = om_labels_name(traffic->labels, track->class_id);
    if (!om_class_filter_matches(&line->classes, label))
        return;
    om_counts_cross(&traffic->counts, line->name, label, direction);
    tell(traffic,
         &(struct om_measure){.kind = OM_LINE_CROSSED,
                              .track_id = track->id,
                              .class_id = track->class_id,
                              .direction = direction,
                              .pts_us = pts_us},
         line->name);
}

static void enter(struct om_traffic *traffic, struct stay *stay, const struct om_track *track,
                  const struct om_zone *zone)
{
    const char *label = om_labels_name(traffic->labels, track->class_id);
    if (!om_class_filter_matches(&zone->classes, label))
        return;
    stay->is_inside = true;
    stay->entered_us = stay->changing_us;
    (void)om_str_copy(stay->label, sizeof(stay->label), om_str_from(label));
    om_counts_enter(&traffic->counts, zone->name, label);
    tell(traffic,
         &(struct om_measure){.kind = OM_ZONE_ENTERED,
                              .track_id = track->id,
                              .class_id = track->class_id,
                              .pts_us = stay->entered_us},
         zone->name);
}

static void leave(struct om_traffic *traffic, struct stay *stay, const struct om_track *track,
                  const struct om_zone *zone, int64_t pts_us)
{
    int64_t dwell_us = OM_MAX(pts_us - stay->entered_us, 0);
    stay->is_inside = false;
    om_counts_leave(&traffic->counts, zone->name, stay->label, dwell_us);
    tell(traffic,
         &(struct om_measure){.kind = OM_ZONE_LEFT,
                              .track_id = track->id,
                              .class_id = track->class_id,
                              .dwell_us = dwell_us,
                              .pts_us = pts_us},
         zone->name);
}

// ---- one track ---------------------------------------------------------------------------------

static void step_line(struct om_traffic *traffic, struct passer *passer, int i,
                      const struct om_track *track)
{
    const struct om_line *line = &traffic->shapes.lines[i];
    float w = (float)traffic->width, h = (float)traffic->height;
    const struct om_point ends[2] = {{line->a.x * w, line->a.y * h},
                                     {line->b.x * w, line->b.y * h}};
    struct om_point foot;
    om_track_foot(track, &foot.x, &foot.y);
    float margin = fmaxf(CLEAR_MIN_PX, CLEAR_SHARE * sqrtf(om_box_area(track->box)));
    int64_t met_us = 0;
    enum om_direction direction = om_crossing_step(&passer->crossings[i], ends, foot, margin,
                                                   track->last_pts_us, &met_us);
    if (direction != OM_DIRECTION_NONE) {
        passer->waiting[i] = direction;
        passer->waiting_us[i] = met_us;
    }
    if (passer->waiting[i] != OM_DIRECTION_NONE && track->state == OM_TRACK_CONFIRMED) {
        tell_crossing(traffic, track, line, passer->waiting[i], passer->waiting_us[i]);
        passer->waiting[i] = OM_DIRECTION_NONE;
    }
}

static void step_zone(struct om_traffic *traffic, struct passer *passer, int i,
                      const struct om_track *track)
{
    const struct om_zone *zone = &traffic->shapes.zones[i];
    struct stay *stay = &passer->stays[i];
    struct om_point foot;
    om_track_foot(track, &foot.x, &foot.y);
    foot.x /= (float)traffic->width;
    foot.y /= (float)traffic->height;
    bool was_changing = stay->is_changing;
    stay->is_changing = om_zone_contains(zone, foot) != stay->is_inside;
    if (!stay->is_changing)
        return;
    if (!was_changing)
        stay->changing_us = track->last_pts_us;
    if (track->last_pts_us - stay->changing_us < STAY_US || track->state != OM_TRACK_CONFIRMED)
        return;
    stay->is_changing = false;
    if (stay->is_inside)
        leave(traffic, stay, track, zone, stay->changing_us);
    else
        enter(traffic, stay, track, zone);
}

static void step_track(struct om_traffic *traffic, struct passer *passer,
                       const struct om_track *track)
{
    for (int i = 0; i < traffic->shapes.line_count; i++)
        step_line(traffic, passer, i, track);
    for (int i = 0; i < traffic->shapes.zone_count; i++)
        step_zone(traffic, passer, i, track);
}

// It was in its zones until it was last seen.
static void end_track(struct om_traffic *traffic, struct passer *passer,
                      const struct om_track *track)
{
    for (int i = 0; i < traffic->shapes.zone_count; i++) {
        if (passer->stays[i].is_inside)
            leave(traffic, &passer->stays[i], track, &traffic->shapes.zones[i], track->last_pts_us);
    }
    passer->id = 0;
}

// The place of `id`, or the one it may take; NULL when all are taken.
static struct passer *find_passer(struct om_traffic *traffic, uint64_t id)
{
    struct passer *free_one = NULL;
    // Ids count up, so live ones mostly have a place of their own.
    for (uint64_t i = 0; i < OM_TRACKS_MAX; i++) {
        struct passer *passer = &traffic->passers[(id + i) % OM_TRACKS_MAX];
        if (passer->id == id)
            return passer;
        if (!passer->id && !free_one)
            free_one = passer;
    }
    return free_one;
}

// Tentative tracks that came to nothing vanish without an end.
static void forget_unlisted(struct om_traffic *traffic, const struct om_tracks *tracks)
{
    for (int i = 0; i < OM_TRACKS_MAX; i++)
        traffic->passers[i].is_listed = false;
    for (int i = 0; i < tracks->count; i++) {
        struct passer *passer = find_passer(traffic, tracks->items[i].id);
        if (passer && passer->id)
            passer->is_listed = true;
    }
    for (int i = 0; i < OM_TRACKS_MAX; i++) {
        struct passer *passer = &traffic->passers[i];
        if (!passer->id || passer->is_listed)
            continue;
        for (int j = 0; j < traffic->shapes.zone_count; j++) {
            if (passer->stays[j].is_inside)
                om_counts_leave(&traffic->counts, traffic->shapes.zones[j].name,
                                passer->stays[j].label, 0);
        }
        passer->id = 0;
    }
}

static void update_track(struct om_traffic *traffic, const struct om_track *track)
{
    struct passer *passer = find_passer(traffic, track->id);
    if (!passer)
        return;
    if (!passer->id)
        *passer = (struct passer){.id = track->id, .last_pts_us = OM_TIME_NONE};
    if (track->state == OM_TRACK_ENDED) {
        end_track(traffic, passer, track);
        return;
    }
    // Where a lost object is expected to be is no place it was seen at.
    if (passer->last_pts_us != OM_TIME_NONE && track->last_pts_us <= passer->last_pts_us)
        return;
    passer->last_pts_us = track->last_pts_us;
    step_track(traffic, passer, track);
}

void om_traffic_update(struct om_traffic *traffic, const struct om_tracks *tracks, int width,
                       int height, const struct om_labels *labels, struct om_measures *ret)
{
    om_assert(width > 0 && height > 0);
    traffic->width = width;
    traffic->height = height;
    traffic->labels = labels;
    traffic->measures = ret;
    ret->count = 0;
    forget_unlisted(traffic, tracks);
    for (int i = 0; i < tracks->count; i++)
        update_track(traffic, &tracks->items[i]);
    traffic->measures = NULL;
    traffic->labels = NULL;
}
