#include "source/packet_pool.h"

#include <string.h>

#include "base/pool.h"
#include "media/packet.h"

enum { PADDING = 64 };  // libavcodec's bit readers look this far ahead

struct block {
    struct om_packet packet;  // first
    struct om_pool *pool;
    _Alignas(64) uint8_t data[];
};

struct om_pool *om_packet_pool_create(size_t bytes_max, size_t packets_max)
{
    return om_pool_create(sizeof(struct block) + bytes_max + PADDING, packets_max);
}

static void give_back(struct om_packet *packet)
{
    struct block *block = (struct block *)packet;
    om_pool_put(block->pool, block);
}

static const struct om_packet_ops block_ops = {.release = give_back};

struct om_packet *om_packet_pool_take(struct om_pool *pool)
{
    struct block *block = om_pool_take(pool);
    if (!block)
        return NULL;
    om_packet_init(&block->packet, &block_ops);
    block->pool = pool;
    block->packet.data = block->data;
    block->packet.bytes = om_pool_block_bytes(pool) - sizeof(struct block) - PADDING;
    memset(block->data + block->packet.bytes, 0, PADDING);
    return &block->packet;
}

uint8_t *om_packet_pool_data(struct om_packet *packet)
{
    return ((struct block *)packet)->data;
}
