// Feeds: MOTChallenge text files (src/track/mot.c) and, with what they hold, the tracker.

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/time.h"
#include "scene/track.h"
#include "track/mot.h"
#include "track/tracker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void follow(const struct om_mot *mot)
{
    static struct om_detections detections;
    static struct om_tracks tracks;
    struct om_tracker_opts opts;
    om_tracker_opts_default(&opts);
    om_auto(om_tracker) tracker = om_tracker_create(&opts);
    for (int at = 0; at < mot->count;) {
        int frame = mot->rows[at].frame;
        (void)om_mot_take_frame(mot, frame, &at, &detections);  // what is left out is fine here
        om_tracker_update(tracker, (int64_t)frame * 40 * OM_MS, 0, &detections, NULL, &tracks,
                          NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_mot mot;
    struct om_error err;
    if (!om_mot_parse(om_str_n((const char *)data, size), &mot, &err))
        return 0;
    om_mot_scale_scores(&mot);
    follow(&mot);
    om_mot_finish(&mot);
    return 0;
}
