#include "pipeline/feed.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "media/packet.h"
#include "media/ring.h"
#include "media/stream.h"

enum {
    RING_BYTES_MAX = 4 * 1024 * 1024,  // a group of pictures above this is not kept for new viewers
    RING_KEEP_US = 0,                  // only the current group
    GROUP_PACKETS_SAFE = OM_GROUP_PACKETS_MAX * 7 / 8,
    RING_BYTES_SAFE = RING_BYTES_MAX / 8 * 7,
    FEED_ITEMS_MAX = 600,
    FEED_BYTES_MAX = 8 * 1024 * 1024,
};

struct om_stream_ref {
    atomic_int refs;
    struct om_stream_info info;
};

struct om_stream_ref *om_stream_ref_create(const struct om_stream_info *info)
{
    struct om_stream_ref *stream = om_new(struct om_stream_ref);
    atomic_init(&stream->refs, 1);
    om_stream_info_copy(&stream->info, info);
    return stream;
}

struct om_stream_ref *om_stream_ref_ref(struct om_stream_ref *stream)
{
    atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
    return stream;
}

void om_stream_ref_unref(struct om_stream_ref **at)
{
    struct om_stream_ref *stream = om_steal(at);
    if (!stream || atomic_fetch_sub_explicit(&stream->refs, 1, memory_order_acq_rel) != 1)
        return;
    om_stream_info_finish(&stream->info);
    om_free(stream);
}

const struct om_stream_info *om_stream_ref_info(const struct om_stream_ref *stream)
{
    return &stream->info;
}

struct item {
    struct om_packet *packet;
    struct om_stream_ref *stream;
};

// The hub outlives its owner while feeds are open, because their lock is the hub's.
struct om_feed_hub {
    atomic_int refs;

    struct om_mutex lock;
    // Under `lock`.
    bool is_closed;
    struct om_list feeds;
    int feed_count;
    struct om_ring *ring;
    struct om_stream_ref *ring_stream;  // of the packets in the ring
};

struct om_feed {
    struct om_feed_hub *hub;  // a reference
    void (*wake)(void *ctx);
    void *ctx;

    // Under hub->lock.
    struct om_list link;
    struct item items[FEED_ITEMS_MAX];  // a circle
    int first, count;
    size_t bytes;
    bool needs_key;  // it lost packets: wait for the next key frame

    // The taker's.
    struct om_stream_ref *taken_stream;
};

struct om_feed_hub *om_feed_hub_create(void)
{
    struct om_feed_hub *hub = om_new(struct om_feed_hub);
    atomic_init(&hub->refs, 1);
    om_mutex_init(&hub->lock);
    om_list_init(&hub->feeds);
    hub->ring = om_ring_create(RING_BYTES_MAX, RING_KEEP_US);
    return hub;
}

static void hub_unref(struct om_feed_hub *hub)
{
    if (atomic_fetch_sub_explicit(&hub->refs, 1, memory_order_acq_rel) != 1)
        return;
    om_ring_destroy(hub->ring);
    om_stream_ref_unref(&hub->ring_stream);
    om_mutex_finish(&hub->lock);
    om_free(hub);
}

void om_feed_hub_destroy(struct om_feed_hub *hub)
{
    if (!hub)
        return;
    {
        om_with_lock(&hub->lock);
        hub->is_closed = true;
        om_ring_clear(hub->ring);
        om_list_each(feed, &hub->feeds, struct om_feed, link) feed->wake(feed->ctx);
    }
    hub_unref(hub);
}

static void feed_clear(struct om_feed *feed)
{
    for (; feed->count > 0; feed->count--) {
        struct item *item = &feed->items[feed->first];
        om_packet_unref(&item->packet);
        om_stream_ref_unref(&item->stream);
        feed->first = (feed->first + 1) % FEED_ITEMS_MAX;
    }
    feed->bytes = 0;
}

static void feed_put(struct om_feed *feed, struct om_packet *packet, struct om_stream_ref *stream)
{
    om_mutex_assert_held(&feed->hub->lock);
    if (feed->count == FEED_ITEMS_MAX || feed->bytes + packet->bytes > FEED_BYTES_MAX) {
        feed_clear(feed);
        feed->needs_key = true;
    }
    if (feed->needs_key && !packet->is_key)
        return;
    feed->needs_key = false;
    struct item *item = &feed->items[(feed->first + feed->count) % FEED_ITEMS_MAX];
    item->packet = om_packet_ref(packet);
    item->stream = om_stream_ref_ref(stream);
    feed->count++;
    feed->bytes += packet->bytes;
}

void om_feed_hub_publish(struct om_feed_hub *hub, struct om_packet *packet,
                         struct om_stream_ref *stream)
{
    om_with_lock(&hub->lock);
    if (hub->ring_stream != stream) {
        om_ring_clear(hub->ring);
        om_stream_ref_unref(&hub->ring_stream);
        hub->ring_stream = om_stream_ref_ref(stream);
    }
    om_ring_put(hub->ring, packet);
    om_list_each(feed, &hub->feeds, struct om_feed, link)
    {
        feed_put(feed, packet, stream);
        feed->wake(feed->ctx);
    }
}

void om_feed_hub_clear(struct om_feed_hub *hub)
{
    om_with_lock(&hub->lock);
    om_ring_clear(hub->ring);
}

bool om_feed_hub_keeps_group(struct om_feed_hub *hub)
{
    om_with_lock(&hub->lock);
    size_t n = om_ring_last_gop_count(hub->ring);
    return n > 0 && n < GROUP_PACKETS_SAFE && om_ring_bytes(hub->ring) < RING_BYTES_SAFE;
}

size_t om_feed_hub_group(struct om_feed_hub *hub, const struct om_packet *until,
                         struct om_packet **out)
{
    size_t n;
    {
        om_with_lock(&hub->lock);
        n = om_ring_last_gop(hub->ring, out, OM_GROUP_PACKETS_MAX);
    }
    size_t at = 0;
    while (at < n && out[at] != until)
        at++;
    // Not in it: the group is of another key frame, and none of it may come before `until`.
    size_t kept = at < n ? at : 0;
    for (size_t i = kept; i < n; i++)
        om_packet_unref(&out[i]);
    return kept;
}

int om_feed_hub_viewers(struct om_feed_hub *hub)
{
    om_with_lock(&hub->lock);
    return hub->feed_count;
}

struct om_feed *om_feed_hub_open(struct om_feed_hub *hub, void (*wake)(void *ctx), void *ctx)
{
    struct om_feed *feed = om_new(struct om_feed);
    feed->wake = wake;
    feed->ctx = ctx;
    feed->hub = hub;
    feed->needs_key = true;
    atomic_fetch_add_explicit(&hub->refs, 1, memory_order_relaxed);

    om_with_lock(&hub->lock);
    struct om_packet *gop[OM_GROUP_PACKETS_MAX];
    size_t n = om_ring_last_gop(hub->ring, gop, OM_GROUP_PACKETS_MAX);
    for (size_t i = 0; i < n; i++) {
        feed_put(feed, gop[i], hub->ring_stream);
        om_packet_unref(&gop[i]);
    }
    om_list_push(&hub->feeds, &feed->link);
    hub->feed_count++;
    return feed;
}

void om_feed_close(struct om_feed *feed)
{
    if (!feed)
        return;
    struct om_feed_hub *hub = feed->hub;
    {
        om_with_lock(&hub->lock);
        om_list_remove(&feed->link);
        hub->feed_count--;
        feed_clear(feed);
    }
    om_stream_ref_unref(&feed->taken_stream);
    om_free(feed);
    hub_unref(hub);
}

enum om_status om_feed_take(struct om_feed *feed, struct om_packet **ret)
{
    om_with_lock(&feed->hub->lock);
    if (feed->count == 0)
        return feed->hub->is_closed ? OM_END : OM_AGAIN;
    struct item *item = &feed->items[feed->first];
    feed->first = (feed->first + 1) % FEED_ITEMS_MAX;
    feed->count--;
    feed->bytes -= item->packet->bytes;
    om_stream_ref_unref(&feed->taken_stream);
    feed->taken_stream = om_steal(&item->stream);
    *ret = om_steal(&item->packet);
    return OM_OK;
}

const void *om_feed_stream_key(const struct om_feed *feed)
{
    return feed->taken_stream;
}

bool om_feed_info(struct om_feed *feed, struct om_stream_info *ret)
{
    if (!feed->taken_stream)
        return false;
    *ret = (struct om_stream_info){0};
    om_stream_info_copy(ret, &feed->taken_stream->info);
    return true;
}
