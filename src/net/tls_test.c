// TLS in memory of one process: OpenSSL's own client on the other end of a socket pair.

#include "net/tls.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/tls_fixture.h"

static char cert_path[64], key_path[64];

struct pair {
    struct om_tls_context *context;
    struct om_tls *server;
    SSL_CTX *client_ctx;
    SSL *client;
    int fds[2];
};

static void start(struct pair *p, const char *alpn, int version_max)
{
    struct om_error err;
    p->context = om_tls_context_create(cert_path, key_path, &err);
    om_assert(p->context);
    om_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds) == 0);
    p->server = om_tls_create(p->context, p->fds[0]);
    p->client_ctx = SSL_CTX_new(TLS_client_method());
    om_assert(p->server && p->client_ctx);
    SSL_CTX_set_security_level(p->client_ctx, 0);
    SSL_CTX_set_max_proto_version(p->client_ctx, version_max);
    p->client = SSL_new(p->client_ctx);
    if (alpn)
        om_assert(SSL_set_alpn_protos(p->client, (const unsigned char *)alpn,
                                      (unsigned)strlen(alpn)) == 0);
    SSL_set_fd(p->client, p->fds[1]);
    SSL_set_connect_state(p->client);
}

static void stop(struct pair *p)
{
    SSL_free(p->client);
    SSL_CTX_free(p->client_ctx);
    om_tls_destroy(p->server);
    om_tls_context_destroy(p->context);
    close(p->fds[0]);
    close(p->fds[1]);
}

// How the server's side ended.
static enum om_status shake(struct pair *p)
{
    enum om_status status = OM_AGAIN;
    int done = 0;
    for (int i = 0; i < 100 && (status == OM_AGAIN || done != 1); i++) {
        done = SSL_do_handshake(p->client);
        if (status == OM_AGAIN)
            status = om_tls_handshake(p->server);
        if (status != OM_AGAIN && status != OM_OK)
            break;
    }
    return status;
}

static void test_alpn(void)
{
    static const struct {
        const char *alpn;
        int version;
        enum om_status status;
        bool is_http2;
    } cases[] = {
        {NULL, TLS1_3_VERSION, OM_OK, false},
        {"\x02h2\x08http/1.1", TLS1_3_VERSION, OM_OK, true},
        {"\x08http/1.1\x02h2", TLS1_2_VERSION, OM_OK, true},
        {"\x08http/1.1", TLS1_2_VERSION, OM_OK, false},
        {"\x04none", TLS1_3_VERSION, OM_INVALID, false},
        {NULL, TLS1_1_VERSION, OM_INVALID, false},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct pair p;
        start(&p, cases[i].alpn, cases[i].version);
        om_assert(shake(&p) == cases[i].status);
        om_assert(cases[i].status != OM_OK || om_tls_is_http2(p.server) == cases[i].is_http2);
        stop(&p);
    }
}

// More than the socket takes at once: both sides take turns until it is through.
static void test_data(void)
{
    enum { BYTES = 2000000 };
    struct pair p;
    start(&p, NULL, TLS1_3_VERSION);
    om_assert(shake(&p) == OM_OK);
    om_auto_free char *data = om_alloc(BYTES, 1), *got = om_alloc(BYTES, 1);
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (char)(i * 31 >> 3);
    size_t sent = 0, received = 0, n;
    bool was_full = false;
    while (received < BYTES) {
        enum om_status status = OM_OK;
        while (sent < BYTES && status == OM_OK) {
            status = om_tls_write(p.server, data + sent, BYTES - sent, &n);
            sent += n;
        }
        was_full |= status == OM_AGAIN && om_tls_wants_write(p.server);
        while (received < BYTES && SSL_read_ex(p.client, got + received, BYTES - received, &n) == 1)
            received += n;
    }
    om_assert(was_full && memcmp(data, got, BYTES) == 0);
    om_assert(SSL_write_ex(p.client, "0123456789", 10, &n) == 1);
    om_assert(om_tls_read(p.server, got, 4, &n) == OM_OK && n == 4);
    om_assert(om_tls_has_pending(p.server));
    om_assert(om_tls_read(p.server, got, 100, &n) == OM_OK && n == 6);
    om_assert(!om_tls_has_pending(p.server));
    om_assert(om_tls_read(p.server, got, 100, &n) == OM_AGAIN && n == 0);
    SSL_shutdown(p.client);
    om_assert(om_tls_read(p.server, got, 100, &n) == OM_END);
    om_tls_shut_down(p.server);
    stop(&p);
}

// The peer is gone: an error, and no SIGPIPE.
static void test_gone(void)
{
    struct pair p;
    size_t n;
    start(&p, NULL, TLS1_3_VERSION);
    om_assert(shake(&p) == OM_OK);
    close(p.fds[1]);
    om_assert(om_tls_write(p.server, "x", 1, &n) == OM_INVALID);
    p.fds[1] = dup(p.fds[0]);
    stop(&p);
    // Something that is no TLS at all.
    start(&p, NULL, TLS1_3_VERSION);
    om_assert(write(p.fds[1], "GET / HTTP/1.1\r\n\r\n", 18) == 18);
    om_assert(om_tls_handshake(p.server) == OM_INVALID);
    stop(&p);
}

static void test_files(void)
{
    struct om_error err;
    om_assert(!om_tls_context_create("/nonexistent.pem", key_path, &err));
    om_assert(err.status == OM_INVALID && strstr(err.text, "certificate") && err.hint[0]);
    om_assert(!om_tls_context_create(cert_path, cert_path, &err));
    om_assert(strstr(err.text, "key") && err.hint[0]);
    om_assert(!om_tls_context_create(cert_path, NULL, &err) && err.hint[0]);
}

int main(void)
{
    make_key_and_cert(key_path, cert_path);
    test_alpn();
    test_data();
    test_gone();
    test_files();
    om_assert(unlink(cert_path) == 0 && unlink(key_path) == 0);
    return 0;
}
