// Every stream over a real server and a real loop. Pipeline, control and journal are
// the test's own, so that it says when something happens.

#include "serve/serve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/config.h"
#include "loop/loop.h"
#include "loop/workers.h"
#include "media/packet.h"
#include "media/stream.h"
#include "pipeline/contract.h"
#include "pipeline/control.h"
#include "pipeline/feed.h"
#include "pipeline/pipeline.h"
#include "sink/journal.h"

enum { BACKLOG = 20000, CLIENTS = 20, NEWS = 500, WAIT_S = 20 };

// ---- a journal in memory
// -------------------------------------------------------------------------

struct om_journal {
    atomic_uint_fast64_t committed;
    atomic_uint_fast64_t reads;
    om_journal_wake_fn *wake;
    void *ctx;
};

static struct om_journal journal;

uint64_t om_journal_seq_committed(struct om_journal *j)
{
    return atomic_load(&j->committed);
}

bool om_journal_listen(struct om_journal *j, om_journal_wake_fn *fn, void *ctx)
{
    j->wake = fn;
    j->ctx = ctx;
    return true;
}

void om_journal_unlisten(struct om_journal *j, void *ctx)
{
    om_assert(j->ctx == ctx);
    j->wake = NULL;
}

// Every tenth event is of camera "rare".
enum om_status om_journal_read(struct om_journal *j, const struct om_journal_query *query,
                               om_journal_row_fn *fn, void *ctx, struct om_error *err)
{
    (void)err;
    atomic_fetch_add(&j->reads, 1);
    uint64_t last = atomic_load(&j->committed);
    int rows = 0;
    for (uint64_t seq = query->after_seq + 1; seq <= last && rows < query->limit; seq++) {
        if (query->camera && strcmp(query->camera, seq % 10 ? "gate" : "rare") != 0)
            continue;
        char json[256];
        int n = snprintf(
            json, sizeof(json),
            "{\"specversion\":\"1.0\",\"type\":\"io.omma.track.started.v1\",\"n\":%llu}",
            (unsigned long long)seq);
        rows++;
        if (!fn(ctx, seq, om_str_n(json, (size_t)n)))
            break;
    }
    return OM_OK;
}

static void commit(uint64_t count)
{
    atomic_fetch_add(&journal.committed, count);
    journal.wake(journal.ctx);
}

// ---- a pipeline with one camera
// --------------------------------------------------------------------

struct om_pipeline {
    struct om_mutex lock;
    void (*wake)(void *ctx);
    void *ctx;
    uint64_t seq;  // of the boxes
};

static atomic_int camera_state = OM_CAMERA_LIVE;
static struct om_pipeline pipeline = {.lock = OM_MUTEX_INIT};

int om_pipeline_camera_count(struct om_pipeline *p)
{
    (void)p;
    return 1;
}

static void fill_status(struct om_camera_status *ret)
{
    *ret = (struct om_camera_status){.id = "gate", .model = "m"};
    ret->state = (enum om_camera_state)atomic_load(&camera_state);
}

int om_pipeline_statuses(struct om_pipeline *p, struct om_camera_status *out, int n)
{
    (void)p;
    if (n > 0)
        fill_status(out);
    return 1;
}

bool om_pipeline_status(struct om_pipeline *p, om_str id, struct om_camera_status *ret)
{
    (void)p;
    fill_status(ret);
    return om_str_equal(id, OM_STR("gate"));
}

void om_pipeline_on_boxes(struct om_pipeline *p, void (*wake)(void *ctx), void *ctx)
{
    om_with_lock(&p->lock);
    p->wake = wake;
    p->ctx = ctx;
}

enum om_status om_pipeline_boxes_json(struct om_pipeline *p, om_str id, uint64_t *seq,
                                      struct om_buf *out)
{
    (void)id;
    om_with_lock(&p->lock);
    if (p->seq == *seq)
        return OM_AGAIN;
    *seq = p->seq;
    om_buf_printf(out, "{\"n\":%llu}", (unsigned long long)p->seq);
    return OM_OK;
}

int om_pipeline_boxes_json_all(struct om_pipeline *p, uint64_t *seq, om_str before, om_str after,
                               struct om_buf *out)
{
    om_with_lock(&p->lock);
    if (p->seq <= *seq)
        return 0;
    *seq = p->seq;
    om_buf_append_str(out, before);
    om_buf_printf(out, "{\"n\":%llu}", (unsigned long long)p->seq);
    om_buf_append_str(out, after);
    return 1;
}

static void new_boxes(void)
{
    om_with_lock(&pipeline.lock);
    pipeline.seq++;
    if (pipeline.wake)
        pipeline.wake(pipeline.ctx);
}

const char *om_camera_state_name(enum om_camera_state state)
{
    return state == OM_CAMERA_LIVE ? "live" : "other";
}

bool om_pipeline_hint(struct om_pipeline *p, om_str id, bool has_motion)
{
    struct om_camera_status status;
    (void)has_motion;
    return om_pipeline_status(p, id, &status);
}

bool om_pipeline_contract(struct om_pipeline *p, struct om_contract *ret)
{
    (void)p;
    *ret = (struct om_contract){.limit_cores = 2, .cameras_max = 1000, .admitted = 3};
    return true;
}

struct om_frame *om_pipeline_snapshot(struct om_pipeline *p, om_str id)
{
    (void)p;
    (void)id;
    return NULL;
}

enum om_status om_pipeline_counts_json(struct om_pipeline *p, om_str id, struct om_buf *out)
{
    (void)p;
    om_buf_append_text(out, "{\"counts\":[]}");
    return om_str_equal(id, OM_STR("gate")) ? OM_OK : OM_NOT_FOUND;
}

// What the camera's reader thread publishes.
static struct om_feed_hub *hub;
static struct om_stream_ref *stream;

struct om_feed *om_pipeline_feed_open(struct om_pipeline *p, om_str id, void (*wake)(void *ctx),
                                      void *ctx, struct om_error *err)
{
    (void)p;
    if (om_str_equal(id, OM_STR("gate")))
        return om_feed_hub_open(hub, wake, ctx);
    om_error_set(err, OM_NOT_FOUND, "there is no such camera");
    return NULL;
}

static void new_stream(enum om_codec codec)
{
    const struct om_stream_info info = {.codec = codec, .width = 320, .height = 240, .fps = 25};
    om_stream_ref_unref(&stream);
    stream = om_stream_ref_create(&info);
}

// A coded picture as cameras send it: parameters with each key frame, a slice of `bytes`.
static void publish(int64_t pts_us, bool is_key, bool is_corrupt, size_t bytes)
{
    static const uint8_t parameters[] = {0,    0,    0,    1,    0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9,
                                         0x41, 0x41, 0x9f, 0x9e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
                                         0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60, 0,
                                         0,    0,    1,    0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0};
    om_auto_buf data;
    om_buf_init(&data, 8 << 20);
    if (is_key)
        om_buf_append(&data, parameters, sizeof(parameters));
    om_buf_append(&data, is_key ? "\0\0\0\1\x65\x88" : "\0\0\0\1\x41\x9a", 6);
    char *slice = om_buf_reserve(&data, bytes);
    om_assert(slice);
    memset(slice, 0x55, bytes);
    om_buf_add_len(&data, bytes);
    struct om_packet *packet = om_packet_copy(data.data, data.len);
    om_assert(packet);
    packet->pts_us = packet->dts_us = pts_us;
    packet->is_key = is_key;
    packet->is_corrupt = is_corrupt;
    om_feed_hub_publish(hub, packet, stream);
    om_packet_unref(&packet);
}

// ---- a control that takes its time
// -------------------------------------------------------------------

struct om_control {
    atomic_int running, running_max;
};

static struct om_control control;

static bool change_slowly(struct om_control *c)
{
    int now = atomic_fetch_add(&c->running, 1) + 1;
    if (now > atomic_load(&c->running_max))
        atomic_store(&c->running_max, now);
    om_time_sleep_us(30 * OM_MS);
    atomic_fetch_sub(&c->running, 1);
    return true;
}

bool om_control_remove(struct om_control *c, om_str id, struct om_error *err)
{
    (void)id;
    (void)err;
    return change_slowly(c);
}

bool om_control_add(struct om_control *c, const struct om_conf_camera *cam, struct om_error *err)
{
    (void)cam;
    (void)err;
    return change_slowly(c);
}

bool om_control_change(struct om_control *c, const struct om_conf_camera *cam, struct om_error *err)
{
    (void)cam;
    (void)err;
    return change_slowly(c);
}

bool om_control_undo(struct om_control *c, struct om_error *err)
{
    (void)c;
    om_error_set(err, OM_NOT_FOUND, "there is nothing to take back");
    return false;
}

struct om_conf *om_control_conf(struct om_control *c)
{
    (void)c;
    struct om_error err;
    return om_conf_parse(OM_STR("cameras: {gate: 'test:'}"), "test", &err);
}

// ---- the server and its clients
// ------------------------------------------------------------------

struct server {
    struct om_loop *loop;
    struct om_workers *blocking;
    struct om_serve *serve;
    struct om_thread thread;
    int port;
};

static void loop_main(void *ctx)
{
    struct server *server = ctx;
    om_loop_run(server->loop);
}

static void server_start(struct server *server)
{
    struct om_error err = {0};
    server->loop = om_loop_create(&err);
    server->blocking = om_workers_create("blocking", 4, 0);
    const struct om_serve_opts opts = {
        .loop = server->loop,
        .blocking = server->blocking,
        .pipeline = &pipeline,
        .control = &control,
        .journal = &journal,
        .listen = "127.0.0.1:0",
        .start_mono_us = om_time_mono_us(),
    };
    server->serve = om_serve_create(&opts, &err);
    om_assert(server->serve);
    om_str url = om_str_from(om_serve_url(server->serve)), piece;
    int64_t port = 0;
    while (om_str_split(&url, ':', &piece))
        (void)!om_str_to_int64(piece, &port);
    server->port = (int)port;
    om_assert(om_thread_start(&server->thread, "loop", 0, loop_main, server));
}

static void server_stop(struct server *server)
{
    om_loop_stop(server->loop);
    om_thread_join(&server->thread);
    om_serve_destroy(server->serve);
    om_workers_destroy(server->blocking);
    om_loop_destroy(server->loop);
}

// A client with what it read and did not use yet.
struct client {
    int fd;
    struct om_buf in;
};

static void client_open(struct client *client, const struct server *server, const char *request)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int small = 4096;
    om_assert(setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
    struct timeval wait = {.tv_sec = WAIT_S};
    om_assert(setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0);
    om_assert(connect(client->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    char text[512];
    int n = snprintf(text, sizeof(text), "%s\r\nHost: localhost\r\n\r\n", request);
    om_assert(send(client->fd, text, (size_t)n, MSG_NOSIGNAL) == n);
    om_buf_init(&client->in, 1 << 20);
}

static void client_close(struct client *client)
{
    (void)close(client->fd);
    om_buf_finish(&client->in);
}

// Reads more; false at the end.
static bool client_read(struct client *client)
{
    char piece[16384];
    ssize_t n = recv(client->fd, piece, sizeof(piece), 0);
    om_assert(n >= 0);
    om_buf_append(&client->in, piece, (size_t)n);
    om_assert(!client->in.has_failed);
    return n > 0;
}

// The number behind the next `word` in what comes; everything before it is used up.
static uint64_t client_number(struct client *client, const char *word)
{
    for (;;) {
        om_str in = om_buf_str(&client->in);
        ptrdiff_t at = om_str_find(in, om_str_from(word));
        size_t from = (size_t)at + strlen(word), to = from;
        while (at >= 0 && to < in.n && in.p[to] >= '0' && in.p[to] <= '9')
            to++;
        if (at >= 0 && to < in.n) {
            uint64_t number = 0;
            om_assert(om_str_to_uint64(om_str_sub(in, from, to), &number));
            om_buf_consume(&client->in, to);
            return number;
        }
        om_assert(client_read(client));
    }
}

static int status_of(const struct server *server, const char *request)
{
    struct client client;
    client_open(&client, server, request);
    int status = (int)client_number(&client, "HTTP/1.1 ");
    client_close(&client);
    return status;
}

// ---- stories
// -------------------------------------------------------------------------------------

static void test_answers(struct server *server)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /livez HTTP/1.1", 200},
        {"GET /readyz HTTP/1.1", 503},
        {"GET /health HTTP/1.1", 200},
        {"GET /api/v1/limits HTTP/1.1", 200},
        {"GET /health/stream?strict=1 HTTP/1.1", 200},
        {"GET /health/stream?strict=2 HTTP/1.1", 422},
        {"GET /metrics HTTP/1.1", 200},
        {"GET /api/v1/models HTTP/1.1", 200},
        {"GET /api/v1/cameras HTTP/1.1", 200},
        {"GET /api/v1/cameras/gate HTTP/1.1", 200},
        {"GET /api/v1/cameras/yard HTTP/1.1", 404},
        {"GET /api/v1/cameras/gate/counts HTTP/1.1", 200},
        {"GET /api/v1/cameras/yard/counts HTTP/1.1", 404},
        {"GET /api/v1/cameras/gate/snapshot.jpg HTTP/1.1", 503},
        {"GET /api/v1/cameras/yard/snapshot.jpg HTTP/1.1", 404},
        {"GET /api/v1/cameras/yard/live.mp4 HTTP/1.1", 404},
        {"GET /api/v1/cameras/yard/boxes HTTP/1.1", 404},
        {"GET /api/v1/events?limit=3 HTTP/1.1", 200},
        {"GET /api/v1/events?limit=0 HTTP/1.1", 422},
        {"GET /api/v1/events?type=track HTTP/1.1", 200},
        {"GET /api/v1/events?type=trick HTTP/1.1", 422},
        {"GET /api/v1/events/stream?after=x HTTP/1.1", 422},
        {"GET /schemas/io.omma.track.started.v1.json HTTP/1.1", 200},
        {"GET /schemas/none.json HTTP/1.1", 404},
        {"POST /api/v1/cameras/undo HTTP/1.1", 404},
        {"PATCH /api/v1/cameras HTTP/1.1", 405},
        {"GET /nowhere HTTP/1.1", 404},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        int status = status_of(server, cases[i].request);
        if (status != cases[i].status) {
            printf("%s: %d instead of %d\n", cases[i].request, status, cases[i].status);
            om_assert(!"the status that is expected");
        }
    }
    om_serve_set_ready(server->serve, true);
    om_assert(status_of(server, "GET /readyz HTTP/1.1") == 200);
}

// A backlog and then news, to many clients that read slowly one after another: all of it, once, in
// order.
static void test_events_reach_everybody(struct server *server)
{
    struct client clients[CLIENTS];
    uint64_t first = om_journal_seq_committed(&journal);
    commit(BACKLOG);
    char request[64];
    snprintf(request, sizeof(request), "GET /api/v1/events/stream?after=%llu HTTP/1.1",
             (unsigned long long)first);
    for (int i = 0; i < CLIENTS; i++)
        client_open(&clients[i], server, request);
    for (int i = 0; i < CLIENTS; i++) {
        om_assert(client_number(&clients[i], "\nid: ") == first);  // where it begins
        for (uint64_t n = 1; n <= BACKLOG; n++)
            om_assert(client_number(&clients[i], "\nid: ") == first + n);
    }
    for (uint64_t n = 1; n <= NEWS; n++) {
        commit(1);
        om_assert(client_number(&clients[n % CLIENTS], "\nid: ") <= first + BACKLOG + n);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
}

// Last-Event-ID wins; a filter passes over the rest without reading it again and again.
static void test_resume_and_filter(struct server *server)
{
    struct client client;
    uint64_t last = om_journal_seq_committed(&journal);
    char request[128];
    snprintf(request, sizeof(request),
             "GET /api/v1/events/stream?after=0&camera=rare HTTP/1.1\r\nLast-Event-ID: %llu",
             (unsigned long long)last);
    client_open(&client, server, request);
    om_assert(client_number(&client, "\nid: ") == last);
    uint64_t wanted = last / 10 * 10 + 10;
    commit(wanted - last);
    om_assert(client_number(&client, "\nid: ") == wanted);
    client_close(&client);
    // An id of another journal: what comes next.
    client_open(&client, server, "GET /api/v1/events/stream HTTP/1.1\r\nLast-Event-ID: 999999999");
    om_assert(client_number(&client, "\nid: ") == wanted);
    commit(1);
    om_assert(client_number(&client, "\nid: ") == wanted + 1);
    client_close(&client);
}

static void test_boxes(struct server *server)
{
    struct client early, late;
    new_boxes();
    client_open(&early, server, "GET /api/v1/cameras/gate/boxes HTTP/1.1");
    om_assert(client_number(&early, "data: {\"n\":") == 1);
    new_boxes();
    om_assert(client_number(&early, "data: {\"n\":") == 2);
    client_open(&late, server, "GET /api/v1/cameras/gate/boxes HTTP/1.1");
    om_assert(client_number(&late, "data: {\"n\":") == 2);
    new_boxes();
    om_assert(client_number(&early, "data: {\"n\":") == 3);
    om_assert(client_number(&late, "data: {\"n\":") == 3);
    client_close(&late);
    client_open(&late, server, "GET /api/v1/boxes HTTP/1.1");
    om_assert(client_number(&late, "data: {\"n\":") == 3);
    new_boxes();
    om_assert(client_number(&early, "data: {\"n\":") == 4);
    om_assert(client_number(&late, "data: {\"n\":") == 4);
    client_close(&early);
    client_close(&late);
}

// ---- live video
// ----------------------------------------------------------------------------------

// The next box: its type, the decode time when it is a fragment's head, and whether its picture is
// a key frame when it is a fragment's body.
struct box {
    char type[5];
    int64_t decode_us;
    bool is_key;
};

static bool next_box(struct client *client, struct box *ret)
{
    *ret = (struct box){0};
    for (;;) {
        om_str in = om_buf_str(&client->in);
        const uint8_t *b = (const uint8_t *)in.p;
        size_t size = in.n < 8 ? 0
                               : (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        if (size && in.n >= size) {
            memcpy(ret->type, in.p + 4, 4);
            om_str box = om_str_sub(in, 0, size);
            ptrdiff_t at = om_str_find(box, OM_STR("tfdt"));
            for (int i = 0; at >= 0 && i < 8; i++)
                ret->decode_us = ret->decode_us << 8 | b[(size_t)at + 8 + (size_t)i];
            ret->is_key = om_str_find(box, OM_STR("\x65\x88UUU")) >= 0;
            om_buf_consume(&client->in, size);
            return true;
        }
        if (!client_read(client))
            return false;
    }
}

static void expect_box(struct client *client, const char *type)
{
    struct box box;
    om_assert(next_box(client, &box));
    if (strcmp(box.type, type) != 0)
        printf("%s instead of %s\n", box.type, type);
    om_assert(strcmp(box.type, type) == 0);
}

static void expect_picture(struct client *client, int64_t decode_us, bool is_key)
{
    struct box head, body;
    om_assert(next_box(client, &head) && next_box(client, &body));
    om_assert(strcmp(head.type, "moof") == 0 && strcmp(body.type, "mdat") == 0);
    om_assert(head.decode_us == decode_us && body.is_key == is_key);
}

static void viewer_open(struct client *client, const struct server *server)
{
    // HTTP/1.0 has no chunks: the body is the boxes.
    client_open(client, server, "GET /api/v1/cameras/gate/live.mp4 HTTP/1.0");
}

static void skip_head(struct client *client)
{
    om_assert(client_number(client, "HTTP/1.1 ") == 200);
    om_str type = OM_STR("video/mp4; codecs=\"avc1.64000d\"");
    ptrdiff_t end;
    while ((end = om_str_find(om_buf_str(&client->in), OM_STR("\r\n\r\n"))) < 0)
        om_assert(client_read(client));
    om_assert(om_str_find(om_buf_str(&client->in), type) >= 0);
    om_buf_consume(&client->in, (size_t)end + 4);
}

static void test_live(struct server *server)
{
    struct client viewer, late;
    hub = om_feed_hub_create();
    new_stream(OM_CODEC_H264);
    publish(0, false, false, 100);  // nothing can begin with it
    viewer_open(&viewer, server);
    publish(40000, true, false, 1000);
    skip_head(&viewer);
    expect_box(&viewer, "ftyp");
    expect_box(&viewer, "moov");
    expect_picture(&viewer, 40000, true);
    publish(80000, false, false, 100);
    expect_picture(&viewer, 80000, false);

    viewer_open(&late, server);  // begins with the key frame there was
    skip_head(&late);
    expect_box(&late, "ftyp");
    expect_box(&late, "moov");
    expect_picture(&late, 40000, true);
    expect_picture(&late, 80000, false);
    client_close(&late);

    publish(120000, false, true, 100);  // damaged: nothing until the next key frame
    publish(160000, false, false, 100);
    publish(200000, true, false, 1000);
    expect_picture(&viewer, 200000, true);

    new_stream(OM_CODEC_H264);
    publish(240000, false, false, 100);
    publish(280000, true, false, 1000);
    expect_box(&viewer, "ftyp");
    expect_box(&viewer, "moov");
    expect_picture(&viewer, 280000, true);

    om_feed_hub_destroy(hub);  // the camera is removed
    struct box box;
    om_assert(!next_box(&viewer, &box));
    client_close(&viewer);
}

// One viewer sleeps, another one reads. The sleeper loses whole groups of pictures, the reader
// nothing.
static void test_slow_viewer(struct server *server)
{
    enum { GOPS = 60, GOP = 5, BYTES = 60000 };
    struct client slow, fast;
    hub = om_feed_hub_create();
    new_stream(OM_CODEC_H264);
    viewer_open(&slow, server);
    viewer_open(&fast, server);
    for (int i = 0; i < GOPS * GOP; i++) {
        publish(40000 * (i + 1), i % GOP == 0, false, BYTES);
        if (i == 0) {
            skip_head(&slow);
            skip_head(&fast);
            expect_box(&fast, "ftyp");
            expect_box(&fast, "moov");
        }
        expect_picture(&fast, 40000 * (i + 1), i % GOP == 0);
    }
    om_feed_hub_destroy(hub);
    expect_box(&slow, "ftyp");
    expect_box(&slow, "moov");
    struct box head, body;
    int64_t last_us = 0;
    int count = 0;
    while (next_box(&slow, &head) && next_box(&slow, &body)) {
        bool is_gap = head.decode_us != last_us + 40000;
        om_assert(head.decode_us > last_us && (!is_gap || body.is_key));
        count++;
        last_us = head.decode_us;
    }
    om_assert(count > 10 && count < GOPS * GOP);
    client_close(&slow);
    client_close(&fast);
}

static void test_not_playable(struct server *server)
{
    struct client viewer;
    hub = om_feed_hub_create();
    new_stream(OM_CODEC_MJPEG);
    viewer_open(&viewer, server);
    publish(0, true, false, 100);
    om_assert(client_number(&viewer, "HTTP/1.1 ") == 415);
    client_close(&viewer);
    atomic_store(&camera_state, OM_CAMERA_DISABLED);
    om_assert(status_of(server, "GET /api/v1/cameras/gate/live.mp4 HTTP/1.1") == 409);
    atomic_store(&camera_state, OM_CAMERA_REFUSED);
    om_assert(status_of(server, "GET /api/v1/cameras/gate/live.mp4 HTTP/1.1") == 409);
    om_assert(status_of(server, "GET /health/stream?strict=1 HTTP/1.1") == 503);
    atomic_store(&camera_state, OM_CAMERA_LIVE);
}

// ---- changes and the end
// ---------------------------------------------------------------------------

// Changes take turns; whoever asks something else meanwhile is answered.
static void test_changes_take_turns(struct server *server)
{
    struct client clients[8];
    for (size_t i = 0; i < OM_ARRAY_LEN(clients); i++)
        client_open(&clients[i], server, "DELETE /api/v1/cameras/gate HTTP/1.1");
    om_assert(status_of(server, "GET /api/v1/events HTTP/1.1") == 200);
    for (size_t i = 0; i < OM_ARRAY_LEN(clients); i++) {
        om_assert(client_number(&clients[i], "HTTP/1.1 ") == 204);
        client_close(&clients[i]);
    }
    om_assert(atomic_load(&control.running_max) == 1);
}

int main(void)
{
    struct server server = {0};
    server_start(&server);
    test_answers(&server);
    test_resume_and_filter(&server);
    test_events_reach_everybody(&server);
    test_boxes(&server);
    test_changes_take_turns(&server);
    test_live(&server);
    test_slow_viewer(&server);
    test_not_playable(&server);

    // Stopped with everything open and under way.
    struct client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        client_open(&clients[i], &server,
                    i % 4 == 0   ? "GET /api/v1/events/stream?after=0 HTTP/1.1"
                    : i % 4 == 1 ? "GET /api/v1/cameras/gate/boxes HTTP/1.1"
                    : i % 4 == 2 ? "GET /api/v1/cameras/gate/live.mp4 HTTP/1.1"
                                 : "DELETE /api/v1/cameras/gate HTTP/1.1");
    om_assert(client_number(&clients[0], "\nid: ") == 0);
    server_stop(&server);
    om_feed_hub_destroy(hub);
    om_stream_ref_unref(&stream);
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
    return 0;
}
