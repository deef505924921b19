// History of what API calls changed: an overlay over the user's own file, in numbered versions
// under <home>/config (cameras-000001.yaml, ...), so that every change can be taken back. Each
// version is written whole and synced before it counts; 50 are kept. Mode 0600: sources may hold
// credentials.
//
// Threads: belongs to one thread at a time.

#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/str.h"

struct om_conf;
struct om_conf_camera;
struct om_error;
struct om_history;

OM_MUST_USE struct om_history *om_history_open(const char *home, struct om_error *err);
void om_history_close(struct om_history *history);  // accepts NULL
static inline void om_history_destroy(struct om_history *history)
{
    om_history_close(history);
}
OM_DEFINE_AUTO(om_history);

// Whether nothing was ever changed (or all of it was taken back).
bool om_history_is_empty(const struct om_history *history);
// Lays the newest version over `conf`: cameras that were added or changed, and those that were
// removed.
OM_MUST_USE bool om_history_lay_over(const struct om_history *history, struct om_conf *conf,
                                     struct om_error *err);
// The same with the version before the newest, as om_history_undo() would leave it; OM_NOT_FOUND at
// the oldest kept. The newest stays.
OM_MUST_USE bool om_history_lay_over_before(struct om_history *history, struct om_conf *conf,
                                            struct om_error *err);
// A new version in which that camera stands so / is removed. On failure nothing has changed.
OM_MUST_USE bool om_history_put(struct om_history *history, const struct om_conf_camera *cam,
                                struct om_error *err);
OM_MUST_USE bool om_history_remove(struct om_history *history, om_str id, struct om_error *err);
// Goes back one version; OM_NOT_FOUND at the oldest kept.
OM_MUST_USE bool om_history_undo(struct om_history *history, struct om_error *err);
