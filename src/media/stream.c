#include "media/stream.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

const char *om_codec_name(enum om_codec codec)
{
    static const char *const names[OM_CODEC_COUNT] = {
        [OM_CODEC_NONE] = "none",   [OM_CODEC_H264] = "h264",   [OM_CODEC_HEVC] = "hevc",
        [OM_CODEC_AV1] = "av1",     [OM_CODEC_VP8] = "vp8",     [OM_CODEC_VP9] = "vp9",
        [OM_CODEC_MPEG2] = "mpeg2", [OM_CODEC_MPEG4] = "mpeg4", [OM_CODEC_MJPEG] = "mjpeg",
        [OM_CODEC_RAW] = "raw",
    };
    om_assert((unsigned)codec < OM_CODEC_COUNT);
    return names[codec];
}

void om_stream_info_copy(struct om_stream_info *dst, const struct om_stream_info *src)
{
    *dst = *src;
    dst->extradata = NULL;
    if (src->extradata_bytes > 0) {
        dst->extradata = om_new_array(uint8_t, src->extradata_bytes);
        memcpy(dst->extradata, src->extradata, src->extradata_bytes);
    }
}

void om_stream_info_finish(struct om_stream_info *info)
{
    om_free(info->extradata);
    *info = (struct om_stream_info){0};
}
