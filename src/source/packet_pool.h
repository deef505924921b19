// Packets whose bytes live in a pool of the source's own: raw pictures of USB cameras and the test
// scene.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct om_packet;
struct om_pool;

// A pool for packets of up to `bytes_max` bytes.
OM_MUST_USE struct om_pool *om_packet_pool_create(size_t bytes_max, size_t packets_max);
// A packet with one reference and room for the pool's bytes_max, plus padding; its bytes are
// undefined. NULL at the bound. It may outlive the pool's owner.
OM_MUST_USE struct om_packet *om_packet_pool_take(struct om_pool *pool);
// The bytes, to be written before anybody else has the packet.
uint8_t *om_packet_pool_data(struct om_packet *packet);
