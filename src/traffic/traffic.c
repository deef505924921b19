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

// One track and one line.
struct passage {
    struct om_crossing crossing;
    // A crossing that nobody was told of, because the track is still tentative.
    enum om_direction waiting;
    int64_t waiting_us;
};

// What is known of one track.
struct passer {
    struct passer *next;  // while it is spare
    uint64_t id;
    bool is_listed;            // in this update
    int64_t last_pts_us;       // when it was last seen
    struct passage *passages;  // one a line ...
    struct stay *stays;        // ... and one a zone, behind it in the same block
};

// As many as there are, instead of as many as there may be.
struct shapes {
    int zone_count, line_count;
    struct om_zone *zones;
    struct om_line *lines;
};

struct om_traffic {
    struct shapes shapes;
    uint64_t dropped;
    struct om_counts counts;
    // Of one update.
    int width, height;
    const struct om_labels *labels;  // borrowed
    struct om_measures *measures;    // borrowed
    int passer_count;
    struct passer *spare;  // for the shapes of now
    struct passer
        *passers[OM_TRACKS_MAX];  // by id, as near to its place as there is one; NULL = free
};

struct om_traffic *om_traffic_create(void)
{
    struct om_traffic *traffic = om_new(struct om_traffic);
    om_counts_init(&traffic->counts);
    return traffic;
}

static void drop_spare(struct om_traffic *traffic)
{
    while (traffic->spare) {
        struct passer *passer = traffic->spare;
        traffic->spare = passer->next;
        om_free(passer->passages);
        om_free(passer);
    }
}

static void release(struct om_traffic *traffic, struct passer **at)
{
    struct passer *passer = om_steal(at);
    passer->next = traffic->spare;
    traffic->spare = passer;
    traffic->passer_count--;
}

static void drop_passers(struct om_traffic *traffic)
{
    for (int i = 0; i < OM_TRACKS_MAX && traffic->passer_count > 0; i++) {
        if (traffic->passers[i])
            release(traffic, &traffic->passers[i]);
    }
    drop_spare(traffic);
}

static void shapes_finish(struct shapes *shapes)
{
    om_free(shapes->zones);
    om_free(shapes->lines);
}

void om_traffic_destroy(struct om_traffic *traffic)
{
    if (!traffic)
        return;
    drop_passers(traffic);
    shapes_finish(&traffic->shapes);
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

static int find_line(const struct shapes *shapes, const struct om_line *line)
{
    for (int i = 0; i < shapes->line_count; i++) {
        if (is_same_line(&shapes->lines[i], line))
            return i;
    }
    return NONE;
}

static int find_zone(const struct shapes *shapes, const struct om_zone *zone)
{
    for (int i = 0; i < shapes->zone_count; i++) {
        if (is_same_zone(&shapes->zones[i], zone))
            return i;
    }
    return NONE;
}

struct change {
    const struct shapes *before, *after;
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

// Room for what one track does at these shapes; all of it unknown yet.
static void passer_make(struct passer *passer, const struct shapes *shapes)
{
    static_assert(_Alignof(struct stay) <= _Alignof(struct passage), "stays follow passages");
    size_t bytes = sizeof(struct passage) * (size_t)shapes->line_count +
                   sizeof(struct stay) * (size_t)shapes->zone_count;
    passer->passages = om_alloc(1, OM_MAX(bytes, 1));
    passer->stays = (struct stay *)(void *)(passer->passages + shapes->line_count);
}

// What a track did at the shapes that stay, in the places they have now.
static void move_passer(struct passer *passer, const struct change *change)
{
    struct passer before = *passer;
    passer_make(passer, change->after);
    for (int i = 0; i < change->after->line_count; i++) {
        int old = find_line(change->before, &change->after->lines[i]);
        if (old != NONE)
            passer->passages[i] = before.passages[old];
    }
    for (int i = 0; i < change->after->zone_count; i++) {
        int old = find_zone(change->before, &change->after->zones[i]);
        if (old != NONE)
            passer->stays[i] = before.stays[old];
    }
    om_free(before.passages);
}

static void shapes_copy(struct shapes *dst, const struct om_shapes *src)
{
    dst->zone_count = src->zone_count;
    dst->line_count = src->line_count;
    dst->zones = om_new_array(struct om_zone, (size_t)src->zone_count);
    dst->lines = om_new_array(struct om_line, (size_t)src->line_count);
    for (int i = 0; i < src->zone_count; i++)
        dst->zones[i] = src->zones[i];
    for (int i = 0; i < src->line_count; i++)
        dst->lines[i] = src->lines[i];
}

void om_traffic_set_shapes(struct om_traffic *traffic, const struct om_shapes *shapes)
{
    om_assert(shapes->line_count <= OM_SHAPES_MAX && shapes->zone_count <= OM_SHAPES_MAX);
    struct shapes before = traffic->shapes;
    shapes_copy(&traffic->shapes, shapes);
    struct change change = {&before, &traffic->shapes};
    om_counts_filter(&traffic->counts, is_kept, &change);
    drop_spare(traffic);
    for (int i = 0; i < OM_TRACKS_MAX; i++) {
        if (traffic->passers[i])
            move_passer(traffic->passers[i], &change);
    }
    shapes_finish(&before);
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
    struct passage *passage = &passer->passages[i];
    const struct om_line *line = &traffic->shapes.lines[i];
    float w = (float)traffic->width, h = (float)traffic->height;
    const struct om_point ends[2] = {{line->a.x * w, line->a.y * h},
                                     {line->b.x * w, line->b.y * h}};
    struct om_point foot;
    om_track_foot(track, &foot.x, &foot.y);
    float margin = fmaxf(CLEAR_MIN_PX, CLEAR_SHARE * sqrtf(om_box_area(track->box)));
    int64_t met_us = 0;
    enum om_direction direction = om_crossing_step(&passage->crossing, ends, foot, margin,
                                                   track->last_pts_us, &met_us);
    if (direction != OM_DIRECTION_NONE) {
        passage->waiting = direction;
        passage->waiting_us = met_us;
    }
    if (passage->waiting != OM_DIRECTION_NONE && track->state == OM_TRACK_CONFIRMED) {
        tell_crossing(traffic, track, line, passage->waiting, passage->waiting_us);
        passage->waiting = OM_DIRECTION_NONE;
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
static void end_track(struct om_traffic *traffic, struct passer **at, const struct om_track *track)
{
    struct passer *passer = *at;
    for (int i = 0; i < traffic->shapes.zone_count; i++) {
        if (passer->stays[i].is_inside)
            leave(traffic, &passer->stays[i], track, &traffic->shapes.zones[i], track->last_pts_us);
    }
    release(traffic, at);
}

// The place of `id`, or the free one it may take; NULL when all are taken.
static struct passer **find_place(struct om_traffic *traffic, uint64_t id)
{
    struct passer **free_one = NULL;
    // Ids count up, so live ones mostly have a place of their own.
    for (uint64_t i = 0; i < OM_TRACKS_MAX; i++) {
        struct passer **at = &traffic->passers[(id + i) % OM_TRACKS_MAX];
        if (*at && (*at)->id == id)
            return at;
        if (!*at && !free_one)
            free_one = at;
    }
    return free_one;
}

static void take(struct om_traffic *traffic, struct passer **at, const struct om_track *track)
{
    struct passer *passer = traffic->spare;
    if (passer) {
        traffic->spare = passer->next;
        memset(passer->passages, 0,
               sizeof(struct passage) * (size_t)traffic->shapes.line_count +
                   sizeof(struct stay) * (size_t)traffic->shapes.zone_count);
    } else {
        passer = om_new(struct passer);
        passer_make(passer, &traffic->shapes);
    }
    passer->id = track->id;
    passer->last_pts_us = track->state == OM_TRACK_LOST ? track->last_pts_us : OM_TIME_NONE;
    *at = passer;
    traffic->passer_count++;
}

// Tentative tracks that came to nothing vanish without an end.
static void forget_unlisted(struct om_traffic *traffic, const struct om_tracks *tracks)
{
    for (int i = 0; i < OM_TRACKS_MAX; i++) {
        if (traffic->passers[i])
            traffic->passers[i]->is_listed = false;
    }
    for (int i = 0; i < tracks->count; i++) {
        struct passer **at = find_place(traffic, tracks->items[i].id);
        if (at && *at)
            (*at)->is_listed = true;
    }
    for (int i = 0; i < OM_TRACKS_MAX; i++) {
        struct passer *passer = traffic->passers[i];
        if (!passer || passer->is_listed)
            continue;
        for (int j = 0; j < traffic->shapes.zone_count; j++) {
            if (passer->stays[j].is_inside)
                om_counts_leave(&traffic->counts, traffic->shapes.zones[j].name,
                                passer->stays[j].label, 0);
        }
        release(traffic, &traffic->passers[i]);
    }
}

static void update_track(struct om_traffic *traffic, const struct om_track *track)
{
    struct passer **at = find_place(traffic, track->id);
    if (!at)
        return;
    if (!*at)
        take(traffic, at, track);
    if (track->state == OM_TRACK_ENDED) {
        end_track(traffic, at, track);
        return;
    }
    struct passer *passer = *at;
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
    ret->count = 0;
    bool has_shapes = traffic->shapes.zone_count > 0 || traffic->shapes.line_count > 0;
    if (!has_shapes && traffic->passer_count == 0)
        return;  // most cameras
    traffic->width = width;
    traffic->height = height;
    traffic->labels = labels;
    traffic->measures = ret;
    forget_unlisted(traffic, tracks);
    for (int i = 0; i < tracks->count; i++)
        update_track(traffic, &tracks->items[i]);
    traffic->measures = NULL;
    traffic->labels = NULL;
}
