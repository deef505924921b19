// What RTSP and HTTP cameras share: a session of libavformat, stall detection, parameter sets that
// come with the pictures.

#pragma once

#include "source/source_int.h"

struct om_av;
struct om_av_how;

struct om_live {
    struct om_av *av;
    struct om_packet *first;  // read while opening, to learn the parameters
    int64_t gap_us;           // usual distance of two packets
    int64_t last_us;          // when the last one came; OM_TIME_NONE before
    int64_t opened_us;
    bool has_key;  // a key frame came
};

OM_MUST_USE enum om_status om_live_open(struct om_source *source, struct om_live *live,
                                        const struct om_av_how *how, struct om_error *err);
OM_MUST_USE enum om_status om_live_read(struct om_source *source, struct om_live *live,
                                        struct om_packet **ret, struct om_error *err);
void om_live_close(struct om_live *live);
