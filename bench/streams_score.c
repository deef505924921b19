#include "bench/streams_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"

enum {
    AGE_MIN_US = OM_SECOND,      // of a track that is an event
    NEAR_US = OM_SECOND,         // of the moment
    BRIDGE_US = 2 * OM_SECOND,   // longest gap between two points that a path is drawn across
    MOVES_WITHIN_US = OM_SECOND  // how far back motion is looked for
};

static const float iou_min = 0.3F, event_moved_min = 0.5F, moves_min = 0.1F;

// ---- paths -------------------------------------------------------------------------------------

void om_paths_finish(struct om_paths *paths)
{
    om_free(paths->points);
    om_free(paths->paths);
    *paths = (struct om_paths){0};
}

void om_paths_add(struct om_paths *paths, const struct om_path_point *point)
{
    om_assert(!paths->is_closed);
    if (paths->point_count == paths->point_room) {
        paths->point_room = OM_MAX(64, paths->point_room * 2);
        paths->points = om_realloc(paths->points, (size_t)paths->point_room, sizeof(*point));
    }
    paths->points[paths->point_count++] = *point;
}

static int compare_points(const void *a, const void *b)
{
    const struct om_path_point *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->t_us > y->t_us) - (x->t_us < y->t_us);
}

static const struct om_path_point *first_of(const struct om_paths *paths,
                                            const struct om_path *path)
{
    return &paths->points[path->first];
}

static float distance(struct om_box a, struct om_box b)
{
    return hypotf(a.x + a.w / 2 - b.x - b.w / 2, a.y + a.h / 2 - b.y - b.h / 2);
}

static float size_of(struct om_box box)
{
    return sqrtf(om_box_area(box));
}

static int find_moment(const struct om_paths *paths, const struct om_path *path)
{
    const struct om_path_point *first = first_of(paths, path);
    for (int i = 1; i < path->count; i++) {
        const struct om_path_point *point = &first[i];
        if (point->t_us - first->t_us >= AGE_MIN_US &&
            distance(point->box, first->box) >= event_moved_min * size_of(point->box))
            return path->first + i;
    }
    return -1;
}

static int count_ids(const struct om_paths *paths)
{
    int n = 0;
    for (int i = 0; i < paths->point_count; i++)
        n += i == 0 || paths->points[i].id != paths->points[i - 1].id;
    return n;
}

static void drop_doubles(struct om_paths *paths)
{
    int n = 0;
    for (int i = 0; i < paths->point_count; i++) {
        if (n == 0 || compare_points(&paths->points[n - 1], &paths->points[i]) != 0)
            paths->points[n++] = paths->points[i];
    }
    paths->point_count = n;
}

struct by_start {
    int64_t t_us;
    struct om_path path;
};

static int compare_starts(const void *a, const void *b)
{
    const struct by_start *x = a, *y = b;
    if (x->t_us != y->t_us)
        return x->t_us < y->t_us ? -1 : 1;
    return (x->path.id > y->path.id) - (x->path.id < y->path.id);
}

static void sort_paths(struct om_paths *paths)
{
    struct by_start *order = om_new_array(struct by_start, (size_t)OM_MAX(paths->path_count, 1));
    for (int i = 0; i < paths->path_count; i++)
        order[i] = (struct by_start){first_of(paths, &paths->paths[i])->t_us, paths->paths[i]};
    qsort(order, (size_t)paths->path_count, sizeof(*order), compare_starts);
    for (int i = 0; i < paths->path_count; i++)
        paths->paths[i] = order[i].path;
    om_free(order);
}

void om_paths_close(struct om_paths *paths)
{
    om_assert(!paths->is_closed);
    paths->is_closed = true;
    if (paths->point_count > 0)
        qsort(paths->points, (size_t)paths->point_count, sizeof(*paths->points), compare_points);
    drop_doubles(paths);
    paths->paths = om_new_array(struct om_path, (size_t)OM_MAX(count_ids(paths), 1));
    for (int i = 0; i < paths->point_count; i++) {
        if (i == 0 || paths->points[i].id != paths->points[i - 1].id)
            paths->paths[paths->path_count++] = (struct om_path){.id = paths->points[i].id,
                                                                 .first = i};
        paths->paths[paths->path_count - 1].count++;
    }
    for (int i = 0; i < paths->path_count; i++)
        paths->paths[i].moment = find_moment(paths, &paths->paths[i]);
    sort_paths(paths);
}

// Index within the path of its last point at or before `t_us`, or -1.
static int point_before(const struct om_path_point *first, int count, int64_t t_us)
{
    int low = 0, high = count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (first[middle].t_us <= t_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

bool om_path_at(const struct om_paths *paths, const struct om_path *path, int64_t t_us,
                struct om_path_spot *ret)
{
    const struct om_path_point *first = first_of(paths, path);
    int i = point_before(first, path->count, t_us);
    if (i < 0)
        return false;
    const struct om_path_point *a = &first[i], *b = a;
    float share = 0;
    if (a->t_us != t_us) {
        if (i + 1 == path->count || first[i + 1].t_us - a->t_us > BRIDGE_US)
            return false;
        b = &first[i + 1];
        share = (float)(t_us - a->t_us) / (float)(b->t_us - a->t_us);
    }
    *ret = (struct om_path_spot){.class_id = b->class_id, .seen_us = b->t_us, .out_us = b->out_us};
    ret->box.x = a->box.x + share * (b->box.x - a->box.x);
    ret->box.y = a->box.y + share * (b->box.y - a->box.y);
    ret->box.w = a->box.w + share * (b->box.w - a->box.w);
    ret->box.h = a->box.h + share * (b->box.h - a->box.h);
    return true;
}

static bool path_moves(const struct om_paths *paths, const struct om_path *path, int64_t t_us)
{
    struct om_path_spot now;
    const struct om_path_point *first = first_of(paths, path);
    if (!om_path_at(paths, path, t_us, &now))
        return false;
    for (int i = point_before(first, path->count, t_us); i >= 0; i--) {
        if (first[i].t_us < t_us - MOVES_WITHIN_US)
            break;
        if (distance(first[i].box, now.box) >= moves_min * size_of(now.box))
            return true;
    }
    return false;
}

static bool some_moves(const struct om_paths *paths, int64_t t_us, bool only_events)
{
    for (int i = 0; i < paths->path_count; i++) {
        const struct om_path *path = &paths->paths[i];
        if (first_of(paths, path)->t_us > t_us)
            return false;
        if ((path->moment >= 0 || !only_events) && path_moves(paths, path, t_us))
            return true;
    }
    return false;
}

bool om_paths_moves(const struct om_paths *paths, int64_t t_us)
{
    return some_moves(paths, t_us, true);
}

bool om_paths_stirs(const struct om_paths *paths, int64_t t_us)
{
    return some_moves(paths, t_us, false);
}

// ---- meetings ----------------------------------------------------------------------------------

struct meeting {
    const struct om_paths *a, *b;
    const struct om_path *path_a, *path_b;
    int64_t shift_us;
    struct om_path_spot best;
    bool was_found;
};

// Looks at time `t_us` of a.
static void look(struct meeting *m, int64_t t_us)
{
    struct om_path_spot a, b;
    if (!om_path_at(m->a, m->path_a, t_us, &a) ||
        !om_path_at(m->b, m->path_b, t_us + m->shift_us, &b) || a.class_id != b.class_id ||
        om_box_iou(a.box, b.box) < iou_min)
        return;
    if (!m->was_found || b.out_us < m->best.out_us)
        m->best = b;
    m->was_found = true;
}

// At the times of the points of one path within [from, to] of its own time.
static void look_at_points(struct meeting *m, const struct om_path_point *first, int count,
                           const int64_t range_us[2], int64_t to_a_us)
{
    for (int i = point_before(first, count, range_us[0] - 1) + 1; i < count; i++) {
        if (first[i].t_us > range_us[1])
            return;
        look(m, first[i].t_us + to_a_us);
    }
}

bool om_paths_meet(const struct om_paths *a, const struct om_path *path, const struct om_paths *b,
                   int64_t shift_us, int64_t moment_us, struct om_path_spot *ret)
{
    struct meeting m = {.a = a, .b = b, .path_a = path, .shift_us = shift_us};
    const int64_t range_a[] = {moment_us - NEAR_US, moment_us + NEAR_US};
    const int64_t range_b[] = {range_a[0] + shift_us, range_a[1] + shift_us};
    for (int i = 0; i < b->path_count; i++) {
        m.path_b = &b->paths[i];
        const struct om_path_point *first = first_of(b, m.path_b);
        if (first->t_us > range_b[1])
            break;
        if (first[m.path_b->count - 1].t_us < range_b[0])
            continue;
        look_at_points(&m, first_of(a, path), path->count, range_a, 0);
        look_at_points(&m, first, m.path_b->count, range_b, -shift_us);
    }
    if (ret && m.was_found)
        *ret = m.best;
    return m.was_found;
}

// ---- sessions ----------------------------------------------------------------------------------

void om_score_finish(struct om_score *score)
{
    om_free(score->delays_us);
    *score = (struct om_score){0};
}

static void add_delay(struct om_score *score, int64_t delay_us)
{
    if (score->delay_count == score->delay_room) {
        score->delay_room = OM_MAX(64, score->delay_room * 2);
        score->delays_us = om_realloc(score->delays_us, (size_t)score->delay_room,
                                      sizeof(*score->delays_us));
    }
    score->delays_us[score->delay_count++] = delay_us;
}

void om_score_merge(struct om_score *score, const struct om_score *from)
{
    score->events += from->events;
    score->found += from->found;
    score->own_events += from->own_events;
    score->own_true += from->own_true;
    for (int64_t i = 0; i < from->delay_count; i++)
        add_delay(score, from->delays_us[i]);
}

// From the sending of the picture: of the moment, or of the earlier one that the result is about.
static int64_t delay_of(const struct om_score_session *session, int64_t moment_us,
                        const struct om_path_spot *spot)
{
    return spot->out_us - (session->start_us + OM_MIN(moment_us, spot->seen_us));
}

static void tell(om_score_slip_fn *slip, void *ctx, bool is_missed, int64_t session_us,
                 const struct om_path_point *point)
{
    const struct om_score_slip what = {.is_missed = is_missed,
                                       .class_id = point->class_id,
                                       .session_us = session_us,
                                       .box = point->box};
    if (slip)
        slip(ctx, &what);
}

// The oracle's event `path`, every time the reel shows it within the session's measured part.
static void score_event(struct om_score *score, const struct om_score_session *session,
                        const struct om_path *path, om_score_slip_fn *slip, void *ctx)
{
    const struct om_score_reel *reel = session->reel;
    const struct om_path_point *moment = &reel->paths.points[path->moment];
    if (moment->t_us < reel->warm_us || moment->t_us >= reel->warm_us + reel->length_us)
        return;
    int64_t shift_us = -session->offset_us - reel->length_us;
    while (moment->t_us + shift_us < session->from_us)
        shift_us += reel->length_us;
    for (; moment->t_us + shift_us < session->to_us; shift_us += reel->length_us) {
        struct om_path_spot spot;
        int64_t moment_us = moment->t_us + shift_us;
        score->events++;
        if (om_paths_meet(&reel->paths, path, session->tracks, shift_us, moment->t_us, &spot)) {
            score->found++;
            add_delay(score, delay_of(session, moment_us, &spot));
        } else {
            tell(slip, ctx, true, moment_us, moment);
        }
    }
}

// A reported event at its place in the reel.
static void score_own(struct om_score *score, const struct om_score_session *session,
                      const struct om_path *path, om_score_slip_fn *slip, void *ctx)
{
    const struct om_score_reel *reel = session->reel;
    const struct om_path_point *moment = &session->tracks->points[path->moment];
    if (moment->t_us < session->from_us || moment->t_us >= session->to_us)
        return;
    int64_t at_us = (moment->t_us + session->offset_us) % reel->length_us;
    if (at_us < reel->warm_us)
        at_us += reel->length_us;
    score->own_events++;
    if (om_paths_meet(session->tracks, path, &reel->paths, at_us - moment->t_us, moment->t_us,
                      NULL))
        score->own_true++;
    else
        tell(slip, ctx, false, moment->t_us, moment);
}

struct slip_place {
    const struct om_score_session *session;
    om_score_slip_fn *fn;
    void *ctx;
};

static void place_slip(void *ctx, const struct om_score_slip *slip)
{
    const struct slip_place *place = ctx;
    struct om_score_slip placed = *slip;
    placed.reel_us = (slip->session_us + place->session->offset_us) %
                     place->session->reel->length_us;
    if (place->fn)
        place->fn(place->ctx, &placed);
}

void om_score_add(struct om_score *score, const struct om_score_session *session,
                  om_score_slip_fn *slip, void *ctx)
{
    struct slip_place place = {session, slip, ctx};
    const struct om_paths *oracle = &session->reel->paths;
    om_assert(oracle->is_closed && session->tracks->is_closed);
    for (int i = 0; i < oracle->path_count; i++) {
        if (oracle->paths[i].moment >= 0)
            score_event(score, session, &oracle->paths[i], place_slip, &place);
    }
    for (int i = 0; i < session->tracks->path_count; i++) {
        if (session->tracks->paths[i].moment >= 0)
            score_own(score, session, &session->tracks->paths[i], place_slip, &place);
    }
}

// ---- figures -----------------------------------------------------------------------------------

static double ratio(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

double om_score_recall(const struct om_score *score)
{
    return ratio(score->found, score->events);
}

double om_score_precision(const struct om_score *score)
{
    return ratio(score->own_true, score->own_events);
}

static int compare_delays(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double om_score_delay_ms(struct om_score *score, double quantile)
{
    int64_t n = score->delay_count;
    if (n == 0)
        return (double)NAN;
    qsort(score->delays_us, (size_t)n, sizeof(*score->delays_us), compare_delays);
    int64_t at = OM_CLAMP((int64_t)ceil(quantile * (double)n) - 1, 0, n - 1);
    return (double)score->delays_us[at] / OM_MS;
}

double om_score_activity(const struct om_score_reel *reel, double fps)
{
    int64_t frames = (int64_t)((double)reel->length_us * fps / OM_SECOND), moving = 0;
    for (int64_t i = 0; i < frames; i++)
        moving += om_paths_moves(&reel->paths,
                                 reel->warm_us + (int64_t)((double)i * OM_SECOND / fps));
    return ratio(moving, frames);
}
