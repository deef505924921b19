// Reusable packet handles around libavformat's packets: the bytes stay where libavformat put them.
// Like decode/shelf.h, the last handle that comes back frees a dropped set.
//
// Threads: wrapping and dropping by the reader, giving back (the packet's last unref) by any.

#pragma once

#include "base/attr.h"

struct AVPacket;
struct om_packet;
struct om_packets;

OM_MUST_USE struct om_packets *om_packets_create(void);
void om_packets_drop(struct om_packets *packets);  // accepts NULL
// Moves the bytes of `av` into a packet with one reference; `av` is empty afterwards. NULL when
// memory is out, then `av` is untouched.
OM_MUST_USE struct om_packet *om_packets_wrap(struct om_packets *packets, struct AVPacket *av);
