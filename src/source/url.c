#include "source/url.h"

#include <string.h>

#include "base/buf.h"

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_unreserved(char c)
{
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int hex_value(char c)
{
    return is_digit(c)              ? c - '0'
           : (c >= 'a' && c <= 'f') ? c - 'a' + 10
           : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                    : -1;
}

static bool copy_lower(char *dst, size_t size, om_str s)
{
    if (!om_str_copy(dst, size, s))
        return false;
    for (char *c = dst; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    return true;
}

static enum om_status refuse(struct om_error *err, const char *why)
{
    om_error_set(err, OM_INVALID, "this is not a usable camera URL: %s", why);
    om_error_hint(err, "write it like rtsp://user:password@192.0.2.7:554/stream1");
    return OM_INVALID;
}

// Decodes %XX into `dst`; a lone percent sign stays. False when it does not fit or hides a control
// character.
static bool unescape(char *dst, size_t size, om_str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 && hex_value(s.p[i + 2]) >= 0) {
            c = (char)(hex_value(s.p[i + 1]) * 16 + hex_value(s.p[i + 2]));
            i += 2;
        }
        if (n + 1 >= size || (unsigned char)c < 0x20 || c == 0x7f)
            return false;
        dst[n++] = c;
    }
    dst[n] = '\0';
    return true;
}

// Copies what may stand in a path or query as it is and escapes the rest.
static bool escape(char *dst, size_t size, om_str s, const char *allowed)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_plain = is_unreserved((char)c) || (c && strchr(allowed, c));
        if (n + (is_plain ? 1 : 3) >= size)
            return false;
        if (is_plain) {
            dst[n++] = (char)c;
            continue;
        }
        dst[n++] = '%';
        dst[n++] = digits[c >> 4];
        dst[n++] = digits[c & 15];
    }
    dst[n] = '\0';
    return true;
}

static bool is_host(om_str host, bool is_ipv6)
{
    if (host.n == 0 || host.n > 253 || host.p[0] == '-' || host.p[0] == '.')
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool is_ok = is_ipv6 ? hex_value(c) >= 0 || c == ':' || c == '.'
                             : is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
        if (!is_ok)
            return false;
    }
    return true;
}

static bool parse_port(om_str text, int *ret_port)
{
    uint64_t port;

    if (text.n == 0 || !om_str_to_uint64(text, &port) || port < 1 || port > 65535)
        return false;
    *ret_port = (int)port;
    return true;
}

static enum om_status parse_host(om_str text, struct om_url *url, struct om_error *err)
{
    bool is_ipv6 = text.n > 0 && text.p[0] == '[';
    ptrdiff_t end = is_ipv6 ? om_str_find_char(text, ']') : om_str_find_char(text, ':');

    if (is_ipv6 && end < 0)
        return refuse(err, "the bracket of the address is not closed");
    size_t host_end = end < 0 ? text.n : (size_t)end;
    om_str host = om_str_sub(text, is_ipv6 ? 1 : 0, host_end);
    om_str rest = om_str_sub(text, is_ipv6 ? host_end + 1 : host_end, text.n);
    if (!is_host(host, is_ipv6) || !copy_lower(url->host, sizeof(url->host), host))
        return refuse(err, "the host name is missing or has odd characters");
    if (rest.n > 0 && (rest.p[0] != ':' || !parse_port(om_str_sub(rest, 1, rest.n), &url->port)))
        return refuse(err, "the port is not a number from 1 to 65535");
    return OM_OK;
}

// user[:password]; passwords with an unescaped '@' are understood, the last one counts.
static enum om_status parse_user(om_str text, struct om_url *url, struct om_error *err)
{
    ptrdiff_t colon = om_str_find_char(text, ':');
    om_str user = om_str_sub(text, 0, colon < 0 ? text.n : (size_t)colon);

    url->has_user = true;
    url->has_password = colon >= 0;
    if (!unescape(url->user, sizeof(url->user), user) ||
        (url->has_password && !unescape(url->password, sizeof(url->password),
                                        om_str_sub(text, (size_t)colon + 1, text.n))))
        return refuse(err, "the user name or password is too long or has control characters");
    return OM_OK;
}

static enum om_status parse_authority(om_str text, struct om_url *url, struct om_error *err)
{
    size_t at = text.n;

    // Browsers and libraries disagree about what stands before a backslash.
    if (om_str_find_char(text, '\\') >= 0)
        return refuse(err, "write a backslash in the password as %5C");
    while (at > 0 && text.p[at - 1] != '@')
        at--;
    if (at > 0) {
        enum om_status status = parse_user(om_str_sub(text, 0, at - 1), url, err);
        if (status != OM_OK)
            return status;
    }
    return parse_host(om_str_sub(text, at, text.n), url, err);
}

static bool has_odd_bytes(om_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return true;
    }
    return false;
}

static bool parse_scheme(om_str scheme, struct om_url *url)
{
    if (scheme.n == 0 || !is_alpha(scheme.p[0]))
        return false;
    for (size_t i = 0; i < scheme.n; i++) {
        if (!is_alpha(scheme.p[i]) && !is_digit(scheme.p[i]))
            return false;
    }
    return copy_lower(url->scheme, sizeof(url->scheme), scheme);
}

enum om_status om_url_parse(om_str text, struct om_url *ret, struct om_error *err)
{
    static const char plain[] = "!$&'()*+,;=:@/%";
    ptrdiff_t colon = om_str_find(text, OM_STR("://"));

    *ret = (struct om_url){0};
    if (text.n >= OM_URL_SIZE)
        return refuse(err, "it is too long");
    if (has_odd_bytes(text))
        return refuse(err, "it has control characters");
    if (colon < 0 || !parse_scheme(om_str_sub(text, 0, (size_t)colon), ret))
        return refuse(err, "it does not begin with scheme://");
    om_str rest = om_str_sub(text, (size_t)colon + 3, text.n);
    ptrdiff_t hash = om_str_find_char(rest, '#');
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
        end++;
    // A fragment is for browsers; in a password it may be a plain character.
    if (hash >= 0 && om_str_find_char(om_str_sub(rest, (size_t)hash, rest.n), '@') >= 0)
        return refuse(err, "write # as %23 and / as %2F in the password");
    om_str after = om_str_sub(rest, end, hash < 0 ? rest.n : OM_MAX((size_t)hash, end));
    ptrdiff_t mark = om_str_find_char(after, '?');
    om_str path = om_str_sub(after, 0, mark < 0 ? after.n : (size_t)mark);
    om_str query = mark < 0 ? om_str_n("", 0) : om_str_sub(after, (size_t)mark + 1, after.n);
    if (!escape(ret->path, sizeof(ret->path), path, plain) ||
        !escape(ret->query, sizeof(ret->query), query, "!$&'()*+,;=:@/%?[]"))
        return refuse(err, "it is too long");
    return parse_authority(om_str_sub(rest, 0, end), ret, err);
}

static void write_host(const struct om_url *url, struct om_buf *buf)
{
    bool is_ipv6 = strchr(url->host, ':');

    om_buf_printf(buf, is_ipv6 ? "[%s]" : "%s", url->host);
    if (url->port > 0)
        om_buf_printf(buf, ":%d", url->port);
}

bool om_url_write(const struct om_url *url, char *out, size_t size)
{
    char part[3 * OM_URL_PART_SIZE + 1];
    om_auto_buf buf;

    om_buf_init(&buf, 4 * OM_URL_SIZE);
    om_buf_printf(&buf, "%s://", url->scheme);
    if (url->has_user) {
        if (!escape(part, sizeof(part), om_str_from(url->user), ""))
            return false;
        om_buf_append_text(&buf, part);
        if (url->has_password) {
            if (!escape(part, sizeof(part), om_str_from(url->password), ""))
                return false;
            om_buf_printf(&buf, ":%s", part);
        }
        om_buf_append_char(&buf, '@');
    }
    write_host(url, &buf);
    om_buf_append_text(&buf, url->path);
    if (url->query[0])
        om_buf_printf(&buf, "?%s", url->query);
    bool is_written = !buf.has_failed && om_str_copy(out, size, om_buf_str(&buf));
    explicit_bzero(part, sizeof(part));
    if (buf.data)
        explicit_bzero(buf.data, buf.cap);
    return is_written;
}

void om_url_write_safe(const struct om_url *url, char *out, size_t size)
{
    om_auto_buf buf;

    om_buf_init(&buf, 2 * OM_URL_SIZE);
    om_buf_printf(&buf, "%s://", url->scheme);
    write_host(url, &buf);
    om_buf_append_text(&buf, url->path);
    om_str_copy(out, size, om_buf_str(&buf));
}

void om_url_wipe(struct om_url *url)
{
    explicit_bzero(url->user, sizeof(url->user));
    explicit_bzero(url->password, sizeof(url->password));
    url->has_user = url->has_password = false;
}
