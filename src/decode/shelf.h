// Shelf: reusable frame handles of one decoder. A handle carries whatever keeps its planes alive: a
// libavcodec frame, a packet, or a block of a pool. Frames may outlive the decoder: the last handle
// that comes back frees the shelf.
//
// Threads: taking and dropping by the decoder's thread, giving back (the frame's last unref) by
// any.

#pragma once

#include "media/frame.h"

struct AVFrame;
struct om_packet;
struct om_pool;
struct om_shelf;

struct om_shelf_frame {
    struct om_frame frame;     // first: a frame's handle is found by its address
    struct AVFrame *av;        // always there; empty when the planes come from elsewhere
    struct om_packet *packet;  // or NULL
    struct om_pool *pool;      // or NULL
    void *block;               // of `pool`
    struct om_shelf *shelf;
    struct om_shelf_frame *next;
};

OM_MUST_USE struct om_shelf *om_shelf_create(void);
void om_shelf_drop(struct om_shelf *shelf);  // accepts NULL
// A handle with one reference and all else zero; NULL when memory is out.
OM_MUST_USE struct om_shelf_frame *om_shelf_take(struct om_shelf *shelf);
