#include "track/tracker.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/opt.h"
#include "scene/detection.h"
#include "scene/motion.h"
#include "scene/track.h"
#include "track/assign.h"
#include "track/kalman.h"

enum {
    VOTES_MAX = 4,         // classes remembered of one object
    STORE_STEP = 16,       // room for objects grows by so many
    SILENT_LOOKS_MIN = 2,  // pictures an object must be missing from before it can end
    TENTATIVE_MISSES_MAX = 1,
    STATIONARY_US = 3 * OM_SECOND,  // in place so long: it stands
};

// docs/design/tracking.md says how the numbers were chosen.
static const float SMOOTHING = 0.7F;  // the reported box: from the detected (0) to the filtered (1)
static const float LOST_PENALTY = 0.08F;  // IoU a lost track is behind one that was just seen
static const float CLASS_PENALTY = 0.1F;  // ... a track of another class
static const float IOU_TENTATIVE = 0.3F;  // least IoU for the second detection of a new object
static const float GROWN_SIGMAS = 2.0F;   // the last stage grows boxes by so much of the doubt
static const float IOU_GROWN = 0.3F;      // ... and wants this IoU of what they become
// Boxes of two classes that overlap so much are one object.
static const float IOU_SAME_OBJECT = 0.7F;
static const float IOU_SAME_TRACK = 0.85F;  // a lost track so near to one that is seen was that one
static const float IOU_IN_PLACE = 0.75F;    // with the box it had when it last moved
static const float GAIN_MIN = 1e-3F;
static const float GONE_SHARE_MAX = 0.4F;    // of a box that is still in the picture
static const float MOVING_SHARE_MIN = 0.3F;  // of a new box, for motion to vouch for it
static const float LOOKED_SHARE_MIN = 0.8F;  // of a box that must lie in what was looked at
// After a pause nobody knows the way: no track is led further than this on its last speed.
static const float PREDICT_S_MAX = 2;

struct vote {
    int16_t class_id;
    float weight;
};

// One object; `shown` is what others see.
struct target {
    struct om_track shown;
    struct om_kalman filter;
    struct om_box place;  // where it was when it last moved ...
    int64_t place_us;     // ... and since when
    int misses;           // pictures since it was last seen
    struct vote votes[VOTES_MAX];
};

// What a stage of matching takes for the same object.
struct gate {
    float iou_min;
    float sigmas;  // see overlap()
};

struct now {
    int64_t pts_us, wall_us;
};

struct om_tracker {
    struct om_tracker_opts opts;  // constant after create
    uint64_t next_id;
    int64_t pts_us;  // of the last picture, OM_TIME_NONE before the first
    int count;
    struct target *targets[OM_TRACKS_MAX];  // oldest first; behind `count` the free ones
    int store_count;                        // how many there are, free ones too
    struct target *store[OM_TRACKS_MAX / STORE_STEP];

    // Of one update.
    struct now now;
    const struct om_tracker_look *look;      // borrowed
    struct om_assign *assign;                // borrowed from the thread
    const struct om_detections *detections;  // borrowed
    uint64_t match[OM_DETECTIONS_MAX];       // track id, 0 = none yet
    bool is_double[OM_DETECTIONS_MAX];       // another class's box of the same object is better
    int row_count, col_count;
    int16_t rows[OM_TRACKS_MAX], cols[OM_DETECTIONS_MAX];  // what the current stage matches
    int16_t col_of_row[OM_TRACKS_MAX];
};

static_assert((int)OM_TRACKS_MAX <= (int)OM_ASSIGN_ROWS_MAX, "tracks are rows");
static_assert(OM_TRACKS_MAX % STORE_STEP == 0, "the store ends with a whole step");
static_assert((int)OM_DETECTIONS_MAX <= (int)OM_ASSIGN_COLS_MAX, "detections are columns");

#define FIELD(name) offsetof(struct om_tracker_opts, name)

static const struct om_opt tracker_opts[] = {
    {"score-high", OM_OPT_RATIO, FIELD(score_high), 0, 1, "0.4",
     "detections from here on are matched first", NULL, false},
    {"score-low", OM_OPT_RATIO, FIELD(score_low), 0, 1, "0.1",
     "detections from here on may continue a track", NULL, false},
    {"score-new", OM_OPT_RATIO, FIELD(score_new), 0, 1, "0.45",
     "score that a detection needs to start a track", NULL, false},
    {"iou-first", OM_OPT_RATIO, FIELD(iou_first), 0, 1, "0.25",
     "least overlap (IoU) of a track and its next detection", NULL, false},
    {"iou-second", OM_OPT_RATIO, FIELD(iou_second), 0, 1, "0.3",
     "the same for detections below score-high", NULL, false},
    {"confirm-hits", OM_OPT_INT, FIELD(confirm_hits), 1, 100, "2",
     "detections before a track is told to anyone", NULL, false},
    {"keep-lost", OM_OPT_TIME, FIELD(keep_lost_us), 0, 60e6, "1s",
     "how long an object that is not seen is still expected", NULL, false},
    {"per-class", OM_OPT_BOOL, FIELD(per_class), 0, 1, "no",
     "never match detections of different classes", NULL, false},
    {0},
};

const struct om_opt_group om_tracker_opt_group = {
    .prefix = "track",
    .about = "following objects from picture to picture",
    .size = sizeof(struct om_tracker_opts),
    .opts = tracker_opts,
};

void om_tracker_opts_default(struct om_tracker_opts *ret)
{
    *ret = (struct om_tracker_opts){0};
    om_opt_defaults(&om_tracker_opt_group, ret);
}

struct om_tracker *om_tracker_create(const struct om_tracker_opts *opts)
{
    struct om_tracker *tracker = om_new(struct om_tracker);
    tracker->opts = *opts;
    tracker->next_id = 1;
    tracker->pts_us = OM_TIME_NONE;
    return tracker;
}

void om_tracker_destroy(struct om_tracker *tracker)
{
    if (!tracker)
        return;
    for (int i = 0; i < tracker->store_count / STORE_STEP; i++)
        om_free(tracker->store[i]);
    om_free(tracker);
}

// ---- one object --------------------------------------------------------------------------------

// The class is what it was most often seen as; a class that comes when all places are taken goes
// into the weakest one (and inherits its weight, so that a frequent one cannot starve).
static void vote(struct target *target, int16_t class_id, float score)
{
    struct vote *place = &target->votes[0];
    for (int i = 0; i < VOTES_MAX; i++) {
        struct vote *v = &target->votes[i];
        if (v->weight > 0 && v->class_id == class_id) {
            place = v;
            break;
        }
        if (v->weight < place->weight)
            place = v;
    }
    place->class_id = class_id;
    place->weight += fmaxf(score, GAIN_MIN);
    const struct vote *best = place;
    for (int i = 0; i < VOTES_MAX; i++) {
        if (target->votes[i].weight > best->weight)
            best = &target->votes[i];
    }
    target->shown.class_id = best->class_id;
}

static float between(float a, float b, float share)
{
    return a + (b - a) * share;
}

// A detected box trembles and a filtered one lags; the truth lies between.
static struct om_box blend(struct om_box a, struct om_box b)
{
    return (struct om_box){between(a.x, b.x, SMOOTHING), between(a.y, b.y, SMOOTHING),
                           between(a.w, b.w, SMOOTHING), between(a.h, b.h, SMOOTHING)};
}

static void judge_place(struct target *target, int64_t pts_us)
{
    if (om_box_iou(target->place, target->shown.box) < IOU_IN_PLACE) {
        target->place = target->shown.box;
        target->place_us = pts_us;
    }
    target->shown.is_stationary = pts_us - target->place_us >= STATIONARY_US;
}

// `target` is what was detected.
static void see(struct om_tracker *tracker, struct target *target, int col)
{
    const struct om_detection *d = &tracker->detections->items[col];
    struct om_track *shown = &target->shown;
    tracker->match[col] = shown->id;
    om_kalman_update(&target->filter, d->box, d->score);
    shown->box = blend(d->box, om_kalman_box(&target->filter));
    shown->vx = target->filter.cx.v;
    shown->vy = target->filter.cy.v;
    shown->score = d->score;
    shown->score_max = fmaxf(shown->score_max, d->score);
    shown->last_pts_us = tracker->now.pts_us;
    shown->last_wall_us = tracker->now.wall_us;
    shown->hits++;
    target->misses = 0;
    if (shown->state != OM_TRACK_TENTATIVE || shown->hits >= tracker->opts.confirm_hits)
        shown->state = OM_TRACK_CONFIRMED;
    vote(target, d->class_id, d->score);
    judge_place(target, tracker->now.pts_us);
}

static void make_room(struct om_tracker *tracker)
{
    if (tracker->count < tracker->store_count)
        return;
    struct target *more = om_new_array(struct target, STORE_STEP);
    tracker->store[tracker->store_count / STORE_STEP] = more;
    for (int i = 0; i < STORE_STEP; i++)
        tracker->targets[tracker->store_count++] = &more[i];
}

// Something is detected and something moves there: no need to wait for more of it.
static bool is_vouched_for(const struct om_tracker_look *look, struct om_box box)
{
    float moving_px = 0;
    for (int i = 0; i < look->moving_count; i++)
        moving_px += om_box_intersection(look->moving[i], box);
    return moving_px > 0 && moving_px >= MOVING_SHARE_MIN * om_box_area(box);
}

static void start(struct om_tracker *tracker, int col)
{
    if (tracker->count == OM_TRACKS_MAX)
        return;
    make_room(tracker);
    const struct om_detection *d = &tracker->detections->items[col];
    struct target *target = tracker->targets[tracker->count++];
    *target = (struct target){.place = d->box, .place_us = tracker->now.pts_us};
    target->shown.id = tracker->next_id++;
    target->shown.first_pts_us = tracker->now.pts_us;
    target->shown.first_wall_us = tracker->now.wall_us;
    // Nor for what is there when one begins to look: it did not just come up.
    if (tracker->pts_us == OM_TIME_NONE || is_vouched_for(tracker->look, d->box))
        target->shown.state = OM_TRACK_CONFIRMED;
    om_kalman_init(&target->filter, d->box);
    see(tracker, target, col);
}

// ---- matching ----------------------------------------------------------------------------------

static struct om_box grow(struct om_box b, float dx, float dy)
{
    return (struct om_box){b.x - dx, b.y - dy, b.w + 2 * dx, b.h + 2 * dy};
}

// IoU of the boxes, both grown by `sigmas` of how uncertain the predicted place is.
static float overlap(const struct target *target, struct om_box box, float sigmas)
{
    if (sigmas <= 0)
        return om_box_iou(target->shown.box, box);
    float dx = sigmas * sqrtf(target->filter.cx.pxx), dy = sigmas * sqrtf(target->filter.cy.pxx);
    return om_box_iou(grow(target->shown.box, dx, dy), grow(box, dx, dy));
}

// 0: cannot be the same object.
static float likeness(const struct om_tracker *tracker, const struct target *target,
                      const struct om_detection *d, struct gate gate)
{
    bool is_other_class = target->shown.class_id != d->class_id;
    float iou = overlap(target, d->box, gate.sigmas);
    if (iou <= 0 || iou < gate.iou_min || (is_other_class && tracker->opts.per_class))
        return 0;
    iou -= target->misses > 1 ? LOST_PENALTY : 0;
    iou -= is_other_class ? CLASS_PENALTY : 0;
    return fmaxf(iou, GAIN_MIN);
}

static void add_pairs(struct om_tracker *tracker, const struct target *target, struct gate gate)
{
    om_assign_row(tracker->assign);
    for (int j = 0; j < tracker->col_count; j++) {
        const struct om_detection *d = &tracker->detections->items[tracker->cols[j]];
        float gain = likeness(tracker, target, d, gate);
        if (gain > 0)
            om_assign_pair(tracker->assign, j, gain);
    }
}

static void match(struct om_tracker *tracker, struct gate gate)
{
    if (tracker->row_count == 0 || tracker->col_count == 0)
        return;
    om_assign_begin(tracker->assign, tracker->col_count);
    for (int i = 0; i < tracker->row_count; i++)
        add_pairs(tracker, tracker->targets[tracker->rows[i]], gate);
    om_assign_solve(tracker->assign, tracker->col_of_row);
    for (int i = 0; i < tracker->row_count; i++) {
        if (tracker->col_of_row[i] >= 0)
            see(tracker, tracker->targets[tracker->rows[i]], tracker->cols[tracker->col_of_row[i]]);
    }
}

enum { TENTATIVE = 1, TOLD = 2 };  // kinds of tracks

// The tracks of these kinds not yet seen in this picture, missed at most so often.
static void choose_tracks(struct om_tracker *tracker, int kinds, int misses_max)
{
    tracker->row_count = 0;
    for (int i = 0; i < tracker->count; i++) {
        const struct target *target = tracker->targets[i];
        int kind = target->shown.state == OM_TRACK_TENTATIVE ? TENTATIVE : TOLD;
        if (target->misses > 0 && target->misses <= misses_max && (kind & kinds))
            tracker->rows[tracker->row_count++] = (int16_t)i;
    }
}

// The detections that are still nobody's, with a score from `low` up to (not with) `high`.
static void choose_detections(struct om_tracker *tracker, double low, double high)
{
    tracker->col_count = 0;
    for (int i = 0; i < tracker->detections->count; i++) {
        double score = (double)tracker->detections->items[i].score;
        if (!tracker->match[i] && !tracker->is_double[i] && score >= low && score < high)
            tracker->cols[tracker->col_count++] = (int16_t)i;
    }
}

// Detectors thin out boxes class by class, so one vehicle may come as a car and as a truck.
static void mark_doubles(struct om_tracker *tracker)
{
    const struct om_detection *d = tracker->detections->items;
    int count = tracker->detections->count;
    for (int i = 0; i < count; i++)
        tracker->is_double[i] = !om_box_is_finite(d[i].box) || !(d[i].score >= 0);
    if (tracker->opts.per_class)
        return;
    for (int i = 0; i < count; i++) {
        for (int j = i + 1; j < count; j++) {
            if (d[i].class_id != d[j].class_id && om_box_iou(d[i].box, d[j].box) > IOU_SAME_OBJECT)
                tracker->is_double[d[i].score >= d[j].score ? j : i] = true;
        }
    }
}

// ---- one picture -------------------------------------------------------------------------------

static void predict(struct om_tracker *tracker, const struct om_motion *motion)
{
    float dt_s = 0;
    if (tracker->pts_us != OM_TIME_NONE)
        dt_s = (float)OM_MAX(tracker->now.pts_us - tracker->pts_us, 0) / OM_SECOND;
    dt_s = fminf(dt_s, PREDICT_S_MAX);
    for (int i = 0; i < tracker->count; i++) {
        struct target *target = tracker->targets[i];
        om_kalman_predict(&target->filter, dt_s);
        if (motion)
            om_kalman_warp(&target->filter, motion);
        target->shown.box = om_kalman_box(&target->filter);
        target->misses++;
    }
}

static bool was_looked_at(const struct om_tracker_look *look, struct om_box box)
{
    if (look->width > 0) {
        struct om_box visible = om_box_clip(box, look->width, look->height);
        if (om_box_area(visible) < GONE_SHARE_MAX * om_box_area(box))
            return true;  // it went out, and whoever looked would not have seen it
        box = visible;
    }
    for (int i = 0; i < look->looked_count; i++) {
        if (om_box_intersection(look->looked[i], box) >= LOOKED_SHARE_MIN * box.w * box.h)
            return true;
    }
    return look->looked_count == 0;
}

// Not seen where nobody looked: that says nothing.
static void forgive(struct om_tracker *tracker)
{
    for (int i = 0; i < tracker->count; i++) {
        struct target *target = tracker->targets[i];
        if (target->misses > 0 && !was_looked_at(tracker->look, target->shown.box))
            target->misses--;
    }
}

static bool has_ended(const struct om_tracker *tracker, const struct target *target)
{
    if (target->shown.state == OM_TRACK_TENTATIVE)
        return target->misses > TENTATIVE_MISSES_MAX;
    // Detectors that look once in ten seconds must not end what they saw the last time.
    return target->misses >= SILENT_LOOKS_MIN &&
           tracker->now.pts_us - target->shown.last_pts_us > tracker->opts.keep_lost_us;
}

// A lost track that drifts onto one that is seen was the same object, found again under a new id.
static bool is_taken_over(const struct om_tracker *tracker, const struct target *lost)
{
    for (int i = 0; i < tracker->count; i++) {
        const struct target *other = tracker->targets[i];
        if (other->misses == 0 && other->shown.state == OM_TRACK_CONFIRMED &&
            om_box_iou(other->shown.box, lost->shown.box) > IOU_SAME_TRACK)
            return true;
    }
    return false;
}

static void put_out(struct om_tracks *tracks, const struct om_track *track)
{
    if (tracks->count < OM_TRACKS_MAX)
        tracks->items[tracks->count++] = *track;
}

// Takes the tracks that are over out of the list, keeping the order of the rest; those that were
// told to somebody come out once more.
static void end_tracks(struct om_tracker *tracker, struct om_tracks *ret)
{
    int kept = 0;
    for (int i = 0; i < tracker->count; i++) {
        struct target *target = tracker->targets[i];
        bool is_lost = target->misses > 0 && target->shown.state != OM_TRACK_TENTATIVE;
        if (is_lost)
            target->shown.state = OM_TRACK_LOST;
        if (!has_ended(tracker, target) && !(is_lost && is_taken_over(tracker, target))) {
            struct target *free_one = tracker->targets[kept];
            tracker->targets[kept++] = target;
            tracker->targets[i] = free_one;
            continue;
        }
        if (is_lost) {
            target->shown.state = OM_TRACK_ENDED;
            put_out(ret, &target->shown);
        }
    }
    tracker->count = kept;
}

static void match_all(struct om_tracker *tracker)
{
    const struct om_tracker_opts *opts = &tracker->opts;
    choose_tracks(tracker, TOLD, INT32_MAX);
    choose_detections(tracker, opts->score_high, HUGE_VAL);
    match(tracker, (struct gate){(float)opts->iou_first, 0});
    // Weak detections continue what was there a moment ago: an object half hidden, not a new one.
    choose_tracks(tracker, TOLD, 1);
    choose_detections(tracker, opts->score_low, opts->score_high);
    match(tracker, (struct gate){(float)opts->iou_second, 0});
    choose_tracks(tracker, TENTATIVE, INT32_MAX);
    choose_detections(tracker, opts->score_high, HUGE_VAL);
    match(tracker, (struct gate){IOU_TENTATIVE, 0});
    // At low frame rates the boxes of fast objects do not overlap before their speed is known.
    choose_tracks(tracker, TOLD | TENTATIVE, 1);
    choose_detections(tracker, opts->score_high, HUGE_VAL);
    match(tracker, (struct gate){IOU_GROWN, GROWN_SIGMAS});
}

void om_tracker_update_looked(struct om_tracker *tracker, int64_t pts_us, int64_t wall_us,
                              const struct om_tracker_look *look, struct om_tracks *ret_tracks,
                              uint64_t *ret_match)
{
    const struct om_detections *detections = look->detections;
    om_assert(detections->count >= 0 && detections->count <= OM_DETECTIONS_MAX);
    tracker->now = (struct now){pts_us, wall_us};
    tracker->look = look;
    tracker->detections = detections;
    tracker->assign = om_assign_of_thread();
    memset(tracker->match, 0, sizeof(tracker->match[0]) * (size_t)detections->count);
    ret_tracks->count = 0;
    mark_doubles(tracker);
    predict(tracker, look->motion);
    match_all(tracker);
    forgive(tracker);
    end_tracks(tracker, ret_tracks);
    choose_detections(tracker, tracker->opts.score_new, HUGE_VAL);
    for (int i = 0; i < tracker->col_count; i++)
        start(tracker, tracker->cols[i]);
    for (int i = 0; i < tracker->count; i++)
        put_out(ret_tracks, &tracker->targets[i]->shown);
    if (ret_match)
        memcpy(ret_match, tracker->match, sizeof(ret_match[0]) * (size_t)detections->count);
    tracker->pts_us = pts_us;
    tracker->look = NULL;
    tracker->detections = NULL;
    tracker->assign = NULL;
}

void om_tracker_update(struct om_tracker *tracker, int64_t pts_us, int64_t wall_us,
                       const struct om_detections *detections, const struct om_motion *motion,
                       struct om_tracks *ret_tracks, uint64_t *ret_match)
{
    const struct om_tracker_look look = {.detections = detections, .motion = motion};
    om_tracker_update_looked(tracker, pts_us, wall_us, &look, ret_tracks, ret_match);
}

void om_tracker_reset(struct om_tracker *tracker, struct om_tracks *ret_ended)
{
    ret_ended->count = 0;
    for (int i = 0; i < tracker->count; i++) {
        struct om_track *shown = &tracker->targets[i]->shown;
        if (shown->state == OM_TRACK_TENTATIVE)
            continue;
        shown->state = OM_TRACK_ENDED;
        put_out(ret_ended, shown);
    }
    tracker->count = 0;
    tracker->pts_us = OM_TIME_NONE;
}
