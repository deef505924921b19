#include "track/kalman.h"

#include <math.h>

#include "scene/motion.h"

// In shares of the box's size (the root of its area), and seconds. docs/design/tracking.md says how
// they were chosen.
static const float MEASURE_STD = 0.05F;      // of a detected box with score 1
static const float MEASURE_DOUBT = 1.0F;     // so much more of it for a score of 0
static const float START_SPEED_STD = 2.0F;   // of a new object, a second
static const float START_GROWTH_STD = 1.0F;  // of its sides
static const float ACCELERATION_STD = 0.7F;  // white noise density, of the centre
static const float GROWTH_STD = 0.5F;        // the same of the sides
static const float GROWTH_DECAY_S = 2.0F;    // no object grows for long

static const float SIDE_MIN = 1;

static float size_of(float w, float h)
{
    return sqrtf(fmaxf(w, SIDE_MIN) * fmaxf(h, SIDE_MIN));
}

static struct om_kalman_axis axis_at(float x, float x_std, float v_std)
{
    return (struct om_kalman_axis){.x = x, .pxx = x_std * x_std, .pvv = v_std * v_std};
}

// White noise of density `q` on the rate; what the rate was fades to `keep` of it, which moves the
// value as far as `reach` seconds at the full rate would.
static void axis_predict(struct om_kalman_axis *a, float dt, float q, float keep, float reach)
{
    a->x += a->v * reach;
    a->v *= keep;
    a->pxx += reach * (2 * a->pxv + reach * a->pvv) + q * dt * dt * dt / 3;
    a->pxv = keep * (a->pxv + reach * a->pvv) + q * dt * dt / 2;
    a->pvv = keep * keep * a->pvv + q * dt;
}

static void axis_update(struct om_kalman_axis *a, float seen, float std)
{
    float total = a->pxx + std * std, kx = a->pxx / total, kv = a->pxv / total, off = seen - a->x;
    a->x += kx * off;
    a->v += kv * off;
    a->pvv -= kv * a->pxv;
    a->pxv -= kx * a->pxv;
    a->pxx -= kx * a->pxx;
}

void om_kalman_init(struct om_kalman *kf, struct om_box b)
{
    float size = size_of(b.w, b.h), std = MEASURE_STD * size;
    kf->cx = axis_at(b.x + b.w / 2, std, START_SPEED_STD * size);
    kf->cy = axis_at(b.y + b.h / 2, std, START_SPEED_STD * size);
    kf->w = axis_at(b.w, std, START_GROWTH_STD * size);
    kf->h = axis_at(b.h, std, START_GROWTH_STD * size);
}

void om_kalman_predict(struct om_kalman *kf, float dt)
{
    float size = size_of(kf->w.x, kf->h.x);
    float q = ACCELERATION_STD * size * ACCELERATION_STD * size;
    float q_side = GROWTH_STD * size * GROWTH_STD * size;
    float keep = expf(-dt / GROWTH_DECAY_S), reach = GROWTH_DECAY_S * (1 - keep);
    axis_predict(&kf->cx, dt, q, 1, dt);
    axis_predict(&kf->cy, dt, q, 1, dt);
    axis_predict(&kf->w, dt, q_side, keep, reach);
    axis_predict(&kf->h, dt, q_side, keep, reach);
    kf->w.x = fmaxf(kf->w.x, SIDE_MIN);
    kf->h.x = fmaxf(kf->h.x, SIDE_MIN);
}

void om_kalman_update(struct om_kalman *kf, struct om_box b, float score)
{
    float std = MEASURE_STD * (1 + MEASURE_DOUBT * (1 - score)) * size_of(b.w, b.h);
    axis_update(&kf->cx, b.x + b.w / 2, std);
    axis_update(&kf->cy, b.y + b.h / 2, std);
    axis_update(&kf->w, b.w, std);
    axis_update(&kf->h, b.h, std);
}

static void axis_scale(struct om_kalman_axis *a, float factor)
{
    a->x *= factor;
    a->v *= factor;
    a->pxx *= factor * factor;
    a->pxv *= factor * factor;
    a->pvv *= factor * factor;
}

void om_kalman_warp(struct om_kalman *kf, const struct om_motion *motion)
{
    const float *m = motion->m;
    float x = kf->cx.x, y = kf->cy.x, vx = kf->cx.v, vy = kf->cy.v;
    // Between two pictures a camera turns by little, so the sides only scale.
    float sx = hypotf(m[0], m[3]), sy = hypotf(m[1], m[4]);
    axis_scale(&kf->cx, sx);
    axis_scale(&kf->cy, sy);
    axis_scale(&kf->w, sx);
    axis_scale(&kf->h, sy);
    kf->cx.x = m[0] * x + m[1] * y + m[2];
    kf->cy.x = m[3] * x + m[4] * y + m[5];
    kf->cx.v = m[0] * vx + m[1] * vy;
    kf->cy.v = m[3] * vx + m[4] * vy;
}

struct om_box om_kalman_box(const struct om_kalman *kf)
{
    float w = fmaxf(kf->w.x, SIDE_MIN), h = fmaxf(kf->h.x, SIDE_MIN);
    return (struct om_box){kf->cx.x - w / 2, kf->cy.x - h / 2, w, h};
}
