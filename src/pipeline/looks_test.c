#include "pipeline/looks.h"

#include <string.h>

#include "base/assert.h"
#include "base/time.h"
#include "motion/watch.h"
#include "scene/track.h"

enum { FRAME_US = 200 * OM_MS };

// A 640x360 picture with a thumb of a quarter, what moves in it and what is tracked.
struct rig {
    struct om_looks looks;
    struct om_watch_result motion;
    struct om_tracks tracks;
    struct om_look_at at;
    struct om_parts parts;
};

static struct rig rig;

static void begin(enum om_look_mode mode)
{
    memset(&rig, 0, sizeof(rig));
    struct om_looks_opts opts;
    om_looks_opts_default(&opts);
    opts.mode = mode;
    om_looks_init(&rig.looks, &opts);
    rig.at = (struct om_look_at){.width = 640,
                                 .height = 360,
                                 .thumb_width = 160,
                                 .thumb_height = 90,
                                 .motion = &rig.motion,
                                 .tracks = &rig.tracks,
                                 .stretch = 1};
}

static enum om_look_kind step(void)
{
    enum om_look_kind kind = om_looks_decide(&rig.looks, &rig.at, &rig.parts);
    for (int i = 0; i < rig.parts.regions.count; i++) {
        const struct om_region *r = &rig.parts.regions.items[i];
        om_assert(r->x >= 0 && r->y >= 0 && r->w > 0 && r->h > 0);
        om_assert(r->x + r->w <= 640 && r->y + r->h <= 360);
        for (int j = 0; j < i; j++) {
            const struct om_region *s = &rig.parts.regions.items[j];
            om_assert(s->x >= r->x + r->w || r->x >= s->x + s->w || s->y >= r->y + r->h ||
                      r->y >= s->y + s->h);
        }
    }
    rig.at.pts_us += FRAME_US;
    rig.at.tracks_pts_us += FRAME_US;
    return kind;
}

static void move_at(int x, int y, int w, int h)
{
    rig.motion.has_motion = rig.motion.is_open = true;
    rig.motion.regions.items[rig.motion.regions.count++] = (struct om_region){x / 4, y / 4, w / 4,
                                                                              h / 4};
}

static struct om_track *track_at(float x, float y, enum om_track_state state)
{
    struct om_track *track = &rig.tracks.items[rig.tracks.count++];
    *track = (struct om_track){.id = (uint64_t)rig.tracks.count,
                               .state = state,
                               .box = {x, y, 40, 80},
                               .last_pts_us = rig.at.pts_us};
    return track;
}

static bool holds(struct om_box box)
{
    for (int i = 0; i < rig.parts.regions.count; i++) {
        const struct om_region *r = &rig.parts.regions.items[i];
        if ((float)r->x <= box.x && (float)r->y <= box.y && (float)(r->x + r->w) >= box.x + box.w &&
            (float)(r->y + r->h) >= box.y + box.h)
            return true;
    }
    return false;
}

static void test_start(void)
{
    begin(OM_LOOK_THRIFT);
    om_assert(step() == OM_LOOK_WHOLE);
    for (int i = 0; i < 20; i++)
        om_assert(step() == OM_LOOK_NOTHING);
    om_looks_start(&rig.looks);
    om_assert(step() == OM_LOOK_WHOLE);
    // Waking is no start: what moves is looked at, even where looking was in vain before.
    move_at(200, 100, 40, 80);
    for (int i = 0; i < 20; i++)
        (void)step();
    om_looks_wake(&rig.looks);
    om_assert(step() == OM_LOOK_PARTS && rig.parts.regions.count == 1);
}

static void test_strange_motion(void)
{
    begin(OM_LOOK_THRIFT);
    (void)step();
    move_at(200, 100, 40, 80);
    om_assert(step() == OM_LOOK_PARTS && rig.parts.regions.count == 1);
    om_assert(holds((struct om_box){190, 90, 60, 100}));
    // Nothing is found there: it is asked less and less often, but not never.
    int looks = 0;
    for (int i = 0; i < 100; i++)
        looks += step() == OM_LOOK_PARTS;
    om_assert(looks >= 4 && looks <= 10);
    // Motion at another place is looked at in the very next picture.
    rig.motion.regions.count = 0;
    move_at(500, 200, 40, 80);
    om_assert(step() == OM_LOOK_PARTS && holds((struct om_box){495, 195, 50, 90}));
}

// Something that the detector does not know crosses the picture: every place is new, but looking in
// vain makes rare all the same. What it finds makes it quick again.
static void test_stranger_passes(void)
{
    begin(OM_LOOK_THRIFT);
    (void)step();
    int looks = 0;
    for (int i = 0; i < 25; i++) {
        rig.motion.regions.count = 0;
        move_at(24 * i, 100, 40, 80);
        looks += step() == OM_LOOK_PARTS;
    }
    om_assert(looks >= 4 && looks <= 9);
    struct om_track *track = track_at(500, 250, OM_TRACK_CONFIRMED);
    track->first_pts_us = rig.at.pts_us;
    track->is_stationary = true;
    looks = 0;
    for (int i = 0; i < 4; i++) {
        rig.motion.regions.count = 0;
        move_at(40 * i, 10, 40, 40);
        looks += step() == OM_LOOK_PARTS;
    }
    om_assert(looks >= 2);
}

// Tracks come to be looked at together: one that is half due comes along.
static void test_company(void)
{
    begin(OM_LOOK_THRIFT);
    (void)step();
    rig.at.pts_us = 10 * OM_SECOND;
    struct om_track *due = track_at(100, 100, OM_TRACK_CONFIRMED);
    struct om_track *half = track_at(300, 100, OM_TRACK_CONFIRMED);
    struct om_track *fresh = track_at(500, 100, OM_TRACK_CONFIRMED);
    due->hits = half->hits = fresh->hits = 9;
    due->last_pts_us -= OM_SECOND;
    half->last_pts_us -= 600 * OM_MS;
    fresh->last_pts_us -= 200 * OM_MS;
    om_assert(step() == OM_LOOK_PARTS && rig.parts.regions.count == 2);
    om_assert(holds(due->box) && holds(half->box) && !holds(fresh->box));
}

// How many of `pictures` are looked at while the object of one track moves and is seen.
static int looks_at_track(struct om_track *track, int pictures)
{
    int looks = 0;
    for (int i = 0; i < pictures; i++) {
        rig.motion.regions.count = 0;
        move_at((int)track->box.x, (int)track->box.y, 40, 80);
        int64_t now_us = rig.at.pts_us;
        if (step() == OM_LOOK_PARTS) {
            looks++;
            om_assert(holds(track->box));
            track->last_pts_us = now_us;
        }
    }
    return looks;
}

static void test_tracks(void)
{
    begin(OM_LOOK_THRIFT);
    (void)step();
    struct om_track *track = track_at(200, 100, OM_TRACK_TENTATIVE);
    track->last_pts_us -= FRAME_US;
    om_assert(looks_at_track(track, 10) == 10);
    track->state = OM_TRACK_CONFIRMED;
    om_assert(looks_at_track(track, 10) == 5);  // its speed is not known: every 400 ms
    track->hits = 4;
    om_assert(looks_at_track(track, 20) == 4);  // it hardly moves: once a second
    track->vx = 120;
    om_assert(looks_at_track(track, 10) == 5);  // two of its sizes in a second
    rig.at.stretch = 2;
    om_assert(looks_at_track(track, 12) == 3);
    rig.at.stretch = 1;
    track->state = OM_TRACK_LOST;
    track->vx = 0;
    om_assert(looks_at_track(track, 10) == 5);
}

static void test_standing(void)
{
    begin(OM_LOOK_THRIFT);
    (void)step();
    struct om_track *track = track_at(200, 100, OM_TRACK_CONFIRMED);
    track->is_stationary = true;
    for (int i = 0; i < 40; i++)
        om_assert(step() == OM_LOOK_NOTHING);
    int looks = 0;
    for (int i = 0; i < 10; i++)  // now ten seconds are over
        looks += step() == OM_LOOK_PARTS;
    om_assert(looks >= 1);
    // Somebody opens its door.
    track->last_pts_us = rig.at.pts_us - OM_SECOND;
    move_at(200, 100, 40, 40);
    om_assert(step() == OM_LOOK_PARTS);
}

static void test_whole(void)
{
    begin(OM_LOOK_THRIFT);
    (void)step();
    move_at(0, 0, 640, 240);
    om_assert(step() == OM_LOOK_WHOLE);
    // A turned picture has no parts.
    rig.motion.regions.count = 0;
    move_at(500, 200, 40, 40);
    rig.at.is_turned = true;
    om_assert(step() == OM_LOOK_WHOLE);
    // More moving places than there are parts: all of them are in some part.
    begin(OM_LOOK_THRIFT);
    (void)step();
    for (int i = 0; i < OM_REGIONS_MAX; i++)
        move_at(20 * i, i % 2 * 180, 4, 4);
    om_assert(step() == OM_LOOK_PARTS || rig.parts.regions.count == 0);
}

static void test_other_modes(void)
{
    begin(OM_LOOK_ALWAYS);
    for (int i = 0; i < 5; i++)
        om_assert(step() == OM_LOOK_WHOLE);
    begin(OM_LOOK_MOVING);
    om_assert(step() == OM_LOOK_WHOLE);
    om_assert(step() == OM_LOOK_NOTHING);
    rig.motion.is_open = true;
    om_assert(step() == OM_LOOK_WHOLE);
    rig.at.fps_max = 1;
    for (int i = 0; i < 4; i++)
        om_assert(step() == OM_LOOK_LATER);
    om_assert(step() == OM_LOOK_WHOLE);
    begin(OM_LOOK_AUTO);
    om_assert(!om_looks_are_thrifty(&rig.looks, false) && om_looks_are_thrifty(&rig.looks, true));
}

int main(void)
{
    test_start();
    test_strange_motion();
    test_stranger_passes();
    test_company();
    test_tracks();
    test_standing();
    test_whole();
    test_other_modes();
    return 0;
}
