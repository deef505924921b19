// Media clock of one camera: turns the time stamps a stream carries (which wrap, jump, stand still
// or are missing) into a monotone one that nothing behind it has to doubt. docs/design/time.md.
//
// Out: dts strictly increasing, pts >= dts, a jump or a reconnect opens a new epoch, and a
// wall-clock estimate for each picture. Pure: every time comes in as an argument.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_media_clock {
    int64_t in_last_dts_us;    // of the stream, unwrapped; OM_TIME_NONE at the start
    int64_t out_last_dts_us;   // OM_TIME_NONE at the start
    int64_t out_last_mono_us;  // when that packet came
    int64_t offset_us;         // out = in + offset
    int64_t progress_mono_us;  // when the stream's dts last moved on
    int64_t gap_us;            // usual distance of two packets, learned
    int64_t reorder_us;        // streams with pts only: how far dts runs ahead of it, learned
    int64_t wall_offset_us;    // wall = out + this; follows drift slowly
    int64_t wrap_us;           // where the stream's counter wraps, 0 = never
    uint32_t epoch;
    bool has_wall;
    bool is_live;
    bool is_restarted;
};

struct om_media_stamp {
    int64_t pts_us, dts_us, wall_us;
    uint32_t epoch;
};

// `wrap_us`: period of the stream's counter (2^33/90 kHz for MPEG-TS, 2^32/90 kHz for RTP), 0 =
// none.
void om_media_clock_init(struct om_media_clock *clock, bool is_live, int64_t wrap_us);
// A new connection: the next packet opens a new epoch.
void om_media_clock_restart(struct om_media_clock *clock);
// `pts_us`, `dts_us` as in the stream or OM_TIME_NONE; `now_mono_us`, `now_wall_us` of arrival.
struct om_media_stamp om_media_clock_stamp(struct om_media_clock *clock, int64_t pts_us,
                                           int64_t dts_us, int64_t now_mono_us,
                                           int64_t now_wall_us);
