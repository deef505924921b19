#include "bench/sim/faults.h"

#include "base/str.h"
#include "base/time.h"

static const double SECONDS_MAX = 1e6;

static const struct {
    const char *name;
    enum om_sim_rule_kind kind;
    int times_min, times_max;  // numbers behind WHO
} kinds[] = {
    {"stall", OM_SIM_STALL, 1, 2},
    {"close", OM_SIM_CLOSE, 1, 1},
    {"refuse", OM_SIM_REFUSE, 0, 0},
    {"silent", OM_SIM_SILENT, 0, 0},
};

static bool parse_who(om_str who, struct om_sim_rule *rule)
{
    if (om_str_equal(who, OM_STR("*"))) {
        rule->last = INT32_MAX;
        return true;
    }
    om_str rest = who, text;
    int64_t first, last;
    if (!om_str_split(&rest, '-', &text) || !om_str_to_int64(text, &first))
        return false;
    last = first;
    if (om_str_find_char(who, '-') >= 0 && !om_str_to_int64(rest, &last))
        return false;
    if (first < 0 || last < first || last > INT32_MAX)
        return false;
    rule->first = (int)first;
    rule->last = (int)last;
    return true;
}

static bool parse_rule(size_t kind, om_str value, struct om_sim_faults *faults)
{
    om_str rest = value, part;
    struct om_sim_rule rule = {.kind = kinds[kind].kind, .for_us = INT64_MAX};
    int64_t *times[] = {&rule.after_us, &rule.for_us};
    if (!om_str_split(&rest, ':', &part) || !parse_who(part, &rule))
        return false;
    int n = 0;
    while (om_str_split(&rest, ':', &part)) {
        double seconds;
        if (n == kinds[kind].times_max || !om_str_to_double(part, &seconds) || seconds < 0 ||
            seconds > SECONDS_MAX)
            return false;
        *times[n++] = (int64_t)(seconds * OM_SECOND);
    }
    if (n < kinds[kind].times_min || faults->count == OM_SIM_RULES_MAX)
        return false;
    faults->rules[faults->count++] = rule;
    return true;
}

static bool parse_one(om_str name, om_str value, struct om_sim_faults *faults)
{
    double number;
    if (om_str_equal(name, OM_STR("drop"))) {
        bool is_good = om_str_to_double(value, &number) && number >= 0 && number <= 1;
        faults->drop = is_good ? number : 0;
        return is_good;
    }
    if (om_str_equal(name, OM_STR("jitter"))) {
        bool is_good = om_str_to_double(value, &number) && number >= 0 && number <= 60000;
        faults->jitter_us = is_good ? (int64_t)(number * OM_MS) : 0;
        return is_good;
    }
    for (size_t i = 0; i < OM_ARRAY_LEN(kinds); i++) {
        if (om_str_equal(name, om_str_from(kinds[i].name)))
            return parse_rule(i, value, faults);
    }
    return false;
}

bool om_sim_faults_parse(const char *text, struct om_sim_faults *ret, struct om_error *err)
{
    *ret = (struct om_sim_faults){0};
    om_str rest = om_str_from(text), item;
    while (om_str_split(&rest, ',', &item)) {
        om_str value = om_str_trim(item), name;
        if (om_str_split(&value, '=', &name) && parse_one(name, value, ret))
            continue;
        om_error_set(err, OM_INVALID, "\"%.*s\" is no fault", OM_STR_ARG(item));
        om_error_hint(err, "faults are drop=SHARE jitter=MS stall=K:AFTER[:FOR] close=K:AFTER "
                           "refuse=K silent=K, with commas between; K may be 3, 10-19 or *");
        return false;
    }
    return true;
}

const struct om_sim_rule *om_sim_faults_rule(const struct om_sim_faults *faults,
                                             enum om_sim_rule_kind kind, int camera)
{
    for (int i = 0; i < faults->count; i++) {
        const struct om_sim_rule *rule = &faults->rules[i];
        if (rule->kind == kind && camera >= rule->first && camera <= rule->last)
            return rule;
    }
    return NULL;
}
