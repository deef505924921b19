// Inside of decode/: what the decoder shares with its short ways.

#pragma once

#include "decode/decoder.h"
#include "decode/shelf.h"
#include "media/stream.h"

struct AVFrame;
struct SwsContext;

// Pictures that have to be rewritten get their planes from a pool that fits the current size.
struct om_blocks {
    struct om_pool *pool;
    enum om_pixfmt format;
    int width, height;
};

void om_blocks_finish(struct om_blocks *blocks);
// Gives `handle` planes of its own; false when memory or the pool is out.
OM_MUST_USE bool om_blocks_attach(struct om_blocks *blocks, struct om_shelf_frame *handle,
                                  enum om_pixfmt format, int width, int height);

// Points `handle` at the pixels of a raw packet (or, for YUYV, at an I422 copy of them) and keeps
// the packet. False when the packet is too short.
OM_MUST_USE bool om_raw_wrap(struct om_blocks *blocks, struct om_shelf_frame *handle,
                             const struct om_stream_info *info, struct om_packet *packet);

// Fills format, size, planes and colour of `handle` from the libavcodec frame in it: as it is where
// the layout is one of ours, else converted to I420. False when it cannot be converted.
OM_MUST_USE bool om_convert(struct om_blocks *blocks, struct SwsContext **sws,
                            struct om_shelf_frame *handle);
