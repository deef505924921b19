#include "track/tracker.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "scene/detection.h"
#include "scene/motion.h"
#include "scene/track.h"

enum { STEP_US = 40 * OM_MS };

// A tracker, its clock, and what it last said.
struct rig {
    struct om_tracker *tracker;
    int64_t pts_us;
    struct om_detections detections;
    struct om_tracks tracks;
    uint64_t match[OM_DETECTIONS_MAX];
};

static struct rig rig;

static void begin(bool per_class)
{
    struct om_tracker_opts opts;
    om_tracker_opts_default(&opts);
    opts.per_class = per_class;
    om_tracker_destroy(rig.tracker);
    rig.tracker = om_tracker_create(&opts);
    rig.pts_us = 0;
    rig.detections.count = 0;
}

static void put(float x, float score, int class_id)
{
    rig.detections.items[rig.detections.count++] = (struct om_detection){
        .box = {x, 100, 40, 60}, .score = score, .class_id = (int16_t)class_id};
}

static void step_by(int64_t us, const struct om_motion *motion)
{
    rig.pts_us += us;
    om_tracker_update(rig.tracker, rig.pts_us, rig.pts_us + 7, &rig.detections, motion, &rig.tracks,
                      rig.match);
    rig.detections.count = 0;
}

static void step(void)
{
    step_by(STEP_US, NULL);
}

static const struct om_track *find(uint64_t id)
{
    for (int i = 0; i < rig.tracks.count; i++) {
        if (rig.tracks.items[i].id == id)
            return &rig.tracks.items[i];
    }
    return NULL;
}

static enum om_track_state state_of(uint64_t id)
{
    const struct om_track *track = find(id);
    om_assert(track);
    return track->state;
}

static void test_life(void)
{
    begin(false);
    step();
    put(10, 0.9F, 2);
    step();
    om_assert(rig.tracks.count == 1 && rig.match[0] == 1 && state_of(1) == OM_TRACK_TENTATIVE);
    put(12, 0.9F, 2);
    step();
    om_assert(state_of(1) == OM_TRACK_CONFIRMED && find(1)->hits == 2 && find(1)->class_id == 2);
    om_assert(find(1)->first_pts_us == 2 * STEP_US && find(1)->last_pts_us == 3 * STEP_US);
    om_assert(find(1)->last_wall_us == 3 * STEP_US + 7);
    step();
    om_assert(state_of(1) == OM_TRACK_LOST && find(1)->last_pts_us == 3 * STEP_US);
    put(16, 0.8F, 2);
    step();
    om_assert(state_of(1) == OM_TRACK_CONFIRMED && rig.match[0] == 1);
    step_by(OM_SECOND / 2, NULL);
    om_assert(state_of(1) == OM_TRACK_LOST);
    step_by(OM_SECOND, NULL);
    om_assert(state_of(1) == OM_TRACK_ENDED);
    step();
    om_assert(rig.tracks.count == 0);
    put(16, 0.8F, 2);
    step();
    om_assert(rig.match[0] == 2);  // ids are never used again
}

// What comes up once and never again is told to nobody, not even its end.
static void test_flicker(void)
{
    begin(false);
    step();
    put(10, 0.9F, 0);
    step();
    for (int i = 0; i < 5; i++) {
        step();
        for (int j = 0; j < rig.tracks.count; j++)
            om_assert(rig.tracks.items[j].state == OM_TRACK_TENTATIVE);
    }
    om_assert(rig.tracks.count == 0);
}

// The very first picture shows what was there before anybody looked.
static void test_first_picture(void)
{
    begin(false);
    put(10, 0.9F, 0);
    put(300, 0.2F, 0);  // too weak to start anything
    step();
    om_assert(rig.tracks.count == 1 && state_of(1) == OM_TRACK_CONFIRMED && rig.match[1] == 0);
}

static void test_weak_detections(void)
{
    begin(false);
    for (int i = 0; i < 3; i++) {
        put(10, 0.9F, 0);
        step();
    }
    put(10, 0.15F, 0);
    step();
    om_assert(rig.match[0] == 1 && state_of(1) == OM_TRACK_CONFIRMED);
    om_assert(find(1)->score < 0.2F && find(1)->score_max > 0.85F);
    put(10, 0.05F, 0);  // below score-low: noise
    step();
    om_assert(rig.match[0] == 0 && state_of(1) == OM_TRACK_LOST);
}

static void test_crossing(void)
{
    begin(false);
    for (int i = 0; i <= 50; i++) {  // two objects pass each other
        put((float)(i * 8), 0.9F, 0);
        put((float)(400 - i * 8), 0.9F, 0);
        step();
        om_assert(rig.match[0] == 1 && rig.match[1] == 2);
    }
    om_assert(find(1)->vx > 150 && find(2)->vx < -150);
}

static void test_classes(void)
{
    begin(false);
    for (int i = 0; i < 9; i++) {  // a car that now and then looks like a truck
        put(10, 0.6F, i % 3 == 1 ? 7 : 2);
        step();
        om_assert(rig.match[0] == 1);
    }
    om_assert(find(1)->class_id == 2);
    put(10, 0.5F, 2);
    put(11, 0.9F, 7);  // both at once: still one
    step();
    om_assert(rig.tracks.count == 1 && rig.match[0] == 0 && rig.match[1] == 1);

    begin(true);
    for (int i = 0; i < 4; i++) {
        put(10, 0.6F, 2);
        put(11, 0.9F, 7);
        step();
        om_assert(rig.match[0] == 1 && rig.match[1] == 2);
    }
}

static void test_stationary(void)
{
    begin(false);
    struct om_rand rand;
    om_rand_init(&rand, 3);
    for (int i = 0; i < 150; i++) {
        put(10 + (float)om_rand_unit(&rand) * 2, 0.9F, 0);
        put(200 + (float)i * 2, 0.9F, 0);
        step();
        om_assert(!find(2)->is_stationary);
        om_assert(find(1)->is_stationary == (i * STEP_US >= 3 * OM_SECOND));
    }
}

// A camera that turns by 60 px a picture: without knowing it the boxes do not even overlap.
static void test_camera_motion(void)
{
    for (int known = 0; known < 2; known++) {
        begin(false);
        const struct om_motion motion = {{1, 0, 60, 0, 1, 0}};
        for (int i = 0; i < 5; i++) {
            put(10 + 60 * (float)i, 0.9F, 0);
            step_by(STEP_US, known ? &motion : NULL);
        }
        om_assert((rig.match[0] == 1) == known);
    }
}

// A detector that looks once in five seconds keeps what stands still.
static void test_slow_looks(void)
{
    begin(false);
    for (int i = 0; i < 6; i++) {
        put(10, 0.9F, 0);
        step_by(5 * OM_SECOND, NULL);
        om_assert(rig.match[0] == 1);
    }
    step_by(5 * OM_SECOND, NULL);
    om_assert(state_of(1) == OM_TRACK_LOST);
    step_by(5 * OM_SECOND, NULL);
    om_assert(state_of(1) == OM_TRACK_ENDED);
}

// Where nobody looked nothing is missed; where somebody looked it is.
static void test_looked_at(void)
{
    begin(false);
    for (int i = 0; i < 3; i++) {
        put(50, 0.9F, 0);
        put(400, 0.9F, 0);
        step();
    }
    uint64_t far_id = rig.match[1];
    const struct om_box near_part = {0, 60, 200, 140};
    const struct om_tracker_look look = {
        .detections = &rig.detections, .looked = &near_part, .looked_count = 1};
    for (int i = 0; i < 10; i++) {
        put(50, 0.9F, 0);
        rig.pts_us += 400 * OM_MS;
        om_tracker_update_looked(rig.tracker, rig.pts_us, rig.pts_us, &look, &rig.tracks,
                                 rig.match);
        rig.detections.count = 0;
        om_assert(find(far_id) && find(far_id)->state == OM_TRACK_CONFIRMED);
    }
    put(50, 0.9F, 0);
    step();
    om_assert(find(far_id)->state == OM_TRACK_LOST);
    put(50, 0.9F, 0);
    step();
    om_assert(find(far_id)->state == OM_TRACK_ENDED);
    put(50, 0.9F, 0);
    step();
    om_assert(!find(far_id) && rig.tracks.count == 1);
}

// One detection is enough where something moves; elsewhere, and beside it, it takes two.
static void test_vouched_for(void)
{
    begin(false);
    step();
    put(50, 0.9F, 0);
    put(200, 0.9F, 0);
    put(400, 0.9F, 0);
    const struct om_box moving[] = {{45, 110, 50, 40}, {230, 100, 40, 60}};
    const struct om_tracker_look look = {
        .detections = &rig.detections, .moving = moving, .moving_count = 2};
    rig.pts_us += STEP_US;
    om_tracker_update_looked(rig.tracker, rig.pts_us, 0, &look, &rig.tracks, rig.match);
    rig.detections.count = 0;
    om_assert(rig.tracks.count == 3);
    // The second one has motion in a quarter of its box only.
    static const enum om_track_state states[] = {OM_TRACK_CONFIRMED, OM_TRACK_TENTATIVE,
                                                 OM_TRACK_TENTATIVE};
    for (int i = 0; i < 3; i++) {
        float x = rig.tracks.items[i].box.x;
        om_assert(rig.tracks.items[i].state == states[x < 100 ? 0 : x < 300 ? 1 : 2]);
    }
}

// Half in the part that was looked at: a detection there is matched, none is no miss.
static void test_looked_at_partly(void)
{
    begin(false);
    for (int i = 0; i < 3; i++) {
        put(180, 0.9F, 0);
        step();
    }
    uint64_t id = rig.match[0];
    const struct om_box part = {0, 60, 200, 140};
    const struct om_tracker_look look = {
        .detections = &rig.detections, .looked = &part, .looked_count = 1};
    rig.pts_us += STEP_US;
    om_tracker_update_looked(rig.tracker, rig.pts_us, 0, &look, &rig.tracks, rig.match);
    om_assert(find(id)->state == OM_TRACK_CONFIRMED);
    put(182, 0.9F, 0);
    rig.pts_us += STEP_US;
    om_tracker_update_looked(rig.tracker, rig.pts_us, 0, &look, &rig.tracks, rig.match);
    rig.detections.count = 0;
    om_assert(rig.match[0] == id && rig.tracks.count == 1);
}

static void test_reset(void)
{
    begin(false);
    for (int i = 0; i < 3; i++) {
        put(10, 0.9F, 0);
        if (i == 2)
            put(300, 0.9F, 0);  // still tentative
        step();
    }
    om_tracker_reset(rig.tracker, &rig.tracks);
    om_assert(rig.tracks.count == 1 && state_of(1) == OM_TRACK_ENDED);
    om_tracker_reset(rig.tracker, &rig.tracks);
    om_assert(rig.tracks.count == 0);
    rig.pts_us = 0;  // the clock may start over
    put(10, 0.9F, 0);
    step();
    om_assert(rig.match[0] == 3);
}

// More than fits, odd numbers, and no allocation once there was room for all.
static void test_bounds(void)
{
    begin(false);
    struct om_rand rand;
    om_rand_init(&rand, 5);
    uint64_t allocs = 0;
    for (int i = 0; i < 30; i++) {
        if (i == 10)
            allocs = om_mem_alloc_count();
        rig.detections.count = OM_DETECTIONS_MAX;
        for (int j = 0; j < OM_DETECTIONS_MAX; j++) {
            struct om_detection *d = &rig.detections.items[j];
            *d = (struct om_detection){
                .box = {(float)om_rand_below(&rand, 4000), (float)om_rand_below(&rand, 4000),
                        (float)om_rand_below(&rand, 90), (float)om_rand_below(&rand, 90)},
                .score = (float)om_rand_unit(&rand),
                .class_id = (int16_t)om_rand_below(&rand, 80)};
            if (j % 50 == 0)
                d->box.x = NAN;
            if (j % 50 == 1)
                d->score = NAN;
            if (j % 50 == 2)
                d->box.w = INFINITY;
        }
        step();
        om_assert(rig.tracks.count <= OM_TRACKS_MAX);
        for (int j = 0; j < rig.tracks.count; j++)
            om_assert(om_box_is_finite(rig.tracks.items[j].box));
    }
    om_assert(om_mem_alloc_count() == allocs);
}

int main(void)
{
    test_life();
    test_flicker();
    test_first_picture();
    test_weak_detections();
    test_crossing();
    test_classes();
    test_stationary();
    test_camera_motion();
    test_slow_looks();
    test_looked_at();
    test_vouched_for();
    test_looked_at_partly();
    test_reset();
    test_bounds();
    om_tracker_destroy(rig.tracker);
    return 0;
}
