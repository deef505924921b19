#include "source/packets.h"

#include <libavcodec/packet.h>

#include "base/mem.h"
#include "base/thread.h"
#include "media/packet.h"

// As many handles are kept as were ever out at once, up to this: a camera's ring and mailbox hold a
// few hundred.
enum { KEPT_MAX = 512 };

struct handle {
    struct om_packet packet;  // first
    AVPacket *av;
    struct om_packets *home;
    struct handle *next;
};

struct om_packets {
    struct om_mutex lock;  // over all that follows
    struct handle *kept;
    int kept_n, out_n;
    bool is_dropped;
};

struct om_packets *om_packets_create(void)
{
    struct om_packets *packets = om_new(struct om_packets);
    om_mutex_init(&packets->lock);
    return packets;
}

static void free_handle(struct handle *handle)
{
    av_packet_free(&handle->av);
    om_free(handle);
}

static void free_all(struct om_packets *packets)
{
    for (struct handle *handle = packets->kept, *next; handle; handle = next) {
        next = handle->next;
        free_handle(handle);
    }
    om_mutex_finish(&packets->lock);
    om_free(packets);
}

void om_packets_drop(struct om_packets *packets)
{
    if (!packets)
        return;
    om_mutex_lock(&packets->lock);
    packets->is_dropped = true;
    bool is_last = packets->out_n == 0;
    om_mutex_unlock(&packets->lock);
    if (is_last)
        free_all(packets);
}

static void give_back(struct om_packet *packet)
{
    struct handle *handle = (struct handle *)packet;
    struct om_packets *home = handle->home;

    av_packet_unref(handle->av);
    om_mutex_lock(&home->lock);
    home->out_n--;
    bool is_kept = !home->is_dropped && home->kept_n < KEPT_MAX;
    bool is_last = home->is_dropped && home->out_n == 0;
    if (is_kept) {
        handle->next = home->kept;
        home->kept = handle;
        home->kept_n++;
    }
    om_mutex_unlock(&home->lock);
    if (!is_kept)
        free_handle(handle);
    if (is_last)
        free_all(home);
}

static const struct om_packet_ops packet_ops = {.release = give_back};

static struct handle *take_kept(struct om_packets *packets)
{
    om_with_lock(&packets->lock);
    struct handle *handle = packets->kept;
    if (handle) {
        packets->kept = handle->next;
        packets->kept_n--;
    }
    return handle;
}

static struct handle *take(struct om_packets *packets)
{
    struct handle *handle = take_kept(packets);
    if (handle)
        return handle;
    handle = om_try_new(struct handle);
    if (!handle)
        return NULL;
    handle->av = av_packet_alloc();
    if (handle->av)
        return handle;
    om_free(handle);
    return NULL;
}

struct om_packet *om_packets_wrap(struct om_packets *packets, AVPacket *av)
{
    if (av_packet_make_refcounted(av) < 0)
        return NULL;
    struct handle *handle = take(packets);
    if (!handle)
        return NULL;
    av_packet_move_ref(handle->av, av);
    om_packet_init(&handle->packet, &packet_ops);
    handle->home = packets;
    handle->packet.data = handle->av->data;
    handle->packet.bytes = (size_t)handle->av->size;
    handle->packet.is_key = handle->av->flags & AV_PKT_FLAG_KEY;
    handle->packet.is_hidden = handle->av->flags & AV_PKT_FLAG_DISCARD;
    handle->packet.is_corrupt = handle->av->flags & AV_PKT_FLAG_CORRUPT;
    om_with_lock(&packets->lock);
    packets->out_n++;
    return &handle->packet;
}
