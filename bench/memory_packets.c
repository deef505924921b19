// Packets of a quiet clip at full speed through everything between the socket and the detector:
// packet ring, gate, stages; as the reader thread of a camera does.

#include <stdio.h>

#include "alert/alert.h"
#include "app/progress.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/home.h"
#include "bench/memory.h"
#include "conf/config.h"
#include "conf/opt.h"
#include "decode/packet_gate.h"
#include "loop/cancel.h"
#include "loop/workers.h"
#include "media/packet.h"
#include "media/stream.h"
#include "motion/watch.h"
#include "pipeline/feed.h"
#include "pipeline/stages.h"
#include "pipeline/waker.h"
#include "sink/journal.h"
#include "source/source.h"
#include "track/tracker.h"

enum {
    CLIP_PACKETS_MAX = 200,
    INTERVAL_US = OM_SECOND / 5,
    LOOK_EVERY = 1024,
    PICTURE_WAIT_US = 20 * OM_MS,
    PICTURE_POLL_US = 100
};

static const struct om_log pump_log = {.name = "pump"};

struct pump {
    struct om_packet *clip[CLIP_PACKETS_MAX];
    int clip_count;
    struct om_stream_ref *stream;
    struct om_bench_home home;
    struct om_journal *journal;
    struct om_workers *workers;
    struct om_feed_hub *hub;
    struct om_waker *waker;
    struct om_stages *stages;
    struct om_cancel cancel;
};

static bool read_clip(struct pump *pump, const char *path, struct om_error *err)
{
    struct om_source_opts opts = om_source_opts_default;
    opts.as_fast_as_possible = true;
    om_auto(om_source) source = om_source_open(path, &opts, &pump->cancel, err);
    if (!source)
        return false;
    while (pump->clip_count < CLIP_PACKETS_MAX &&
           om_source_read(source, &pump->clip[pump->clip_count], NULL) == OM_OK)
        pump->clip_count++;
    struct om_stream_info info = {0};
    om_stream_info_copy(&info, om_source_info(source));
    info.is_live = true;  // else nothing would be judged
    pump->stream = om_stream_ref_create(&info);
    om_waker_stream(pump->waker, &info);
    om_stream_info_finish(&info);
    if (pump->clip_count == 0)
        om_error_set(err, OM_INVALID, "%s: no packets", path);
    return pump->clip_count > 0;
}

static void create_stages(struct pump *pump)
{
    struct om_watch_opts watch;
    struct om_tracker_opts tracker;
    const struct om_alert_opts alert = {.update_us = OM_SECOND};
    om_watch_opts_default(&watch);
    om_tracker_opts_default(&tracker);
    char id[] = "pump";
    const struct om_conf_camera conf = {.id = id, .enabled = true};
    const struct om_stages_opts stages = {.conf = &conf,
                                          .watch = &watch,
                                          .tracker = &tracker,
                                          .alert = &alert,
                                          .hub = pump->hub,
                                          .waker = pump->waker,
                                          .log = &pump_log,
                                          .workers = pump->workers,
                                          .journal = pump->journal};
    pump->stages = om_stages_create(&stages);
}

static bool pump_start(struct pump *pump, const char *clip, struct om_error *err)
{
    struct om_packet_gate_opts gate;
    om_packet_gate_opts_default(&gate);
    om_cancel_init(&pump->cancel);
    pump->waker = om_waker_create(&gate, NULL);
    pump->hub = om_feed_hub_create();
    pump->workers = om_workers_create("worker", 0, 1024 * 1024);
    if (!read_clip(pump, clip, err) || !om_bench_home_make(&pump->home, err))
        return false;
    pump->journal = om_journal_open(pump->home.journal_path, &om_journal_opts_default, err);
    if (pump->journal)
        create_stages(pump);
    return pump->journal;
}

static void pump_finish(struct pump *pump)
{
    om_cancel_set(&pump->cancel);
    om_stages_destroy(pump->stages);
    om_feed_hub_destroy(pump->hub);
    om_waker_destroy(pump->waker);
    om_workers_destroy(pump->workers);
    om_journal_close(pump->journal);
    om_stream_ref_unref(&pump->stream);
    for (int i = 0; i < pump->clip_count; i++)
        om_packet_unref(&pump->clip[i]);
    om_bench_home_remove(&pump->home);
    om_cancel_finish(&pump->cancel);
}

// The gate learns from what the pixels say of the last pictures: a lane that is far behind would
// teach it nothing.
static void wait_for_picture(struct pump *pump, uint64_t decoded_before)
{
    struct om_stages_stats stats;
    int64_t until_us = om_time_mono_us() + PICTURE_WAIT_US;
    do {
        om_stages_stats(pump->stages, &stats);
    } while (stats.frames_decoded == decoded_before && om_time_mono_us() < until_us &&
             (om_time_sleep_us(PICTURE_POLL_US), true));
}

static void put(struct pump *pump, int64_t number)
{
    const struct om_packet *from = pump->clip[number % pump->clip_count];
    struct om_packet *packet = om_packet_copy(from->data, from->bytes);
    if (!packet)
        return;
    packet->pts_us = packet->dts_us = number * INTERVAL_US;
    packet->arrival_us = om_time_mono_us();
    packet->wall_us = om_time_wall_us();
    packet->epoch = 1;
    packet->is_key = from->is_key;
    om_feed_hub_publish(pump->hub, packet, pump->stream);
    enum om_mail_kind kind = om_waker_judge(pump->waker, packet,
                                            om_feed_hub_keeps_group(pump->hub));
    if (kind == OM_MAIL_IGNORE) {
        om_packet_unref(&packet);
        return;
    }
    const struct om_mail mail = {
        .packet = packet, .stream = om_stream_ref_ref(pump->stream), .kind = kind};
    // Waits, so that none is lost at a speed that no camera has.
    struct om_stages_stats stats;
    om_stages_stats(pump->stages, &stats);
    om_stages_put(pump->stages, mail, OM_MAILBOX_WAIT, &pump->cancel);
    if (kind != OM_MAIL_KEY)
        wait_for_picture(pump, stats.frames_decoded);
}

static void measure(struct pump *pump, int64_t total, struct om_bench_report *report)
{
    struct om_growth growth = {0};
    struct om_progress progress;
    om_progress_start(&progress, "packets");
    om_progress_label(&progress, "packets");
    for (int64_t i = 1; i <= total; i++) {
        put(pump, i - 1);
        if (i % LOOK_EVERY && i != total)
            continue;
        om_growth_look(&growth, (double)i, (double)total);
        om_progress_show(&progress, (double)i, (double)i / (double)total);
    }
    om_progress_end(&progress);
    struct om_slope slope = om_growth_slope(&growth);
    struct om_waker_stats stats = om_waker_stats(pump->waker);
    om_json_kv_int(report->workload, "packets", total);
    om_json_kv_double(report->workload, "packets_ignored_share",
                      (double)stats.ignored / (double)total, 4);
    om_json_kv_double(report->figures, "slope_bytes_per_1e6_packets", slope.per_unit * 1e6, 0);
    om_json_kv_double(report->figures, "slope_error_bytes_per_1e6_packets", slope.error * 1e6, 0);
}

bool om_memory_packets(const struct om_quiet_scene *scene, const struct om_bench_opts *opts,
                       struct om_bench_report *report, struct om_error *err)
{
    struct pump pump = {0};
    bool is_ok = pump_start(&pump, scene->clip, err);
    if (is_ok)
        measure(&pump, opts->packets, report);
    pump_finish(&pump);
    return is_ok;
}
