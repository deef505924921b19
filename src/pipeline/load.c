#include "pipeline/load.h"

#include <math.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "base/time.h"

enum {
    PERIOD_US = 500 * OM_MS,
    LATE_US = 200 * OM_MS,  // from here on too much is asked
    FINE_US = 60 * OM_MS,   // below that there is room
    NOTES_MIN = 8           // to judge a period by
};

static const double STRETCH_MAX = 8, STRETCH_FACTOR = 1.3, RELIEF = 0.1;
static const double LATE_SHARE_MIN = 0.05;  // of the notes: single stragglers are no overload

static struct om_metric stretch_gauge = OM_GAUGE(
    "omma_load_stretch", "How much longer than wanted the gaps between looks are, 1 to 8.");

struct om_load {
    _Atomic double stretch;
    atomic_bool is_crowded;

    struct om_mutex lock;
    // Under `lock`: this period.
    int64_t since_us;
    int notes, late, fine;
};

struct om_load *om_load_create(void)
{
    om_metric_register(&stretch_gauge);
    struct om_load *load = om_new(struct om_load);
    atomic_init(&load->stretch, 1);
    om_mutex_init(&load->lock);
    om_metric_set(&stretch_gauge, 100);
    return load;
}

void om_load_destroy(struct om_load *load)
{
    if (!load)
        return;
    om_mutex_finish(&load->lock);
    om_free(load);
}

static void end_period(struct om_load *load)
{
    double stretch = atomic_load(&load->stretch);
    if (load->notes >= NOTES_MIN) {
        if (load->late > LATE_SHARE_MIN * load->notes)
            stretch *= STRETCH_FACTOR;
        else if (load->fine > (1 - LATE_SHARE_MIN) * load->notes)
            stretch -= RELIEF;
    }
    stretch = fmin(fmax(stretch, 1), STRETCH_MAX);
    atomic_store(&load->stretch, stretch);
    om_metric_set(&stretch_gauge, (int64_t)(100 * stretch));
    load->notes = load->late = load->fine = 0;
}

void om_load_note(struct om_load *load, int64_t late_us, int64_t now_us)
{
    om_with_lock(&load->lock);
    if (now_us - load->since_us >= PERIOD_US) {
        end_period(load);
        load->since_us = now_us;
    }
    load->notes++;
    load->late += late_us > LATE_US;
    load->fine += late_us < FINE_US;
}

double om_load_stretch(struct om_load *load)
{
    return atomic_load_explicit(&load->stretch, memory_order_relaxed);
}

void om_load_set_crowded(struct om_load *load, bool is_crowded)
{
    atomic_store(&load->is_crowded, is_crowded);
}

bool om_load_is_crowded(struct om_load *load)
{
    return atomic_load_explicit(&load->is_crowded, memory_order_relaxed);
}
