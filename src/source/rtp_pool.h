// Memory of pictures that are put together from RTP packets: blocks of graded sizes for the whole
// process, so that what one camera gives back serves the next one. Handing out allocates nothing
// once warm; what is kept for reuse is bounded by what is in use.
//
// Threads: everything from any thread.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct om_packet;

enum { OM_RTP_PICTURE_MAX = 8 << 20 };  // bytes of one picture

// A packet with one reference and room for at least `bytes` (at most OM_RTP_PICTURE_MAX); its
// bytes are undefined, packet->bytes is 0. NULL when memory is out.
OM_MUST_USE struct om_packet *om_rtp_pool_take(size_t bytes);
// How many bytes fit into it.
size_t om_rtp_pool_room(const struct om_packet *packet);
// The bytes, to be written before anybody else has the packet.
uint8_t *om_rtp_pool_data(struct om_packet *packet);
// Sets its length and the zeroes behind it; `bytes` fit into it.
void om_rtp_pool_end(struct om_packet *packet, size_t bytes);

struct om_rtp_pool_stats {
    size_t out, kept;  // blocks
    size_t bytes_out, bytes_kept;
};
void om_rtp_pool_stats(struct om_rtp_pool_stats *ret);
