#include "source/rtsp_auth.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "source/rtsp_text.h"

static bool learn(struct om_rtsp_auth *auth, const char *challenges)
{
    static char text[8192];
    struct om_rtsp_message answer;
    snprintf(text, sizeof(text), "RTSP/1.0 401 Unauthorized\r\n%s\r\n", challenges);
    om_assert(om_rtsp_message_parse(om_str_from(text), &answer) == OM_OK);
    return om_rtsp_auth_learn(auth, &answer);
}

// The examples of RFC 7617, RFC 2617, RFC 7616, and two computed by hand (Python's hashlib).
static void test_answers(void)
{
    static const struct {
        const char *user, *password, *method, *url, *nonce, *challenge, *want;
    } rows[] = {
        {"Aladdin", "open sesame", "DESCRIBE", "rtsp://h/x", "",
         "WWW-Authenticate: Basic realm=\"x\"\r\n",
         "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"},
        {"Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b",
         "WWW-Authenticate: Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
         "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
         "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"\r\n",
         "response=\"6629fae49393a05397450978507c4ef1\", "
         "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\", qop=auth, nc=00000001, cnonce=\"0a4f113b\""},
        {"Mufasa", "Circle of Life", "GET", "/dir/index.html",
         "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "WWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
         "algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
         "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"\r\n",
         "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", "
         "algorithm=SHA-256"},
        {"Mufasa", "Circle of Life", "GET", "/dir/index.html",
         "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "WWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
         "algorithm=MD5, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
         "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"\r\n",
         "response=\"8ca523f5e9506fed4657c9700eebdbec\""},
        {"admin", "12345", "DESCRIBE", "rtsp://h/x", "00",
         "WWW-Authenticate: Digest realm=\"cam\",nonce=\"abc\"\r\n",
         "Authorization: Digest username=\"admin\", realm=\"cam\", nonce=\"abc\", "
         "uri=\"rtsp://h/x\", response=\"63d96d7ba98d2c568e7538b8ff22a2c8\"\r\n"},
        {"admin", "12345", "DESCRIBE", "rtsp://h/x", "00112233",
         "WWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\", algorithm=MD5-sess, qop=auth\r\n",
         "response=\"7f723efcdf8dcdb73936a8b9a038ca5d\", algorithm=MD5-sess, qop=auth, "
         "nc=00000001, cnonce=\"00112233\""},
        {"a\"b\\", "", "PLAY", "u", "", "WWW-Authenticate: Digest realm=\"\",nonce=\"n\"\r\n",
         "username=\"a\\\"b\\\\\", realm=\"\""},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_rtsp_auth auth = {.user = rows[i].user, .password = rows[i].password};
        om_auto_buf out;
        om_buf_init(&out, 4096);
        om_assert(learn(&auth, rows[i].challenge));
        om_rtsp_auth_write(&auth, rows[i].method, rows[i].url, rows[i].nonce, &out);
        if (om_str_find(om_buf_str(&out), om_str_from(rows[i].want)) < 0)
            fprintf(stderr, "%zu: %s\n", i, om_buf_text(&out));
        om_assert(om_str_find(om_buf_str(&out), om_str_from(rows[i].want)) >= 0);
        om_assert(om_str_ends_with(om_buf_str(&out), OM_STR("\r\n")));
        om_assert(i == 0 || i == 6 ||
                  om_str_find(om_buf_str(&out), om_str_from(rows[i].password)) < 0);
    }
}

static void test_choice(void)
{
    static const struct {
        const char *challenges;
        enum om_rtsp_scheme scheme;
        bool is_stale;
    } rows[] = {
        {"WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Digest "
         "realm=\"x\",nonce=\"1\"\r\n",
         OM_RTSP_MD5, false},
        {"WWW-Authenticate: Digest nonce=\"1\",algorithm=\"SHA-256\"\r\n"
         "WWW-Authenticate: Digest nonce=\"1\",algorithm=MD5,stale=TRUE\r\n",
         OM_RTSP_SHA256, false},
        {"WWW-Authenticate: Digest nonce=\"1\", stale=true\r\n", OM_RTSP_MD5, true},
        {"WWW-Authenticate: digest nonce=1\r\n", OM_RTSP_MD5, false},
        {"WWW-Authenticate: Digest nonce=\"1\",algorithm=SHA-512-256\r\n"
         "WWW-Authenticate: Basic\r\n",
         OM_RTSP_BASIC, false},
        {"WWW-Authenticate: Digest nonce=\"1\",qop=\"auth-int\"\r\n", OM_RTSP_NO_AUTH, false},
        {"WWW-Authenticate: Digest realm=\"no nonce\"\r\n", OM_RTSP_NO_AUTH, false},
        {"WWW-Authenticate: Negotiate x\r\n", OM_RTSP_NO_AUTH, false},
        {"X: y\r\n", OM_RTSP_NO_AUTH, false},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_rtsp_auth auth = {.user = "u", .password = "p"};
        om_assert(learn(&auth, rows[i].challenges) == (rows[i].scheme != OM_RTSP_NO_AUTH));
        om_assert(auth.scheme == rows[i].scheme && auth.is_stale == rows[i].is_stale);
        om_assert(strcmp(auth.user, "u") == 0);
    }
}

// Nonces beyond the bound are refused; a request count rises with each request; what is unknown
// writes nothing.
static void test_bounds(void)
{
    char text[OM_RTSP_NONCE_SIZE + 200];
    struct om_rtsp_auth auth = {.user = "u", .password = "p"};
    om_auto_buf out;

    om_buf_init(&out, 4096);
    om_rtsp_auth_write(&auth, "PLAY", "u", "", &out);
    om_assert(out.len == 0);
    int n = snprintf(text, sizeof(text), "WWW-Authenticate: Digest nonce=\"");
    memset(text + n, 'n', OM_RTSP_NONCE_SIZE);
    snprintf(text + n + OM_RTSP_NONCE_SIZE, 5, "\"\r\n");
    om_assert(!learn(&auth, text) && auth.scheme == OM_RTSP_NO_AUTH);
    om_assert(learn(&auth, "WWW-Authenticate: Digest nonce=\"1\",qop=auth\r\n"));
    om_rtsp_auth_write(&auth, "PLAY", "u", "ab", &out);
    om_rtsp_auth_write(&auth, "PLAY", "u", "ab", &out);
    om_assert(om_str_find(om_buf_str(&out), OM_STR("nc=00000002")) > 0);
}

int main(void)
{
    test_answers();
    test_choice();
    test_bounds();
    return 0;
}
