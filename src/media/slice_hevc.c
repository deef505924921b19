// HEVC's parameter sets and slice headers: ITU-T H.265, 7.3.2 to 7.3.7.

#include <string.h>

#include "base/assert.h"
#include "media/nal_int.h"
#include "media/slice_int.h"

enum { SLICE_B, SLICE_P, SLICE_I, LONG_MAX = 32, NAL_IRAP = 16, NAL_IDR_W = 19, NAL_IDR_N = 20 };

static void skip_ue(struct om_bits *bits, uint32_t n)
{
    for (uint32_t i = 0; i < n && !bits->has_failed; i++)
        (void)om_bits_ue(bits);  // se(v) is of the same length
}

// Bits that hold the numbers 0 .. n-1.
static int bits_for(uint32_t n)
{
    return n <= 1 ? 0 : 32 - __builtin_clz(n - 1);
}

static void skip_scaling_lists(struct om_bits *bits)
{
    for (uint32_t size = 0; size < 4; size++) {
        for (int matrix = 0; matrix < 6 && !bits->has_failed; matrix += size == 3 ? 3 : 1) {
            uint32_t coefficients = OM_MIN(64U, 1U << (4 + (size << 1)));
            if (om_bits_u(bits, 1) == 0)
                skip_ue(bits, 1);
            else
                skip_ue(bits, coefficients + (size > 1 ? 1 : 0));
        }
    }
}

// ---- reference picture sets --------------------------------------------------------------------

struct flags {
    bool is_used[OM_SLICE_REFS_MAX + 1], is_kept[OM_SLICE_REFS_MAX + 1];
};

static void add(struct om_slice_rps *rps, int side, int distance, bool is_used)
{
    int n = rps->before + rps->after;
    if (n == OM_SLICE_REFS_MAX || (side < 0 ? distance >= 0 : distance <= 0))
        return;
    rps->distance[n] = (int16_t)distance;
    rps->used = (uint8_t)(rps->used + is_used);
    if (side < 0)
        rps->before++;
    else
        rps->after++;
}

// One side of a set that is another one moved by `by` (7-61 and 7-62).
static void derive(struct om_slice_rps *rps, const struct om_slice_rps *from,
                   const struct flags *flags, int by, int side)
{
    int total = from->before + from->after;
    int far = side < 0 ? from->before : 0, far_end = side < 0 ? total : from->before;
    int near = side < 0 ? 0 : from->before, near_end = side < 0 ? from->before : total;
    for (int j = far_end - 1; j >= far; j--) {
        if (flags->is_kept[j])
            add(rps, side, from->distance[j] + by, flags->is_used[j]);
    }
    if (flags->is_kept[total])
        add(rps, side, by, flags->is_used[total]);
    for (int j = near; j < near_end; j++) {
        if (flags->is_kept[j])
            add(rps, side, from->distance[j] + by, flags->is_used[j]);
    }
}

static bool predicted_rps(struct om_bits *bits, const struct om_slice_sps *sps, uint32_t at,
                          struct om_slice_rps *rps)
{
    uint32_t back = at == sps->rps_count ? om_bits_ue(bits) + 1 : 1;
    bool is_negative = om_bits_u(bits, 1);
    uint32_t size = om_bits_ue(bits) + 1;
    if (back > at || size > 1 << 15 || bits->has_failed)
        return false;
    const struct om_slice_rps *from = &sps->rps[at - back];
    struct flags flags;
    for (int j = 0; j <= from->before + from->after; j++) {
        flags.is_used[j] = om_bits_u(bits, 1);
        flags.is_kept[j] = flags.is_used[j] || om_bits_u(bits, 1);
    }
    int by = is_negative ? -(int)size : (int)size;
    derive(rps, from, &flags, by, -1);
    derive(rps, from, &flags, by, 1);
    return !bits->has_failed;
}

static bool explicit_rps(struct om_bits *bits, struct om_slice_rps *rps)
{
    uint32_t count[2] = {om_bits_ue(bits), 0};
    count[1] = om_bits_ue(bits);
    if (count[0] > OM_SLICE_REFS_MAX || count[1] > OM_SLICE_REFS_MAX - count[0])
        return false;
    for (int side = 0; side < 2; side++) {
        int distance = 0;
        for (uint32_t i = 0; i < count[side]; i++) {
            uint32_t step = om_bits_ue(bits) + 1;
            if (step > 1 << 15 || bits->has_failed)
                return false;
            distance += side == 0 ? -(int)step : (int)step;
            add(rps, side == 0 ? -1 : 1, distance, om_bits_u(bits, 1));
        }
    }
    return !bits->has_failed;
}

// st_ref_pic_set(at); at == rps_count in slice headers.
static bool read_rps(struct om_bits *bits, const struct om_slice_sps *sps, uint32_t at,
                     struct om_slice_rps *ret)
{
    *ret = (struct om_slice_rps){0};
    bool is_predicted = at > 0 && om_bits_u(bits, 1);
    return is_predicted ? predicted_rps(bits, sps, at, ret) : explicit_rps(bits, ret);
}

// ---- parameter sets ----------------------------------------------------------------------------

static bool read_sets(struct om_bits *bits, struct om_slice_sps *sps)
{
    uint32_t count = om_bits_ue(bits);
    if (count > OM_SLICE_RPS_MAX)
        return false;
    sps->rps_count = OM_SLICE_RPS_MAX + 1;  // none of these is in a slice header
    for (uint32_t i = 0; i < count; i++) {
        if (!read_rps(bits, sps, i, &sps->rps[i]))
            return false;
    }
    sps->rps_count = (uint8_t)count;
    sps->has_long = om_bits_u(bits, 1);
    uint32_t longs = sps->has_long ? om_bits_ue(bits) : 0;
    if (longs > LONG_MAX)
        return false;
    sps->long_count = (uint8_t)longs;
    for (uint32_t i = 0; i < longs; i++) {
        om_bits_skip(bits, sps->order_bits);
        sps->long_used |= om_bits_u(bits, 1) << i;
    }
    return !bits->has_failed;
}

bool om_slice_hevc_sps(struct om_nal nal, struct om_slice_sps *sps)
{
    struct om_bits bits;
    om_bits_init(&bits, nal.p + 2, nal.n - 2);
    if (!om_nal_hevc_sps_head(&bits, &sps->sps))
        return false;
    uint32_t order = om_bits_ue(&bits) + 4;
    if (order > 16)
        return false;
    sps->order_bits = (uint8_t)order;
    int layers = om_bits_u(&bits, 1) ? sps->sps.temporal_layers : 1;
    skip_ue(&bits, 3 * (uint32_t)layers + 6);  // buffering; sizes of blocks and transforms
    if (om_bits_u(&bits, 1) && om_bits_u(&bits, 1))
        skip_scaling_lists(&bits);
    om_bits_skip(&bits, 1);  // amp_enabled_flag
    sps->has_sao = om_bits_u(&bits, 1);
    if (om_bits_u(&bits, 1)) {  // pcm_enabled_flag
        om_bits_skip(&bits, 8);
        skip_ue(&bits, 2);
        om_bits_skip(&bits, 1);
    }
    if (!read_sets(&bits, sps))
        return false;
    sps->has_temporal_vectors = om_bits_u(&bits, 1);
    return !bits.has_failed;
}

static void skip_tiles(struct om_bits *bits)
{
    uint32_t columns = om_bits_ue(bits), rows = om_bits_ue(bits);
    if (om_bits_u(bits, 1) == 0)
        skip_ue(bits, OM_MIN(columns, 64U) + OM_MIN(rows, 64U));
    om_bits_skip(bits, 1);  // loop_filter_across_tiles_enabled_flag
}

static void skip_deblocking(struct om_bits *bits)
{
    om_bits_skip(bits, 1);
    if (om_bits_u(bits, 1) == 0)
        skip_ue(bits, 2);
}

bool om_slice_hevc_pps(struct om_nal nal, struct om_slice_pps *pps)
{
    struct om_bits bits;
    om_bits_init(&bits, nal.p + 2, nal.n - 2);
    uint32_t id = om_bits_ue(&bits), sps_id = om_bits_ue(&bits);
    om_bits_skip(&bits, 1);  // dependent_slice_segments_enabled_flag
    pps->has_output_flag = om_bits_u(&bits, 1);
    pps->extra_bits = (uint8_t)om_bits_u(&bits, 3);
    om_bits_skip(&bits, 1);  // sign_data_hiding_enabled_flag
    pps->has_cabac_init = om_bits_u(&bits, 1);
    uint32_t refs0 = om_bits_ue(&bits) + 1, refs1 = om_bits_ue(&bits) + 1;
    int32_t qp = om_bits_se(&bits);
    om_bits_skip(&bits, 2);  // constrained_intra_pred_flag, transform_skip_enabled_flag
    if (om_bits_u(&bits, 1))
        skip_ue(&bits, 1);   // diff_cu_qp_delta_depth
    skip_ue(&bits, 2);       // chroma quantisers
    om_bits_skip(&bits, 1);  // pps_slice_chroma_qp_offsets_present_flag
    pps->is_weighted = om_bits_u(&bits, 1);
    pps->weighted_b = (uint8_t)om_bits_u(&bits, 1);
    om_bits_skip(&bits, 1);  // transquant_bypass_enabled_flag
    bool has_tiles = om_bits_u(&bits, 1);
    om_bits_skip(&bits, 1);  // entropy_coding_sync_enabled_flag
    if (has_tiles)
        skip_tiles(&bits);
    om_bits_skip(&bits, 1);  // pps_loop_filter_across_slices_enabled_flag
    if (om_bits_u(&bits, 1))
        skip_deblocking(&bits);
    if (om_bits_u(&bits, 1))
        skip_scaling_lists(&bits);
    pps->has_list_changes = om_bits_u(&bits, 1);
    if (bits.has_failed || id > 63 || sps_id > 15 || refs0 > OM_SLICE_REFS_MAX ||
        refs1 > OM_SLICE_REFS_MAX || qp < -26 - 48 || qp > 25)
        return false;
    pps->id = (uint8_t)id;
    pps->sps_id = (uint8_t)sps_id;
    pps->refs[0] = (uint8_t)refs0;
    pps->refs[1] = (uint8_t)refs1;
    pps->qp = (int8_t)(26 + qp);
    return true;
}

// ---- slice headers -----------------------------------------------------------------------------

struct head {
    const struct om_slice_pps *pps;
    const struct om_slice_sps *sps;
    bool is_b, has_temporal_vectors;
    uint32_t used;  // reference pictures this one is predicted from
};

// How many long-term pictures are used.
static uint32_t read_long(struct om_bits *bits, const struct om_slice_sps *sps)
{
    uint32_t from_sps = sps->long_count > 0 ? om_bits_ue(bits) : 0;
    uint32_t count = om_bits_ue(bits), used = 0;
    if (from_sps > LONG_MAX || count > LONG_MAX) {
        bits->has_failed = true;
        return 0;
    }
    count += from_sps;
    for (uint32_t i = 0; i < count && !bits->has_failed; i++) {
        if (i < from_sps) {
            used += sps->long_used >> (om_bits_u(bits, bits_for(sps->long_count)) & 31) & 1;
        } else {
            om_bits_skip(bits, sps->order_bits);
            used += om_bits_u(bits, 1);
        }
        if (om_bits_u(bits, 1))
            skip_ue(bits, 1);
    }
    return used;
}

static void read_order(struct om_bits *bits, struct head *head)
{
    const struct om_slice_sps *sps = head->sps;
    om_bits_skip(bits, sps->order_bits);
    if (om_bits_u(bits, 1) == 0) {
        struct om_slice_rps rps;
        if (!read_rps(bits, sps, sps->rps_count, &rps))
            bits->has_failed = true;
        head->used = rps.used;
    } else if (sps->rps_count > 0) {
        uint32_t at = om_bits_u(bits, bits_for(sps->rps_count));
        if (at < sps->rps_count)
            head->used = sps->rps[at].used;
    }
    if (sps->has_long)
        head->used += read_long(bits, sps);
    if (sps->has_temporal_vectors)
        head->has_temporal_vectors = om_bits_u(bits, 1);
}

static void skip_weights(struct om_bits *bits, const uint32_t refs[2], int lists, bool has_chroma)
{
    skip_ue(bits, has_chroma ? 2 : 1);
    for (int list = 0; list < lists; list++) {
        uint32_t luma = om_bits_u(bits, (int)refs[list]);
        uint32_t chroma = has_chroma ? om_bits_u(bits, (int)refs[list]) : 0;
        skip_ue(bits,
                2 * (uint32_t)__builtin_popcount(luma) + 4 * (uint32_t)__builtin_popcount(chroma));
    }
}

static void skip_prediction(struct om_bits *bits, const struct head *head, bool has_chroma)
{
    const struct om_slice_pps *pps = head->pps;
    uint32_t refs[2] = {pps->refs[0], pps->refs[1]};
    int lists = head->is_b ? 2 : 1;
    if (om_bits_u(bits, 1)) {
        for (int i = 0; i < lists; i++)
            refs[i] = om_bits_ue(bits) + 1;
    }
    if (refs[0] > OM_SLICE_REFS_MAX || refs[1] > OM_SLICE_REFS_MAX) {
        bits->has_failed = true;
        return;
    }
    for (int i = 0; i < lists && pps->has_list_changes && head->used > 1; i++) {
        if (om_bits_u(bits, 1))
            om_bits_skip(bits, (int)refs[i] * bits_for(head->used));
    }
    om_bits_skip(bits, (head->is_b ? 1 : 0) + (pps->has_cabac_init ? 1 : 0));
    if (head->has_temporal_vectors) {
        bool is_from_list0 = !head->is_b || om_bits_u(bits, 1);
        skip_ue(bits, refs[is_from_list0 ? 0 : 1] > 1 ? 1 : 0);
    }
    if (head->is_b ? pps->weighted_b : pps->is_weighted)
        skip_weights(bits, refs, lists, has_chroma);
    skip_ue(bits, 1);  // five_minus_max_num_merge_cand
}

// Up to the slice type.
static bool read_start(struct om_bits *bits, const struct om_slice_params *params, int unit,
                       struct head *head)
{
    bool is_first = om_bits_u(bits, 1);
    if (unit >= NAL_IRAP)
        om_bits_skip(bits, 1);  // no_output_of_prior_pics_flag
    head->pps = om_slice_find_pps(params, om_bits_ue(bits));
    head->sps = head->pps ? om_slice_find_sps(params, head->pps->sps_id) : NULL;
    if (!is_first || !head->sps)
        return false;
    om_bits_skip(bits, head->pps->extra_bits);
    return true;
}

bool om_slice_hevc_header(const struct om_slice_params *params, struct om_nal nal,
                          struct om_slice_header *ret)
{
    struct head head = {0};
    struct om_bits bits;
    int unit = nal.p[0] >> 1 & 63;
    om_bits_init(&bits, nal.p + 2, nal.n - 2);
    if (!read_start(&bits, params, unit, &head))
        return false;
    uint32_t type = om_bits_ue(&bits);
    if (type > SLICE_I)
        return false;
    const struct om_sps *sps = &head.sps->sps;
    bool has_chroma = sps->chroma_format != 0 && !sps->has_separate_planes;
    head.is_b = type == SLICE_B;
    om_bits_skip(&bits, (head.pps->has_output_flag ? 1 : 0) + (sps->has_separate_planes ? 2 : 0));
    if (unit != NAL_IDR_W && unit != NAL_IDR_N)
        read_order(&bits, &head);
    if (head.sps->has_sao)
        om_bits_skip(&bits, has_chroma ? 2 : 1);
    if (type != SLICE_I)
        skip_prediction(&bits, &head, has_chroma);
    *ret = (struct om_slice_header){
        .type = type == SLICE_I   ? OM_SLICE_I
                : type == SLICE_P ? OM_SLICE_P
                                  : OM_SLICE_B,
        .is_first = true,
        .is_reference = unit >= NAL_IRAP || unit % 2 == 1,
        .is_idr = unit >= NAL_IRAP,
        .qp = head.pps->qp + om_bits_se(&bits),
    };
    return !bits.has_failed && ret->qp >= -6 * (sps->bit_depth_luma - 8) && ret->qp <= 51;
}
