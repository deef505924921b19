// Kept events in pages, and the schemas of their types.

#include "base/error.h"
#include "base/json.h"
#include "base/time.h"
#include "event/event.h"
#include "serve/serve_int.h"
#include "sink/journal.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

// ---- what is asked for -------------------------------------------------------------------------

// Whether `type` is the name of a type or the beginning of one, in its full or its short form.
static bool is_event_type(om_str type)
{
    for (int i = 0; i < OM_EVENT_TYPE_COUNT; i++) {
        om_str name = om_str_from(om_event_type_name((enum om_event_type)i));
        if (om_str_starts_with(name, type) ||
            om_str_starts_with(om_event_type_brief((enum om_event_type)i), type))
            return true;
    }
    return false;
}

// Copies a query value that fits; false with the problem answered.
static bool read_text(struct om_exchange *x, const char *key, char *dst, size_t size)
{
    om_str text = OM_STR("");
    (void)om_exchange_query(x, key, &text);  // absent is empty is all
    if (om_str_copy(dst, size, text))
        return true;
    struct om_error err;
    om_error_set(&err, OM_INVALID, "%s= is longer than %zu characters", key, size - 1);
    om_exchange_fail(x, &err);
    return false;
}

bool om_serve_filter_read(struct om_exchange *x, struct om_serve_filter *ret)
{
    if (!read_text(x, "camera", ret->camera, sizeof(ret->camera)) ||
        !read_text(x, "type", ret->type, sizeof(ret->type)) ||
        !read_text(x, "label", ret->label, sizeof(ret->label)))
        return false;
    if (is_event_type(om_str_from(ret->type)))
        return true;
    struct om_error err;
    om_error_set(&err, OM_INVALID, "no event type begins with \"%s\"", ret->type);
    om_error_hint(&err, "for example type=track, type=line.crossed or "
                        "type=io.omma.camera.state.v1");
    om_exchange_fail(x, &err);
    return false;
}

static bool read_time(struct om_exchange *x, const char *key, int64_t *ret)
{
    om_str text;
    if (!om_exchange_query(x, key, &text) || om_time_parse(text.p, text.n, ret))
        return true;
    struct om_error err;
    om_error_set(&err, OM_INVALID, "%s=%.*s is no time", key, (int)OM_MIN(text.n, 40u), text.p);
    om_error_hint(&err, "write it like 2026-11-21T10:52:40Z (a + in a query is written %%2B)");
    om_exchange_fail(x, &err);
    return false;
}

static bool read_order(struct om_exchange *x, bool *ret_newest_first)
{
    om_str order = OM_STR("asc");
    (void)om_exchange_query(x, "order", &order);
    *ret_newest_first = om_str_equal(order, OM_STR("desc"));
    if (*ret_newest_first || om_str_equal(order, OM_STR("asc")))
        return true;
    om_exchange_problem(x, 422, "order= is asc or desc", "asc gives the oldest first");
    return false;
}

static bool read_query(struct om_exchange *x, struct om_journal_query *ret)
{
    int64_t after = 0, before = 0, limit = LIMIT_DEFAULT;
    if (!om_serve_query_int(x, "after", 0, INT64_MAX, &after) ||
        !om_serve_query_int(x, "before", 0, INT64_MAX, &before) ||
        !om_serve_query_int(x, "limit", 1, LIMIT_MAX, &limit) ||
        !read_time(x, "from", &ret->from_wall_us) || !read_time(x, "to", &ret->to_wall_us) ||
        !read_order(x, &ret->newest_first))
        return false;
    ret->after_seq = (uint64_t)after;
    ret->before_seq = (uint64_t)before;
    ret->limit = (int)limit;
    return true;
}

// ---- the page of events ------------------------------------------------------------------------

struct page {
    struct om_json_writer *w;
    uint64_t last_seq;
    int count;
};

static bool put_row(void *ctx, uint64_t seq, om_str json)
{
    struct page *page = ctx;
    om_json_raw(page->w, json);
    page->last_seq = seq;
    page->count++;
    return !page->w->buf->has_failed;
}

// Where the next page starts: after= when the oldest come first (also when nothing is there yet),
// before= when the newest do, null at the end.
static void write_next(struct om_json_writer *w, const struct page *page,
                       const struct om_journal_query *query)
{
    om_json_key(w, "next");
    if (page->count)
        om_json_int(w, (int64_t)page->last_seq);
    else if (query->newest_first)
        om_json_null(w);
    else
        om_json_int(w, (int64_t)query->after_seq);
}

void om_serve_get_events(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    struct om_serve_filter filter;
    struct om_journal_query query = {0};
    if (!om_serve_filter_read(x, &filter) || !read_query(x, &query))
        return;
    query.camera = filter.camera[0] ? filter.camera : NULL;
    query.type = filter.type[0] ? filter.type : NULL;
    query.label = filter.label[0] ? filter.label : NULL;

    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    struct om_json_writer w;
    struct page page = {.w = &w};
    struct om_error err = {0};
    om_json_begin(&w, &out);
    om_json_object(&w);
    om_json_key(&w, "events");
    om_json_array(&w);
    enum om_status status = om_journal_read(serve->opts.journal, &query, put_row, &page, &err);
    if (status != OM_OK && status != OM_END) {
        om_exchange_fail(x, &err);
        return;
    }
    om_json_array_end(&w);
    write_next(&w, &page, &query);
    om_json_object_end(&w);
    om_serve_reply_json(x, 200, &out);
}

// ---- schemas -----------------------------------------------------------------------------------

void om_serve_get_schema(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    enum om_event_type type;
    om_str ending = OM_STR(".json");
    om_str file = om_exchange_param(x, "file");
    if (om_str_ends_with(file, ending) &&
        om_event_type_from_name(om_str_sub(file, 0, file.n - ending.n), &type)) {
        om_exchange_reply(x, 200, "application/schema+json", om_event_schema(type));
        return;
    }
    om_exchange_problem(x, 404, "there is no such schema",
                        "for example /schemas/io.omma.track.started.v1.json");
}
