#include "media/slice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "media/param_sets.h"

// ---- real streams ------------------------------------------------------------------------------

struct count {
    int pictures, slices, failed, types[3], qp_min, qp_max;
};

static void look(struct om_slice_params *params, struct om_nal nal, struct count *count)
{
    struct om_slice_header header;
    (void)om_slice_params_learn(params, nal);
    if (om_nal_kind_of(params->codec, nal) != OM_NAL_PICTURE)
        return;
    count->slices++;
    if (!om_slice_header_parse(params, nal, &header)) {
        count->failed++;
        return;
    }
    count->types[header.type]++;
    count->pictures += header.is_first;
    count->qp_min = OM_MIN(count->qp_min, header.qp);
    count->qp_max = OM_MAX(count->qp_max, header.qp);
}

static struct count count_file(const char *shared, const char *name, enum om_codec codec)
{
    char path[512];
    om_auto_free char *bytes = NULL;
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/data/videos/variants/%s", shared, name);
    om_assert(om_file_read(path, 1 << 24, &bytes, &n, NULL));

    struct count count = {.qp_min = 99, .qp_max = -99};
    struct om_slice_params *params = om_new(struct om_slice_params);
    struct om_nal_reader reader;
    struct om_nal nal;
    om_slice_params_init(params, codec);
    om_nal_reader_init(&reader, (const uint8_t *)bytes, n, 0);
    while (om_nal_next(&reader, &nal))
        look(params, nal, &count);
    om_free(params);
    return count;
}

// Made by x264 with two slices a picture at a constant rate factor, so the quantiser stays near
// it.
static void test_real(const char *shared)
{
    struct count count = count_file(shared, "h264_annexb.h264", OM_CODEC_H264);
    om_assert(count.pictures == 60 && count.slices == 120 && count.failed == 0);
    om_assert(count.types[OM_SLICE_I] >= 1 && count.types[OM_SLICE_P] >= 10);
    om_assert(count.qp_min >= 10 && count.qp_max <= 45);
    // Two sizes, so two parameter sets with one id.
    count = count_file(shared, "size_change.h264", OM_CODEC_H264);
    om_assert(count.pictures == 60 && count.failed == 0);
}

// The content of the first box of that type, wherever it is in the file.
static om_str box(om_str file, const char *type)
{
    ptrdiff_t at = om_str_find(file, om_str_from(type));
    om_assert(at >= 4);
    const uint8_t *p = (const uint8_t *)file.p + at - 4;
    size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    return om_str_sub(file, (size_t)at + 4, (size_t)at - 4 + n);
}

// Made by x265: B-pictures, so the short-term sets and the tables of the slice header are used.
static void test_hevc(const char *shared)
{
    char path[512];
    om_auto_free char *bytes = NULL;
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/data/videos/variants/hevc.mp4", shared);
    om_assert(om_file_read(path, 1 << 24, &bytes, &n, NULL));
    om_str file = om_str_n(bytes, n), config = box(file, "hvcC"), media = box(file, "mdat");

    struct om_param_sets sets;
    int length_bytes = 0;
    om_param_sets_init(&sets, OM_CODEC_HEVC);
    om_assert(om_param_sets_load(&sets, (const uint8_t *)config.p, config.n, &length_bytes) ==
              OM_OK);
    struct om_slice_params *params = om_new(struct om_slice_params);
    om_slice_params_init(params, OM_CODEC_HEVC);
    for (int i = 0; i < sets.count; i++)
        om_assert(
            om_slice_params_learn(params, (struct om_nal){sets.items[i].data, sets.items[i].n}));
    struct count count = {.qp_min = 99, .qp_max = -99};
    struct om_nal_reader reader;
    struct om_nal nal;
    om_nal_reader_init(&reader, (const uint8_t *)media.p, media.n, length_bytes);
    while (om_nal_next(&reader, &nal))
        look(params, nal, &count);
    om_assert(count.pictures == 60 && count.failed == 0);
    om_assert(count.types[OM_SLICE_I] >= 1 && count.types[OM_SLICE_B] >= 30);
    om_assert(count.qp_min >= 20 && count.qp_max <= 45);
    om_free(params);
    om_param_sets_finish(&sets);
}

// A slice that ends in the middle of its header, or refers to a set that is not there.
static void test_broken(void)
{
    static const uint8_t sps[] = {0x67, 0x42, 0, 0x1e, 0xda, 0x02, 0x80, 0xf6, 0x80};
    static const uint8_t pps[] = {0x68, 0xce, 0x3c, 0x80}, slice[] = {0x41, 0x9a, 0x20, 0x10};
    struct om_slice_params *params = om_new(struct om_slice_params);
    struct om_slice_header header;
    om_slice_params_init(params, OM_CODEC_H264);
    om_assert(!om_slice_header_parse(params, (struct om_nal){slice, sizeof(slice)}, &header));
    om_assert(om_slice_params_learn(params, (struct om_nal){sps, sizeof(sps)}));
    om_assert(!om_slice_header_parse(params, (struct om_nal){slice, sizeof(slice)}, &header));
    om_assert(om_slice_params_learn(params, (struct om_nal){pps, sizeof(pps)}));
    om_assert(!om_slice_header_parse(params, (struct om_nal){slice, 2}, &header));
    om_assert(!om_slice_header_parse(params, (struct om_nal){sps, sizeof(sps)}, &header));
    om_assert(!om_slice_params_learn(params, (struct om_nal){pps, 2}));
    om_free(params);
}

int main(void)
{
    test_broken();
    const char *shared = getenv("OMMA_SHARED");
    char path[512];
    snprintf(path, sizeof(path), "%s/data/videos/variants/h264_annexb.h264", shared ? shared : "");
    if (!om_file_exists(path)) {
        puts("skipped: no ../shared");
        return 77;
    }
    test_real(shared);
    test_hevc(shared);
    return 0;
}
