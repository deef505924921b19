#include "sink/journal_read.h"

#include "base/assert.h"
#include "base/mem.h"
#include "event/event.h"
#include "sink/journal_int.h"
#include "store/sqlite.h"

enum { LIMIT_MAX = 1000 };

const char *const om_journal_migrations[] = {
    "CREATE TABLE events("
    " seq INTEGER PRIMARY KEY,"  // 1, 2, 3, ... without gaps; the oldest are deleted
    " wall_us INTEGER NOT NULL,"
    " type TEXT NOT NULL,"  // "track.started.v1"
    " camera TEXT NOT NULL,"
    " label TEXT NOT NULL,"  // "" where there is none
    " track_id INTEGER NOT NULL);"
    "CREATE INDEX events_camera ON events(camera);"
    "CREATE TABLE event_json(seq INTEGER PRIMARY KEY, json TEXT NOT NULL);",
    NULL,
};

// ---- statements --------------------------------------------------------------------------------

#define WHAT                                                                                       \
    "SELECT e.seq, j.json FROM events e CROSS JOIN event_json j ON j.seq = e.seq"                  \
    " WHERE e.seq > ?1 AND e.seq < ?2 AND e.wall_us >= ?3 AND e.wall_us < ?4"                      \
    " AND (?5 IS NULL OR e.label = ?5) AND (?6 IS NULL OR (e.type >= ?6 AND e.type < ?7))"
#define OF_CAMERA " AND e.camera = ?9"
#define UP " ORDER BY e.seq LIMIT ?8"
#define DOWN " ORDER BY e.seq DESC LIMIT ?8"

enum { READ_ALL_UP, READ_ALL_DOWN, READ_CAMERA_UP, READ_CAMERA_DOWN, READ_LAST, READ_COUNT };

static const char *const statements[READ_COUNT] = {
    [READ_ALL_UP] = WHAT UP,
    [READ_ALL_DOWN] = WHAT DOWN,
    [READ_CAMERA_UP] = WHAT OF_CAMERA UP,
    [READ_CAMERA_DOWN] = WHAT OF_CAMERA DOWN,
    [READ_LAST] = "SELECT max(seq) FROM events",
};

struct om_journal_reader {
    struct om_db *db;
    struct om_stmt *stmts[READ_COUNT];
};

struct om_journal_reader *om_journal_reader_open(const char *path, struct om_error *err)
{
    const struct om_db_opts opts = {.is_read_only = true, .migrations = om_journal_migrations};
    om_auto(om_journal_reader) reader = om_new(struct om_journal_reader);
    reader->db = om_db_open(path, &opts, err);
    if (!reader->db)
        return NULL;
    for (int i = 0; i < READ_COUNT; i++) {
        reader->stmts[i] = om_stmt_create(reader->db, statements[i], err);
        if (!reader->stmts[i])
            return NULL;
    }
    return om_steal(&reader);
}

void om_journal_reader_destroy(struct om_journal_reader *reader)
{
    if (!reader)
        return;
    for (int i = 0; i < READ_COUNT; i++)
        om_stmt_destroy(reader->stmts[i]);
    om_db_destroy(reader->db);
    om_free(reader);
}

// ---- queries -----------------------------------------------------------------------------------

// What the type column begins with, for a full or short name or the beginning of one. False when no
// type begins so.
static bool type_prefix(const char *type, om_str *ret)
{
    const om_str root = OM_STR("io.omma.");
    om_str asked = om_str_from(type);
    if (om_str_starts_with(root, asked))
        asked = OM_STR("");
    else if (om_str_starts_with(asked, root))
        asked = om_str_sub(asked, root.n, asked.n);
    *ret = asked;
    for (int i = 0; i < OM_EVENT_TYPE_COUNT; i++) {
        om_str name = om_str_from(om_event_type_name((enum om_event_type)i));
        if (om_str_starts_with(om_str_sub(name, root.n, name.n), asked))
            return true;
    }
    return false;
}

static int64_t seq_bound(uint64_t seq, int64_t none)
{
    return seq == 0 ? none : seq > INT64_MAX ? INT64_MAX : (int64_t)seq;
}

static void bind_text(struct om_stmt *stmt, int i, const char *text)
{
    if (text)
        om_stmt_bind_text(stmt, i, om_str_from(text));
    else
        om_stmt_bind_null(stmt, i);
}

enum om_status om_journal_reader_read(struct om_journal_reader *reader,
                                      const struct om_journal_query *query, om_journal_row_fn *fn,
                                      void *ctx, struct om_error *err)
{
    om_str prefix = OM_STR("");
    char prefix_end[80];
    if (query->type && !type_prefix(query->type, &prefix)) {
        om_error_set(err, OM_INVALID, "no event type begins with \"%.64s\"", query->type);
        om_error_hint(err, "for example track, line.crossed or io.omma.camera.state.v1");
        return OM_INVALID;
    }
    // The names are ASCII, so a byte above all of ASCII ends those that begin with the prefix.
    (void)om_str_copy(prefix_end, sizeof(prefix_end) - 1, prefix);
    prefix_end[prefix.n] = '\x7f';
    prefix_end[prefix.n + 1] = '\0';

    struct om_stmt *stmt = reader->stmts[(query->camera ? READ_CAMERA_UP : READ_ALL_UP) +
                                         (query->newest_first ? 1 : 0)];
    om_stmt_bind_int(stmt, 1, seq_bound(query->after_seq, 0));
    om_stmt_bind_int(stmt, 2, seq_bound(query->before_seq, INT64_MAX));
    om_stmt_bind_int(stmt, 3, query->from_wall_us ? query->from_wall_us : INT64_MIN);
    om_stmt_bind_int(stmt, 4, query->to_wall_us ? query->to_wall_us : INT64_MAX);
    bind_text(stmt, 5, query->label);
    bind_text(stmt, 6, prefix.n ? prefix.p : NULL);
    bind_text(stmt, 7, prefix_end);
    om_stmt_bind_int(stmt, 8, OM_CLAMP(query->limit, 1, LIMIT_MAX));
    if (query->camera)
        bind_text(stmt, 9, query->camera);

    enum om_status status = OM_OK;
    while ((status = om_stmt_step(stmt, err)) == OM_OK) {
        if (!fn(ctx, (uint64_t)om_stmt_int(stmt, 0), om_stmt_text(stmt, 1))) {
            om_stmt_reset(stmt);
            return OM_OK;
        }
    }
    return status == OM_END ? OM_OK : status;
}

enum om_status om_journal_reader_last(struct om_journal_reader *reader, uint64_t *ret,
                                      struct om_error *err)
{
    struct om_stmt *stmt = reader->stmts[READ_LAST];
    enum om_status status = om_stmt_step(stmt, err);
    if (status != OM_OK)
        return status;
    *ret = (uint64_t)om_stmt_int(stmt, 0);
    om_stmt_reset(stmt);
    return OM_OK;
}
