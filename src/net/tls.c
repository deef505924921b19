#include "net/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"

struct om_tls_context {
    SSL_CTX *ctx;
    BIO_METHOD *method;
};

struct om_tls {
    SSL *ssl;
    bool wants_write;
};

// ---- the socket --------------------------------------------------------------------------------
// ----------------------------------------------------------------------------------- OpenSSL's own
// socket BIO writes with write(2), which raises SIGPIPE when the peer is gone.

static int bio_fd(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int bio_result(BIO *bio, ssize_t n, int retry_flag)
{
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int bio_read(BIO *bio, char *buf, int n)
{
    return bio_result(bio, recv(bio_fd(bio), buf, (size_t)n, 0), BIO_FLAGS_READ);
}

static int bio_write(BIO *bio, const char *data, int n)
{
    return bio_result(bio, send(bio_fd(bio), data, (size_t)n, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
    (void)bio, (void)number, (void)ptr;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "omma socket");
    om_assert(method);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    return method;
}

// ---- the context -------------------------------------------------------------------------------

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *offered, unsigned int offered_n, void *ctx)
{
    static const unsigned char known[] = "\x02h2\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl, (void)ctx;
    if (SSL_select_next_proto(&chosen, out_n, known, sizeof(known) - 1, offered, offered_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static const char *ssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

static bool load_files(SSL_CTX *ctx, const char *cert_path, const char *key_path,
                       struct om_error *err)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_path) != 1) {
        om_error_set(err, OM_INVALID, "cannot use the certificate %s: %s", cert_path, ssl_reason());
        om_error_hint(err, "it must be a readable PEM file, the server's own certificate first");
        return false;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        om_error_set(err, OM_INVALID, "cannot use the key %s: %s", key_path, ssl_reason());
        om_error_hint(err, "it must be a readable PEM file without a password, and fit %s",
                      cert_path);
        return false;
    }
    return true;
}

struct om_tls_context *om_tls_context_create(const char *cert_path, const char *key_path,
                                             struct om_error *err)
{
    if (!cert_path || !key_path) {
        om_error_set(err, OM_INVALID, "TLS needs a certificate and a key");
        om_error_hint(err, "give both, or none for clear text");
        return NULL;
    }
    struct om_tls_context *context = om_new(struct om_tls_context);
    context->ctx = SSL_CTX_new(TLS_server_method());
    om_assert(context->ctx);
    context->method = method_new();
    SSL_CTX_set_min_proto_version(context->ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(context->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context->ctx, on_alpn, NULL);
    if (!load_files(context->ctx, cert_path, key_path, err)) {
        om_tls_context_destroy(context);
        return NULL;
    }
    return context;
}

void om_tls_context_destroy(struct om_tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->method);
    om_free(context);
}

// ---- a connection ------------------------------------------------------------------------------

struct om_tls *om_tls_create(struct om_tls_context *context, int fd)
{
    SSL *ssl = SSL_new(context->ctx);
    BIO *bio = BIO_new(context->method);
    if (!ssl || !bio) {
        SSL_free(ssl);
        BIO_free(bio);
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);  // takes it over
    SSL_set_accept_state(ssl);
    struct om_tls *tls = om_new(struct om_tls);
    tls->ssl = ssl;
    return tls;
}

void om_tls_destroy(struct om_tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    om_free(tls);
}

static enum om_status result(struct om_tls *tls, int done)
{
    tls->wants_write = false;
    if (done == 1)
        return OM_OK;
    int error = SSL_get_error(tls->ssl, done);
    ERR_clear_error();  // the queue is the thread's, and the next connection looks at it
    switch (error) {
    case SSL_ERROR_WANT_WRITE:
        tls->wants_write = true;
        return OM_AGAIN;
    case SSL_ERROR_WANT_READ:
        return OM_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return OM_END;
    default:
        return OM_INVALID;
    }
}

enum om_status om_tls_handshake(struct om_tls *tls)
{
    return result(tls, SSL_do_handshake(tls->ssl));
}

enum om_status om_tls_read(struct om_tls *tls, char *buf, size_t n_max, size_t *ret_n)
{
    *ret_n = 0;
    return result(tls, SSL_read_ex(tls->ssl, buf, n_max, ret_n));
}

enum om_status om_tls_write(struct om_tls *tls, const char *data, size_t n, size_t *ret_n)
{
    *ret_n = 0;
    return result(tls, SSL_write_ex(tls->ssl, data, n, ret_n));
}

bool om_tls_wants_write(const struct om_tls *tls)
{
    return tls->wants_write;
}

bool om_tls_has_pending(const struct om_tls *tls)
{
    return SSL_pending(tls->ssl) > 0;
}

bool om_tls_is_http2(const struct om_tls *tls)
{
    const unsigned char *name;
    unsigned int n;
    SSL_get0_alpn_selected(tls->ssl, &name, &n);
    return om_str_equal(om_str_n((const char *)name, n), OM_STR("h2"));
}

void om_tls_shut_down(struct om_tls *tls)
{
    (void)result(tls, SSL_shutdown(tls->ssl));
}
