// Progress bar on a terminal: to stderr, with what is done, the rate and the time left; nothing
// when stderr is no terminal. Redrawn at most 10 times a second.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_progress {
    bool is_on;
    const char *unit;  // "pictures", "frames", "MB"
    int64_t start_us, drawn_us;
    char label[64];
};

void om_progress_start(struct om_progress *progress, const char *unit);
// What is worked on now; cut to what fits.
void om_progress_label(struct om_progress *progress, const char *label);
// `done` units so far; `share` in [0, 1], or negative when the end is not known.
void om_progress_show(struct om_progress *progress, double done, double share);
// Takes the bar off the screen.
void om_progress_end(struct om_progress *progress);
