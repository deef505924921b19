#include "pipeline/feed.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/thread.h"
#include "media/packet.h"
#include "media/stream.h"
#include "pipeline/pipeline.h"
#include "pipeline/room_fixture.h"

static struct om_stream_ref *stream;
static atomic_int wakes;

static void wake(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&wakes, 1);
}

static void publish(struct om_feed_hub *hub, int number, bool is_key)
{
    om_auto_ref(om_packet) packet = room_packet(number, is_key, 1000);
    om_feed_hub_publish(hub, packet, stream);
}

// The number of the next packet, -1 = none now, -2 = the end.
static int take(struct om_feed *feed)
{
    om_auto_ref(om_packet) packet = NULL;
    enum om_status status = om_feed_take(feed, &packet);
    if (status == OM_OK)
        return (int)packet->pts_us;
    return status == OM_END ? -2 : -1;
}

static void test_late_viewer_gets_the_group_of_pictures(void)
{
    struct om_feed_hub *hub = om_feed_hub_create();
    for (int i = 0; i < 25; i++)
        publish(hub, i, i % 10 == 0);
    struct om_feed *feed = om_feed_hub_open(hub, wake, NULL);
    om_assert(om_feed_hub_viewers(hub) == 1);
    struct om_stream_info info;
    om_assert(!om_feed_info(feed, &info));  // nothing was taken yet
    for (int i = 20; i < 25; i++)
        om_assert(take(feed) == i);
    om_assert(take(feed) == -1);
    om_assert(om_feed_info(feed, &info) && info.width == 64 && om_feed_stream_key(feed) == stream);
    om_stream_info_finish(&info);
    int before = atomic_load(&wakes);
    publish(hub, 25, false);
    om_assert(atomic_load(&wakes) == before + 1 && take(feed) == 25);
    om_feed_close(feed);
    om_assert(om_feed_hub_viewers(hub) == 0);

    om_feed_hub_clear(hub);
    feed = om_feed_hub_open(hub, wake, NULL);
    publish(hub, 26, false);  // no key frame yet
    om_assert(take(feed) == -1);
    publish(hub, 30, true);
    om_assert(take(feed) == 30);
    om_feed_close(feed);
    om_feed_hub_destroy(hub);
}

static void test_slow_viewer_loses_whole_groups(void)
{
    struct om_feed_hub *hub = om_feed_hub_create();
    struct om_feed *feed = om_feed_hub_open(hub, wake, NULL);
    for (int i = 0; i < 1234; i++)
        publish(hub, i, i % 50 == 0);
    int first = take(feed), last = first;
    om_assert(first > 0 && first % 50 == 0);
    for (int number; (number = take(feed)) >= 0; last = number)
        om_assert(number == last + 1);
    om_assert(last == 1233);
    om_feed_close(feed);
    om_feed_hub_destroy(hub);
}

static void test_hub_goes_before_its_feeds(void)
{
    struct om_feed_hub *hub = om_feed_hub_create();
    struct om_feed *feed = om_feed_hub_open(hub, wake, NULL);
    publish(hub, 0, true);
    int before = atomic_load(&wakes);
    om_feed_hub_destroy(hub);
    om_assert(atomic_load(&wakes) == before + 1);
    om_assert(take(feed) == 0 && take(feed) == -2 && take(feed) == -2);
    om_feed_close(feed);
}

static void publish_all(void *ctx)
{
    for (int i = 0; i < 20000; i++)
        publish(ctx, i, i % 20 == 0);
}

static void test_viewers_come_and_go_while_packets_flow(void)
{
    struct om_feed_hub *hub = om_feed_hub_create();
    struct om_thread thread = {0};
    om_assert(om_thread_start(&thread, "publisher", 0, publish_all, hub));
    for (int i = 0; i < 200; i++) {
        struct om_feed *feed = om_feed_hub_open(hub, wake, NULL);
        int last = -1;
        for (int n = 0; n < 30; n++) {
            int number = take(feed);
            // Without a gap, or from a key frame on.
            om_assert(number < 0 || number == last + 1 || number % 20 == 0);
            last = number < 0 ? last : number;
        }
        om_feed_close(feed);
    }
    om_thread_join(&thread);
    om_feed_hub_destroy(hub);
}

int main(void)
{
    stream = room_stream();
    test_late_viewer_gets_the_group_of_pictures();
    test_slow_viewer_loses_whole_groups();
    test_hub_goes_before_its_feeds();
    test_viewers_come_and_go_while_packets_flow();
    om_stream_ref_unref(&stream);
    return 0;
}
