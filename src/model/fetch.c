#include "model/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"

enum {
    REDIRECTS_MAX = 5,
    CONNECT_SECONDS = 15,
    STALL_SECONDS = 30,  // below STALL_BYTES a second
    STALL_BYTES = 1024,
    URL_SIZE = 2048
};

struct fetch {
    int fd;
    int64_t done;
    bool is_too_large, is_disk_full;
    int disk_errno;
    om_fetch_progress_fn *progress;
    void *ctx;
};

bool om_fetch_is_url(const char *text)
{
    return om_str_starts_with(om_str_from(text), OM_STR("https://")) ||
           om_str_starts_with(om_str_from(text), OM_STR("http://"));
}

// ---- the rules ---------------------------------------------------------------------------------

// "https://user@host:1/x" -> "host:1"; with what stands before it, the origin that must not change.
static om_str host_of(const char *url)
{
    om_str rest = om_str_from(url);
    ptrdiff_t scheme = om_str_find(rest, OM_STR("://"));
    if (scheme < 0)
        return OM_STR("");
    rest = om_str_sub(rest, (size_t)scheme + 3, rest.n);
    rest = om_str_sub(rest, 0, strcspn(rest.p, "/?#"));
    ptrdiff_t at = om_str_find_char(rest, '@');
    return at < 0 ? rest : om_str_sub(rest, (size_t)at + 1, rest.n);
}

static bool is_loopback(om_str host)
{
    om_str name = om_str_sub(host, 0, host.n);
    ptrdiff_t port = om_str_find_char(name, ':');
    if (port >= 0)
        name = om_str_sub(name, 0, (size_t)port);
    return om_str_equal(name, OM_STR("127.0.0.1")) || om_str_equal(name, OM_STR("localhost"));
}

static bool is_allowed(const char *url, struct om_error *err)
{
    om_str host = host_of(url);
    bool is_secure = om_str_starts_with(om_str_from(url), OM_STR("https://"));

    if (!host.n || om_str_find_char(host, '@') >= 0) {
        om_error_set(err, OM_INVALID, "the URL has no host");
        return false;
    }
    if (is_secure || (om_fetch_is_url(url) && is_loopback(host)))
        return true;
    om_error_set(err, OM_REFUSED, "models are fetched over https only");
    om_error_hint(err, "write https:// in front of the address");
    return false;
}

// ---- one transfer ------------------------------------------------------------------------------

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
    struct fetch *fetch = ctx;
    size_t n = size * count, put = 0;

    if (fetch->done + (int64_t)n > OM_FETCH_BYTES_MAX) {
        fetch->is_too_large = true;
        return 0;
    }
    while (put < n) {
        ssize_t wrote = write(fetch->fd, data + put, n - put);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            fetch->is_disk_full = true;
            fetch->disk_errno = errno;
            return 0;
        }
        put += (size_t)wrote;
    }
    fetch->done += (int64_t)n;
    return n;
}

static int on_progress(void *ctx, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up_done)
{
    struct fetch *fetch = ctx;
    (void)up_total, (void)up_done;
    if (fetch->progress)
        fetch->progress(fetch->ctx, done, total);
    return 0;
}

static void set_options(CURL *curl, const char *url, struct fetch *fetch, char *message)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)OM_FETCH_BYTES_MAX);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "omma/" OM_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetch);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
}

static bool explain(const struct fetch *fetch, CURLcode code, const char *message,
                    struct om_error *err)
{
    if (fetch->is_too_large || code == CURLE_FILESIZE_EXCEEDED) {
        om_error_set(err, OM_LIMIT, "the file is larger than %d MiB",
                     (int)(OM_FETCH_BYTES_MAX >> 20));
        om_error_hint(err, "fetch it yourself and add the file");
    } else if (fetch->is_disk_full) {
        om_error_set(err, om_status_from_errno(fetch->disk_errno), "cannot write it: %s",
                     om_errno_text(fetch->disk_errno));
    } else {
        bool is_slow = code == CURLE_OPERATION_TIMEDOUT;
        om_error_set(err, is_slow ? OM_TIMEOUT : OM_UNREACHABLE, "cannot fetch it: %s",
                     message[0] ? message : curl_easy_strerror(code));
        om_error_hint(err, "check the address and that this machine is online");
    }
    return false;
}

// One request; a redirect's target is put into `next` (URL_SIZE bytes, "" when there is none).
static bool request(CURL *curl, const char *url, struct fetch *fetch, char *next,
                    struct om_error *err)
{
    char message[CURL_ERROR_SIZE] = "";
    long status = 0;
    char *target = NULL;

    next[0] = 0;
    set_options(curl, url, fetch, message);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return explain(fetch, code, message, err);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &target);
    if (status >= 300 && status < 400 && target) {
        if (om_str_copy(next, URL_SIZE, om_str_from(target)))
            return true;
    } else if (status == 200) {
        return true;
    }
    om_error_set(err, status == 404 ? OM_NOT_FOUND : OM_REFUSED, "the server answered %ld", status);
    om_error_hint(err, "open the address in a browser: is it the file itself, free to download?");
    return false;
}

static bool follow(CURL *curl, const char *url, struct fetch *fetch, struct om_error *err)
{
    char at[URL_SIZE], next[URL_SIZE];

    if (!om_str_copy(at, sizeof(at), om_str_from(url))) {
        om_error_set(err, OM_LIMIT, "the URL is longer than %d bytes", URL_SIZE - 1);
        return false;
    }
    for (int hop = 0; hop <= REDIRECTS_MAX; hop++) {
        if (!is_allowed(at, err) || !request(curl, at, fetch, next, err))
            return false;
        if (!next[0])
            return true;
        if (!om_str_equal_nocase(host_of(at), host_of(next))) {
            om_str host = host_of(next);
            om_error_set(err, OM_REFUSED, "the server sends us to another host, %.*s",
                         OM_STR_ARG(host));
            om_error_hint(err, "give the address of the file itself");
            return false;
        }
        // What came with the redirect is no model.
        if (ftruncate(fetch->fd, 0) != 0 || lseek(fetch->fd, 0, SEEK_SET) != 0)
            return explain(&(struct fetch){.is_disk_full = true, .disk_errno = errno}, CURLE_OK, "",
                           err);
        fetch->done = 0;
        om_str_copy(at, sizeof(at), om_str_from(next));
    }
    om_error_set(err, OM_LIMIT, "the server sends us around in circles");
    return false;
}

static bool start_curl(void)
{
    static struct om_mutex lock = OM_MUTEX_INIT;
    static bool is_started;
    om_with_lock(&lock);
    if (!is_started)
        is_started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    return is_started;
}

bool om_fetch(const char *url, const char *path, om_fetch_progress_fn *progress, void *ctx,
              struct om_error *err)
{
    struct fetch fetch = {.progress = progress, .ctx = ctx};

    if (!is_allowed(url, err))
        return false;
    CURL *curl = start_curl() ? curl_easy_init() : NULL;
    if (!curl) {
        om_error_set(err, OM_INTERNAL, "libcurl does not start");
        return false;
    }
    fetch.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_fetched = false;
    if (fetch.fd < 0)
        om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
    else
        is_fetched = follow(curl, url, &fetch, err);
    curl_easy_cleanup(curl);
    if (fetch.fd >= 0 && close(fetch.fd) != 0 && is_fetched) {
        om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
        is_fetched = false;
    }
    if (!is_fetched && fetch.fd >= 0)
        unlink(path);
    return is_fetched;
}
