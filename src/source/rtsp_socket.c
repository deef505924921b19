#include "source/rtsp_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/time.h"
#include "loop/cancel.h"

enum { LOOK_US = 50 * OM_MS };  // how often a wait looks at a cancel that has no descriptor

void om_rtsp_socket_init(struct om_rtsp_socket *sock, struct om_cancel *cancel)
{
    *sock = (struct om_rtsp_socket){.fd = -1, .cancel = cancel};
}

void om_rtsp_socket_close(struct om_rtsp_socket *sock)
{
    if (sock->fd >= 0)
        (void)close(sock->fd);
    sock->fd = -1;
}

static enum om_status wait_for(struct om_rtsp_socket *sock, short events, int64_t deadline_us)
{
    for (;;) {
        if (om_cancel_is_set(sock->cancel))
            return OM_CANCELLED;
        int64_t left_us = deadline_us - om_time_mono_us();
        if (left_us <= 0)
            return OM_TIMEOUT;
        int cancel_fd = sock->cancel ? sock->cancel->fd : -1;
        if (sock->cancel && cancel_fd < 0)
            left_us = OM_MIN(left_us, (int64_t)LOOK_US);
        struct timespec left = {.tv_sec = left_us / OM_SECOND,
                                .tv_nsec = left_us % OM_SECOND * 1000};
        // poll() passes over a negative descriptor.
        struct pollfd fds[] = {{.fd = sock->fd, .events = events},
                               {.fd = cancel_fd, .events = POLLIN}};
        int n = ppoll(fds, OM_ARRAY_LEN(fds), &left, NULL);
        if (n > 0 && fds[1].revents == 0)
            return OM_OK;
    }
}

enum om_status om_rtsp_socket_wait(struct om_rtsp_socket *sock, int64_t deadline_us)
{
    return wait_for(sock, POLLIN, deadline_us);
}

// ---- connecting --------------------------------------------------------------------------------

static enum om_status connect_to(struct om_rtsp_socket *sock, const struct addrinfo *address,
                                 int64_t deadline_us, int *ret_errno)
{
    int one = 1;

    sock->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sock->fd < 0) {
        *ret_errno = errno;
        return OM_UNREACHABLE;
    }
    (void)setsockopt(sock->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    int error = connect(sock->fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        enum om_status status = wait_for(sock, POLLOUT, deadline_us);
        if (status != OM_OK)
            return status;
        socklen_t size = sizeof(error);
        if (getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    *ret_errno = error;
    return error == 0 ? OM_OK : error == ETIMEDOUT ? OM_TIMEOUT : OM_UNREACHABLE;
}

static enum om_status connect_to_any(struct om_rtsp_socket *sock, const struct addrinfo *list,
                                     int64_t deadline_us, int *ret_errno)
{
    enum om_status status = OM_UNREACHABLE;

    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        // An address that does not answer leaves half of the time to the next one.
        int64_t now_us = om_time_mono_us();
        int64_t until_us = at->ai_next ? now_us + (deadline_us - now_us) / 2 : deadline_us;
        status = connect_to(sock, at, until_us, ret_errno);
        if (status == OM_OK || status == OM_CANCELLED)
            break;
        om_rtsp_socket_close(sock);
    }
    return status;
}

enum om_status om_rtsp_socket_connect(struct om_rtsp_socket *sock, const char *host, int port,
                                      int64_t deadline_us, int *ret_errno)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];

    om_rtsp_socket_close(sock);
    *ret_errno = 0;
    if (om_cancel_is_set(sock->cancel))
        return OM_CANCELLED;
    (void)snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return OM_UNREACHABLE;
    enum om_status status = connect_to_any(sock, list, deadline_us, ret_errno);
    freeaddrinfo(list);
    return status;
}

// ---- bytes -------------------------------------------------------------------------------------

enum om_status om_rtsp_socket_read(struct om_rtsp_socket *sock, void *data, size_t size,
                                   size_t *ret_bytes)
{
    ssize_t n;

    do {
        n = recv(sock->fd, data, size, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? OM_AGAIN : OM_UNREACHABLE;
    *ret_bytes = (size_t)n;
    return n == 0 ? OM_END : OM_OK;
}

enum om_status om_rtsp_socket_write(struct om_rtsp_socket *sock, const void *data, size_t bytes,
                                    int64_t deadline_us)
{
    const char *p = data;

    while (bytes > 0) {
        ssize_t n = send(sock->fd, p, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            p += n;
            bytes -= (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return OM_UNREACHABLE;
        enum om_status status = wait_for(sock, POLLOUT, deadline_us);
        if (status != OM_OK)
            return status;
    }
    return OM_OK;
}
