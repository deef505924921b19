// SQLite behind one small interface; nobody else includes sqlite3.h. Write-ahead log, synchronous
// FULL: what is committed survives kill -9 and the loss of power.
//
// Every SQL text is a constant of its user; values only ever go in through binding.
//
// Threads: a connection and its statements belong to one thread at a time; connections to the same
// file may be used in parallel: one writes, any number read.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

struct om_db;
struct om_stmt;

struct om_db_opts {
    bool is_read_only;  // the file must exist; never changes it
    // What brings a database from version i to i + 1, ended by NULL; each is done in a transaction.
    // Borrowed until open returns. A file of a later version is refused.
    const char *const *migrations;
    int busy_ms;  // how long to wait for another writer; 0 = 5 s
};

// NULL with *err: OM_NOT_FOUND, OM_REFUSED (permissions), OM_INVALID (damaged, or something else
// than a database of Omma), OM_UNSUPPORTED (written by a later version, or on a network file
// system), OM_LIMIT (disk full).
OM_MUST_USE struct om_db *om_db_open(const char *path, const struct om_db_opts *opts,
                                     struct om_error *err);
// All of its statements must be gone. Accepts NULL.
void om_db_destroy(struct om_db *db);
OM_DEFINE_AUTO(om_db);

// Runs one or more statements that give no rows.
OM_MUST_USE enum om_status om_db_exec(struct om_db *db, const char *sql, struct om_error *err);
// Reads the whole file: OM_OK, or OM_INVALID with what is damaged.
OM_MUST_USE enum om_status om_db_check(struct om_db *db, struct om_error *err);
// Rows changed by the last statement.
int64_t om_db_changes(struct om_db *db);

OM_MUST_USE struct om_stmt *om_stmt_create(struct om_db *db, const char *sql, struct om_error *err);
void om_stmt_destroy(struct om_stmt *stmt);  // accepts NULL
OM_DEFINE_AUTO(om_stmt);

// Parameters count from 1. A text is borrowed until the statement is reset.
void om_stmt_bind_int(struct om_stmt *stmt, int i, int64_t value);
void om_stmt_bind_text(struct om_stmt *stmt, int i, om_str value);
void om_stmt_bind_null(struct om_stmt *stmt, int i);
// OM_OK: a row is there. OM_END: it is done, and reset. Anything else: failed with *err, and reset.
OM_MUST_USE enum om_status om_stmt_step(struct om_stmt *stmt, struct om_error *err);
// For statements without rows: OM_OK when done.
OM_MUST_USE enum om_status om_stmt_run(struct om_stmt *stmt, struct om_error *err);
// Leaves the rest of the rows; what was bound stays bound.
void om_stmt_reset(struct om_stmt *stmt);
// Columns count from 0. A text is valid until the next step or reset; NULL gives 0 and "".
int64_t om_stmt_int(struct om_stmt *stmt, int column);
om_str om_stmt_text(struct om_stmt *stmt, int column);
