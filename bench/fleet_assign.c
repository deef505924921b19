#include "bench/fleet_assign.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"

enum { RING_POINTS = 128 };

struct state {
    const struct om_fleet_assignment *a;
    double *loads;
    double fair;  // cost a unit of weight
};

const char *om_fleet_rule_name(enum om_fleet_rule rule)
{
    static const char *const names[OM_FLEET_RULE_COUNT] = {"rendezvous", "rendezvous_bounded",
                                                           "rendezvous_sticky", "ring", "bin_pack"};
    return names[rule];
}

uint64_t om_fleet_hash(uint64_t a, uint64_t b)
{
    struct om_rand rand;
    om_rand_init(&rand, a);
    om_rand_init(&rand, om_rand_u64(&rand) ^ b);
    return om_rand_u64(&rand);
}

static bool has_room(const struct state *s, int m, double cost)
{
    return s->loads[m] + cost <= s->a->slack * s->fair * s->a->members[m].weight;
}

// Weighted rendezvous (Schindelhauer and Schomaker 2005): -weight / ln(u) is won in proportion to
// weight, and removing a member moves only what it had.
static double score(const struct om_fleet_item *item, const struct om_fleet_member *member)
{
    double u = ((double)(om_fleet_hash(item->id, member->id) >> 11) + 0.5) * 0x1p-53;
    return -member->weight / log(u);
}

static int emptiest_member(const struct state *s)
{
    int best = -1;
    double load_least = INFINITY;
    for (int m = 0; m < s->a->member_count; m++) {
        double load = s->loads[m] / s->a->members[m].weight;
        if (s->a->members[m].is_up && load < load_least) {
            load_least = load;
            best = m;
        }
    }
    return best;
}

static int best_member(const struct state *s, const struct om_fleet_item *item, bool is_bounded)
{
    int best = -1;
    double score_best = -1;
    for (int m = 0; m < s->a->member_count; m++) {
        if (!s->a->members[m].is_up || (is_bounded && !has_room(s, m, item->cost)))
            continue;
        double here = score(item, &s->a->members[m]);
        if (here > score_best) {
            score_best = here;
            best = m;
        }
    }
    return best >= 0 ? best : emptiest_member(s);
}

static void give(struct state *s, int *owners, int i, int m)
{
    owners[i] = m;
    if (m >= 0)
        s->loads[m] += s->a->items[i].cost;
}

static void assign_hashed(struct state *s, int *owners)
{
    bool is_bounded = s->a->rule != OM_FLEET_RENDEZVOUS;
    for (int i = 0; i < s->a->item_count; i++)
        give(s, owners, i, best_member(s, &s->a->items[i], is_bounded));
}

// Where a camera goes that could stay with `m`: a new member draws what prefers it, as if it had
// been there before.
static int stay_or_join(const struct state *s, const struct om_fleet_item *item, int m)
{
    double here = score(item, &s->a->members[m]);
    for (int k = 0; k < s->a->member_count; k++) {
        const struct om_fleet_member *member = &s->a->members[k];
        if (member->is_new && member->is_up && has_room(s, k, item->cost) &&
            score(item, member) > here)
            return k;
    }
    return m;
}

// Those whose owner is up and not full stay; the rest goes as in the bounded rule.
static void assign_sticky(struct state *s, int *owners)
{
    for (int i = 0; i < s->a->item_count; i++) {
        const struct om_fleet_item *item = &s->a->items[i];
        int m = owners[i];
        owners[i] = -1;
        if (m >= 0 && s->a->members[m].is_up && has_room(s, m, item->cost))
            give(s, owners, i, stay_or_join(s, item, m));
    }
    for (int i = 0; i < s->a->item_count; i++) {
        if (owners[i] < 0)
            give(s, owners, i, best_member(s, &s->a->items[i], true));
    }
}

struct point {
    uint64_t at;
    int member;
};

static int compare_points(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static int ring_find(const struct point *points, int n, uint64_t at)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (points[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low == n ? 0 : low;
}

static void assign_ring(struct state *s, int *owners)
{
    int n = 0;
    double weight = 0;
    for (int m = 0; m < s->a->member_count; m++)
        weight += s->a->members[m].weight + 1;
    struct point *points = om_new_array(struct point, (size_t)(weight * RING_POINTS) + 1);
    for (int m = 0; m < s->a->member_count; m++) {
        const struct om_fleet_member *member = &s->a->members[m];
        for (int k = 0; member->is_up && k < RING_POINTS * member->weight; k++)
            points[n++] = (struct point){om_fleet_hash(member->id, (uint64_t)k + 1), m};
    }
    qsort(points, (size_t)n, sizeof(*points), compare_points);
    for (int i = 0; i < s->a->item_count; i++) {
        uint64_t at = om_fleet_hash(s->a->items[i].id, 0);
        give(s, owners, i, n > 0 ? points[ring_find(points, n, at)].member : -1);
    }
    om_free(points);
}

struct priced {
    double cost;
    int item;
};

static int compare_priced(const void *a, const void *b)
{
    const struct priced *x = a, *y = b;
    return x->cost != y->cost ? (x->cost < y->cost) - (x->cost > y->cost)
                              : (x->item > y->item) - (x->item < y->item);
}

static void assign_packed(struct state *s, int *owners)
{
    struct priced *order = om_new_array(struct priced, (size_t)s->a->item_count);
    for (int i = 0; i < s->a->item_count; i++)
        order[i] = (struct priced){s->a->items[i].cost, i};
    qsort(order, (size_t)s->a->item_count, sizeof(*order), compare_priced);
    for (int i = 0; i < s->a->item_count; i++)
        give(s, owners, order[i].item, emptiest_member(s));
    om_free(order);
}

static double fair_share(const struct om_fleet_assignment *a)
{
    double cost = 0, weight = 0;
    for (int i = 0; i < a->item_count; i++)
        cost += a->items[i].cost;
    for (int m = 0; m < a->member_count; m++)
        weight += a->members[m].is_up ? a->members[m].weight : 0;
    return weight > 0 ? cost / weight : 0;
}

void om_fleet_assign(const struct om_fleet_assignment *assignment, int *owners)
{
    struct state s = {.a = assignment,
                      .loads = om_new_array(double, (size_t)assignment->member_count + 1),
                      .fair = fair_share(assignment)};
    switch (assignment->rule) {
    case OM_FLEET_STICKY:
        assign_sticky(&s, owners);
        break;
    case OM_FLEET_RING:
        assign_ring(&s, owners);
        break;
    case OM_FLEET_BIN_PACK:
        assign_packed(&s, owners);
        break;
    default:
        assign_hashed(&s, owners);
    }
    om_free(s.loads);
}

double om_fleet_skew(const struct om_fleet_assignment *assignment, const int *owners)
{
    double *loads = om_new_array(double, (size_t)assignment->member_count + 1);
    double fair = fair_share(assignment), skew = 0;
    for (int i = 0; i < assignment->item_count; i++) {
        if (owners[i] >= 0)
            loads[owners[i]] += assignment->items[i].cost;
    }
    for (int m = 0; m < assignment->member_count; m++)
        skew = OM_MAX(skew, loads[m] / (fair * assignment->members[m].weight));
    om_free(loads);
    return skew;
}
