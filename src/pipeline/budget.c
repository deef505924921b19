#include "pipeline/budget.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/machine.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/config.h"
#include "conf/opt.h"
#include "pipeline/contract.h"

static const double MEMORY_SHARE = 0.6;  // of what the process may have, when nothing is said
static const double PLAN_SHARE = 0.9;    // of the cores; the rest is for what comes at once
static const double FAIR_SHARE = 0.5;    // of the limit that others cannot take
static const double LATE_STRETCH = 1.5;  // from here on nobody comes in
static const double PEAK_FACTOR = 2;     // so many times the expected share may be active at once

enum {
    TRUST_CAMERAS = 16,          // live ones, before their use says more than the constants ...
    TRUST_US = 10 * OM_SECOND,   // ... observed so long
    SMOOTH_US = 20 * OM_SECOND,  // observations fade with this time constant
    FULL_PERCENT = 3,            // cores idle for less of their time are full
};
// Used over expected; outside of this something else is wrong.
static const double RATIO_MIN = 0.2, RATIO_MAX = 5;
static const double TINY = 1e-6;  // more than sums of rounded numbers are off

#define FIELD(name) offsetof(struct om_limits_opts, name)

static const struct om_opt limits_opts[] = {
    {"memory", OM_OPT_BYTES, FIELD(memory_bytes), 0, 1e15, "0",
     "memory of the server at most; 0 = 60 % of what the machine or its container allows", NULL,
     false},
    {"cpu", OM_OPT_DOUBLE, FIELD(cpu_cores), 0, 4096, "0",
     "cores that cameras may keep busy; 0 = all that the server may use", NULL, false},
    {"cameras", OM_OPT_INT, FIELD(cameras), 0, OM_CAMERAS_MAX, "0",
     "cameras that run at most; 0 = as many as fit", NULL, false},
    {"activity", OM_OPT_RATIO, FIELD(activity), 0, 1, "0.1",
     "share of the time in which something is expected to move before a camera", NULL, false},
    {0},
};

const struct om_opt_group om_limits_opt_group = {
    .prefix = "limits",
    .about = "how much the cameras may take; those that do not fit are refused",
    .size = sizeof(struct om_limits_opts),
    .opts = limits_opts,
};

struct entry {
    struct om_camera_kind kind;
    struct om_camera_cost cost;
    bool is_admitted;
};

// Of the use of late; all of them fade alike, so that their ratios hold while cameras come.
struct seen {
    double used_cores, idle_cores;
    double stretch;
    double judged_cores, expected_cores;  // of the cameras' need, by moments that tell
    double used_bytes, expected_bytes;    // without the base
    double activity, activity_max;
};

struct om_budget {
    struct om_machine machine;  // constant after create

    struct om_mutex lock;
    // Under `lock`.
    struct om_limits_opts limits;
    struct om_costs costs;
    struct om_map *entries;
    int admitted, refused;
    struct om_camera_cost sum;  // of the admitted

    struct om_budget_usage last;
    bool has_last;
    int64_t base_bytes;
    struct seen seen;
    int64_t trusted_us;  // observed with enough cameras
    double cpu_ratio, memory_ratio;
};

// ---- life --------------------------------------------------------------------------------------

struct om_budget *om_budget_create(const struct om_limits_opts *limits,
                                   const struct om_machine *machine, const struct om_costs *costs)
{
    struct om_budget *budget = om_new(struct om_budget);
    budget->machine = *machine;
    budget->limits = *limits;
    budget->costs = *costs;
    budget->entries = om_map_create();
    budget->cpu_ratio = budget->memory_ratio = 1;
    om_mutex_init(&budget->lock);
    return budget;
}

void om_budget_destroy(struct om_budget *budget)
{
    if (!budget)
        return;
    size_t at = 0;
    om_str id;
    void *entry;
    while (om_map_next(budget->entries, &at, &id, &entry))
        om_free(entry);
    om_map_destroy(budget->entries);
    om_mutex_finish(&budget->lock);
    om_free(budget);
}

void om_budget_set_limits(struct om_budget *budget, const struct om_limits_opts *limits)
{
    om_with_lock(&budget->lock);
    budget->limits = *limits;
}

static struct om_camera_cost add(struct om_camera_cost a, struct om_camera_cost b, int sign)
{
    return (struct om_camera_cost){
        .quiet_cores = a.quiet_cores + sign * b.quiet_cores,
        .active_cores = a.active_cores + sign * b.active_cores,
        .quiet_bytes = a.quiet_bytes + sign * b.quiet_bytes,
        .active_bytes = a.active_bytes + sign * b.active_bytes,
    };
}

// Counts everybody anew, after the costs changed.
static void sum_up(struct om_budget *budget)
{
    size_t at = 0;
    om_str id;
    void *value;
    budget->sum = (struct om_camera_cost){0};
    while (om_map_next(budget->entries, &at, &id, &value)) {
        struct entry *entry = value;
        entry->cost = om_camera_cost(&budget->costs, &entry->kind);
        if (entry->is_admitted)
            budget->sum = add(budget->sum, entry->cost, 1);
    }
}

void om_budget_set_run_us(struct om_budget *budget, double run_us)
{
    om_with_lock(&budget->lock);
    if (run_us <= budget->costs.run_us)
        return;
    budget->costs.run_us = run_us;
    sum_up(budget);
}

// ---- arithmetic --------------------------------------------------------------------------------

static double limit_cores(const struct om_budget *budget)
{
    return budget->limits.cpu_cores > 0 ? budget->limits.cpu_cores : budget->machine.cores;
}

// 0: nobody knows.
static int64_t limit_bytes(const struct om_budget *budget)
{
    return budget->limits.memory_bytes > 0
               ? budget->limits.memory_bytes
               : (int64_t)(MEMORY_SHARE * (double)budget->machine.memory_bytes);
}

static bool is_trusted(const struct om_budget *budget)
{
    return budget->trusted_us >= TRUST_US;
}

// What others on the machine leave of the limit, once that was seen.
static double available_cores(const struct om_budget *budget)
{
    double limit = limit_cores(budget);
    if (!is_trusted(budget) || budget->seen.idle_cores < 0)
        return limit;
    double left = budget->seen.used_cores + budget->seen.idle_cores;
    return OM_CLAMP(left, FAIR_SHARE * limit, limit);
}

// Those who are in are more already than can be served in time.
static bool is_late(const struct om_budget *budget)
{
    return is_trusted(budget) && budget->seen.stretch >= LATE_STRETCH;
}

static double between(double quiet, double active, double share)
{
    return quiet + share * (active - quiet);
}

static double cores_at(const struct om_camera_cost *cost, double activity)
{
    return between(cost->quiet_cores, cost->active_cores, activity);
}

static double bytes_at(const struct om_camera_cost *cost, double activity)
{
    return between((double)cost->quiet_bytes, (double)cost->active_bytes, activity);
}

static double awake_share(const struct om_budget *budget)
{
    return OM_MIN(1, budget->costs.awake_factor * budget->limits.activity);
}

static double peak_activity(const struct om_budget *budget)
{
    return OM_MIN(1, PEAK_FACTOR * budget->limits.activity);
}

static double planned_cores(const struct om_budget *budget, const struct om_camera_cost *cost)
{
    return budget->cpu_ratio * cores_at(cost, awake_share(budget));
}

static double planned_bytes(const struct om_budget *budget, const struct om_camera_cost *cost)
{
    return budget->memory_ratio * bytes_at(cost, peak_activity(budget));
}

// ---- admission ---------------------------------------------------------------------------------

static void say(struct om_error *err, om_str id, const char *why, const char *hint)
{
    om_error_set(err, OM_LIMIT, "camera %.*s refused: %s", OM_STR_ARG(id), why);
    om_error_hint(err, "%s", hint);
}

static bool check_count(const struct om_budget *budget, om_str id, struct om_error *err)
{
    char why[160], count[OM_FIGURE_SIZE];
    if (budget->limits.cameras == 0 || budget->admitted < budget->limits.cameras)
        return true;
    (void)snprintf(why, sizeof(why), "limits.cameras allows %s, and so many run already",
                   om_figure_count(budget->limits.cameras, count));
    say(err, id, why, "raise limits.cameras (0 = as many as fit), or remove a camera");
    return false;
}

static bool check_memory(const struct om_budget *budget, om_str id,
                         const struct om_camera_cost *with_it, struct om_error *err)
{
    char why[200], limit[OM_FIGURE_SIZE], base[OM_FIGURE_SIZE], taken[OM_FIGURE_SIZE];
    char count[OM_FIGURE_SIZE];
    int64_t most = limit_bytes(budget);
    bool is_first = budget->admitted == 0 && budget->limits.memory_bytes == 0;
    if (most == 0 || is_first ||
        (double)budget->base_bytes + planned_bytes(budget, with_it) <= (double)most + TINY)
        return true;
    (void)snprintf(why, sizeof(why), "it would exceed %s: Omma takes %s, and %s cameras take %s",
                   om_figure_bytes(most, limit), om_figure_bytes(budget->base_bytes, base),
                   om_figure_count(budget->admitted, count),
                   om_figure_bytes((int64_t)planned_bytes(budget, &budget->sum), taken));
    say(err, id, why, "raise limits.memory, remove cameras, or give them smaller pictures");
    return false;
}

static bool check_cpu(const struct om_budget *budget, om_str id,
                      const struct om_camera_cost *with_it, struct om_error *err)
{
    char why[200], count[OM_FIGURE_SIZE];
    double available = available_cores(budget), limit = limit_cores(budget);
    if (budget->admitted == 0)
        return true;  // one alone does what it can
    if (!is_late(budget) && planned_cores(budget, with_it) <= PLAN_SHARE * available + TINY)
        return true;
    double taken = planned_cores(budget, &budget->sum);
    int n = snprintf(
        why, sizeof(why), "%s cameras already take %.1f of %.1f cores at %.3g %% activity",
        om_figure_count(budget->admitted, count), taken, limit, budget->limits.activity * 100);
    if (is_late(budget))
        (void)snprintf(why + n, sizeof(why) - (size_t)n, ", and work is late");
    else if (available < limit - 0.05)
        (void)snprintf(why + n, sizeof(why) - (size_t)n, ", and others leave only %.1f", available);
    else
        (void)snprintf(why + n, sizeof(why) - (size_t)n, ", and a tenth is kept free");
    say(err, id, why,
        "raise limits.cpu, lower detect_fps, or expect less activity (limits.activity)");
    return false;
}

static bool fits(const struct om_budget *budget, om_str id, const struct om_camera_cost *cost,
                 struct om_error *err)
{
    struct om_camera_cost with_it = add(budget->sum, *cost, 1);
    return check_count(budget, id, err) && check_memory(budget, id, &with_it, err) &&
           check_cpu(budget, id, &with_it, err);
}

bool om_budget_admit(struct om_budget *budget, om_str id, const struct om_camera_kind *kind,
                     struct om_error *err)
{
    om_with_lock(&budget->lock);
    struct entry *entry = om_map_get(budget->entries, id);
    if (entry && entry->is_admitted)
        return true;
    if (!entry) {
        entry = om_new(struct entry);
        (void)om_map_put(budget->entries, id, entry);
        budget->refused++;
    }
    entry->kind = *kind;
    entry->cost = om_camera_cost(&budget->costs, kind);
    if (!fits(budget, id, &entry->cost, err))
        return false;
    entry->is_admitted = true;
    budget->refused--;
    budget->admitted++;
    budget->sum = add(budget->sum, entry->cost, 1);
    return true;
}

void om_budget_learn(struct om_budget *budget, om_str id, const struct om_camera_kind *kind)
{
    om_with_lock(&budget->lock);
    struct entry *entry = om_map_get(budget->entries, id);
    if (!entry || !entry->is_admitted)
        return;
    struct om_camera_cost cost = om_camera_cost(&budget->costs, kind);
    budget->sum = add(add(budget->sum, entry->cost, -1), cost, 1);
    entry->kind = *kind;
    entry->cost = cost;
}

void om_budget_leave(struct om_budget *budget, om_str id)
{
    om_with_lock(&budget->lock);
    struct entry *entry = om_map_remove(budget->entries, id);
    if (!entry)
        return;
    if (entry->is_admitted) {
        budget->sum = add(budget->sum, entry->cost, -1);
        if (--budget->admitted == 0)
            budget->sum = (struct om_camera_cost){0};  // rounding must not pile up
    } else {
        budget->refused--;
    }
    om_free(entry);
}

// ---- observation -------------------------------------------------------------------------------

void om_budget_usage_read(struct om_budget_usage *ret)
{
    ret->mono_us = om_time_mono_us();
    ret->cpu_us = om_time_cpu_us();
    ret->idle_us = om_machine_idle_us("");
    ret->rss_bytes = om_machine_rss_bytes();
}

static void fade(double *at, double now, double weight)
{
    *at += weight * (now - *at);
}

// How the cameras' use of a moment differs from what was expected of them. While no idle time is
// left, less than expected only says that they do not get what they need.
static void note_cores(struct om_budget *budget, double expected, double used, double idle,
                       double weight)
{
    struct seen *seen = &budget->seen;
    bool is_full = idle >= 0 && idle * 100 < FULL_PERCENT * budget->machine.cores;
    fade(&seen->used_cores, used, weight);
    fade(&seen->idle_cores, idle, weight);
    if (is_full && used < budget->cpu_ratio * expected)
        return;
    fade(&seen->judged_cores, used, weight);
    fade(&seen->expected_cores, expected, weight);
}

static void note(struct om_budget *budget, const struct om_budget_usage *now, int64_t us)
{
    struct seen *seen = &budget->seen;
    const struct om_budget_usage *last = &budget->last;
    double live = OM_MIN(now->cameras_live, budget->admitted);
    double share = budget->admitted > 0 ? live / budget->admitted : 0;
    double activity = live > 0 ? OM_MIN(1, now->cameras_active / live) : 0;
    bool has_idle = now->idle_us >= 0 && last->idle_us >= 0;
    double idle = has_idle ? OM_MAX(0, (double)(now->idle_us - last->idle_us) / (double)us) : -1;
    // The first one stands for itself.
    double weight = budget->trusted_us > 0 ? 1 - exp(-(double)us / SMOOTH_US) : 1;

    fade(&seen->activity, activity, weight);
    fade(&seen->stretch, now->stretch, weight);
    seen->activity_max = OM_MAX(seen->activity_max, seen->activity);
    note_cores(budget, share * cores_at(&budget->sum, activity),
               (double)(now->cpu_us - last->cpu_us) / (double)us, idle, weight);
    fade(&seen->used_bytes, (double)(now->rss_bytes - budget->base_bytes), weight);
    // What decoders once took the process keeps.
    fade(&seen->expected_bytes, share * bytes_at(&budget->sum, seen->activity_max), weight);
}

static void correct(struct om_budget *budget)
{
    const struct seen *seen = &budget->seen;
    if (seen->expected_cores > 0)
        budget->cpu_ratio = OM_CLAMP(seen->judged_cores / seen->expected_cores, RATIO_MIN,
                                     RATIO_MAX);
    if (seen->expected_bytes > 0)
        budget->memory_ratio = OM_CLAMP(seen->used_bytes / seen->expected_bytes, RATIO_MIN,
                                        RATIO_MAX);
}

void om_budget_observe(struct om_budget *budget, const struct om_budget_usage *usage)
{
    om_with_lock(&budget->lock);
    if (budget->admitted == 0)
        budget->base_bytes = usage->rss_bytes;
    int64_t us = budget->has_last ? usage->mono_us - budget->last.mono_us : 0;
    if (budget->has_last && us < OM_BUDGET_STEP_US)
        return;
    if (budget->has_last && usage->cameras_live >= TRUST_CAMERAS) {
        note(budget, usage, us);
        budget->trusted_us += us;
        if (is_trusted(budget))
            correct(budget);
    }
    budget->last = *usage;
    budget->has_last = true;
}

// ---- contract ----------------------------------------------------------------------------------

// How many more of `cost` the limits hold, and never fewer than none.
static double room_for(const struct om_budget *budget, const struct om_camera_cost *cost)
{
    double cores = PLAN_SHARE * available_cores(budget) - planned_cores(budget, &budget->sum);
    double room = cores / planned_cores(budget, cost);
    if (limit_bytes(budget) > 0) {
        double bytes = (double)(limit_bytes(budget) - budget->base_bytes) -
                       planned_bytes(budget, &budget->sum);
        room = OM_MIN(room, bytes / planned_bytes(budget, cost));
    }
    return OM_CLAMP(room, 0, INT32_MAX / 2);
}

static int active_max(const struct om_budget *budget, const struct om_camera_cost *usual)
{
    if (limit_bytes(budget) == 0)
        return INT32_MAX;
    double each = budget->admitted > 0
                      ? (double)(budget->sum.active_bytes - budget->sum.quiet_bytes) /
                            budget->admitted
                      : (double)(usual->active_bytes - usual->quiet_bytes);
    double left = (double)(limit_bytes(budget) - budget->base_bytes) -
                  budget->memory_ratio * (double)budget->sum.quiet_bytes;
    return (int)OM_CLAMP(left / (budget->memory_ratio * each), 1, INT32_MAX / 2);
}

void om_budget_contract(struct om_budget *budget, struct om_contract *ret)
{
    om_with_lock(&budget->lock);
    struct om_camera_cost usual = om_camera_cost(&budget->costs, &om_camera_kind_usual);
    double fit = budget->admitted + room_for(budget, &usual);
    *ret = (struct om_contract){
        .limit_cores = limit_cores(budget),
        .available_cores = available_cores(budget),
        .limit_bytes = limit_bytes(budget),
        .activity = budget->limits.activity,
        .cameras_limit = budget->limits.cameras,
        .cameras_max = (int)(fit + TINY),
        .camera_cores = planned_cores(budget, &usual),
        .camera_bytes = (int64_t)planned_bytes(budget, &usual),
        .base_bytes = budget->base_bytes,
        .planned_cores = planned_cores(budget, &budget->sum),
        .planned_bytes = budget->base_bytes + (int64_t)planned_bytes(budget, &budget->sum),
        .used_cores = budget->seen.used_cores,
        .used_bytes = budget->last.rss_bytes,
        .activity_seen = budget->seen.activity,
        .admitted = budget->admitted,
        .refused = budget->refused,
        .active_max = active_max(budget, &usual),
        .is_measured = is_trusted(budget),
    };
}
