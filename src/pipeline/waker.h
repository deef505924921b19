// Waker: stands between a camera's reader and its lane and lets through what is worth decoding. It
// asks the packet gate (decode/packet_gate.h), minds that a sleeping camera can always be woken
// with its whole group of pictures and that no more cameras are awake than the load allows, and
// carries what the pixels said back to the gate.
//
// Threads: stream, end and judge belong to the reader; the others may come from any thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "pipeline/mailbox.h"

struct om_load;
struct om_packet_gate_opts;
struct om_stream_info;
struct om_waker;

struct om_waker_stats {
    uint64_t ignored;     // packets that nobody decoded
    uint64_t keys, full;  // decoded alone; decoded with the others
    uint64_t wakes;
    uint64_t put_off;  // of the ignored ones: worth decoding, but the load did not allow it
    bool is_awake;
};

// `load` (borrowed; NULL = no bound) has the places of those that are awake.
OM_MUST_USE struct om_waker *om_waker_create(const struct om_packet_gate_opts *opts,
                                             struct om_load *load);
void om_waker_destroy(struct om_waker *waker);  // accepts NULL
OM_DEFINE_AUTO(om_waker);

// A stream begins or its parameters changed: nothing is known of its packets any more.
void om_waker_stream(struct om_waker *waker, const struct om_stream_info *info);
// The stream is over: the camera needs no place until there is another one.
void om_waker_end(struct om_waker *waker);
// `group_is_kept`: the packets since the last key frame, this one included, can be had again.
enum om_mail_kind om_waker_judge(struct om_waker *waker, const struct om_packet *packet,
                                 bool group_is_kept);
// Whether something moved in a decoded picture, or is under way.
void om_waker_saw(struct om_waker *waker, int64_t pts_us, bool has_motion);
// Somebody who knows, such as the camera itself, says that something moves (true) or no more.
void om_waker_hint(struct om_waker *waker, bool has_motion);
// The lane is too far behind with the packet of this time: the camera sleeps to its next key frame.
void om_waker_give_up(struct om_waker *waker, int64_t dts_us);
struct om_waker_stats om_waker_stats(struct om_waker *waker);
