#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/time.h"
#include "net/conn_int.h"
#include "net/tls.h"
#include "net/uri.h"

static const struct om_log http_log = {.name = "http"};

static struct om_metric connections = OM_GAUGE("omma_http_connections",
                                               "Connections to the HTTP server now.");
static struct om_metric accepted = OM_COUNTER("omma_http_connections_total",
                                              "Connections accepted by the HTTP server.");

const struct om_http_opts om_http_opts_default = {
    .listen = "127.0.0.1:8080",
    .header_bytes_max = 16 * 1024,
    .headers_max = 100,
    .uri_max = 8 * 1024,
    .header_timeout_us = 5 * OM_SECOND,
    .idle_timeout_us = 60 * OM_SECOND,
    .connections_max = 1024,
    .connections_per_address_max = 256,
    .stall_timeout_us = 20 * OM_SECOND,
    .body_rate_min = 1024,
    .write_budget_bytes = 4 * 1024 * 1024,
    .bodies_bytes_max = 256 * 1024 * 1024,
};

// ---- listening ---------------------------------------------------------------------------------

// Splits "127.0.0.1:8080", "[::1]:0", "localhost:80" into what getaddrinfo() reads.
static bool split_listen(const char *listen_text, char host[OM_ADDRESS_SIZE], char port[8],
                         struct om_error *err)
{
    struct om_authority authority;
    if (!om_authority_parse(om_str_from(listen_text), &authority) || authority.port < 0 ||
        !om_str_copy(host, OM_ADDRESS_SIZE, authority.name)) {
        om_error_set(err, OM_INVALID, "cannot listen on \"%s\": it is not ADDRESS:PORT",
                     listen_text);
        om_error_hint(err, "write it like 127.0.0.1:8080 or [::1]:8080");
        return false;
    }
    if (om_authority_is_loopback(&authority) && strcmp(host, "localhost") == 0)
        om_str_copy(host, OM_ADDRESS_SIZE, OM_STR("127.0.0.1"));
    snprintf(port, 8, "%d", authority.port);
    return true;
}

static bool is_loopback_address(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return v6.sin6_addr.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static int bind_and_listen(const struct addrinfo *info, const char *text, struct om_error *err)
{
    enum { BACKLOG = 1024 };
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (info->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
            return fd;
    }
    int error = errno;
    om_error_set(err, error == EADDRINUSE ? OM_EXISTS : om_status_from_errno(error),
                 "cannot listen on %s: %s", text, om_errno_text(error));
    if (error == EADDRINUSE)
        om_error_hint(err, "another program listens there: stop it, or choose another port with "
                           "--listen 127.0.0.1:PORT (0 takes any free one)");
    if (error == EACCES)
        om_error_hint(err, "ports below 1024 need a privilege: choose a higher one");
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_listener(const char *text, bool has_identity, struct om_error *err)
{
    char host[OM_ADDRESS_SIZE], port[8];
    if (!split_listen(text, host, port, err))
        return -1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *info = NULL;
    int failure = getaddrinfo(host, port, &hints, &info);
    if (failure) {
        om_error_set(err, OM_INVALID, "cannot listen on %s: %s", text, gai_strerror(failure));
        om_error_hint(err, "give an address of this machine, not a name");
        return -1;
    }
    int fd = -1;
    if (!has_identity && !is_loopback_address(info->ai_addr)) {
        om_error_set(err, OM_REFUSED,
                     "listening on %s is refused: it is not a loopback address and "
                     "nobody would have to log in",
                     text);
        om_error_hint(err,
                      "listen on 127.0.0.1:%s and reach it from elsewhere by "
                      "ssh -L %s:127.0.0.1:%s HOST",
                      port, port, port);
    } else {
        fd = bind_and_listen(info, text, err);
    }
    freeaddrinfo(info);
    return fd;
}

// The numeric address without a port; IPv4 in IPv6 clothes is written as IPv4. Returns the port.
static int address_text(const struct sockaddr_storage *address, char text[OM_ADDRESS_SIZE])
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        inet_ntop(AF_INET, &v4.sin_addr, text, OM_ADDRESS_SIZE);
        return ntohs(v4.sin_port);
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, OM_ADDRESS_SIZE);
    else
        inet_ntop(AF_INET6, &v6.sin6_addr, text, OM_ADDRESS_SIZE);
    return ntohs(v6.sin6_port);
}

static void make_url(struct om_http_server *server, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[OM_ADDRESS_SIZE] = "";
    getsockname(fd, (struct sockaddr *)&address, &size);
    int port = address_text(&address, host);
    bool is_ipv6 = strchr(host, ':') != NULL;
    snprintf(server->url, sizeof(server->url), "%s://%s%s%s:%d", server->tls ? "https" : "http",
             is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
}

// ---- accepting ---------------------------------------------------------------------------------

static bool is_over_address_limit(const struct om_http_server *server, const char *address,
                                  bool is_loopback)
{
    int count = 0;
    if (is_loopback)
        return false;
    om_list_each(conn, &server->conns, struct om_conn, link)
        count += strcmp(conn->address, address) == 0;
    return count >= server->opts.connections_per_address_max;
}

// A client that cannot be served is told so, once, without keeping anything for it.
static void refuse_connection(struct om_http_server *server, int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                                 "Content-Length: 0\r\nConnection: close\r\n\r\n";
    om_conn_refused(OM_REFUSED_LIMIT);
    if (!server->tls)
        (void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    // Unread input would turn the close into a reset that overtakes the answer.
    char ignored[2048];
    (void)!recv(fd, ignored, sizeof(ignored), MSG_DONTWAIT);
    close(fd);
}

static void set_socket_options(int fd)
{
    int on = 1, idle_s = 60, interval_s = 15, count = 4, unacked_ms = 60 * 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    // A peer that lost its power never says goodbye.
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof(unacked_ms));
}

static void sweep_soon(struct om_http_server *server)
{
    if (server->sweep_timer.heap_index < 0)
        om_loop_timer_set(server->loop, &server->sweep_timer,
                          om_loop_now_us(server->loop) + server->sweep_us);
}

static void welcome(struct om_http_server *server, int fd, const struct sockaddr_storage *peer)
{
    char address[OM_ADDRESS_SIZE] = "", local_name[OM_ADDRESS_SIZE] = "";
    struct sockaddr_storage local = {0};
    socklen_t size = sizeof(local);
    getsockname(fd, (struct sockaddr *)&local, &size);
    address_text(peer, address);
    address_text(&local, local_name);
    if (server->conns_count >= server->opts.connections_max ||
        is_over_address_limit(server, address,
                              is_loopback_address((const struct sockaddr *)peer))) {
        refuse_connection(server, fd);
        return;
    }
    set_socket_options(fd);
    om_metric_add(&accepted, 1);
    om_conn_create(server, fd, address, local_name);
    om_metric_set(&connections, server->conns_count);
    sweep_soon(server);
}

// No descriptor is left for the client that waits first. The spare one is given up for as long as
// it takes to tell it so; otherwise the listener would stay readable and the loop would spin.
static void refuse_with_spare(struct om_http_server *server)
{
    if (server->spare_fd >= 0)
        close(server->spare_fd);
    int fd = accept4(server->listen_watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        refuse_connection(server, fd);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && server->spare_fd >= 0)
        return;
    om_loop_fd_change(server->loop, &server->listen_watch, 0);
    om_loop_timer_set(server->loop, &server->accept_timer,
                      om_loop_now_us(server->loop) + OM_SECOND / 10);
}

static void on_accept_timer(void *ctx)
{
    struct om_http_server *server = ctx;
    if (server->spare_fd < 0)
        server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (server->is_listening)
        om_loop_fd_change(server->loop, &server->listen_watch, OM_LOOP_READ);
}

static void on_listen(void *ctx, int events)
{
    enum { PER_TURN = 64 };  // those who are connected already want their turn too
    struct om_http_server *server = ctx;
    (void)events;
    for (int i = 0; i < PER_TURN; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t size = sizeof(peer);
        int fd = accept4(server->listen_watch.fd, (struct sockaddr *)&peer, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            welcome(server, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            refuse_with_spare(server);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void stop_listening(struct om_http_server *server)
{
    if (!server->is_listening)
        return;
    server->is_listening = false;
    om_loop_timer_clear(server->loop, &server->accept_timer);
    om_loop_fd_remove(server->loop, &server->listen_watch);
    close(server->listen_watch.fd);
}

// ---- news and time -----------------------------------------------------------------------------

static void finish_drain(struct om_http_server *server)
{
    if (!server->is_draining || server->conns_count > 0 || !server->drained)
        return;
    void (*drained)(void *) = server->drained;
    server->drained = NULL;
    drained(server->drained_ctx);  // may destroy the server
}

// Moves on at most `count` exchanges with news; false when there are no more.
static bool pump_news(struct om_http_server *server, int count)
{
    for (; count > 0; count--) {
        om_auto_ref(om_exchange) x = om_hub_take(server->hub);
        if (!x)
            return false;
        if (x->conn)
            om_conn_pump(x->conn, x);
        else
            om_exchange_detach(x);  // a stream that began after its client had left
    }
    return true;
}

static void on_wake(void *ctx, int events)
{
    enum { PER_TURN = 256 };  // however fast others write, clients and timers have their turn
    struct om_http_server *server = ctx;
    eventfd_t count;
    (void)events;
    (void)!eventfd_read(server->wake_watch.fd, &count);
    if (pump_news(server, PER_TURN))
        (void)!eventfd_write(server->wake_watch.fd, 1);
    om_metric_set(&connections, server->conns_count);
    finish_drain(server);
}

static void on_sweep(void *ctx)
{
    struct om_http_server *server = ctx;
    int64_t now_us = om_loop_now_us(server->loop);
    bool is_late = server->is_draining && now_us >= server->drain_until_us;
    om_list_each(conn, &server->conns, struct om_conn, link)
    {
        if (is_late)
            om_conn_destroy(conn);
        else
            om_conn_sweep(conn, now_us);
    }
    om_metric_set(&connections, server->conns_count);
    if (server->conns_count > 0)
        sweep_soon(server);
    finish_drain(server);
}

// ---- life --------------------------------------------------------------------------------------

// Descriptors are shared with cameras and files: connections get half of them at most.
static int connections_within_budget(int wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return wanted;
    rlim_t half = OM_MAX(limit.rlim_cur / 2, (rlim_t)8);
    return (rlim_t)wanted > half ? (int)half : wanted;
}

static void set_policy(struct om_http_server *server, const struct om_route *routes)
{
    server->policy = (struct om_request_policy){
        .routes = routes,
        .header_bytes_max = server->opts.header_bytes_max,
        .uri_max = server->opts.uri_max,
        .headers_max = server->opts.headers_max,
        .host_names = server->opts.host_names,
    };
}

static bool open_watches(struct om_http_server *server, int listen_fd, struct om_error *err)
{
    int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    server->hub = om_hub_create(wake_fd);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->wake_watch = (struct om_loop_fd){
        .fd = wake_fd, .events = OM_LOOP_READ, .fn = on_wake, .ctx = server};
    server->listen_watch = (struct om_loop_fd){
        .fd = listen_fd, .events = OM_LOOP_READ, .fn = on_listen, .ctx = server};
    if (wake_fd >= 0 && om_loop_fd_add(server->loop, &server->wake_watch)) {
        server->is_listening = om_loop_fd_add(server->loop, &server->listen_watch);
        if (server->is_listening)
            return true;
        om_loop_fd_remove(server->loop, &server->wake_watch);
    }
    if (wake_fd >= 0)
        close(wake_fd);
    om_error_set(err, OM_LIMIT, "no descriptor for the HTTP server");
    om_error_hint(err, "raise the limit of open files (ulimit -n)");
    return false;
}

static struct om_http_server *server_new(struct om_loop *loop, struct om_workers *blocking,
                                         void *ctx, const struct om_http_opts *opts)
{
    struct om_http_server *server = om_new(struct om_http_server);
    server->loop = loop;
    server->blocking = blocking;
    server->ctx = ctx;
    server->opts = *opts;
    server->opts.connections_max = connections_within_budget(opts->connections_max);
    // A limit may be overstepped by a quarter, no more.
    server->sweep_us = OM_CLAMP(OM_MIN(opts->header_timeout_us, opts->stall_timeout_us) / 4,
                                (int64_t)(10 * OM_MS), (int64_t)OM_SECOND);
    server->sweep_timer = (struct om_loop_timer)OM_LOOP_TIMER(on_sweep, server);
    server->accept_timer = (struct om_loop_timer)OM_LOOP_TIMER(on_accept_timer, server);
    server->spare_fd = -1;
    server->scratch = om_new_array(char, OM_SCRATCH_BYTES);
    om_list_init(&server->conns);
    return server;
}

static void server_free(struct om_http_server *server)
{
    om_hub_unref(server->hub);
    om_tls_context_destroy(server->tls);
    if (server->spare_fd >= 0)
        close(server->spare_fd);
    om_free(server->scratch);
    om_free(server);
}

static bool open_tls(struct om_http_server *server, struct om_error *err)
{
    if (!server->opts.tls_cert && !server->opts.tls_key)
        return true;
    server->tls = om_tls_context_create(server->opts.tls_cert, server->opts.tls_key, err);
    return server->tls != NULL;
}

struct om_http_server *om_http_server_create(struct om_loop *loop, struct om_workers *blocking,
                                             const struct om_route *routes, void *ctx,
                                             const struct om_http_opts *opts, bool has_identity,
                                             struct om_error *err)
{
    if (!om_route_table_check(routes, err))
        return NULL;
    int fd = open_listener(opts->listen, has_identity, err);
    if (fd < 0)
        return NULL;
    struct om_http_server *server = server_new(loop, blocking, ctx, opts);
    set_policy(server, routes);
    if (!open_tls(server, err) || !open_watches(server, fd, err)) {
        close(fd);
        server_free(server);
        return NULL;
    }
    om_metric_register(&connections);
    om_metric_register(&accepted);
    om_conn_register_metrics();
    make_url(server, fd);
    om_log_debug(&http_log, "listening on %s", server->url);
    return server;
}

void om_http_server_drain(struct om_http_server *server, int64_t grace_us,
                          void (*drained)(void *ctx), void *ctx)
{
    om_assert(!server->is_draining);
    stop_listening(server);
    server->is_draining = true;
    server->drained = drained;
    server->drained_ctx = ctx;
    server->drain_until_us = om_loop_now_us(server->loop) + grace_us;
    om_list_each(conn, &server->conns, struct om_conn, link) om_conn_drain(conn);
    // Also without a connection the answer comes from a turn of the loop, not from within this
    // call.
    server->sweep_us = OM_CLAMP(grace_us / 4, (int64_t)OM_MS, server->sweep_us);
    om_loop_timer_set(server->loop, &server->sweep_timer,
                      om_loop_now_us(server->loop) + server->sweep_us);
}

// Nobody is listed any more after this; what was, is let go.
static void close_hub(struct om_http_server *server)
{
    struct om_hub *hub = server->hub;
    om_mutex_lock(&hub->lock);
    hub->wake_fd = -1;
    while (hub->blocking_count > 0)
        om_cond_wait(&hub->blocking_ended, &hub->lock);
    om_mutex_unlock(&hub->lock);
    (void)pump_news(server, INT_MAX);
}

void om_http_server_destroy(struct om_http_server *server)
{
    if (!server)
        return;
    stop_listening(server);
    om_list_each(conn, &server->conns, struct om_conn, link) om_conn_destroy(conn);
    close_hub(server);
    om_loop_timer_clear(server->loop, &server->sweep_timer);
    om_loop_timer_clear(server->loop, &server->accept_timer);
    om_loop_fd_remove(server->loop, &server->wake_watch);
    close(server->wake_watch.fd);
    server_free(server);
}

const char *om_http_server_url(const struct om_http_server *server)
{
    return server->url;
}
