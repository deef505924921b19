// bench reconnect: a camera whose server goes away for a second and comes back, again and again.
// Nothing may be left behind: memory, descriptors and threads after the last outage against those
// after the first ten.
//
// The server is a small Motion JPEG one on loopback, part of this file; killing it closes its
// socket and its connections at once, as a killed process would.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alert/alert.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/home.h"
#include "bench/process.h"
#include "conf/config.h"
#include "conf/opt.h"
#include "loop/cancel.h"
#include "loop/workers.h"
#include "media/frame.h"
#include "media/picture.h"
#include "motion/watch.h"
#include "pipeline/camera.h"
#include "pipeline/gate.h"
#include "pipeline/stages.h"
#include "sink/journal.h"
#include "source/source.h"
#include "track/tracker.h"

enum { OUTAGE_US = OM_SECOND, FRAME_US = 40 * OM_MS, SETTLE_CYCLES = 10, LIVE_TIMEOUT_S = 20 };

// ---- the server --------------------------------------------------------------------------------

struct server {
    int listen_fd, port;
    struct om_buf jpeg;
    struct om_cancel stop;
    struct om_thread thread;
};

static bool send_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

static void serve_client(struct server *server, int fd)
{
    static const char head[] = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; "
                               "boundary=frame\r\n\r\n";
    char request[2048], part[128];
    int n = snprintf(part, sizeof(part),
                     "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n",
                     server->jpeg.len);
    bool is_up = recv(fd, request, sizeof(request), 0) > 0 && send_all(fd, head, strlen(head));
    while (is_up && !om_cancel_sleep_until(&server->stop, om_time_mono_us() + FRAME_US))
        is_up = send_all(fd, part, (size_t)n) &&
                send_all(fd, server->jpeg.data, server->jpeg.len) && send_all(fd, "\r\n", 2);
}

static void server_main(void *ctx)
{
    struct server *server = ctx;
    while (!om_cancel_is_set(&server->stop)) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return;
        serve_client(server, fd);
        (void)close(fd);
    }
}

// `port` 0 = any; the one in use stands in server->port.
static bool server_start(struct server *server, struct om_error *err)
{
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    om_cancel_init(&server->stop);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_up = server->listen_fd >= 0 &&
                 setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                 bind(server->listen_fd, (struct sockaddr *)&address, len) == 0 &&
                 listen(server->listen_fd, 4) == 0 &&
                 getsockname(server->listen_fd, (struct sockaddr *)&address, &len) == 0;
    server->port = ntohs(address.sin_port);
    if (is_up && om_thread_start(&server->thread, "mjpeg", 0, server_main, server))
        return true;
    om_error_set(err, OM_INTERNAL, "the test server does not start");
    return false;
}

static void server_kill(struct server *server)
{
    om_cancel_set(&server->stop);
    (void)shutdown(server->listen_fd, SHUT_RDWR);
    om_thread_join(&server->thread);
    (void)close(server->listen_fd);
    om_cancel_finish(&server->stop);
}

static bool make_jpeg(struct om_buf *jpeg, struct om_error *err)
{
    om_auto_ref(om_frame) frame = om_frame_alloc(OM_PIX_I420, 320, 240);
    om_assert(frame);
    for (int p = 0; p < 3; p++)
        memset(om_frame_plane_mut(frame, p), 128, (size_t)frame->stride[p] * (p ? 120 : 240));
    om_buf_init(jpeg, 1 << 20);
    return om_picture_encode_jpeg(frame, 0, 80, jpeg, err) == OM_OK;
}

// ---- the camera --------------------------------------------------------------------------------

struct rig {
    struct om_bench_home home;
    struct om_journal *journal;
    struct om_workers *workers;
    struct om_connect_gate gate;
    struct server server;
    struct om_camera *cam;
};

static struct om_camera *create_camera(struct rig *rig)
{
    struct om_watch_opts watch;
    struct om_tracker_opts tracker;
    const struct om_alert_opts alert = {.update_us = OM_SECOND};
    om_opt_defaults(&om_watch_opt_group, &watch);
    om_tracker_opts_default(&tracker);
    char url[64], id[] = "flapping";
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/video.mjpg", rig->server.port);
    const struct om_conf_camera conf = {.id = id, .source = url, .enabled = true};
    const struct om_stages_opts stages = {.watch = &watch,
                                          .tracker = &tracker,
                                          .alert = &alert,
                                          .workers = rig->workers,
                                          .journal = rig->journal};
    const struct om_camera_opts opts = {.conf = &conf,
                                        .source = &om_source_opts_default,
                                        .stages = &stages,
                                        .gate = &rig->gate,
                                        .backoff_min_us = 100 * OM_MS,
                                        .backoff_max_us = 200 * OM_MS};
    return om_camera_create(&opts);
}

// How long it took until the camera was in that state, or -1.
static int64_t wait_state(struct om_camera *cam, bool is_live)
{
    int64_t start_us = om_time_mono_us();
    struct om_camera_status status;
    while (om_time_mono_us() - start_us < LIVE_TIMEOUT_S * (int64_t)OM_SECOND) {
        om_camera_status(cam, &status);
        if ((status.state == OM_CAMERA_LIVE) == is_live)
            return om_time_mono_us() - start_us;
        om_time_sleep_us(5 * OM_MS);
    }
    return -1;
}

static bool cycle(struct rig *rig, int64_t *ret_back_us, struct om_error *err)
{
    server_kill(&rig->server);
    if (wait_state(rig->cam, false) < 0) {
        om_error_set(err, OM_INTERNAL, "the outage was not seen");
        return false;
    }
    om_time_sleep_us(OUTAGE_US);
    if (!server_start(&rig->server, err))
        return false;
    *ret_back_us = wait_state(rig->cam, true);
    if (*ret_back_us < 0)
        om_error_set(err, OM_INTERNAL, "the camera did not come back");
    return *ret_back_us >= 0;
}

static bool measure(struct rig *rig, const struct om_bench_opts *opts,
                    struct om_bench_report *report, struct om_error *err)
{
    double *back_ms = om_new_array(double, (size_t)opts->cycles);
    struct om_bench_process before = {0}, after;
    bool is_ok = wait_state(rig->cam, true) >= 0;
    for (int i = 0; i < opts->cycles && is_ok; i++) {
        int64_t back_us = 0;
        is_ok = cycle(rig, &back_us, err);
        back_ms[i] = (double)back_us / OM_MS;
        if (i + 1 == OM_MIN(SETTLE_CYCLES, opts->cycles))
            om_bench_process_read(&before);
    }
    om_bench_process_read(&after);
    if (is_ok) {
        om_json_kv_int(report->workload, "cycles", opts->cycles);
        om_json_kv_double(report->workload, "outage_s", (double)OUTAGE_US / OM_SECOND, 3);
        om_json_kv_double(report->figures, "back_ms_p50", om_bench_median(back_ms, opts->cycles),
                          1);
        om_json_kv_double(report->figures, "back_ms_max", back_ms[opts->cycles - 1], 1);
        om_json_kv_int(report->figures, "rss_growth_bytes", after.rss_bytes - before.rss_bytes);
        om_json_kv_int(report->figures, "descriptors_growth",
                       after.descriptors - before.descriptors);
        om_json_kv_int(report->figures, "threads_growth", after.threads - before.threads);
    }
    om_free(back_ms);
    return is_ok;
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    struct rig rig = {0};
    report->reference = "the same process after the first ten outages";
    om_connect_gate_init(&rig.gate, 1000);
    bool is_ok = make_jpeg(&rig.server.jpeg, err) && om_bench_home_make(&rig.home, err);
    if (is_ok) {
        rig.journal = om_journal_open(rig.home.journal_path, &om_journal_opts_default, err);
        is_ok = rig.journal && server_start(&rig.server, err);
    }
    rig.workers = om_workers_create("worker", 0, 1024 * 1024);
    if (is_ok) {
        rig.cam = create_camera(&rig);
        is_ok = measure(&rig, opts, report, err);
        om_camera_destroy(rig.cam);
        server_kill(&rig.server);
    }
    om_workers_destroy(rig.workers);
    om_journal_close(rig.journal);
    om_connect_gate_finish(&rig.gate);
    om_buf_finish(&rig.server.jpeg);
    om_bench_home_remove(&rig.home);
    return is_ok;
}

const struct om_bench om_bench_reconnect = {
    .name = "reconnect",
    .help = "outages of a second: what is left behind",
    .run = run,
};
