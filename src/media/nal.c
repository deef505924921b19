#include "media/nal.h"

#include <string.h>

#include "base/assert.h"
#include "media/bits.h"
#include "media/nal_int.h"

enum { SIDE_MAX = 16384 };

// ---- walking -----------------------------------------------------------------------------------

// The next 00 00 01, or `end`. Looking for the 01 lets memchr() do the work.
static const uint8_t *find_start(const uint8_t *p, const uint8_t *end)
{
    for (const uint8_t *at = p + 2; at < end; at++) {
        at = memchr(at, 1, (size_t)(end - at));
        if (!at)
            return end;
        if (at[-1] == 0 && at[-2] == 0)
            return at - 2;
    }
    return end;
}

void om_nal_reader_init(struct om_nal_reader *reader, const uint8_t *data, size_t n,
                        int length_bytes)
{
    om_assert(length_bytes >= 0 && length_bytes <= 4);
    *reader = (struct om_nal_reader){data, data + n, length_bytes, false};
    if (length_bytes == 0 && n > 0)
        reader->p = n >= 3 ? find_start(data, reader->end) : reader->end;
}

static bool next_annexb(struct om_nal_reader *reader, struct om_nal *ret)
{
    while (reader->end - reader->p >= 3) {
        const uint8_t *from = reader->p + 3;
        const uint8_t *to = reader->end - from >= 3 ? find_start(from, reader->end) : reader->end;
        reader->p = to;
        while (to > from && to[-1] == 0)
            to--;  // zeros before a start code belong to it, and no unit ends with one
        if (to > from) {
            *ret = (struct om_nal){from, (size_t)(to - from)};
            return true;
        }
    }
    return false;
}

static bool next_prefixed(struct om_nal_reader *reader, struct om_nal *ret)
{
    while (reader->p < reader->end) {
        size_t left = (size_t)(reader->end - reader->p), n = 0;
        size_t head = (size_t)reader->length_bytes;
        for (size_t i = 0; i < head && i < left; i++)
            n = n << 8 | reader->p[i];
        if (left < head || n > left - head) {
            reader->has_failed = true;
            reader->p = reader->end;
            return false;
        }
        *ret = (struct om_nal){reader->p + head, n};
        reader->p += head + n;
        if (n > 0)
            return true;
    }
    return false;
}

bool om_nal_next(struct om_nal_reader *reader, struct om_nal *ret)
{
    return reader->length_bytes == 0 ? next_annexb(reader, ret) : next_prefixed(reader, ret);
}

// ---- kinds -------------------------------------------------------------------------------------

static enum om_nal_kind h264_kind(struct om_nal nal)
{
    switch (nal.p[0] & 0x1f) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        return OM_NAL_PICTURE;
    case 7:
        return OM_NAL_SPS;
    case 8:
        return OM_NAL_PPS;
    default:
        return OM_NAL_OTHER;
    }
}

static enum om_nal_kind hevc_kind(struct om_nal nal)
{
    int type = (nal.p[0] >> 1) & 0x3f;
    int layer = (nal.p[0] & 1) << 5 | nal.p[1] >> 3;
    if (layer != 0)
        return OM_NAL_OTHER;
    if (type < 32)
        return type < 10 || (type >= 16 && type <= 21) ? OM_NAL_PICTURE : OM_NAL_OTHER;
    return type == 32   ? OM_NAL_VPS
           : type == 33 ? OM_NAL_SPS
           : type == 34 ? OM_NAL_PPS
                        : OM_NAL_OTHER;
}

enum om_nal_kind om_nal_kind_of(enum om_codec codec, struct om_nal nal)
{
    if (nal.n < 2)
        return OM_NAL_OTHER;
    return codec == OM_CODEC_HEVC ? hevc_kind(nal) : h264_kind(nal);
}

// ---- H.264 -------------------------------------------------------------------------------------

static bool h264_has_chroma_info(uint8_t profile)
{
    static const uint8_t high[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
    return memchr(high, profile, sizeof(high)) != NULL;
}

static void h264_skip_scaling_list(struct om_bits *bits, int size)
{
    int last = 8, next = 8;
    for (int i = 0; i < size && next != 0 && !bits->has_failed; i++) {
        next = (last + (int)((uint32_t)om_bits_se(bits) & 0xff) + 256) % 256;
        last = next ? next : last;
    }
}

static void h264_chroma_info(struct om_bits *bits, struct om_sps *sps)
{
    sps->chroma_format = (int)om_bits_ue(bits);
    sps->has_separate_planes = sps->chroma_format == 3 && om_bits_u(bits, 1) == 1;
    sps->bit_depth_luma = 8 + (int)(om_bits_ue(bits) & 0xff);
    sps->bit_depth_chroma = 8 + (int)(om_bits_ue(bits) & 0xff);
    om_bits_skip(bits, 1);  // qpprime_y_zero_transform_bypass_flag
    if (om_bits_u(bits, 1) == 0)
        return;
    for (int i = 0; i < (sps->chroma_format == 3 ? 12 : 8); i++) {
        if (om_bits_u(bits, 1))
            h264_skip_scaling_list(bits, i < 6 ? 16 : 64);
    }
}

// log2_..._minus4, as a number of bits; 0 when it is out of range.
static uint8_t bits_of(uint32_t log2_minus4)
{
    return log2_minus4 <= 12 ? (uint8_t)(log2_minus4 + 4) : 0;
}

static void h264_order_count(struct om_bits *bits, struct om_sps *sps)
{
    uint32_t type = om_bits_ue(bits);
    sps->order_type = (uint8_t)OM_MIN(type, 255);
    if (type == 0) {
        sps->order_bits = bits_of(om_bits_ue(bits));
    } else if (type == 1) {
        sps->is_order_delta_zero = om_bits_u(bits, 1) == 1;
        (void)om_bits_se(bits);
        (void)om_bits_se(bits);
        uint32_t count = om_bits_ue(bits);
        if (count > 255)
            bits->has_failed = true;
        for (uint32_t i = 0; i < count && !bits->has_failed; i++)
            (void)om_bits_se(bits);
    }
}

static void h264_aspect_ratio(struct om_bits *bits, struct om_sps *sps)
{
    static const uint8_t known[][2] = {{1, 1},   {1, 1},    {12, 11}, {10, 11}, {16, 11}, {40, 33},
                                       {24, 11}, {20, 11},  {32, 11}, {80, 33}, {18, 11}, {15, 11},
                                       {64, 33}, {160, 99}, {4, 3},   {3, 2},   {2, 1}};
    int w = 1, h = 1;
    if (om_bits_u(bits, 1)) {
        uint32_t idc = om_bits_u(bits, 8);
        if (idc == 255) {
            w = (int)om_bits_u(bits, 16);
            h = (int)om_bits_u(bits, 16);
        } else if (idc < OM_ARRAY_LEN(known)) {
            w = known[idc][0];
            h = known[idc][1];
        }
    }
    bool is_sane = !bits->has_failed && w > 0 && h > 0 && w <= 16 * h && h <= 16 * w;
    sps->sar_width = is_sane ? w : 1;
    sps->sar_height = is_sane ? h : 1;
}

static bool set_size(struct om_sps *sps, int64_t width, int64_t height)
{
    if (width < 1 || height < 1 || width > SIDE_MAX || height > SIDE_MAX)
        return false;
    sps->width = (int)width;
    sps->height = (int)height;
    return true;
}

static bool h264_size(struct om_bits *bits, struct om_sps *sps)
{
    int64_t width = ((int64_t)om_bits_ue(bits) + 1) * 16;
    int64_t map_height = ((int64_t)om_bits_ue(bits) + 1) * 16;
    int fields = om_bits_u(bits, 1) ? 1 : 2;  // frame_mbs_only_flag
    sps->has_fields = fields == 2;
    if (fields == 2)
        om_bits_skip(bits, 1);  // mb_adaptive_frame_field_flag
    om_bits_skip(bits, 1);      // direct_8x8_inference_flag
    int64_t height = map_height * fields;
    if (om_bits_u(bits, 1)) {
        int unit_x = sps->chroma_format == 1 || sps->chroma_format == 2 ? 2 : 1;
        int unit_y = (sps->chroma_format == 1 ? 2 : 1) * fields;
        width -= unit_x * ((int64_t)om_bits_ue(bits) + (int64_t)om_bits_ue(bits));
        height -= unit_y * ((int64_t)om_bits_ue(bits) + (int64_t)om_bits_ue(bits));
    }
    return !bits->has_failed && set_size(sps, width, height);
}

static bool h264_sps(struct om_nal nal, struct om_sps *sps)
{
    if (nal.n < 5)
        return false;
    sps->profile = nal.p[1];
    sps->compatibility = nal.p[2];
    sps->level = nal.p[3];
    sps->chroma_format = 1;
    sps->bit_depth_luma = sps->bit_depth_chroma = 8;

    struct om_bits bits;
    om_bits_init(&bits, nal.p + 4, nal.n - 4);
    sps->id = om_bits_ue(&bits);
    if (h264_has_chroma_info(sps->profile))
        h264_chroma_info(&bits, sps);
    if (sps->id > 31 || sps->chroma_format < 0 || sps->chroma_format > 3 ||
        sps->bit_depth_luma > 14 || sps->bit_depth_chroma > 14)
        return false;
    sps->frame_num_bits = bits_of(om_bits_ue(&bits));
    h264_order_count(&bits, sps);
    (void)om_bits_ue(&bits);  // max_num_ref_frames
    om_bits_skip(&bits, 1);   // gaps_in_frame_num_value_allowed_flag
    if (!h264_size(&bits, sps))
        return false;
    if (om_bits_u(&bits, 1))
        h264_aspect_ratio(&bits, sps);  // a cut-off VUI is no reason to refuse the picture
    return true;
}

// ---- HEVC --------------------------------------------------------------------------------------

static void hevc_skip_sub_layers(struct om_bits *bits, int sub_layers)
{
    uint32_t flags[8] = {0};
    for (int i = 0; i < sub_layers; i++)
        flags[i] = om_bits_u(bits, 2);
    if (sub_layers > 0)
        om_bits_skip(bits, 2 * (8 - sub_layers));
    for (int i = 0; i < sub_layers; i++)
        om_bits_skip(bits, (flags[i] & 2 ? 88 : 0) + (flags[i] & 1 ? 8 : 0));
}

static bool hevc_size(struct om_bits *bits, struct om_sps *sps)
{
    sps->chroma_format = (int)(om_bits_ue(bits) & 0xff);
    if (sps->chroma_format > 3)
        return false;
    sps->has_separate_planes = sps->chroma_format == 3 && om_bits_u(bits, 1) == 1;
    int64_t width = om_bits_ue(bits);
    int64_t height = om_bits_ue(bits);
    if (om_bits_u(bits, 1)) {
        int unit_x = sps->chroma_format == 1 || sps->chroma_format == 2 ? 2 : 1;
        int unit_y = sps->chroma_format == 1 ? 2 : 1;
        width -= unit_x * ((int64_t)om_bits_ue(bits) + (int64_t)om_bits_ue(bits));
        height -= unit_y * ((int64_t)om_bits_ue(bits) + (int64_t)om_bits_ue(bits));
    }
    sps->bit_depth_luma = 8 + (int)(om_bits_ue(bits) & 0xff);
    sps->bit_depth_chroma = 8 + (int)(om_bits_ue(bits) & 0xff);
    return !bits->has_failed && sps->bit_depth_luma <= 16 && sps->bit_depth_chroma <= 16 &&
           set_size(sps, width, height);
}

bool om_nal_hevc_sps_head(struct om_bits *bits, struct om_sps *sps)
{
    om_bits_skip(bits, 4);  // sps_video_parameter_set_id
    int sub_layers = (int)om_bits_u(bits, 3);
    if (sub_layers > 6)
        return false;
    sps->temporal_layers = sub_layers + 1;
    sps->is_temporal_nested = om_bits_u(bits, 1) == 1;
    for (size_t i = 0; i < sizeof(sps->profile_tier_level); i++)
        sps->profile_tier_level[i] = (uint8_t)om_bits_u(bits, 8);
    hevc_skip_sub_layers(bits, sub_layers);
    sps->profile = sps->profile_tier_level[0] & 0x1f;
    sps->level = sps->profile_tier_level[11];
    sps->id = om_bits_ue(bits);
    return sps->id <= 15 && hevc_size(bits, sps);
}

static bool hevc_sps(struct om_nal nal, struct om_sps *sps)
{
    struct om_bits bits;
    om_bits_init(&bits, nal.p + 2, nal.n - 2);
    return om_nal_hevc_sps_head(&bits, sps);
}

// ---- both --------------------------------------------------------------------------------------

bool om_sps_parse(enum om_codec codec, struct om_nal nal, struct om_sps *ret)
{
    if (om_nal_kind_of(codec, nal) != OM_NAL_SPS)
        return false;
    struct om_sps sps = {.sar_width = 1, .sar_height = 1, .temporal_layers = 1};
    if (!(codec == OM_CODEC_HEVC ? hevc_sps(nal, &sps) : h264_sps(nal, &sps)))
        return false;
    *ret = sps;
    return true;
}

bool om_nal_param_id(enum om_codec codec, struct om_nal nal, uint32_t *ret_id)
{
    bool is_hevc = codec == OM_CODEC_HEVC;
    enum om_nal_kind kind = om_nal_kind_of(codec, nal);
    if (kind == OM_NAL_SPS) {
        struct om_sps sps;
        if (!om_sps_parse(codec, nal, &sps))
            return false;
        *ret_id = sps.id;
        return true;
    }
    if (kind != OM_NAL_VPS && kind != OM_NAL_PPS)
        return false;
    struct om_bits bits;
    om_bits_init(&bits, nal.p + (is_hevc ? 2 : 1), nal.n - (is_hevc ? 2 : 1));
    uint32_t id = kind == OM_NAL_VPS ? om_bits_u(&bits, 4) : om_bits_ue(&bits);
    if (bits.has_failed || id > (is_hevc ? 63 : 255))
        return false;
    *ret_id = id;
    return true;
}
