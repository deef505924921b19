#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"

static char folder[] = "/tmp/omma-file-test-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void test_write_and_read(void)
{
    om_assert(om_file_write(path_of("a"), OM_STR("first"), NULL));
    om_assert(om_file_write(path_of("a"), om_str_n("sec\0nd", 6), NULL));
    struct stat st;
    om_assert(stat(path_of("a"), &st) == 0 && (st.st_mode & 0777) == 0600);
    char *text = NULL;
    size_t n = 0;
    om_assert(om_file_read(path_of("a"), 6, &text, &n, NULL));
    om_assert(n == 6 && memcmp(text, "sec\0nd", 7) == 0);
    om_free(text);

    struct om_error err = {0};
    text = NULL;
    om_assert(!om_file_read(path_of("a"), 5, &text, &n, &err) && err.status == OM_LIMIT && !text);
    om_assert(!om_file_read(path_of("b"), 5, &text, &n, &err) && err.status == OM_NOT_FOUND);
    om_assert(!om_file_read(folder, 5, &text, &n, &err) && err.status != OM_OK && !text);
}

static void test_unsized(void)
{
    char *text = NULL;
    size_t n = 0;
    om_assert(om_file_read("/proc/self/status", 1 << 20, &text, &n, NULL) && n > 100);
    om_free(text);
    struct om_error err = {0};
    om_assert(!om_file_read("/dev/zero", 100000, &text, &n, &err) && err.status == OM_LIMIT);
    om_assert(om_file_read("/dev/null", 0, &text, &n, NULL) && n == 0 && text[0] == '\0');
    om_free(text);
}

static void test_failed_write_leaves_nothing(void)
{
    struct om_error err = {0};
    om_assert(!om_file_write(path_of("no/such/folder"), OM_STR("x"), &err));
    om_assert(err.status == OM_NOT_FOUND);
    om_assert(om_dir_make(path_of("taken"), NULL));
    om_assert(!om_file_write(path_of("taken"), OM_STR("x"), &err));
    char command[300];
    snprintf(command, sizeof(command), "%s/taken", folder);
    om_assert(rmdir(command) == 0);
    om_assert(unlink(path_of("a")) == 0);
    om_assert(rmdir(folder) == 0);  // no temporary file stayed behind
}

static void test_folders(void)
{
    om_assert(om_dir_make(path_of("x/y/z"), NULL) && om_dir_make(path_of("x/y/z/"), NULL));
    om_assert(om_file_exists(path_of("x/y/z")) && !om_file_exists(path_of("x/y/q")));
    struct om_error err = {0};
    om_assert(!om_dir_make(path_of("a"), &err) && err.text[0]);    // a file
    om_assert(!om_dir_make(path_of("a/b"), &err) && err.text[0]);  // below a file
    om_assert(rmdir(path_of("x/y/z")) == 0);
    om_assert(rmdir(path_of("x/y")) == 0);
    om_assert(rmdir(path_of("x")) == 0);
}

int main(void)
{
    om_assert(mkdtemp(folder));
    test_write_and_read();
    test_unsized();
    test_folders();
    test_failed_write_leaves_nothing();
    return 0;
}
