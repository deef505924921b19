// What comes out of an RTSP connection: messages and interleaved binary frames, taken out of one
// receive buffer without copying. Pure: the bytes are put in by the caller. Bounded: the buffer
// grows from 16 KiB to what the longest frame or message may need.
//
// Threads: belongs to one session.

#pragma once

#include "source/rtsp_text.h"

struct om_rtsp_wire {
    uint8_t *data;
    size_t cap, from, to;  // what is there and not taken yet: [from, to)
    size_t need;           // bytes from `from` on that the next thing has; 0 when not known
    size_t skipped;        // bytes that were neither, since the last thing that was one
    int rtp_channel, rtcp_channel;  // where to find the stream again after such bytes; -1: none
    bool is_synced;                 // a message came
};

struct om_rtsp_event {
    bool is_frame;
    uint8_t channel;      // of a frame
    const uint8_t *data;  // a frame's bytes, a message's body
    size_t bytes;
    struct om_rtsp_message message;
};

void om_rtsp_wire_init(struct om_rtsp_wire *wire);
void om_rtsp_wire_finish(struct om_rtsp_wire *wire);
// Where to put what comes next, at least one byte; events taken before are gone. NULL when memory
// is out.
uint8_t *om_rtsp_wire_room(struct om_rtsp_wire *wire, size_t *ret_bytes);
// So many bytes were put there.
void om_rtsp_wire_add(struct om_rtsp_wire *wire, size_t bytes);
// The next event; it points into the buffer. OM_AGAIN: more bytes are needed. OM_INVALID: this is
// no RTSP.
OM_MUST_USE enum om_status om_rtsp_wire_next(struct om_rtsp_wire *wire, struct om_rtsp_event *ret);
