// For tests only: a server in a thread of its own, and a client that speaks plain bytes.

#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/time.h"
#include "loop/workers.h"
#include "net/conn_int.h"

struct fixture {
    struct om_loop *loop;
    struct om_workers *workers;
    struct om_http_server *server;
    struct om_thread thread;
    int port;
};

static inline void run_loop(void *ctx)
{
    om_loop_run(ctx);
}

static inline struct om_http_opts quick_opts(void)
{
    struct om_http_opts opts = om_http_opts_default;
    opts.listen = "127.0.0.1:0";
    opts.header_timeout_us = 200 * OM_MS;
    opts.idle_timeout_us = 400 * OM_MS;
    opts.stall_timeout_us = 300 * OM_MS;
    return opts;
}

static inline void start(struct fixture *f, const struct om_route *routes,
                         const struct om_http_opts *opts)
{
    struct om_error err = {0};
    *f = (struct fixture){.loop = om_loop_create(&err)};
    f->workers = om_workers_create("test", 2, 0);
    f->server = om_http_server_create(f->loop, f->workers, routes, f, opts, false, &err);
    om_assert(f->server);
    const char *colon = strrchr(om_http_server_url(f->server), ':');
    int64_t port;
    om_assert(om_str_to_int64(om_str_from(colon + 1), &port));
    f->port = (int)port;
    om_assert(om_thread_start(&f->thread, "loop", 0, run_loop, f->loop));
}

static inline void stop(struct fixture *f)
{
    om_loop_stop(f->loop);
    om_thread_join(&f->thread);
    om_http_server_destroy(f->server);
    om_workers_destroy(f->workers);
    om_loop_destroy(f->loop);
}

// ---- a client ----------------------------------------------------------------------------------

static inline int dial(const struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    om_assert(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

// False when the server has hung up.
static inline bool send_n(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline bool send_text(int fd, const char *text)
{
    return send_n(fd, text, strlen(text));
}

// Reads until the server closes, `text` (may be NULL) has come, or nothing came for `wait_ms`.
static inline bool read_until(int fd, struct om_buf *out, const char *text, int wait_ms)
{
    for (;;) {
        if (text && om_str_find(om_buf_str(out), om_str_from(text)) >= 0)
            return true;
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, wait_ms) <= 0)
            return false;
        char *at = om_buf_reserve(out, 65536);
        om_assert(at);
        ssize_t n = recv(fd, at, 65536, 0);
        if (n <= 0)
            return text == NULL;
        om_buf_add_len(out, (size_t)n);
    }
}
