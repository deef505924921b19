// test: the synthetic scene as a camera of raw pictures.

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/frame.h"
#include "media/packet.h"
#include "source/source_int.h"
#include "source/test_scene.h"

enum { PICTURES_MAX = 128, PICTURE_BYTES = OM_TEST_WIDTH * OM_TEST_HEIGHT * 3 / 2 };

struct test {
    struct om_pool *pictures;  // of struct picture
    int64_t number, start_us;
};

struct picture {
    struct om_packet base;
    struct om_pool *pool;
    _Alignas(64) uint8_t bytes[PICTURE_BYTES];
};

static void release(struct om_packet *packet)
{
    struct picture *picture = OM_CONTAINER_OF(packet, struct picture, base);
    om_pool_put(picture->pool, picture);
}

static const struct om_packet_ops picture_ops = {.release = release};

static bool test_open(struct om_source *source, const char *url, struct om_error *err)
{
    (void)url, (void)err;
    struct test *test = source->priv;
    test->pictures = om_pool_create(sizeof(struct picture), PICTURES_MAX);
    test->start_us = om_time_mono_us();
    source->info.codec = OM_CODEC_RAW;
    source->info.raw_format = OM_PIX_I420;
    source->info.width = OM_TEST_WIDTH;
    source->info.height = OM_TEST_HEIGHT;
    source->info.fps = source->opts.test_fps;
    source->info.is_live = !source->opts.as_fast_as_possible;
    return true;
}

static void test_close(struct om_source *source)
{
    struct test *test = source->priv;
    om_pool_destroy(test->pictures);
}

static bool wait_for_turn(const struct om_source *source, int64_t due_us)
{
    if (source->opts.as_fast_as_possible)
        return !om_cancel_is_set(source->cancel);
    if (source->cancel)
        return !om_cancel_sleep_until(source->cancel, due_us);
    om_time_sleep_us(due_us - om_time_mono_us());
    return true;
}

static enum om_status test_read(struct om_source *source, struct om_packet **ret,
                                struct om_error *err)
{
    struct test *test = source->priv;
    int64_t pts_us = (int64_t)((double)test->number * OM_SECOND / source->opts.test_fps);
    if (!wait_for_turn(source, test->start_us + pts_us))
        return om_error_set(err, OM_CANCELLED, "cancelled");
    struct picture *picture = om_pool_take(test->pictures);
    if (!picture)
        return om_error_set(err, OM_LIMIT, "too many pictures are held at the same time");
    om_packet_init(&picture->base, &picture_ops);
    picture->pool = test->pictures;
    uint8_t *const plane[3] = {picture->bytes, picture->bytes + OM_TEST_WIDTH * OM_TEST_HEIGHT,
                               picture->bytes + OM_TEST_WIDTH * OM_TEST_HEIGHT * 5 / 4};
    const int stride[3] = {OM_TEST_WIDTH, OM_TEST_WIDTH / 2, OM_TEST_WIDTH / 2};
    om_test_scene_draw(test->number++, plane, stride);
    picture->base.data = picture->bytes;
    picture->base.bytes = PICTURE_BYTES;
    picture->base.pts_us = picture->base.dts_us = pts_us;
    picture->base.arrival_us = om_time_mono_us();
    picture->base.wall_us = om_time_wall_us();
    picture->base.epoch = 1;
    picture->base.is_key = true;
    picture->base.is_corrupt = false;
    *ret = &picture->base;
    return OM_OK;
}

const struct om_source_ops om_source_test = {
    .name = "test",
    .priv_size = sizeof(struct test),
    .open = test_open,
    .read = test_read,
    .close = test_close,
};
