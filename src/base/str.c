#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

bool om_str_equal(om_str a, om_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool om_str_equal_nocase(om_str a, om_str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool om_str_starts_with(om_str s, om_str prefix)
{
    return s.n >= prefix.n && om_str_equal(om_str_n(s.p, prefix.n), prefix);
}

bool om_str_ends_with(om_str s, om_str suffix)
{
    return s.n >= suffix.n && om_str_equal(om_str_n(s.p + s.n - suffix.n, suffix.n), suffix);
}

int om_str_compare(om_str a, om_str b)
{
    size_t n = OM_MIN(a.n, b.n);
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t om_str_find_char(om_str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

ptrdiff_t om_str_find(om_str s, om_str part)
{
    if (part.n == 0)
        return 0;
    const char *at = s.n ? memmem(s.p, s.n, part.p, part.n) : NULL;
    return at ? at - s.p : -1;
}

om_str om_str_sub(om_str s, size_t from, size_t to)
{
    to = OM_MIN(to, s.n);
    from = OM_MIN(from, to);
    return om_str_n(s.p + from, to - from);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

om_str om_str_trim(om_str s)
{
    while (s.n && is_blank(s.p[0]))
        s = om_str_sub(s, 1, s.n);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool om_str_split(om_str *rest, char sep, om_str *ret_piece)
{
    if (!rest->p || rest->n == 0)
        return false;
    ptrdiff_t at = om_str_find_char(*rest, sep);
    if (at < 0) {
        *ret_piece = *rest;
        *rest = (om_str){NULL, 0};
        return true;
    }
    *ret_piece = om_str_n(rest->p, (size_t)at);
    *rest = om_str_sub(*rest, (size_t)at + 1, rest->n);
    // "a," ends with an empty piece that the next call must still see.
    if (rest->n == 0)
        *rest = (om_str){NULL, 0};
    return true;
}

// Numbers are short: anything longer than this is no number.
enum { NUMBER_LEN_MAX = 63 };

static bool number_text(om_str s, char text[NUMBER_LEN_MAX + 1])
{
    if (s.n == 0 || s.n > NUMBER_LEN_MAX || is_blank(s.p[0]) || memchr(s.p, 0, s.n))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return true;
}

bool om_str_to_int64(om_str s, int64_t *ret)
{
    char text[NUMBER_LEN_MAX + 1];
    if (!number_text(s, text))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || end == text)
        return false;
    *ret = value;
    return true;
}

bool om_str_to_uint64(om_str s, uint64_t *ret)
{
    char text[NUMBER_LEN_MAX + 1];
    if (!number_text(s, text) || text[0] == '-')
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || end == text)
        return false;
    *ret = value;
    return true;
}

bool om_str_to_double(om_str s, double *ret)
{
    char text[NUMBER_LEN_MAX + 1];
    if (!number_text(s, text))
        return false;
    // Omma never calls setlocale(), so strtod() sees the C locale.
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !isfinite(value))
        return false;
    *ret = value;
    return true;
}

bool om_str_copy(char *dst, size_t size, om_str s)
{
    if (size == 0)
        return false;
    size_t n = OM_MIN(s.n, size - 1);
    if (n)
        memcpy(dst, s.p, n);
    dst[n] = '\0';
    return n == s.n;
}

bool om_str_is_id(om_str s)
{
    if (s.n < 1 || s.n > 64)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

// Damerau-Levenshtein in its optimal string alignment form, three rolling rows.
int om_str_distance(om_str a, om_str b)
{
    enum { LEN_MAX = 64 };
    if (a.n > LEN_MAX || b.n > LEN_MAX)
        return LEN_MAX;
    int rows[3][LEN_MAX + 1];
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= a.n; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i - 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b.n; j++) {
            int replace = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            int best = OM_MIN(replace, OM_MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                best = OM_MIN(best, rows[(i - 2) % 3][j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[a.n % 3][b.n];
}
