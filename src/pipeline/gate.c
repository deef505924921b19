#include "pipeline/gate.h"

#include "base/assert.h"
#include "base/time.h"
#include "loop/cancel.h"

void om_connect_gate_init(struct om_connect_gate *gate, int per_second)
{
    om_assert(per_second > 0);
    om_mutex_init(&gate->lock);
    gate->next_us = 0;
    gate->interval_us = OM_SECOND / per_second;
}

void om_connect_gate_finish(struct om_connect_gate *gate)
{
    om_mutex_finish(&gate->lock);
}

bool om_connect_gate_wait(struct om_connect_gate *gate, struct om_cancel *cancel)
{
    int64_t turn_us;
    {
        om_with_lock(&gate->lock);
        turn_us = OM_MAX(om_time_mono_us(), gate->next_us);
        gate->next_us = turn_us + gate->interval_us;
    }
    return !om_cancel_sleep_until(cancel, turn_us);
}
