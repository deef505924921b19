// bench rtsp: many RTSP sessions in one process, read by the client of our own and by libavformat,
// one after the other, from the same simulated cameras. What is counted is what the readers cost:
// CPU time of this process (the cameras are another one) and resident memory, each with its thread,
// as in a server. Packets are dropped as they come.

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/process.h"
#include "bench/sim/sim.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "source/rtp_pool.h"
#include "source/source.h"

enum { CAMERAS = 200, FPS = 5, OPEN_US = 60 * OM_SECOND, SETTLE_US = 2 * OM_SECOND };
enum { STACK_BYTES = 1 << 20 };  // as pipeline/camera.c gives its readers

struct crowd {
    struct om_source_opts opts;
    struct om_cancel cancel;
    int port;
    _Atomic(int) open_n, failed_n;
    _Atomic(uint64_t) pictures, bytes;
};

struct viewer {
    struct om_thread thread;
    struct crowd *crowd;
    int number;
};

struct cost {
    double cpu_us;      // of a picture
    double switches;    // of a picture: how often a reader went to sleep
    double rss_kb;      // of a session, with its thread
    double packets_kb;  // of that, in packets
    double bytes;       // of a picture
    double pictures_per_s;
    double allocations;  // of a picture, of our own
};

static void watch(void *ctx)
{
    struct viewer *viewer = ctx;
    struct crowd *crowd = viewer->crowd;
    char url[64];

    snprintf(url, sizeof(url), "rtsp://127.0.0.1:%d/cam/%d", crowd->port, viewer->number);
    om_auto(om_source) source = om_source_open(url, &crowd->opts, &crowd->cancel, NULL);
    *(source ? &crowd->open_n : &crowd->failed_n) += 1;
    struct om_packet *packet = NULL;
    while (source && om_source_read(source, &packet, NULL) == OM_OK) {
        crowd->bytes += packet->bytes;
        crowd->pictures++;
        om_packet_unref(&packet);
    }
    if (source && !om_cancel_is_set(&crowd->cancel))
        crowd->failed_n++;
}

static int64_t switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nvcsw : 0;
}

static void measure(struct crowd *crowd, int n, int seconds, struct cost *ret)
{
    struct om_bench_process process;
    struct om_rtp_pool_stats pool;
    uint64_t pictures = crowd->pictures, bytes = crowd->bytes, allocations = om_mem_alloc_count();
    int64_t cpu_us = om_time_cpu_us(), went_to_sleep = switches(), from_us = om_time_mono_us();

    om_time_sleep_us((int64_t)seconds * OM_SECOND);
    double shown = OM_MAX((double)(crowd->pictures - pictures), 1);
    *ret = (struct cost){
        .cpu_us = (double)(om_time_cpu_us() - cpu_us) / shown,
        .switches = (double)(switches() - went_to_sleep) / shown,
        .bytes = (double)(crowd->bytes - bytes) / shown,
        .pictures_per_s = shown * OM_SECOND / (double)(om_time_mono_us() - from_us),
        .allocations = (double)(om_mem_alloc_count() - allocations) / shown,
    };
    (void)om_mem_give_back();  // as a server does now and then
    om_bench_process_read(&process);
    om_rtp_pool_stats(&pool);
    ret->rss_kb = (double)process.rss_bytes / 1024 / n;
    ret->packets_kb = (double)(pool.bytes_out + pool.bytes_kept) / 1024 / n;
}

static bool watch_all(struct crowd *crowd, int n, int seconds, struct cost *ret)
{
    struct viewer *viewers = om_new_array(struct viewer, (size_t)n);
    struct om_bench_process before;
    int64_t until_us = om_time_mono_us() + OPEN_US;
    int started = 0;

    (void)om_mem_give_back();
    om_bench_process_read(&before);
    for (; started < n; started++) {
        viewers[started] = (struct viewer){.crowd = crowd, .number = started};
        if (!om_thread_start(&viewers[started].thread, "viewer", STACK_BYTES, watch,
                             &viewers[started]))
            break;
    }
    while (crowd->open_n + crowd->failed_n < started && om_time_mono_us() < until_us)
        om_time_sleep_us(10 * OM_MS);
    om_time_sleep_us(SETTLE_US);
    measure(crowd, n, seconds, ret);
    ret->rss_kb -= (double)before.rss_bytes / 1024 / n;
    bool is_good = started == n && crowd->failed_n == 0;
    om_cancel_set(&crowd->cancel);
    for (int i = 0; i < started; i++)
        om_thread_join(&viewers[i].thread);
    om_free(viewers);
    return is_good;
}

static bool run_crowd(bool by_library, int port, const struct om_bench_opts *opts, struct cost *ret)
{
    struct crowd crowd = {.opts = om_source_opts_default, .port = port};
    int n = opts->cameras > 0 ? opts->cameras : CAMERAS;

    crowd.opts.rtsp_by_library = by_library;
    // Two hundred at once on a busy machine: this is no test of deadlines.
    crowd.opts.connect_timeout_us = crowd.opts.first_key_timeout_us = OPEN_US;
    om_cancel_init(&crowd.cancel);
    bool is_good = watch_all(&crowd, n, opts->seconds, ret);
    om_cancel_finish(&crowd.cancel);
    return is_good;
}

static void write_cost(struct om_json_writer *w, const char *name, const struct cost *cost)
{
    om_json_object(w);
    om_json_kv_text(w, "reader", name);
    om_json_kv_double(w, "cpu_us_per_picture", cost->cpu_us, 2);
    om_json_kv_double(w, "switches_per_picture", cost->switches, 3);
    om_json_kv_double(w, "rss_kb_per_session", cost->rss_kb, 1);
    om_json_kv_double(w, "of_it_packets_kb", cost->packets_kb, 1);
    om_json_kv_double(w, "allocations_per_picture", cost->allocations, 3);
    om_json_kv_double(w, "bytes_per_picture", cost->bytes, 0);
    om_json_kv_double(w, "pictures_per_s", cost->pictures_per_s, 0);
    om_json_object_end(w);
}

// The cameras, in a process of their own. The port when they listen, 0 when they cannot.
static int start_cameras(const struct om_bench_opts *opts, struct om_sim_stats *stats,
                         const char *reel, pid_t *ret_pid)
{
    int n = opts->cameras > 0 ? opts->cameras : CAMERAS;

    *ret_pid = fork();
    if (*ret_pid == 0) {
        struct om_sim_opts sim = om_sim_opts_default;
        sim.listen = "127.0.0.1:0";
        sim.cameras = n;
        sim.reels = &reel;
        sim.reel_count = 1;
        sim.fps = FPS;
        sim.stats = stats;
        _exit(om_sim_run(&sim, NULL) ? 0 : 1);
    }
    for (int i = 0; *ret_pid > 0 && i < 1000 && stats->port == 0; i++)
        om_time_sleep_us(10 * OM_MS);
    return stats->port;
}

static bool run(const struct om_bench_opts *opts, struct om_bench_report *report,
                struct om_error *err)
{
    const char *reel = om_bench_video(opts);
    struct cost own, library;
    pid_t pid = -1;
    int n = opts->cameras > 0 ? opts->cameras : CAMERAS;

    if (access(reel, R_OK) != 0) {
        om_error_set(err, OM_NOT_FOUND, "there is no clip to play");
        om_error_hint(err, "give one with --video, or --data with videos/");
        return false;
    }
    om_mem_share_arenas();
    struct om_sim_stats *stats = om_sim_stats_create(n);
    int port = stats ? start_cameras(opts, stats, reel, &pid) : 0;
    bool is_good = port > 0 && run_crowd(false, port, opts, &own) &&
                   run_crowd(true, port, opts, &library);
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    om_sim_stats_destroy(stats);
    if (!is_good) {
        om_error_set(err, OM_UNREACHABLE, "not all cameras could be watched");
        om_error_hint(err, "raise the limits of files and processes (ulimit -n, -u)");
        return false;
    }
    report->reference = "libavformat's RTSP demuxer behind the same interface, in the same process";
    om_json_kv_text(report->workload, "clip", reel);
    om_json_kv_int(report->workload, "sessions", n);
    om_json_kv_int(report->workload, "fps", FPS);
    om_json_kv_int(report->workload, "seconds", opts->seconds);
    om_json_kv_double(report->figures, "cpu_us_per_picture", own.cpu_us, 2);
    om_json_kv_double(report->figures, "cpu_ratio", library.cpu_us / own.cpu_us, 2);
    om_json_kv_double(report->figures, "rss_kb_per_session", own.rss_kb, 1);
    om_json_kv_double(report->figures, "rss_ratio", library.rss_kb / own.rss_kb, 2);
    om_json_key(report->figures, "readers");
    om_json_array(report->figures);
    write_cost(report->figures, "own", &own);
    write_cost(report->figures, "libavformat", &library);
    om_json_array_end(report->figures);
    return true;
}

const struct om_bench om_bench_rtsp = {
    .name = "rtsp",
    .help = "CPU and memory of RTSP sessions, our client against libavformat",
    .run = run,
};
