#include "pipeline/timeline.h"

#include "base/assert.h"
#include "base/attr.h"
#include "media/packet.h"

struct row {
    bool is_new_source;
    int64_t dts, pts, arrival;
    uint32_t epoch;
    int64_t out_dts, out_pts;
    uint32_t out_epoch;
};

static void test_begins_at_zero(void)
{
    struct om_timeline timeline = {0};
    struct om_packet packet = {.dts_us = -80000, .pts_us = 0};
    om_timeline_start_source(&timeline);
    om_timeline_place(&timeline, &packet);
    om_assert(packet.dts_us == 0 && packet.pts_us == 80000);
}

int main(void)
{
    test_begins_at_zero();
    static const struct row rows[] = {
        {true, 1000, 81000, 5000000, 0, 1000, 81000, 0},
        {false, 41000, 41000, 5040000, 0, 41000, 41000, 0},
        {false, 9041000, 9041000, 5080000, 1, 9041000, 9041000, 1},  // a jump of its own
        // Ten seconds later the camera is back, and its clock starts again.
        {true, 0, 80000, 15080000, 0, 19041000, 19121000, 2},
        {false, 40000, 40000, 15120000, 0, 19081000, 19081000, 2},
        {false, 80000, 80000, 15160000, 1, 19121000, 19121000, 3},
        // At once, with a clock that is far ahead.
        {true, 500000000, 500000000, 15160000, 7, 19161000, 19161000, 4},
    };
    struct om_timeline timeline = {0};
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct om_packet packet = {.dts_us = row->dts,
                                   .pts_us = row->pts,
                                   .arrival_us = row->arrival,
                                   .epoch = row->epoch};
        if (row->is_new_source)
            om_timeline_start_source(&timeline);
        om_timeline_place(&timeline, &packet);
        om_assert(packet.dts_us == row->out_dts && packet.pts_us == row->out_pts);
        om_assert(packet.epoch == row->out_epoch);
    }
    return 0;
}
