// Journal: every event, kept in SQLite before anyone hears of it, numbered without gaps. One writer
// thread takes what waits and commits it in one transaction (at most every 50 ms); then the readers
// are woken. What om_journal_seq_committed() covers survives kill -9.
//
// Threads: put from any thread; queries from any thread (own read connection each, from a small
// pool).

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "event/event.h"

struct om_journal;

struct om_journal_opts {
    int64_t keep_us;    // events older than this go (72 h)
    int64_t rows_max;   // and the oldest above this many (1,000,000)
    int queue_max;      // events waiting for the writer (10,000); beyond it om_journal_put() waits
    int64_t commit_us;  // the longest an event waits for its commit (50 ms)
};
extern const struct om_journal_opts om_journal_opts_default;

// `path` of the database file; made when missing.
OM_MUST_USE struct om_journal *om_journal_open(const char *path, const struct om_journal_opts *opts,
                                               struct om_error *err);
// Commits what waits, then closes. Accepts NULL.
void om_journal_close(struct om_journal *journal);
static inline void om_journal_destroy(struct om_journal *journal)
{
    om_journal_close(journal);
}
OM_DEFINE_AUTO(om_journal);

// Copies the event into the queue; fills in event->id when empty. The sequence number is given at
// commit. Waits while the queue is full (the disk is the bound); counts it. While the disk takes
// nothing at all (full, gone) it does not wait: what the queue cannot hold is lost, counted, and
// said once in the log.
void om_journal_put(struct om_journal *journal, const struct om_event *event);
// Waits until everything put before the call is committed, or the disk takes nothing.
void om_journal_flush(struct om_journal *journal);
uint64_t om_journal_seq_committed(struct om_journal *journal);

// Called (in the writer thread, may only wake) after each commit. Up to 16 listeners. After
// unlisten has returned it is not called any more.
typedef void om_journal_wake_fn(void *ctx);
OM_MUST_USE bool om_journal_listen(struct om_journal *journal, om_journal_wake_fn *fn, void *ctx);
void om_journal_unlisten(struct om_journal *journal, void *ctx);

struct om_journal_query {
    uint64_t after_seq;   // only later ones
    uint64_t before_seq;  // only earlier ones; 0 = no bound
    const char *camera;   // NULL = all
    const char *type;     // full or short type name, "track" = all that start so; NULL = all
    const char *label;    // NULL = all
    int64_t from_wall_us, to_wall_us;  // from this one up to before that one; 0 = no bound
    int limit;                         // 1..1000
    bool newest_first;
};
// One row: called in the calling thread; `json` is the CloudEvents text. Return false to stop.
typedef bool om_journal_row_fn(void *ctx, uint64_t seq, om_str json);
OM_MUST_USE enum om_status om_journal_read(struct om_journal *journal,
                                           const struct om_journal_query *query,
                                           om_journal_row_fn *fn, void *ctx, struct om_error *err);
