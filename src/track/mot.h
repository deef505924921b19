// MOTChallenge text files: one detection a line, "frame,-1,left,top,width,height[,score[,...]]",
// frames counted from 1, in any order.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "scene/detection.h"

struct om_error;

enum { OM_MOT_FRAMES_MAX = 10 * 1000 * 1000, OM_MOT_ROWS_MAX = 20 * 1000 * 1000 };

struct om_mot_row {
    int frame;
    struct om_detection detection;  // class 0
};

struct om_mot {
    int count, frame_last;
    struct om_mot_row *rows;  // owned; by frame, best score first
};

// Reads a whole file. Empty lines and lines that begin with '#' are skipped; a header line may come
// first. Rows without a score get 1. False with the line number in *err; then *ret is empty.
OM_MUST_USE bool om_mot_parse(om_str text, struct om_mot *ret, struct om_error *err);
void om_mot_finish(struct om_mot *mot);  // accepts an all-zero struct

// Detectors disagree on what a score is. Brings them to 0..1: percents are divided, scores without
// bounds (below 0 or above 100: margins, as of DPM) go through the logistic function, and scores
// that are all the same say nothing, so they become 1.
void om_mot_scale_scores(struct om_mot *mot);

// The detections of one frame, from row *at on, which moves to the next frame; at most
// OM_DETECTIONS_MAX, the best. Returns how many were left out.
int om_mot_take_frame(const struct om_mot *mot, int frame, int *at, struct om_detections *ret);
