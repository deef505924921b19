// The event and box streams over a real server and a real loop. Pipeline, control and journal are
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
#include "pipeline/control.h"
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

static struct om_pipeline pipeline = {.lock = OM_MUTEX_INIT};

int om_pipeline_camera_count(struct om_pipeline *p)
{
    (void)p;
    return 1;
}

static void fill_status(struct om_camera_status *ret)
{
    *ret = (struct om_camera_status){.id = "gate", .state = OM_CAMERA_LIVE, .model = "m"};
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

struct om_feed *om_pipeline_feed_open(struct om_pipeline *p, om_str id, void (*wake)(void *ctx),
                                      void *ctx, struct om_error *err)
{
    (void)p;
    (void)id;
    (void)wake;
    (void)ctx;
    om_error_set(err, OM_LIMIT, "no feeds here");
    return NULL;
}

void om_feed_close(struct om_feed *feed)
{
    om_assert(!feed);
}

enum om_status om_feed_take(struct om_feed *feed, struct om_packet **ret)
{
    (void)feed;
    (void)ret;
    return OM_END;
}

bool om_feed_info(struct om_feed *feed, struct om_stream_info *ret)
{
    (void)feed;
    (void)ret;
    return false;
}

const void *om_feed_stream_key(const struct om_feed *feed)
{
    return feed;
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
        {"GET /api/v1/cameras/gate/live.mp4 HTTP/1.1", 429},
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
    client_close(&early);
    client_close(&late);
}

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

    // Stopped with everything open and under way.
    struct client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        client_open(&clients[i], &server,
                    i % 3 == 0   ? "GET /api/v1/events/stream?after=0 HTTP/1.1"
                    : i % 3 == 1 ? "GET /api/v1/cameras/gate/boxes HTTP/1.1"
                                 : "DELETE /api/v1/cameras/gate HTTP/1.1");
    om_assert(client_number(&clients[0], "\nid: ") == 0);
    server_stop(&server);
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
    return 0;
}
