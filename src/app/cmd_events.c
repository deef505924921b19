// omma events: what a server keeps, read from its journal's file, beside the running server or
// without it.

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "app/args.h"
#include "app/commands.h"
#include "app/interrupt.h"
#include "base/json.h"
#include "base/time.h"
#include "conf/config.h"
#include "pipeline/options.h"
#include "sink/journal_read.h"

enum { PAGE = 1000, LINE_MAX_BYTES = 64 * 1024, POLL_US = 200 * OM_MS };

struct events {
    // From the command line.
    const char *home, *from, *to;
    int count;
    bool follows, json;
    struct om_journal_query query;

    struct om_journal_reader *reader;
    struct om_buf line;
    uint64_t last_seq;  // the last one printed
    int rows;           // of the page that is being read
    bool is_closed;     // nobody reads what is printed any more
    uint64_t oldest_seq;
};

// ---- a line for people -------------------------------------------------------------------------

static const struct om_json *field(const struct om_json *data, const char *part, const char *key)
{
    return om_json_get(om_json_get(data, part), key);
}

static om_str text(const struct om_json *value)
{
    return om_json_as_str(value, OM_STR(""));
}

// Labels and reasons come from models and cameras: what would steer a terminal is shown as '?'.
static void append_safe(struct om_buf *line, om_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_c1 = c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
        om_buf_append_char(line, c < 0x20 || c == 0x7f || is_c1 ? '?' : s.p[i]);
        i += is_c1;
    }
}

static void append_track(struct om_buf *line, const struct om_json *data)
{
    const char *part = om_json_get(data, "track") ? "track" : "object";
    om_buf_append_char(line, ' ');
    append_safe(line, text(field(data, part, "label")));
    if (om_json_get(data, "track"))
        om_buf_printf(line, " #%lld", (long long)om_json_as_int(field(data, part, "id"), 0));
    om_buf_printf(line, " %.0f%%", 100 * om_json_as_double(field(data, part, "score"), 0));
}

static void append_named(struct om_buf *line, const char *what, const struct om_json *name)
{
    om_buf_append_text(line, what);
    append_safe(line, text(name));
}

static void append_seconds(struct om_buf *line, const struct om_json *seconds)
{
    if (om_json_as_double(seconds, 0) > 0)
        om_buf_printf(line, " after %.1f s", om_json_as_double(seconds, 0));
}

static void append_details(struct om_buf *line, const struct om_json *data)
{
    if (om_json_get(data, "track") || om_json_get(data, "object"))
        append_track(line, data);
    if (om_json_get(data, "zone")) {
        append_named(line, " zone ", field(data, "zone", "name"));
        append_seconds(line, field(data, "zone", "dwell_s"));
    } else if (om_json_get(data, "line")) {
        append_named(line, " line ", field(data, "line", "name"));
        append_named(line, " ", field(data, "line", "direction"));
    } else if (om_json_get(data, "motion")) {
        append_seconds(line, field(data, "motion", "duration_s"));
    } else if (om_json_get(data, "camera")) {
        append_named(line, " ", field(data, "camera", "before"));
        append_named(line, " -> ", field(data, "camera", "state"));
        if (text(field(data, "camera", "reason")).n)
            append_named(line, ": ", field(data, "camera", "reason"));
    } else {
        append_seconds(line, field(data, "track", "age_s"));
    }
}

// "2026-11-21 10:52:40.123  gate  track.ended  person #17 81% after 2.4 s".
static void append_human(struct om_buf *line, om_str json)
{
    om_auto_json event = om_json_parse(json, NULL);
    enum om_event_type type;
    om_str time = text(om_json_get(event, "time"));
    om_str name = text(om_json_get(event, "type"));
    if (om_event_type_from_name(name, &type))
        name = om_event_type_brief(type);
    append_safe(line, om_str_sub(time, 0, 10));
    om_buf_append_char(line, ' ');
    append_safe(line, om_str_sub(time, 11, 23));
    om_buf_append_text(line, "  ");
    append_safe(line, text(om_json_get(event, "partitionkey")));
    om_buf_append_text(line, "  ");
    append_safe(line, name);
    om_buf_append_char(line, ' ');
    append_details(line, om_json_get(event, "data"));
}

static bool print_row(void *ctx, uint64_t seq, om_str json)
{
    struct events *events = ctx;
    om_buf_clear(&events->line);
    if (events->json)
        om_buf_append_str(&events->line, json);
    else
        append_human(&events->line, json);
    om_cli_print("%s\n", om_buf_text(&events->line));
    events->last_seq = seq;
    events->rows++;
    return true;
}

// ---- tail --------------------------------------------------------------------------------------

static bool note_oldest(void *ctx, uint64_t seq, om_str json)
{
    struct events *events = ctx;
    (void)json;
    events->oldest_seq = seq;
    events->rows++;
    return true;
}

// Prints all that match behind last_seq.
static enum om_status print_new(struct events *events, struct om_error *err)
{
    enum om_status status = OM_OK;
    struct om_journal_query query = events->query;
    query.limit = PAGE;
    do {
        events->rows = 0;
        query.after_seq = events->last_seq;
        status = om_journal_reader_read(events->reader, &query, print_row, events, err);
        events->is_closed = fflush(stdout) != 0;
    } while (status == OM_OK && events->rows == PAGE && !events->is_closed);
    return status;
}

// Where the last `count` that match begin; whether there are any or not, new ones come behind.
static enum om_status find_start(struct events *events, struct om_error *err)
{
    struct om_journal_query query = events->query;
    uint64_t last;
    enum om_status status = om_journal_reader_last(events->reader, &last, err);
    events->last_seq = last;
    query.newest_first = true;
    query.limit = events->count;
    query.before_seq = last + 1;
    events->rows = 0;
    if (status == OM_OK && events->count > 0)
        status = om_journal_reader_read(events->reader, &query, note_oldest, events, err);
    if (status == OM_OK && events->rows > 0)
        events->last_seq = events->oldest_seq - 1;
    return status;
}

static enum om_status tail(struct events *events, struct om_error *err)
{
    enum om_status status = find_start(events, err);
    if (status == OM_OK)
        status = print_new(events, err);
    struct om_cancel *cancel = events->follows ? om_interrupt_start() : NULL;
    while (status == OM_OK && events->follows && !events->is_closed &&
           !om_cancel_sleep_until(cancel, om_time_mono_us() + POLL_US))
        status = print_new(events, err);
    return status;
}

// ---- replay ------------------------------------------------------------------------------------

// A number or a time; exactly one of the two comes out.
static bool read_place(const char *flag, const char *value, uint64_t *ret_seq, int64_t *ret_wall_us,
                       struct om_error *err)
{
    if (!value || om_str_to_uint64(om_str_from(value), ret_seq) ||
        om_time_parse(value, strlen(value), ret_wall_us))
        return true;
    om_error_set(err, OM_INVALID, "--%s %s is neither the number of an event nor a time", flag,
                 value);
    om_error_hint(err, "for example --%s 4711 or --%s 2026-11-21T10:52:40Z", flag, flag);
    return false;
}

static enum om_status replay(struct events *events, struct om_error *err)
{
    uint64_t from_seq = 0, to_seq = 0;
    struct om_journal_query *query = &events->query;
    if (!read_place("from", events->from, &from_seq, &query->from_wall_us, err) ||
        !read_place("to", events->to, &to_seq, &query->to_wall_us, err))
        return OM_INVALID;
    events->last_seq = from_seq ? from_seq - 1 : 0;
    query->before_seq = to_seq ? to_seq + 1 : 0;
    events->json = true;
    return print_new(events, err);
}

// ---- the command -------------------------------------------------------------------------------

static struct om_journal_reader *open_reader(const char *home, struct om_error *err)
{
    char path[4200];
    om_conf_register(om_pipeline_opt_groups);
    om_auto(om_conf) conf = home ? NULL : om_conf_load(NULL, err);
    if (!home && !conf)
        return NULL;
    snprintf(path, sizeof(path), "%.4096s/events.db", home ? home : conf->home);
    struct om_journal_reader *reader = om_journal_reader_open(path, err);
    if (!reader && err->status == OM_NOT_FOUND)
        om_error_hint(err, "omma run makes it; is its state somewhere else (--home, OMMA_HOME)?");
    return reader;
}

static int run(struct events *events, const char *action)
{
    struct om_error err = {0};
    events->reader = open_reader(events->home, &err);
    if (!events->reader)
        return om_cli_fail(&err);
    om_buf_init(&events->line, LINE_MAX_BYTES);
    bool replays = strcmp(action, "replay") == 0;
    enum om_status status = replays ? replay(events, &err) : tail(events, &err);
    om_buf_finish(&events->line);
    om_journal_reader_destroy(events->reader);
    if (status != OM_OK)
        return om_cli_fail(&err);
    return events->is_closed ? EX_IOERR : EX_OK;
}

int om_cmd_events(int argc, char **argv)
{
    struct events events = {.count = 10};
    const struct om_arg table[] = {
        {"camera", 0, OM_ARG_TEXT, &events.query.camera, "ID", "only of this camera", 0, 0},
        {"type", 0, OM_ARG_TEXT, &events.query.type, "TYPE", "only these: track, line.crossed", 0,
         0},
        {"label", 0, OM_ARG_TEXT, &events.query.label, "NAME", "only of this class", 0, 0},
        {"count", 'n', OM_ARG_INT, &events.count, "N", "tail: the last N (10)", 0, PAGE},
        {"follow", 'f', OM_ARG_FLAG, &events.follows, NULL, "tail: go on with new ones", 0, 0},
        {"from", 0, OM_ARG_TEXT, &events.from, "SEQ|TIME", "replay: from here on", 0, 0},
        {"to", 0, OM_ARG_TEXT, &events.to, "SEQ|TIME", "replay: up to here", 0, 0},
        {"json", 0, OM_ARG_FLAG, &events.json, NULL, "one JSON object a line", 0, 0},
        {"home", 0, OM_ARG_TEXT, &events.home, "DIR", "state directory of the server", 0, 0},
        {0},
    };
    const char *positionals[1];
    struct om_args args = {
        .usage = "omma events tail|replay [options]",
        .about = "Shows what a server has kept; replay prints JSON lines.",
        .examples = "  omma events tail --follow\n"
                    "  omma events tail -n 50 --camera gate --type line.crossed\n"
                    "  omma events replay --from 2026-11-21T10:00:00Z > events.jsonl\n",
        .args = table,
        .positionals = positionals,
        .positional_max = 1,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    const char *action = args.positional_count ? positionals[0] : "";
    if (strcmp(action, "tail") != 0 && strcmp(action, "replay") != 0)
        return om_cli_usage("events",
                            action[0] ? "events tail or replay, not \"%.40s\""
                                      : "what about the events: tail or replay?%s",
                            action);
    return run(&events, action);
}
