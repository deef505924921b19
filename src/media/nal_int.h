// What slice_hevc.c needs from nal.c.

#pragma once

#include "media/bits.h"
#include "media/nal.h"

// An SPS of HEVC, from behind the unit's header up to the bit depths; `bits` stands behind them.
bool om_nal_hevc_sps_head(struct om_bits *bits, struct om_sps *sps);
