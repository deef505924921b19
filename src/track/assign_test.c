#include "track/assign.h"

#include <math.h>
#include <stdbool.h>

#include "base/assert.h"
#include "base/rand.h"

enum { SIDE = 6 };

// The greatest total by trying everything.
static float best_total(float gain[SIDE][SIDE], int rows, int row, unsigned taken)
{
    if (row == rows)
        return 0;
    float best = best_total(gain, rows, row + 1, taken);
    for (int col = 0; col < SIDE; col++) {
        if (taken & 1U << col || gain[row][col] <= 0)
            continue;
        float total = gain[row][col] + best_total(gain, rows, row + 1, taken | 1U << col);
        best = fmaxf(best, total);
    }
    return best;
}

static float solved_total(struct om_assign *assign, float gain[SIDE][SIDE], int rows)
{
    om_assign_begin(assign, SIDE);
    for (int row = 0; row < rows; row++) {
        om_assert(om_assign_row(assign) == row);
        for (int col = 0; col < SIDE; col++) {
            if (gain[row][col] > 0)
                om_assign_pair(assign, col, gain[row][col]);
        }
    }
    int16_t cols[SIDE];
    om_assign_solve(assign, cols);
    float total = 0;
    unsigned taken = 0;
    for (int row = 0; row < rows; row++) {
        if (cols[row] < 0)
            continue;
        om_assert(!(taken & 1U << cols[row]) && gain[row][cols[row]] > 0);
        taken |= 1U << cols[row];
        total += gain[row][cols[row]];
    }
    return total;
}

static void test_random(struct om_assign *assign)
{
    struct om_rand rand;
    om_rand_init(&rand, 7);
    for (int i = 0; i < 3000; i++) {
        float gain[SIDE][SIDE];
        for (int j = 0; j < SIDE * SIDE; j++)
            gain[j / SIDE][j % SIDE] = om_rand_below(&rand, 3)
                                           ? (float)om_rand_below(&rand, 20) / 20
                                           : 0;
        int rows = (int)om_rand_below(&rand, SIDE + 1);
        om_assert(fabsf(solved_total(assign, gain, rows) - best_total(gain, rows, 0, 0)) < 1e-4F);
    }
}

// Greedy would take 0.9 and leave 0.1: the pairs across are better together.
static void test_not_greedy(struct om_assign *assign)
{
    om_assign_begin(assign, 2);
    om_assign_row(assign);
    om_assign_pair(assign, 0, 0.9F);
    om_assign_pair(assign, 1, 0.8F);
    om_assign_row(assign);
    om_assign_pair(assign, 0, 0.8F);
    int16_t cols[2];
    om_assign_solve(assign, cols);
    om_assert(cols[0] == 1 && cols[1] == 0);
}

// A row that comes late pushes an earlier one out altogether.
static void test_pushed_out(struct om_assign *assign)
{
    om_assign_begin(assign, 1);
    for (int i = 0; i < 3; i++) {
        om_assign_row(assign);
        om_assign_pair(assign, 0, i == 1 ? 0.5F : 0.2F);
    }
    int16_t cols[3];
    om_assign_solve(assign, cols);
    om_assert(cols[0] == -1 && cols[1] == 0 && cols[2] == -1);
}

// Everything with everything, as large as it gets.
static void test_full(struct om_assign *assign)
{
    struct om_rand rand;
    om_rand_init(&rand, 1);
    om_assign_begin(assign, OM_ASSIGN_COLS_MAX);
    for (int i = 0; i < OM_ASSIGN_ROWS_MAX; i++) {
        om_assign_row(assign);
        for (int j = 0; j < OM_ASSIGN_COLS_MAX; j++)
            om_assign_pair(assign, j, 0.001F + (float)om_rand_unit(&rand));
    }
    static int16_t cols[OM_ASSIGN_ROWS_MAX];
    static bool taken[OM_ASSIGN_COLS_MAX];
    om_assign_solve(assign, cols);
    for (int i = 0; i < OM_ASSIGN_ROWS_MAX; i++) {
        om_assert(cols[i] >= 0 && !taken[cols[i]]);
        taken[cols[i]] = true;
    }
}

static void test_empty(struct om_assign *assign)
{
    int16_t cols[2] = {5, 5};
    om_assign_begin(assign, 0);
    om_assign_solve(assign, cols);
    om_assert(cols[0] == 5);
    om_assign_begin(assign, 3);
    om_assign_row(assign);
    om_assign_row(assign);
    om_assign_solve(assign, cols);
    om_assert(cols[0] == -1 && cols[1] == -1);
}

int main(void)
{
    om_auto(om_assign) assign = om_assign_create();
    test_random(assign);
    test_not_greedy(assign);
    test_pushed_out(assign);
    test_full(assign);
    test_empty(assign);
    return 0;
}
