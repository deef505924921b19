// What RTSP and HTTP cameras share, whoever reads the session (libavformat, or the RTSP client of
// our own): stall detection, the wait for the first key frame, parameter sets that come with the
// pictures.

#pragma once

#include "source/source_int.h"

struct om_av_how;
struct om_av_times;

// A session that is open.
struct om_live_ops {
    // As om_av_read().
    enum om_status (*read)(void *session, int64_t timeout_us, struct om_packet **ret,
                           struct om_av_times *ret_times, struct om_error *err);
    int64_t (*wrap_us)(const void *session);  // period of its time stamps, 0 = none
    void (*close)(void *session);
};

struct om_live {
    const struct om_live_ops *ops;  // NULL: there is no session
    void *session;
    struct om_packet *first;  // read while opening, to learn the parameters
    int64_t gap_us;           // usual distance of two packets
    int64_t last_us;          // when the last one came; OM_TIME_NONE before
    int64_t opened_us;
    bool has_key;  // a key frame came
};

// Opens a session of libavformat and begins.
OM_MUST_USE enum om_status om_live_open(struct om_source *source, struct om_live *live,
                                        const struct om_av_how *how, struct om_error *err);
// Begins with a session that is open; source->info says what it is. Reads up to the first key
// frame. `live` owns the session from now on, also after failure.
OM_MUST_USE enum om_status om_live_begin(struct om_source *source, struct om_live *live,
                                         const struct om_live_ops *ops, void *session,
                                         struct om_error *err);
OM_MUST_USE enum om_status om_live_read(struct om_source *source, struct om_live *live,
                                        struct om_packet **ret, struct om_error *err);
void om_live_close(struct om_live *live);
