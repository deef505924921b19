// Load: how late the work of all cameras is, and by how much the gaps between looks are stretched
// so that it is not. Every camera is stretched alike, so the shares stay fair; what is given up is
// looks a second, never a camera.
//
// Additive relief, multiplicative stretch, once a period: the same control that keeps TCP senders
// stable (Jacobson 1988).
//
// Threads: any.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct om_load;

OM_MUST_USE struct om_load *om_load_create(void);
void om_load_destroy(struct om_load *load);  // accepts NULL
OM_DEFINE_AUTO(om_load);

// Something was this late: a packet that waited for its lane, a look that waited for the detector
// longer than it wanted to. `now_us` is om_time_mono_us().
void om_load_note(struct om_load *load, int64_t late_us, int64_t now_us);
// 1 (all is in time) to 8.
double om_load_stretch(struct om_load *load);
// More cameras than can all be looked at whenever something moves; the pipeline says so.
void om_load_set_crowded(struct om_load *load, bool is_crowded);
bool om_load_is_crowded(struct om_load *load);
