#include "media/nal.h"

#include <string.h>

#include "base/assert.h"
#include "media/bits.h"

static void test_bits(void)
{
    // 1010 0000 | 0000 0000 | (00 00 03) the 03 is stepped over | 1111 1111
    const uint8_t data[] = {0xa0, 0x00, 0x00, 0x03, 0xff};
    struct om_bits bits;
    om_bits_init(&bits, data, sizeof(data));
    om_assert(om_bits_u(&bits, 3) == 5);
    om_bits_skip(&bits, 21);
    om_assert(om_bits_u(&bits, 8) == 0xff && !bits.has_failed);
    om_assert(om_bits_u(&bits, 8) == 0 && bits.has_failed);

    // ue: 1 -> 0, 010 -> 1, 011 -> 2, 00100 -> 3; se: 00101 -> -2
    const uint8_t golomb[] = {0xa6, 0x42, 0x80};  // 1 010 011 00100 00101 0000000
    om_bits_init(&bits, golomb, sizeof(golomb));
    for (uint32_t want = 0; want < 4; want++)
        om_assert(om_bits_ue(&bits) == want);
    om_assert(om_bits_se(&bits) == -2 && !bits.has_failed);

    const uint8_t zeros[8] = {0};
    om_bits_init(&bits, zeros, sizeof(zeros));
    om_assert(om_bits_ue(&bits) == 0 && bits.has_failed);
}

// `want` has the first bytes of the units.
static void check_walk(const void *data, size_t n, int length_bytes, const char *want)
{
    struct om_nal_reader reader;
    struct om_nal nal;
    om_nal_reader_init(&reader, data, n, length_bytes);
    size_t count = 0;
    while (om_nal_next(&reader, &nal)) {
        om_assert(nal.n > 0 && count < strlen(want) && nal.p[0] == (uint8_t)want[count]);
        count++;
    }
    om_assert(count == strlen(want));
}

#define WALK(bytes, length_bytes, want) check_walk(bytes, sizeof(bytes) - 1, length_bytes, want)

static void test_walk(void)
{
    WALK("", 0, "");
    WALK("\0\0", 0, "");
    WALK("\0\0\1", 0, "");
    WALK("\0\0\1a", 0, "a");
    WALK("\0\0\0\1abc\0\0\1b\0\0\0\1c", 0, "abc");
    WALK("\0\0\1a\0\0\0\0\0\1b\0\0\0", 0, "ab");
    WALK("junk\0\0\1a", 0, "a");
    WALK("\0\0\1\0\0\1a", 0, "a");
    WALK("\1\1\1\0\1\1\0\0\1a\1\0\1", 0, "a");

    WALK("", 4, "");
    WALK("\0\0\0\2ab\0\0\0\1c", 4, "ac");
    WALK("\0\2ab\0\0\0\1c", 2, "ac");
    WALK("\2ab\1c", 1, "ac");
    WALK("\0\0\0\2ab\0\0\0\7c", 4, "a");
    WALK("\377\377\377\377c", 4, "");
    WALK("\0\0\0\2ab\0", 4, "a");
}

static void test_trailing_zeros_belong_to_the_start_code(void)
{
    struct om_nal_reader reader;
    struct om_nal nal;
    const uint8_t data[] = {0, 0, 1, 'a', 'b', 0, 0, 0, 0, 1, 'c'};
    om_nal_reader_init(&reader, data, sizeof(data), 0);
    om_assert(om_nal_next(&reader, &nal) && nal.n == 2 && nal.p == data + 3);
    om_assert(om_nal_next(&reader, &nal) && nal.n == 1 && nal.p == data + 10);
    om_assert(!om_nal_next(&reader, &nal) && !reader.has_failed);
}

static void test_kinds(void)
{
    static const struct {
        enum om_codec codec;
        uint8_t bytes[2];
        enum om_nal_kind want;
    } cases[] = {
        {OM_CODEC_H264, {0x67, 0x64}, OM_NAL_SPS},
        {OM_CODEC_H264, {0x68, 0xee}, OM_NAL_PPS},
        {OM_CODEC_H264, {0x65, 0x88}, OM_NAL_PICTURE},
        {OM_CODEC_H264, {0x41, 0x9a}, OM_NAL_PICTURE},
        {OM_CODEC_H264, {0x06, 0x05}, OM_NAL_OTHER},
        {OM_CODEC_H264, {0x09, 0xf0}, OM_NAL_OTHER},
        {OM_CODEC_HEVC, {0x40, 0x01}, OM_NAL_VPS},
        {OM_CODEC_HEVC, {0x42, 0x01}, OM_NAL_SPS},
        {OM_CODEC_HEVC, {0x44, 0x01}, OM_NAL_PPS},
        {OM_CODEC_HEVC, {0x26, 0x01}, OM_NAL_PICTURE},
        {OM_CODEC_HEVC, {0x02, 0x01}, OM_NAL_PICTURE},
        {OM_CODEC_HEVC, {0x4e, 0x01}, OM_NAL_OTHER},
        {OM_CODEC_HEVC, {0x42, 0x09}, OM_NAL_OTHER},  // layer 1
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct om_nal nal = {cases[i].bytes, 2};
        om_assert(om_nal_kind_of(cases[i].codec, nal) == cases[i].want);
        om_assert(om_nal_kind_of(cases[i].codec, (struct om_nal){cases[i].bytes, 1}) ==
                  OM_NAL_OTHER);
    }
}

// Made by x264 for a 322 x 242 picture: 21 x 16 macroblocks, cropped.
static const uint8_t h264_sps[] = {0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x50, 0x87,
                                   0x88, 0x88, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00,
                                   0x00, 0x03, 0x00, 0xf0, 0x3c, 0x50, 0xa6, 0x58};

static void test_sps_every_cut(void)
{
    struct om_sps sps;
    for (size_t n = 0; n <= sizeof(h264_sps); n++) {
        if (om_sps_parse(OM_CODEC_H264, (struct om_nal){h264_sps, n}, &sps))
            om_assert(sps.width >= 1 && sps.width <= 16384 && sps.height >= 1);
        om_assert(!om_sps_parse(OM_CODEC_HEVC, (struct om_nal){h264_sps, n}, &sps));
    }
    om_assert(om_sps_parse(OM_CODEC_H264, (struct om_nal){h264_sps, sizeof(h264_sps)}, &sps));
    om_assert(sps.profile == 100 && sps.level == 13 && sps.id == 0);
    om_assert(sps.width == 322 && sps.height == 242);
    om_assert(sps.chroma_format == 1 && sps.bit_depth_luma == 8);
}

static void test_sps_refuses(void)
{
    struct om_sps sps;
    const uint8_t zeros[32] = {0x67, 0x42};
    om_assert(!om_sps_parse(OM_CODEC_H264, (struct om_nal){zeros, sizeof(zeros)}, &sps));
    const uint8_t ones[6] = {0x67, 0x42, 0xff, 0xff, 0xff, 0xff};
    om_assert(!om_sps_parse(OM_CODEC_H264, (struct om_nal){ones, sizeof(ones)}, &sps) ||
              sps.width <= 16384);
    const uint8_t pps[4] = {0x68, 0xee, 0x3c, 0x80};
    om_assert(!om_sps_parse(OM_CODEC_H264, (struct om_nal){pps, sizeof(pps)}, &sps));
    uint32_t id = 9;
    om_assert(om_nal_param_id(OM_CODEC_H264, (struct om_nal){pps, sizeof(pps)}, &id) && id == 0);
}

int main(void)
{
    test_bits();
    test_walk();
    test_trailing_zeros_belong_to_the_start_code();
    test_kinds();
    test_sps_every_cut();
    test_sps_refuses();
    return 0;
}
