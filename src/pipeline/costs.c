#include "pipeline/costs.h"

#include "base/attr.h"
#include "base/error.h"
#include "base/time.h"
#include "infer/model.h"

enum { CALIBRATION_ROUNDS = 5, RUNS = 2 };

// What one round of calibrate_once() takes on the machine that the constants were measured on.
static const double CALIBRATION_US = 980;
// A machine that looks further off than this was only busy, or its clock is no good.
static const double SPEED_MIN = 0.1, SPEED_MAX = 10;

const struct om_costs om_costs_default = {
    .second_us = 30,
    .packet_us = 60,
    .decode_us_per_mpx = 4000,
    .picture_us = 500,
    .runs_per_look = 0.33,
    .looks_per_s = 2.3,
    .key_interval_s = 20,
    .awake_factor = 2.2,
    .bytes_quiet = 500 * 1000,
    .bytes_quiet_per_px = 1.5,
    .bytes_active = 500 * 1000,
    .bytes_active_per_px = 7,
};

const struct om_camera_kind om_camera_kind_usual = {
    .width = 640, .height = 360, .fps = 5, .has_model = true};

struct om_camera_cost om_camera_cost(const struct om_costs *costs,
                                     const struct om_camera_kind *kind)
{
    const struct om_camera_kind *usual = &om_camera_kind_usual;
    bool is_sized = kind->width > 0 && kind->height > 0;
    double width = is_sized ? kind->width : usual->width;
    double height = is_sized ? kind->height : usual->height;
    double fps = kind->fps > 0 ? kind->fps : usual->fps;
    double picture_us = costs->decode_us_per_mpx * width * height / 1e6 + costs->picture_us;
    double looks = OM_MIN(fps, costs->looks_per_s);
    if (kind->detect_fps > 0)
        looks = OM_MIN(looks, kind->detect_fps);
    double look_us = kind->has_model ? looks * costs->runs_per_look * costs->run_us : 0;
    double base_us = costs->second_us + fps * costs->packet_us;
    double quiet_us = base_us + picture_us * OM_MIN(fps, 1 / costs->key_interval_s);
    double active_us = base_us + picture_us * fps + look_us;
    int64_t quiet_bytes = costs->bytes_quiet +
                          (int64_t)(costs->bytes_quiet_per_px * width * height);
    return (struct om_camera_cost){
        .quiet_cores = quiet_us / OM_SECOND,
        .active_cores = OM_MAX(active_us, quiet_us) / OM_SECOND,
        .quiet_bytes = quiet_bytes,
        .active_bytes = quiet_bytes + costs->bytes_active +
                        (int64_t)(costs->bytes_active_per_px * width * height),
    };
}

// ---- this machine ------------------------------------------------------------------------------

// Work like that of a decoder: bits that decide where to go next, sums over small blocks, tables.
static uint32_t calibrate_once(uint32_t seed)
{
    enum { SIDE = 64, TURNS = 200 };
    uint8_t picture[SIDE * SIDE] = {0};
    uint32_t state = seed, sum = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < SIDE * SIDE; i++) {
            state = state * 1664525U + 1013904223U;
            uint32_t before = picture[i * 7 % SIDE];
            picture[i] = (uint8_t)(state >> 24 & 1 ? state >> 16 : before + 1);
        }
        for (int y = 0; y + 1 < SIDE; y++) {
            for (int x = 0; x < SIDE; x++)
                sum += (uint32_t)(picture[y * SIDE + x] + picture[(y + 1) * SIDE + x] + 1) >> 1;
        }
    }
    return sum;
}

void om_costs_calibrate(struct om_costs *ret)
{
    double run_us = ret->run_us, best_us = 0;
    volatile uint32_t sink = 0;
    for (int round = 0; round < CALIBRATION_ROUNDS; round++) {
        int64_t start_us = om_time_thread_cpu_us();
        sink = calibrate_once(sink + (uint32_t)round);
        double took_us = (double)(om_time_thread_cpu_us() - start_us);
        // The shortest: others on the machine only ever make it longer.
        if (round == 0 || took_us < best_us)
            best_us = took_us;
    }
    double slowness = OM_CLAMP(best_us / CALIBRATION_US, SPEED_MIN, SPEED_MAX);
    *ret = om_costs_default;
    ret->second_us *= slowness;
    ret->packet_us *= slowness;
    ret->decode_us_per_mpx *= slowness;
    ret->picture_us *= slowness;
    ret->run_us = run_us;
}

double om_costs_measure_run(struct om_model *model)
{
    om_auto(om_model_ctx) ctx = om_model_ctx_create(model, 1, NULL);
    // The first run makes room and warms caches.
    if (!ctx || om_model_run_bare(ctx, 1, NULL) != OM_OK)
        return 0;
    int64_t start_us = om_time_cpu_us();
    for (int i = 0; i < RUNS; i++) {
        if (om_model_run_bare(ctx, 1, NULL) != OM_OK)
            return 0;
    }
    return (double)(om_time_cpu_us() - start_us) / RUNS;
}
