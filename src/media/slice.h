// Slice headers of H.264 and HEVC, as far as the quantiser: what a picture is (I, P, B; referred to
// or not) and how coarsely it was coded. Pure, bounded, nothing is copied or allocated.
//
// Threads: none of its own; belongs to its user.

#pragma once

#include "media/nal.h"

enum om_slice_type { OM_SLICE_P, OM_SLICE_B, OM_SLICE_I };

struct om_slice_header {
    enum om_slice_type type;
    bool is_first;      // of its picture
    bool is_reference;  // other pictures may be predicted from it
    bool is_idr;        // H.264: IDR; HEVC: any random access picture
    int qp;             // 0..51, less than 0 for deep colours
};

// What slice headers refer to. Streams that switch between more sets than are kept here read as
// malformed where the set is missing.
enum { OM_SLICE_SPS_MAX = 2, OM_SLICE_PPS_MAX = 8, OM_SLICE_RPS_MAX = 64, OM_SLICE_REFS_MAX = 16 };

struct om_slice_pps {
    bool is_known;
    uint8_t id, sps_id;
    int8_t qp;  // before the slice's own difference
    uint8_t refs[2];
    bool is_weighted;    // P
    uint8_t weighted_b;  // 1: there is a table
    bool has_cabac_init;
    // H.264
    bool has_order_in_frame, has_redundant_pictures;
    // HEVC
    bool has_output_flag, has_list_changes;
    uint8_t extra_bits;
};

// A short-term reference picture set of HEVC: distances, those before the picture first.
struct om_slice_rps {
    uint8_t before, after, used;  // counts; `used` of both
    int16_t distance[OM_SLICE_REFS_MAX];
};

struct om_slice_sps {
    bool is_known;
    struct om_sps sps;
    // HEVC
    uint8_t order_bits, rps_count, long_count;
    uint32_t long_used;  // a bit for each
    bool has_long, has_temporal_vectors, has_sao;
    struct om_slice_rps rps[OM_SLICE_RPS_MAX];
};

struct om_slice_params {
    enum om_codec codec;
    uint8_t sps_next, pps_next;  // the place of the next new one
    struct om_slice_sps sps[OM_SLICE_SPS_MAX];
    struct om_slice_pps pps[OM_SLICE_PPS_MAX];
};

void om_slice_params_init(struct om_slice_params *params, enum om_codec codec);
// Takes an SPS or PPS in (other units do nothing). False when it was malformed: then slices that
// refer to it cannot be read.
bool om_slice_params_learn(struct om_slice_params *params, struct om_nal nal);
// False when the unit is no slice, is malformed, refers to an unknown set or uses something that is
// not understood (slice groups, layers). HEVC: only of the first slice of a picture.
OM_MUST_USE bool om_slice_header_parse(const struct om_slice_params *params, struct om_nal nal,
                                       struct om_slice_header *ret);
