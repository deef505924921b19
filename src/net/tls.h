// TLS on the server's side (OpenSSL 3), over a non-blocking socket. TLS 1.2 or newer, no
// renegotiation; ALPN offers h2 and http/1.1.
//
// Threads: a context may serve many connections of one loop; each belongs to that loop's thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct om_tls;
struct om_tls_context;

// Reads a certificate chain and its key, both PEM. NULL with the reason in *err.
OM_MUST_USE struct om_tls_context *
om_tls_context_create(const char *cert_path, const char *key_path, struct om_error *err);
void om_tls_context_destroy(struct om_tls_context *context);  // accepts NULL

// Over `fd`, borrowed. NULL when memory is out.
OM_MUST_USE struct om_tls *om_tls_create(struct om_tls_context *context, int fd);
void om_tls_destroy(struct om_tls *tls);  // accepts NULL

// All three: OM_OK; OM_AGAIN, then om_tls_wants_write() says for what to wait; OM_END when the peer
// closed; OM_INVALID when the connection is broken.
OM_MUST_USE enum om_status om_tls_handshake(struct om_tls *tls);
OM_MUST_USE enum om_status om_tls_read(struct om_tls *tls, char *buf, size_t n_max, size_t *ret_n);
OM_MUST_USE enum om_status om_tls_write(struct om_tls *tls, const char *data, size_t n,
                                        size_t *ret_n);
bool om_tls_wants_write(const struct om_tls *tls);
// Whether bytes lie here that the socket will not announce any more.
bool om_tls_has_pending(const struct om_tls *tls);
// After the handshake: whether both chose HTTP/2.
bool om_tls_is_http2(const struct om_tls *tls);
// Says goodbye, as far as the socket takes it.
void om_tls_shut_down(struct om_tls *tls);
