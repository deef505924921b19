#include "source/rtsp_auth.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "source/rtsp_text.h"

enum { CHALLENGES_MAX = 8, DIGEST_TEXT_SIZE = OM_SHA256_TEXT_SIZE, SECRET_MAX = 4096 };

// ---- challenges --------------------------------------------------------------------------------

static enum om_rtsp_scheme digest_scheme(om_str params, bool *ret_is_session)
{
    om_str name = OM_STR("MD5");

    (void)om_rtsp_param(params, ',', "algorithm", &name);
    *ret_is_session = name.n > 5 &&
                      om_str_equal_nocase(om_str_sub(name, name.n - 5, name.n), OM_STR("-sess"));
    if (*ret_is_session)
        name.n -= 5;
    return om_str_equal_nocase(name, OM_STR("SHA-256")) ? OM_RTSP_SHA256
           : om_str_equal_nocase(name, OM_STR("MD5"))   ? OM_RTSP_MD5
                                                        : OM_RTSP_NO_AUTH;
}

// Whether "auth" is among the ways of a qop list.
static bool offers_auth(om_str list)
{
    om_str one;

    while (om_str_split(&list, ',', &one)) {
        if (om_str_equal_nocase(om_str_trim(one), OM_STR("auth")))
            return true;
    }
    return false;
}

static bool copy_param(om_str params, const char *name, char *out, size_t size)
{
    om_str value;

    out[0] = '\0';
    if (!om_rtsp_param(params, ',', name, &value))
        return true;
    for (size_t i = 0; i < value.n; i++) {
        if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
            return false;
    }
    return om_str_copy(out, size, value);
}

static bool parse_digest(om_str params, struct om_rtsp_auth *ret)
{
    om_str value;

    ret->scheme = digest_scheme(params, &ret->is_session);
    ret->has_qop = om_rtsp_param(params, ',', "qop", &value) && value.n > 0;
    if (ret->has_qop && !offers_auth(value))
        return false;
    ret->is_stale = om_rtsp_param(params, ',', "stale", &value) &&
                    om_str_equal_nocase(value, OM_STR("true"));
    return ret->scheme != OM_RTSP_NO_AUTH &&
           copy_param(params, "realm", ret->realm, sizeof(ret->realm)) &&
           copy_param(params, "nonce", ret->nonce, sizeof(ret->nonce)) &&
           copy_param(params, "opaque", ret->opaque, sizeof(ret->opaque)) && ret->nonce[0];
}

static bool parse_challenge(om_str value, struct om_rtsp_auth *ret)
{
    ptrdiff_t blank = om_str_find_char(value, ' ');
    om_str name = om_str_sub(value, 0, blank < 0 ? value.n : (size_t)blank);

    if (om_str_equal_nocase(name, OM_STR("Basic"))) {
        ret->scheme = OM_RTSP_BASIC;
        return true;
    }
    return om_str_equal_nocase(name, OM_STR("Digest")) &&
           parse_digest(om_str_sub(value, name.n, value.n), ret);
}

bool om_rtsp_auth_learn(struct om_rtsp_auth *auth, const struct om_rtsp_message *answer)
{
    struct om_rtsp_auth best = {.scheme = OM_RTSP_NO_AUTH};
    om_str value;

    for (int i = 0; i < CHALLENGES_MAX && om_rtsp_header(answer, "WWW-Authenticate", i, &value);
         i++) {
        struct om_rtsp_auth one = {.user = auth->user, .password = auth->password};
        if (parse_challenge(value, &one) && one.scheme > best.scheme)
            best = one;
    }
    if (best.scheme == OM_RTSP_NO_AUTH)
        return false;
    *auth = best;
    return true;
}

// ---- answers -----------------------------------------------------------------------------------

// Hex of the hash of what is in `text`, which is emptied. False when it could not be made.
static bool hash_text(const struct om_rtsp_auth *auth, struct om_buf *text,
                      char out[DIGEST_TEXT_SIZE])
{
    unsigned char digest[OM_SHA256_BYTES];
    bool is_made = !text->has_failed;

    if (is_made && auth->scheme == OM_RTSP_SHA256) {
        om_sha256(om_buf_text(text), text->len, digest);
        om_hex(digest, OM_SHA256_BYTES, out);
    } else if (is_made) {
        is_made = om_md5(om_buf_text(text), text->len, digest);
        om_hex(digest, is_made ? OM_MD5_BYTES : 0, out);
    }
    if (text->data)
        explicit_bzero(text->data, text->cap);
    om_buf_clear(text);
    return is_made;
}

static bool respond(const struct om_rtsp_auth *auth, const char *method, const char *url,
                    const char *client_nonce, char out[DIGEST_TEXT_SIZE])
{
    char who[DIGEST_TEXT_SIZE], what[DIGEST_TEXT_SIZE];
    om_auto_buf text;

    om_buf_init(&text, SECRET_MAX);
    // All the room at once: growing would leave the password behind in freed memory.
    if (!om_buf_reserve(&text, SECRET_MAX))
        return false;
    om_buf_printf(&text, "%s:%s:%s", auth->user, auth->realm, auth->password);
    if (!hash_text(auth, &text, who))
        return false;
    if (auth->is_session) {
        om_buf_printf(&text, "%s:%s:%s", who, auth->nonce, client_nonce);
        if (!hash_text(auth, &text, who))
            return false;
    }
    om_buf_printf(&text, "%s:%s", method, url);
    if (!hash_text(auth, &text, what))
        return false;
    om_buf_printf(&text, "%s:%s:", who, auth->nonce);
    if (auth->has_qop)
        om_buf_printf(&text, "%08x:%s:auth:", auth->count, client_nonce);
    om_buf_append_text(&text, what);
    return hash_text(auth, &text, out);
}

static void write_quoted(struct om_buf *out, const char *name, const char *value)
{
    om_buf_printf(out, "%s=\"", name);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            om_buf_append_char(out, '\\');
        om_buf_append_char(out, *c);
    }
    om_buf_append_char(out, '"');
}

// Realm, nonce and opaque go back as they came, with the escapes they had.
static void write_digest(struct om_rtsp_auth *auth, const char *method, const char *url,
                         const char *client_nonce, struct om_buf *out)
{
    char response[DIGEST_TEXT_SIZE];

    auth->count++;
    if (!respond(auth, method, url, client_nonce, response))
        return;
    om_buf_append_text(out, "Authorization: Digest ");
    write_quoted(out, "username", auth->user);
    om_buf_printf(out, ", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\"", auth->realm,
                  auth->nonce, url, response);
    bool is_sha = auth->scheme == OM_RTSP_SHA256;
    if (is_sha || auth->is_session)
        om_buf_printf(out, ", algorithm=%s%s", is_sha ? "SHA-256" : "MD5",
                      auth->is_session ? "-sess" : "");
    if (auth->opaque[0])
        om_buf_printf(out, ", opaque=\"%s\"", auth->opaque);
    if (auth->has_qop)
        om_buf_printf(out, ", qop=auth, nc=%08x", auth->count);
    if (auth->has_qop || auth->is_session)
        om_buf_printf(out, ", cnonce=\"%s\"", client_nonce);
    om_buf_append_text(out, "\r\n");
}

static void write_basic(const struct om_rtsp_auth *auth, struct om_buf *out)
{
    char plain[1200], text[1700];
    size_t user = strlen(auth->user), password = strlen(auth->password);

    if (user + 1 + password <= sizeof(plain)) {
        memcpy(plain, auth->user, user);
        plain[user] = ':';
        memcpy(plain + user + 1, auth->password, password);
        if (om_rtsp_base64_write(om_str_n(plain, user + 1 + password), text, sizeof(text)))
            om_buf_printf(out, "Authorization: Basic %s\r\n", text);
    }
    explicit_bzero(plain, sizeof(plain));
    explicit_bzero(text, sizeof(text));
}

void om_rtsp_auth_write(struct om_rtsp_auth *auth, const char *method, const char *url,
                        const char *client_nonce, struct om_buf *out)
{
    if (auth->scheme == OM_RTSP_BASIC)
        write_basic(auth, out);
    else if (auth->scheme != OM_RTSP_NO_AUTH)
        write_digest(auth, method, url, client_nonce, out);
}
