// Threads that write, clients that come and go, a server that stops in the middle of it: for the
// sanitizers, and for every count to come out even.

#include <stdatomic.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/rand.h"
#include "net/http_fixture.h"

enum { WRITERS = 3, CLIENTS = 3, STREAMS_MAX = 64, RUN_US = 700 * OM_MS };

struct stage {
    struct om_mutex lock;
    struct om_exchange *streams[STREAMS_MAX];  // under lock
    int count;                                 // under lock
    atomic_int started, closed, answers;
    atomic_bool has_left, has_ended;  // clients, writers
    struct fixture f;
};

static struct stage stage = {.lock = OM_MUTEX_INIT};

static void on_closed(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&stage.closed, 1);
}

static void on_message(void *ctx, bool is_text, om_str data)
{
    (void)!om_ws_send(ctx, is_text, data);
}

// Kept for the writers; when there are enough, it ends at once.
static void keep(struct om_exchange *x)
{
    om_with_lock(&stage.lock);
    atomic_fetch_add(&stage.started, 1);
    if (stage.count < STREAMS_MAX)
        stage.streams[stage.count++] = om_exchange_ref(x);
    else
        om_exchange_end(x);
}

static void open_stream(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_stream(x, 200, "text/event-stream", on_closed, NULL);
    keep(x);
}

static void open_ws(void *ctx, struct om_exchange *x)
{
    static const struct om_ws_ops ops = {.message = on_message, .closed = on_closed};
    (void)ctx;
    om_ws_accept(x, &ops, x, 1000);
    keep(x);
}

static void answer(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_reply(x, 200, "text/plain", OM_STR("answer"));
}

static const struct om_route routes[] = {
    {"GET", "/stream", open_stream, "read", 0, 0, ""},
    {"GET", "/blocking-stream", open_stream, "read", 0, OM_ROUTE_BLOCKING, ""},
    {"GET", "/ws", open_ws, "control", 0, OM_ROUTE_WEBSOCKET, ""},
    {"GET", "/answer", answer, "read", 0, 0, ""},
    {"GET", "/blocking", answer, "read", 0, OM_ROUTE_BLOCKING, ""},
    {0},
};

static struct om_exchange *borrow(struct om_rand *rand)
{
    om_with_lock(&stage.lock);
    if (stage.count == 0)
        return NULL;
    return om_exchange_ref(stage.streams[om_rand_below(rand, (uint32_t)stage.count)]);
}

static void drop(struct om_exchange *x)
{
    om_with_lock(&stage.lock);
    for (int i = 0; i < stage.count; i++) {
        if (stage.streams[i] != x)
            continue;
        stage.streams[i] = stage.streams[--stage.count];
        om_exchange_unref(&x);
        return;
    }
}

static void write_all_the_time(void *ctx)
{
    struct om_rand rand;
    om_rand_init(&rand, (uint64_t)(uintptr_t)ctx);
    while (!atomic_load(&stage.has_ended)) {
        struct om_exchange *x = borrow(&rand);
        if (!x) {
            om_time_sleep_us(100);
            continue;
        }
        bool is_over = om_exchange_write(x, OM_STR("data: x\n\n")) == OM_END &&
                       om_ws_send(x, true, OM_STR("x")) == OM_END;
        if (om_rand_below(&rand, 200) == 0) {
            om_exchange_end(x);
            om_ws_close(x, 1000, "enough");
        }
        if (is_over)
            drop(x);
        om_exchange_unref(&x);
    }
}

static void come_and_go(void *ctx)
{
    static const char *const requests[] = {
        "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /blocking-stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /answer HTTP/1.1\r\nHost: localhost\r\n\r\nGET /stream HTTP/1.1\r\nHost: "
        "localhost\r\n\r\n",
        "GET /blocking HTTP/1.1\r\nHost: localhost\r\n\r\nGET /answer HTTP/1.1\r\nHost: "
        "localhost\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        "\x81\x81\0\0\0\0x",
    };
    struct om_rand rand;
    om_rand_init(&rand, (uint64_t)(uintptr_t)ctx);
    om_auto_buf out;
    om_buf_init(&out, 1 << 24);
    while (!atomic_load(&stage.has_left)) {
        int fd = dial(&stage.f);
        size_t which = om_rand_below(&rand, OM_ARRAY_LEN(requests));
        size_t n = strlen(requests[which]) + (which == 4 ? 5 : 0);
        om_assert(send_n(fd, requests[which], n));
        om_buf_clear(&out);
        if (read_until(fd, &out, "\r\n\r\n", (int)om_rand_below(&rand, 20)))
            atomic_fetch_add(&stage.answers, 1);
        (void)read_until(fd, &out, "never", (int)om_rand_below(&rand, 3));
        close(fd);
    }
}

int main(void)
{
    struct om_http_opts opts = quick_opts();
    start(&stage.f, routes, &opts);
    struct om_thread writers[WRITERS] = {0}, clients[CLIENTS] = {0};
    for (uintptr_t i = 0; i < WRITERS; i++)
        om_assert(om_thread_start(&writers[i], "writer", 0, write_all_the_time, (void *)(i + 1)));
    for (uintptr_t i = 0; i < CLIENTS; i++)
        om_assert(om_thread_start(&clients[i], "client", 0, come_and_go, (void *)(i + 100)));
    om_time_sleep_us(RUN_US);
    // The clients end first; the server stops while the writers still write.
    atomic_store(&stage.has_left, true);
    for (int i = 0; i < CLIENTS; i++)
        om_thread_join(&clients[i]);
    stop(&stage.f);
    om_time_sleep_us(20 * OM_MS);
    atomic_store(&stage.has_ended, true);
    for (int i = 0; i < WRITERS; i++)
        om_thread_join(&writers[i]);
    while (stage.count > 0)
        om_exchange_unref(&stage.streams[--stage.count]);
    om_assert(atomic_load(&stage.started) == atomic_load(&stage.closed));
    om_assert(atomic_load(&stage.answers) > 20 && atomic_load(&stage.started) > 20);
    return 0;
}
