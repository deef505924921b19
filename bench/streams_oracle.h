// The oracle: looks at every picture with the model, follows with Omma's own tracker as it comes,
// and misses nothing for want of time. What it says is the truth that the server is scored against.
//
// Threads: an oracle belongs to one thread.

#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "bench/streams_score.h"

struct om_detections;
struct om_frame;
struct om_model;
struct om_oracle;

// What was detected in the pictures of a clip or a reel, one after another.
struct om_oracle_view {
    struct om_detections *pictures;  // owned
    int count, room;
};
void om_oracle_view_finish(struct om_oracle_view *view);  // accepts an all-zero struct

// `model` is borrowed; NULL = motion only. `cache` is a folder where views are kept, or NULL.
OM_MUST_USE struct om_oracle *om_oracle_create(struct om_model *model, const char *cache,
                                               struct om_error *err);
void om_oracle_destroy(struct om_oracle *oracle);  // accepts NULL
OM_DEFINE_AUTO(om_oracle);
// Names of what it sees; lives as long as the oracle.
const struct om_labels *om_oracle_labels(const struct om_oracle *oracle);

// Forgets the last picture (motion only); the next one begins something else.
void om_oracle_begin(struct om_oracle *oracle);
// Adds what is in the next picture to `view`.
OM_MUST_USE bool om_oracle_look(struct om_oracle *oracle, const struct om_frame *frame,
                                struct om_oracle_view *view, struct om_error *err);
// Decodes a whole video file and looks at every picture.
OM_MUST_USE bool om_oracle_watch(struct om_oracle *oracle, const char *path,
                                 struct om_oracle_view *view, struct om_error *err);

// Views under a name (of what was seen; the model is added to it) from and to the cache.
bool om_oracle_recall(struct om_oracle *oracle, const char *name, struct om_oracle_view *view);
void om_oracle_remember(struct om_oracle *oracle, const char *name,
                        const struct om_oracle_view *view);

// Follows the first `pictures` pictures, from the start again when the view is over; `fps` pictures
// a second, the first one at time 0. Confirmed tracks only. The paths are closed.
void om_oracle_follow(const struct om_oracle_view *view, int pictures, double fps,
                      struct om_paths *ret);
