#include "bench/sim/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/sim/auth.h"
#include "bench/sim/conn.h"
#include "bench/sim/faults.h"
#include "bench/sim/sim_int.h"
#include "bench/sim/timeline.h"
#include "loop/cancel.h"

enum {
    ACCEPTS_A_TURN = 64,
    BACKLOG = 4096,
    PACKET_BYTES = 1400,
    DESCRIPTORS_SPARE = 64,
    JSON_BYTES_MAX = 8 << 20,
};

const struct om_sim_opts om_sim_opts_default = {
    .listen = "127.0.0.1:8554",
    .cameras = 1,
    .activity = 1,
    .json_fd = -1,
};

// ---- statistics --------------------------------------------------------------------------------

static size_t stats_bytes(int cameras)
{
    return sizeof(struct om_sim_stats) + (size_t)cameras * sizeof(struct om_sim_camera_stats);
}

struct om_sim_stats *om_sim_stats_create(int cameras)
{
    void *map = mmap(NULL, stats_bytes(cameras), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    struct om_sim_stats *stats = map;  // all zero
    stats->camera_count = cameras;
    return stats;
}

void om_sim_stats_destroy(struct om_sim_stats *stats)
{
    if (stats)
        (void)munmap(stats, stats_bytes(stats->camera_count));
}

// ---- JSON lines --------------------------------------------------------------------------------

void om_sim_put_json(struct om_sim *sim, const struct om_buf *line)
{
    if (sim->opts->json_fd < 0 || sim->is_json_lost || line->has_failed)
        return;
    om_auto_buf text = {0};
    om_buf_init(&text, JSON_BYTES_MAX);
    om_buf_append_str(&text, om_buf_str(line));
    om_buf_append_char(&text, '\n');
    for (size_t at = 0; at < text.len;) {
        ssize_t n = write(sim->opts->json_fd, om_buf_text(&text) + at, text.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            sim->is_json_lost = true;
            return;
        }
        at += (size_t)n;
    }
}

static void put_listening(struct om_sim *sim, int port)
{
    om_auto_buf line = {0};
    om_buf_init(&line, JSON_BYTES_MAX);
    struct om_json_writer w;
    om_json_begin(&w, &line);
    om_json_object(&w);
    om_json_kv_int(&w, "port", port);
    om_json_kv_int(&w, "cameras", sim->opts->cameras);
    om_json_key(&w, "timelines");
    om_json_array(&w);
    for (int i = 0; i < sim->timeline_count; i++) {
        const struct om_sim_timeline *timeline = &sim->timelines[i];
        om_json_object(&w);
        om_json_kv_text(&w, "reel", timeline->name);
        om_json_kv_text(&w, "codec", om_codec_name(timeline->reel->codec));
        om_json_kv_int(&w, "pictures", timeline->count);
        om_json_kv_int(&w, "key_frames", timeline->key_count);
        om_json_kv_int(&w, "period_us", om_sim_ticks_to_us(timeline->period));
        om_json_object_end(&w);
    }
    om_json_array_end(&w);
    om_json_object_end(&w);
    om_sim_put_json(sim, &line);
}

static void put_totals(struct om_sim *sim, int64_t cpu_us)
{
    const struct om_sim_stats *stats = sim->stats;
    double wall_s = (double)(om_time_mono_us() - sim->start_us) / OM_SECOND;
    om_auto_buf line = {0};
    om_buf_init(&line, 4096);
    struct om_json_writer w;
    om_json_begin(&w, &line);
    om_json_object(&w);
    om_json_kv_int(&w, "cameras", sim->opts->cameras);
    om_json_kv_int(&w, "plays", (int64_t)stats->plays);
    om_json_kv_int(&w, "pictures", (int64_t)stats->pictures);
    om_json_kv_int(&w, "bytes", (int64_t)stats->bytes);
    om_json_kv_int(&w, "late_bytes", (int64_t)stats->late_bytes);
    om_json_kv_int(&w, "pictures_dropped", (int64_t)stats->pictures_dropped);
    om_json_kv_int(&w, "packets_lost", (int64_t)stats->packets_lost);
    om_json_kv_double(&w, "late_ms_max", (double)stats->late_us_max / OM_MS, 3);
    om_json_kv_double(&w, "cpu_s", (double)cpu_us / OM_SECOND, 3);
    om_json_kv_double(&w, "wall_s", wall_s, 3);
    om_json_object_end(&w);
    om_sim_put_json(sim, &line);
}

// ---- reels -------------------------------------------------------------------------------------

static bool check_opts(const struct om_sim_opts *opts, struct om_error *err)
{
    bool is_good = false;
    if (opts->cameras < 1 || opts->cameras > OM_SIM_CAMERAS_MAX)
        om_error_set(err, OM_INVALID, "cameras: from 1 to %d, not %d", OM_SIM_CAMERAS_MAX,
                     opts->cameras);
    else if ((opts->reel_count > 0) == (opts->pair_count > 0))
        om_error_set(err, OM_INVALID,
                     "either reels are played, or pairs of an active and a quiet clip");
    else if (opts->reel_count > OM_SIM_REELS_MAX || opts->pair_count > OM_SIM_REELS_MAX / 2)
        om_error_set(err, OM_LIMIT, "more than %d clips", OM_SIM_REELS_MAX);
    else if (!(opts->activity >= 0 && opts->activity <= 1))
        om_error_set(err, OM_INVALID, "the activity is a share from 0 to 1, not %g",
                     opts->activity);
    else if (opts->packet_bytes && (opts->packet_bytes < 64 || opts->packet_bytes > UINT16_MAX))
        om_error_set(err, OM_INVALID, "an RTP packet has 64 to 65535 bytes, not %d",
                     opts->packet_bytes);
    else
        is_good = true;
    return is_good;
}

static struct om_sim_reel *load(struct om_sim *sim, const char *path, struct om_error *err)
{
    int bytes = sim->opts->packet_bytes ? sim->opts->packet_bytes : PACKET_BYTES;
    struct om_sim_reel *reel = om_sim_reel_load(path, (size_t)bytes, err);
    if (reel)
        sim->reels[sim->reel_count++] = reel;
    return reel;
}

static bool make_timeline(struct om_sim *sim, int i, struct om_error *err)
{
    const struct om_sim_opts *opts = sim->opts;
    struct om_sim_timeline *timeline = &sim->timelines[sim->timeline_count];
    if (opts->pair_count == 0) {
        struct om_sim_reel *reel = load(sim, opts->reels[i], err);
        if (!reel)
            return false;
        om_sim_timeline_init(timeline, reel);
    } else {
        struct om_sim_reel *active = load(sim, opts->active[i], err);
        struct om_sim_reel *quiet = active ? load(sim, opts->quiet[i], err) : NULL;
        if (!quiet)
            return false;
        if (!om_sim_timeline_init_pair(timeline, active, quiet, opts->activity, err)) {
            om_sim_timeline_finish(timeline);
            return false;
        }
    }
    sim->timeline_count++;
    if (opts->fps > 0)
        om_sim_timeline_set_fps(timeline, opts->fps);
    return true;
}

static bool make_timelines(struct om_sim *sim, struct om_error *err)
{
    int count = OM_MAX(sim->opts->reel_count, sim->opts->pair_count);
    sim->reels = om_new_array(struct om_sim_reel *, 2 * (size_t)count);
    sim->timelines = om_new_array(struct om_sim_timeline, (size_t)count);
    size_t longest = 0;
    for (int i = 0; i < count; i++) {
        if (!make_timeline(sim, i, err))
            return false;
    }
    for (int r = 0; r < sim->reel_count; r++) {
        for (int i = 0; i < sim->reels[r]->count; i++)
            longest = OM_MAX(longest, sim->reels[r]->pictures[i].bytes);
    }
    om_buf_init(&sim->scratch, longest);
    return true;
}

// ---- the listener ------------------------------------------------------------------------------

static bool parse_listen(const char *text, struct sockaddr_in *ret, struct om_error *err)
{
    const char *colon = strrchr(text, ':');
    char host[64] = "127.0.0.1";
    int64_t port;
    bool is_good = om_str_to_int64(om_str_from(colon ? colon + 1 : text), &port) && port >= 0 &&
                   port <= UINT16_MAX;
    if (is_good && colon && colon > text)
        is_good = om_str_copy(host, sizeof(host), om_str_n(text, (size_t)(colon - text)));
    *ret = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(is_good ? port : 0))};
    if (is_good && inet_pton(AF_INET, host, &ret->sin_addr) == 1)
        return true;
    om_error_set(err, OM_INVALID, "\"%s\" is no address to listen on", text);
    om_error_hint(err, "it is written IP:PORT, as in 127.0.0.1:8554; port 0 takes a free one");
    return false;
}

static void on_client(void *ctx, int events)
{
    (void)events;
    struct om_sim *sim = ctx;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(sim->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // an optimisation
        om_sim_conn_create(sim, fd);
    }
}

static bool start_listening(struct om_sim *sim, struct om_error *err)
{
    struct sockaddr_in address;
    if (!parse_listen(sim->opts->listen, &address, err))
        return false;
    sim->listener = (struct om_loop_fd){-1, OM_LOOP_READ, on_client, sim};
    sim->listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int fd = sim->listener.fd, on = 1;
    socklen_t len = sizeof(address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        !om_loop_fd_add(sim->loop, &sim->listener)) {
        om_error_set(err, om_status_from_errno(errno), "cannot listen on %s: %s", sim->opts->listen,
                     om_errno_text(errno));
        om_error_hint(err, "take another --listen; port 0 takes a free one");
        return false;
    }
    atomic_store(&sim->stats->port, ntohs(address.sin_port));
    return true;
}

// As many as the cameras ask for; what the system does not give is seen at accept().
static void raise_descriptors(int cameras)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)cameras + DESCRIPTORS_SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
        return;
    limit.rlim_cur = OM_MIN(want, limit.rlim_max);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// ---- running -----------------------------------------------------------------------------------

struct run {
    struct om_sim *sim;
    struct om_loop_timer second, end;
    struct om_loop_fd cancel;
};

static void on_second(void *ctx)
{
    struct run *run = ctx;
    atomic_store(&run->sim->stats->cpu_us, om_time_thread_cpu_us());
    if (om_cancel_is_set(run->sim->opts->cancel))
        om_loop_stop(run->sim->loop);
    om_loop_timer_set(run->sim->loop, &run->second, om_loop_now_us(run->sim->loop) + OM_SECOND);
}

static void on_end(void *ctx)
{
    struct run *run = ctx;
    om_loop_stop(run->sim->loop);
}

static void on_cancel(void *ctx, int events)
{
    (void)events;
    on_end(ctx);
}

static void serve(struct om_sim *sim)
{
    struct run run = {.sim = sim};
    run.second = (struct om_loop_timer)OM_LOOP_TIMER(on_second, &run);
    run.end = (struct om_loop_timer)OM_LOOP_TIMER(on_end, &run);
    struct om_cancel *cancel = sim->opts->cancel;
    run.cancel = (struct om_loop_fd){cancel ? cancel->fd : -1, OM_LOOP_READ, on_cancel, &run};
    if (run.cancel.fd >= 0)
        (void)!om_loop_fd_add(sim->loop, &run.cancel);  // else it is seen within a second
    sim->start_us = om_time_mono_us();
    int64_t cpu_us = om_time_thread_cpu_us();
    om_loop_timer_set(sim->loop, &run.second, sim->start_us);
    if (sim->opts->run_us > 0)
        om_loop_timer_set(sim->loop, &run.end, sim->start_us + sim->opts->run_us);
    om_loop_run(sim->loop);
    if (run.cancel.fd >= 0)
        om_loop_fd_remove(sim->loop, &run.cancel);
    put_totals(sim, om_time_thread_cpu_us() - cpu_us);
}

static void finish(struct om_sim *sim)
{
    while (!om_list_is_empty(&sim->conns))
        om_sim_conn_destroy(om_list_first(&sim->conns, struct om_sim_conn, link));
    if (sim->listener.fd >= 0)
        (void)close(sim->listener.fd);
    om_loop_destroy(sim->loop);
    for (int i = 0; i < sim->timeline_count; i++)
        om_sim_timeline_finish(&sim->timelines[i]);
    for (int i = 0; i < sim->reel_count; i++)
        om_sim_reel_destroy(sim->reels[i]);
    om_free(sim->timelines);
    om_free(sim->reels);
    om_buf_finish(&sim->scratch);
    if (sim->stats != sim->opts->stats)
        om_sim_stats_destroy(sim->stats);
}

static bool prepare(struct om_sim *sim, struct om_error *err)
{
    const struct om_sim_opts *opts = sim->opts;
    if (!make_timelines(sim, err))
        return false;
    raise_descriptors(opts->cameras);
    sim->stats = opts->stats ? opts->stats : om_sim_stats_create(opts->cameras);
    if (!sim->stats) {
        om_error_set(err, OM_NO_MEMORY, "no memory for the statistics");
        return false;
    }
    sim->loop = om_loop_create(err);
    return sim->loop && start_listening(sim, err);
}

bool om_sim_run(const struct om_sim_opts *opts, struct om_error *err)
{
    struct om_sim_faults faults;
    struct om_sim_auth auth;
    struct sockaddr_in address;  // only looked at: what is wrong is said before clips are read
    if (!check_opts(opts, err) || !parse_listen(opts->listen, &address, err) ||
        !om_sim_faults_parse(opts->faults, &faults, err) ||
        !om_sim_auth_init(&auth, opts->auth, err))
        return false;
    struct om_sim sim = {.opts = opts, .faults = &faults, .auth = &auth, .listener.fd = -1};
    om_list_init(&sim.conns);
    om_rand_init(&sim.rand, 1);
    bool is_good = prepare(&sim, err);
    if (is_good) {
        put_listening(&sim, atomic_load(&sim.stats->port));
        serve(&sim);
    }
    finish(&sim);
    return is_good;
}
