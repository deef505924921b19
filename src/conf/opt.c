#include "conf/opt.h"

#include <math.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"

static void *field(const struct om_opt *opt, void *options)
{
    return (char *)options + opt->offset;
}

static const void *const_field(const struct om_opt *opt, const void *options)
{
    return (const char *)options + opt->offset;
}

// ---- values ------------------------------------------------------------------------------------

struct unit {
    const char *name;
    double factor;
};

static const struct unit time_units[] = {{"us", 1},     {"ms", 1e3},    {"s", 1e6}, {"m", 60e6},
                                         {"h", 3600e6}, {"d", 86400e6}, {"", 1e6},  {NULL, 0}};
static const struct unit byte_units[] = {{"KiB", 1024.0},
                                         {"MiB", 1048576.0},
                                         {"GiB", 1073741824.0},
                                         {"TiB", 1099511627776.0},
                                         {"KB", 1e3},
                                         {"MB", 1e6},
                                         {"GB", 1e9},
                                         {"TB", 1e12},
                                         {"kB", 1e3},
                                         {"B", 1},
                                         {"", 1},
                                         {NULL, 0}};

static bool parse_with_unit(om_str value, const struct unit *units, double *ret)
{
    size_t n = 0;
    while (n < value.n && ((value.p[n] >= '0' && value.p[n] <= '9') || value.p[n] == '.' ||
                           (n == 0 && value.p[n] == '-')))
        n++;
    om_str unit = om_str_trim(om_str_sub(value, n, value.n));
    double number;
    if (!om_str_to_double(om_str_sub(value, 0, n), &number))
        return false;
    for (; units->name; units++) {
        if (om_str_equal(unit, om_str_from(units->name))) {
            *ret = number * units->factor;
            return true;
        }
    }
    return false;
}

static bool parse_bool(om_str value, bool *ret)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < OM_ARRAY_LEN(words); i++) {
        if (om_str_equal_nocase(value, om_str_from(words[i]))) {
            *ret = i % 2;
            return true;
        }
    }
    return false;
}

static int enum_index(const char *names, om_str value)
{
    om_str rest = om_str_from(names), name;
    for (int i = 0; om_str_split(&rest, '|', &name); i++) {
        if (om_str_equal(name, value))
            return i;
    }
    return -1;
}

static bool fail_value(const struct om_opt *opt, om_str value, struct om_error *err,
                       const char *wanted)
{
    if (opt->type == OM_OPT_SECRET)
        om_error_set(err, OM_INVALID, "%s: not %s", opt->name, wanted);
    else
        om_error_set(err, OM_INVALID, "%s: \"%.*s\" is not %s", opt->name, OM_STR_ARG(value),
                     wanted);
    om_error_hint(err, "%s: %s", opt->name, opt->help);
    return false;
}

static bool fail_range(const struct om_opt *opt, om_str value, struct om_error *err)
{
    const char *unit = opt->type == OM_OPT_TIME ? " s" : opt->type == OM_OPT_BYTES ? " bytes" : "";
    double scale = opt->type == OM_OPT_TIME ? 1e-6 : 1;
    om_error_set(err, OM_INVALID, "%s: \"%.*s\" is out of range", opt->name, OM_STR_ARG(value));
    om_error_hint(err, "%s takes %g to %g%s", opt->name, opt->min * scale, opt->max * scale, unit);
    return false;
}

static bool in_range(const struct om_opt *opt, double value)
{
    return opt->min >= opt->max || (value >= opt->min && value <= opt->max);
}

static bool set_number(const struct om_opt *opt, void *at, om_str value, struct om_error *err)
{
    double number = 0;
    bool is_time = opt->type == OM_OPT_TIME, is_bytes = opt->type == OM_OPT_BYTES;
    bool is_ok = is_time    ? parse_with_unit(value, time_units, &number)
                 : is_bytes ? parse_with_unit(value, byte_units, &number)
                            : om_str_to_double(value, &number);
    if (!is_ok)
        return fail_value(opt, value, err,
                          is_time    ? "a time such as 500ms, 2s, 5m"
                          : is_bytes ? "a size such as 64KiB, 3MB, 2GiB"
                                     : "a number");
    if (opt->type == OM_OPT_INT && number != floor(number))
        return fail_value(opt, value, err, "a whole number");
    if (!in_range(opt, number) || fabs(number) > 9e15)
        return fail_range(opt, value, err);
    if (opt->type == OM_OPT_INT && (number < INT32_MIN || number > INT32_MAX))
        return fail_range(opt, value, err);
    if (opt->type == OM_OPT_INT)
        *(int *)at = (int)number;
    else if (is_time || is_bytes)
        *(int64_t *)at = (int64_t)llround(number);
    else
        *(double *)at = number;
    return true;
}

static bool set_text(const struct om_opt *opt, char **at, om_str value, struct om_error *err)
{
    enum { TEXT_LEN_MAX = 4096 };
    size_t max = opt->max > 0 ? (size_t)opt->max : TEXT_LEN_MAX;
    if ((double)value.n < opt->min) {
        om_error_set(err, OM_INVALID, "%s must not be empty", opt->name);
        om_error_hint(err, "%s: %s", opt->name, opt->help);
        return false;
    }
    if (value.n > max || (value.n && memchr(value.p, 0, value.n))) {
        om_error_set(err, OM_INVALID, "%s is no text of at most %zu bytes", opt->name, max);
        om_error_hint(err, "%s: %s", opt->name, opt->help);
        return false;
    }
    om_free(*at);
    *at = value.n ? om_strndup(value.p, value.n) : NULL;
    return true;
}

bool om_opt_set(const struct om_opt *opt, void *options, om_str value, struct om_error *err)
{
    void *at = field(opt, options);
    switch (opt->type) {
    case OM_OPT_BOOL:
        return parse_bool(value, at) || fail_value(opt, value, err, "on or off");
    case OM_OPT_TEXT:
    case OM_OPT_SECRET:
        return set_text(opt, at, value, err);
    case OM_OPT_ENUM: {
        int index = enum_index(opt->names, value);
        if (index >= 0)
            *(int *)at = index;
        else
            (void)fail_value(opt, value, err, "one of its words");
        if (index < 0)
            om_error_hint(err, "%s takes one of %s", opt->name, opt->names);
        return index >= 0;
    }
    case OM_OPT_INT:
    case OM_OPT_DOUBLE:
    case OM_OPT_RATIO:
    case OM_OPT_TIME:
    case OM_OPT_BYTES:
        return set_number(opt, at, value, err);
    }
    return false;
}

// ---- groups ------------------------------------------------------------------------------------

void om_opt_defaults(const struct om_opt_group *group, void *options)
{
    for (const struct om_opt *opt = group->opts; opt->name; opt++) {
        struct om_error err;
        bool is_set = !opt->fallback || om_opt_set(opt, options, om_str_from(opt->fallback), &err);
        om_assert(is_set);  // a default out of its own range is a bug in the table
    }
}

// '_' and '-' are the same in names.
static void normalise(om_str name, char text[64])
{
    (void)om_str_copy(text, 64, name);
    for (char *c = text; *c; c++)
        *c = *c == '_' ? '-' : *c;
}

const struct om_opt *om_opt_find(const struct om_opt_group *group, om_str name,
                                 const char **ret_guess)
{
    char text[64];
    normalise(name, text);
    const struct om_opt *nearest = NULL;
    int distance_min = 4;
    for (const struct om_opt *opt = group->opts; opt->name; opt++) {
        int distance = om_str_distance(om_str_from(opt->name), om_str_from(text));
        if (distance == 0)
            return opt;
        if (distance < distance_min) {
            distance_min = distance;
            nearest = opt;
        }
    }
    if (ret_guess)
        *ret_guess = nearest ? nearest->name : NULL;
    return NULL;
}

static bool is_text(const struct om_opt *opt)
{
    return opt->type == OM_OPT_TEXT || opt->type == OM_OPT_SECRET;
}

static size_t value_size(const struct om_opt *opt)
{
    switch (opt->type) {
    case OM_OPT_BOOL:
        return sizeof(bool);
    case OM_OPT_INT:
    case OM_OPT_ENUM:
        return sizeof(int);
    case OM_OPT_DOUBLE:
    case OM_OPT_RATIO:
        return sizeof(double);
    case OM_OPT_TIME:
    case OM_OPT_BYTES:
        return sizeof(int64_t);
    case OM_OPT_TEXT:
    case OM_OPT_SECRET:
        return sizeof(char *);
    }
    return 0;
}

void om_opt_finish(const struct om_opt_group *group, void *options)
{
    for (const struct om_opt *opt = group->opts; opt->name; opt++) {
        if (!is_text(opt))
            continue;
        char **text = field(opt, options);
        om_free(*text);
        *text = NULL;
    }
}

void om_opt_copy(const struct om_opt_group *group, void *dst, const void *src)
{
    om_opt_finish(group, dst);
    for (const struct om_opt *opt = group->opts; opt->name; opt++) {
        if (is_text(opt))
            *(char **)field(opt, dst) = om_strdup(*(char *const *)const_field(opt, src));
        else
            memcpy(field(opt, dst), const_field(opt, src), value_size(opt));
    }
}

static bool texts_equal(const char *a, const char *b)
{
    return a == b || (a && b && om_str_equal(om_str_from(a), om_str_from(b)));
}

bool om_opt_equal(const struct om_opt_group *group, const void *a, const void *b)
{
    for (const struct om_opt *opt = group->opts; opt->name; opt++) {
        const void *x = const_field(opt, a), *y = const_field(opt, b);
        bool is_equal = is_text(opt) ? texts_equal(*(char *const *)x, *(char *const *)y)
                                     : memcmp(x, y, value_size(opt)) == 0;
        if (!is_equal)
            return false;
    }
    return true;
}

static void format_time(struct om_buf *out, int64_t us)
{
    if (us % 1000000 == 0)
        om_buf_printf(out, "%llds", (long long)us / 1000000);
    else if (us % 1000 == 0)
        om_buf_printf(out, "%lldms", (long long)us / 1000);
    else
        om_buf_printf(out, "%lldus", (long long)us);
}

void om_opt_format_number(double value, struct om_buf *out)
{
    char text[32];
    double back = 0;
    for (int digits = 15; digits <= 17; digits++) {
        int n = snprintf(text, sizeof(text), "%.*g", digits, value);
        if (om_str_to_double(om_str_n(text, (size_t)n), &back) && back == value)
            break;
    }
    om_buf_append_text(out, text);
}

void om_opt_format(const struct om_opt *opt, const void *options, struct om_buf *out)
{
    const void *at = const_field(opt, options);
    switch (opt->type) {
    case OM_OPT_BOOL:
        om_buf_append_text(out, *(const bool *)at ? "on" : "off");
        return;
    case OM_OPT_INT:
        om_buf_printf(out, "%d", *(const int *)at);
        return;
    case OM_OPT_DOUBLE:
    case OM_OPT_RATIO:
        om_opt_format_number(*(const double *)at, out);
        return;
    case OM_OPT_TIME:
        format_time(out, *(const int64_t *)at);
        return;
    case OM_OPT_BYTES:
        om_buf_printf(out, "%lldB", (long long)*(const int64_t *)at);
        return;
    case OM_OPT_TEXT:
        om_buf_append_text(out, *(char *const *)at ? *(char *const *)at : "");
        return;
    case OM_OPT_SECRET:
        om_buf_append_text(out, *(char *const *)at ? "***" : "");
        return;
    case OM_OPT_ENUM: {
        om_str rest = om_str_from(opt->names), name = {0};
        for (int i = 0; i <= *(const int *)at && om_str_split(&rest, '|', &name); i++) {
        }
        om_buf_append_str(out, name);
    }
    }
}
