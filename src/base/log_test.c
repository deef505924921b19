#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/thread.h"

enum { THREADS = 4, LINES = 200 };

static int pipe_fds[2];

// What was written since the last call; at most 60 KiB fit the pipe.
static om_str written(void)
{
    static char text[1 << 16];
    ssize_t n = read(pipe_fds[0], text, sizeof(text));
    om_assert(n > 0);
    return om_str_n(text, (size_t)n);
}

static om_str member(const struct om_json *line, const char *key)
{
    return om_json_as_str(om_json_get(line, key), OM_STR("?"));
}

static void test_json(void)
{
    const struct om_log log = {.name = "rtsp", .camera = "gate"};
    const struct om_log_fields fields = {.request_id = "r1",
                                         .model = "nano",
                                         .model_version = "3",
                                         .latency_ms = 3.21,
                                         .has_latency = true};
    om_log_set_form(OM_LOG_JSON);
    uint64_t count = om_log_count(OM_LOG_WARN);
    errno = EPERM;
    om_log_at(&log, OM_LOG_WARN, &fields, "two\nlines \"%s\"", "x");
    om_assert(errno == EPERM);
    om_assert(om_log_count(OM_LOG_WARN) == count + 1);
    om_str text = written();
    om_assert(om_str_find_char(text, '\n') == (ptrdiff_t)text.n - 1);
    om_auto_json line = om_json_parse(text, NULL);
    om_assert(line && om_json_len(line) == 9);
    static const char *const wanted[][2] = {
        {"level", "warn"},           {"name", "rtsp"},  {"camera", "gate"},
        {"request_id", "r1"},        {"model", "nano"}, {"model_version", "3"},
        {"msg", "two\nlines \"x\""},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(wanted); i++)
        om_assert(om_str_equal(member(line, wanted[i][0]), om_str_from(wanted[i][1])));
    om_assert(om_json_as_double(om_json_get(line, "latency_ms"), 0) == 3.21);
    om_assert(member(line, "ts").n == strlen("2026-11-21T10:52:40.123456Z"));
}

static void test_human(void)
{
    const struct om_log log = {.name = "rtsp", .camera = "gate"};
    om_log_set_form(OM_LOG_HUMAN);
    om_log_info(&log, "evil \x1b[2J name");
    om_str text = written();
    om_assert(text.p[2] == ':' && text.p[5] == ':');
    om_assert(om_str_find(text, OM_STR("info")) > 0);
    om_assert(om_str_find(text, OM_STR("cam/gate rtsp: evil \\x1b[2J name\n")) > 0);
    om_log_info(NULL, "nobody");
    om_assert(om_str_ends_with(written(), OM_STR(" nobody\n")));
}

static void test_levels(void)
{
    om_log_set_level(OM_LOG_WARN);
    uint64_t count = om_log_count(OM_LOG_INFO);
    om_log_info(NULL, "not said");
    om_assert(om_log_count(OM_LOG_INFO) == count && !om_log_is_on(OM_LOG_DEBUG));
    om_log_set_level(OM_LOG_INFO);
}

// The longest text, all of it in need of escapes, is still one whole line.
static void test_longest(void)
{
    char text[3000];
    memset(text, 1, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    om_log_set_form(OM_LOG_JSON);
    om_log_error(NULL, "%s", text);
    om_auto_json line = om_json_parse(written(), NULL);
    om_assert(line && member(line, "msg").n == 2047);
}

static void log_main(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < LINES; i++)
        om_log_info(NULL, "line %d", i);
}

static void test_lines_never_mix(void)
{
    struct om_thread threads[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        om_assert(om_thread_start(&threads[i], "log", 0, log_main, NULL));
    int count = 0;
    char rest[1 << 16];
    size_t n = 0;
    while (count < THREADS * LINES) {
        ssize_t got = read(pipe_fds[0], rest + n, sizeof(rest) - n);
        om_assert(got > 0);
        n += (size_t)got;
        for (char *end; (end = memchr(rest, '\n', n)); count++) {
            om_auto_json line = om_json_parse(om_str_n(rest, (size_t)(end - rest)), NULL);
            om_assert(line && om_str_starts_with(member(line, "msg"), OM_STR("line ")));
            n -= (size_t)(end + 1 - rest);
            memmove(rest, end + 1, n);
        }
    }
    for (int i = 0; i < THREADS; i++)
        om_thread_join(&threads[i]);
}

int main(void)
{
    om_assert(pipe(pipe_fds) == 0);
    om_log_set_fd(pipe_fds[1]);
    test_json();
    test_human();
    test_levels();
    test_longest();
    test_lines_never_mix();
    return 0;
}
