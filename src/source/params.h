// Parameter sets inside coded pictures: H.264 and H.265 cameras send them in front of key frames.

#pragma once

#include "media/stream.h"

struct om_packet;

// Appends the parameter sets of an Annex B packet to `out` (Annex B, start codes of four bytes) and
// returns how many bytes they are; 0 when there are none or they do not fit.
size_t om_params_collect(enum om_codec codec, const struct om_packet *packet, uint8_t *out,
                         size_t size);
// Puts the picture's size into `info`, as the parameter sets of an Annex B packet say it, or those
// that `info` has (Annex B). False when neither says one.
bool om_params_size(struct om_stream_info *info, const struct om_packet *packet);
// Whether the packet's parameter sets differ from `info`'s; then they are put there.
bool om_params_update(struct om_stream_info *info, const struct om_packet *packet);
