#include "media/param_sets.h"

#include "base/assert.h"

// Sets of two streams (x264, 640x360 and 320x180), as one key frame each has them.
static const uint8_t sps_a[] = {0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f,
                                0xf9, 0x61, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00,
                                0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2d, 0x96};
static const uint8_t sps_b[] = {0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f,
                                0x9e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00,
                                0x03, 0x03, 0xc0, 0xf1, 0x42, 0x99, 0x60};
static const uint8_t pps_a[] = {0x68, 0xeb, 0xec, 0xb2, 0x2c};
static const uint8_t pps_b[] = {0x68, 0xcb, 0x8c, 0xb2};
static const uint8_t pps_1[] = {0x68, 0x5f, 0x20};  // id 1
static const uint8_t slice[] = {0x65, 0x88, 0x84, 0x01};

struct part {
    const uint8_t *p;
    size_t n;
};
#define PART(array) ((struct part){(array), sizeof(array)})

static void annexb(struct om_buf *out, const struct part *parts, size_t count)
{
    om_buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        om_buf_append(out, "\0\0\0\1", 4);
        om_buf_append(out, parts[i].p, parts[i].n);
    }
}

static bool learn(struct om_param_sets *sets, struct om_buf *buf, const struct part *parts,
                  size_t count)
{
    annexb(buf, parts, count);
    return om_param_sets_learn(sets, (const uint8_t *)buf->data, buf->len, 0);
}

static void test_learns_and_starts_anew(void)
{
    struct om_param_sets sets;
    om_param_sets_init(&sets, OM_CODEC_H264);
    om_auto_buf buf;
    om_buf_init(&buf, 4096);

    om_assert(!learn(&sets, &buf, (struct part[]){PART(slice)}, 1));
    om_assert(!om_param_sets_is_complete(&sets));
    om_assert(learn(&sets, &buf, (struct part[]){PART(sps_a), PART(slice)}, 2));
    om_assert(!om_param_sets_is_complete(&sets));
    om_assert(learn(&sets, &buf, (struct part[]){PART(sps_a), PART(pps_a), PART(slice)}, 3));
    om_assert(om_param_sets_is_complete(&sets) && sets.sps.width == 640 && sets.sps.height == 360);
    om_assert(!learn(&sets, &buf, (struct part[]){PART(sps_a), PART(pps_a), PART(slice)}, 3));
    om_assert(learn(&sets, &buf, (struct part[]){PART(pps_1), PART(slice)}, 2));
    om_assert(sets.count == 3);

    // Another SPS under the same id is another stream: the PPS with id 1 was not part of it.
    om_assert(learn(&sets, &buf, (struct part[]){PART(sps_b), PART(pps_b), PART(slice)}, 3));
    om_assert(sets.count == 2 && sets.sps.width == 320 && sets.sps.height == 180);
    om_assert(om_param_sets_has(&sets, (struct om_nal){pps_b, sizeof(pps_b)}));
    om_assert(!om_param_sets_has(&sets, (struct om_nal){pps_a, sizeof(pps_a)}));

    char text[64];
    om_assert(om_str_equal(om_str_from(om_param_sets_codecs(&sets, text, sizeof(text))),
                           OM_STR("avc1.64000d")));
    om_param_sets_finish(&sets);
}

static void test_avcc_there_and_back(void)
{
    struct om_param_sets sets, again;
    om_param_sets_init(&sets, OM_CODEC_H264);
    om_param_sets_init(&again, OM_CODEC_H264);
    om_auto_buf buf;
    om_buf_init(&buf, 4096);
    om_assert(learn(&sets, &buf, (struct part[]){PART(sps_a), PART(pps_a), PART(pps_1)}, 3));

    om_buf_clear(&buf);
    om_param_sets_write(&sets, &buf);
    const uint8_t *data = (const uint8_t *)buf.data;
    int length_bytes = 0;
    om_assert(om_param_sets_load(&again, data, buf.len, &length_bytes) == OM_OK);
    om_assert(length_bytes == 4 && again.count == 3 && again.sps.width == 640);
    om_param_sets_finish(&again);

    for (size_t n = 1; n < buf.len; n++) {  // every cut is noticed, none is fatal
        om_param_sets_init(&again, OM_CODEC_H264);
        enum om_status want = n < buf.len - 4 ? OM_INVALID : OM_OK;  // many leave the last four out
        om_assert(om_param_sets_load(&again, data, n, &length_bytes) == want);
        om_param_sets_finish(&again);
    }
    om_param_sets_finish(&sets);
}

static void test_bounds(void)
{
    struct om_param_sets sets;
    om_param_sets_init(&sets, OM_CODEC_H264);
    om_auto_buf buf;
    om_buf_init(&buf, 1 << 20);

    static uint8_t long_pps[OM_PARAM_SET_BYTES_MAX + 1] = {0x68, 0xff};
    memset(long_pps + 1, 0xff, sizeof(long_pps) - 1);
    om_assert(!learn(&sets, &buf, (struct part[]){PART(long_pps)}, 1));

    for (unsigned id = 0; id < 256; id++) {  // ids in Exp-Golomb of 17 bits: 0000 0000 1...
        uint32_t code = id + 1;
        int bits = 32 - __builtin_clz(code);
        uint32_t word = code << (33 - 2 * bits);
        uint8_t pps[6] = {
            0x68, (uint8_t)(word >> 24), (uint8_t)(word >> 16), (uint8_t)(word >> 8), 0x80, 1};
        (void)learn(&sets, &buf, (struct part[]){PART(pps)}, 1);
    }
    om_assert(sets.count == 32);  // PPS; more would fill no real stream
    om_param_sets_finish(&sets);
}

int main(void)
{
    test_learns_and_starts_anew();
    test_avcc_there_and_back();
    test_bounds();
    return 0;
}
