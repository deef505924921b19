#include "media/packet.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

enum { PADDING_BYTES = 64 };  // libavcodec's bit readers look this far ahead

void om_packet_init(struct om_packet *packet, const struct om_packet_ops *ops)
{
    *packet = (struct om_packet){.ops = ops};
    atomic_init(&packet->refs, 1);
}

struct om_packet *om_packet_ref(struct om_packet *packet)
{
    int before = atomic_fetch_add_explicit(&packet->refs, 1, memory_order_relaxed);
    om_assert(before > 0);
    return packet;
}

void om_packet_unref(struct om_packet **packet)
{
    struct om_packet *gone = om_steal(packet);
    if (!gone)
        return;
    int before = atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel);
    om_assert(before > 0);
    if (before == 1)
        gone->ops->release(gone);
}

static void release_copy(struct om_packet *packet)
{
    om_free(packet);
}

static const struct om_packet_ops copy_ops = {.release = release_copy};

struct om_packet *om_packet_copy(const void *data, size_t bytes)
{
    if (bytes > SIZE_MAX - sizeof(struct om_packet) - PADDING_BYTES)
        return NULL;
    struct om_packet *packet = om_try_alloc(1, sizeof(*packet) + bytes + PADDING_BYTES);
    if (!packet)
        return NULL;
    om_packet_init(packet, &copy_ops);
    uint8_t *own = (uint8_t *)(packet + 1);
    if (bytes > 0)
        memcpy(own, data, bytes);
    packet->data = own;
    packet->bytes = bytes;
    return packet;
}
