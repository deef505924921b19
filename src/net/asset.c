#include "net/asset.h"

#include <time.h>

#include "base/time.h"

static bool number(om_str text, size_t *ret)
{
    uint64_t value;
    if (text.n == 0 || text.n > 18 || text.p[0] < '0' || text.p[0] > '9' ||
        !om_str_to_uint64(text, &value))
        return false;
    *ret = value;
    return true;
}

enum om_range om_range_parse(om_str header, size_t total, size_t *ret_from, size_t *ret_to)
{
    om_str unit = OM_STR("bytes=");
    if (header.n <= unit.n || !om_str_equal_nocase(om_str_sub(header, 0, unit.n), unit))
        return OM_RANGE_ALL;
    om_str range = om_str_trim(om_str_sub(header, unit.n, header.n));
    ptrdiff_t dash = om_str_find_char(range, '-');
    if (dash < 0 || om_str_find_char(range, ',') >= 0)
        return OM_RANGE_ALL;
    om_str first = om_str_sub(range, 0, (size_t)dash);
    om_str last = om_str_sub(range, (size_t)dash + 1, range.n);
    size_t from = 0, to = total, n;
    if (first.n == 0) {
        if (!number(last, &n))
            return OM_RANGE_ALL;
        from = n < total ? total - n : 0;
        if (n == 0)
            return OM_RANGE_OUTSIDE;
    } else {
        if (!number(first, &from) || (last.n && !number(last, &n)) || (last.n && n < from))
            return OM_RANGE_ALL;
        to = last.n ? OM_MIN(n + 1, total) : total;
    }
    if (from >= total)
        return OM_RANGE_OUTSIDE;
    *ret_from = from;
    *ret_to = to;
    return OM_RANGE_PART;
}

bool om_etag_matches(om_str header, om_str etag)
{
    om_str item;
    while (om_str_split(&header, ',', &item)) {
        item = om_str_trim(item);
        if (om_str_starts_with(item, OM_STR("W/")))
            item = om_str_sub(item, 2, item.n);
        if (om_str_equal(item, etag) || om_str_equal(item, OM_STR("*")))
            return true;
    }
    return false;
}

// Whether the parameters of a list item say that it is not wanted: "q=0", "q=0.00".
static bool has_zero_weight(om_str params)
{
    om_str param;
    while (om_str_split(&params, ';', &param)) {
        param = om_str_trim(param);
        double weight;
        if (om_str_starts_with(param, OM_STR("q=")) &&
            om_str_to_double(om_str_sub(param, 2, param.n), &weight) && weight <= 0)
            return true;
    }
    return false;
}

bool om_accepts_gzip(om_str header)
{
    om_str item;
    while (om_str_split(&header, ',', &item)) {
        om_str name;
        if (om_str_split(&item, ';', &name) &&
            om_str_equal_nocase(om_str_trim(name), OM_STR("gzip")))
            return !has_zero_weight(item);
    }
    return false;
}

const char *om_http_date(int64_t wall_us, char text[OM_HTTP_DATE_SIZE])
{
    time_t seconds = (time_t)(wall_us / OM_SECOND);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) ||
        strftime(text, OM_HTTP_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &parts) == 0)
        text[0] = '\0';
    return text;
}
