// The one TCP connection of an RTSP session: every wait has a deadline and ends at once when the
// source is cancelled.
//
// Threads: belongs to one reader.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct om_cancel;

struct om_rtsp_socket {
    int fd;                    // -1: none
    struct om_cancel *cancel;  // borrowed, may be NULL
};

void om_rtsp_socket_init(struct om_rtsp_socket *sock, struct om_cancel *cancel);
// Looks the name up (which cannot be cancelled) and connects to the first address that answers.
// OM_UNREACHABLE with *ret_errno, 0 when the name was not found; OM_TIMEOUT; OM_CANCELLED.
OM_MUST_USE enum om_status om_rtsp_socket_connect(struct om_rtsp_socket *sock, const char *host,
                                                  int port, int64_t deadline_us, int *ret_errno);
void om_rtsp_socket_close(struct om_rtsp_socket *sock);
// Waits until bytes can be read. OM_OK, OM_TIMEOUT, OM_CANCELLED.
OM_MUST_USE enum om_status om_rtsp_socket_wait(struct om_rtsp_socket *sock, int64_t deadline_us);
// What is there, without waiting. OM_OK with 1..size bytes, OM_AGAIN when there is nothing, OM_END
// when the other side closed, OM_UNREACHABLE when the connection broke.
OM_MUST_USE enum om_status om_rtsp_socket_read(struct om_rtsp_socket *sock, void *data, size_t size,
                                               size_t *ret_bytes);
// All of it. OM_OK, OM_TIMEOUT, OM_CANCELLED, OM_UNREACHABLE.
OM_MUST_USE enum om_status om_rtsp_socket_write(struct om_rtsp_socket *sock, const void *data,
                                                size_t bytes, int64_t deadline_us);
