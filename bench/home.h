// A state folder of a benchmark's own, removed afterwards.

#pragma once

#include <stdbool.h>

struct om_error;

struct om_bench_home {
    char path[256];
    char journal_path[300];
};

bool om_bench_home_make(struct om_bench_home *home, struct om_error *err);
// Removes the folder with what a benchmark leaves there; nothing when it was never made.
void om_bench_home_remove(struct om_bench_home *home);
