#include "pipeline/looks.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/time.h"
#include "conf/opt.h"
#include "motion/watch.h"
#include "scene/track.h"

enum {
    RECHECK_TRACKED_US = OM_SECOND,     // OM_LOOK_MOVING: on a still picture with something tracked
    RECHECK_QUIET_US = 10 * OM_SECOND,  // and with nothing
    BARREN_GAP_US = 200 * OM_MS,        // doubles with every look that explained nothing
    BARREN_MAX = 5,                     // ... of one place
    STRANGE_MAX = 3,                    // ... and of the whole picture
    FORGET_US = 2 * OM_SECOND,   // without strange motion, and the next one is looked at at once
    PACE_US = 200 * OM_MS,       // no camera is looked at more often
    NEW_GAP_US = 200 * OM_MS,    // between looks at what is not yet told to anyone
    QUICK_GAP_US = 400 * OM_MS,  // at what is fast, or lost, or whose speed is not known yet
    HITS_KNOWN = 4,              // detections that give a speed
};

static const float MARGIN_SHARE = 0.15F;  // a moving part shows a piece of its object
static const float MARGIN_OF_PICTURE = 0.03F;
static const float TRACK_MARGIN_SHARE = 0.2F;
static const float TRACK_MARGIN_OF_PICTURE = 0.02F;
static const float EXPLAINED_MIN = 0.35F;  // share of a moving part that lies in boxes of tracks
static const float STIRRED_MIN = 0.25F;    // share of a standing object's box that moves
// 0.9: a gap of exactly two pictures must not become three by jitter.
static const double DUE_SHARE = 0.9, COMPANY_SHARE = 0.5;
static const float TRAVEL_MAX = 0.8F;        // of its size; further, and a track may be lost
static const float WHOLE_SHARE_MIN = 0.55F;  // parts that cover so much: look at all of it

#define FIELD(name) offsetof(struct om_looks_opts, name)

static const struct om_opt looks_opts[] = {
    {"look", OM_OPT_ENUM, FIELD(mode), 0, 0, "auto",
     "what the detector sees: parts of pictures as tracks need them (thrift), every moving "
     "picture, "
     "or always all; auto is moving up to four cameras a core, then thrift",
     "auto|thrift|moving|always", false},
    {"moving-gap", OM_OPT_TIME, FIELD(moving_gap_us), 0, 60e6, "1s",
     "thrift: between two looks at a known moving object, at most", NULL, false},
    {"still-gap", OM_OPT_TIME, FIELD(still_gap_us), 0, 3600e6, "10s",
     "thrift: between two looks at an object that stands", NULL, false},
    {"whole-gap", OM_OPT_TIME, FIELD(whole_gap_us), 0, 3600e6, "20s",
     "thrift: between two whole pictures while something moves", NULL, false},
    {0},
};

const struct om_opt_group om_looks_opt_group = {
    .prefix = "work",
    .about = "how much of what is decoded goes through the detector",
    .size = sizeof(struct om_looks_opts),
    .opts = looks_opts,
};

void om_looks_opts_default(struct om_looks_opts *ret)
{
    *ret = (struct om_looks_opts){0};
    om_opt_defaults(&om_looks_opt_group, ret);
}

void om_looks_init(struct om_looks *looks, const struct om_looks_opts *opts)
{
    memset(looks, 0, sizeof(*looks));
    looks->opts = *opts;
    om_looks_start(looks);
}

void om_looks_start(struct om_looks *looks)
{
    looks->last_us = looks->last_whole_us = OM_TIME_NONE;
    looks->wants_whole = true;
    looks->strange_us = looks->stranger_us = OM_TIME_NONE;
    looks->strange_barren = 0;
    memset(looks->cells, 0, sizeof(looks->cells));
}

void om_looks_wake(struct om_looks *looks)
{
    looks->last_us = looks->last_whole_us = OM_TIME_NONE;
    looks->strange_us = looks->stranger_us = OM_TIME_NONE;
    looks->strange_barren /= 2;
    for (int y = 0; y < OM_LOOK_CELLS_Y; y++) {
        for (int x = 0; x < OM_LOOK_CELLS_X; x++)
            looks->cells[y][x] = (struct om_look_cell){.barren = looks->cells[y][x].barren / 2};
    }
}

// ---- parts -------------------------------------------------------------------------------------

static struct om_box part_of(const struct om_look_at *at, const struct om_region *region)
{
    float sx = (float)at->width / (float)at->thumb_width;
    float sy = (float)at->height / (float)at->thumb_height;
    return (struct om_box){(float)region->x * sx, (float)region->y * sy, (float)region->w * sx,
                           (float)region->h * sy};
}

static struct om_box widen(struct om_box box, float share, float least)
{
    float dx = fmaxf(box.w * share, least), dy = fmaxf(box.h * share, least);
    return (struct om_box){box.x - dx, box.y - dy, box.w + 2 * dx, box.h + 2 * dy};
}

// Where the track should be by now.
static struct om_box lead(const struct om_look_at *at, const struct om_track *track)
{
    float dt_s = (float)OM_CLAMP(at->pts_us - at->tracks_pts_us, 0, OM_SECOND) / OM_SECOND;
    struct om_box box = track->box;
    box.x += track->vx * dt_s;
    box.y += track->vy * dt_s;
    return box;
}

static struct om_box track_part(const struct om_look_at *at, const struct om_track *track)
{
    float least = TRACK_MARGIN_OF_PICTURE * (float)OM_MAX(at->width, at->height);
    return widen(lead(at, track), TRACK_MARGIN_SHARE, least);
}

// Parts that overlap become one; so nothing is looked at twice and no box is cut by a seam.
static void add_part(const struct om_look_at *at, struct om_regions *parts, struct om_box box)
{
    box = om_box_clip(box, (float)at->width, (float)at->height);
    int x = (int)box.x & ~1, y = (int)box.y & ~1;
    struct om_region part = {x, y, OM_MIN((int)ceilf(box.x + box.w), at->width) - x,
                             OM_MIN((int)ceilf(box.y + box.h), at->height) - y};
    if (part.w < 2 || part.h < 2)
        return;
    for (int i = 0; i < parts->count;) {
        struct om_region *other = &parts->items[i];
        bool is_apart = other->x >= part.x + part.w || part.x >= other->x + other->w ||
                        other->y >= part.y + part.h || part.y >= other->y + other->h;
        bool is_forced = parts->count == OM_REGIONS_MAX && i == OM_REGIONS_MAX - 1;
        if (is_apart && !is_forced) {
            i++;
            continue;
        }
        int right = OM_MAX(part.x + part.w, other->x + other->w);
        int bottom = OM_MAX(part.y + part.h, other->y + other->h);
        part.x = OM_MIN(part.x, other->x);
        part.y = OM_MIN(part.y, other->y);
        part.w = right - part.x;
        part.h = bottom - part.y;
        *other = parts->items[--parts->count];
        i = 0;  // it grew: what was apart may not be any more
    }
    parts->items[parts->count++] = part;
}

static float share_covered(const struct om_look_at *at, const struct om_regions *parts)
{
    float area = 0;
    for (int i = 0; i < parts->count; i++)
        area += (float)parts->items[i].w * (float)parts->items[i].h;
    return area / ((float)at->width * (float)at->height);
}

// ---- what is due -------------------------------------------------------------------------------

static bool is_known(const struct om_track *track)
{
    return track->state == OM_TRACK_CONFIRMED || track->state == OM_TRACK_LOST;
}

static bool is_explained(const struct om_look_at *at, struct om_box part)
{
    float covered = 0;
    for (int i = 0; i < at->tracks->count; i++) {
        const struct om_track *track = &at->tracks->items[i];
        if (track->state == OM_TRACK_ENDED)
            continue;
        covered += om_box_intersection(track_part(at, track), part);
    }
    return covered >= EXPLAINED_MIN * om_box_area(part);
}

static bool is_stirred(const struct om_look_at *at, const struct om_track *track)
{
    for (int i = 0; i < at->motion->regions.count; i++) {
        struct om_box part = part_of(at, &at->motion->regions.items[i]);
        if (om_box_intersection(part, track->box) >= STIRRED_MIN * om_box_area(track->box))
            return true;
    }
    return false;
}

static int64_t stretched(const struct om_look_at *at, int64_t gap_us)
{
    return (int64_t)((double)gap_us * fmax(at->stretch, 1));
}

// How long this track may be led without being seen.
static int64_t gap_of(const struct om_looks *looks, const struct om_look_at *at,
                      const struct om_track *track)
{
    if (track->state == OM_TRACK_TENTATIVE)
        return NEW_GAP_US;
    if (track->is_stationary && track->state != OM_TRACK_LOST && !is_stirred(at, track))
        return looks->opts.still_gap_us;
    int64_t gap_us = looks->opts.moving_gap_us;
    int64_t quick_us = OM_MIN(gap_us, (int64_t)QUICK_GAP_US);
    if (track->state == OM_TRACK_LOST || track->hits < HITS_KNOWN)
        return quick_us;
    double speed = (double)hypotf(track->vx, track->vy);
    double travel_px = (double)(TRAVEL_MAX * sqrtf(om_box_area(track->box)));
    if (speed * (double)gap_us / OM_SECOND <= travel_px)
        return gap_us;
    return OM_MAX((int64_t)(travel_px / speed * OM_SECOND), quick_us);
}

static struct om_look_cell *cell_of(struct om_looks *looks, const struct om_look_at *at,
                                    struct om_box part)
{
    int x = (int)((part.x + part.w / 2) * OM_LOOK_CELLS_X / (float)at->width);
    int y = (int)((part.y + part.h / 2) * OM_LOOK_CELLS_Y / (float)at->height);
    return &looks->cells[OM_CLAMP(y, 0, OM_LOOK_CELLS_Y - 1)][OM_CLAMP(x, 0, OM_LOOK_CELLS_X - 1)];
}

// The last look at strange motion brought something to light.
static bool was_fruitful(const struct om_looks *looks, const struct om_look_at *at)
{
    for (int i = 0; i < at->tracks->count; i++) {
        if (looks->strange_us != OM_TIME_NONE &&
            at->tracks->items[i].first_pts_us >= looks->strange_us)
            return true;
    }
    return false;
}

// Looking in vain makes rare, here (a tree in the wind) and in the whole picture (something that
// the detector does not know crosses it).
static bool is_worth_it(struct om_looks *looks, const struct om_look_at *at, struct om_box part)
{
    struct om_look_cell *cell = cell_of(looks, at, part);
    if (at->pts_us < cell->next_us)
        return false;
    cell->next_us = at->pts_us + stretched(at, (int64_t)BARREN_GAP_US << cell->barren) * 9 / 10;
    cell->barren = (uint8_t)OM_MIN(cell->barren + 1, (int)BARREN_MAX);
    return true;
}

static bool is_too_early(const struct om_looks *looks, const struct om_look_at *at)
{
    if (looks->strange_us == OM_TIME_NONE)
        return false;
    int64_t gap_us = (int64_t)BARREN_GAP_US << OM_MAX(looks->strange_barren - 1, 0);
    return at->pts_us - looks->strange_us < stretched(at, gap_us) * 9 / 10;
}

// Motion that no track explains. True: there is some, whether it is looked at now or later.
static bool add_strange_parts(struct om_looks *looks, const struct om_look_at *at,
                              struct om_regions *parts)
{
    float least = MARGIN_OF_PICTURE * (float)OM_MAX(at->width, at->height);
    bool is_forgotten = looks->stranger_us != OM_TIME_NONE &&
                        at->pts_us - looks->stranger_us > FORGET_US;
    if (is_forgotten || was_fruitful(looks, at))
        looks->strange_barren = 0;
    bool is_early = is_too_early(looks, at), has_some = false;
    int count = 0;
    for (int i = 0; i < at->motion->regions.count; i++) {
        struct om_box part = part_of(at, &at->motion->regions.items[i]);
        if (is_explained(at, part)) {
            cell_of(looks, at, part)->barren = 0;
            continue;
        }
        has_some = true;
        looks->stranger_us = at->pts_us;
        if (is_early || !is_worth_it(looks, at, part))
            continue;
        add_part(at, parts, widen(part, MARGIN_SHARE, least));
        count++;
    }
    if (count > 0) {
        looks->strange_us = at->pts_us;
        looks->strange_barren = OM_MIN(looks->strange_barren + 1, (int)STRANGE_MAX);
    }
    return has_some;
}

// `share`: of its gap that must have gone by.
static bool has_waited(const struct om_looks *looks, const struct om_look_at *at,
                       const struct om_track *track, double share)
{
    // A lost one was looked for when there was a look at all.
    bool was_looked_for = track->state == OM_TRACK_LOST && looks->last_us != OM_TIME_NONE;
    int64_t seen_us = was_looked_for ? looks->last_us : track->last_pts_us;
    return (double)(at->pts_us - seen_us) >=
           share * (double)stretched(at, gap_of(looks, at, track));
}

// When there is a look at all, because a track is due or something strange moves, those that are
// half due are looked at with it: so the tracks of a camera come to be due together.
static bool add_due_tracks(const struct om_looks *looks, const struct om_look_at *at,
                           struct om_regions *parts)
{
    bool has_moving = false, is_due = parts->count > 0;
    for (int i = 0; i < at->tracks->count; i++) {
        const struct om_track *track = &at->tracks->items[i];
        if (track->state == OM_TRACK_ENDED)
            continue;
        has_moving = has_moving || !is_known(track) || !track->is_stationary;
        is_due = is_due || has_waited(looks, at, track, DUE_SHARE);
    }
    for (int i = 0; is_due && i < at->tracks->count; i++) {
        const struct om_track *track = &at->tracks->items[i];
        if (track->state == OM_TRACK_ENDED ||
            !has_waited(looks, at, track, track->is_stationary ? DUE_SHARE : COMPANY_SHARE))
            continue;
        add_part(at, parts, track_part(at, track));
    }
    return has_moving;
}

static enum om_look_kind decide_thrift(struct om_looks *looks, const struct om_look_at *at,
                                       struct om_parts *ret)
{
    if (looks->wants_whole)
        return OM_LOOK_WHOLE;
    if (looks->last_us != OM_TIME_NONE &&
        at->pts_us - looks->last_us < stretched(at, PACE_US) * 9 / 10)
        return at->motion->regions.count + at->tracks->count > 0 ? OM_LOOK_LATER : OM_LOOK_NOTHING;
    if (looks->last_whole_us == OM_TIME_NONE)  // it just woke: the whole picture has time
        looks->last_whole_us = at->pts_us;
    bool has_strange = add_strange_parts(looks, at, &ret->regions);
    bool has_moving = add_due_tracks(looks, at, &ret->regions) || has_strange;
    if (has_moving &&
        at->pts_us - looks->last_whole_us >= stretched(at, looks->opts.whole_gap_us)) {
        ret->regions.count = 0;
        return OM_LOOK_WHOLE;
    }
    if (ret->regions.count == 0)
        return has_moving ? OM_LOOK_LATER : OM_LOOK_NOTHING;
    if (!at->is_turned && share_covered(at, &ret->regions) < WHOLE_SHARE_MIN)
        return OM_LOOK_PARTS;
    ret->regions.count = 0;
    return OM_LOOK_WHOLE;
}

static enum om_look_kind decide_moving(const struct om_looks *looks, const struct om_look_at *at)
{
    if (looks->last_us == OM_TIME_NONE || at->motion->is_open)
        return OM_LOOK_WHOLE;
    bool has_tracks = false;
    for (int i = 0; i < at->tracks->count; i++)
        has_tracks = has_tracks || at->tracks->items[i].state == OM_TRACK_CONFIRMED;
    return at->pts_us - looks->last_us >= (has_tracks ? RECHECK_TRACKED_US : RECHECK_QUIET_US)
               ? OM_LOOK_WHOLE
               : OM_LOOK_NOTHING;
}

bool om_looks_are_thrifty(const struct om_looks *looks, bool is_crowded)
{
    return looks->opts.mode == OM_LOOK_THRIFT || (looks->opts.mode == OM_LOOK_AUTO && is_crowded);
}

enum om_look_kind om_looks_decide(struct om_looks *looks, const struct om_look_at *at,
                                  struct om_parts *ret)
{
    ret->regions.count = 0;
    ret->may_shrink = false;
    // 0.9: a camera at exactly that rate must not lose every other frame to jitter.
    if (at->fps_max > 0 && looks->last_us != OM_TIME_NONE &&
        (double)(at->pts_us - looks->last_us) < 0.9 * OM_SECOND / at->fps_max)
        return OM_LOOK_LATER;
    enum om_look_kind kind = OM_LOOK_WHOLE;
    if (om_looks_are_thrifty(looks, at->is_crowded)) {
        kind = decide_thrift(looks, at, ret);
        ret->may_shrink = true;
    } else if (looks->opts.mode != OM_LOOK_ALWAYS)
        kind = decide_moving(looks, at);
    if (kind == OM_LOOK_PARTS || kind == OM_LOOK_WHOLE)
        looks->last_us = at->pts_us;
    if (kind == OM_LOOK_WHOLE) {
        looks->last_whole_us = at->pts_us;
        looks->wants_whole = false;
    }
    return kind;
}
