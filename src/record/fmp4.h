// Fragmented MP4 (ISO/IEC 14496-12, 14496-15): H.264 and HEVC passed through, one fragment per
// picture for live (low delay) or per group of pictures for recording, with an optional timed
// metadata track that carries the boxes on the clock of the pixels.
//
// Pure: packets in, bytes out; no files, no threads. Decode time is the packets' own dts (media
// clock), so viewers can align events by pts.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"

struct om_fmp4;
struct om_packet;
struct om_stream_info;

enum { OM_FMP4_CODECS_SIZE = 64 };

// For a stream of H.264 or HEVC; takes parameter sets from the stream's extradata (avcC/hvcC or
// Annex B) or, when that has none, from the first key frame handed in by om_fmp4_learn().
// OM_UNSUPPORTED for other codecs.
OM_MUST_USE struct om_fmp4 *om_fmp4_create(const struct om_stream_info *info, bool with_metadata,
                                           struct om_error *err);
void om_fmp4_destroy(struct om_fmp4 *mux);  // accepts NULL
OM_DEFINE_AUTO(om_fmp4);

// Looks for parameter sets in a key frame. Returns true when they are new (a new init segment is
// due).
bool om_fmp4_learn(struct om_fmp4 *mux, const struct om_packet *packet);
bool om_fmp4_is_ready(const struct om_fmp4 *mux);
// RFC 6381: "avc1.64001f".
const char *om_fmp4_codecs(const struct om_fmp4 *mux);
// ftyp + moov. OM_AGAIN while not ready.
OM_MUST_USE enum om_status om_fmp4_init_segment(struct om_fmp4 *mux, struct om_buf *out);
// styp? + moof + mdat with `count` pictures. `duration_us` of the last one (live: the usual gap).
// `metadata` (JSON text, may be empty) becomes one sample of the metadata track with the first
// picture's time. Annex B is turned into length prefixes on the way.
OM_MUST_USE enum om_status om_fmp4_fragment(struct om_fmp4 *mux, struct om_packet *const *packets,
                                            size_t count, int64_t duration_us, om_str metadata,
                                            struct om_buf *out);
