// Decoder: packets to frames, one codec stream. libavcodec behind it; raw and MJPEG packets take
// short ways. The mode can change between two packets: key frames only costs nothing for what is
// skipped; going back to full rate starts at the next key frame, or at once when the group of
// pictures is replayed (decode it with om_decoder_send() from the ring; om_decoder_hide_until()
// hides what was shown before).
//
// The bytes of a packet are followed by at least 64 readable zero bytes, as om_packet_copy() and
// the sources make them.
//
// Damaged pictures: from a lost or corrupt packet to the next key frame nothing is handed out
// unless show_corrupt is set; they are counted.
//
// Threads: belongs to one thread at a time; frames may go anywhere and may outlive the decoder.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct om_decoder;
struct om_error;
struct om_frame;
struct om_packet;
struct om_stream_info;

enum om_decode_mode { OM_DECODE_FULL, OM_DECODE_KEY_ONLY };

struct om_decoder_opts {
    int threads;        // of libavcodec; 1 for cameras, more for single files
    bool show_corrupt;  // hand out concealed pictures too (omma detect)
};

struct om_decoder_stats {
    uint64_t packets, frames, skipped, corrupt, errors;
};

OM_MUST_USE struct om_decoder *om_decoder_create(const struct om_stream_info *info,
                                                 const struct om_decoder_opts *opts,
                                                 struct om_error *err);
void om_decoder_destroy(struct om_decoder *decoder);  // accepts NULL
OM_DEFINE_AUTO(om_decoder);

void om_decoder_set_mode(struct om_decoder *decoder, enum om_decode_mode mode);
// Pictures with a pts before `pts_us` are decoded but not handed out, until the first one at or
// after it.
void om_decoder_hide_until(struct om_decoder *decoder, int64_t pts_us);
enum om_decode_mode om_decoder_mode(const struct om_decoder *decoder);
// Takes a reference as long as needed. NULL flushes (end of the stream). OM_OK, or OM_INVALID when
// the packet could not be decoded (the stream goes on). Never OM_AGAIN: take all frames after each
// send.
OM_MUST_USE enum om_status om_decoder_send(struct om_decoder *decoder, struct om_packet *packet);
// OM_OK with a frame the caller owns, in presentation order; OM_AGAIN = send more; OM_END after a
// flush.
OM_MUST_USE enum om_status om_decoder_take(struct om_decoder *decoder, struct om_frame **ret_frame);
struct om_decoder_stats om_decoder_stats(const struct om_decoder *decoder);
