#include "source/rtsp_sdp.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "media/nal.h"
#include "source/rtsp_text.h"

#define SPS "Z0IAKeKQFAe2AtwEBAaQeJEV"
#define PPS "aM48gA=="
#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n"
#define H264 "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
#define HEVC_SETS "sprop-vps=QAEMAf//;sprop-sps=QgEBAWAAAAMA;sprop-pps=RAHBcrRi"

static const struct {
    const char *name, *text;
    enum om_status status;
    enum om_codec codec;
    int payload_type, clock_rate;
    double fps;
    const char *session_control, *control;
    size_t params_bytes;
    bool has_order_numbers;
} rows[] = {
    {"GStreamer",
     HEAD "a=tool:GStreamer\r\na=type:broadcast\r\na=control:*\r\na=range:npt=now-\r\n"
          "m=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\nb=AS:480\r\na=rtpmap:96 H264/90000\r\n"
          "a=framerate:12\r\na=fmtp:96 packetization-mode=1;profile-level-id=4d401e;"
          "sprop-parameter-sets=" SPS "," PPS "\r\na=control:stream=0\r\n",
     OM_OK, OM_CODEC_H264, 96, 90000, 12, "*", "stream=0", 4 + 18 + 4 + 4, false},
    {"line feeds only, the audio first",
     "v=0\ns=x\nm=audio 0 RTP/AVP 0\na=control:track0\nm=video 0 RTP/AVP 97\n"
     "a=rtpmap:97 h264/90000\na=control:rtsp://h/x/track1\nm=application 0 RTP/AVP 107\n"
     "a=control:track2\na=rtpmap:97 JPEG/90000\n",
     OM_OK, OM_CODEC_H264, 97, 90000, 0, "", "rtsp://h/x/track1", 0, false},
    {"the first video of two", HEAD H264 "a=control:a\r\nm=video 0 RTP/AVP 97\r\na=control:b\r\n",
     OM_OK, OM_CODEC_H264, 96, 90000, 0, "", "a", 0, false},
    {"no control", HEAD H264, OM_OK, OM_CODEC_H264, 96, 90000, 0, "", "", 0, false},
    {"no line end", HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000", OM_OK, OM_CODEC_H264, 96,
     90000, 0, "", "", 0, false},
    {"blanks",
     HEAD "m=video  0  RTP/AVP  96 \r\na=rtpmap: 96  H264/90000 \r\n"
          "a=fmtp:96  packetization-mode = 1 ; sprop-parameter-sets = " PPS " ;\r\n",
     OM_OK, OM_CODEC_H264, 96, 90000, 0, "", "", 8, false},
    {"another map in front",
     HEAD "m=video 0 RTP/AVP 98 99\r\na=rtpmap:99 JPEG/90000\r\n"
          "a=rtpmap:98 H264/90000\r\n",
     OM_OK, OM_CODEC_H264, 98, 90000, 0, "", "", 0, false},
    {"parameter sets that are none", HEAD H264 "a=fmtp:96 sprop-parameter-sets=!!,,=,A\r\n", OM_OK,
     OM_CODEC_H264, 96, 90000, 0, "", "", 0, false},
    {"an odd clock and rate",
     HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/0\r\n"
          "a=framerate:-1\r\n",
     OM_OK, OM_CODEC_H264, 96, 90000, 0, "", "", 0, false},
    {"no clock", HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264\r\na=framerate:29.97\r\n", OM_OK,
     OM_CODEC_H264, 96, 90000, 29.97, "", "", 0, false},
    {"HEVC", HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=fmtp:96 " HEVC_SETS "\r\n",
     OM_OK, OM_CODEC_HEVC, 96, 90000, 0, "", "", 3 * 4 + 6 + 8 + 6, false},
    {"HEVC with order numbers",
     HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-max-don-diff=2\r\n",
     OM_OK, OM_CODEC_HEVC, 96, 90000, 0, "", "", 0, true},
    {"MJPEG", HEAD "m=video 0 RTP/AVP 26\r\n", OM_UNSUPPORTED, 0, 0, 0, 0, "", "", 0, false},
    {"MPEG-4", HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n", OM_UNSUPPORTED, 0, 0,
     0, 0, "", "", 0, false},
    {"units out of order", HEAD H264 "a=fmtp:96 packetization-mode=2\r\n", OM_UNSUPPORTED, 0, 0, 0,
     0, "", "", 0, false},
    {"SRTP", HEAD "m=video 0 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\n", OM_UNSUPPORTED, 0, 0, 0, 0,
     "", "", 0, false},
    {"a key", HEAD H264 "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n", OM_UNSUPPORTED, 0, 0, 0,
     0, "", "", 0, false},
    {"a key for all", HEAD "a=key-mgmt:mikey x\r\n" H264, OM_UNSUPPORTED, 0, 0, 0, 0, "", "", 0,
     false},
    {"no format", HEAD "m=video 0 RTP/AVP\r\n", OM_UNSUPPORTED, 0, 0, 0, 0, "", "", 0, false},
    {"payload type", HEAD "m=video 0 RTP/AVP 300\r\n", OM_UNSUPPORTED, 0, 0, 0, 0, "", "", 0,
     false},
    {"audio only", HEAD "m=audio 0 RTP/AVP 0\r\n", OM_INVALID, 0, 0, 0, 0, "", "", 0, false},
    {"nothing", "", OM_INVALID, 0, 0, 0, 0, "", "", 0, false},
    {"no description", "<html>m=video 0</html>", OM_INVALID, 0, 0, 0, 0, "", "", 0, false},
};

static void test_descriptions(void)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        static struct om_rtsp_media media;
        enum om_status status = om_rtsp_sdp_parse(om_str_from(rows[i].text), &media);
        bool is_good = status == rows[i].status;
        if (status == OM_OK)
            is_good = is_good && media.codec == rows[i].codec &&
                      media.payload_type == rows[i].payload_type &&
                      media.clock_rate == rows[i].clock_rate && media.fps > rows[i].fps - 1e-9 &&
                      media.fps < rows[i].fps + 1e-9 &&
                      om_str_equal(media.session_control, om_str_from(rows[i].session_control)) &&
                      om_str_equal(media.control, om_str_from(rows[i].control)) &&
                      media.params_bytes == rows[i].params_bytes &&
                      media.has_order_numbers == rows[i].has_order_numbers;
        if (!is_good)
            fprintf(stderr, "%s: %s, %zu bytes\n", rows[i].name, om_status_name(status),
                    media.params_bytes);
        om_assert(is_good);
    }
}

// The sets are in the form that params.c collects from pictures.
static void test_sets(void)
{
    static struct om_rtsp_media media;
    struct om_nal_reader reader;
    struct om_nal nal;
    struct om_sps sps;

    om_assert(om_rtsp_sdp_parse(om_str_from(rows[0].text), &media) == OM_OK);
    om_nal_reader_init(&reader, media.params, media.params_bytes, 0);
    om_assert(om_nal_next(&reader, &nal) && om_sps_parse(OM_CODEC_H264, nal, &sps));
    om_assert(sps.width == 640 && sps.height == 480);
    om_assert(om_nal_next(&reader, &nal) && om_nal_kind_of(OM_CODEC_H264, nal) == OM_NAL_PPS);
    om_assert(!om_nal_next(&reader, &nal));
}

// More sets than there is room for: what fits is kept.
static void test_bound(void)
{
    static char text[OM_RTSP_BODY_MAX];
    static struct om_rtsp_media media;
    int n = snprintf(text, sizeof(text), HEAD H264 "a=fmtp:96 sprop-parameter-sets=");

    for (; n + 20 < (int)sizeof(text); n += 16)
        memcpy(text + n, "Z0IAKeKQFAe2Atw,", 16);
    om_assert(om_rtsp_sdp_parse(om_str_n(text, (size_t)n), &media) == OM_OK);
    om_assert(media.params_bytes <= OM_RTSP_PARAMS_MAX);
    om_assert(media.params_bytes > OM_RTSP_PARAMS_MAX - 20);
}

int main(void)
{
    test_descriptions();
    test_sets();
    test_bound();
    return 0;
}
