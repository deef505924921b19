// bench fleet: how many machines 10,000 cameras need, and what happens to them when machines,
// racks, zones, the store or the brokers fail: a simulation (fleet.c) fed with costs that are
// measured here or come from what other benchmarks printed. docs/design/fleet.md is the plan.

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/fleet.h"
#include "bench/fleet_assign.h"
#include "bench/fleet_chart.h"
#include "bench/fleet_costs.h"
#include "bench/fleet_node.h"

enum { CAMERAS_DEFAULT = 10000, CAMERAS_MAX = 100000, RESERVED_MB = 1024 };

// What is decided, not measured. All of it is in the report.
static const struct om_fleet_plan plan_default = {
    .spare = 2,
    .zones = 3,
    .rack_machines = 4,
    .fps = 5,
    .slack = 1.1,
    .activity = 0.1,
    .bout_s = 10,
    .events_per_bout = 3,
    .outdoor_share = 0.6,
    .time_zones = 4,
    .heartbeat_us = 2 * OM_SECOND,
    .lease_us = 6 * OM_SECOND,
    .lease_margin = 0.2,
    .clock_drift = 0.001,
    .connects_per_s = 20,
    .connect_us = 300 * OM_MS,
    .key_gap_us = 2 * OM_SECOND,
    .check_us = 250 * OM_MS,
    .batch_us = 10 * OM_MS,
    .sink_per_s = 2000,
    .spool_bytes_max = 8e9,
    .seed = 1,
};
static const double sanity_per_s = 1 / 30.0;  // looks at a quiet camera, whatever its packets say
static const double load_max_planned = 0.75;  // of the fullest machine, with the spare ones lost
static const double usd_per_core_hour = 0.03;
static const double commit_ms = 50;

struct study {
    struct om_fleet_costs costs;
    struct om_fleet_plan plan;
    struct om_fleet_delays delays;
    double decode_all_cores, modelled_share, busiest;
    int machines_zone, machines_decode_all;
    struct om_fleet_result *results;
};

static const struct om_fleet_result *result_of(const struct study *s, const char *name)
{
    return &s->results[om_fleet_scenario_find(name) - om_fleet_scenarios];
}

// ---- from costs to machines --------------------------------------------------------------------

static void price_cameras(struct study *s)
{
    const double *cost = s->costs.value;
    struct om_fleet_plan *plan = &s->plan;
    double packet = (cost[OM_FLEET_READ_US] + cost[OM_FLEET_JUDGE_US]) * 1e-6;
    double frame = (cost[OM_FLEET_DECODE_MS] + cost[OM_FLEET_MOTION_MS]) * 1e-3;
    double run = cost[OM_FLEET_RUN_MS] * 1e-3;
    double looks = run / cost[OM_FLEET_REGIONS_PER_RUN];
    double events = plan->events_per_bout / plan->bout_s * cost[OM_FLEET_EVENT_US] * 1e-6;
    plan->quiet_cores = plan->fps * (packet + cost[OM_FLEET_QUIET_DECODED] * frame) +
                        sanity_per_s * looks;
    plan->active_cores = plan->fps * (packet + frame + looks) + events;
    s->decode_all_cores = plan->fps * (packet + frame + run) + events;
    s->modelled_share = NAN;
    if (cost[OM_FLEET_CAMERAS_PER_CORE] <= 0)
        return;
    // The measured whole wins over the sum of its parts; the shape stays.
    double modelled = plan->quiet_cores +
                      cost[OM_FLEET_CAMERAS_ACTIVITY] * (plan->active_cores - plan->quiet_cores);
    s->modelled_share = modelled * cost[OM_FLEET_CAMERAS_PER_CORE];
    plan->quiet_cores /= s->modelled_share;
    plan->active_cores /= s->modelled_share;
    if (cost[OM_FLEET_TIMES_DECODE_ALL] > 0)
        s->decode_all_cores = cost[OM_FLEET_TIMES_DECODE_ALL] / cost[OM_FLEET_CAMERAS_PER_CORE];
}

static double busiest_hour(const struct om_fleet_plan *plan)
{
    double most = 0;
    for (int i = 0; i < 24 * 12; i++)
        most = fmax(most, om_fleet_busy(plan->time_zones, i / 12.0));
    return most;
}

static int machines_for(const struct om_fleet_plan *plan, double cores, double camera_mb)
{
    double memory_mb = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) * 1e-6;
    double by_cores = ceil(cores * plan->slack / (plan->cores * load_max_planned));
    double by_memory = ceil(plan->cameras * camera_mb / (memory_mb - RESERVED_MB));
    return (int)fmax(fmax(by_cores, by_memory), plan->zones);
}

static void size_fleet(struct study *s)
{
    struct om_fleet_plan *plan = &s->plan;
    double camera_mb = s->costs.value[OM_FLEET_CAMERA_MB];
    s->busiest = busiest_hour(plan);
    double peak = plan->cameras *
                  (plan->quiet_cores +
                   plan->activity * s->busiest * (plan->active_cores - plan->quiet_cores));
    int machines = machines_for(plan, peak, camera_mb);
    plan->machines = machines + plan->spare;
    s->machines_zone = (machines * plan->zones + plan->zones - 2) / (plan->zones - 1);
    s->machines_decode_all = machines_for(plan, plan->cameras * s->decode_all_cores, camera_mb) +
                             plan->spare;
    // Partitions cannot be changed later without breaking the order of a key: enough for the
    // catching up after an outage, and divisible among 2, 3, 4, 6 or 12 consumers.
    double rate = plan->cameras * plan->activity / plan->bout_s * plan->events_per_bout;
    double catching_up = 13 * rate;  // six hours within half an hour, beside the new ones
    plan->partitions = 12 * (int)fmax(ceil(catching_up / 2000 / 12), 2);
}

static void make_delays(struct study *s)
{
    const struct om_fleet_plan *plan = &s->plan;
    double quiet = plan->quiet_cores * (1 - plan->activity);
    const struct om_fleet_node_opts node = {
        .servers = plan->cores,
        .fps = plan->fps,
        .service_ms = plan->active_cores / plan->fps * 1000,
        .commit_ms = commit_ms,
        .jitter = 0.02,
        .background = quiet / (quiet + plan->activity * plan->active_cores),
        .seed = plan->seed,
    };
    om_fleet_delays_make(&node, &s->delays);
    s->plan.delays = &s->delays;
}

// ---- rules of assignment, compared -------------------------------------------------------------

static int count_moves(const int *before, const int *after, int n)
{
    int moves = 0;
    for (int i = 0; i < n; i++)
        moves += before[i] != after[i];
    return moves;
}

struct rule_try {
    double skew, moved_leave, moved_join;  // moves: as multiples of the least possible
};

static struct rule_try try_rule(const struct om_fleet_plan *plan, enum om_fleet_rule rule)
{
    int n = plan->cameras, count = plan->machines + 1;
    struct om_fleet_member *members = om_new_array(struct om_fleet_member, (size_t)count);
    struct om_fleet_item *items = om_new_array(struct om_fleet_item, (size_t)n);
    int *owners = om_new_array(int, (size_t)n), *after = om_new_array(int, (size_t)n);
    for (int m = 0; m < count; m++)  // every fourth machine is twice as big
        members[m] = (struct om_fleet_member){om_fleet_hash((uint64_t)m, 'M'), 1 + (m % 4 == 3),
                                              m + 1 < count, false};
    for (int i = 0; i < n; i++) {
        items[i] = (struct om_fleet_item){om_fleet_hash((uint64_t)i, 'C'), 1};
        items[i].cost += 4 * (items[i].id % 10 == 0);  // one in ten is a busy place
        owners[i] = -1;
    }
    const struct om_fleet_assignment assignment = {rule, plan->slack, members, count, items, n};
    struct rule_try ret;
    om_fleet_assign(&assignment, owners);
    ret.skew = om_fleet_skew(&assignment, owners);

    members[0].is_up = false;
    int had = 0, got = 0;
    for (int i = 0; i < n; i++) {
        after[i] = owners[i];
        had += owners[i] == 0;
    }
    om_fleet_assign(&assignment, after);
    ret.moved_leave = (double)count_moves(owners, after, n) / OM_MAX(had, 1);

    members[0].is_up = members[count - 1].is_up = members[count - 1].is_new = true;
    for (int i = 0; i < n; i++)
        after[i] = owners[i];
    om_fleet_assign(&assignment, after);
    for (int i = 0; i < n; i++)
        got += after[i] == count - 1;
    ret.moved_join = (double)count_moves(owners, after, n) / OM_MAX(got, 1);
    om_free(after);
    om_free(owners);
    om_free(items);
    om_free(members);
    return ret;
}

static void write_rules(const struct om_fleet_plan *plan, struct om_json_writer *w)
{
    om_json_key(w, "assignment");
    om_json_array(w);
    for (int rule = 0; rule < OM_FLEET_RULE_COUNT; rule++) {
        struct rule_try tried = try_rule(plan, (enum om_fleet_rule)rule);
        om_json_object(w);
        om_json_kv_text(w, "rule", om_fleet_rule_name((enum om_fleet_rule)rule));
        om_json_kv_double(w, "load_max_over_fair", tried.skew, 3);
        om_json_kv_double(w, "moved_on_leave", tried.moved_leave, 3);
        om_json_kv_double(w, "moved_on_join", tried.moved_join, 3);
        om_json_object_end(w);
    }
    om_json_array_end(w);
}

// ---- how long a lease should be -----------------------------------------------------------------

// A short lease finds the dead sooner, asks the store more often, and takes a shorter pause for
// death.
static void write_leases(const struct study *s, struct om_json_writer *w)
{
    static const int leases_s[] = {3, 6, 15, 30};
    om_json_key(w, "leases");
    om_json_array(w);
    for (size_t i = 0; i < OM_ARRAY_LEN(leases_s); i++) {
        struct om_fleet_plan plan = s->plan;
        struct om_fleet_result *r = om_new(struct om_fleet_result);
        plan.lease_us = leases_s[i] * (int64_t)OM_SECOND;
        plan.heartbeat_us = plan.lease_us / 3;
        double beat_s = (double)plan.heartbeat_us / OM_SECOND;
        om_fleet_run(&plan, om_fleet_scenario_find("machine"), r);
        om_json_object(w);
        om_json_kv_int(w, "lease_s", leases_s[i]);
        om_json_kv_double(w, "failover_s_p50", om_fleet_failover_s(r, 0.5), 2);
        om_json_kv_double(w, "failover_s_p99", om_fleet_failover_s(r, 0.99), 2);
        om_json_kv_double(w, "unseen", (double)r->unseen, 0);
        om_json_kv_double(w, "pause_allowed_s", leases_s[i] - beat_s, 1);
        om_json_kv_double(w, "store_writes_per_s", plan.machines / beat_s, 1);
        om_json_object_end(w);
        om_fleet_result_finish(r);
        om_free(r);
    }
    om_json_array_end(w);
}

// ---- the simulator against reality --------------------------------------------------------------

// Runs the latency benchmark into a buffer of its own.
static struct om_json *measure_latency(const struct om_bench_opts *opts, struct om_error *err)
{
    om_auto_buf workload, figures;
    om_buf_init(&workload, 1 << 20);
    om_buf_init(&figures, 1 << 20);
    struct om_json_writer w, f;
    om_json_begin(&w, &workload);
    om_json_object(&w);
    om_json_begin(&f, &figures);
    om_json_object(&f);
    struct om_bench_report report = {.workload = &w, .figures = &f};
    if (!om_bench_latency.run(opts, &report, err))
        return NULL;
    om_json_object_end(&f);
    return om_json_parse(om_buf_str(&figures), err);
}

// One machine as the latency benchmark sets it up (one engine, cameras evenly spread), predicted
// frame by frame, beside what was measured. A frame takes what it took there when nothing held the
// chain back, so that the rest of a busy machine is in both.
static void write_prediction(double service_ms, const struct om_json *measured,
                             struct om_json_writer *w)
{
    const struct om_fleet_node_opts node = {
        .cameras = (int)om_json_as_int(om_json_get(measured, "cameras"), 1),
        .servers = 1,
        .fps = om_json_as_double(om_json_get(measured, "fps"), 1),
        .service_ms = service_ms,
        .commit_ms = commit_ms,
        .seconds = 60,
        .is_even = true,
        .seed = 1,
    };
    struct om_fleet_node_result predicted;
    om_fleet_node_run(&node, NULL, 0, &predicted);
    double p50_ms = om_json_as_double(om_json_get(measured, "event_ms_p50"), NAN);
    double p99_ms = om_json_as_double(om_json_get(measured, "event_ms_p99"), NAN);
    om_json_object(w);
    om_json_kv_int(w, "cameras", node.cameras);
    om_json_kv_double(w, "fps", node.fps, 1);
    om_json_kv_double(w, "p50_ms", predicted.p50_ms, 1);
    om_json_kv_double(w, "p50_measured", p50_ms, 1);
    om_json_kv_double(w, "p50_share", predicted.p50_ms / p50_ms, 3);
    om_json_kv_double(w, "p99_ms", predicted.p99_ms, 1);
    om_json_kv_double(w, "p99_measured", p99_ms, 1);
    om_json_kv_double(w, "p99_share", predicted.p99_ms / p99_ms, 3);
    om_json_object_end(w);
}

static bool check_predictions(const struct study *s, const struct om_bench_opts *opts,
                              struct om_json_writer *w, struct om_error *err)
{
    om_auto_json measured = measure_latency(opts, err);
    const struct om_json *points = om_json_get(measured, "by_fps");
    double frame_ms = 1000 / om_json_as_double(om_json_get(measured, "frames_per_s"), NAN);
    double sum_ms = s->costs.video_frame_ms + s->costs.value[OM_FLEET_RUN_MS];
    om_json_kv_double(w, "predicted_frame_ms", sum_ms, 2);
    om_json_kv_double(w, "measured_frame_ms", frame_ms, 2);
    om_json_key(w, "predicted_of_measured");
    om_json_array(w);
    for (size_t i = 0; i < om_json_len(points); i++)
        write_prediction(frame_ms, om_json_at(points, i), w);
    om_json_array_end(w);
    return measured;
}

// ---- the report --------------------------------------------------------------------------------

static void write_scenario(struct om_json_writer *w, const struct om_fleet_scenario *scenario,
                           const struct om_fleet_result *r)
{
    om_json_object(w);
    om_json_kv_text(w, "scenario", scenario->name);
    om_json_kv_double(w, "hours", scenario->hours, 2);
    om_json_kv_int(w, "taken_over", (int64_t)(r->moves - r->moves_planned));
    om_json_kv_int(w, "handed_over", (int64_t)r->moves_planned);
    om_json_kv_double(w, "failover_s_p50", om_fleet_failover_s(r, 0.5), 2);
    om_json_kv_double(w, "failover_s_p99", om_fleet_failover_s(r, 0.99), 2);
    om_json_kv_double(w, "dark_camera_s", r->dark_s, 0);
    om_json_kv_double(w, "twice_camera_s", r->twice_s, 0);
    om_json_kv_int(w, "events", (int64_t)r->accepted);
    om_json_kv_int(w, "unseen", (int64_t)r->unseen);
    om_json_kv_int(w, "lost", (int64_t)r->lost);
    om_json_kv_int(w, "old_epoch", (int64_t)r->stale);
    om_json_kv_int(w, "resent", (int64_t)r->resent);
    om_json_kv_double(w, "delay_ms_p99", om_hist_quantile_us(&r->delay, 0.99) / OM_MS, 1);
    om_json_kv_double(w, "delay_s_max", r->delay_max_s, 1);
    om_json_kv_double(w, "load_mean", r->load_mean, 3);
    om_json_kv_double(w, "load_max", r->load_max, 3);
    om_json_kv_double(w, "skipped_share", r->skipped_share, 4);
    om_json_kv_double(w, "connects_per_s_max", r->connects_peak_per_s, 0);
    om_json_kv_double(w, "spool_mb_max", r->spool_peak_bytes * 1e-6, 1);
    om_json_kv_double(w, "drain_s", r->drain_s, 1);
    om_json_kv_int(w, "double_owners", (int64_t)r->double_owners);
    om_json_object_end(w);
}

static void write_scenarios(struct study *s, struct om_json_writer *w)
{
    om_json_key(w, "scenarios");
    om_json_array(w);
    for (int i = 0; i < om_fleet_scenario_count; i++)
        write_scenario(w, &om_fleet_scenarios[i], &s->results[i]);
    om_json_array_end(w);
}

static void write_plan(const struct study *s, struct om_json_writer *w)
{
    const struct om_fleet_plan *plan = &s->plan;
    om_json_kv_int(w, "cameras", plan->cameras);
    om_json_kv_text(w, "stream", "640x360, H.264");
    om_json_kv_double(w, "fps", plan->fps, 2);
    om_json_kv_double(w, "activity", plan->activity, 3);
    om_json_kv_double(w, "activity_busiest_hour", plan->activity * s->busiest, 3);
    om_json_kv_double(w, "bout_s", plan->bout_s, 1);
    om_json_kv_double(w, "events_per_bout", plan->events_per_bout, 1);
    om_json_kv_double(w, "sanity_looks_per_s", sanity_per_s, 4);
    om_json_kv_double(w, "outdoor_share", plan->outdoor_share, 2);
    om_json_kv_int(w, "time_zones", plan->time_zones);
    om_json_kv_int(w, "cores_per_machine", plan->cores);
    om_json_kv_int(w, "spare_machines", plan->spare);
    om_json_kv_int(w, "zones", plan->zones);
    om_json_kv_int(w, "rack_machines", plan->rack_machines);
    om_json_kv_double(w, "load_max_planned", load_max_planned, 2);
    om_json_kv_double(w, "slack", plan->slack, 2);
    om_json_kv_double(w, "heartbeat_s", (double)plan->heartbeat_us / OM_SECOND, 2);
    om_json_kv_double(w, "lease_s", (double)plan->lease_us / OM_SECOND, 2);
    om_json_kv_double(w, "lease_margin", plan->lease_margin, 2);
    om_json_kv_double(w, "clock_drift", plan->clock_drift, 4);
    om_json_kv_double(w, "connects_per_s", plan->connects_per_s, 1);
    om_json_kv_double(w, "connect_s", (double)plan->connect_us / OM_SECOND, 2);
    om_json_kv_double(w, "key_gap_s", (double)plan->key_gap_us / OM_SECOND, 2);
    om_json_kv_double(w, "commit_ms", commit_ms, 1);
    om_json_kv_double(w, "sink_per_s", plan->sink_per_s, 0);
    om_json_kv_double(w, "spool_gb_max", plan->spool_bytes_max * 1e-9, 1);
    om_json_kv_double(w, "usd_per_core_hour", usd_per_core_hour, 3);
    om_json_kv_int(w, "seed", (int64_t)plan->seed);
    om_fleet_costs_write(&s->costs, w);
}

static void write_failures(const struct study *s, struct om_json_writer *w)
{
    const struct om_fleet_result *machine = result_of(s, "machine"), *zone = result_of(s, "zone");
    uint64_t lost = 0, duplicated = 0, double_owners = 0;
    for (int i = 0; i < om_fleet_scenario_count; i++) {
        bool loses_disk = om_fleet_scenarios[i].faults[1].kind == OM_FLEET_LOSE;
        lost += loses_disk ? 0 : s->results[i].lost;
        duplicated += s->results[i].stale + s->results[i].resent;
        double_owners += s->results[i].double_owners;
    }
    om_json_kv_double(w, "failover_s_p50", om_fleet_failover_s(machine, 0.5), 2);
    om_json_kv_double(w, "failover_s_p99", om_fleet_failover_s(machine, 0.99), 2);
    om_json_kv_double(w, "failover_zone_s_p99", om_fleet_failover_s(zone, 0.99), 2);
    om_json_kv_int(w, "cameras_moved_per_failure",
                   (int64_t)(machine->moves - machine->moves_planned));
    om_json_kv_double(w, "reassign_storm_peak_connects_per_s", zone->connects_peak_per_s, 0);
    om_json_kv_int(w, "events_lost", (int64_t)lost);
    om_json_kv_int(w, "events_lost_with_disk", (int64_t)result_of(s, "brokers_disk")->lost);
    om_json_kv_int(w, "events_duplicated", (int64_t)duplicated);
    om_json_kv_int(w, "double_owners", (int64_t)double_owners);
}

static void write_figures(struct study *s, struct om_json_writer *w)
{
    const struct om_fleet_plan *plan = &s->plan;
    const struct om_fleet_result *day = result_of(s, "day");
    double core_hours = (double)plan->machines * plan->cores * 730 / plan->cameras;
    om_json_kv_int(w, "machines_needed", plan->machines);
    om_json_kv_int(w, "machines_needed_zone_loss", s->machines_zone);
    om_json_kv_int(w, "machines_needed_decode_all", s->machines_decode_all);
    om_json_kv_double(w, "times_decode_all", (double)s->machines_decode_all / plan->machines, 2);
    om_json_kv_double(w, "cameras_per_machine", (double)plan->cameras / plan->machines, 1);
    om_json_kv_double(w, "cores_used", day->load_mean * plan->machines * plan->cores, 2);
    om_json_kv_int(w, "cores_held", (int64_t)plan->machines * plan->cores);
    om_json_kv_double(w, "core_hours_per_camera_month", core_hours, 3);
    om_json_kv_double(w, "usd_per_camera_month", core_hours * usd_per_core_hour, 4);
    om_json_kv_double(w, "quiet_camera_core_share", plan->quiet_cores, 6);
    om_json_kv_double(w, "active_camera_core_share", plan->active_cores, 6);
    om_json_kv_double(w, "modelled_share_of_measured_cpu", s->modelled_share, 3);
    om_json_kv_double(w, "event_delay_ms_p50", om_hist_quantile_us(&day->delay, 0.5) / OM_MS, 1);
    om_json_kv_double(w, "event_delay_ms_p99", om_hist_quantile_us(&day->delay, 0.99) / OM_MS, 1);
    om_json_kv_double(w, "events_per_s_max", day->events_peak_per_s, 1);
    om_json_kv_int(w, "kafka_partitions", plan->partitions);
    om_json_kv_double(w, "partition_skew", day->partition_skew, 3);
    write_failures(s, w);
}

static void simulate(struct study *s, struct om_bench_report *report)
{
    price_cameras(s);
    size_fleet(s);
    make_delays(s);
    int64_t start_us = om_time_cpu_us();
    uint64_t steps = 0;
    for (int i = 0; i < om_fleet_scenario_count; i++) {
        om_fleet_run(&s->plan, &om_fleet_scenarios[i], &s->results[i]);
        steps += s->results[i].sim_events;
    }
    write_plan(s, report->workload);
    write_figures(s, report->figures);
    om_json_kv_int(report->figures, "simulated_steps", (int64_t)steps);
    om_json_kv_double(report->figures, "simulation_cpu_s",
                      (double)(om_time_cpu_us() - start_us) / OM_SECOND, 2);
    write_rules(&s->plan, report->figures);
    write_leases(s, report->figures);
    write_scenarios(s, report->figures);
}

static bool run_study(struct study *s, const struct om_bench_opts *opts,
                      struct om_bench_report *report, struct om_error *err)
{
    if (opts->cameras > CAMERAS_MAX) {
        om_error_set(err, OM_LIMIT, "%d cameras are too many to simulate", opts->cameras);
        om_error_hint(err, "give at most --cameras %d; what they need grows in proportion",
                      CAMERAS_MAX);
        return false;
    }
    s->plan = plan_default;
    s->plan.cameras = opts->cameras ? opts->cameras : CAMERAS_DEFAULT;
    s->plan.cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (!om_fleet_costs_find(opts, &s->costs, err))
        return false;
    s->plan.event_bytes = s->costs.value[OM_FLEET_EVENT_BYTES];
    simulate(s, report);
    if ((opts->model || opts->data) && !check_predictions(s, opts, report->figures, err))
        return false;
    return !opts->chart ||
           om_fleet_chart_write(opts->chart, result_of(s, "day"), result_of(s, "storm"), err);
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    report->reference = "a fleet that decodes and detects every frame, at the same costs";
    struct study *s = om_new(struct study);
    s->results = om_new_array(struct om_fleet_result, (size_t)om_fleet_scenario_count);
    bool is_ok = run_study(s, opts, report, err);
    for (int i = 0; i < om_fleet_scenario_count; i++)
        om_fleet_result_finish(&s->results[i]);
    om_free(s->results);
    om_free(s);
    return is_ok;
}

const struct om_bench om_bench_fleet = {
    .name = "fleet",
    .help = "10,000 cameras on many machines, simulated from measured costs",
    .run = run,
};
