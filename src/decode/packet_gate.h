// Packet gate: judges coded packets of one camera before anything is decoded, from their sizes,
// types and slice headers alone. A quiet camera's packets are looked at and left; what may be
// motion wakes the decoder, which gets the group of pictures from the ring, so nothing is lost by
// having slept.
//
// What it knows comes from two sides: the packets (how costly this picture was to code, against
// what is usual here) and the pixels (om_packet_gate_saw(): whether the pictures that were decoded
// because of it really moved). The second teaches the first: a camera in the rain learns that its
// packets are restless.
//
// Codecs without cheap pictures between key frames (MJPEG, raw) and streams whose headers cannot be
// read always pass. docs/design/gate.md has the signal and its measurements.
//
// Threads: judge belongs to one thread (the reader's); the others may come from any other.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "media/stream.h"

struct om_opt_group;
struct om_packet;
struct om_packet_gate;

enum om_gate_verdict {
    OM_GATE_IGNORE,  // nothing here
    OM_GATE_KEY,     // decode this key frame alone
    OM_GATE_FULL     // decode it, and first, if the one before was not FULL, the group so far
};

// Why; for counters and logs.
enum om_gate_reason {
    OM_GATE_START,     // nothing is known yet
    OM_GATE_PACKETS,   // the packets are unusual
    OM_GATE_PIXELS,    // decoded pictures still move
    OM_GATE_HINT,      // the camera says so
    OM_GATE_SANITY,    // a look now and then, whatever the packets say
    OM_GATE_QUIET,     // nothing unusual
    OM_GATE_UNJUDGED,  // a codec or a stream that cannot be judged
    OM_GATE_REASON_COUNT
};

struct om_packet_gate_opts {
    bool enabled;        // false: every packet is FULL
    double sensitivity;  // (0, 1]: higher wakes sooner; 0.5
    int64_t hold_us;     // how long to stay awake after the last sign of motion
    int64_t key_gap_us;  // least distance of two key frames decoded in a quiet time
    int64_t learn_us;    // time constant of what is usual
};

extern const struct om_opt_group om_packet_gate_opt_group;
void om_packet_gate_opts_default(struct om_packet_gate_opts *ret);

struct om_gate_judgement {
    enum om_gate_verdict verdict;
    enum om_gate_reason reason;
    float surprise;  // spreads above the usual; 0 for key frames
};

// `info` is copied as far as needed (codec, length prefixes, parameter sets).
OM_MUST_USE struct om_packet_gate *om_packet_gate_create(const struct om_stream_info *info,
                                                         const struct om_packet_gate_opts *opts);
void om_packet_gate_destroy(struct om_packet_gate *gate);  // accepts NULL
OM_DEFINE_AUTO(om_packet_gate);

// Packets in decode order, all of them. O(1) in memory, at most 2 us, allocates nothing.
struct om_gate_judgement om_packet_gate_judge(struct om_packet_gate *gate,
                                              const struct om_packet *packet);
// A picture with this pts was decoded; whether the motion watch saw something move in it, or
// something tracked is under way.
void om_packet_gate_saw(struct om_packet_gate *gate, int64_t pts_us, bool has_motion);
// Awake: nobody decodes the picture with this pts, but one soon after it: what went on is taken to
// go on. And: nobody will before the gate says FULL again; it is asleep as before.
void om_packet_gate_pass_over(struct om_packet_gate *gate, int64_t pts_us);
void om_packet_gate_put_off(struct om_packet_gate *gate);
// The camera itself, or somebody else, reports motion (true) or its end (false) now.
void om_packet_gate_hint(struct om_packet_gate *gate, bool has_motion);
