#include "source/rtsp_text.h"

#include <string.h>

enum { TIMEOUT_DEFAULT_S = 60, TIMEOUT_MIN_S = 5, TIMEOUT_MAX_S = 3600, SESSION_ID_MAX = 256 };

// ---- heads -------------------------------------------------------------------------------------

// Takes the next line, without its end, out of *rest. False when no line is complete.
static bool take_line(om_str *rest, om_str *ret)
{
    ptrdiff_t end = om_str_find_char(*rest, '\n');

    if (end < 0)
        return false;
    *ret = om_str_sub(*rest, 0, (size_t)end);
    if (ret->n > 0 && ret->p[ret->n - 1] == '\r')
        ret->n--;
    *rest = om_str_sub(*rest, (size_t)end + 1, rest->n);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// "RTSP/1.0 200 OK"
static bool parse_status(om_str line, struct om_rtsp_message *ret)
{
    ptrdiff_t blank = om_str_find_char(line, ' ');
    om_str code = om_str_trim(om_str_sub(line, blank < 0 ? line.n : (size_t)blank, line.n));

    if (code.n < 3 || !is_digit(code.p[0]) || !is_digit(code.p[1]) || !is_digit(code.p[2]) ||
        (code.n > 3 && code.p[3] != ' '))
        return false;
    ret->status = (code.p[0] - '0') * 100 + (code.p[1] - '0') * 10 + (code.p[2] - '0');
    return ret->status >= 100;
}

// "OPTIONS rtsp://h/x RTSP/1.0"
static bool parse_request(om_str line, struct om_rtsp_message *ret)
{
    ptrdiff_t blank = om_str_find_char(line, ' ');

    if (blank < 1 || om_str_find(line, OM_STR(" RTSP/")) < 0)
        return false;
    ret->method = om_str_sub(line, 0, (size_t)blank);
    for (size_t i = 0; i < ret->method.n; i++) {
        char c = ret->method.p[i];
        if (!(c >= 'A' && c <= 'Z') && c != '_')
            return false;
    }
    return true;
}

static bool parse_length(struct om_rtsp_message *ret)
{
    om_str text;
    uint64_t bytes;

    if (!om_rtsp_header(ret, "Content-Length", 0, &text) || text.n == 0)
        return true;
    if (!om_str_to_uint64(text, &bytes) || bytes > OM_RTSP_BODY_MAX)
        return false;
    ret->body_bytes = (size_t)bytes;
    return true;
}

enum om_status om_rtsp_message_parse(om_str text, struct om_rtsp_message *ret)
{
    om_str rest = text, first, line;

    *ret = (struct om_rtsp_message){0};
    if (!take_line(&rest, &first))
        return text.n >= OM_RTSP_HEAD_MAX ? OM_INVALID : OM_AGAIN;
    bool is_answer = om_str_starts_with(first, OM_STR("RTSP/"));
    if (!(is_answer ? parse_status(first, ret) : parse_request(first, ret)))
        return OM_INVALID;
    const char *headers = rest.p;
    for (;;) {
        const char *from = rest.p;
        if (!take_line(&rest, &line))
            return text.n >= OM_RTSP_HEAD_MAX ? OM_INVALID : OM_AGAIN;
        if (line.n > 0)
            continue;
        ret->headers = om_str_n(headers, (size_t)(from - headers));
        ret->head_bytes = text.n - rest.n;
        return ret->head_bytes <= OM_RTSP_HEAD_MAX && parse_length(ret) ? OM_OK : OM_INVALID;
    }
}

bool om_rtsp_header(const struct om_rtsp_message *message, const char *name, int skip,
                    om_str *ret_value)
{
    om_str rest = message->headers, line;

    while (take_line(&rest, &line)) {
        ptrdiff_t colon = om_str_find_char(line, ':');
        if (colon < 1 || !om_str_equal_nocase(om_str_trim(om_str_sub(line, 0, (size_t)colon)),
                                              om_str_from(name)))
            continue;
        if (skip-- > 0)
            continue;
        *ret_value = om_str_trim(om_str_sub(line, (size_t)colon + 1, line.n));
        return true;
    }
    return false;
}

// ---- values ------------------------------------------------------------------------------------

// Length of the first item of a list; separators in quotes do not count.
static size_t item_length(om_str list, char separator)
{
    bool is_quoted = false;
    size_t n = 0;

    for (; n < list.n && (is_quoted || list.p[n] != separator); n++) {
        if (is_quoted && list.p[n] == '\\' && n + 1 < list.n)
            n++;
        else if (list.p[n] == '"')
            is_quoted = !is_quoted;
    }
    return n;
}

bool om_rtsp_param(om_str list, char separator, const char *name, om_str *ret_value)
{
    while (list.n > 0) {
        size_t n = item_length(list, separator);
        om_str item = om_str_sub(list, 0, n);
        list = om_str_sub(list, n + 1, list.n);
        ptrdiff_t equal = om_str_find_char(item, '=');
        if (equal < 0 || !om_str_equal_nocase(om_str_trim(om_str_sub(item, 0, (size_t)equal)),
                                              om_str_from(name)))
            continue;
        om_str value = om_str_trim(om_str_sub(item, (size_t)equal + 1, item.n));
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = om_str_sub(value, 1, value.n - 1);
        *ret_value = value;
        return true;
    }
    return false;
}

static int channel_of(om_str text)
{
    int64_t value;

    return om_str_to_int64(om_str_trim(text), &value) && value >= 0 && value <= 255 ? (int)value
                                                                                    : -1;
}

struct om_rtsp_transport om_rtsp_transport_parse(om_str value)
{
    struct om_rtsp_transport transport = {.rtp_channel = -1, .rtcp_channel = -1};
    om_str first = om_str_sub(value, 0, item_length(value, ',')), channels;
    om_str protocol = om_str_trim(om_str_sub(first, 0, item_length(first, ';')));

    transport.is_interleaved = om_str_ends_with(protocol, OM_STR("/TCP"));
    if (!om_rtsp_param(first, ';', "interleaved", &channels))
        return transport;
    transport.is_interleaved = true;
    ptrdiff_t dash = om_str_find_char(channels, '-');
    transport.rtp_channel = channel_of(
        om_str_sub(channels, 0, dash < 0 ? channels.n : (size_t)dash));
    if (dash >= 0)
        transport.rtcp_channel = channel_of(om_str_sub(channels, (size_t)dash + 1, channels.n));
    return transport;
}

// Visible ASCII, no blank: what may be written into a request line or header.
static bool is_visible(om_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f)
            return false;
    }
    return true;
}

bool om_rtsp_session_parse(om_str value, struct om_rtsp_session *ret)
{
    om_str timeout;
    int64_t seconds;

    *ret = (struct om_rtsp_session){
        .id = om_str_trim(om_str_sub(value, 0, item_length(value, ';'))),
        .timeout_s = TIMEOUT_DEFAULT_S,
    };
    if (om_rtsp_param(value, ';', "timeout", &timeout) && om_str_to_int64(timeout, &seconds) &&
        seconds > 0)
        ret->timeout_s = (int)OM_CLAMP(seconds, TIMEOUT_MIN_S, TIMEOUT_MAX_S);
    return ret->id.n > 0 && ret->id.n <= SESSION_ID_MAX && is_visible(ret->id);
}

static bool is_absolute(om_str url)
{
    ptrdiff_t colon = om_str_find(url, OM_STR("://"));

    return colon > 0 && om_str_equal_nocase(om_str_sub(url, 0, 4), OM_STR("rtsp"));
}

bool om_rtsp_resolve(om_str base, om_str control, char out[OM_RTSP_URL_SIZE])
{
    if (!is_visible(base) || !is_visible(control))
        return false;
    if (control.n == 0 || om_str_equal(control, OM_STR("*")))
        return om_str_copy(out, OM_RTSP_URL_SIZE, base);
    if (is_absolute(control))
        return om_str_copy(out, OM_RTSP_URL_SIZE, control);
    // Not the rule for URLs in general, but what every server expects: the track stands behind the
    // whole address, its query too.
    bool has_slash = om_str_ends_with(base, OM_STR("/")) || control.p[0] == '/';
    if (om_str_ends_with(base, OM_STR("/")) && control.p[0] == '/')
        control = om_str_sub(control, 1, control.n);
    size_t n = base.n + (has_slash ? 0 : 1) + control.n;
    if (n >= OM_RTSP_URL_SIZE)
        return false;
    memcpy(out, base.p, base.n);
    if (!has_slash)
        out[base.n] = '/';
    memcpy(out + n - control.n, control.p, control.n);
    out[n] = '\0';
    return true;
}

// ---- Base64 ------------------------------------------------------------------------------------

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t om_rtsp_base64_read(om_str text, uint8_t *out, size_t size)
{
    uint32_t bits = 0;
    size_t n = 0;
    int bits_n = 0;

    while (text.n > 0 && text.p[text.n - 1] == '=')
        text.n--;
    for (size_t i = 0; i < text.n; i++) {
        const char *digit = text.p[i] ? strchr(digits, text.p[i]) : NULL;
        if (!digit)
            return 0;
        bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xffffff;
        bits_n += 6;
        if (bits_n < 8)
            continue;
        bits_n -= 8;
        if (n == size)
            return 0;
        out[n++] = (uint8_t)(bits >> bits_n);
    }
    return n;
}

bool om_rtsp_base64_write(om_str bytes, char *out, size_t size)
{
    size_t need = (bytes.n + 2) / 3 * 4;

    if (need >= size)
        return false;
    for (size_t i = 0, o = 0; i < bytes.n; i += 3, o += 4) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < bytes.n ? (uint8_t)bytes.p[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            out[o + k] = i + k > bytes.n ? '=' : digits[bits >> (18 - 6 * k) & 63];
    }
    out[need] = '\0';
    return true;
}
