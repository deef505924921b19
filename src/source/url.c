#include "source/url.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"

static const char *const schemes[] = {"rtsp", "rtsps", "http", "https"};

static bool fail(struct om_error *err, const char *text)
{
    om_error_set(err, OM_INVALID, "%s", text);
    om_error_hint(err, "write it like rtsp://user:password@10.0.0.7:554/stream1");
    return false;
}

static bool take_scheme(om_str *rest, struct om_url *url, struct om_error *err)
{
    ptrdiff_t at = om_str_find(*rest, OM_STR("://"));
    om_str scheme = om_str_sub(*rest, 0, at < 0 ? 0 : (size_t)at);
    for (size_t i = 0; i < OM_ARRAY_LEN(schemes); i++) {
        if (!om_str_equal_nocase(scheme, om_str_from(schemes[i])))
            continue;
        (void)om_str_copy(url->scheme, sizeof(url->scheme), om_str_from(schemes[i]));
        *rest = om_str_sub(*rest, (size_t)at + 3, rest->n);
        return true;
    }
    return fail(err, "this is no address of a camera");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Percent-decoded into `text`; control characters and NUL are refused also in their encoded form.
static bool decode(om_str s, char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int c = (unsigned char)s.p[i];
        if (c == '%') {
            int hi = i + 1 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int lo = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return false;
            c = hi * 16 + lo;
            i += 2;
        }
        if (c < 0x20 || c == 0x7f || n + 1 >= size)
            return false;
        text[n++] = (char)c;
    }
    text[n] = '\0';
    return true;
}

static bool take_userinfo(om_str *authority, struct om_url *url, struct om_error *err)
{
    // Passwords with a bare '@' are common: the last one counts.
    ptrdiff_t at = -1;
    for (size_t i = 0; i < authority->n; i++)
        at = authority->p[i] == '@' ? (ptrdiff_t)i : at;
    if (at < 0)
        return true;
    om_str info = om_str_sub(*authority, 0, (size_t)at);
    *authority = om_str_sub(*authority, (size_t)at + 1, authority->n);
    ptrdiff_t colon = om_str_find_char(info, ':');
    om_str user = colon < 0 ? info : om_str_sub(info, 0, (size_t)colon);
    om_str password = colon < 0 ? OM_STR("") : om_str_sub(info, (size_t)colon + 1, info.n);
    return (decode(user, url->user, sizeof(url->user)) &&
            decode(password, url->password, sizeof(url->password))) ||
           fail(err, "the user or password in this address is malformed or too long");
}

static bool is_host_char(char c, bool is_ipv6)
{
    bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return is_ipv6 ? hex_digit(c) >= 0 || c == ':' || c == '.'
                   : is_alnum || c == '-' || c == '.' || c == '_';
}

static bool take_host(om_str *authority, struct om_url *url, struct om_error *err)
{
    om_str host;
    url->is_ipv6 = authority->n > 0 && authority->p[0] == '[';
    ptrdiff_t end = om_str_find_char(*authority, url->is_ipv6 ? ']' : ':');
    if (url->is_ipv6 && end < 0)
        return fail(err, "the host in this address is malformed");
    host = url->is_ipv6 ? om_str_sub(*authority, 1, (size_t)end)
                        : om_str_sub(*authority, 0, end < 0 ? authority->n : (size_t)end);
    *authority = end < 0 ? om_str_sub(*authority, authority->n, authority->n)
                         : om_str_sub(*authority, (size_t)end + url->is_ipv6, authority->n);
    bool is_ok = host.n > 0 && host.p[0] != '-' && om_str_copy(url->host, sizeof(url->host), host);
    for (size_t i = 0; i < host.n; i++)
        is_ok = is_ok && is_host_char(host.p[i], url->is_ipv6);
    return is_ok || fail(err, "the host in this address is missing or malformed");
}

static bool take_port(om_str rest, struct om_url *url, struct om_error *err)
{
    int64_t port;
    if (rest.n == 0)
        return true;
    if (rest.p[0] != ':' || !om_str_to_int64(om_str_sub(rest, 1, rest.n), &port) || port < 1 ||
        port > 65535)
        return fail(err, "the port in this address is not a number from 1 to 65535");
    url->port = (int)port;
    return true;
}

static bool take_path(om_str path, struct om_url *url, struct om_error *err)
{
    ptrdiff_t fragment = om_str_find_char(path, '#');
    if (fragment >= 0)
        path = om_str_sub(path, 0, (size_t)fragment);
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\')
            return fail(err,
                        "the path in this address has characters that must be percent-encoded");
    }
    if (path.n == 0 || path.p[0] != '/') {
        url->path[0] = '/';
        return om_str_copy(url->path + 1, sizeof(url->path) - 1, path) ||
               fail(err, "the path in this address is too long");
    }
    return om_str_copy(url->path, sizeof(url->path), path) ||
           fail(err, "the path in this address is too long");
}

bool om_url_parse(om_str text, struct om_url *ret, struct om_error *err)
{
    *ret = (struct om_url){.port = 0};
    om_str rest = text;
    if (!take_scheme(&rest, ret, err))
        return false;
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
        end++;
    om_str authority = om_str_sub(rest, 0, end);
    om_str path = om_str_sub(rest, end, rest.n);
    return take_userinfo(&authority, ret, err) && take_host(&authority, ret, err) &&
           take_port(authority, ret, err) && take_path(path, ret, err);
}

static void encode(const char *text, struct om_buf *out)
{
    for (const char *c = text; *c; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= '0' && *c <= '9') || *c == '-' || *c == '.' || *c == '_' ||
                        *c == '~';
        if (is_plain)
            om_buf_append_char(out, *c);
        else
            om_buf_printf(out, "%%%02X", (unsigned char)*c);
    }
}

// Query values may be keys of a camera: only the names stay.
static void write_safe_path(const char *path, struct om_buf *out)
{
    om_str text = om_str_from(path);
    ptrdiff_t query = om_str_find_char(text, '?');
    om_buf_append_str(out, om_str_sub(text, 0, query < 0 ? text.n : (size_t)query));
    om_buf_append_text(out, query < 0 ? "" : "?...");
}

void om_url_write(const struct om_url *url, bool with_credentials, struct om_buf *out)
{
    om_buf_printf(out, "%s://", url->scheme);
    if (with_credentials && url->user[0]) {
        encode(url->user, out);
        om_buf_append_char(out, ':');
        encode(url->password, out);
        om_buf_append_char(out, '@');
    }
    om_buf_printf(out, url->is_ipv6 ? "[%s]" : "%s", url->host);
    if (url->port)
        om_buf_printf(out, ":%d", url->port);
    if (with_credentials)
        om_buf_append_text(out, url->path);
    else
        write_safe_path(url->path, out);
}
