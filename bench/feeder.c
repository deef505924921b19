#include "bench/feeder.h"

#include "alert/alert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/config.h"
#include "conf/opt.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "media/stream.h"
#include "motion/watch.h"
#include "pipeline/feed.h"
#include "pipeline/stages.h"
#include "source/source.h"
#include "track/tracker.h"

static const struct om_log feeder_log = {.name = "feeder"};

struct om_feeder {
    struct om_source *source;
    struct om_stages *stages;
    struct om_stream_ref *stream;
    struct om_cancel cancel;
    struct om_thread thread;
    double fps;
    int64_t start_us;
};

static void stamp(struct om_packet *packet, int64_t n, double fps)
{
    int64_t now_us = om_time_mono_us();
    int64_t interval_us = fps > 0 ? (int64_t)(OM_SECOND / fps) : 40 * OM_MS;
    packet->pts_us = packet->dts_us = n * interval_us;
    packet->arrival_us = now_us;
    packet->wall_us = om_time_wall_us();
    packet->epoch = 1;
}

static void feeder_main(void *ctx)
{
    struct om_feeder *feeder = ctx;
    for (int64_t n = 0; !om_cancel_is_set(&feeder->cancel); n++) {
        struct om_packet *packet = NULL;
        if (om_source_read(feeder->source, &packet, NULL) != OM_OK)
            return;
        if (feeder->fps > 0 &&
            om_cancel_sleep_until(&feeder->cancel,
                                  feeder->start_us +
                                      (int64_t)((double)n * OM_SECOND / feeder->fps))) {
            om_packet_unref(&packet);
            return;
        }
        stamp(packet, n, feeder->fps);
        struct om_mail mail = {.packet = packet, .stream = om_stream_ref_ref(feeder->stream)};
        om_stages_put(feeder->stages, mail,
                      feeder->fps > 0 ? OM_MAILBOX_NEWEST_WINS : OM_MAILBOX_WAIT, &feeder->cancel);
    }
}

static struct om_stages *create_stages(const struct om_feeder_opts *opts)
{
    struct om_watch_opts watch;
    struct om_tracker_opts tracker;
    struct om_alert_opts alert = {.update_us = opts->update_us};
    om_opt_defaults(&om_watch_opt_group, &watch);
    om_tracker_opts_default(&tracker);
    watch.changed_min = 0;  // every picture goes to the detector
    om_auto_free char *id = om_strdup(opts->camera);
    const struct om_conf_camera conf = {.id = id, .enabled = true};
    const struct om_stages_opts stages = {
        .conf = &conf,
        .watch = &watch,
        .tracker = &tracker,
        .alert = &alert,
        .log = &feeder_log,
        .workers = opts->workers,
        .engine = opts->engine,
        .journal = opts->journal,
    };
    return om_stages_create(&stages);
}

struct om_feeder *om_feeder_create(const struct om_feeder_opts *opts, struct om_error *err)
{
    struct om_source_opts source = om_source_opts_default;
    source.as_fast_as_possible = true;
    source.loop = true;
    struct om_feeder *feeder = om_new(struct om_feeder);
    om_cancel_init(&feeder->cancel);
    feeder->fps = opts->fps;
    feeder->source = om_source_open(opts->video, &source, &feeder->cancel, err);
    if (!feeder->source) {
        om_feeder_destroy(feeder);
        return NULL;
    }
    feeder->stream = om_stream_ref_create(om_source_info(feeder->source));
    feeder->stages = create_stages(opts);
    feeder->start_us = om_time_mono_us() + opts->delay_us;
    if (!om_thread_start(&feeder->thread, "feeder", 512 * 1024, feeder_main, feeder)) {
        om_error_set(err, OM_LIMIT, "no thread could be started");
        om_feeder_destroy(feeder);
        return NULL;
    }
    return feeder;
}

void om_feeder_destroy(struct om_feeder *feeder)
{
    if (!feeder)
        return;
    om_cancel_set(&feeder->cancel);
    if (feeder->stages)
        om_stages_wake_putter(feeder->stages);
    om_thread_join(&feeder->thread);
    om_stages_destroy(feeder->stages);
    om_stream_ref_unref(&feeder->stream);
    om_source_close(feeder->source);
    om_cancel_finish(&feeder->cancel);
    om_free(feeder);
}

struct om_stages *om_feeder_stages(struct om_feeder *feeder)
{
    return feeder->stages;
}
