// Programs that a benchmark starts beside itself: fixed arguments, never a shell.
//
// Threads: a child belongs to one thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct om_child {
    int pid;     // 0 = none
    int in_fd;   // to its standard input, or -1
    int out_fd;  // from its standard output, or -1
};

struct om_child_opts {
    const char *path;            // of the program
    const char *const *argv;     // ended by NULL
    const char *const *set_env;  // "NAME=value", ended by NULL; may be NULL
    const char *log_path;        // where its standard error goes; NULL = nowhere
    bool has_in, has_out;        // pipes; else the other side is nothing
};

// False with the reason; *child then has pid 0.
OM_MUST_USE bool om_child_start(struct om_child *child, const struct om_child_opts *opts,
                                struct om_error *err);
// A copy of this process that runs fn(ctx) and ends; it ends too when this one does. Only while
// this process has no other threads that matter to fn.
OM_MUST_USE bool om_child_fork(struct om_child *child, void (*fn)(void *ctx), void *ctx,
                               struct om_error *err);
// Closes the pipe to its standard input: it sees the end.
void om_child_end_input(struct om_child *child);
// Waits for its end (closing the pipes first) and says whether it ended well.
OM_MUST_USE bool om_child_wait(struct om_child *child);
// Asks it to end, waits up to `patience_us`, then makes it. Accepts one that was never started.
void om_child_stop(struct om_child *child, int64_t patience_us);
bool om_child_is_running(struct om_child *child);

// What the kernel counts for it; zeros when it is gone.
struct om_child_usage {
    int64_t cpu_us, rss_bytes, rss_max_bytes;
    int threads;
};
void om_child_usage(const struct om_child *child, struct om_child_usage *ret);
