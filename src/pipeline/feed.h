// Feeds: the coded packets of one camera to its live viewers. A hub keeps the current group of
// pictures, so that a new viewer starts at once, and hands every packet to every open feed. A feed
// is bounded: one that falls behind loses whole groups of pictures, never single packets.
//
// Threads: one publisher; feeds open, take and close in any thread.

#pragma once

#include "pipeline/pipeline.h"

struct om_feed_hub;
struct om_stream_info;

// Stream parameters shared by many holders; constant after create.
struct om_stream_ref;
OM_MUST_USE struct om_stream_ref *om_stream_ref_create(const struct om_stream_info *info);
struct om_stream_ref *om_stream_ref_ref(struct om_stream_ref *stream);
void om_stream_ref_unref(struct om_stream_ref **stream);
const struct om_stream_info *om_stream_ref_info(const struct om_stream_ref *stream);

OM_MUST_USE struct om_feed_hub *om_feed_hub_create(void);
// Ends every feed (they give OM_END from then on) and drops the hub; feeds still open keep what
// they need.
void om_feed_hub_destroy(struct om_feed_hub *hub);  // accepts NULL
void om_feed_hub_publish(struct om_feed_hub *hub, struct om_packet *packet,
                         struct om_stream_ref *stream);
// Forgets the group of pictures: the next viewer waits for a key frame.
void om_feed_hub_clear(struct om_feed_hub *hub);
// Whether the packets since the last key frame can be had again, now and with some more to come.
bool om_feed_hub_keeps_group(struct om_feed_hub *hub);
// References to the packets of the current group of pictures that come before `until` in decode
// order, oldest first, into `out` (OM_GROUP_PACKETS_MAX places); how many. 0 when the group that
// `until` belongs to is gone.
enum { OM_GROUP_PACKETS_MAX = 512 };
size_t om_feed_hub_group(struct om_feed_hub *hub, const struct om_packet *until,
                         struct om_packet **out);
int om_feed_hub_viewers(struct om_feed_hub *hub);

OM_MUST_USE struct om_feed *om_feed_hub_open(struct om_feed_hub *hub, void (*wake)(void *ctx),
                                             void *ctx);
