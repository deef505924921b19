// Camera simulator: serves N RTSP cameras, rtsp://HOST:PORT/cam/K, by replaying encoded clips for
// ever. One process, one thread, nothing is decoded or encoded. docs/design/simulator.md tells how.
//
// A clip (or a pair of an active and a quiet one) is a timeline; camera K plays timeline
// K mod count from its own start offset. Every PLAY starts there, at a key frame:
//
//     position in the timeline = (mono time - play_mono_us + offset_us) mod period_us
//
// Threads: om_sim_run() has one thread of its caller's for itself. The statistics may be read from
// any process that shares the mapping.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct om_cancel;
struct om_error;

enum { OM_SIM_CAMERAS_MAX = 20000, OM_SIM_REELS_MAX = 4096 };

// When cameras that are asked at the same time start, so that they do not send in step.
enum om_sim_spread {
    OM_SIM_SPREAD_FRAME,  // within one frame interval: pictures are even over it
    OM_SIM_SPREAD_GOP,    // within one group of pictures: key frames are even over it too
    OM_SIM_SPREAD_NONE,   // at once
};

struct om_sim_camera_stats {
    // Written before `plays` goes up; of the newest PLAY.
    _Atomic(int64_t) play_mono_us;  // when its first picture was due
    _Atomic(int64_t) offset_us;     // which picture of the timeline that was
    _Atomic(uint64_t) plays, pictures, bytes;
    _Atomic(uint64_t) pictures_dropped;  // the reader did not keep up
    _Atomic(int64_t) late_us_max;        // how long after its due time a picture was sent, at most
};

// A reader that wants the greatest lateness of a span of its own sets late_us_max to 0 before.
struct om_sim_stats {
    _Atomic(int) port;  // 0 until it listens
    _Atomic(uint64_t) sessions, plays, pictures, bytes;
    _Atomic(uint64_t) late_bytes;  // had to wait because a reader's socket was full
    _Atomic(uint64_t) pictures_dropped, packets_lost;
    _Atomic(int64_t) late_us_max, cpu_us;  // CPU time of the thread, each second
    int camera_count;
    struct om_sim_camera_stats cameras[];
};

// In memory that children made by fork() share; NULL when there is none.
OM_MUST_USE struct om_sim_stats *om_sim_stats_create(int cameras);
void om_sim_stats_destroy(struct om_sim_stats *stats);  // accepts NULL

struct om_sim_opts {
    const char *listen;  // "127.0.0.1:8554"; port 0 takes a free one, see stats->port
    int cameras;
    // Either reels, or as many quiet as active clips. Paths, borrowed.
    const char *const *reels;
    int reel_count;
    const char *const *active, *const *quiet;
    int pair_count;
    double activity;     // of pairs: share of time that the active clip plays, [0, 1]
    double fps;          // 0 = the clips' own
    bool has_no_offset;  // every camera starts at the beginning of its timeline
    enum om_sim_spread spread;
    int packet_bytes;          // of an RTP packet at most; 0 = 1400
    int64_t backlog_bytes;     // what a slow reader may owe before pictures are dropped; 0 = 1 MiB
    const char *faults;        // see faults.h; NULL = none
    const char *auth;          // "user:password"; NULL = open to all
    int64_t run_us;            // 0 = until cancelled
    int json_fd;               // one JSON object a line goes here, see tools/sim/README.md; -1 = no
    struct om_cancel *cancel;  // may be NULL
    struct om_sim_stats *stats;  // may be NULL; made for `cameras`
};

extern const struct om_sim_opts om_sim_opts_default;

// Serves until the time is over or it is cancelled. False with *err when it could not start.
OM_MUST_USE bool om_sim_run(const struct om_sim_opts *opts, struct om_error *err);
