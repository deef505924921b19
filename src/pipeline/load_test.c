#include "pipeline/load.h"

#include "base/assert.h"
#include "base/time.h"

// Half a second of notes, all this late.
static int64_t period(struct om_load *load, int64_t now_us, int64_t late_us)
{
    for (int i = 0; i < 20; i++)
        om_load_note(load, late_us, now_us += 25 * OM_MS);
    return now_us;
}

// Enough for a start, half of them for who is new; fewer only when stretching does not do, more
// again when all is well and they are wanted.
static void test_places(void)
{
    struct om_load *load = om_load_create(2);
    int64_t now_us = OM_SECOND;
    int taken = 0;
    while (om_load_take_place(load, true))
        taken++;
    om_assert(taken == 16);
    while (om_load_take_place(load, false))
        taken++;
    om_assert(taken == 32);
    for (int i = 0; i < 4; i++)  // the gaps are stretched first
        now_us = period(load, now_us, OM_SECOND);
    om_load_give_place(load);
    om_assert(om_load_take_place(load, false));
    for (int i = 0; i < 40; i++)
        now_us = period(load, now_us, OM_SECOND);
    for (; taken > 20; taken--)
        om_load_give_place(load);
    om_assert(!om_load_take_place(load, false));
    for (int i = 0; i < 100; i++)
        now_us = period(load, now_us, OM_MS);
    om_assert(om_load_take_place(load, false));
    for (taken++; taken > 0; taken--)
        om_load_give_place(load);
    om_load_destroy(load);
}

int main(void)
{
    struct om_load *load = om_load_create(2);
    int64_t now_us = OM_SECOND;
    om_assert(om_load_stretch(load) == 1);
    for (int i = 0; i < 4; i++)
        now_us = period(load, now_us, OM_MS);
    om_assert(om_load_stretch(load) == 1);

    for (int i = 0; i < 40; i++)
        now_us = period(load, now_us, OM_SECOND);
    om_assert(om_load_stretch(load) == 8);  // bounded
    double before = om_load_stretch(load);
    now_us = period(load, now_us, OM_MS);
    now_us = period(load, now_us, OM_MS);
    om_assert(om_load_stretch(load) < before);
    for (int i = 0; i < 200; i++)
        now_us = period(load, now_us, OM_MS);
    om_assert(om_load_stretch(load) == 1);

    // One straggler in a hundred is no overload.
    for (int i = 0; i < 500; i++)
        om_load_note(load, i % 100 == 0 ? OM_SECOND : OM_MS, now_us += 5 * OM_MS);
    om_assert(om_load_stretch(load) == 1);

    om_assert(!om_load_is_crowded(load));
    om_load_set_crowded(load, true);
    om_assert(om_load_is_crowded(load));
    om_load_destroy(load);
    test_places();
    return 0;
}
