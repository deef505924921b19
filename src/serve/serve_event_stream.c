// Events as they happen, by server-sent events. The journal is the queue: a client is a cursor into
// it, so nothing is lost between "kept" and "sent", resuming is the same as going on, and a slow
// client costs a number. Each client is a lane of the blocking pool that reads the next page behind
// its cursor and writes it; after each commit of the journal every lane is woken.
//
// A client that does not take what was written is not written to (its bytes wait in the journal,
// not in memory); when nothing moves for SLOW_US it is told why and closed, and comes back with
// Last-Event-ID.
//
// The loop opens, beats, looks after the slow ones and frees; a lane reads and writes. A client
// whose connection closed is woken once more, and its lane hands it back to the loop.

#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "base/time.h"
#include "loop/loop.h"
#include "loop/workers.h"
#include "serve/serve_int.h"
#include "sink/journal.h"

enum {
    PAGE_ROWS = 256,
    PAGE_BYTES = 128 * 1024,   // a page is over when it is that long ...
    PAGE_BYTES_MAX = 1 << 20,  // ... and this is more than any one row
    UNSENT_HIGH = 256 * 1024,  // a client that owes so much is full,
    UNSENT_LOW = 64 * 1024,    // until it owes less than this
    FULL_POLL_US = 20 * OM_MS,
    SLOW_US = 15 * OM_SECOND,
    TICK_US = 5 * OM_SECOND,
};

static const struct om_log events_log = {.name = "sse"};

static struct om_metric clients_now = OM_GAUGE("omma_event_stream_clients",
                                               "Clients that read events as they happen.");
static struct om_metric slow_closed = OM_COUNTER("omma_event_stream_slow_total",
                                                 "Clients closed because they took nothing.");

struct client {
    // Under events->lock.
    struct om_list link;       // of all clients, until it is freed
    struct om_list dead_link;  // once its lane ran for the last time
    bool is_buried;
    struct om_serve_events *events;
    struct om_exchange *x;  // a reference
    struct om_serve_filter filter;
    struct om_lane lane;
    uint64_t cursor;  // the lane's: everything up to here was sent or does not match
    atomic_int_fast64_t written_us;
    atomic_bool is_closed;  // the connection is
    atomic_bool is_full;    // waits for the client to take what was written
    // The loop's.
    int64_t full_since_us;  // 0 = not full
    size_t unsent_before;   // while full
    bool is_told;           // that it is too slow
};

struct om_serve_events {
    struct om_serve *serve;
    struct om_mutex lock;
    // Under `lock`.
    struct om_list clients;
    struct om_list dead;  // their lanes ran for the last time
    // The loop's.
    struct om_loop_task task;
    struct om_loop_timer tick, full_timer;
};

// ---- the lane of a client ----------------------------------------------------------------------

struct page {
    struct om_buf out;
    uint64_t last_seq;
    int rows;
};

// The type of an event is the value of its first "type" member; the encoder writes it before the
// data.
static om_str event_type(om_str json)
{
    static const om_str key = {"\"type\":\"", 8};
    ptrdiff_t at = om_str_find(json, key);
    if (at < 0)
        return OM_STR("message");
    om_str rest = om_str_sub(json, (size_t)at + key.n, json.n);
    ptrdiff_t end = om_str_find_char(rest, '"');
    return om_str_sub(rest, 0, end < 0 ? 0 : (size_t)end);
}

static bool put_row(void *ctx, uint64_t seq, om_str json)
{
    struct page *page = ctx;
    om_str type = event_type(json);
    om_buf_printf(&page->out, "id: %llu\nevent: %.*s\ndata: ", (unsigned long long)seq,
                  OM_STR_ARG(type));
    om_buf_append_str(&page->out, json);
    om_buf_append_text(&page->out, "\n\n");
    page->last_seq = seq;
    page->rows++;
    return page->out.len < PAGE_BYTES && !page->out.has_failed;
}

static void write_reason(struct client *client, const char *reason, const char *hint)
{
    om_auto_buf out;
    om_buf_init(&out, 1024);
    struct om_json_writer w;
    om_buf_append_text(&out, "event: error\ndata: ");
    om_json_begin(&w, &out);
    om_json_object(&w);
    om_json_kv_text(&w, "reason", reason);
    om_json_kv_text(&w, "hint", hint);
    om_json_object_end(&w);
    om_buf_append_text(&out, "\n\n");
    om_serve_try_write(client->x, om_buf_str(&out));  // it is closed next in any case
    om_exchange_end(client->x);
}

static void set_full(struct client *client)
{
    atomic_store(&client->is_full, true);
    om_loop_post(client->events->serve->opts.loop, &client->events->task);
}

// Sends the page and moves the cursor. False when the client cannot take it now, or ever.
static bool send_page(struct client *client, const struct page *page, uint64_t next_cursor)
{
    enum om_status status = om_exchange_write(client->x, om_buf_str(&page->out));
    if (status == OM_LIMIT)
        set_full(client);
    if (status != OM_OK)
        return false;
    if (page->out.len)
        atomic_store(&client->written_us, om_time_mono_us());
    client->cursor = next_cursor;
    return true;
}

// Reads and sends what is behind the cursor, one page. Returns whether there may be more.
static bool send_next(struct client *client)
{
    struct om_journal *journal = client->events->serve->opts.journal;
    uint64_t cursor = client->cursor;
    uint64_t committed = om_journal_seq_committed(journal);
    if (cursor >= committed)
        return false;
    const struct om_serve_filter *filter = &client->filter;
    const struct om_journal_query query = {
        .after_seq = cursor,
        .camera = filter->camera[0] ? filter->camera : NULL,
        .type = filter->type[0] ? filter->type : NULL,
        .label = filter->label[0] ? filter->label : NULL,
        .limit = PAGE_ROWS,
    };
    struct om_error err = {0};
    struct page page = {.last_seq = cursor};
    om_buf_init(&page.out, PAGE_BYTES_MAX);
    enum om_status status = om_journal_read(journal, &query, put_row, &page, &err);
    bool is_over = page.rows < PAGE_ROWS && page.out.len < PAGE_BYTES;
    bool has_more = false;
    if (status != OM_OK && status != OM_END) {
        om_log_error(&events_log, "events cannot be read: %s", err.text);
        write_reason(client, err.text, err.hint);
    } else if (page.out.has_failed) {
        write_reason(client, "no memory for the events", "connect again with Last-Event-ID");
    } else {
        // What was committed before the question and did not come back does not match.
        uint64_t next = is_over ? OM_MAX(page.last_seq, committed) : page.last_seq;
        has_more = send_page(client, &page, next) && !is_over;
    }
    om_buf_finish(&page.out);
    return has_more;
}

static void bury(struct client *client)
{
    struct om_serve_events *events = client->events;
    {
        om_with_lock(&events->lock);
        if (client->is_buried)
            return;
        client->is_buried = true;
        om_list_push(&events->dead, &client->dead_link);
    }
    om_loop_post(events->serve->opts.loop, &events->task);
}

static void lane_main(void *ctx)
{
    struct client *client = ctx;
    if (atomic_load(&client->is_closed)) {
        bury(client);
        return;
    }
    if (atomic_load(&client->is_full))
        return;
    if (om_exchange_unsent(client->x) > UNSENT_HIGH) {
        set_full(client);
        return;
    }
    if (send_next(client))
        om_lane_wake(client->events->serve->opts.blocking, &client->lane);
}

// ---- the loop ----------------------------------------------------------------------------------

static void client_destroy(struct client *client)
{
    {
        om_with_lock(&client->events->lock);
        om_list_remove(&client->link);
    }
    om_lane_finish(client->events->serve->opts.blocking, &client->lane);
    om_exchange_unref(&client->x);
    om_metric_add(&clients_now, -1);
    om_free(client);
}

// Called once when the client is gone. Its lane may be at work: it buries the client after that.
static void on_closed(void *ctx)
{
    struct client *client = ctx;
    atomic_store(&client->is_closed, true);
    om_lane_wake(client->events->serve->opts.blocking, &client->lane);
}

static struct client *take_dead(struct om_serve_events *events)
{
    om_with_lock(&events->lock);
    struct client *client = om_list_first(&events->dead, struct client, dead_link);
    if (client)
        om_list_remove(&client->dead_link);
    return client;
}

// Looks whether a full client took something. Returns whether it is still full.
static bool look_after_full(struct client *client, int64_t now_us)
{
    size_t unsent = om_exchange_unsent(client->x);
    if (client->full_since_us == 0 || unsent < client->unsent_before) {
        client->full_since_us = now_us;
        client->unsent_before = unsent;
    }
    if (unsent < UNSENT_LOW) {
        client->full_since_us = 0;
        atomic_store(&client->is_full, false);
        om_lane_wake(client->events->serve->opts.blocking, &client->lane);
        return false;
    }
    if (client->is_told || now_us - client->full_since_us < SLOW_US)
        return !client->is_told;
    om_metric_add(&slow_closed, 1);
    client->is_told = true;
    write_reason(client, "the client is too slow",
                 "connect again with Last-Event-ID: nothing is lost");
    return false;
}

static void on_full_timer(void *ctx)
{
    struct om_serve_events *events = ctx;
    struct om_loop *loop = events->serve->opts.loop;
    int64_t now_us = om_loop_now_us(loop);
    bool is_any_full = false;
    om_with_lock(&events->lock);
    om_list_each(client, &events->clients, struct client, link)
    {
        if (atomic_load(&client->is_full))
            is_any_full |= look_after_full(client, now_us);
    }
    if (is_any_full)
        om_loop_timer_set(loop, &events->full_timer, now_us + FULL_POLL_US);
}

static void on_task(void *ctx)
{
    struct om_serve_events *events = ctx;
    struct om_loop *loop = events->serve->opts.loop;
    for (struct client *client; (client = take_dead(events));)
        client_destroy(client);
    if (events->full_timer.heap_index < 0)
        om_loop_timer_set(loop, &events->full_timer, om_loop_now_us(loop) + FULL_POLL_US);
}

// A quiet line looks like a dead one to proxies and clients.
static void on_tick(void *ctx)
{
    struct om_serve_events *events = ctx;
    struct om_loop *loop = events->serve->opts.loop;
    int64_t now_us = om_time_mono_us();
    om_loop_timer_set(loop, &events->tick, now_us + TICK_US);
    om_with_lock(&events->lock);
    om_list_each(client, &events->clients, struct client, link)
    {
        if (now_us - atomic_load(&client->written_us) < OM_SERVE_HEARTBEAT_US - TICK_US / 2)
            continue;
        atomic_store(&client->written_us, now_us);
        om_serve_try_write(client->x, OM_STR(": still here\n\n"));  // a full one hears enough
    }
}

// In the journal's writer thread, after each commit.
static void on_commit(void *ctx)
{
    struct om_serve_events *events = ctx;
    om_with_lock(&events->lock);
    om_list_each(client, &events->clients, struct client, link)
        om_lane_wake(events->serve->opts.blocking, &client->lane);
}

// ---- opening -----------------------------------------------------------------------------------

// Last-Event-ID wins over ?after=, because a browser that reconnects repeats the old query. False
// with the problem answered.
static bool read_start(struct om_exchange *x, uint64_t committed, uint64_t *ret_cursor)
{
    om_str text;
    int64_t after = (int64_t)committed;
    if (om_exchange_header(x, "last-event-id", &text) && text.n) {
        if (!om_str_to_int64(text, &after) || after < 0) {
            om_exchange_problem(x, 422, "Last-Event-ID is not the id of an event",
                                "send the last id: line that came, a whole number");
            return false;
        }
    } else if (!om_serve_query_int(x, "after", 0, INT64_MAX, &after)) {
        return false;
    }
    // An id that was never given is of another journal: go on with what comes.
    *ret_cursor = OM_MIN((uint64_t)after, committed);
    return true;
}

void om_serve_get_event_stream(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    struct om_serve_filter filter;
    uint64_t cursor;
    if (!om_serve_filter_read(x, &filter) ||
        !read_start(x, om_journal_seq_committed(serve->opts.journal), &cursor))
        return;
    struct om_serve_events *events = serve->events;
    struct client *client = om_new(struct client);
    client->events = events;
    client->x = om_exchange_ref(x);
    client->filter = filter;
    om_lane_init(&client->lane, lane_main, client);
    client->cursor = cursor;
    atomic_init(&client->written_us, om_time_mono_us());
    om_list_init(&client->link);
    om_list_init(&client->dead_link);
    om_metric_add(&clients_now, 1);
    {
        om_with_lock(&events->lock);
        om_list_push(&events->clients, &client->link);
    }
    // The id alone is no event, but what the client sends back when the line breaks before the
    // first one.
    char start[64];
    int n = snprintf(start, sizeof(start), "retry: 2000\nid: %llu\n\n", (unsigned long long)cursor);
    om_exchange_stream(x, 200, "text/event-stream", on_closed, client);
    if (om_exchange_write(x, om_str_n(start, (size_t)n)) == OM_OK)
        om_lane_wake(serve->opts.blocking, &client->lane);
}

// ---- life --------------------------------------------------------------------------------------

struct om_serve_events *om_serve_events_create(struct om_serve *serve, struct om_error *err)
{
    struct om_serve_events *events = om_new(struct om_serve_events);
    events->serve = serve;
    om_mutex_init(&events->lock);
    om_list_init(&events->clients);
    om_list_init(&events->dead);
    events->task = (struct om_loop_task)OM_LOOP_TASK(on_task, events);
    events->tick = (struct om_loop_timer)OM_LOOP_TIMER(on_tick, events);
    events->full_timer = (struct om_loop_timer)OM_LOOP_TIMER(on_full_timer, events);
    om_metric_register(&clients_now);
    om_metric_register(&slow_closed);
    if (!om_journal_listen(serve->opts.journal, on_commit, events)) {
        om_error_set(err, OM_LIMIT, "the journal has too many listeners");
        om_mutex_finish(&events->lock);
        om_free(events);
        return NULL;
    }
    om_loop_timer_set(serve->opts.loop, &events->tick, om_time_mono_us() + TICK_US);
    return events;
}

void om_serve_events_destroy(struct om_serve_events *events)
{
    if (!events)
        return;
    struct om_serve *serve = events->serve;
    om_journal_unlisten(serve->opts.journal, events);
    om_loop_timer_clear(serve->opts.loop, &events->tick);
    om_loop_timer_clear(serve->opts.loop, &events->full_timer);
    // Every connection is closed by now; some lanes did not have their last turn, and no loop
    // buries them.
    for (struct client *client; (client = om_list_first(&events->clients, struct client, link));)
        client_destroy(client);
    om_mutex_finish(&events->lock);
    om_free(events);
}
