// The simulator as a client sees it: a real clip, played fast, so that it comes round within the
// test.

#include "bench/sim/sim.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread.h"
#include "base/time.h"
#include "bench/sim/rtp_pack.h"
#include "loop/cancel.h"

enum { CAMERAS = 8, FPS = 500, NTP_UNIX_S = 2208988800u };

static char clip[512];

// ---- the server --------------------------------------------------------------------------------

struct server {
    struct om_sim_opts opts;
    struct om_cancel cancel;
    struct om_thread thread;
    const char *reels[1];
};

static void serve(void *ctx)
{
    struct server *server = ctx;
    struct om_error err = {0};
    if (om_sim_run(&server->opts, &err))
        return;
    printf("%s\n", err.text);
    om_assert(!"it did not start");
}

static void server_start(struct server *server, const char *faults)
{
    om_cancel_init(&server->cancel);
    server->reels[0] = clip;
    server->opts = om_sim_opts_default;
    server->opts.listen = "127.0.0.1:0";
    server->opts.cameras = CAMERAS;
    server->opts.reels = server->reels;
    server->opts.reel_count = 1;
    server->opts.fps = FPS;
    server->opts.faults = faults;
    server->opts.cancel = &server->cancel;
    server->opts.stats = om_sim_stats_create(CAMERAS);
    om_assert(server->opts.stats);
    om_assert(om_thread_start(&server->thread, "sim", 1 << 20, serve, server));
    while (atomic_load(&server->opts.stats->port) == 0)
        om_time_sleep_us(OM_MS);
}

static void server_stop(struct server *server)
{
    om_cancel_set(&server->cancel);
    om_thread_join(&server->thread);
    om_cancel_finish(&server->cancel);
    om_sim_stats_destroy(server->opts.stats);
}

// ---- a client ----------------------------------------------------------------------------------

struct client {
    int fd, port, cseq;
    char answer[16384];
};

static void client_open(struct client *client, const struct server *server)
{
    client->port = atomic_load(&server->opts.stats->port);
    client->cseq = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)client->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 3};
    om_assert(client->fd >= 0 && connect(client->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    om_assert(setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
}

static void read_exactly(const struct client *client, void *to, size_t n)
{
    om_assert(recv(client->fd, to, n, MSG_WAITALL) == (ssize_t)n);
}

// Sends a request for `path`; the answer's head is in client->answer, its status is returned.
static int ask(struct client *client, const char *method, const char *path, const char *headers)
{
    char text[1024];
    int n = snprintf(text, sizeof(text), "%s rtsp://127.0.0.1:%d%s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n",
                     method, client->port, path, ++client->cseq, headers);
    om_assert(send(client->fd, text, (size_t)n, MSG_NOSIGNAL) == n);
    size_t len = 0;
    do {
        om_assert(len + 1 < sizeof(client->answer));
        read_exactly(client, client->answer + len++, 1);
        client->answer[len] = '\0';
    } while (len < 4 || strcmp(client->answer + len - 4, "\r\n\r\n") != 0);
    int64_t status;
    om_assert(strncmp(client->answer, "RTSP/1.0 ", 9) == 0);
    om_assert(om_str_to_int64(om_str_n(client->answer + 9, 3), &status));
    snprintf(text, sizeof(text), "CSeq: %d\r\n", client->cseq);
    om_assert(strstr(client->answer, text));
    return (int)status;
}

static uint32_t number_behind(const struct client *client, const char *name)
{
    const char *at = strstr(client->answer, name);
    om_assert(at);
    return (uint32_t)strtoul(at + strlen(name), NULL, 10);
}

static const char tcp[] = "Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n";

static void play(struct client *client, const struct server *server, const char *path)
{
    client_open(client, server);
    om_assert(ask(client, "SETUP", path, tcp) == 200);
    om_assert(strstr(client->answer, "interleaved=2-3"));
    om_assert(ask(client, "PLAY", path, "") == 200);
}

struct packet {
    uint8_t bytes[65536];
    size_t n;  // behind the framing
    bool is_rtp, is_last;
    uint16_t seq;
    uint32_t stamp;
    int type;  // of the NAL unit; that in the fragments too
};

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void read_packet(const struct client *client, struct packet *packet)
{
    uint8_t head[4];
    read_exactly(client, head, 4);
    om_assert(head[0] == '$' && (head[1] == 2 || head[1] == 3));
    packet->n = (size_t)head[2] << 8 | head[3];
    read_exactly(client, packet->bytes, packet->n);
    packet->is_rtp = head[1] == 2;
    if (!packet->is_rtp)
        return;
    const uint8_t *p = packet->bytes;
    packet->is_last = p[1] & 0x80;
    packet->seq = (uint16_t)(p[2] << 8 | p[3]);
    packet->stamp = u32(p + 4);
    packet->type = (p[OM_SIM_RTP_HEAD] & 0x1f) == 28 ? p[OM_SIM_RTP_HEAD + 1] & 0x1f
                                                     : p[OM_SIM_RTP_HEAD] & 0x1f;
}

// ---- stories -----------------------------------------------------------------------------------

static void test_requests(const struct server *server)
{
    static struct client c;
    client_open(&c, server);
    om_assert(ask(&c, "OPTIONS", "/cam/0", "") == 200 && strstr(c.answer, "DESCRIBE"));
    om_assert(ask(&c, "DESCRIBE", "/cam/0", "") == 200);
    static char sdp[8192];
    uint32_t n = number_behind(&c, "Content-Length: ");
    om_assert(n < sizeof(sdp));
    read_exactly(&c, sdp, n);
    om_assert(strstr(sdp, "m=video 0 RTP/AVP 96\r\n") && strstr(sdp, "a=rtpmap:96 H264/90000\r\n"));
    om_assert(strstr(sdp, "sprop-parameter-sets=") && strstr(sdp, "a=framerate:500.000\r\n"));
    om_assert(ask(&c, "PLAY", "/cam/0", "") == 455);  // no SETUP yet
    om_assert(ask(&c, "SETUP", "/cam/0", "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n") ==
              461);
    om_assert(ask(&c, "DESCRIBE", "/cam/8", "") == 404);
    om_assert(ask(&c, "DESCRIBE", "/else", "") == 404);
    om_assert(ask(&c, "RECORD", "/cam/0", "") == 501);
    om_assert(ask(&c, "GET_PARAMETER", "/cam/0", "Content-Length: 0\r\n") == 200);
    om_assert(ask(&c, "SETUP", "/cam/0/trackID=0", tcp) == 200 && strstr(c.answer, "Session: "));
    om_assert(ask(&c, "TEARDOWN", "/cam/0", "") == 200);
    char byte;
    om_assert(recv(c.fd, &byte, 1, 0) == 0);  // closed
    (void)close(c.fd);
}

// Wall time of a report's RTP time is now.
static void check_report(const struct packet *report, uint32_t newest_stamp, bool has_picture)
{
    const uint8_t *p = report->bytes;
    om_assert(report->n == 44 && p[1] == 200 && p[28 + 1] == 202);
    double wall_s = u32(p + 8) - NTP_UNIX_S + u32(p + 12) / 4294967296.0;
    double now_s = (double)om_time_wall_us() / OM_SECOND;
    om_assert(wall_s <= now_s + 0.01 && wall_s > now_s - 3);
    if (has_picture)  // its stamp was taken just after the newest picture was due
        om_assert((int32_t)(u32(p + 16) - newest_stamp) < 3 * 90000);
}

// Over the end of the clip: numbers and stamps go on, each key frame has its parameter sets.
static void test_stream(const struct server *server, const char *path, int pictures)
{
    static struct client c;
    static struct packet packet;
    play(&c, server, path);
    uint16_t seq = (uint16_t)number_behind(&c, ";seq=");
    uint32_t stamp = number_behind(&c, ";rtptime=");
    bool is_first = true, has_sets = false;
    int reports = 0, keys = 0;
    for (int n = 0; n < pictures;) {
        read_packet(&c, &packet);
        if (!packet.is_rtp) {
            check_report(&packet, stamp, n > 0);
            reports++;
            continue;
        }
        om_assert(packet.seq == seq);
        seq++;
        if (is_first)  // of its picture: right on time, in ticks of the asked rate
            om_assert(packet.stamp - stamp <= (n ? 90000 / FPS + 1 : 0));
        om_assert(is_first || packet.stamp == stamp);
        has_sets |= packet.type == 7;
        om_assert(packet.type != 5 || has_sets);
        om_assert(n > 0 || packet.type != 1);  // begins with a key frame
        keys += packet.type == 5 && packet.is_last;
        stamp = packet.stamp;
        is_first = packet.is_last;
        if (packet.is_last) {
            has_sets = false;
            n++;
        }
    }
    om_assert(reports >= 1 && keys >= 2);
    (void)close(c.fd);
}

static void test_statistics(const struct server *server)
{
    struct om_sim_stats *stats = server->opts.stats;
    struct om_sim_camera_stats *first = &stats->cameras[0], *second = &stats->cameras[1];
    om_assert(first->plays == 1 && second->plays == 1 && stats->plays == 2);
    om_assert(first->pictures >= 800 && stats->pictures == first->pictures + second->pictures);
    om_assert(first->offset_us == 0 && second->offset_us > 0);
    om_assert(first->play_mono_us > 0 && stats->pictures_dropped == 0);
}

static void test_slow_reader(const struct server *server)
{
    static struct client slow, quick;
    static struct packet packet;
    play(&slow, server, "/cam/2");  // and does not read
    play(&quick, server, "/cam/3");
    struct om_sim_camera_stats *camera = &server->opts.stats->cameras[2];
    for (int i = 0; atomic_load(&camera->pictures_dropped) == 0; i++) {
        om_assert(i < 200000);
        read_packet(&quick, &packet);
    }
    om_assert(atomic_load(&server->opts.stats->late_bytes) > 0);
    om_assert(atomic_load(&server->opts.stats->cameras[3].pictures_dropped) == 0);
    (void)close(slow.fd);
    (void)close(quick.fd);
}

static void test_faults(void)
{
    struct server server = {0};
    server_start(&server, "refuse=0,close=1:0.1,stall=2:0.1:0.2,silent=3,drop=0.1");
    static struct client c;
    static struct packet packet;
    client_open(&c, &server);
    om_assert(ask(&c, "DESCRIBE", "/cam/0", "") == 453);
    (void)close(c.fd);

    play(&c, &server, "/cam/1");
    uint16_t seq = (uint16_t)number_behind(&c, ";seq=");
    int lost = 0, got = 0;
    uint8_t byte;
    while (recv(c.fd, &byte, 1, MSG_PEEK) == 1) {
        read_packet(&c, &packet);
        lost += packet.is_rtp ? (uint16_t)(packet.seq - seq) : 0;
        seq = packet.is_rtp ? (uint16_t)(packet.seq + 1) : seq;
        got++;
    }
    om_assert(got > 20 && lost > got / 30 && lost < got / 3);
    (void)close(c.fd);

    play(&c, &server, "/cam/2");
    uint32_t stamp = number_behind(&c, ";rtptime="), gap = 0;
    while (gap < 90000 / 5) {  // it goes on after 0.2 s
        read_packet(&c, &packet);
        if (packet.is_rtp) {
            gap = OM_MAX(gap, packet.stamp - stamp);
            stamp = packet.stamp;
        }
    }
    (void)close(c.fd);

    client_open(&c, &server);
    static const char options[] = "OPTIONS rtsp://h/cam/3 RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    struct timeval patience = {.tv_usec = 100 * OM_MS};
    om_assert(setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    om_assert(send(c.fd, options, sizeof(options) - 1, MSG_NOSIGNAL) > 0);
    om_assert(recv(c.fd, &byte, 1, 0) == -1);  // nothing, but not closed
    (void)close(c.fd);
    server_stop(&server);
}

static void test_bad_options(void)
{
    const char *const missing[] = {"/nowhere/reel.mp4"};
    const char *const text[] = {__FILE__};
    struct om_error err = {0};
    struct om_sim_opts opts = om_sim_opts_default;
    om_assert(!om_sim_run(&opts, &err) && err.status == OM_INVALID);
    opts.reels = missing;
    opts.reel_count = 1;
    om_assert(!om_sim_run(&opts, &err) && err.status == OM_NOT_FOUND && err.hint[0]);
    opts.reels = text;
    om_assert(!om_sim_run(&opts, &err) && err.hint[0]);
    opts.reels = (const char *const[]){clip};
    opts.listen = "nonsense";
    om_assert(!om_sim_run(&opts, &err) && err.status == OM_INVALID && err.hint[0]);
    opts.listen = "127.0.0.1:0";
    opts.faults = "nonsense";
    om_assert(!om_sim_run(&opts, &err) && err.status == OM_INVALID && err.hint[0]);
}

int main(void)
{
    const char *shared = getenv("OMMA_SHARED");
    snprintf(clip, sizeof(clip), "%s/data/videos/person-bicycle-car-detection.mp4",
             shared ? shared : "");
    if (!shared || !om_file_exists(clip)) {
        printf("skipped: no ../shared\n");
        return 77;
    }
    test_bad_options();
    struct server server = {0};
    server_start(&server, NULL);
    test_requests(&server);
    test_stream(&server, "/cam/0", 800);  // the clip has 467
    test_stream(&server, "/cam/1", 100);
    test_statistics(&server);
    test_slow_reader(&server);
    server_stop(&server);
    test_faults();
    return 0;
}
