#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"

// A line holds the longest text even when each of its bytes becomes an escape of six, and the
// fields.
enum { TEXT_BYTES_MAX = 2048, LINE_BYTES_MAX = 8 * TEXT_BYTES_MAX, LEVELS = 5 };

static atomic_int level_max = OM_LOG_INFO;
static atomic_int form = OM_LOG_AUTO;
static atomic_int fd = STDERR_FILENO;
static atomic_uint_fast64_t counts[LEVELS];

static const char *const level_names[LEVELS] = {"error", "warn", "info", "debug", "trace"};

void om_log_set_level(enum om_log_level level)
{
    atomic_store(&level_max, (int)level);
}

void om_log_set_form(enum om_log_form new_form)
{
    atomic_store(&form, (int)new_form);
}

void om_log_set_fd(int new_fd)
{
    atomic_store(&fd, new_fd);
}

bool om_log_is_on(enum om_log_level level)
{
    return (int)level <= atomic_load_explicit(&level_max, memory_order_relaxed);
}

uint64_t om_log_count(enum om_log_level level)
{
    return atomic_load(&counts[level]);
}

static void write_json(struct om_buf *line, const struct om_log *log, enum om_log_level level,
                       const struct om_log_fields *fields, const char *text)
{
    struct om_json_writer w;
    char time[OM_TIME_TEXT_SIZE];
    om_json_begin(&w, line);
    om_json_object(&w);
    om_json_kv_text(&w, "ts", om_time_text(om_time_wall_us(), time));
    om_json_kv_text(&w, "level", level_names[level]);
    if (log && log->name)
        om_json_kv_text(&w, "name", log->name);
    if (log && log->camera)
        om_json_kv_text(&w, "camera", log->camera);
    if (fields && fields->request_id)
        om_json_kv_text(&w, "request_id", fields->request_id);
    if (fields && fields->model)
        om_json_kv_text(&w, "model", fields->model);
    if (fields && fields->model_version)
        om_json_kv_text(&w, "model_version", fields->model_version);
    if (fields && fields->has_latency)
        om_json_kv_double(&w, "latency_ms", fields->latency_ms, 3);
    om_json_kv_text(&w, "msg", text);
    om_json_object_end(&w);
}

// Control characters would let a camera's name draw on the terminal.
static void append_printable(struct om_buf *line, const char *text)
{
    for (const char *c = text; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 0x20 || byte == 0x7f)
            om_buf_printf(line, "\\x%02x", byte);
        else
            om_buf_append_char(line, *c);
    }
}

static void write_human(struct om_buf *line, const struct om_log *log, enum om_log_level level,
                        const struct om_log_fields *fields, const char *text)
{
    char time[OM_TIME_TEXT_SIZE];
    om_time_text(om_time_wall_us(), time);
    om_buf_printf(line, "%.8s %-5s ", time + strlen("2026-11-21T"), level_names[level]);
    if (log && log->camera) {
        om_buf_append_text(line, "cam/");
        append_printable(line, log->camera);
        om_buf_append_char(line, ' ');
    }
    if (log && log->name) {
        append_printable(line, log->name);
        om_buf_append_text(line, ": ");
    }
    append_printable(line, text);
    if (fields && fields->has_latency)
        om_buf_printf(line, " (%.1f ms)", fields->latency_ms);
    if (fields && fields->request_id) {
        om_buf_append_text(line, " request ");
        append_printable(line, fields->request_id);
    }
}

// One write, so that lines of different threads never mix; only a pipe that is full takes a part. A
// log that cannot be written has nobody to be told.
static void write_line(int to, om_str line)
{
    while (line.n > 0) {
        ssize_t n = write(to, line.p, line.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        line = om_str_sub(line, (size_t)n, line.n);
    }
}

void om_log_write(const struct om_log *log, enum om_log_level level,
                  const struct om_log_fields *fields, const char *format, ...)
{
    int saved_errno = errno;
    char text[TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    om_auto_buf line;
    om_buf_init(&line, LINE_BYTES_MAX);
    int to = atomic_load(&fd), as = atomic_load(&form);
    bool is_human = as == OM_LOG_HUMAN || (as == OM_LOG_AUTO && isatty(to));
    if (is_human)
        write_human(&line, log, level, fields, text);
    else
        write_json(&line, log, level, fields, text);
    om_buf_append_char(&line, '\n');
    atomic_fetch_add_explicit(&counts[level], 1, memory_order_relaxed);
    if (!line.has_failed)
        write_line(to, om_buf_str(&line));
    errno = saved_errno;
}
