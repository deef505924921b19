#include "media/clock.h"

#include "base/attr.h"
#include "base/time.h"

enum {
    GAP_DEFAULT_US = 40 * OM_MS,
    GAP_LEARN_MAX_US = 1 * OM_SECOND,   // longer distances are pauses, not the usual rate
    BACK_TOLERATED_US = 500 * OM_MS,    // equal or slightly late dts: re-stamped in place
    REORDER_MAX_US = 1 * OM_SECOND,     // pts may lie this far behind the newest one
    PTS_AHEAD_MAX_US = 10 * OM_SECOND,  // a pts further ahead of its dts is nonsense
    JUMP_LIVE_US = 10 * OM_SECOND,      // a longer step forward opens an epoch
    STEP_MIN_US = 500,                  // less is no distance of two pictures
    STILL_US = 250 * OM_MS,             // a live stream's stamps may stand still that long
    WALL_STEP_US = 2 * OM_SECOND,       // the wall clock was set: follow at once
};
#define JUMP_FILE_US (600LL * OM_SECOND)  // time lapse recordings have long gaps

void om_media_clock_init(struct om_media_clock *clock, bool is_live, int64_t wrap_us)
{
    *clock = (struct om_media_clock){
        .in_last_dts_us = OM_TIME_NONE,
        .out_last_dts_us = OM_TIME_NONE,
        .gap_us = GAP_DEFAULT_US,
        .wrap_us = wrap_us,
        .is_live = is_live,
    };
}

void om_media_clock_restart(struct om_media_clock *clock)
{
    if (clock->out_last_dts_us == OM_TIME_NONE)
        return;
    clock->is_restarted = true;
    clock->reorder_us = 0;
}

// The value nearest to `near` that equals `t` modulo the wrap.
static int64_t unwrap(int64_t t, int64_t near, int64_t wrap_us)
{
    if (wrap_us <= 0 || near == OM_TIME_NONE)
        return t;
    int64_t away = (t - near) % wrap_us;
    if (away >= wrap_us / 2)
        away -= wrap_us;
    if (away < -wrap_us / 2)
        away += wrap_us;
    return near + away;
}

// Streams far outside of any sane range are treated like streams without time stamps, so that no
// sum below can overflow.
static int64_t sane(int64_t t)
{
    return t > INT64_MAX / 8 || t < INT64_MIN / 8 ? OM_TIME_NONE : t;
}

// dts as the stream says it, or the best guess. With pts only, dts is pts minus the reordering seen
// so far: a pts that falls behind widens it.
static int64_t stream_dts(struct om_media_clock *clock, int64_t pts_us, int64_t dts_us)
{
    int64_t last = clock->is_restarted ? OM_TIME_NONE : clock->in_last_dts_us;

    if (dts_us != OM_TIME_NONE)
        return unwrap(dts_us, last, clock->wrap_us);
    if (pts_us == OM_TIME_NONE)
        return last == OM_TIME_NONE ? 0 : last + clock->gap_us;
    int64_t pts = unwrap(pts_us, last, clock->wrap_us);
    int64_t dts = pts - clock->reorder_us;
    if (last != OM_TIME_NONE && dts <= last && last - pts < REORDER_MAX_US) {
        int64_t needed = last + 1 - pts;
        if (needed > clock->reorder_us)
            clock->reorder_us = needed;
        dts = last + 1;
    }
    return dts;
}

static void open_epoch(struct om_media_clock *clock, int64_t in_dts, int64_t now_mono_us)
{
    int64_t step = clock->gap_us;

    if (clock->is_restarted && clock->is_live)
        step = OM_MAX(step, now_mono_us - clock->out_last_mono_us);
    clock->offset_us = clock->out_last_dts_us + step - in_dts;
    clock->epoch++;
    clock->is_restarted = false;
    if (!clock->is_live)
        clock->has_wall = false;
}

// Some cameras send the same stamp for ever. Then pictures are as far apart as they arrive.
static bool is_still(const struct om_media_clock *clock, int64_t now_mono_us)
{
    return clock->is_live && now_mono_us - clock->progress_mono_us > STILL_US;
}

// Moves the clock on to a packet with stream time `in_dts`; its time on the media clock.
static int64_t advance(struct om_media_clock *clock, int64_t in_dts, int64_t now_mono_us)
{
    if (clock->out_last_dts_us == OM_TIME_NONE) {
        clock->in_last_dts_us = in_dts;
        clock->progress_mono_us = now_mono_us;
        return in_dts;
    }
    int64_t step = in_dts - clock->in_last_dts_us;
    if (step >= STEP_MIN_US || clock->is_restarted)
        clock->progress_mono_us = now_mono_us;
    int64_t jump = clock->is_live ? JUMP_LIVE_US : JUMP_FILE_US;
    if (clock->is_restarted || step < -BACK_TOLERATED_US || step > jump) {
        open_epoch(clock, in_dts, now_mono_us);
        clock->in_last_dts_us = in_dts;
    } else if (is_still(clock, now_mono_us)) {
        clock->in_last_dts_us = in_dts;
        clock->offset_us = clock->out_last_dts_us + now_mono_us - clock->out_last_mono_us - in_dts;
    } else if (step > 0) {
        if (step >= STEP_MIN_US && step <= GAP_LEARN_MAX_US)
            clock->gap_us = OM_MAX(1, clock->gap_us + (step - clock->gap_us) / 8);
        clock->in_last_dts_us = in_dts;
    }
    return OM_MAX(in_dts + clock->offset_us, clock->out_last_dts_us + 1);
}

// Arrival is capture plus a delay that jitters upwards only: early packets pull the estimate
// quickly, late ones hardly at all. Files keep the wall time of their start.
static void follow_wall(struct om_media_clock *clock, int64_t out_dts, int64_t now_wall_us)
{
    int64_t error = now_wall_us - (out_dts + clock->wall_offset_us);

    if (!clock->has_wall || (clock->is_live && (error > WALL_STEP_US || error < -WALL_STEP_US))) {
        clock->wall_offset_us = now_wall_us - out_dts;
        clock->has_wall = true;
    } else if (clock->is_live) {
        clock->wall_offset_us += error < 0 ? error / 8 : error / 1024;
    }
}

struct om_media_stamp om_media_clock_stamp(struct om_media_clock *clock, int64_t pts_us,
                                           int64_t dts_us, int64_t now_mono_us, int64_t now_wall_us)
{
    pts_us = sane(pts_us);
    dts_us = sane(dts_us);
    int64_t in_dts = stream_dts(clock, pts_us, dts_us);
    int64_t out_dts = advance(clock, in_dts, now_mono_us);
    int64_t ahead = 0;
    if (pts_us != OM_TIME_NONE)
        ahead = unwrap(pts_us, in_dts, clock->wrap_us) - in_dts;
    if (ahead < 0 || ahead > PTS_AHEAD_MAX_US)
        ahead = 0;

    int64_t out_pts = OM_MAX(in_dts + clock->offset_us + ahead, out_dts);
    if (out_pts - out_dts > PTS_AHEAD_MAX_US)
        out_pts = out_dts;
    follow_wall(clock, out_dts, now_wall_us);
    clock->out_last_dts_us = out_dts;
    clock->out_last_mono_us = now_mono_us;
    return (struct om_media_stamp){
        .pts_us = out_pts,
        .dts_us = out_dts,
        .wall_us = out_pts + clock->wall_offset_us,
        .epoch = clock->epoch,
    };
}
