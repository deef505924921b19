// Constant-velocity Kalman filter of one box: centre, width and height, each with its rate.
//
// The four quantities do not influence one another (all noise is diagonal), so the usual 8x8 filter
// is exactly four 2x2 ones: a few dozen multiplications a step, no matrices. Noise is in shares of
// the box's size and in seconds, so one set of numbers fits near and far objects at any frame rate.

#pragma once

#include "scene/box.h"

struct om_motion;

struct om_kalman_axis {
    float x, v;           // value and its rate a second
    float pxx, pxv, pvv;  // covariance
};

struct om_kalman {
    struct om_kalman_axis cx, cy, w, h;
};

void om_kalman_init(struct om_kalman *kf, struct om_box box);
// `dt_s` >= 0.
void om_kalman_predict(struct om_kalman *kf, float dt_s);
// `score` (0..1) says how much the box is to be trusted.
void om_kalman_update(struct om_kalman *kf, struct om_box box, float score);
// The camera moved: where the same object is in the new picture.
void om_kalman_warp(struct om_kalman *kf, const struct om_motion *motion);
// The estimated box; sides are at least one pixel.
struct om_box om_kalman_box(const struct om_kalman *kf);
