// Optimal assignment: the pairs of rows and columns with the greatest total gain.
//
// Only allowed pairs are given (a gated, sparse problem), and leaving a row or column alone costs
// nothing, so a pair is taken only where it makes the total greater. Successive shortest augmenting
// paths with potentials (Jonker and Volgenant, 1987) that stay within what a row can reach:
// near-linear for the usual crowd of small groups, O(n^3) at the very worst.
//
// Threads: one thread at a time. Allocates nothing after create.

#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct om_assign;

enum { OM_ASSIGN_ROWS_MAX = 512, OM_ASSIGN_COLS_MAX = 512 };

OM_MUST_USE struct om_assign *om_assign_create(void);
void om_assign_destroy(struct om_assign *assign);  // accepts NULL
OM_DEFINE_AUTO(om_assign);
// The calling thread's own (base/scratch.h), for one problem from begin to solve: it is too large
// for each camera to have one.
struct om_assign *om_assign_of_thread(void);

// Starts a problem without rows and with `col_count` columns.
void om_assign_begin(struct om_assign *assign, int col_count);
// The next row; returns its index. Pairs added now are its.
int om_assign_row(struct om_assign *assign);
// 0 < `gain` <= 1000, told apart in steps of a millionth; at most one pair of the same row and
// column.
void om_assign_pair(struct om_assign *assign, int col, float gain);
// ret_col[row] = its column, or -1.
void om_assign_solve(struct om_assign *assign, int16_t *ret_col);
