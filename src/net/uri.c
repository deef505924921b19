#include "net/uri.h"

#include <arpa/inet.h>

// The length of the UTF-8 sequence at the start of `s` if it is well-formed, else 0.
static size_t utf8_sequence(om_str s)
{
    uint8_t first = (uint8_t)s.p[0];
    size_t n = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (n == 0 || first > 0xf4 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if (((uint8_t)s.p[i] & 0xc0) != 0x80)
            return 0;
    uint8_t second = n > 1 ? (uint8_t)s.p[1] : 0;
    bool is_bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                  (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return is_bad ? 0 : n;
}

bool om_utf8_is_valid(om_str s)
{
    while (s.n) {
        size_t n = utf8_sequence(s);
        if (n == 0)
            return false;
        s = om_str_sub(s, n, s.n);
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

// The byte at raw.p[*at], decoded, or -1; moves *at behind it.
static int decode_byte(om_str raw, size_t *at)
{
    char c = raw.p[(*at)++];
    if (c != '%')
        return (uint8_t)c;
    if (*at + 2 > raw.n)
        return -1;
    int high = hex_digit(raw.p[*at]), low = hex_digit(raw.p[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool om_uri_decode(om_str raw, bool is_query, struct om_buf *out)
{
    size_t from = out->len;
    for (size_t i = 0; i < raw.n;) {
        bool is_encoded = raw.p[i] == '%';
        int c = is_query && raw.p[i] == '+' ? (i++, ' ') : decode_byte(raw, &i);
        // A query may carry text with line ends; nothing else below a blank has business in a URI.
        if (c < 0 || c == 0x7f || (c < ' ' && !(is_query && (c == '\n' || c == '\r' || c == '\t'))))
            return false;
        if (!is_query && (c == '\\' || (is_encoded && c == '/')))
            return false;
        om_buf_append_char(out, (char)c);
    }
    return !out->has_failed && om_utf8_is_valid(om_str_sub(om_buf_str(out), from, out->len));
}

bool om_target_parse(om_str target, struct om_target *ret)
{
    *ret = (struct om_target){0};
    om_str rest = target;
    ptrdiff_t at = om_str_find(target, OM_STR("://"));
    if (target.n && target.p[0] != '/' && at > 0) {
        ret->scheme = om_str_sub(target, 0, (size_t)at);
        rest = om_str_sub(target, (size_t)at + 3, target.n);
        ptrdiff_t slash = om_str_find_char(rest, '/');
        if (slash <= 0)
            return false;
        ret->authority = om_str_sub(rest, 0, (size_t)slash);
        rest = om_str_sub(rest, (size_t)slash, rest.n);
        if (!om_str_equal_nocase(ret->scheme, OM_STR("http")) &&
            !om_str_equal_nocase(ret->scheme, OM_STR("https")))
            return false;
    }
    if (om_str_find_char(rest, '#') >= 0)
        return false;
    at = om_str_find_char(rest, '?');
    ret->path = at < 0 ? rest : om_str_sub(rest, 0, (size_t)at);
    ret->query = at < 0 ? OM_STR("") : om_str_sub(rest, (size_t)at + 1, rest.n);
    return (ret->path.n && ret->path.p[0] == '/') || om_str_equal(rest, OM_STR("*"));
}

// 1 or 2 when the segment is so many dots, plain or encoded; else 0.
static int dots(om_str segment)
{
    int count = 0;
    for (size_t i = 0; i < segment.n; count++)
        if (count == 2 || decode_byte(segment, &i) != '.')
            return 0;
    return count;
}

bool om_path_has_no_dots(om_str raw)
{
    om_str segment;
    while (om_str_split(&raw, '/', &segment))
        if (dots(segment) > 0)
            return false;
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static bool port_parse(om_str text, int *ret)
{
    int64_t port;
    if (text.n == 0 || text.n > 5 || !om_str_to_int64(text, &port) || port < 0 || port > 65535 ||
        text.p[0] == '+' || text.p[0] == '-')
        return false;
    *ret = (int)port;
    return true;
}

bool om_authority_parse(om_str text, struct om_authority *ret)
{
    *ret = (struct om_authority){.port = -1};
    om_str rest = OM_STR("");
    if (text.n && text.p[0] == '[') {
        ptrdiff_t close = om_str_find_char(text, ']');
        if (close < 0)
            return false;
        ret->is_ipv6 = true;
        ret->name = om_str_sub(text, 1, (size_t)close);
        rest = om_str_sub(text, (size_t)close + 1, text.n);
        char name[INET6_ADDRSTRLEN];
        struct in6_addr address;
        if (!om_str_copy(name, sizeof(name), ret->name) || inet_pton(AF_INET6, name, &address) != 1)
            return false;
    } else {
        ptrdiff_t colon = om_str_find_char(text, ':');
        ret->name = colon < 0 ? text : om_str_sub(text, 0, (size_t)colon);
        rest = colon < 0 ? rest : om_str_sub(text, (size_t)colon, text.n);
        for (size_t i = 0; i < ret->name.n; i++)
            if (!is_name_char(ret->name.p[i]))
                return false;
    }
    if (ret->name.n == 0 || ret->name.n > 255)
        return false;
    return rest.n == 0 || (rest.p[0] == ':' && port_parse(om_str_sub(rest, 1, rest.n), &ret->port));
}

bool om_authority_is_loopback(const struct om_authority *authority)
{
    char name[64];
    if (!om_str_copy(name, sizeof(name), authority->name))
        return false;
    struct in_addr v4;
    struct in6_addr v6;
    if (authority->is_ipv6)
        return inet_pton(AF_INET6, name, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    if (inet_pton(AF_INET, name, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    om_str host = authority->name;
    return om_str_equal_nocase(host, OM_STR("localhost")) ||
           (host.n > 10 &&
            om_str_equal_nocase(om_str_sub(host, host.n - 10, host.n), OM_STR(".localhost")));
}
