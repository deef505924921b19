#include "base/pool.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "source/packet_pool.h"
#include "source/source_int.h"
#include "source/test_scene.h"

// test: is the synthetic street at opts.test_fps for ever; test:N ends after N frames.

enum {
    BYTES = OM_TEST_WIDTH * OM_TEST_HEIGHT * 3 / 2,
    PACKETS_MAX = 160,
    POOL_WAIT_US = 5 * OM_MS
};

struct test {
    struct om_test_scene *scene;
    struct om_pool *pool;
    uint64_t next, end;  // frame numbers; end 0 = never
    int64_t gap_us;
};

static enum om_status test_open(struct om_source *source, struct om_error *err)
{
    struct test *test = source->priv;
    om_str count = om_str_sub(om_str_from(source->target), 5, OM_URL_SIZE);

    if (count.n > 0 && (!om_str_to_uint64(count, &test->end) || test->end == 0)) {
        om_error_set(err, OM_INVALID, "%s: what follows test: is not a number of frames",
                     source->safe);
        om_error_hint(err, "write test: for ever or test:250 for 250 frames");
        return OM_INVALID;
    }
    double fps = source->opts.test_fps > 0 ? source->opts.test_fps
                                           : om_source_opts_default.test_fps;
    test->gap_us = (int64_t)(OM_SECOND / fps);
    test->scene = om_test_scene_create();
    test->pool = om_packet_pool_create(BYTES, PACKETS_MAX);
    source->info = (struct om_stream_info){
        .codec = OM_CODEC_RAW,
        .raw_format = OM_PIX_I420,
        .width = OM_TEST_WIDTH,
        .height = OM_TEST_HEIGHT,
        .fps = fps,
        .duration_us = (int64_t)test->end * test->gap_us,
        .is_live = test->end == 0 && !source->opts.as_fast_as_possible,
    };
    om_media_clock_init(&source->clock, source->info.is_live, 0);
    return OM_OK;
}

// When whoever takes the packets holds them all, waiting is right: nothing is lost.
static enum om_status take_block(struct om_source *source, struct om_packet **ret)
{
    struct test *test = source->priv;

    while (!(*ret = om_packet_pool_take(test->pool))) {
        if (om_cancel_is_set(source->cancel))
            return OM_CANCELLED;
        om_time_sleep_us(POOL_WAIT_US);
    }
    return OM_OK;
}

static enum om_status test_read(struct om_source *source, struct om_packet **ret,
                                struct om_error *err)
{
    struct test *test = source->priv;
    om_auto_ref(om_packet) packet = NULL;
    int64_t t_us = (int64_t)test->next * test->gap_us;

    if (test->end > 0 && test->next == test->end)
        return OM_END;
    if (om_source_pace(source, t_us) != OM_OK || take_block(source, &packet) != OM_OK)
        return om_error_set(err, OM_CANCELLED, "cancelled");
    om_test_scene_draw(test->scene, test->next, om_packet_pool_data(packet));
    packet->is_key = true;
    om_source_stamp(source, packet, t_us, t_us);
    test->next++;
    *ret = om_steal(&packet);
    return OM_OK;
}

static void test_close(struct om_source *source)
{
    struct test *test = source->priv;
    om_test_scene_destroy(test->scene);
    om_pool_destroy(test->pool);
}

const struct om_source_ops om_source_test = {
    .kind = OM_SOURCE_TEST,
    .priv_size = sizeof(struct test),
    .open = test_open,
    .read = test_read,
    .close = test_close,
};
