// Producers copy events into `filling`; the writer swaps it for the empty `writing`, writes that in
// one transaction, and only then is anybody told. Both arrays grow to what was ever needed at once
// (at most queue_max), so a calm journal is small and a busy one allocates nothing.

#include "sink/journal.h"

#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/rand.h"
#include "base/thread.h"
#include "base/time.h"
#include "sink/journal_int.h"
#include "sink/journal_read.h"
#include "store/sqlite.h"

enum {
    LISTENERS_MAX = 16,
    READERS_MAX = 4,
    BATCH_FIRST = 16,             // events an array has room for at first
    EVENT_MAX_BYTES = 64 * 1024,  // of JSON
    RETIRE_STEP = 512,            // old events deleted with one commit, at least
    RETRY_US = OM_SECOND,
};
#define RETIRE_EVERY_US ((int64_t)60 * OM_SECOND)

const struct om_journal_opts om_journal_opts_default = {
    .keep_us = (int64_t)72 * 3600 * OM_SECOND,
    .rows_max = 1000000,
    .queue_max = 10000,
    .commit_us = 50 * OM_MS,
};

static struct om_metric kept = OM_COUNTER("omma_journal_events_total", "Events kept.");
static struct om_metric commits = OM_COUNTER("omma_journal_commits_total", "Transactions.");
static struct om_metric waits = OM_COUNTER(
    "omma_journal_waits_total", "Times a camera waited for room in the journal's queue.");
static struct om_metric lost = OM_COUNTER("omma_journal_lost_total",
                                          "Events lost because the disk took nothing.");
static struct om_metric retired = OM_COUNTER("omma_journal_retired_total", "Old events deleted.");

enum {
    WRITE_BEGIN,
    WRITE_EVENT,
    WRITE_JSON,
    WRITE_YOUNG,
    WRITE_RETIRE_EVENTS,
    WRITE_RETIRE_JSON,
    WRITE_COMMIT,
    WRITE_ROLLBACK,
    WRITE_FIRST,
    WRITE_LAST,
    WRITE_COUNT
};

static const char *const statements[WRITE_COUNT] = {
    [WRITE_BEGIN] = "BEGIN IMMEDIATE",
    [WRITE_EVENT] = "INSERT INTO events(seq, wall_us, type, camera, label, track_id)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [WRITE_JSON] = "INSERT INTO event_json(seq, json) VALUES (?1, ?2)",
    // The first below ?2 that is young enough to stay.
    [WRITE_YOUNG] = "SELECT seq FROM events WHERE seq < ?2 AND wall_us >= ?1 ORDER BY seq LIMIT 1",
    [WRITE_RETIRE_EVENTS] = "DELETE FROM events WHERE seq <= ?1",
    [WRITE_RETIRE_JSON] = "DELETE FROM event_json WHERE seq <= ?1",
    [WRITE_COMMIT] = "COMMIT",
    [WRITE_ROLLBACK] = "ROLLBACK",
    [WRITE_FIRST] = "SELECT min(seq) FROM events",
    [WRITE_LAST] = "SELECT max(seq) FROM events",
};

struct batch {
    struct om_event *events;
    int count, room;
};

struct listener {
    om_journal_wake_fn *fn;
    void *ctx;
};

struct om_journal {
    // Constant after open.
    struct om_journal_opts opts;
    struct om_log log;
    char *path;
    struct om_thread writer;

    // Owned by the writer thread.
    struct om_db *db;
    struct om_stmt *stmts[WRITE_COUNT];
    struct batch writing;
    struct om_buf json;
    uint64_t first_seq, last_seq;  // of what is kept; first > last: nothing
    int64_t last_commit_us, last_retire_us;

    // Under `lock`.
    struct om_mutex lock;
    struct om_cond has_work;  // for the writer
    struct om_cond has_done;  // for those that wait for room or a commit
    struct batch filling;
    uint64_t put_count, done_count;  // events that came in; that were committed
    uint64_t lost_now;               // since the disk failed
    uint64_t seq_committed;
    int flushers;
    bool is_failing;  // the last commit failed
    bool is_closing;

    // Under `listen_lock`, which is held while they are called.
    struct om_mutex listen_lock;
    struct listener listeners[LISTENERS_MAX];

    // Under `read_lock`; readers that nobody uses now.
    struct om_mutex read_lock;
    struct om_cond has_reader;
    struct om_journal_reader *readers[READERS_MAX];
    int reader_count, readers_out;
};

// ---- writing: one batch ------------------------------------------------------------------------

static enum om_status run(struct om_journal *journal, int which, struct om_error *err)
{
    return om_stmt_run(journal->stmts[which], err);
}

static enum om_status write_event(struct om_journal *journal, struct om_event *event, uint64_t seq,
                                  struct om_error *err)
{
    event->seq = seq;
    om_buf_clear(&journal->json);
    om_event_to_json(event, &journal->json);
    om_assert(!journal->json.has_failed);

    const size_t root = sizeof("io.omma.") - 1;
    struct om_stmt *stmt = journal->stmts[WRITE_EVENT];
    om_stmt_bind_int(stmt, 1, (int64_t)seq);
    om_stmt_bind_int(stmt, 2, event->wall_us);
    om_stmt_bind_text(stmt, 3, om_str_from(om_event_type_name(event->type) + root));
    om_stmt_bind_text(stmt, 4, om_str_from(event->camera));
    om_stmt_bind_text(stmt, 5, om_str_from(event->label));
    om_stmt_bind_int(stmt, 6, (int64_t)(event->track_id & INT64_MAX));
    enum om_status status = om_stmt_run(stmt, err);
    if (status != OM_OK)
        return status;
    stmt = journal->stmts[WRITE_JSON];
    om_stmt_bind_int(stmt, 1, (int64_t)seq);
    om_stmt_bind_text(stmt, 2, om_buf_str(&journal->json));
    return om_stmt_run(stmt, err);
}

// The last of the oldest `step` events that has to go; 0 when none has. The newest always stays:
// numbering goes on from it.
static uint64_t last_to_retire(struct om_journal *journal, uint64_t last_seq, int64_t step)
{
    uint64_t to = 0;
    int64_t over = (int64_t)(last_seq - journal->first_seq + 1) - journal->opts.rows_max;
    if (journal->opts.rows_max > 0 && over > 0)
        to = journal->first_seq + (uint64_t)OM_MIN(over, step) - 1;
    if (journal->opts.keep_us > 0) {
        struct om_stmt *stmt = journal->stmts[WRITE_YOUNG];
        uint64_t end = journal->first_seq + (uint64_t)step;
        om_stmt_bind_int(stmt, 1, om_time_wall_us() - journal->opts.keep_us);
        om_stmt_bind_int(stmt, 2, (int64_t)end);
        if (om_stmt_step(stmt, NULL) == OM_OK)
            end = (uint64_t)om_stmt_int(stmt, 0);
        om_stmt_reset(stmt);
        to = OM_MAX(to, end - 1);
    }
    return OM_MIN(to, last_seq - 1);
}

// Deletes a few of what is too old or too many; *first_seq comes out as what it is after the
// commit.
static enum om_status retire(struct om_journal *journal, uint64_t last_seq, uint64_t *first_seq,
                             struct om_error *err)
{
    if (journal->first_seq >= last_seq)
        return OM_OK;
    uint64_t to = last_to_retire(journal, last_seq,
                                 OM_MAX(RETIRE_STEP, 2 * journal->writing.count));
    if (to < journal->first_seq)
        return OM_OK;
    static const int deletes[] = {WRITE_RETIRE_EVENTS, WRITE_RETIRE_JSON};
    for (size_t i = 0; i < OM_ARRAY_LEN(deletes); i++) {
        om_stmt_bind_int(journal->stmts[deletes[i]], 1, (int64_t)to);
        enum om_status status = run(journal, deletes[i], err);
        if (status != OM_OK)
            return status;
    }
    *first_seq = to + 1;
    return OM_OK;
}

static enum om_status write_batch(struct om_journal *journal, uint64_t *first_seq,
                                  struct om_error *err)
{
    enum om_status status = run(journal, WRITE_BEGIN, err);
    if (status != OM_OK)
        return status;
    for (int i = 0; status == OM_OK && i < journal->writing.count; i++)
        status = write_event(journal, &journal->writing.events[i],
                             journal->last_seq + 1 + (uint64_t)i, err);
    uint64_t last_seq = journal->last_seq + (uint64_t)journal->writing.count;
    if (status == OM_OK)
        status = retire(journal, last_seq, first_seq, err);
    if (status == OM_OK)
        status = run(journal, WRITE_COMMIT, err);
    if (status != OM_OK)
        (void)run(journal, WRITE_ROLLBACK, NULL);  // SQLite may have done it already
    return status;
}

static enum om_status commit(struct om_journal *journal, struct om_error *err)
{
    uint64_t first_seq = journal->first_seq;
    enum om_status status = write_batch(journal, &first_seq, err);
    journal->last_commit_us = om_time_mono_us();
    if (status != OM_OK)
        return status;
    om_metric_add(&kept, journal->writing.count);
    om_metric_add(&commits, 1);
    om_metric_add(&retired, (int64_t)(first_seq - journal->first_seq));
    journal->first_seq = first_seq;
    journal->last_seq += (uint64_t)journal->writing.count;
    return OM_OK;
}

// ---- the writer thread -------------------------------------------------------------------------

// Waits until there is something to write and it is time to. False when all is written and it
// closes.
static bool take_batch(struct om_journal *journal)
{
    om_with_lock(&journal->lock);
    int64_t retire_us = journal->last_retire_us + RETIRE_EVERY_US;
    while (journal->filling.count == 0 && !journal->is_closing && om_time_mono_us() < retire_us)
        om_cond_wait_until(&journal->has_work, &journal->lock, retire_us);
    int64_t due_us = journal->last_commit_us + journal->opts.commit_us;
    while (!journal->is_closing && !journal->flushers && om_time_mono_us() < due_us &&
           journal->filling.count < journal->opts.queue_max / 2)
        om_cond_wait_until(&journal->has_work, &journal->lock, due_us);
    om_assert(journal->writing.count == 0);
    struct batch empty = journal->writing;
    journal->writing = journal->filling;
    journal->filling = empty;
    return journal->writing.count > 0 || !journal->is_closing;
}

static void wake_listeners(struct om_journal *journal)
{
    om_with_lock(&journal->listen_lock);
    for (int i = 0; i < LISTENERS_MAX; i++) {
        if (journal->listeners[i].fn)
            journal->listeners[i].fn(journal->listeners[i].ctx);
    }
}

static void tell_committed(struct om_journal *journal)
{
    bool has_new = journal->writing.count > 0;
    uint64_t lost_before = 0;
    bool was_failing;
    {
        om_with_lock(&journal->lock);
        journal->done_count += (uint64_t)journal->writing.count;
        journal->seq_committed = journal->last_seq;
        journal->writing.count = 0;
        was_failing = journal->is_failing;
        lost_before = journal->lost_now;
        journal->is_failing = false;
        journal->lost_now = 0;
        om_cond_broadcast(&journal->has_done);
    }
    if (was_failing)
        om_log_warn(&journal->log, "events are kept again; %llu were lost",
                    (unsigned long long)lost_before);
    if (has_new)
        wake_listeners(journal);
}

// The disk took nothing. False when there is no use in trying again.
static bool tell_failed(struct om_journal *journal, const struct om_error *err)
{
    bool was_failing;
    {
        om_with_lock(&journal->lock);
        was_failing = journal->is_failing;
        journal->is_failing = true;
        om_cond_broadcast(&journal->has_done);
    }
    if (!was_failing)
        om_log_error(&journal->log, "events cannot be kept: %s; trying again every second%s%s",
                     err->text, err->hint[0] ? "; " : "", err->hint);
    om_with_lock(&journal->lock);
    int64_t again_us = om_time_mono_us() + RETRY_US;
    while (!journal->is_closing && om_time_mono_us() < again_us)
        om_cond_wait_until(&journal->has_work, &journal->lock, again_us);
    return !journal->is_closing;
}

static void writer_main(void *ctx)
{
    struct om_journal *journal = ctx;
    while (take_batch(journal)) {
        struct om_error err = {0};
        bool is_kept = commit(journal, &err) == OM_OK;
        while (!is_kept && tell_failed(journal, &err))
            is_kept = commit(journal, &err) == OM_OK;
        if (!is_kept && commit(journal, &err) != OM_OK) {
            om_log_error(&journal->log, "%d events are lost at the end: %s",
                         journal->writing.count + journal->filling.count, err.text);
            return;
        }
        journal->last_retire_us = om_time_mono_us();
        tell_committed(journal);
    }
}

// ---- open and close ----------------------------------------------------------------------------

static bool read_seq(struct om_journal *journal, int which, uint64_t *ret, struct om_error *err)
{
    struct om_stmt *stmt = journal->stmts[which];
    if (om_stmt_step(stmt, err) != OM_OK)
        return false;
    *ret = (uint64_t)om_stmt_int(stmt, 0);
    om_stmt_reset(stmt);
    return true;
}

static bool open_db(struct om_journal *journal, struct om_error *err)
{
    const struct om_db_opts opts = {.migrations = om_journal_migrations};
    journal->db = om_db_open(journal->path, &opts, err);
    if (!journal->db)
        return false;
    for (int i = 0; i < WRITE_COUNT; i++) {
        journal->stmts[i] = om_stmt_create(journal->db, statements[i], err);
        if (!journal->stmts[i])
            return false;
    }
    if (!read_seq(journal, WRITE_FIRST, &journal->first_seq, err) ||
        !read_seq(journal, WRITE_LAST, &journal->last_seq, err))
        return false;
    journal->first_seq = OM_MAX(journal->first_seq, 1u);
    journal->seq_committed = journal->last_seq;
    return true;
}

static void register_metrics(void)
{
    om_metric_register(&kept);
    om_metric_register(&commits);
    om_metric_register(&waits);
    om_metric_register(&lost);
    om_metric_register(&retired);
}

struct om_journal *om_journal_open(const char *path, const struct om_journal_opts *opts,
                                   struct om_error *err)
{
    register_metrics();
    om_auto(om_journal) journal = om_new(struct om_journal);
    journal->opts = *opts;
    journal->opts.queue_max = OM_MAX(opts->queue_max, 1);
    journal->log = (struct om_log){.name = "journal"};
    journal->path = om_strdup(path);
    journal->last_commit_us = om_time_mono_us() - opts->commit_us;
    journal->last_retire_us = om_time_mono_us();
    om_mutex_init(&journal->lock);
    om_mutex_init(&journal->listen_lock);
    om_mutex_init(&journal->read_lock);
    om_cond_init(&journal->has_work);
    om_cond_init(&journal->has_done);
    om_cond_init(&journal->has_reader);
    om_buf_init(&journal->json, EVENT_MAX_BYTES);
    if (!open_db(journal, err))
        return NULL;
    if (!om_thread_start(&journal->writer, "journal", 0, writer_main, journal)) {
        om_error_set(err, OM_LIMIT, "no thread for the journal");
        om_error_hint(err, "raise the limit of processes (ulimit -u)");
        return NULL;
    }
    return om_steal(&journal);
}

void om_journal_close(struct om_journal *journal)
{
    if (!journal)
        return;
    {
        om_with_lock(&journal->lock);
        journal->is_closing = true;
        om_cond_signal(&journal->has_work);
    }
    om_thread_join(&journal->writer);
    om_assert(journal->readers_out == 0);
    for (int i = 0; i < journal->reader_count; i++)
        om_journal_reader_destroy(journal->readers[i]);
    for (int i = 0; i < WRITE_COUNT; i++)
        om_stmt_destroy(journal->stmts[i]);
    om_db_destroy(journal->db);
    om_buf_finish(&journal->json);
    om_free(journal->filling.events);
    om_free(journal->writing.events);
    om_cond_finish(&journal->has_reader);
    om_cond_finish(&journal->has_done);
    om_cond_finish(&journal->has_work);
    om_mutex_finish(&journal->read_lock);
    om_mutex_finish(&journal->listen_lock);
    om_mutex_finish(&journal->lock);
    om_free(journal->path);
    om_free(journal);
}

// ---- producers ---------------------------------------------------------------------------------

// Room for one more; false when the event is lost. Called with the lock held.
static bool make_room(struct om_journal *journal)
{
    struct batch *filling = &journal->filling;
    om_mutex_assert_held(&journal->lock);
    if (filling->count == journal->opts.queue_max)
        om_metric_add(&waits, 1);
    while (filling->count == journal->opts.queue_max) {
        if (journal->is_failing)
            return false;
        om_cond_wait(&journal->has_done, &journal->lock);
    }
    if (filling->count == filling->room) {
        int room = OM_CLAMP(filling->room * 2, BATCH_FIRST, journal->opts.queue_max);
        filling->events = om_realloc(filling->events, (size_t)room, sizeof(*filling->events));
        filling->room = room;
    }
    return true;
}

void om_journal_put(struct om_journal *journal, const struct om_event *event)
{
    char id[OM_ID_TEXT_SIZE] = "";
    if (!event->id[0])
        om_rand_uuid7(id);

    om_with_lock(&journal->lock);
    if (!make_room(journal)) {
        journal->lost_now++;
        om_metric_add(&lost, 1);
        return;
    }
    struct om_event *copy = &journal->filling.events[journal->filling.count++];
    *copy = *event;
    if (id[0])
        memcpy(copy->id, id, sizeof(copy->id));
    journal->put_count++;
    if (journal->filling.count == 1 || journal->filling.count == journal->opts.queue_max / 2)
        om_cond_signal(&journal->has_work);
}

void om_journal_flush(struct om_journal *journal)
{
    om_with_lock(&journal->lock);
    uint64_t target = journal->put_count;
    journal->flushers++;
    om_cond_signal(&journal->has_work);
    while (journal->done_count < target && !journal->is_failing)
        om_cond_wait(&journal->has_done, &journal->lock);
    journal->flushers--;
}

uint64_t om_journal_seq_committed(struct om_journal *journal)
{
    om_with_lock(&journal->lock);
    return journal->seq_committed;
}

// ---- listeners ---------------------------------------------------------------------------------

bool om_journal_listen(struct om_journal *journal, om_journal_wake_fn *fn, void *ctx)
{
    om_with_lock(&journal->listen_lock);
    for (int i = 0; i < LISTENERS_MAX; i++) {
        if (!journal->listeners[i].fn) {
            journal->listeners[i] = (struct listener){fn, ctx};
            return true;
        }
    }
    return false;
}

void om_journal_unlisten(struct om_journal *journal, void *ctx)
{
    om_with_lock(&journal->listen_lock);
    for (int i = 0; i < LISTENERS_MAX; i++) {
        if (journal->listeners[i].fn && journal->listeners[i].ctx == ctx)
            journal->listeners[i] = (struct listener){0};
    }
}

// ---- readers -----------------------------------------------------------------------------------

// A reader that nobody uses, or a new one; waits when as many as may be are out.
static struct om_journal_reader *reader_take(struct om_journal *journal, struct om_error *err)
{
    {
        om_with_lock(&journal->read_lock);
        while (journal->readers_out == READERS_MAX)
            om_cond_wait(&journal->has_reader, &journal->read_lock);
        journal->readers_out++;
        if (journal->reader_count > 0)
            return journal->readers[--journal->reader_count];
    }
    struct om_journal_reader *reader = om_journal_reader_open(journal->path, err);
    if (!reader) {
        om_with_lock(&journal->read_lock);
        journal->readers_out--;
        om_cond_signal(&journal->has_reader);
    }
    return reader;
}

static void reader_put(struct om_journal *journal, struct om_journal_reader *reader)
{
    om_with_lock(&journal->read_lock);
    journal->readers[journal->reader_count++] = reader;
    journal->readers_out--;
    om_cond_signal(&journal->has_reader);
}

enum om_status om_journal_read(struct om_journal *journal, const struct om_journal_query *query,
                               om_journal_row_fn *fn, void *ctx, struct om_error *err)
{
    struct om_error why = {0};
    struct om_journal_reader *reader = reader_take(journal, &why);
    enum om_status status = why.status;
    if (reader) {
        status = om_journal_reader_read(reader, query, fn, ctx, &why);
        reader_put(journal, reader);
    }
    if (status != OM_OK && err)
        *err = why;
    return status;
}
