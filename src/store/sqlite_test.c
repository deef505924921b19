#include "store/sqlite.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"

static const char *const one[] = {"CREATE TABLE t(a INTEGER, b TEXT)", NULL};
static const char *const two[] = {"CREATE TABLE t(a INTEGER, b TEXT)",
                                  "ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'new'", NULL};
static const char *const broken[] = {"CREATE TABLE t(a INTEGER, b TEXT)",
                                     "CREATE TABLE u(a); CREATE TABLE t(a)", NULL};

static char folder[64];
static char path[96];

static struct om_db *open_db(const char *const *migrations, bool is_read_only, struct om_error *err)
{
    const struct om_db_opts opts = {
        .migrations = migrations, .is_read_only = is_read_only, .busy_ms = 20};
    return om_db_open(path, &opts, err);
}

// A path in the test's folder with nothing there yet.
static void fresh(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    om_assert(!om_file_exists(path));
}

static void refused(const char *const *migrations, bool is_read_only, enum om_status status)
{
    struct om_error err = {0};
    struct om_db *db = open_db(migrations, is_read_only, &err);
    if (db || err.status != status)
        fprintf(stderr, "%s: %s\n", om_status_name(err.status), err.text);
    om_assert(!db && err.status == status);
    om_assert(err.text[0] && (err.hint[0] || status != OM_UNSUPPORTED));
}

static void test_rows(void)
{
    struct om_error err = {0};
    fresh("rows.db");
    om_auto(om_db) db = open_db(one, false, &err);
    om_assert(db);
    om_auto(om_stmt) put = om_stmt_create(db, "INSERT INTO t VALUES (?1, ?2)", &err);
    om_auto(om_stmt) get = om_stmt_create(db, "SELECT a, b FROM t ORDER BY a", &err);
    om_assert(put && get);
    om_stmt_bind_int(put, 1, 7);
    om_stmt_bind_text(put, 2, OM_STR("x'; DROP TABLE t; --"));
    om_assert(om_stmt_run(put, &err) == OM_OK && om_db_changes(db) == 1);
    om_stmt_bind_int(put, 1, 8);
    om_stmt_bind_null(put, 2);
    om_assert(om_stmt_run(put, &err) == OM_OK);

    om_assert(om_stmt_step(get, &err) == OM_OK && om_stmt_int(get, 0) == 7);
    om_assert(om_str_equal(om_stmt_text(get, 1), OM_STR("x'; DROP TABLE t; --")));
    om_assert(om_stmt_step(get, &err) == OM_OK && om_stmt_text(get, 1).n == 0);
    om_assert(om_stmt_step(get, &err) == OM_END);
    om_assert(om_stmt_step(get, &err) == OM_OK);  // it was reset
    om_stmt_reset(get);
    om_assert(om_db_check(db, &err) == OM_OK);
    om_assert(om_db_exec(db, "NONSENSE", &err) != OM_OK && strstr(err.text, "NONSENSE"));
    om_assert(!om_stmt_create(db, "SELECT nothing FROM nowhere", &err));
}

static void test_reader_beside_writer(void)
{
    struct om_error err = {0};
    fresh("beside.db");
    refused(one, true, OM_NOT_FOUND);
    om_auto(om_db) db = open_db(one, false, &err);
    om_assert(db);
    om_auto(om_db) reader = open_db(one, true, &err);
    om_assert(reader);
    om_assert(om_db_exec(db, "BEGIN; INSERT INTO t VALUES (1, 'a')", &err) == OM_OK);
    om_auto(om_stmt) get = om_stmt_create(reader, "SELECT count(*) FROM t", &err);
    om_assert(om_stmt_step(get, &err) == OM_OK && om_stmt_int(get, 0) == 0);
    om_stmt_reset(get);
    om_assert(om_db_exec(db, "COMMIT", &err) == OM_OK);
    om_assert(om_stmt_step(get, &err) == OM_OK && om_stmt_int(get, 0) == 1);
    om_stmt_reset(get);
    om_assert(om_db_exec(reader, "DELETE FROM t", &err) == OM_REFUSED);

    om_auto(om_db) second = open_db(one, false, &err);
    om_assert(second && om_db_exec(db, "BEGIN IMMEDIATE", &err) == OM_OK);
    om_assert(om_db_exec(second, "BEGIN IMMEDIATE", &err) == OM_TIMEOUT && err.hint[0]);
    om_assert(om_db_exec(db, "ROLLBACK", &err) == OM_OK);
}

static void test_versions(void)
{
    struct om_error err = {0};
    fresh("versions.db");
    struct om_db *db = open_db(one, false, &err);
    om_assert(db && om_db_exec(db, "INSERT INTO t VALUES (1, 'a')", &err) == OM_OK);
    om_db_destroy(db);
    refused(two, true, OM_UNSUPPORTED);  // older than what reads it
    refused(broken, false, OM_INTERNAL);
    db = open_db(two, false, &err);  // the failed one left nothing behind
    om_assert(db);
    om_stmt_destroy(om_stmt_create(db, "SELECT c FROM t", &err));
    om_db_destroy(db);
    refused(one, false, OM_UNSUPPORTED);  // later than what opens it
    refused(one, true, OM_UNSUPPORTED);
    db = open_db(two, true, &err);  // nobody else has it open
    om_assert(db);
    om_db_destroy(db);
}

static void write_file(const char *text, size_t n)
{
    om_assert(om_file_write(path, om_str_n(text, n), NULL));
}

static void test_bad_files(void)
{
    struct om_error err = {0};
    char noise[8192];
    memset(noise, 'x', sizeof(noise));
    fresh("noise.db");
    write_file(noise, sizeof(noise));
    refused(one, false, OM_INVALID);
    refused(one, true, OM_INVALID);

    fresh("folder.db");
    om_assert(mkdir(path, 0700) == 0);
    refused(one, false, OM_INVALID);
    fresh("no/such/folder.db");
    refused(one, false, OM_NOT_FOUND);

    fresh("zero.db");
    write_file("", 0);
    struct om_db *db = open_db(one, false, &err);  // nothing in it is as good as none
    om_assert(db);
    om_db_destroy(db);

    fresh("other.db");
    db = open_db(one, false, &err);
    om_assert(db && om_db_exec(db, "PRAGMA application_id = 77", &err) == OM_OK);
    om_db_destroy(db);
    refused(one, false, OM_INVALID);
    refused(one, true, OM_INVALID);
}

// Bytes in the middle of the file change: the check sees it.
static void test_damage(void)
{
    struct om_error err = {0};
    fresh("damage.db");
    om_auto(om_db) db = open_db(one, false, &err);
    om_assert(db);
    om_assert(om_db_exec(db,
                         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 999)"
                         " INSERT INTO t SELECT i, hex(randomblob(200)) FROM n;"
                         "PRAGMA wal_checkpoint(TRUNCATE);",
                         &err) == OM_OK);
    om_assert(om_db_check(db, &err) == OM_OK);
    FILE *file = fopen(path, "r+");
    om_assert(file && fseek(file, 10 * 4096, SEEK_SET) == 0);
    for (int i = 0; i < 4096; i++)
        fputc(0xee, file);
    fclose(file);
    om_auto(om_db) again = open_db(one, true, &err);
    om_assert(again && om_db_check(again, &err) == OM_INVALID && err.hint[0]);
}

static void test_full(void)
{
    struct om_error err = {0};
    fresh("full.db");
    om_auto(om_db) db = open_db(one, false, &err);
    om_assert(db && om_db_exec(db, "PRAGMA max_page_count = 4", &err) == OM_OK);
    om_assert(om_db_exec(db, "INSERT INTO t VALUES (1, hex(randomblob(99999)))", &err) == OM_LIMIT);
    om_assert(strstr(err.text, "full") && strstr(err.hint, "room"));
    om_assert(om_db_exec(db, "INSERT INTO t VALUES (1, 'small')", &err) == OM_OK);
}

static void remove_folder(void)
{
    DIR *dir = opendir(folder);
    om_assert(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        (void)unlinkat(dirfd(dir), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
    closedir(dir);
    om_assert(rmdir(folder) == 0);
}

int main(void)
{
    snprintf(folder, sizeof(folder), "/tmp/omma-sqlite-XXXXXX");
    om_assert(mkdtemp(folder));
    test_rows();
    test_reader_beside_writer();
    test_versions();
    test_bad_files();
    test_damage();
    test_full();
    remove_folder();
    return 0;
}
