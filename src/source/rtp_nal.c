#include "source/rtp_nal.h"

#include "media/bits.h"

enum { LOOK_BYTES = 16 };  // of a slice header

enum {
    H264_SLICE = 1,
    H264_PART_B = 3,
    H264_PART_C = 4,
    H264_IDR = 5,
    H264_SEI = 6,
    H264_SPS = 7,
    H264_AUD = 9
};
enum { HEVC_IRAP_FROM = 16, HEVC_IRAP_TO = 23, HEVC_VPS = 32, HEVC_AUD = 35, HEVC_SEI_PREFIX = 39 };
enum { SEI_RECOVERY_POINT = 6, SLICE_I = 2 };

// Whether an SEI unit has a recovery point: streams without IDR pictures begin there.
static bool has_recovery_point(const uint8_t *p, size_t n)
{
    size_t at = 1;

    while (at + 2 < n) {
        size_t type = 0, size = 0;
        for (; at < n && p[at] == 0xff; at++)
            type += 255;
        type += at < n ? p[at++] : 0;
        for (; at < n && p[at] == 0xff; at++)
            size += 255;
        size += at < n ? p[at++] : 0;
        if (type == SEI_RECOVERY_POINT)
            return true;
        if (size > n)
            return false;
        at += size;
    }
    return false;
}

static struct om_rtp_nal look_h264(const uint8_t *p, size_t n)
{
    int type = p[0] & 31;

    if (type == H264_SEI)
        return (struct om_rtp_nal){.is_first = true, .is_key = has_recovery_point(p, n)};
    if (type >= H264_SPS && type <= H264_AUD)
        return (struct om_rtp_nal){.is_first = true};
    if (type < H264_SLICE || type > H264_IDR || n < 2)
        return (struct om_rtp_nal){0};
    struct om_bits bits;
    om_bits_init(&bits, p + 1, n - 1 < LOOK_BYTES ? n - 1 : LOOK_BYTES);
    bool is_first = om_bits_ue(&bits) == 0;  // first_mb_in_slice
    uint32_t slice_type = om_bits_ue(&bits) % 5;
    bool is_intra = !bits.has_failed && slice_type == SLICE_I;
    bool is_partition = type == H264_PART_B || type == H264_PART_C;  // they say no macroblock
    return (struct om_rtp_nal){
        .is_slice = true,
        .is_key = type == H264_IDR || (type == H264_SLICE && is_first && is_intra),
        .is_first = is_first && !is_partition,
        .is_second = !is_first && !is_partition,
    };
}

static struct om_rtp_nal look_hevc(const uint8_t *p, size_t n)
{
    int type = p[0] >> 1 & 63;

    if ((type >= HEVC_VPS && type <= HEVC_AUD) || type == HEVC_SEI_PREFIX)
        return (struct om_rtp_nal){.is_first = true};
    if (type >= HEVC_VPS || n < 3)
        return (struct om_rtp_nal){0};
    bool is_first = p[2] & 0x80;  // first_slice_segment_in_pic_flag
    return (struct om_rtp_nal){
        .is_slice = true,
        .is_key = type >= HEVC_IRAP_FROM && type <= HEVC_IRAP_TO,
        .is_first = is_first,
        .is_second = !is_first,
    };
}

struct om_rtp_nal om_rtp_nal_look(enum om_codec codec, const uint8_t *p, size_t n)
{
    if (n < 1)
        return (struct om_rtp_nal){0};
    return codec == OM_CODEC_HEVC ? look_hevc(p, n) : look_h264(p, n);
}
