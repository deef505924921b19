// Packet: one coded picture, counted, immutable once published. The bytes belong to whoever made
// the packet (libavformat's buffer, a pool block) and are released through `ops`.
//
// Threads: ref and unref from any thread; the fields are constant after om_packet_init().

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct om_packet;

struct om_packet_ops {
    // Called once, by the last unref, in whatever thread that is. Frees the packet itself too.
    void (*release)(struct om_packet *packet);
};

struct om_packet {
    atomic_int refs;
    const struct om_packet_ops *ops;
    const uint8_t *data;
    size_t bytes;
    int64_t pts_us;  // on the camera's media clock (media/clock.h), strictly increasing in
                     // decode order for dts; never OM_TIME_NONE once it left the source
    int64_t dts_us;
    int64_t arrival_us;  // om_time_mono_us() when the source got it
    int64_t wall_us;     // wall time of the picture, best estimate
    uint32_t epoch;  // counts up at every discontinuity (reconnect, loop, time jump, new format)
    bool is_key;
    bool is_pts_guessed;  // the stream gave no pts; only the order of the pictures is known
    bool is_hidden;       // to be decoded but not shown (what an edit list cuts off)
    bool is_corrupt;      // bytes are missing or known to be damaged
    void *owner;          // the maker's own
};

// Sets refs to 1; the other fields are the maker's to fill.
void om_packet_init(struct om_packet *packet, const struct om_packet_ops *ops);
struct om_packet *om_packet_ref(struct om_packet *packet);
// Drops *packet (may be NULL inside) and nulls it.
void om_packet_unref(struct om_packet **packet);
OM_DEFINE_AUTO_REF(om_packet);

// A packet that owns a copy of `data`, with 64 zeroed bytes of padding behind it; NULL when memory
// is out.
OM_MUST_USE struct om_packet *om_packet_copy(const void *data, size_t bytes);
