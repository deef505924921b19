#include "pipeline/costs.h"

#include <math.h>

#include "base/assert.h"
#include "base/time.h"

static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-9 + 1e-6 * fabs(b);
}

// Round figures, so that the sums can be done in one's head.
static const struct om_costs round_costs = {
    .second_us = 1000,
    .packet_us = 100,
    .decode_us_per_mpx = 1e6,
    .picture_us = 1000,
    .run_us = 10000,
    .runs_per_look = 0.5,
    .looks_per_s = 5,
    .key_interval_s = 2,
    .bytes_quiet = 1000,
    .bytes_active = 500,
    .bytes_quiet_per_px = 1,
    .bytes_active_per_px = 2,
};

static void test_sums(void)
{
    struct om_camera_kind kind = {.width = 100, .height = 90, .fps = 10, .has_model = true};
    struct om_camera_cost cost = om_camera_cost(&round_costs, &kind);
    // 1 ms + 10 packets of 0.1 ms; a picture is 9 ms + 1 ms, every other second, or ten a second
    // with five looks of half a run.
    om_assert(is_near(cost.quiet_cores, 0.002 + 0.5 * 0.010));
    om_assert(is_near(cost.active_cores, 0.002 + 10 * 0.010 + 5 * 0.005));
    om_assert(cost.quiet_bytes == 1000 + 9000);
    om_assert(cost.active_bytes == 10000 + 500 + 2 * 9000);
}

static void test_bounds(void)
{
    struct om_camera_kind kind = {.width = 100, .height = 90, .fps = 2, .has_model = true};
    om_assert(is_near(om_camera_cost(&round_costs, &kind).active_cores, 0.0012 + 0.020 + 0.010));
    kind.detect_fps = 1;
    om_assert(is_near(om_camera_cost(&round_costs, &kind).active_cores, 0.0012 + 0.020 + 0.005));
    kind.has_model = false;
    om_assert(is_near(om_camera_cost(&round_costs, &kind).active_cores, 0.0012 + 0.020));
    kind.fps = 0.1;  // slower than key frames would be looked at
    struct om_camera_cost slow = om_camera_cost(&round_costs, &kind);
    om_assert(is_near(slow.quiet_cores, slow.active_cores));
}

static void test_unknown_is_usual(void)
{
    struct om_camera_cost usual = om_camera_cost(&om_costs_default, &om_camera_kind_usual);
    struct om_camera_kind unknown = {.has_model = true};
    struct om_camera_cost cost = om_camera_cost(&om_costs_default, &unknown);
    om_assert(is_near(cost.quiet_cores, usual.quiet_cores));
    om_assert(is_near(cost.active_cores, usual.active_cores));
    om_assert(cost.active_bytes == usual.active_bytes);
}

static void test_calibration(void)
{
    struct om_costs costs = {.run_us = 77};
    int64_t start_us = om_time_thread_cpu_us();
    om_costs_calibrate(&costs);
    om_assert(om_time_thread_cpu_us() - start_us < OM_SECOND);
    om_assert(costs.run_us == 77);
    double slowness = costs.packet_us / om_costs_default.packet_us;
    om_assert(slowness >= 0.1 && slowness <= 10);
    om_assert(is_near(costs.decode_us_per_mpx, om_costs_default.decode_us_per_mpx * slowness));
    om_assert(costs.bytes_quiet == om_costs_default.bytes_quiet);
    om_assert(om_costs_default.run_us == 0);
}

int main(void)
{
    test_sums();
    test_bounds();
    test_unknown_is_usual();
    test_calibration();
    return 0;
}
