#include "bench/sim/request.h"

static om_str line_end_trimmed(om_str line)
{
    return om_str_ends_with(line, OM_STR("\r")) ? om_str_sub(line, 0, line.n - 1) : line;
}

// "DESCRIBE rtsp://host/cam/1 RTSP/1.0"
static bool parse_first_line(om_str line, struct om_sim_request *ret)
{
    om_str rest = line, version;
    return om_str_split(&rest, ' ', &ret->method) && om_str_split(&rest, ' ', &ret->uri) &&
           om_str_split(&rest, ' ', &version) && rest.n == 0 && ret->method.n > 0 &&
           om_str_starts_with(version, OM_STR("RTSP/1."));
}

static bool take_header(om_str line, struct om_sim_request *ret, size_t *body_bytes)
{
    ptrdiff_t colon = om_str_find_char(line, ':');
    if (colon < 0)
        return false;
    om_str name = om_str_sub(line, 0, (size_t)colon);
    om_str value = om_str_trim(om_str_sub(line, (size_t)colon + 1, line.n));
    if (om_str_equal_nocase(name, OM_STR("CSeq"))) {
        ret->cseq = value;
    } else if (om_str_equal_nocase(name, OM_STR("Transport"))) {
        ret->transport = value;
    } else if (om_str_equal_nocase(name, OM_STR("Authorization"))) {
        ret->authorization = value;
    } else if (om_str_equal_nocase(name, OM_STR("Content-Length"))) {
        uint64_t n;
        if (!om_str_to_uint64(value, &n) || n > OM_SIM_REQUEST_BYTES_MAX)
            return false;
        *body_bytes = (size_t)n;
    }
    return true;
}

static enum om_sim_parsed parse_interleaved(om_str in, struct om_sim_request *ret)
{
    if (in.n < 4)
        return OM_SIM_MORE;
    ret->bytes = 4 + ((size_t)(uint8_t)in.p[2] << 8 | (uint8_t)in.p[3]);
    return in.n < ret->bytes ? OM_SIM_MORE : OM_SIM_INTERLEAVED;
}

static enum om_sim_parsed more_or_bad(om_str in)
{
    return in.n >= OM_SIM_REQUEST_BYTES_MAX ? OM_SIM_BAD : OM_SIM_MORE;
}

enum om_sim_parsed om_sim_request_parse(om_str in, struct om_sim_request *ret)
{
    *ret = (struct om_sim_request){0};
    if (in.n > 0 && in.p[0] == '$')
        return parse_interleaved(in, ret);
    size_t body_bytes = 0;
    for (size_t at = 0;;) {
        ptrdiff_t n = om_str_find_char(om_str_sub(in, at, in.n), '\n');
        if (n < 0)
            return more_or_bad(in);
        om_str line = line_end_trimmed(om_str_n(in.p + at, (size_t)n));
        at += (size_t)n + 1;
        if (!ret->method.n) {
            if (line.n > 0 && !parse_first_line(line, ret))
                return OM_SIM_BAD;
            continue;  // empty lines in front are let through
        }
        if (line.n > 0) {
            if (!take_header(line, ret, &body_bytes))
                return OM_SIM_BAD;
            continue;
        }
        ret->bytes = at + body_bytes;
        return in.n < ret->bytes ? more_or_bad(in) : OM_SIM_REQUEST;
    }
}

int om_sim_request_camera(om_str uri)
{
    ptrdiff_t at = om_str_find(uri, OM_STR("/cam/"));
    if (at < 0)
        return -1;
    om_str rest = om_str_sub(uri, (size_t)at + 5, uri.n);
    size_t n = 0;
    while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
        n++;
    int64_t camera;
    bool is_ended = n == rest.n || rest.p[n] == '/' || rest.p[n] == '?';
    if (!is_ended || !om_str_to_int64(om_str_sub(rest, 0, n), &camera) || camera > INT32_MAX)
        return -1;
    return (int)camera;
}

int om_sim_request_channel(om_str transport)
{
    om_str offer;
    while (om_str_split(&transport, ',', &offer)) {
        if (om_str_find(offer, OM_STR("RTP/AVP/TCP")) < 0)
            continue;
        ptrdiff_t at = om_str_find(offer, OM_STR("interleaved="));
        if (at < 0)
            return 0;
        om_str range = om_str_sub(offer, (size_t)at + 12, offer.n), first = OM_STR("");
        int64_t channel;
        (void)om_str_split(&range, ';', &first);
        om_str pair = first;
        if (om_str_split(&pair, '-', &first) && om_str_to_int64(om_str_trim(first), &channel) &&
            channel >= 0 && channel <= 254)
            return (int)channel;
        return -1;
    }
    return -1;
}
