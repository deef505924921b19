// NAL units of H.264 and HEVC: walking through a packet in either form (Annex B start codes or
// length prefixes), and what the sequence parameter sets say. Pure, bounded, nothing is copied.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "media/stream.h"

struct om_nal {
    const uint8_t *p;  // with its header, without start code or length
    size_t n;
};

// Walks the units of `data`. `length_bytes`: 1..4 for length prefixes, 0 for Annex B.
struct om_nal_reader {
    const uint8_t *p, *end;
    int length_bytes;
    bool has_failed;  // a length ran past the end; the units before it were given
};
void om_nal_reader_init(struct om_nal_reader *reader, const uint8_t *data, size_t n,
                        int length_bytes);
// The next unit of at least one byte; false at the end. It points into the data.
bool om_nal_next(struct om_nal_reader *reader, struct om_nal *ret);

enum om_nal_kind {
    OM_NAL_OTHER,
    OM_NAL_PICTURE,  // a slice
    OM_NAL_VPS,      // HEVC only
    OM_NAL_SPS,
    OM_NAL_PPS,
    OM_NAL_KIND_COUNT
};
// OM_NAL_OTHER too for units of HEVC's enhancement layers and ones too short for a header.
enum om_nal_kind om_nal_kind_of(enum om_codec codec, struct om_nal nal);

// What a sequence parameter set says.
struct om_sps {
    uint32_t id;
    int width, height;          // after cropping
    int sar_width, sar_height;  // shape of a pixel, 1:1 when not said
    int chroma_format;          // 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4
    int bit_depth_luma, bit_depth_chroma;
    uint8_t profile, compatibility, level;  // H.264: profile_idc, constraint flags, level_idc
    // HEVC: the 12 bytes of general_profile_space ... general_level_idc, as in hvcC.
    uint8_t profile_tier_level[12];
    int temporal_layers;
    bool is_temporal_nested;
    bool has_separate_planes;
    // H.264: what its slice headers need (media/slice.h).
    uint8_t frame_num_bits;  // of frame_num, 4..16
    uint8_t order_type;      // pic_order_cnt_type
    uint8_t order_bits;      // of pic_order_cnt_lsb, 4..16
    bool is_order_delta_zero, has_fields;
};
// False when it is malformed or describes no picture of sides in [1, 16384].
OM_MUST_USE bool om_sps_parse(enum om_codec codec, struct om_nal nal, struct om_sps *ret);
// The id of a VPS, SPS or PPS. False when it is malformed or out of range.
OM_MUST_USE bool om_nal_param_id(enum om_codec codec, struct om_nal nal, uint32_t *ret_id);
