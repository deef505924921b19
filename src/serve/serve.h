// Serve: the outside of a running server. One table of routes says which call answers what; the
// parts behind it are cameras, their changes, events, live streams, health and the page.
//
// It keeps no state of its own but its open streams: answers come from the pipeline, the control
// and the journal at the moment they are asked. It knows no sockets; net/ does.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct om_control;
struct om_error;
struct om_journal;
struct om_loop;
struct om_pipeline;
struct om_serve;
struct om_workers;

struct om_serve_opts {
    struct om_loop *loop;
    struct om_workers *blocking;
    struct om_pipeline *pipeline;
    struct om_control *control;
    struct om_journal *journal;
    const char *listen;     // "127.0.0.1:8080"
    int64_t start_mono_us;  // of the program, for the uptime
};

// Listens at once; NULL with the reason and a hint. Everything in `opts` but `listen` is borrowed
// until destroy. In the loop's thread, or before the loop runs.
OM_MUST_USE struct om_serve *om_serve_create(const struct om_serve_opts *opts,
                                             struct om_error *err);
// "http://127.0.0.1:8080" with the real port; lives as long as `serve`.
const char *om_serve_url(const struct om_serve *serve);
// What /readyz says: 503 until it was set. Any thread.
void om_serve_set_ready(struct om_serve *serve, bool is_ready);
// Ends every stream, waits for calls under way, closes. Before the pipeline, the control, the
// journal and the pool go; in the loop's thread, or when the loop does not run any more. Accepts
// NULL.
void om_serve_destroy(struct om_serve *serve);
OM_DEFINE_AUTO(om_serve);
