// Packet ring: the packets since the last key frame (and, if asked, some seconds before it) of one
// camera. It serves the gate (wake the decoder with the whole group of pictures), the recorder's
// pre-roll and new live viewers alike.
//
// Bounded by bytes and by time; when a bound is hit the oldest group of pictures goes as a whole,
// so the ring always starts with a key frame or is empty.
//
// Threads: one writer, any readers; readers get references in a snapshot.

#pragma once

#include "base/cleanup.h"
#include "media/packet.h"

struct om_ring;

OM_MUST_USE struct om_ring *om_ring_create(size_t bytes_max, int64_t keep_us);
void om_ring_destroy(struct om_ring *ring);  // accepts NULL
OM_DEFINE_AUTO(om_ring);

// Adds a reference of its own.
void om_ring_put(struct om_ring *ring, struct om_packet *packet);
// References to the packets from the last key frame on, oldest first, into `out` (at most `n`);
// returns how many. 0 when there is no key frame or more than `n` packets follow it.
size_t om_ring_last_gop(struct om_ring *ring, struct om_packet **out, size_t n);
// How many that would be, without a bound.
size_t om_ring_last_gop_count(struct om_ring *ring);
void om_ring_clear(struct om_ring *ring);
size_t om_ring_bytes(struct om_ring *ring);
