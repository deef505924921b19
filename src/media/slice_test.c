#include "media/slice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"

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

int main(void)
{
    const char *shared = getenv("OMMA_SHARED");
    char path[512];
    snprintf(path, sizeof(path), "%s/data/videos/variants/h264_annexb.h264", shared ? shared : "");
    if (!om_file_exists(path)) {
        puts("skipped: no ../shared");
        return 77;
    }
    test_real(shared);
    return 0;
}
