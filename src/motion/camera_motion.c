#include "motion/camera_motion.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "media/frame.h"
#include "media/thumb.h"

enum {
    COARSE = 4,  // thumb pixels a side of a coarse one
    REACH = 6,   // coarse pixels that are tried each way
    COARSE_PIXELS_MAX = OM_THUMB_PIXELS_MAX / COARSE / COARSE,
    ROUNDS = 48,
    PARAMS = 4,
};

static const float RESIDUAL_SCALE = 8;  // levels; beyond it a pixel is somebody else's motion
static const float INLIERS_MIN = 0.5F;  // share of pixels that must agree
static const float STILL_PX = 0.08F;    // of the thumb: less is a camera that stands
static const float TEXTURE_MIN = 4;     // mean squared gradient below which nothing can be said

// x' = (1 + zoom) x - turn y + dx, y' = turn x + (1 + zoom) y + dy, from the middle of the thumb.
struct pose {
    float zoom, turn, dx, dy;
};

struct om_camera_motion {
    int width, height;  // 0 before the first thumb
    uint8_t before[OM_THUMB_PIXELS_MAX], now[OM_THUMB_PIXELS_MAX];
    int16_t coarse_before[COARSE_PIXELS_MAX], coarse_now[COARSE_PIXELS_MAX];
};

struct om_camera_motion *om_camera_motion_create(void)
{
    return om_new(struct om_camera_motion);
}

void om_camera_motion_destroy(struct om_camera_motion *motion)
{
    om_free(motion);
}

// ---- coarse shift ------------------------------------------------------------------------------

static void shrink(const uint8_t *luma, int width, int height, int16_t *ret)
{
    int cols = width / COARSE, rows = height / COARSE;
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < cols; x++) {
            int sum = 0;
            for (int i = 0; i < COARSE * COARSE; i++)
                sum += luma[(y * COARSE + i / COARSE) * width + x * COARSE + i % COARSE];
            ret[y * cols + x] = (int16_t)sum;
        }
    }
}

// Mean difference when `now` is `before` moved by dx, dy; the brightness of both is their own.
static float difference(const int16_t *before, const int16_t *now, int cols, int rows, int dx,
                        int dy)
{
    int left = OM_MAX(0, -dx), right = OM_MIN(cols, cols - dx);
    int top = OM_MAX(0, -dy), bottom = OM_MIN(rows, rows - dy), sum = 0;
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++)
            sum += abs(before[y * cols + x] - now[(y + dy) * cols + x + dx]);
    }
    int count = (right - left) * (bottom - top);
    return count > 0 ? (float)sum / (float)count : FLT_MAX;
}

static void find_shift(struct om_camera_motion *m, struct pose *ret)
{
    int cols = m->width / COARSE, rows = m->height / COARSE;
    int reach_x = OM_MIN(REACH, cols / 3), reach_y = OM_MIN(REACH, rows / 3);
    shrink(m->before, m->width, m->height, m->coarse_before);
    shrink(m->now, m->width, m->height, m->coarse_now);
    // Standing still is what cameras do most: anything else must be clearly better.
    float least = 0.9F * difference(m->coarse_before, m->coarse_now, cols, rows, 0, 0);
    for (int dy = -reach_y; dy <= reach_y; dy++) {
        for (int dx = -reach_x; dx <= reach_x; dx++) {
            float d = difference(m->coarse_before, m->coarse_now, cols, rows, dx, dy);
            if (d < least) {
                least = d;
                ret->dx = (float)(dx * COARSE);
                ret->dy = (float)(dy * COARSE);
            }
        }
    }
}

// ---- fine fit ----------------------------------------------------------------------------------

struct slope {
    float x, y;  // levels a pixel
};

struct normal {
    double ata[PARAMS][PARAMS], atb[PARAMS];
    float scale;     // of the residuals, levels
    double texture;  // sum of squared gradients
    int pixels, inliers;
};

// Brightness of `now` between pixels; false outside.
static bool sample(const struct om_camera_motion *m, float x, float y, float *ret)
{
    int ix = (int)floorf(x), iy = (int)floorf(y);
    if (ix < 0 || iy < 0 || ix >= m->width - 1 || iy >= m->height - 1)
        return false;
    const uint8_t *p = m->now + (ptrdiff_t)iy * m->width + ix;
    float fx = x - (float)ix, fy = y - (float)iy;
    *ret = (p[0] * (1 - fx) + p[1] * fx) * (1 - fy) +
           (p[m->width] * (1 - fx) + p[m->width + 1] * fx) * fy;
    return true;
}

static void add_pixel(struct normal *n, float x, float y, struct slope v, float residual)
{
    float share = residual / RESIDUAL_SCALE,
          weight = 1 / ((1 + share * share) * (1 + share * share));
    double row[PARAMS] = {(double)(v.x * x + v.y * y), (double)(v.y * x - v.x * y), (double)v.x,
                          (double)v.y};
    for (int i = 0; i < PARAMS; i++) {
        for (int j = 0; j < PARAMS; j++)
            n->ata[i][j] += (double)weight * row[i] * row[j];
        n->atb[i] += (double)(weight * residual) * row[i];
    }
    n->texture += (double)(v.x * v.x + v.y * v.y);
    n->pixels++;
    n->inliers += fabsf(residual) < RESIDUAL_SCALE;
}

static void build(const struct om_camera_motion *m, const struct pose *pose, float scale,
                  struct normal *n)
{
    float cx = (float)m->width / 2, cy = (float)m->height / 2;
    *n = (struct normal){.scale = scale};
    for (int iy = 1; iy < m->height - 1; iy += 2) {
        for (int ix = 1; ix < m->width - 1; ix += 2) {
            float x = (float)ix - cx, y = (float)iy - cy, level;
            float to_x = (1 + pose->zoom) * x - pose->turn * y + pose->dx + cx;
            float to_y = pose->turn * x + (1 + pose->zoom) * y + pose->dy + cy;
            if (!sample(m, to_x, to_y, &level))
                continue;
            // The slope is taken from `before`, beside the pixel: a slope that shares its noise
            // with the residual would draw the fit to one side.
            const uint8_t *p = m->before + (ptrdiff_t)iy * m->width + ix;
            struct slope slope = {(float)(p[1] - p[-1]) / 2,
                                  (float)(p[m->width] - p[-m->width]) / 2};
            add_pixel(n, x, y, slope, (float)p[0] - level);
        }
    }
}

// Gauss elimination of the symmetric system; false when it says nothing.
static bool solve(struct normal *n, double ret[PARAMS])
{
    for (int i = 0; i < PARAMS; i++) {
        if (n->ata[i][i] < 1e-6)
            return false;
        for (int k = i + 1; k < PARAMS; k++) {
            double f = n->ata[k][i] / n->ata[i][i];
            for (int j = i; j < PARAMS; j++)
                n->ata[k][j] -= f * n->ata[i][j];
            n->atb[k] -= f * n->atb[i];
        }
    }
    for (int i = PARAMS - 1; i >= 0; i--) {
        ret[i] = n->atb[i];
        for (int j = i + 1; j < PARAMS; j++)
            ret[i] -= n->ata[i][j] * ret[j];
        ret[i] /= n->ata[i][i];
    }
    return true;
}

static bool fit(const struct om_camera_motion *m, struct pose *pose)
{
    struct normal n;
    for (int round = 0; round < ROUNDS; round++) {
        double d[PARAMS];
        // Wide at first: with narrow weights from the start it creeps.
        build(m, pose, fmaxf(RESIDUAL_SCALE, ldexpf(64, -round / 2)), &n);
        if (n.pixels < 64 || n.texture < (double)(TEXTURE_MIN * (float)n.pixels) || !solve(&n, d))
            return false;
        pose->zoom += (float)d[0];
        pose->turn += (float)d[1];
        pose->dx += (float)d[2];
        pose->dy += (float)d[3];
        if (fabsf(pose->zoom) > 0.3F || fabsf(pose->turn) > 0.3F)
            return false;
        if (round >= 9 && fabs(d[2]) + fabs(d[3]) < 0.005 && fabs(d[0]) + fabs(d[1]) < 1e-4)
            break;
    }
    build(m, pose, RESIDUAL_SCALE, &n);
    return (float)n.inliers >= INLIERS_MIN * (float)n.pixels &&
           n.pixels * 4 * 3 > m->width * m->height;
}

// ---- to the upright picture --------------------------------------------------------------------

// first a, then b
static struct om_motion then(const struct om_motion *a, const struct om_motion *b)
{
    const float *p = a->m, *q = b->m;
    return (struct om_motion){{q[0] * p[0] + q[1] * p[3], q[0] * p[1] + q[1] * p[4],
                               q[0] * p[2] + q[1] * p[5] + q[2], q[3] * p[0] + q[4] * p[3],
                               q[3] * p[1] + q[4] * p[4], q[3] * p[2] + q[4] * p[5] + q[5]}};
}

static struct om_motion inverse(const struct om_motion *a)
{
    const float *m = a->m;
    float det = m[0] * m[4] - m[1] * m[3];
    struct om_motion r = {{m[4] / det, -m[1] / det, 0, -m[3] / det, m[0] / det, 0}};
    r.m[2] = -(r.m[0] * m[2] + r.m[1] * m[5]);
    r.m[5] = -(r.m[3] * m[2] + r.m[4] * m[5]);
    return r;
}

// From thumb pixels, counted from the middle, to pixels of the upright picture.
static struct om_motion to_upright(const struct om_thumb *thumb, const struct om_frame *frame)
{
    float w = (float)frame->width, h = (float)frame->height;
    float sx = w / (float)thumb->width, sy = h / (float)thumb->height;
    struct om_motion scale = {{sx, 0, w / 2 + sx / 2, 0, sy, h / 2 + sy / 2}};
    const struct om_motion mirror = {{-1, 0, w, 0, 1, 0}};
    const struct om_motion turns[] = {
        OM_MOTION_NONE, {{0, -1, h, 1, 0, 0}}, {{-1, 0, w, 0, -1, h}}, {{0, 1, 0, -1, 0, w}}};
    if (frame->is_mirrored)
        scale = then(&scale, &mirror);
    return then(&scale, &turns[frame->rotation_deg / 90 % 4]);
}

static bool is_still(const struct pose *pose, const struct om_thumb *thumb)
{
    float arm = (float)OM_MAX(thumb->width, thumb->height) / 2;
    return fabsf(pose->dx) < STILL_PX && fabsf(pose->dy) < STILL_PX &&
           fabsf(pose->zoom) * arm < STILL_PX && fabsf(pose->turn) * arm < STILL_PX;
}

bool om_camera_motion_update(struct om_camera_motion *m, const struct om_thumb *thumb,
                             const struct om_frame *frame, struct om_motion *ret)
{
    size_t bytes = (size_t)thumb->width * (size_t)thumb->height;
    om_assert(bytes <= OM_THUMB_PIXELS_MAX);
    *ret = OM_MOTION_NONE;
    bool is_first = m->width != thumb->width || m->height != thumb->height;
    memcpy(m->before, m->now, bytes);
    memcpy(m->now, thumb->luma, bytes);
    m->width = thumb->width;
    m->height = thumb->height;
    struct pose pose = {0};
    if (is_first || thumb->width < 4 * COARSE || thumb->height < 4 * COARSE)
        return false;
    find_shift(m, &pose);
    if (!fit(m, &pose))
        return false;
    if (is_still(&pose, thumb))
        return true;
    struct om_motion up = to_upright(thumb, frame), down = inverse(&up);
    const struct om_motion moved = {
        {1 + pose.zoom, -pose.turn, pose.dx, pose.turn, 1 + pose.zoom, pose.dy}};
    struct om_motion out = then(&down, &moved);
    *ret = then(&out, &up);
    return true;
}
