#include "bench/streams_plan.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"

// In pictures.
enum {
    GAP_MIN = 5,        // shorter pauses belong to the motion around them
    QUIET_MIN = 5,      // a shorter quiet piece is no use
    QUIET_MARGIN = 3,   // what comes may be seen before the oracle follows it
    LEAD = 3,           // quiet pictures that go with an active piece
    PIECE_MIN = 20,     // of motion without end
    PIECE_SPREAD = 31,  // pieces are PIECE_MIN + [0, PIECE_SPREAD) long
    BUDGET_MIN = 4,     // less motion than this is not worth another piece
    CUT_MIN = 8,        // the last piece is not cut shorter
    BURSTS_MAX = 256,
};

static const double always = 0.995;  // activity that means the clip itself

struct run {
    int from, to;  // [from, to)
};

struct plan {
    const bool *moves, *is_quiet;
    int count;
    struct om_rand rand;
    struct run *active, *quiet;  // room for `count`
    int active_count, quiet_count;
    struct run bursts[BURSTS_MAX];
    int burst_count;
    int *order;
    int length, at;
};

// ---- runs --------------------------------------------------------------------------------------

static void find_active(struct plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        if (!plan->moves[i])
            continue;
        struct run *last = plan->active_count ? &plan->active[plan->active_count - 1] : NULL;
        if (last && i - last->to < GAP_MIN)
            last->to = i + 1;
        else
            plan->active[plan->active_count++] = (struct run){i, i + 1};
    }
}

// Shrunk where motion is next to them, if they stay long enough.
static void add_quiet(struct plan *plan, struct run run)
{
    struct run inner = run;
    inner.from += run.from > 0 ? QUIET_MARGIN : 0;
    inner.to -= run.to < plan->count ? QUIET_MARGIN : 0;
    if (inner.to - inner.from >= QUIET_MIN)
        plan->quiet[plan->quiet_count++] = inner;
    else if (run.to - run.from >= QUIET_MIN)
        plan->quiet[plan->quiet_count++] = run;
}

static void find_quiet(struct plan *plan)
{
    for (int from = 0, to; from < plan->count; from = to + 1) {
        for (to = from; to < plan->count && plan->is_quiet[to];)
            to++;
        if (to > from)
            add_quiet(plan, (struct run){from, to});
    }
}

// ---- bursts ------------------------------------------------------------------------------------

static int count_moves(const struct plan *plan, struct run run)
{
    int n = 0;
    for (int i = run.from; i < run.to; i++)
        n += plan->moves[i];
    return n;
}

static struct run draw_burst(struct plan *plan)
{
    struct run run = plan->active[om_rand_below(&plan->rand, (uint32_t)plan->active_count)];
    int piece = PIECE_MIN + (int)om_rand_below(&plan->rand, PIECE_SPREAD);
    if (run.to - run.from > PIECE_MIN + PIECE_SPREAD) {
        run.from += (int)om_rand_below(&plan->rand, (uint32_t)(run.to - run.from - piece + 1));
        run.to = run.from + piece;
    }
    run.from = OM_MAX(0, run.from - LEAD);
    run.to = OM_MIN(plan->count, run.to + LEAD);
    return run;
}

static void draw_bursts(struct plan *plan, int budget)
{
    int pictures = 0;
    while (budget >= BUDGET_MIN && plan->burst_count < BURSTS_MAX && pictures < plan->length) {
        struct run run = draw_burst(plan);
        while (run.to - run.from > CUT_MIN &&
               (count_moves(plan, run) > budget || pictures + run.to - run.from > plan->length))
            run.to--;
        budget -= count_moves(plan, run);
        pictures += run.to - run.from;
        plan->bursts[plan->burst_count++] = run;
    }
}

// ---- writing -----------------------------------------------------------------------------------

static void put(struct plan *plan, int picture)
{
    if (plan->at < plan->length)
        plan->order[plan->at++] = picture;
}

// The quiet run that begins where `picture` is, or ends there; else the longest; NULL = none.
static const struct run *quiet_near(const struct plan *plan, int picture, bool begins)
{
    const struct run *longest = NULL;
    for (int i = 0; i < plan->quiet_count; i++) {
        const struct run *run = &plan->quiet[i];
        int away = begins ? run->from - picture : picture - run->to;
        if (picture >= 0 && away >= -LEAD && away <= QUIET_MARGIN)
            return run;
        if (!longest || run->to - run->from > longest->to - longest->from)
            longest = run;
    }
    return longest;
}

// A quiet stretch: out of what came before, into what comes next (picture indices, or -1).
static void put_quiet(struct plan *plan, int length, int before, int after)
{
    const struct run *out = quiet_near(plan, before, true);
    const struct run *in = quiet_near(plan, after, false);
    int half = length / 2;
    for (int i = 0; i < length; i++) {
        const struct run *run = i < half ? out : in;
        int n = run ? run->to - run->from : 0;
        if (!run)
            put(plan, OM_PLAN_STILL);
        else if (i < half)
            put(plan, run->from + om_plan_to_and_fro(i, n));
        else
            put(plan, run->to - 1 - om_plan_to_and_fro(length - 1 - i, n));
    }
}

static int total_of(const struct plan *plan)
{
    int n = 0;
    for (int i = 0; i < plan->burst_count; i++)
        n += plan->bursts[i].to - plan->bursts[i].from;
    return n;
}

static void write_stretches(struct plan *plan)
{
    int quiet = OM_MAX(0, plan->length - total_of(plan)), n = plan->burst_count;
    double weights[BURSTS_MAX + 1], sum = 0;
    for (int i = 0; i <= n; i++)
        sum += weights[i] = 0.5 + om_rand_unit(&plan->rand);
    for (int i = 0; i <= n; i++) {
        int before = i > 0 ? plan->bursts[i - 1].to : -1;
        int after = i < n ? plan->bursts[i].from : -1;
        put_quiet(plan, (int)(quiet * weights[i] / sum), before, after);
        for (int p = after; i < n && p < plan->bursts[i].to; p++)
            put(plan, p);
    }
    put_quiet(plan, plan->length - plan->at, -1, -1);  // what rounding left
}

static void write_always(struct plan *plan)
{
    int first = (int)om_rand_below(&plan->rand, (uint32_t)plan->active_count);
    while (plan->at < plan->length) {
        const struct run *run = &plan->active[first++ % plan->active_count];
        for (int p = run->from; p < run->to; p++)
            put(plan, p);
    }
}

int om_plan_to_and_fro(int i, int count)
{
    if (count == 1)
        return 0;
    int at = i % (2 * count - 2);
    return at < count ? at : 2 * count - 2 - at;
}

bool om_plan_make(const struct om_plan_clip *clip, double activity, uint64_t seed, int *order,
                  int length)
{
    size_t count = (size_t)clip->count;
    om_assert(clip->count > 0 && length > 0);
    struct plan *plan = om_new(struct plan);
    plan->moves = clip->moves;
    plan->is_quiet = clip->is_quiet;
    plan->count = clip->count;
    plan->order = order;
    plan->length = length;
    plan->active = om_new_array(struct run, count);
    plan->quiet = om_new_array(struct run, count);
    om_rand_init(&plan->rand, seed);
    find_active(plan);
    find_quiet(plan);
    bool is_possible = plan->active_count > 0 || activity <= 0;
    if (is_possible && activity >= always) {
        write_always(plan);
    } else if (is_possible) {
        draw_bursts(plan, (int)(activity * length + 0.5));
        write_stretches(plan);
    }
    om_free(plan->active);
    om_free(plan->quiet);
    om_free(plan);
    return is_possible;
}
