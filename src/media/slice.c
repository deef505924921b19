#include "media/slice.h"

#include "base/assert.h"
#include "media/slice_int.h"

enum {
    NAL_SLICE = 1,
    NAL_IDR = 5,
    REFS_MAX = 32,  // in a list, fields counted
    LIST_CHANGES_MAX = 2 * (REFS_MAX + 1),
    MARKINGS_MAX = 2 * (REFS_MAX + 1),
};

void om_slice_params_init(struct om_slice_params *params, enum om_codec codec)
{
    om_assert(codec == OM_CODEC_H264 || codec == OM_CODEC_HEVC);
    *params = (struct om_slice_params){.codec = codec};
}

// ---- parameter sets ----------------------------------------------------------------------------

const struct om_slice_sps *om_slice_find_sps(const struct om_slice_params *params, uint32_t id)
{
    for (int i = 0; i < OM_SLICE_SPS_MAX; i++) {
        if (params->sps[i].is_known && params->sps[i].sps.id == id)
            return &params->sps[i];
    }
    return NULL;
}

const struct om_slice_pps *om_slice_find_pps(const struct om_slice_params *params, uint32_t id)
{
    for (int i = 0; i < OM_SLICE_PPS_MAX; i++) {
        if (params->pps[i].is_known && params->pps[i].id == id)
            return &params->pps[i];
    }
    return NULL;
}

static bool learn_sps(struct om_slice_params *params, struct om_nal nal)
{
    struct om_slice_sps sps = {0};
    bool is_sound = params->codec == OM_CODEC_HEVC
                        ? om_slice_hevc_sps(nal, &sps)
                        : om_sps_parse(params->codec, nal, &sps.sps) &&
                              sps.sps.frame_num_bits > 0 && sps.sps.order_type <= 2 &&
                              (sps.sps.order_type != 0 || sps.sps.order_bits > 0);
    if (!is_sound)
        return false;
    int at = params->sps_next;
    for (int i = 0; i < OM_SLICE_SPS_MAX; i++) {
        if (params->sps[i].is_known && params->sps[i].sps.id == sps.sps.id)
            at = i;
    }
    if (at == params->sps_next)
        params->sps_next = (uint8_t)((at + 1) % OM_SLICE_SPS_MAX);
    sps.is_known = true;
    params->sps[at] = sps;
    return true;
}

static bool h264_pps(struct om_nal nal, struct om_slice_pps *pps)
{
    struct om_bits bits;
    om_bits_init(&bits, nal.p + 1, nal.n - 1);
    uint32_t id = om_bits_ue(&bits), sps_id = om_bits_ue(&bits);
    pps->has_cabac_init = om_bits_u(&bits, 1);
    pps->has_order_in_frame = om_bits_u(&bits, 1);
    uint32_t groups = om_bits_ue(&bits);
    uint32_t refs0 = om_bits_ue(&bits) + 1, refs1 = om_bits_ue(&bits) + 1;
    pps->is_weighted = om_bits_u(&bits, 1);
    pps->weighted_b = (uint8_t)om_bits_u(&bits, 2);
    int32_t qp = om_bits_se(&bits);
    (void)om_bits_se(&bits);  // pic_init_qs_minus26
    (void)om_bits_se(&bits);  // chroma_qp_index_offset
    om_bits_skip(&bits, 2);   // deblocking_filter_control_present_flag, constrained_intra_pred
    pps->has_redundant_pictures = om_bits_u(&bits, 1);
    if (bits.has_failed || id > 255 || sps_id > 31 || groups > 0 || refs0 > REFS_MAX ||
        refs1 > REFS_MAX || qp < -26 - 36 || qp > 25)
        return false;
    pps->id = (uint8_t)id;
    pps->sps_id = (uint8_t)sps_id;
    pps->refs[0] = (uint8_t)refs0;
    pps->refs[1] = (uint8_t)refs1;
    pps->qp = (int8_t)(26 + qp);
    return true;
}

static bool learn_pps(struct om_slice_params *params, struct om_nal nal)
{
    struct om_slice_pps pps = {0};
    if (!(params->codec == OM_CODEC_HEVC ? om_slice_hevc_pps(nal, &pps) : h264_pps(nal, &pps)))
        return false;
    int at = params->pps_next;
    for (int i = 0; i < OM_SLICE_PPS_MAX; i++) {
        if (params->pps[i].is_known && params->pps[i].id == pps.id)
            at = i;
    }
    if (at == params->pps_next)
        params->pps_next = (uint8_t)((at + 1) % OM_SLICE_PPS_MAX);
    pps.is_known = true;
    params->pps[at] = pps;
    return true;
}

bool om_slice_params_learn(struct om_slice_params *params, struct om_nal nal)
{
    switch (om_nal_kind_of(params->codec, nal)) {
    case OM_NAL_SPS:
        return learn_sps(params, nal);
    case OM_NAL_PPS:
        return learn_pps(params, nal);
    default:
        return true;
    }
}

// ---- H.264 -------------------------------------------------------------------------------------

static void skip_ue(struct om_bits *bits, uint32_t n)
{
    for (uint32_t i = 0; i < n && !bits->has_failed; i++)
        (void)om_bits_ue(bits);
}

static void h264_skip_list_changes(struct om_bits *bits)
{
    if (om_bits_u(bits, 1) == 0)
        return;
    for (int i = 0; i < LIST_CHANGES_MAX && !bits->has_failed; i++) {
        if (om_bits_ue(bits) == 3)
            return;
        (void)om_bits_ue(bits);
    }
    bits->has_failed = true;
}

static void h264_skip_weights(struct om_bits *bits, const uint32_t refs[2], int lists,
                              bool has_chroma)
{
    skip_ue(bits, has_chroma ? 2 : 1);
    for (int list = 0; list < lists; list++) {
        for (uint32_t i = 0; i < refs[list] && !bits->has_failed; i++) {
            if (om_bits_u(bits, 1))
                skip_ue(bits, 2);  // se(v) and ue(v) are of one length
            if (has_chroma && om_bits_u(bits, 1))
                skip_ue(bits, 4);
        }
    }
}

static void h264_skip_marking(struct om_bits *bits, bool is_idr)
{
    if (is_idr) {
        om_bits_skip(bits, 2);
        return;
    }
    if (om_bits_u(bits, 1) == 0)
        return;
    for (int i = 0; i < MARKINGS_MAX && !bits->has_failed; i++) {
        uint32_t operation = om_bits_ue(bits);
        if (operation == 0)
            return;
        static const uint8_t arguments[] = {0, 1, 1, 2, 1, 0, 1};
        if (operation >= sizeof(arguments))
            break;
        skip_ue(bits, arguments[operation]);
    }
    bits->has_failed = true;
}

static void h264_skip_order(struct om_bits *bits, const struct om_sps *sps,
                            const struct om_slice_pps *pps, bool is_idr)
{
    bool is_field = false;
    om_bits_skip(bits, sps->frame_num_bits);
    if (sps->has_fields) {
        is_field = om_bits_u(bits, 1);
        if (is_field)
            om_bits_skip(bits, 1);
    }
    if (is_idr)
        skip_ue(bits, 1);
    bool has_bottom = pps->has_order_in_frame && !is_field;
    if (sps->order_type == 0) {
        om_bits_skip(bits, sps->order_bits);
        skip_ue(bits, has_bottom ? 1 : 0);
    } else if (sps->order_type == 1 && !sps->is_order_delta_zero) {
        skip_ue(bits, has_bottom ? 2 : 1);
    }
    skip_ue(bits, pps->has_redundant_pictures ? 1 : 0);
}

static void h264_skip_prediction(struct om_bits *bits, const struct om_slice_sps *sps,
                                 const struct om_slice_pps *pps, bool is_b)
{
    uint32_t refs[2] = {pps->refs[0], pps->refs[1]};
    int lists = is_b ? 2 : 1;
    if (is_b)
        om_bits_skip(bits, 1);  // direct_spatial_mv_pred_flag
    if (om_bits_u(bits, 1)) {
        for (int i = 0; i < lists; i++)
            refs[i] = om_bits_ue(bits) + 1;
    }
    if (refs[0] > REFS_MAX || refs[1] > REFS_MAX)
        bits->has_failed = true;
    for (int i = 0; i < lists; i++)
        h264_skip_list_changes(bits);
    if (is_b ? pps->weighted_b == 1 : pps->is_weighted)
        h264_skip_weights(bits, refs, lists,
                          sps->sps.chroma_format != 0 && !sps->sps.has_separate_planes);
}

static bool h264_header(const struct om_slice_params *params, struct om_nal nal,
                        struct om_slice_header *ret)
{
    static const enum om_slice_type types[5] = {OM_SLICE_P, OM_SLICE_B, OM_SLICE_I, OM_SLICE_P,
                                                OM_SLICE_I};
    int unit = nal.p[0] & 31;
    if (unit != NAL_SLICE && unit != NAL_IDR)
        return false;  // data partitions and layers
    ret->is_idr = unit == NAL_IDR;
    ret->is_reference = nal.p[0] >> 5 & 3;

    struct om_bits bits;
    om_bits_init(&bits, nal.p + 1, nal.n - 1);
    ret->is_first = om_bits_ue(&bits) == 0;
    uint32_t type = om_bits_ue(&bits);
    const struct om_slice_pps *pps = om_slice_find_pps(params, om_bits_ue(&bits));
    const struct om_slice_sps *sps = pps ? om_slice_find_sps(params, pps->sps_id) : NULL;
    if (bits.has_failed || type > 9 || !sps)
        return false;
    ret->type = types[type % 5];
    if (sps->sps.has_separate_planes)
        om_bits_skip(&bits, 2);
    h264_skip_order(&bits, &sps->sps, pps, ret->is_idr);
    if (ret->type != OM_SLICE_I)
        h264_skip_prediction(&bits, sps, pps, ret->type == OM_SLICE_B);
    if (ret->is_reference)
        h264_skip_marking(&bits, ret->is_idr);
    if (pps->has_cabac_init && ret->type != OM_SLICE_I)
        skip_ue(&bits, 1);  // cabac_init_idc
    ret->qp = pps->qp + om_bits_se(&bits);
    return !bits.has_failed && ret->qp >= -6 * (sps->sps.bit_depth_luma - 8) && ret->qp <= 51;
}

bool om_slice_header_parse(const struct om_slice_params *params, struct om_nal nal,
                           struct om_slice_header *ret)
{
    if (om_nal_kind_of(params->codec, nal) != OM_NAL_PICTURE)
        return false;
    struct om_slice_header header = {0};
    bool is_sound = params->codec == OM_CODEC_HEVC ? om_slice_hevc_header(params, nal, &header)
                                                   : h264_header(params, nal, &header);
    if (is_sound)
        *ret = header;
    return is_sound;
}
