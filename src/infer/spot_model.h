// For tests: a detector made here, byte by byte, that finds bright spots. Its input is
// SPOT_SIDE x SPOT_SIDE, cut into cells of SPOT_CELL; a cell's box has `box_px` sides around the
// cell's middle and the cell's mean brightness for a score. So what comes out of a packed picture
// can be said beforehand.

#pragma once

enum { SPOT_SIDE = 256, SPOT_CELL = 4 };

struct om_model;

// Aborts when it cannot be made.
struct om_model *spot_model_create(int box_px);
