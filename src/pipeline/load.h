// Load: how late the work of all cameras is, and what is given up so that it is not. First looks a
// second: all gaps between looks are stretched, of every camera alike. When that does not do, how
// many cameras are awake (decoded in full) at once: the others have to wait for a place.
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

// `cores`: that may work for it; the first guess at how many cameras can be awake.
OM_MUST_USE struct om_load *om_load_create(int cores);
void om_load_destroy(struct om_load *load);  // accepts NULL; every place has been given back
OM_DEFINE_AUTO(om_load);

// Something was this late: a packet that waited for its lane, a look that waited for the detector
// longer than it wanted to. `now_us` is om_time_mono_us().
void om_load_note(struct om_load *load, int64_t late_us, int64_t now_us);
// 1 (all is in time) to 8.
double om_load_stretch(struct om_load *load);
// A place among those that are awake; false: too many are. `is_new`: nothing is known of the
// stream, so it may be for nothing: not while more than half of the places are taken.
OM_MUST_USE bool om_load_take_place(struct om_load *load, bool is_new);
void om_load_give_place(struct om_load *load);
// More cameras than can all be looked at whenever something moves; the pipeline says so.
void om_load_set_crowded(struct om_load *load, bool is_crowded);
bool om_load_is_crowded(struct om_load *load);
