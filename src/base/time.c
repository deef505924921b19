#include "base/time.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/str.h"

static int64_t now_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * OM_SECOND + t.tv_nsec / 1000;
}

int64_t om_time_mono_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t om_time_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}

int64_t om_time_cpu_us(void)
{
    return now_us(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t om_time_thread_cpu_us(void)
{
    return now_us(CLOCK_THREAD_CPUTIME_ID);
}

void om_time_sleep_us(int64_t us)
{
    if (us <= 0)
        return;
    struct timespec t = {.tv_sec = us / OM_SECOND, .tv_nsec = us % OM_SECOND * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR) {
    }
}

const char *om_time_text(int64_t wall_us, char text[OM_TIME_TEXT_SIZE])
{
    int64_t seconds = wall_us / OM_SECOND, us = wall_us % OM_SECOND;
    if (us < 0) {
        us += OM_SECOND;
        seconds--;
    }
    time_t t = seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    snprintf(text, OM_TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ",
             (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_hour % 100,
             tm.tm_min % 100, tm.tm_sec % 100, (unsigned)us % 1000000u);
    return text;
}

// `digits` digits at *at, then the character `end` (0 = nothing more is asked for).
static bool take_number(om_str s, size_t *at, size_t digits, char end, int *ret)
{
    int value = 0;
    for (size_t i = 0; i < digits; i++, (*at)++) {
        if (*at >= s.n || s.p[*at] < '0' || s.p[*at] > '9')
            return false;
        value = value * 10 + (s.p[*at] - '0');
    }
    *ret = value;
    if (!end)
        return true;
    if (*at >= s.n || (s.p[*at] != end && !(end == 'T' && (s.p[*at] == 't' || s.p[*at] == ' '))))
        return false;
    (*at)++;
    return true;
}

static bool take_fraction_us(om_str s, size_t *at, int64_t *ret)
{
    *ret = 0;
    if (*at >= s.n || s.p[*at] != '.')
        return true;
    size_t start = ++*at;
    int64_t unit = OM_SECOND / 10;
    for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++, unit /= 10)
        *ret += (s.p[*at] - '0') * unit;
    return *at > start;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

static bool is_date(const struct tm *tm)
{
    return tm->tm_year >= 1900 && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
           tm->tm_mday <= days_in_month(tm->tm_year, tm->tm_mon);
}

static bool take_offset_s(om_str s, size_t *at, int *ret)
{
    if (*at < s.n && (s.p[*at] == 'Z' || s.p[*at] == 'z')) {
        (*at)++;
        *ret = 0;
        return true;
    }
    if (*at >= s.n || (s.p[*at] != '+' && s.p[*at] != '-'))
        return false;
    int sign = s.p[(*at)++] == '-' ? -1 : 1, hours, minutes;
    if (!take_number(s, at, 2, ':', &hours) || !take_number(s, at, 2, 0, &minutes))
        return false;
    *ret = sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

_Bool om_time_parse(const char *text, size_t n, int64_t *ret_wall_us)
{
    om_str s = om_str_n(text, n);
    struct tm tm = {0};
    size_t at = 0;
    int offset_s;
    if (!take_number(s, &at, 4, '-', &tm.tm_year) || !take_number(s, &at, 2, '-', &tm.tm_mon) ||
        !take_number(s, &at, 2, 'T', &tm.tm_mday) || !take_number(s, &at, 2, ':', &tm.tm_hour) ||
        !take_number(s, &at, 2, ':', &tm.tm_min) || !take_number(s, &at, 2, 0, &tm.tm_sec))
        return false;
    int64_t us;
    if (!take_fraction_us(s, &at, &us) || !take_offset_s(s, &at, &offset_s) || at != s.n)
        return false;
    // A leap second counts as the first second of the next minute.
    if (!is_date(&tm) || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret_wall_us = ((int64_t)timegm(&tm) - offset_s) * OM_SECOND + us;
    return true;
}
