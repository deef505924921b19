#include "source/params.h"

#include <string.h>

#include "base/mem.h"
#include "media/nal.h"
#include "media/packet.h"

enum { PARAMS_MAX = 4096, START_CODE = 4 };

static bool is_parameter_set(enum om_codec codec, uint8_t first)
{
    if (codec == OM_CODEC_H264) {
        int type = first & 31;
        return type == 7 || type == 8;
    }
    int type = first >> 1 & 63;
    return type >= 32 && type <= 34;
}

// Whether a NAL unit is part of a picture: parameter sets do not follow it.
static bool is_slice(enum om_codec codec, uint8_t first)
{
    return codec == OM_CODEC_H264 ? (first & 31) >= 1 && (first & 31) <= 5 : (first >> 1 & 63) < 32;
}

static size_t next_start(const uint8_t *p, size_t n, size_t at)
{
    for (; at + 3 < n; at++) {
        if (p[at] == 0 && p[at + 1] == 0 && p[at + 2] == 1)
            return at;
    }
    return n;
}

size_t om_params_collect(enum om_codec codec, const struct om_packet *packet, uint8_t *out,
                         size_t size)
{
    const uint8_t *p = packet->data;
    size_t used = 0, n = packet->bytes;

    for (size_t at = next_start(p, n, 0), end; at < n; at = end) {
        uint8_t first = p[at + 3];
        if (is_slice(codec, first))
            break;
        end = next_start(p, n, at + 3);
        if (!is_parameter_set(codec, first))
            continue;
        size_t stop = end;
        while (stop > at + 4 && p[stop - 1] == 0)
            stop--;
        size_t body = stop - (at + 3);
        if (memmem(out, used, p + at + 3, body))
            continue;  // some cameras send them twice
        if (used + START_CODE + body > size)
            return 0;
        memcpy(out + used, "\0\0\0\1", START_CODE);
        memcpy(out + used + START_CODE, p + at + 3, body);
        used += START_CODE + body;
    }
    return used;
}

static bool find_size(struct om_stream_info *info, const uint8_t *p, size_t n)
{
    struct om_nal_reader reader;
    struct om_nal nal;
    struct om_sps sps;

    om_nal_reader_init(&reader, p, n, 0);
    while (om_nal_next(&reader, &nal)) {
        if (is_slice(info->codec, nal.p[0]))
            return false;
        if (om_sps_parse(info->codec, nal, &sps)) {
            info->width = sps.width;
            info->height = sps.height;
            return true;
        }
    }
    return false;
}

bool om_params_size(struct om_stream_info *info, const struct om_packet *packet)
{
    return find_size(info, packet->data, packet->bytes) ||
           find_size(info, info->extradata, info->extradata_bytes);
}

bool om_params_update(struct om_stream_info *info, const struct om_packet *packet)
{
    uint8_t params[PARAMS_MAX];

    if (info->codec != OM_CODEC_H264 && info->codec != OM_CODEC_HEVC)
        return false;
    size_t n = om_params_collect(info->codec, packet, params, sizeof(params));
    if (n == 0 || (n == info->extradata_bytes && memcmp(params, info->extradata, n) == 0))
        return false;
    om_free(info->extradata);
    info->extradata = om_new_array(uint8_t, n);
    memcpy(info->extradata, params, n);
    info->extradata_bytes = n;
    return true;
}
