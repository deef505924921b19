#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

enum { INPUT_WAIT_MS = 5000 };

static bool fail(struct om_error *err, const char *path, int errno_value)
{
    om_error_set(err, om_status_from_errno(errno_value), "%s: %s", path,
                 om_errno_text(errno_value));
    return false;
}

// Waits for what a pipe or a terminal has to say, but not for ever.
static bool wait_for_input(int fd)
{
    int n = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, INPUT_WAIT_MS);
    if (n == 0)
        errno = ETIMEDOUT;
    return n > 0 || (n < 0 && errno == EINTR);
}

// Reads up to `len_max` + 1 bytes, so that a file that grew or has no size (a pipe, /proc) is
// bounded too.
static bool read_all(int fd, size_t len_max, struct om_buf *buf)
{
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_for_input(fd))))
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            return true;
        om_buf_append(buf, chunk, (size_t)n);
        if (buf->len > len_max || buf->has_failed) {
            errno = EFBIG;
            return false;
        }
    }
}

static bool too_big(struct om_error *err, const char *path, size_t len_max)
{
    om_error_set(err, OM_LIMIT, "%s: larger than %zu bytes", path, len_max);
    return false;
}

_Bool om_file_read(const char *path, size_t len_max, char **ret, size_t *ret_len,
                   struct om_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(err, path, errno);
    struct stat st;
    bool is_folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    bool is_big = !is_folder && st.st_size > 0 && (uint64_t)st.st_size > len_max;
    om_auto_buf buf;
    om_buf_init(&buf, len_max + 16384);
    bool is_read = !is_folder && !is_big && read_all(fd, len_max, &buf);
    int errno_value = is_folder ? EISDIR : errno;
    (void)close(fd);
    if (is_big || (!is_read && errno_value == EFBIG))
        return too_big(err, path, len_max);
    if (!is_read)
        return fail(err, path, errno_value);
    *ret = om_buf_take(&buf, ret_len);
    return true;
}

static bool write_all(int fd, om_str content)
{
    while (content.n > 0) {
        ssize_t n = write(fd, content.p, content.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        content = om_str_sub(content, (size_t)n, content.n);
    }
    return fsync(fd) == 0;
}

// The rename itself must reach the disk too.
static void sync_folder_of(const char *path)
{
    char *copy = om_strdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);  // some file systems cannot: then the rename is as safe as they make it
        (void)close(fd);
    }
    om_free(copy);
}

_Bool om_file_write(const char *path, om_str content, struct om_error *err)
{
    om_auto_buf temporary;
    om_buf_init(&temporary, 4096);
    om_buf_printf(&temporary, "%s.XXXXXX", path);
    if (temporary.has_failed)
        return fail(err, path, ENAMETOOLONG);
    int fd = mkostemp(temporary.data, O_CLOEXEC);  // mode 0600
    if (fd < 0)
        return fail(err, path, errno);
    bool is_written = write_all(fd, content);
    int errno_value = errno;
    (void)close(fd);
    if (is_written && rename(temporary.data, path) != 0) {
        is_written = false;
        errno_value = errno;
    }
    if (!is_written) {
        (void)unlink(temporary.data);
        return fail(err, path, errno_value);
    }
    sync_folder_of(path);
    return true;
}

_Bool om_dir_make(const char *path, struct om_error *err)
{
    om_auto_buf part;
    om_buf_init(&part, 4096);
    om_str rest = om_str_from(path);
    for (size_t i = 1; i <= rest.n; i++) {
        if (i < rest.n && rest.p[i] != '/')
            continue;
        om_buf_clear(&part);
        om_buf_append(&part, rest.p, i);
        if (part.has_failed)
            return fail(err, path, ENAMETOOLONG);
        if (mkdir(om_buf_text(&part), 0700) != 0 && errno != EEXIST)
            return fail(err, om_buf_text(&part), errno);
    }
    struct stat st;
    if (stat(path, &st) != 0)
        return fail(err, path, errno);
    return S_ISDIR(st.st_mode) || fail(err, path, ENOTDIR);
}

_Bool om_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
