#include "bench/streams_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, REQUEST_SIZE = 512 };

int om_http_stream_open(int port, const char *path, struct om_error *err)
{
    char request[REQUEST_SIZE];
    int n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n",
                     path, port);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(fd, request, (size_t)n, MSG_NOSIGNAL) == n)
        return fd;
    om_error_set(err, om_status_from_errno(errno), "the server does not answer: %s",
                 om_errno_text(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

bool om_http_stream_read(int fd, struct om_buf *in)
{
    char *at = om_buf_reserve(in, READ_BYTES);
    if (!at)
        return false;
    ssize_t n = recv(fd, at, READ_BYTES, 0);
    if (n > 0)
        om_buf_add_len(in, (size_t)n);
    return n > 0;
}

void om_http_stream_stop(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
}

bool om_http_get(int port, const char *path, struct om_buf *body, struct om_error *err)
{
    size_t start = body->len;
    int fd = om_http_stream_open(port, path, err);
    if (fd < 0)
        return false;
    while (om_http_stream_read(fd, body)) {
    }
    (void)close(fd);
    om_str answer = om_str_sub(om_buf_str(body), start, body->len);
    ptrdiff_t end = om_str_find(answer, OM_STR("\r\n\r\n"));
    om_str head = om_str_sub(answer, 0, end < 0 ? 0 : (size_t)end), line = {0};
    if (!om_str_split(&head, '\r', &line) || om_str_find(line, OM_STR(" 200 ")) < 0) {
        om_error_set(err, OM_INTERNAL, "GET %s: the server says \"%.*s\"", path, OM_STR_ARG(line));
        return false;
    }
    size_t head_bytes = (size_t)end + 4;
    memmove(body->data + start, body->data + start + head_bytes, answer.n - head_bytes);
    body->len -= head_bytes;
    body->data[body->len] = '\0';
    return !body->has_failed;
}
