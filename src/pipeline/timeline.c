#include "pipeline/timeline.h"

#include "base/attr.h"
#include "base/time.h"
#include "media/packet.h"

enum { GAP_MIN_US = 40 * OM_MS };

void om_timeline_start_source(struct om_timeline *timeline)
{
    timeline->is_new_source = true;
}

// The new source goes on where the last one ended, after the time that really passed.
static void join(struct om_timeline *timeline, const struct om_packet *packet)
{
    timeline->is_new_source = false;
    timeline->shift_us = packet->dts_us < 0 ? -packet->dts_us : 0;  // MP4 has no times below zero
    timeline->epoch_shift = 0;
    if (!timeline->has_last)
        return;
    int64_t gap_us = OM_MAX(packet->arrival_us - timeline->last_arrival_us, (int64_t)GAP_MIN_US);
    timeline->shift_us = timeline->last_dts_us + gap_us - packet->dts_us;
    timeline->epoch_shift = timeline->last_epoch + 1 - packet->epoch;
}

void om_timeline_place(struct om_timeline *timeline, struct om_packet *packet)
{
    if (timeline->is_new_source)
        join(timeline, packet);
    packet->pts_us += timeline->shift_us;
    packet->dts_us += timeline->shift_us;
    packet->epoch += timeline->epoch_shift;
    timeline->last_dts_us = packet->dts_us;
    timeline->last_arrival_us = packet->arrival_us;
    timeline->last_epoch = packet->epoch;
    timeline->has_last = true;
}
