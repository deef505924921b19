#include "pipeline/budget.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/machine.h"
#include "base/time.h"
#include "pipeline/contract.h"

enum { MB = 1000 * 1000 };

// A usual camera costs 1 ms a second, or 11 ms with something moving: 2 ms at 10 % activity; 1 MB,
// or 2 MB with its decoder open: 1.2 MB at twice that.
static const struct om_costs costs = {
    .second_us = 1000,
    .picture_us = 2000,
    .key_interval_s = 1e9,
    .awake_factor = 1,
    .bytes_quiet = MB,
    .bytes_active = MB,
};
static const struct om_machine machine = {.cores = 2, .memory_bytes = 10LL * 1000 * MB};
static const struct om_camera_kind kind = {0};

static struct om_budget *make(struct om_limits_opts limits)
{
    limits.activity = 0.1;
    return om_budget_create(&limits, &machine, &costs);
}

static bool ask(struct om_budget *budget, int number, struct om_error *err)
{
    char id[32];
    snprintf(id, sizeof(id), "cam-%d", number);
    return om_budget_admit(budget, om_str_from(id), &kind, err);
}

static void go(struct om_budget *budget, int number)
{
    char id[32];
    snprintf(id, sizeof(id), "cam-%d", number);
    om_budget_leave(budget, om_str_from(id));
}

// Asks for cameras [from, to) and returns how many came in.
static int ask_many(struct om_budget *budget, int from, int to, struct om_error *err)
{
    int in = 0;
    for (int i = from; i < to; i++)
        in += ask(budget, i, err);
    return in;
}

static struct om_contract contract(struct om_budget *budget)
{
    struct om_contract ret;
    om_budget_contract(budget, &ret);
    return ret;
}

static void test_count(void)
{
    om_auto(om_budget) budget = make((struct om_limits_opts){.cameras = 2});
    struct om_error err;
    om_assert(ask(budget, 1, &err) && ask(budget, 2, &err) && !ask(budget, 3, &err));
    om_assert(err.status == OM_LIMIT && strstr(err.text, "camera cam-3 refused: limits.cameras"));
    om_assert(strstr(err.hint, "raise limits.cameras"));
    om_assert(ask(budget, 2, &err));  // who is in is in
    om_assert(contract(budget).admitted == 2 && contract(budget).refused == 1);
    om_assert(!ask(budget, 3, &err) && contract(budget).refused == 1);
    go(budget, 1);
    om_assert(ask(budget, 3, &err) && contract(budget).refused == 0);
    om_assert(!ask(budget, 1, &err));
    go(budget, 1);
    go(budget, 77);
    om_assert(contract(budget).admitted == 2 && contract(budget).refused == 0);
    om_budget_set_limits(budget, &(struct om_limits_opts){.cameras = 1, .activity = 0.1});
    om_assert(ask(budget, 2, &err));  // nor does a new limit throw out
}

// 90 % of 2 cores at 2 ms each.
static void test_cpu(void)
{
    om_auto(om_budget) budget = make((struct om_limits_opts){0});
    struct om_error err;
    om_assert(contract(budget).cameras_max == 900);
    om_assert(ask_many(budget, 0, 1000, &err) == 900);
    om_assert(strcmp(err.text, "camera cam-999 refused: 900 cameras already take 1.8 of 2.0 cores "
                               "at 10 % activity, and a tenth is kept free") == 0);
    om_assert(strstr(err.hint, "limits.cpu"));
    om_assert(contract(budget).cameras_max == 900 && contract(budget).refused == 100);
    // A network makes the others dearer too; nobody goes, and fewer would fit.
    om_budget_set_run_us(budget, 1000);
    om_assert(contract(budget).admitted == 900);

    om_auto(om_budget) half = make((struct om_limits_opts){.cpu_cores = 0.5});
    om_assert(ask_many(half, 0, 1000, &err) == 225);
    om_auto(om_budget) none = make((struct om_limits_opts){.cpu_cores = 1e-6});
    om_assert(ask_many(none, 0, 9, &err) == 1);  // one alone does what it can
}

static void observe(struct om_budget *budget, struct om_budget_usage usage)
{
    om_budget_observe(budget, &usage);
}

static void test_memory(void)
{
    om_auto(om_budget) budget = make((struct om_limits_opts){.memory_bytes = 100 * MB});
    struct om_error err;
    observe(budget, (struct om_budget_usage){.rss_bytes = 40 * MB});
    om_assert(contract(budget).cameras_max == 50 && contract(budget).base_bytes == 40 * MB);
    om_assert(contract(budget).active_max == 60);  // before anybody is in
    om_assert(ask_many(budget, 0, 100, &err) == 50);
    om_assert(strcmp(err.text, "camera cam-99 refused: it would exceed 95 MiB: Omma takes 38 MiB, "
                               "and 50 cameras take 57 MiB") == 0);
    om_assert(contract(budget).active_max == 10);
    // A big one is counted anew when its size is known: no room for the next.
    om_budget_learn(budget, OM_STR("cam-0"), &(struct om_camera_kind){.fps = 1});
    go(budget, 7);
    om_assert(ask(budget, 50, &err) && !ask(budget, 51, &err));

    // A limit that somebody set is a promise; one that was guessed lets the first camera try.
    om_auto(om_budget) tight = make((struct om_limits_opts){.memory_bytes = MB});
    om_assert(!ask(tight, 0, &err) && strstr(err.hint, "limits.memory"));
    struct om_limits_opts limits = {.activity = 0.1};
    const struct om_machine small = {.cores = 2, .memory_bytes = MB};
    om_auto(om_budget) guess = om_budget_create(&limits, &small, &costs);
    om_assert(ask(guess, 0, &err) && !ask(guess, 1, &err));
}

// `seconds` in which each of `live` cameras takes `camera_ms` a second, none of them active, and
// the cores idle for `idle` of their time.
static struct om_budget_usage run(struct om_budget *budget, struct om_budget_usage usage,
                                  int seconds, double camera_ms, double idle)
{
    for (int i = 0; i < seconds; i++) {
        usage.mono_us += OM_SECOND;
        usage.cpu_us += (int64_t)(camera_ms * OM_MS * usage.cameras_live);
        usage.idle_us += (int64_t)(idle * OM_SECOND);
        observe(budget, usage);
    }
    return usage;
}

static void test_learning(void)
{
    om_auto(om_budget) budget = make((struct om_limits_opts){0});
    struct om_error err;
    struct om_budget_usage usage = {.rss_bytes = 100 * MB};
    observe(budget, usage);
    om_assert(ask_many(budget, 0, 10, &err) == 10);
    usage.cameras_live = 10;
    usage.rss_bytes = 110 * MB;
    usage = run(budget, usage, 60, 0.5, 1.95);
    om_assert(!contract(budget).is_measured);  // ten say nothing yet

    // Half of what was expected of quiet cameras: twice as many fit.
    om_assert(ask_many(budget, 10, 100, &err) == 90);
    usage.cameras_live = 100;
    usage.rss_bytes = 150 * MB;
    usage = run(budget, usage, 9, 0.5, 1.95);
    om_assert(!contract(budget).is_measured);
    usage = run(budget, usage, 51, 0.5, 1.95);
    struct om_contract c = contract(budget);
    om_assert(c.is_measured && c.cameras_max >= 1790 && c.cameras_max <= 1810);
    om_assert(c.camera_bytes >= 595 * 1000 && c.camera_bytes <= 605 * 1000);

    // Others take a core: fewer fit. Those who are in stay.
    om_assert(ask_many(budget, 100, 2000, &err) == c.cameras_max - 100);
    usage.cameras_live = contract(budget).admitted;
    usage = run(budget, usage, 200, 0.5, 0.2);
    om_assert(contract(budget).admitted == c.cameras_max && !ask(budget, 2000, &err));
    om_assert(strstr(err.text, "and others leave only 1.1"));
}

// Full cores say nothing about what is needed, and when work is late nobody comes in.
static void test_overload(void)
{
    om_auto(om_budget) budget = make((struct om_limits_opts){0});
    struct om_error err;
    struct om_budget_usage usage = {.stretch = 1};
    om_assert(ask_many(budget, 0, 300, &err) == 300);
    usage.cameras_live = 300;
    usage = run(budget, usage, 60, 1, 1.7);
    om_assert(contract(budget).is_measured && ask(budget, 300, &err));
    usage = run(budget, usage, 200, 0.2, 0);
    om_assert(contract(budget).camera_cores > 0.0019);
    om_assert(ask(budget, 301, &err));  // half of the cores is nobody else's
    usage.stretch = 2;
    usage = run(budget, usage, 200, 0.2, 0);
    om_assert(!ask(budget, 302, &err) && strstr(err.text, "and work is late"));
    usage.stretch = 1;
    usage = run(budget, usage, 200, 1, 1.7);
    om_assert(ask(budget, 302, &err));
}

static void test_usage(void)
{
    struct om_budget_usage usage = {0};
    om_budget_usage_read(&usage);
    om_assert(usage.mono_us > 0 && usage.rss_bytes > 0);
}

int main(void)
{
    test_count();
    test_cpu();
    test_memory();
    test_learning();
    test_overload();
    test_usage();
    return 0;
}
