#include "pipeline/load.h"

#include <math.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "base/time.h"

enum {
    PERIOD_US = 500 * OM_MS,
    LATE_US = 300 * OM_MS,    // from here on too much is asked
    FINE_US = 100 * OM_MS,    // below that there is room
    NOTES_MIN = 8,            // to judge a period by
    SETTLE_US = 1500 * OM_MS  // what came before a relief may still be late after it
};

static const double STRETCH_MAX = 8, STRETCH_FACTOR = 1.3, RELIEF = 0.1, RELIEF_SHARE = 0.05;
static const double LATE_SHARE_MIN = 0.05;  // of the notes: single stragglers are no overload

// Places: so many a core to begin with and at least; what is given up is only looks until the
// stretch is this.
static const double PLACES_START = 16, PLACES_MIN = 2, STRETCH_FIRST = 3;
static const double PLACES_FACTOR = 0.85, PLACES_MORE = 0.1, PLACES_WANTED = 0.4;

static struct om_metric awake_gauge = OM_GAUGE("omma_load_awake_cameras",
                                               "Cameras that are decoded in full.");
static struct om_metric places_gauge = OM_GAUGE(
    "omma_load_awake_places", "How many cameras may be decoded in full at once under this load.");
static struct om_metric stretch_gauge = OM_GAUGE(
    "omma_load_stretch_percent",
    "How much longer than wanted the gaps between looks are, 100 to 800.");

struct om_load {
    _Atomic double stretch;
    atomic_bool is_crowded;

    struct om_mutex lock;
    // Under `lock`: this period.
    int64_t since_us;
    int64_t settled_us;  // from here on what was given up last shows
    int notes, late, fine;
    int awake;
    double places, places_min;
};

struct om_load *om_load_create(int cores)
{
    om_metric_register(&stretch_gauge);
    om_metric_register(&awake_gauge);
    om_metric_register(&places_gauge);
    struct om_load *load = om_new(struct om_load);
    atomic_init(&load->stretch, 1);
    load->places = PLACES_START * cores;
    load->places_min = PLACES_MIN * cores;
    om_mutex_init(&load->lock);
    om_metric_set(&stretch_gauge, 100);
    return load;
}

void om_load_destroy(struct om_load *load)
{
    if (!load)
        return;
    om_assert(load->awake == 0);
    om_mutex_finish(&load->lock);
    om_free(load);
}

static void give_up_some(struct om_load *load, double *stretch, int64_t now_us)
{
    if (*stretch >= STRETCH_FIRST)
        load->places = fmax(fmin(load->places, load->awake) * PLACES_FACTOR, load->places_min);
    *stretch *= STRETCH_FACTOR;
    load->settled_us = now_us + SETTLE_US;
}

// More places only where they are wanted: else the next rush would find the door wide open.
static void take_back_some(struct om_load *load, double *stretch)
{
    if (load->awake >= PLACES_WANTED * load->places)
        load->places += 1 + PLACES_MORE * load->places;
    *stretch -= fmax(RELIEF, RELIEF_SHARE * *stretch);
}

static void end_period(struct om_load *load, int64_t now_us)
{
    double stretch = atomic_load(&load->stretch);
    bool is_settled = now_us >= load->settled_us;
    if (load->late > LATE_SHARE_MIN * load->notes && is_settled)
        give_up_some(load, &stretch, now_us);
    else if (load->fine > (1 - LATE_SHARE_MIN) * load->notes)
        take_back_some(load, &stretch);
    stretch = fmin(fmax(stretch, 1), STRETCH_MAX);
    atomic_store(&load->stretch, stretch);
    om_metric_set(&stretch_gauge, (int64_t)(100 * stretch));
    om_metric_set(&places_gauge, (int64_t)load->places);
    load->notes = load->late = load->fine = 0;
}

void om_load_note(struct om_load *load, int64_t late_us, int64_t now_us)
{
    om_with_lock(&load->lock);
    // Few notes: the period goes on, or what was given up when all was late would never come back.
    if (now_us - load->since_us >= PERIOD_US && load->notes >= NOTES_MIN) {
        end_period(load, now_us);
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

bool om_load_take_place(struct om_load *load, bool is_new)
{
    om_with_lock(&load->lock);
    if (load->awake + 1 > load->places / (is_new ? 2 : 1))
        return false;
    load->awake++;
    om_metric_set(&awake_gauge, load->awake);
    return true;
}

void om_load_give_place(struct om_load *load)
{
    om_with_lock(&load->lock);
    om_assert(load->awake > 0);
    load->awake--;
    om_metric_set(&awake_gauge, load->awake);
}

void om_load_set_crowded(struct om_load *load, bool is_crowded)
{
    atomic_store(&load->is_crowded, is_crowded);
}

bool om_load_is_crowded(struct om_load *load)
{
    return atomic_load_explicit(&load->is_crowded, memory_order_relaxed);
}
