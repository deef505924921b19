// Budget: the memory and CPU contract. It says before cameras run how many the limits hold, admits
// them in the order they are asked for, and refuses the surplus with a reason that has numbers.
//
// A camera is counted at what it is expected to need: quiet for the most part, active for the share
// of time that limits.activity says (memory: twice that share). While cameras run, what the process
// really uses corrects these estimates, so that later cameras are judged by measured cost. An
// admitted camera is never thrown out by a later estimate; a refused one may be asked for again at
// any time and comes in when there is room.
//
// Threads: any.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pipeline/costs.h"

struct om_budget;
struct om_contract;
struct om_error;
struct om_machine;
struct om_opt_group;

struct om_limits_opts {
    int64_t memory_bytes;  // 0 = 60 % of what the process may have
    double cpu_cores;      // 0 = all the process may use
    int cameras;           // 0 = as many as fit
    double activity;       // expected share of camera time with something moving, [0, 1]
};
extern const struct om_opt_group om_limits_opt_group;

// The options and costs are copied; so is `machine` (base/machine.h).
OM_MUST_USE struct om_budget *om_budget_create(const struct om_limits_opts *limits,
                                               const struct om_machine *machine,
                                               const struct om_costs *costs);
void om_budget_destroy(struct om_budget *budget);  // accepts NULL
OM_DEFINE_AUTO(om_budget);
// After a reload. Nobody who is in goes out.
void om_budget_set_limits(struct om_budget *budget, const struct om_limits_opts *limits);
// When a model was loaded: what one run costs (om_costs_measure_run()); the dearest counts.
void om_budget_set_run_us(struct om_budget *budget, double run_us);

// Whether camera `id` may run; true again for one that is in. False with OM_LIMIT, numbers and a
// hint; then the camera is counted among the refused until it is admitted or leaves.
OM_MUST_USE bool om_budget_admit(struct om_budget *budget, om_str id,
                                 const struct om_camera_kind *kind, struct om_error *err);
// More is known of a camera (its size, its rate): it is counted anew. Nothing for who is not in.
void om_budget_learn(struct om_budget *budget, om_str id, const struct om_camera_kind *kind);
// It was removed, switched off or stopped; nothing when it is not known.
void om_budget_leave(struct om_budget *budget, om_str id);

// What the process used up to now. The differences of two are judged, at least OM_BUDGET_STEP_US
// apart (those in between are ignored).
enum { OM_BUDGET_STEP_US = 1000 * 1000 };
struct om_budget_usage {
    int64_t mono_us;
    int64_t cpu_us;     // of the process since it started
    int64_t idle_us;    // of its cores, om_machine_idle_us(); negative = not known
    int64_t rss_bytes;  // of the process
    int cameras_live;
    int cameras_active;  // of those: decoding at full rate
    double stretch;      // of the gaps between looks, om_load_stretch(): above 1 work is late
};
// Fills all but the cameras.
void om_budget_usage_read(struct om_budget_usage *ret);
// Once before the first camera is admitted (so that what Omma itself takes is known), then about
// every second.
void om_budget_observe(struct om_budget *budget, const struct om_budget_usage *usage);

// How things stand (pipeline/contract.h).
void om_budget_contract(struct om_budget *budget, struct om_contract *ret);
