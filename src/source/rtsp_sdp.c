#include "source/rtsp_sdp.h"

#include <string.h>

#include "source/rtsp_text.h"

enum { CLOCK_RATE = 90000, FPS_MAX = 1000, PAYLOAD_TYPE_MAX = 127 };

static bool take_line(om_str *rest, om_str *ret)
{
    if (!om_str_split(rest, '\n', ret))
        return false;
    *ret = om_str_trim(*ret);
    return true;
}

// The value behind "a=name:" of the first such line.
static bool attribute(om_str lines, const char *name, om_str *ret)
{
    om_str line, name_s = om_str_from(name);

    while (take_line(&lines, &line)) {
        if (!om_str_starts_with(line, OM_STR("a=")))
            continue;
        om_str text = om_str_sub(line, 2, line.n);
        if (om_str_equal_nocase(om_str_sub(text, 0, name_s.n), name_s) && text.n > name_s.n &&
            text.p[name_s.n] == ':') {
            *ret = om_str_trim(om_str_sub(text, name_s.n + 1, text.n));
            return true;
        }
    }
    return false;
}

// Cuts the text into what stands before all tracks and the lines of the first video track.
static bool find_video(om_str text, om_str *ret_session, om_str *ret_video)
{
    om_str rest = text, line;
    const char *from = text.p, *end = text.p + text.n, *video = NULL;

    *ret_session = text;
    for (bool is_first = true; take_line(&rest, &line); from = rest.p) {
        if (!om_str_starts_with(line, OM_STR("m=")))
            continue;
        if (is_first)
            ret_session->n = (size_t)(from - text.p);
        is_first = false;
        if (video) {
            end = from;
            break;
        }
        if (om_str_starts_with(line, OM_STR("m=video ")))
            video = from;
    }
    if (!video)
        return false;
    *ret_video = om_str_n(video, (size_t)(end - video));
    return true;
}

static om_str take_word(om_str *rest)
{
    om_str word;

    *rest = om_str_trim(*rest);
    if (!om_str_split(rest, ' ', &word))
        return om_str_n("", 0);
    return om_str_trim(word);
}

static bool payload_type_of(om_str word, uint8_t *ret)
{
    uint64_t value;

    if (!om_str_to_uint64(word, &value) || value > PAYLOAD_TYPE_MAX)
        return false;
    *ret = (uint8_t)value;
    return true;
}

// "96 H264/90000"; the first payload type of the track counts.
static bool parse_map(om_str lines, struct om_rtsp_media *ret)
{
    om_str value;
    uint8_t payload_type;

    for (; attribute(lines, "rtpmap", &value);
         lines = om_str_n(value.p, (size_t)(lines.p + lines.n - value.p))) {
        om_str rest = value;
        if (!payload_type_of(take_word(&rest), &payload_type) || payload_type != ret->payload_type)
            continue;
        om_str name, rate;
        uint64_t hz;
        rest = om_str_trim(rest);
        if (!om_str_split(&rest, '/', &name))
            return false;
        ret->codec = om_str_equal_nocase(name, OM_STR("H264")) ? OM_CODEC_H264
                     : om_str_equal_nocase(name, OM_STR("H265")) ||
                             om_str_equal_nocase(name, OM_STR("HEVC"))
                         ? OM_CODEC_HEVC
                         : OM_CODEC_NONE;
        if (om_str_split(&rest, '/', &rate) && om_str_to_uint64(om_str_trim(rate), &hz) &&
            hz >= 1000 && hz <= 100000000)
            ret->clock_rate = (int)hz;
        return ret->codec != OM_CODEC_NONE;
    }
    return false;
}

static void add_sets(struct om_rtsp_media *ret, om_str list)
{
    om_str one;

    while (om_str_split(&list, ',', &one)) {
        size_t room = sizeof(ret->params) - ret->params_bytes;
        uint8_t *to = ret->params + ret->params_bytes;
        if (room <= 4)
            return;
        size_t n = om_rtsp_base64_read(om_str_trim(one), to + 4, room - 4);
        while (n > 0 && to[4 + n - 1] == 0)
            n--;  // no unit ends with a zero
        if (n == 0)
            continue;
        memcpy(to, "\0\0\0\1", 4);
        ret->params_bytes += 4 + n;
    }
}

static bool is_positive(om_str params, const char *name)
{
    om_str text;
    int64_t value;

    return om_rtsp_param(params, ';', name, &text) && om_str_to_int64(text, &value) && value > 0;
}

static enum om_status parse_format(om_str params, struct om_rtsp_media *ret)
{
    static const char *const h264[] = {"sprop-parameter-sets"};
    static const char *const hevc[] = {"sprop-vps", "sprop-sps", "sprop-pps"};
    bool is_h264 = ret->codec == OM_CODEC_H264;
    om_str text;

    if (is_h264 && om_rtsp_param(params, ';', "packetization-mode", &text) &&
        om_str_equal(text, OM_STR("2")))
        return OM_UNSUPPORTED;  // units out of order
    if (!is_h264)
        ret->has_order_numbers = is_positive(params, "sprop-max-don-diff") ||
                                 is_positive(params, "sprop-depack-buf-nalus");
    for (size_t i = 0; i < (is_h264 ? OM_ARRAY_LEN(h264) : OM_ARRAY_LEN(hevc)); i++) {
        if (om_rtsp_param(params, ';', is_h264 ? h264[i] : hevc[i], &text))
            add_sets(ret, text);
    }
    return OM_OK;
}

static enum om_status parse_formats(om_str lines, struct om_rtsp_media *ret)
{
    om_str value;
    uint8_t payload_type;

    for (; attribute(lines, "fmtp", &value);
         lines = om_str_n(value.p, (size_t)(lines.p + lines.n - value.p))) {
        om_str rest = value;
        if (payload_type_of(take_word(&rest), &payload_type) && payload_type == ret->payload_type)
            return parse_format(rest, ret);
    }
    return OM_OK;
}

static bool is_encrypted(om_str protocol, om_str lines)
{
    om_str unused;

    return om_str_find(protocol, OM_STR("SAVP")) >= 0 || attribute(lines, "crypto", &unused) ||
           attribute(lines, "key-mgmt", &unused);
}

enum om_status om_rtsp_sdp_parse(om_str text, struct om_rtsp_media *ret)
{
    om_str session, video, line, value;

    *ret = (struct om_rtsp_media){
        .clock_rate = CLOCK_RATE,
        .session_control = om_str_n("", 0),
        .control = om_str_n("", 0),
    };
    if (!find_video(text, &session, &video))
        return OM_INVALID;
    om_str rest = video;
    if (!take_line(&rest, &line))
        return OM_INVALID;
    line = om_str_sub(line, 2, line.n);
    (void)take_word(&line);  // "video"
    (void)take_word(&line);  // the port, 0 for RTSP
    om_str protocol = take_word(&line);
    if (!payload_type_of(take_word(&line), &ret->payload_type) || is_encrypted(protocol, video) ||
        is_encrypted(protocol, session) || !parse_map(video, ret))
        return OM_UNSUPPORTED;
    (void)attribute(session, "control", &ret->session_control);
    (void)attribute(video, "control", &ret->control);
    double fps;
    if (attribute(video, "framerate", &value) && om_str_to_double(value, &fps) && fps > 0 &&
        fps <= FPS_MAX)
        ret->fps = fps;
    return parse_formats(video, ret);
}
