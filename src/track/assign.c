#include "track/assign.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/scratch.h"

enum { PAIRS_MAX = OM_ASSIGN_ROWS_MAX * OM_ASSIGN_COLS_MAX, NONE = -1 };

// Costs are whole numbers: with fractions, rounding could make a way round look shorter than none.
enum { COST_ONE = 1 << 20 };

struct pair {
    int32_t cost;  // minus the gain
    int16_t col;
};

struct om_assign {
    int row_count, col_count;
    int first[OM_ASSIGN_ROWS_MAX + 1];  // of a row's pairs
    int16_t col_of_row[OM_ASSIGN_ROWS_MAX], row_of_col[OM_ASSIGN_COLS_MAX];
    // Potentials: cost - row_price - col_price >= 0 for every pair, = 0 for the pairs taken.
    int64_t row_price[OM_ASSIGN_ROWS_MAX], col_price[OM_ASSIGN_COLS_MAX];
    // Of the search from one row.
    int64_t dist[OM_ASSIGN_COLS_MAX];
    int16_t from_row[OM_ASSIGN_COLS_MAX];  // the row that reached the column
    int16_t reached[OM_ASSIGN_COLS_MAX];   // columns: those done first, then the open ones
    int reached_count, done_count;
    struct pair pairs[PAIRS_MAX];  // last: pages of it that are never used cost nothing
};

struct om_assign *om_assign_create(void)
{
    return om_new(struct om_assign);
}

struct om_assign *om_assign_of_thread(void)
{
    static struct om_scratch scratch = OM_SCRATCH(sizeof(struct om_assign));
    return om_scratch_get(&scratch);
}

void om_assign_destroy(struct om_assign *assign)
{
    om_free(assign);
}

void om_assign_begin(struct om_assign *a, int col_count)
{
    om_assert(col_count >= 0 && col_count <= OM_ASSIGN_COLS_MAX);
    a->row_count = 0;
    a->col_count = col_count;
    a->first[0] = 0;
}

int om_assign_row(struct om_assign *a)
{
    om_assert(a->row_count < OM_ASSIGN_ROWS_MAX);
    a->row_count++;
    a->first[a->row_count] = a->first[a->row_count - 1];
    return a->row_count - 1;
}

void om_assign_pair(struct om_assign *a, int col, float gain)
{
    om_assert(a->row_count > 0 && col >= 0 && col < a->col_count && gain > 0 && gain <= 2000);
    int *end = &a->first[a->row_count];
    om_assert(*end < PAIRS_MAX);
    a->pairs[(*end)++] = (struct pair){-(int32_t)(gain * COST_ONE) - 1, (int16_t)col};
}

static int64_t cheapest(const struct om_assign *a, int row)
{
    int64_t least = 0;  // being left alone
    for (int i = a->first[row]; i < a->first[row + 1]; i++)
        least = OM_MIN(least, a->pairs[i].cost - a->col_price[a->pairs[i].col]);
    return least;
}

// Tells the columns of `row`, which is `base` away, how near they are.
static void relax(struct om_assign *a, int row, int64_t base)
{
    for (int i = a->first[row]; i < a->first[row + 1]; i++) {
        int col = a->pairs[i].col;
        int64_t dist = base + a->pairs[i].cost - a->row_price[row] - a->col_price[col];
        if (a->from_row[col] == NONE)
            a->reached[a->reached_count++] = (int16_t)col;
        else if (dist >= a->dist[col])
            continue;
        a->dist[col] = dist;
        a->from_row[col] = (int16_t)row;
    }
}

// Moves the nearest open column to the end of those done; NONE when there is none.
static int take_nearest(struct om_assign *a)
{
    if (a->done_count == a->reached_count)
        return NONE;
    int best = a->done_count;
    for (int i = best + 1; i < a->reached_count; i++) {
        if (a->dist[a->reached[i]] < a->dist[a->reached[best]])
            best = i;
    }
    int16_t col = a->reached[best];
    a->reached[best] = a->reached[a->done_count];
    a->reached[a->done_count++] = col;
    return col;
}

// Keeps all reduced costs >= 0 after a search from `start` that ended `length` away.
static void update_prices(struct om_assign *a, int start, int64_t length)
{
    a->row_price[start] += length;
    for (int i = 0; i < a->done_count; i++) {
        int col = a->reached[i];
        int64_t rest = length - a->dist[col];
        if (rest <= 0)
            continue;
        a->col_price[col] -= rest;
        if (a->row_of_col[col] != NONE)
            a->row_price[a->row_of_col[col]] += rest;
    }
}

// Gives `row` the column `col` (NONE: nothing), and the column it had to the row before it.
static void augment(struct om_assign *a, int start, int row, int col)
{
    for (;;) {
        int had = a->col_of_row[row];
        a->col_of_row[row] = (int16_t)col;
        if (col != NONE)
            a->row_of_col[col] = (int16_t)row;
        if (row == start)
            return;
        col = had;
        row = a->from_row[col];
    }
}

// Matches one more row, or finds that the total is greatest when some row stays alone.
static void insert(struct om_assign *a, int start)
{
    a->reached_count = a->done_count = 0;
    a->row_price[start] = cheapest(a, start);
    int64_t alone = -a->row_price[start];  // nearest way out by leaving a row alone ...
    int alone_row = start;                 // ... this one
    int col = NONE;
    relax(a, start, 0);
    for (;;) {
        col = take_nearest(a);
        if (col == NONE || a->dist[col] >= alone)
            break;
        int row = a->row_of_col[col];
        if (row == NONE) {
            update_prices(a, start, a->dist[col]);
            augment(a, start, a->from_row[col], col);
            break;
        }
        if (a->dist[col] - a->row_price[row] < alone) {
            alone = a->dist[col] - a->row_price[row];
            alone_row = row;
        }
        relax(a, row, a->dist[col]);
    }
    if (col == NONE || a->dist[col] >= alone) {
        update_prices(a, start, alone);
        augment(a, start, alone_row, NONE);
    }
    for (int i = 0; i < a->reached_count; i++)
        a->from_row[a->reached[i]] = NONE;
}

void om_assign_solve(struct om_assign *a, int16_t *ret_col)
{
    for (int i = 0; i < a->row_count; i++)
        a->col_of_row[i] = NONE;
    for (int j = 0; j < a->col_count; j++) {
        a->row_of_col[j] = a->from_row[j] = NONE;
        a->col_price[j] = 0;
    }
    for (int i = 0; i < a->row_count; i++)
        insert(a, i);
    memcpy(ret_col, a->col_of_row, sizeof(int16_t) * (size_t)a->row_count);
}
