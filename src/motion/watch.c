#include "motion/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/scratch.h"
#include "base/time.h"
#include "conf/opt.h"
#include "media/thumb.h"
#include "motion/regions.h"

enum {
    FRACTION_BITS = 8,    // of mean and spread
    ALPHA_ONE = 1 << 15,  // the product with a difference of FRACTION_BITS still fits 32 bits
    SPREAD_FACTOR = 4,    // a pixel moved when it is so many spreads off
    REGION_PX_MIN = 3,
    LEARN_STEPS = 32,      // learning happens so many times in learn_us, not with every picture
    LIGHT_STEP = 11,       // pixels that tell of the light: each 11th, no column of usual widths
    STILL_US = OM_SECOND,  // what has not changed for so long stands
};

// Shares of the picture.
static const double LIGHT_CHANGED_MIN = 0.02;  // from here on a change of light is looked for
static const double LIGHT_LEFT_MAX = 0.4;      // it explains the change when so much of it is left
static const double SCENE_CHANGED_MIN = 0.6;   // from here on it is another scene

struct om_watch {
    struct om_watch_opts opts;
    int width, height;  // 0 before the first picture
    int64_t pts_us;     // of the last picture
    int64_t learned_us;
    int64_t open_until_us;
    int64_t anchor_us, moved_us;  // of the anchor; when a picture last differed from it
    int room_px;                  // of the three below
    uint16_t *mean;               // luma with FRACTION_BITS
    uint16_t *spread;             // mean distance from it, the same unit
    uint8_t *anchor;              // each STILL_US the picture of then
};

// Needed while a picture is judged only, so that a thread has it and not each camera.
struct work {
    uint8_t changed[OM_THUMB_PIXELS_MAX];
    struct om_region_work regions;
};
static struct om_scratch scratch = OM_SCRATCH(sizeof(struct work));

#define FIELD(name) offsetof(struct om_watch_opts, name)

static const struct om_opt watch_opts[] = {
    {"changed-min", OM_OPT_RATIO, FIELD(changed_min), 0, 1, "0.0005",
     "share of the picture that must change to call it motion", NULL, false},
    {"tolerance", OM_OPT_INT, FIELD(tolerance), 1, 255, "12",
     "grey levels (of 255) a pixel may drift without counting", NULL, false},
    {"hold", OM_OPT_TIME, FIELD(hold_us), 0, 3600e6, "2s",
     "keep detecting this long after the last motion", NULL, false},
    {"learn", OM_OPT_TIME, FIELD(learn_us), 100e3, 3600e6, "10s",
     "what stands still this long becomes background", NULL, false},
    {0},
};

const struct om_opt_group om_watch_opt_group = {
    .prefix = "motion",
    .about = "the motion watch: which pictures are worth the detector's time",
    .size = sizeof(struct om_watch_opts),
    .opts = watch_opts,
};

void om_watch_opts_default(struct om_watch_opts *ret)
{
    *ret = (struct om_watch_opts){0};
    om_opt_defaults(&om_watch_opt_group, ret);
}

struct om_watch *om_watch_create(const struct om_watch_opts *opts)
{
    struct om_watch *watch = om_new(struct om_watch);
    watch->opts = *opts;
    return watch;
}

void om_watch_destroy(struct om_watch *watch)
{
    if (!watch)
        return;
    om_free(watch->mean);
    om_free(watch->spread);
    om_free(watch->anchor);
    om_free(watch);
}

// ---- loops over pixels --------------------------------------------------------------------------

OM_KERNEL
static int mark_changed(uint8_t *restrict changed, const uint8_t *restrict luma,
                        const uint16_t *restrict mean, const uint16_t *restrict spread, int count,
                        int tolerance)
{
    int changed_px = 0;
    tolerance <<= FRACTION_BITS;
    for (int i = 0; i < count; i++) {
        int drift = abs((luma[i] << FRACTION_BITS) - mean[i]);
        int limit = OM_MAX(tolerance, SPREAD_FACTOR * spread[i]);
        changed[i] = drift > limit;
        changed_px += changed[i];
    }
    return changed_px;
}

// Of the pixels that are off the background, those that are not as in the anchor.
OM_KERNEL
static int count_moved(const uint8_t *restrict changed, const uint8_t *restrict luma,
                       const uint8_t *restrict anchor, const uint16_t *restrict spread, int count,
                       int tolerance)
{
    int moved_px = 0;
    tolerance <<= FRACTION_BITS;
    for (int i = 0; i < count; i++) {
        int limit = OM_MAX(tolerance, SPREAD_FACTOR * spread[i]);
        int apart = abs(luma[i] - anchor[i]) << FRACTION_BITS;
        moved_px += changed[i] & (apart > limit);
    }
    return moved_px;
}

// Pixels that changed are learned at half the pace, and no pixel widens its spread by more than the
// tolerance at once: what passes by leaves little behind.
OM_KERNEL
static void learn(uint16_t *restrict mean, uint16_t *restrict spread, const uint8_t *restrict luma,
                  const uint8_t *restrict changed, int count, int alpha, int tolerance)
{
    tolerance <<= FRACTION_BITS;
    for (int i = 0; i < count; i++) {
        int drift = (luma[i] << FRACTION_BITS) - mean[i];
        int step = alpha >> changed[i];
        int off = OM_MIN(abs(drift), tolerance) - spread[i];
        mean[i] = (uint16_t)(mean[i] + ((drift * step + ALPHA_ONE / 2) >> 15));
        spread[i] = (uint16_t)(spread[i] + ((off * step + ALPHA_ONE / 2) >> 15));
    }
}

static_assert(ALPHA_ONE == 1 << 15, "the shifts in learn()");

// ---- light --------------------------------------------------------------------------------------

struct light {
    float gain, offset;  // luma = gain * mean + offset
};

// Least squares over the pixels that `fit` explains already within `limit` levels.
static struct light fit_light(const struct om_watch *watch, const uint8_t *luma, struct light fit,
                              float limit)
{
    int count = watch->width * watch->height;
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int i = 0; i < count; i += LIGHT_STEP) {
        float x = (float)watch->mean[i] / (1 << FRACTION_BITS), y = luma[i];
        if (fabsf(fit.gain * x + fit.offset - y) > limit || luma[i] == 0 || luma[i] == 255)
            continue;  // cut-off pixels do not follow the gain
        n++;
        sx += (double)x;
        sy += (double)y;
        sxx += (double)(x * x);
        sxy += (double)(x * y);
    }
    double det = n * sxx - sx * sx;
    if (n < 16)
        return fit;
    if (det < n * n)  // less than one level of contrast: gain and offset cannot be told apart
        return (struct light){1, (float)((sy - sx) / n)};
    double gain = (n * sxy - sx * sy) / det;
    if (gain < 0.2 || gain > 5)
        return fit;
    return (struct light){(float)gain, (float)((sy - gain * sx) / n)};
}

// Of every LIGHT_STEP-th pixel.
static int count_unexplained(const struct om_watch *watch, const uint8_t *luma, struct light fit)
{
    int count = watch->width * watch->height, off_px = 0;
    for (int i = 0; i < count; i += LIGHT_STEP) {
        float x = (float)watch->mean[i] / (1 << FRACTION_BITS);
        float expected = OM_CLAMP(fit.gain * x + fit.offset, 0, 255);
        off_px += fabsf(expected - (float)luma[i]) > (float)watch->opts.tolerance;
    }
    return off_px;
}

static void shine(struct om_watch *watch, struct light fit)
{
    int count = watch->width * watch->height;
    for (int i = 0; i < count; i++) {
        float x = fit.gain * (float)watch->mean[i] + fit.offset * (1 << FRACTION_BITS);
        watch->mean[i] = (uint16_t)OM_CLAMP(x, 0, 255 << FRACTION_BITS);
    }
}

// Puts the background into the new light when that explains most of what changed.
static bool follow_light(struct om_watch *watch, const uint8_t *luma, int changed_px)
{
    struct light fit = {1, 0};
    for (int round = 0; round < 4; round++)
        fit = fit_light(watch, luma, fit, round == 0 ? 256 : 64.0F / (float)(1 << round));
    if (LIGHT_STEP * count_unexplained(watch, luma, fit) > LIGHT_LEFT_MAX * changed_px)
        return false;
    shine(watch, fit);
    return true;
}

// ---- pictures -----------------------------------------------------------------------------------

static void make_room(struct om_watch *watch, int count)
{
    if (count <= watch->room_px)
        return;
    watch->mean = om_realloc(watch->mean, (size_t)count, sizeof(*watch->mean));
    watch->spread = om_realloc(watch->spread, (size_t)count, sizeof(*watch->spread));
    watch->anchor = om_realloc(watch->anchor, (size_t)count, sizeof(*watch->anchor));
    watch->room_px = count;
}

static void set_anchor(struct om_watch *watch, const struct om_thumb *thumb)
{
    memcpy(watch->anchor, thumb->luma, (size_t)thumb->width * (size_t)thumb->height);
    watch->anchor_us = thumb->pts_us;
}

static void start_over(struct om_watch *watch, const struct om_thumb *thumb)
{
    watch->width = thumb->width;
    watch->height = thumb->height;
    watch->learned_us = thumb->pts_us;
    watch->open_until_us = thumb->pts_us + watch->opts.hold_us;
    int count = thumb->width * thumb->height;
    make_room(watch, count);
    for (int i = 0; i < count; i++) {
        watch->mean[i] = (uint16_t)(thumb->luma[i] << FRACTION_BITS);
        watch->spread[i] = 0;
    }
    set_anchor(watch, thumb);
    watch->moved_us = OM_TIME_NONE;
}

// A thing that was put down, or the hole where one was taken away, leaves the background and
// stands: nothing moves.
static bool is_moving(struct om_watch *watch, const struct om_thumb *thumb, const uint8_t *changed)
{
    int count = thumb->width * thumb->height;
    int moved_px = count_moved(changed, thumb->luma, watch->anchor, watch->spread, count,
                               watch->opts.tolerance);
    if (moved_px > 0 && moved_px >= watch->opts.changed_min * count)
        watch->moved_us = thumb->pts_us;
    if (thumb->pts_us - watch->anchor_us >= STILL_US)
        set_anchor(watch, thumb);
    return watch->moved_us != OM_TIME_NONE && thumb->pts_us - watch->moved_us < STILL_US;
}

static void learn_when_due(struct om_watch *watch, const struct om_thumb *thumb,
                           const uint8_t *changed)
{
    int64_t since_us = thumb->pts_us - watch->learned_us;
    if (since_us < watch->opts.learn_us / LEARN_STEPS)
        return;
    double share = 1 - exp(-(double)since_us / (double)watch->opts.learn_us);
    learn(watch->mean, watch->spread, thumb->luma, changed, thumb->width * thumb->height,
          OM_CLAMP((int)(share * ALPHA_ONE), 1, ALPHA_ONE - 1), watch->opts.tolerance);
    watch->learned_us = thumb->pts_us;
}

static void find_motion(struct om_watch *watch, const struct om_thumb *thumb,
                        struct om_watch_result *ret)
{
    int count = thumb->width * thumb->height, tolerance = watch->opts.tolerance;
    struct work *work = om_scratch_get(&scratch);
    int changed_px = mark_changed(work->changed, thumb->luma, watch->mean, watch->spread, count,
                                  tolerance);
    if (changed_px > LIGHT_CHANGED_MIN * count && follow_light(watch, thumb->luma, changed_px))
        changed_px = mark_changed(work->changed, thumb->luma, watch->mean, watch->spread, count,
                                  tolerance);
    ret->changed = (double)changed_px / count;
    if (changed_px > SCENE_CHANGED_MIN * count) {
        start_over(watch, thumb);
        return;
    }
    int solid_px = om_regions_find(&work->regions, work->changed, thumb->width, thumb->height,
                                   REGION_PX_MIN, &ret->regions);
    ret->changed = (double)solid_px / count;
    ret->has_motion = ret->regions.count > 0 && ret->changed >= watch->opts.changed_min;
    if (!ret->has_motion)
        ret->regions.count = 0;
    bool moves = is_moving(watch, thumb, work->changed);
    ret->is_moving = ret->has_motion && moves;
    learn_when_due(watch, thumb, work->changed);
}

void om_watch_update(struct om_watch *watch, const struct om_thumb *thumb,
                     struct om_watch_result *ret)
{
    om_assert(thumb->width > 0 && thumb->height > 0 && thumb->width <= OM_THUMB_WIDTH_MAX &&
              thumb->height <= OM_THUMB_WIDTH_MAX);
    ret->is_open = ret->has_motion = ret->is_moving = false;
    ret->changed = 0;
    ret->regions.count = 0;
    bool is_first = thumb->width != watch->width || thumb->height != watch->height ||
                    thumb->pts_us < watch->pts_us;
    watch->pts_us = thumb->pts_us;
    if (is_first)
        start_over(watch, thumb);
    else
        find_motion(watch, thumb, ret);
    if (ret->has_motion)
        watch->open_until_us = thumb->pts_us + watch->opts.hold_us;
    ret->is_open = is_first || ret->has_motion || thumb->pts_us < watch->open_until_us;
}

void om_watch_settle(struct om_watch *watch, const struct om_thumb *thumb)
{
    if (thumb->width != watch->width || thumb->height != watch->height)
        return;
    for (int i = 0; i < thumb->width * thumb->height; i++)
        watch->mean[i] = (uint16_t)(thumb->luma[i] << FRACTION_BITS);
    set_anchor(watch, thumb);
    watch->moved_us = OM_TIME_NONE;
}

void om_watch_restart(struct om_watch *watch)
{
    watch->width = watch->height = 0;
}
