#include "source/rtp_depack.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "media/packet.h"
#include "source/rtp_pool.h"

// One RTP packet of a story: `payload` in hex, blanks ignored. An 's' in front: of another sender;
// a 't': of another payload type.
struct step {
    uint16_t seq;
    uint32_t time;
    bool has_marker;
    const char *payload;
};

// One picture that must come out; the bytes in hex.
struct want {
    uint32_t time;
    bool is_key, is_corrupt;
    const char *bytes;
};

enum { STEPS = 8, WANTS = 5, TYPE = 96 };

struct story {
    const char *name;
    enum om_codec codec;
    bool has_order_numbers;
    struct step steps[STEPS];
    struct want wants[WANTS];
};

// H.264: 67 68 parameter sets, 06 SEI, 65 88 an IDR's first slice, 65 20 one of its others,
// 41 9a a P picture's first slice (slice_type 5), 41 20 another slice of one, 41 b0 an I picture.
// HEVC: 4001 4201 4401 parameter sets, 2601 80 an IDR's first slice, 0201 d0 a P picture's.
static const struct story stories[] = {
    {"one unit is a picture",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "65 88 01 02"}, {2, 200, true, "41 9a 03"}},
     {{100, true, false, "00000001 65880102"}, {200, false, false, "00000001 419a03"}}},
    {"parameter sets belong to the key frame, whatever their marker",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "67 01 02"}, {2, 100, true, "68 03"}, {3, 100, true, "65 88 09"}},
     {{100, true, false, "00000001 670102 00000001 6803 00000001 658809"}}},
    {"parameter sets with an older time stamp",
     OM_CODEC_H264,
     false,
     {{1, 90, false, "67 01 02"}, {2, 100, true, "65 88 09"}},
     {{100, true, false, "00000001 670102 00000001 658809"}}},
    {"STAP-A",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "18 0003 670102 0002 6803 0003 658809"}},
     {{100, true, false, "00000001 670102 00000001 6803 00000001 658809"}}},
    {"STAP-A cut off",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "18 0003 670102 0009 6803"}, {2, 100, true, "65 88 09"}},
     {{100, true, true, "00000001 670102 00000001 658809"}}},
    {"STAP-B",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "19 1234 0003 670102 0003 658809"}},
     {{100, true, false, "00000001 670102 00000001 658809"}}},
    {"FU-A in three",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "7c 85 88 01"}, {2, 100, false, "7c 05 02"}, {3, 100, true, "7c 45 03"}},
     {{100, true, false, "00000001 65 8801 02 03"}}},
    {"FU-A in one",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "5c c1 9a 01"}},
     {{100, false, false, "00000001 41 9a01"}}},
    {"FU-A: the middle is lost",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "7c 85 88 01"}, {3, 100, true, "7c 45 03"}, {4, 200, true, "41 9a 01"}},
     {{100, true, true, "00000001 65 8801"}, {200, false, true, "00000001 419a01"}}},
    {"FU-A: the beginning is lost",
     OM_CODEC_H264,
     false,
     {{1, 50, true, "41 9a 01"},
      {3, 100, false, "7c 05 02"},
      {4, 100, true, "7c 45 03"},
      {5, 200, true, "41 9a 02"},
      {6, 300, true, "41 9a 03"}},
     {{50, false, false, "00000001 419a01"},
      {200, false, true, "00000001 419a02"},
      {300, false, false, "00000001 419a03"}}},
    {"FU-A: the end is lost",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "7c 85 88 01"}, {3, 200, true, "41 9a 02"}, {4, 300, true, "41 9a 03"}},
     {{100, true, true, "00000001 65 8801"},
      {200, false, true, "00000001 419a02"},
      {300, false, false, "00000001 419a03"}}},
    {"a whole picture is lost",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "41 9a 01"}, {4, 300, true, "41 9a 02"}, {5, 400, true, "41 9a 03"}},
     {{100, false, false, "00000001 419a01"},
      {300, false, true, "00000001 419a02"},
      {400, false, false, "00000001 419a03"}}},
    {"no marker at all: the next picture ends it",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "65 88 01"},
      {2, 100, false, "65 20 02"},
      {3, 200, false, "41 9a 03"},
      {4, 300, false, "41 9a 04"}},
     {{100, true, false, "00000001 658801 00000001 652002"},
      {200, false, false, "00000001 419a03"}}},
    {"a marker on every slice is found out",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "65 88 01"},
      {2, 100, true, "65 20 02"},
      {3, 200, true, "41 9a 03"},
      {4, 200, true, "41 20 04"},
      {5, 300, true, "41 9a 05"},
      {6, 300, true, "41 20 06"},
      {7, 400, true, "41 9a 07"}},
     {{100, true, false, "00000001 658801"},
      {100, true, true, "00000001 652002"},
      {200, false, false, "00000001 419a03 00000001 412004"},
      {300, false, false, "00000001 419a05 00000001 412006"}}},
    {"the same time stamp for ever",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "65 88 01"},
      {2, 100, true, "41 9a 02"},
      {3, 100, false, "41 9a 03"},
      {4, 100, false, "41 20 04"},
      {5, 100, false, "41 9a 05"}},
     {{100, true, false, "00000001 658801"},
      {100, false, false, "00000001 419a02"},
      {100, false, false, "00000001 419a03 00000001 412004"}}},
    {"numbers and time stamps wrap",
     OM_CODEC_H264,
     false,
     {{65535, 0xffffff00, true, "65 88 01"}, {0, 0x100, true, "41 9a 02"}},
     {{0xffffff00, true, false, "00000001 658801"}, {0x100, false, false, "00000001 419a02"}}},
    {"a packet twice",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "65 88 01"}, {1, 100, false, "65 88 01"}, {2, 100, true, "65 20 02"}},
     {{100, true, false, "00000001 658801 00000001 652002"}}},
    {"numbers begin anew",
     OM_CODEC_H264,
     false,
     {{40000, 100, true, "65 88 01"}, {7, 200, true, "41 9a 02"}, {8, 300, true, "41 9a 03"}},
     {{100, true, false, "00000001 658801"},
      {200, false, true, "00000001 419a02"},
      {300, false, false, "00000001 419a03"}}},
    {"another sender",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "65 88 01"}, {900, 7, true, "s 65 88 02"}},
     {{100, true, false, "00000001 658801"}, {7, true, true, "00000001 658802"}}},
    {"another payload type",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "65 88 01"}, {2, 100, true, "t ff ff"}, {3, 100, true, "65 20 02"}},
     {{100, true, false, "00000001 658801 00000001 652002"}}},
    {"an I picture without IDR",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "41 b0 01"}},
     {{100, true, false, "00000001 41b001"}}},
    {"a recovery point",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "06 05 02 aaaa 06 01 c4 80"}, {2, 100, true, "41 9a 01"}},
     {{100, true, false, "00000001 060502aaaa0601c480 00000001 419a01"}}},
    {"start codes inside of a unit",
     OM_CODEC_H264,
     false,
     {{1, 100, true, "00000001 67 0102 00000001 68 03 00000001 65 8801"},
      {2, 200, true, "41 9a 02"}},
     {{100, true, false, "00000001 670102 00000001 6803 00000001 658801"},
      {200, false, false, "00000001 419a02"}}},
    {"unknown units and empty ones",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "65 88 01"},
      {2, 100, false, "1e 00"},
      {3, 100, false, "7c 85"},
      {4, 100, false, ""},
      {5, 100, true, "65 20 02"}},
     {{100, true, true, "00000001 658801 00000001 652002"}}},
    {"a fragment that never ends",
     OM_CODEC_H264,
     false,
     {{1, 100, false, "7c 85 88 01"}, {2, 100, true, "65 20 02"}},
     {{100, true, true, "00000001 658801 00000001 652002"}}},
    {"HEVC: one unit",
     OM_CODEC_HEVC,
     false,
     {{1, 100, false, "4001 aa"}, {2, 100, true, "2601 80 01"}, {3, 200, true, "0201 d0 02"}},
     {{100, true, false, "00000001 4001aa 00000001 26018001"},
      {200, false, false, "00000001 0201d002"}}},
    {"HEVC: AP",
     OM_CODEC_HEVC,
     false,
     {{1, 100, true, "6001 0003 4201aa 0003 4401bb 0004 26018001"}},
     {{100, true, false, "00000001 4201aa 00000001 4401bb 00000001 26018001"}}},
    {"HEVC: FU",
     OM_CODEC_HEVC,
     false,
     {{1, 100, false, "6201 93 8001"}, {2, 100, false, "6201 13 02"}, {3, 100, true, "6201 53 03"}},
     {{100, true, false, "00000001 2601 8001 02 03"}}},
    {"HEVC: order numbers are stepped over",
     OM_CODEC_HEVC,
     true,
     {{1, 100, false, "4001 0000 aa"},
      {2, 100, false, "6001 0001 0003 4201aa 00 0003 4401bb"},
      {3, 100, false, "6201 93 0003 8001"},
      {4, 100, true, "6201 53 03"}},
     {{100, true, false, "00000001 4001aa 00000001 4201aa 00000001 4401bb 00000001 2601 8001 03"}}},
    {"HEVC: lost",
     OM_CODEC_HEVC,
     false,
     {{1, 100, false, "6201 93 8001"}, {3, 100, true, "6201 53 03"}},
     {{100, true, true, "00000001 2601 8001"}}},
};

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;

    for (const char *c = hex; *c; c++) {
        if (*c == ' ')
            continue;
        out[n++] = (uint8_t)(hex_digit(c[0]) << 4 | hex_digit(c[1]));
        c++;
    }
    return n;
}

static size_t make_packet(const struct step *step, uint8_t *out)
{
    char odd = step->payload[0] == 's' || step->payload[0] == 't' ? step->payload[0] : ' ';
    const uint8_t head[12] = {0x80,
                              (uint8_t)(step->has_marker << 7 | (odd == 't' ? TYPE + 1 : TYPE)),
                              (uint8_t)(step->seq >> 8),
                              (uint8_t)step->seq,
                              (uint8_t)(step->time >> 24),
                              (uint8_t)(step->time >> 16),
                              (uint8_t)(step->time >> 8),
                              (uint8_t)step->time,
                              [11] = odd == 's' ? 9 : 0};
    memcpy(out, head, sizeof(head));
    return sizeof(head) + from_hex(step->payload + (odd == ' ' ? 0 : 1), out + sizeof(head));
}

static bool is_as_wanted(const struct om_rtp_picture *picture, const struct want *want)
{
    uint8_t bytes[256];
    const struct om_packet *packet = picture->packet;
    size_t n = want->bytes ? from_hex(want->bytes, bytes) : 0;

    for (size_t i = 0; i < 64; i++)
        om_assert(packet->data[packet->bytes + i] == 0);
    return n > 0 && picture->time == want->time && packet->is_key == want->is_key &&
           packet->is_corrupt == want->is_corrupt && packet->bytes == n &&
           memcmp(packet->data, bytes, n) == 0;
}

static void play(const struct story *story)
{
    struct om_rtp_depack depack;
    struct om_rtp_picture picture;
    size_t at = 0;

    om_rtp_depack_init(&depack,
                       &(struct om_rtp_depack_opts){story->codec, TYPE, story->has_order_numbers});
    for (size_t i = 0; i < STEPS && story->steps[i].payload; i++) {
        uint8_t packet[256];
        size_t n = make_packet(&story->steps[i], packet);
        om_assert(om_rtp_depack_push(&depack, packet, n) == OM_OK);
        while (om_rtp_depack_take(&depack, &picture)) {
            bool is_good = at < WANTS && is_as_wanted(&picture, &story->wants[at]);
            if (!is_good)
                fprintf(stderr, "%s: picture %zu is wrong\n", story->name, at);
            om_assert(is_good);
            at++;
            om_packet_unref(&picture.packet);
        }
    }
    if (at < WANTS && story->wants[at].bytes)
        fprintf(stderr, "%s: picture %zu is missing\n", story->name, at);
    om_assert(at == WANTS || !story->wants[at].bytes);
    om_rtp_depack_finish(&depack);
}

static void test_heads(void)
{
    static const struct {
        const char *hex;
        bool is_good;
        size_t payload_bytes;
    } rows[] = {
        {"80 60 0001 00000064 00000000 65 88", true, 2},
        {"80 60 0001 00000064 00000000", true, 0},
        {"80 60 0001 00000064 000000", false, 0},
        {"40 60 0001 00000064 00000000 65 88", false, 0},                 // version 1
        {"81 60 0001 00000064 00000000 11111111 65 88", true, 2},         // a contributing source
        {"8f 60 0001 00000064 00000000 65 88", false, 0},                 // fifteen of them
        {"90 60 0001 00000064 00000000 abac 0001 22222222 65", true, 1},  // an extension
        {"90 60 0001 00000064 00000000 abac 0002 22222222 65", false, 0},
        {"90 60 0001 00000064 00000000 ab", false, 0},
        {"a0 60 0001 00000064 00000000 65 88 00 02", true, 2},  // padding
        {"a0 60 0001 00000064 00000000 65 88 00 09", false, 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        uint8_t data[64];
        struct om_rtp_head head;
        size_t n = from_hex(rows[i].hex, data);
        om_assert(om_rtp_parse(data, n, &head) == rows[i].is_good);
        if (rows[i].is_good)
            om_assert(head.payload_bytes == rows[i].payload_bytes && head.seq == 1 &&
                      head.time == 100 && head.payload_type == 96 && !head.has_marker);
    }
}

static void test_bye(void)
{
    uint8_t data[64];
    size_t n = from_hex("80 c8 0001 00000000 81 cb 0001 00000000", data);
    om_assert(om_rtcp_has_bye(data, n));
    om_assert(!om_rtcp_has_bye(data, 8));
    om_assert(!om_rtcp_has_bye(data, 9));
    n = from_hex("80 c8 ffff 81 cb 0001 00000000", data);
    om_assert(!om_rtcp_has_bye(data, n));
}

static void push(struct om_rtp_depack *depack, struct step step, size_t filler)
{
    static uint8_t packet[70000];
    size_t n = make_packet(&step, packet);
    memset(packet + n, 0x55, filler);
    om_assert(om_rtp_depack_push(depack, packet, n + filler) == OM_OK);
}

// A picture grows to the bound and not further; the one behind it is as good as ever.
static void test_bound(void)
{
    struct om_rtp_depack depack;
    struct om_rtp_picture picture;
    uint16_t seq = 0;
    enum om_status status = OM_OK;

    om_rtp_depack_init(&depack, &(struct om_rtp_depack_opts){OM_CODEC_H264, TYPE, false});
    push(&depack, (struct step){seq++, 100, false, "7c 85 88"}, 60000);
    for (int i = 0; i < 100; i++)
        push(&depack, (struct step){seq++, 100, false, "7c 05"}, 60000);
    push(&depack, (struct step){seq++, 100, true, "7c 45"}, 1);
    om_assert(om_rtp_depack_take(&depack, &picture));
    om_assert(picture.packet->bytes == 5 + 1 + 101 * 60000 + 1 && !picture.packet->is_corrupt);
    om_packet_unref(&picture.packet);

    push(&depack, (struct step){seq++, 200, false, "7c 85 88"}, 60000);
    for (int i = 0; i < 200 && status == OM_OK; i++) {
        static uint8_t packet[70000];
        size_t n = make_packet(&(struct step){seq++, 200, false, "7c 05"}, packet);
        status = om_rtp_depack_push(&depack, packet, n + 60000);
    }
    om_assert(status == OM_LIMIT && !om_rtp_depack_take(&depack, &picture));
    push(&depack, (struct step){seq++, 300, true, "65 88"}, 0);
    om_assert(om_rtp_depack_take(&depack, &picture) && picture.packet->is_corrupt);
    om_packet_unref(&picture.packet);
    om_rtp_depack_finish(&depack);
}

// Pictures of changing sizes, held until the next key frame as a ring does: no allocation once
// warm.
static void test_steady_state(void)
{
    enum { GROUP = 40, ROUNDS = 8000, WARM = 1000 };
    struct om_packet *held[GROUP] = {0};
    struct om_rtp_depack depack;
    struct om_rtp_picture picture;
    uint64_t before = 0;

    om_rtp_depack_init(&depack, &(struct om_rtp_depack_opts){OM_CODEC_H264, TYPE, false});
    for (int i = 0; i < ROUNDS; i++) {
        if (i == WARM)
            before = om_mem_alloc_count();
        push(&depack, (struct step){(uint16_t)i, (uint32_t)i, true, i % GROUP ? "41 9a" : "65 88"},
             i % GROUP ? (size_t)(i % 7) * 300 : 30000);
        om_assert(om_rtp_depack_take(&depack, &picture));
        for (int k = 0; k < GROUP && i % GROUP == 0; k++)
            om_packet_unref(&held[k]);
        held[i % GROUP] = picture.packet;
    }
    om_assert(om_mem_alloc_count() == before);
    for (int i = 0; i < GROUP; i++)
        om_packet_unref(&held[i]);
    om_rtp_depack_finish(&depack);
    struct om_rtp_pool_stats stats;
    om_rtp_pool_stats(&stats);
    om_assert(stats.out == 0 && stats.bytes_out == 0 && stats.bytes_kept < 64 << 20);
}

// What many needed at once goes back when few are needed for long.
static void test_fading(void)
{
    enum { BURST = 400, BYTES = 5000 };
    struct om_packet *held[BURST];
    struct om_rtp_pool_stats stats;

    for (int i = 0; i < BURST; i++)
        om_assert(held[i] = om_rtp_pool_take(BYTES));
    for (int i = 0; i < BURST; i++)
        om_packet_unref(&held[i]);
    om_rtp_pool_stats(&stats);
    om_assert(stats.kept >= BURST - 8);
    for (int i = 0; i < 256 * 400; i++) {
        struct om_packet *packet = om_rtp_pool_take(BYTES);
        om_packet_unref(&packet);
    }
    om_rtp_pool_stats(&stats);
    om_assert(stats.kept < BURST / 2);
}

int main(void)
{
    test_heads();
    test_bye();
    for (size_t i = 0; i < OM_ARRAY_LEN(stories); i++)
        play(&stories[i]);
    test_bound();
    test_steady_state();
    test_fading();
    return 0;
}
