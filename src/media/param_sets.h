// Parameter sets of one H.264 or HEVC stream: gathered from avcC, hvcC, Annex B or key frames,
// given back as avcC or hvcC and as a codec string. Bounded; a set is allocated only when it is
// new.
//
// Threads: none of its own; belongs to its user.

#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "media/nal.h"

enum { OM_PARAM_SETS_MAX = 64, OM_PARAM_SET_BYTES_MAX = 8192 };

struct om_param_set {
    enum om_nal_kind kind;
    uint32_t id;
    size_t n;
    uint8_t *data;  // owned, with the unit's header
};

struct om_param_sets {
    enum om_codec codec;
    int count;
    struct om_param_set items[OM_PARAM_SETS_MAX];
    struct om_sps sps;  // the first one, parsed; valid when complete
};

void om_param_sets_init(struct om_param_sets *sets, enum om_codec codec);
void om_param_sets_finish(struct om_param_sets *sets);

// Reads what a container gave: avcC or hvcC (then *ret_length_bytes is 1..4) or Annex B (0). What
// is malformed in it is left out; OM_INVALID when it is cut off in the middle.
OM_MUST_USE enum om_status om_param_sets_load(struct om_param_sets *sets, const uint8_t *data,
                                              size_t n, int *ret_length_bytes);
// Takes the sets out of a packet. True when that changed anything. A set that comes with other
// content under an id that is known means a new stream: then all older ones go.
bool om_param_sets_learn(struct om_param_sets *sets, const uint8_t *data, size_t n,
                         int length_bytes);
// Whether this very set is there.
bool om_param_sets_has(const struct om_param_sets *sets, struct om_nal nal);
// At least one SPS and PPS (and VPS for HEVC).
bool om_param_sets_is_complete(const struct om_param_sets *sets);

// The payload of the avcC or hvcC box, with lengths of four bytes. The sets must be complete.
void om_param_sets_write(const struct om_param_sets *sets, struct om_buf *out);
// RFC 6381, "avc1.64001f" or "hvc1.1.6.L93.90". Returns `text`.
const char *om_param_sets_codecs(const struct om_param_sets *sets, char *text, size_t size);
