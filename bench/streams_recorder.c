#include "bench/streams_recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "bench/streams_http.h"

enum { IN_BYTES_MAX = 64 << 20, OUT_BYTES_MAX = 80 << 20, OUT_BYTES_USUAL = 1 << 20, MODE = 0600 };

struct om_recorder {
    int stream_fd, file_fd;
    struct om_thread thread;
    // The thread's, then the owner's.
    struct om_buf in, out;
    bool has_failed;
};

static void write_out(struct om_recorder *recorder)
{
    size_t done = 0;
    while (done < recorder->out.len) {
        ssize_t n = write(recorder->file_fd, recorder->out.data + done, recorder->out.len - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    recorder->has_failed |= done < recorder->out.len || recorder->out.has_failed;
    om_buf_clear(&recorder->out);
}

// Whole lines of `in`: "data: {...}".
static void take_lines(struct om_recorder *recorder, int64_t now_us)
{
    static const om_str data = {"data: ", 6};
    om_str text = om_buf_str(&recorder->in);
    size_t done = 0;
    for (;;) {
        om_str rest = om_str_sub(text, done, text.n);
        ptrdiff_t end = om_str_find_char(rest, '\n');
        if (end < 0)
            break;
        om_str line = om_str_sub(rest, 0, (size_t)end);
        done += (size_t)end + 1;
        if (!om_str_starts_with(line, data))
            continue;
        om_buf_printf(&recorder->out, "%lld ", (long long)now_us);
        om_buf_append_str(&recorder->out, om_str_sub(line, data.n, line.n));
        om_buf_append_char(&recorder->out, '\n');
    }
    om_buf_consume(&recorder->in, done);
}

static void recorder_main(void *ctx)
{
    struct om_recorder *recorder = ctx;
    while (om_http_stream_read(recorder->stream_fd, &recorder->in)) {
        take_lines(recorder, om_time_mono_us());
        if (recorder->out.len >= OUT_BYTES_USUAL)
            write_out(recorder);
    }
    write_out(recorder);
}

struct om_recorder *om_recorder_start(int port, const char *path, struct om_error *err)
{
    struct om_recorder *recorder = om_new(struct om_recorder);
    om_buf_init(&recorder->in, IN_BYTES_MAX);
    om_buf_init(&recorder->out, OUT_BYTES_MAX);
    recorder->stream_fd = -1;
    recorder->file_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, MODE);
    if (recorder->file_fd < 0)
        om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
    else
        recorder->stream_fd = om_http_stream_open(port, "/api/v1/boxes", err);
    if (recorder->stream_fd >= 0 &&
        om_thread_start(&recorder->thread, "recorder", 0, recorder_main, recorder))
        return recorder;
    (void)om_recorder_stop(recorder);
    return NULL;
}

bool om_recorder_stop(struct om_recorder *recorder)
{
    if (!recorder)
        return false;
    if (recorder->stream_fd >= 0)
        om_http_stream_stop(recorder->stream_fd);
    om_thread_join(&recorder->thread);
    bool is_whole = !recorder->has_failed && !recorder->in.has_failed;
    if (recorder->stream_fd >= 0)
        (void)close(recorder->stream_fd);
    if (recorder->file_fd >= 0)
        (void)close(recorder->file_fd);
    om_buf_finish(&recorder->in);
    om_buf_finish(&recorder->out);
    om_free(recorder);
    return is_whole;
}
