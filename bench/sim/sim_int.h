// What the parts of the simulator share. One thread; see sim.h.
//
//     sim.c    reels, listener, statistics, the end
//     conn.c   one client: bytes in and out
//     rtsp.c   its requests and their answers
//     play.c   its pictures

#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/rand.h"
#include "loop/loop.h"

struct om_sim_auth;
struct om_sim_faults;
struct om_sim_opts;
struct om_sim_reel;
struct om_sim_stats;
struct om_sim_timeline;

struct om_sim {
    const struct om_sim_opts *opts;
    struct om_loop *loop;
    struct om_sim_stats *stats;
    const struct om_sim_faults *faults;
    const struct om_sim_auth *auth;
    struct om_rand rand;

    struct om_sim_reel **reels;
    int reel_count;
    struct om_sim_timeline *timelines;
    int timeline_count;
    int64_t start_us;  // the grid of all cameras' times begins here

    struct om_loop_fd listener;
    struct om_list conns;
    uint32_t conns_made;
    struct om_buf scratch;  // for what is put together for one send
    bool is_json_lost;      // nobody reads it any more
};

// Writes one line to opts->json_fd.
void om_sim_put_json(struct om_sim *sim, const struct om_buf *line);

static inline void om_sim_count(_Atomic(uint64_t) *counter, uint64_t n)
{
    // One writer: no locked add is needed.
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
static inline void om_sim_note_max(_Atomic(int64_t) *max, int64_t value)
{
    if (value > atomic_load_explicit(max, memory_order_relaxed))
        atomic_store_explicit(max, value, memory_order_relaxed);
}
