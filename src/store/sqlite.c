#include "store/sqlite.h"

#include <errno.h>
#include <linux/magic.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"

enum {
    BUSY_MS_DEFAULT = 5000,
    APPLICATION_ID = 0x4f4d4d41,  // "OMMA" in the file's header
};

// The write-ahead log goes back to this size after a checkpoint.
#define WAL_KEPT_BYTES "16777216"

struct om_db {
    sqlite3 *lib;
    char *path;
};

struct om_stmt {
    struct om_db *db;
    sqlite3_stmt *lib;
};

// ---- errors ------------------------------------------------------------------------------------

static enum om_status class_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return OM_TIMEOUT;
    case SQLITE_FULL:
        return OM_LIMIT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return OM_REFUSED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return OM_INVALID;
    case SQLITE_NOMEM:
        return OM_NO_MEMORY;
    default:
        return OM_INTERNAL;
    }
}

static enum om_status fail(struct om_db *db, int code, struct om_error *err)
{
    enum om_status status = class_of(code);
    int cause = sqlite3_system_errno(db->lib);
    bool is_file = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;

    if (is_file && cause) {
        status = cause == EISDIR ? OM_INVALID : om_status_from_errno(cause);
        om_error_set(err, status, "%s: %s", db->path, om_errno_text(cause));
    } else {
        om_error_set(err, status, "%s: %s", db->path, sqlite3_errmsg(db->lib));
    }
    if (status == OM_LIMIT || cause == ENOSPC)
        om_error_hint(err, "make room on the disk; writing goes on by itself then");
    else if ((code & 0xff) == SQLITE_IOERR)
        om_error_hint(err, "look at the disk: is it full, or failing (dmesg)?");
    else if (status == OM_INVALID)
        om_error_hint(err, "move the file away; a new one is made at the next start");
    else if (status == OM_REFUSED)
        om_error_hint(err, "give the user of omma the right to write there, or set OMMA_HOME");
    else if (status == OM_TIMEOUT)
        om_error_hint(err, "another program holds the file; is a second omma running?");
    return status;
}

// ---- opening -----------------------------------------------------------------------------------

// The log's shared memory does not work over the network.
static bool is_on_network(const char *path)
{
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return false;
    uint32_t type = (uint32_t)fs.f_type;
    return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == CIFS_SUPER_MAGIC ||
           type == SMB2_SUPER_MAGIC;
}

static enum om_status read_int(struct om_db *db, const char *sql, int64_t *ret,
                               struct om_error *err)
{
    om_auto(om_stmt) stmt = om_stmt_create(db, sql, err);
    enum om_status status = stmt ? om_stmt_step(stmt, err) : OM_INTERNAL;
    if (status == OM_OK)
        *ret = om_stmt_int(stmt, 0);
    else if (stmt && status == OM_END)
        *ret = 0;
    return status == OM_END ? OM_OK : stmt ? status : err ? err->status : OM_INTERNAL;
}

static enum om_status migrate_one(struct om_db *db, const char *sql, int64_t version,
                                  struct om_error *err)
{
    char mark[64];
    snprintf(mark, sizeof(mark), "PRAGMA user_version = %lld; COMMIT", (long long)version);
    enum om_status status = om_db_exec(db, "BEGIN IMMEDIATE", err);
    if (status == OM_OK)
        status = om_db_exec(db, sql, err);
    if (status == OM_OK)
        status = om_db_exec(db, mark, err);
    if (status != OM_OK)
        (void)sqlite3_exec(db->lib, "ROLLBACK", NULL, NULL, NULL);  // there may be none to leave
    return status;
}

static enum om_status migrate(struct om_db *db, const struct om_db_opts *opts, struct om_error *err)
{
    int64_t version, known = 0;
    while (opts->migrations[known])
        known++;
    enum om_status status = read_int(db, "PRAGMA user_version", &version, err);
    if (status != OM_OK)
        return status;
    if (version > known) {
        om_error_set(err, OM_UNSUPPORTED, "%s: written by a later omma (version %lld, known %lld)",
                     db->path, (long long)version, (long long)known);
        om_error_hint(err, "run the later omma, or start with another OMMA_HOME");
        return OM_UNSUPPORTED;
    }
    if (opts->is_read_only && version < known) {
        om_error_set(err, OM_UNSUPPORTED, "%s: written by an earlier omma", db->path);
        om_error_hint(err, "start omma run once; it brings the file up to date");
        return OM_UNSUPPORTED;
    }
    for (; status == OM_OK && version < known; version++)
        status = migrate_one(db, opts->migrations[version], version + 1, err);
    return status;
}

// A file with tables in it that does not say it is ours is somebody else's.
static enum om_status check_is_ours(struct om_db *db, struct om_error *err)
{
    int64_t id, tables;
    enum om_status status = read_int(db, "PRAGMA application_id", &id, err);
    if (status == OM_OK)
        status = read_int(db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (status != OM_OK || id == APPLICATION_ID || tables == 0)
        return status;
    om_error_set(err, OM_INVALID, "%s: is a database of another program", db->path);
    om_error_hint(err, "move the file away, or set OMMA_HOME to another folder");
    return OM_INVALID;
}

static enum om_status set_up(struct om_db *db, const struct om_db_opts *opts, struct om_error *err)
{
    enum om_status status = check_is_ours(db, err);
    if (status == OM_OK && !opts->is_read_only) {
        char mark[48];
        snprintf(mark, sizeof(mark), "PRAGMA application_id = %d", APPLICATION_ID);
        status = om_db_exec(db,
                            "PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = FULL;"
                            "PRAGMA journal_size_limit = " WAL_KEPT_BYTES ";"
                            "PRAGMA foreign_keys = ON;",
                            err);
        int64_t id = 0;
        if (status == OM_OK)
            status = read_int(db, "PRAGMA application_id", &id, err);
        if (status == OM_OK && id != APPLICATION_ID)
            status = om_db_exec(db, mark, err);
    }
    return status == OM_OK ? migrate(db, opts, err) : status;
}

struct om_db *om_db_open(const char *path, const struct om_db_opts *opts, struct om_error *err)
{
    struct stat about;
    if (opts->is_read_only && stat(path, &about) != 0) {
        int cause = errno;
        om_error_set(err, om_status_from_errno(cause), "%s: %s", path, om_errno_text(cause));
        return NULL;
    }
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= opts->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

    om_auto(om_db) db = om_new(struct om_db);
    db->path = om_strdup(path);
    int code = sqlite3_open_v2(path, &db->lib, flags, NULL);
    if (!db->lib) {
        om_error_set(err, OM_NO_MEMORY, "%s: no memory to open it", path);
        return NULL;
    }
    if (code != SQLITE_OK) {
        (void)fail(db, code, err);
        return NULL;
    }
    if (is_on_network(path)) {
        om_error_set(err, OM_UNSUPPORTED, "%s: is on a network file system", path);
        om_error_hint(err, "set OMMA_HOME to a folder on a local disk");
        return NULL;
    }
    sqlite3_busy_timeout(db->lib, opts->busy_ms ? opts->busy_ms : BUSY_MS_DEFAULT);
    return set_up(db, opts, err) == OM_OK ? om_steal(&db) : NULL;
}

void om_db_destroy(struct om_db *db)
{
    if (!db)
        return;
    int code = sqlite3_close(db->lib);
    om_assert(code == SQLITE_OK);  // a statement was left open
    om_free(db->path);
    om_free(db);
}

// ---- the whole database ------------------------------------------------------------------------

enum om_status om_db_exec(struct om_db *db, const char *sql, struct om_error *err)
{
    int code = sqlite3_exec(db->lib, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? OM_OK : fail(db, code, err);
}

enum om_status om_db_check(struct om_db *db, struct om_error *err)
{
    om_auto(om_stmt) stmt = om_stmt_create(db, "PRAGMA integrity_check(1)", err);
    if (!stmt)
        return OM_INVALID;
    enum om_status status = om_stmt_step(stmt, err);
    if (status != OM_OK)
        return status;
    om_str says = om_stmt_text(stmt, 0);
    if (om_str_equal(says, OM_STR("ok")))
        return OM_OK;
    om_error_set(err, OM_INVALID, "%s: damaged: %.*s", db->path, OM_STR_ARG(says));
    om_error_hint(err, "move the file away; a new one is made at the next start");
    return OM_INVALID;
}

int64_t om_db_changes(struct om_db *db)
{
    return sqlite3_changes64(db->lib);
}

// ---- statements --------------------------------------------------------------------------------

struct om_stmt *om_stmt_create(struct om_db *db, const char *sql, struct om_error *err)
{
    sqlite3_stmt *lib = NULL;
    int code = sqlite3_prepare_v3(db->lib, sql, -1, SQLITE_PREPARE_PERSISTENT, &lib, NULL);
    if (code != SQLITE_OK) {
        (void)fail(db, code, err);
        return NULL;
    }
    struct om_stmt *stmt = om_new(struct om_stmt);
    *stmt = (struct om_stmt){db, lib};
    return stmt;
}

void om_stmt_destroy(struct om_stmt *stmt)
{
    if (!stmt)
        return;
    (void)sqlite3_finalize(stmt->lib);  // repeats the error of the last step
    om_free(stmt);
}

void om_stmt_bind_int(struct om_stmt *stmt, int i, int64_t value)
{
    int code = sqlite3_bind_int64(stmt->lib, i, value);
    om_assert(code == SQLITE_OK);
}

void om_stmt_bind_text(struct om_stmt *stmt, int i, om_str value)
{
    om_assert(value.n <= INT32_MAX);
    int code = sqlite3_bind_text(stmt->lib, i, value.p, (int)value.n, SQLITE_STATIC);
    om_assert(code == SQLITE_OK);
}

void om_stmt_bind_null(struct om_stmt *stmt, int i)
{
    int code = sqlite3_bind_null(stmt->lib, i);
    om_assert(code == SQLITE_OK);
}

enum om_status om_stmt_step(struct om_stmt *stmt, struct om_error *err)
{
    int code = sqlite3_step(stmt->lib);
    if (code == SQLITE_ROW)
        return OM_OK;
    enum om_status status = code == SQLITE_DONE ? OM_END : fail(stmt->db, code, err);
    (void)sqlite3_reset(stmt->lib);  // repeats the error of the step
    return status;
}

enum om_status om_stmt_run(struct om_stmt *stmt, struct om_error *err)
{
    enum om_status status = om_stmt_step(stmt, err);
    om_assert(status != OM_OK);
    return status == OM_END ? OM_OK : status;
}

void om_stmt_reset(struct om_stmt *stmt)
{
    (void)sqlite3_reset(stmt->lib);  // repeats the error of the last step
}

int64_t om_stmt_int(struct om_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->lib, column);
}

om_str om_stmt_text(struct om_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt->lib, column);
    return om_str_n(text ? text : "", (size_t)sqlite3_column_bytes(stmt->lib, column));
}
