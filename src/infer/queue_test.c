// The order of service, in simulated time: shares by weight, priority, deadlines, the bound on
// starving, waiting for company.

#include "infer/queue.h"

#include <math.h>

#include "base/assert.h"
#include "base/rand.h"

enum { CANVAS_PX = 10000, STARVE_US = 500000, RUN_US = 6000, ITEMS = 40 };

static struct om_queue *make(void)
{
    return om_queue_create(&(struct om_queue_opts){.canvas_px = CANVAS_PX, .starve_us = STARVE_US});
}

static void want(struct om_queue *queue, struct om_queue_item *item, int64_t now_us)
{
    if (item->at < 0)
        om_queue_put(queue, item, now_us);
}

struct served {
    int64_t px, last_us, wait_us_max;
};

// One round: the best that fit into a canvas.
static void serve(struct om_queue *queue, struct om_queue_item *items, struct served *served,
                  int64_t now_us)
{
    struct om_queue_item *best[ITEMS];
    int count = om_queue_best(queue, now_us, best, ITEMS), room_px = CANVAS_PX;

    for (int i = 0; i < count && room_px >= best[i]->cost_px; i++) {
        struct served *of = &served[best[i] - items];
        om_queue_take(queue, best[i]);
        om_queue_charge(queue, best[i], best[i]->cost_px);
        room_px -= best[i]->cost_px;
        of->px += best[i]->cost_px;
        int64_t wait_us = now_us - best[i]->since_us;
        of->wait_us_max = wait_us > of->wait_us_max ? wait_us : of->wait_us_max;
    }
}

// Everybody always wants more than there is: shares are as the weights, whatever the sizes.
static void check_shares(void)
{
    om_auto(om_queue) queue = make();
    struct om_queue_item items[ITEMS] = {0};
    struct served served[ITEMS] = {0};
    struct om_rand rand;
    double weights = 0, total = 0;

    om_rand_init(&rand, 3);
    for (int i = 0; i < ITEMS; i++) {
        items[i].weight = i % 4 == 0 ? 4 : 1;
        items[i].cost_px = 2000 + 500 * (i % 5);  // each gets less than one a round
        weights += items[i].weight;
        om_queue_add(queue, &items[i]);
    }
    for (int64_t now_us = 0; now_us < 60000000; now_us += RUN_US) {
        for (int i = 0; i < ITEMS; i++) {
            items[i].deadline_us = items[i].at < 0
                                       ? now_us + 100000 + (int64_t)om_rand_below(&rand, 400000)
                                       : items[i].deadline_us;
            want(queue, &items[i], now_us);
        }
        serve(queue, items, served, now_us);
    }
    for (int i = 0; i < ITEMS; i++)
        total += (double)served[i].px;
    for (int i = 0; i < ITEMS; i++) {
        double share = (double)served[i].px / total * weights / items[i].weight;
        om_assert(share > 0.95 && share < 1.05);
        om_assert(served[i].wait_us_max < STARVE_US + ITEMS * RUN_US);
        om_queue_drop(queue, &items[i]);
    }
}

// A flood of high priority takes nearly everything; the others still come once in a while.
static void check_starving(void)
{
    om_auto(om_queue) queue = make();
    struct om_queue_item items[ITEMS] = {0};
    struct served served[ITEMS] = {0};

    for (int i = 0; i < ITEMS; i++) {
        items[i].weight = 1;
        items[i].cost_px = 1000;
        items[i].priority = i < ITEMS / 2 ? 5 : 0;
        om_queue_add(queue, &items[i]);
    }
    for (int64_t now_us = 0; now_us < 20000000; now_us += RUN_US) {
        for (int i = 0; i < ITEMS; i++)
            want(queue, &items[i], now_us);
        serve(queue, items, served, now_us);
    }
    for (int i = 0; i < ITEMS; i++) {
        om_assert(served[i].wait_us_max <= STARVE_US + ITEMS / 2 * RUN_US);
        om_assert(i < ITEMS / 2 ? served[i].px > 100 * items[i].cost_px : served[i].px > 0);
        om_assert(i >= ITEMS / 2 || served[i].px > 5 * served[ITEMS - 1].px);
    }
}

// Who was away for long comes back as one among equals, not with a claim on the past.
static void check_return(void)
{
    om_auto(om_queue) queue = make();
    struct om_queue_item items[2] = {{.weight = 1, .cost_px = 9000},
                                     {.weight = 1, .cost_px = 9000}};
    struct served served[2] = {0};
    int64_t now_us = 0;

    om_queue_add(queue, &items[0]);
    om_queue_add(queue, &items[1]);
    for (int round = 0; round < 1000; round++, now_us += RUN_US) {
        want(queue, &items[0], now_us);
        serve(queue, items, served, now_us);
    }
    int64_t before_px = served[0].px;
    for (int round = 0; round < 100; round++, now_us += RUN_US) {
        want(queue, &items[0], now_us);
        want(queue, &items[1], now_us);
        serve(queue, items, served, now_us);
    }
    double since = (double)(served[0].px - before_px);
    om_assert(fabs(since / (double)served[1].px - 1) < 0.05);
}

static void check_order(void)
{
    om_auto(om_queue) queue = make();
    struct om_queue_item a = {.weight = 1, .cost_px = 100, .deadline_us = 90000};
    struct om_queue_item b = {.weight = 1, .cost_px = 100, .deadline_us = 50000};
    struct om_queue_item c = {.weight = 1, .cost_px = 100, .priority = 3};
    struct om_queue_item d = {.weight = 1, .cost_px = 100};
    struct om_queue_item *all[] = {&a, &b, &c, &d}, *best[4];

    for (int i = 0; i < 4; i++) {
        om_queue_add(queue, all[i]);
        om_queue_put(queue, all[i], 0);
    }
    om_assert(om_queue_best(queue, 1, best, 4) == 4);
    om_assert(best[0] == &c && best[1] == &b && best[2] == &a && best[3] == &d);
    om_assert(om_queue_best(queue, 1, best, 2) == 2 && best[1] == &b);
    om_assert(om_queue_overdue(queue, 50000, best, 4) == 0);
    om_assert(om_queue_overdue(queue, 50001, best, 4) == 1 && best[0] == &b);
    // The one that has waited longest leads once it starves, here all four since the same time.
    om_queue_take(queue, &d);
    om_queue_put(queue, &d, -1);
    om_assert(om_queue_best(queue, STARVE_US, best, 4) == 4 && best[0] == &d);
    om_assert(om_queue_cost_px(queue) == 400 && om_queue_count(queue) == 4);
    for (int i = 0; i < 4; i++)
        om_queue_drop(queue, all[i]);
    om_assert(om_queue_cost_px(queue) == 0 && om_queue_count(queue) == 0);
    om_assert(om_queue_best(queue, 1, best, 4) == 0);
}

static void check_lingering(void)
{
    om_auto(om_queue) queue = make();
    struct om_queue_item a = {.weight = 1, .cost_px = 3000, .linger_us = 20000};
    struct om_queue_item b = {.weight = 1, .cost_px = 6000, .linger_us = 5000};
    struct om_queue_item c = {.weight = 1, .cost_px = 100};

    om_queue_add(queue, &a);
    om_queue_add(queue, &b);
    om_queue_add(queue, &c);
    om_assert(om_queue_ready_us(queue, 8000) == OM_QUEUE_NEVER);
    om_queue_put(queue, &a, 1000);
    om_assert(om_queue_ready_us(queue, 8000) == 21000);
    om_queue_put(queue, &b, 2000);
    om_assert(om_queue_ready_us(queue, 8000) < 2000);  // enough for a round
    om_assert(om_queue_ready_us(queue, 9001) == 7000);
    om_queue_put(queue, &c, 3000);
    om_assert(om_queue_ready_us(queue, 20000) <= 3000);  // one that waits for nobody
    om_queue_take(queue, &c);
    om_queue_take(queue, &b);
    om_queue_take(queue, &b);  // twice does no harm
    om_assert(om_queue_ready_us(queue, 8000) == 21000);
}

int main(void)
{
    check_shares();
    check_starving();
    check_return();
    check_order();
    check_lingering();
    return 0;
}
