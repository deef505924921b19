#include "bench/sim/auth.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/hash.h"

enum { MD5_BYTES = 16, MD5_TEXT_SIZE = 2 * MD5_BYTES + 1 };

#define REALM "omma-camera-sim"

bool om_sim_auth_init(struct om_sim_auth *auth, const char *user_password, struct om_error *err)
{
    *auth = (struct om_sim_auth){0};
    if (!user_password)
        return true;
    char *colon = NULL;
    if (om_str_copy(auth->text, sizeof(auth->text), om_str_from(user_password)))
        colon = strchr(auth->text, ':');
    if (!colon || colon == auth->text) {
        om_error_set(err, OM_INVALID, "a password is given as USER:PASSWORD");
        om_error_hint(err, "for example --auth viewer:secret, %zu bytes at most",
                      sizeof(auth->text) - 1);
        return false;
    }
    *colon = '\0';
    auth->user = auth->text;
    auth->password = colon + 1;
    return true;
}

void om_sim_auth_challenge(const char *nonce, struct om_buf *out)
{
    om_buf_printf(out, "WWW-Authenticate: Digest realm=\"" REALM "\", nonce=\"%s\"\r\n", nonce);
    om_buf_append_text(out, "WWW-Authenticate: Basic realm=\"" REALM "\"\r\n");
}

static bool md5_text(const struct om_buf *in, char text[MD5_TEXT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (in->has_failed || EVP_Digest(om_buf_text(in), in->len, digest, &n, EVP_md5(), NULL) != 1)
        return false;
    om_hex(digest, MD5_BYTES, text);
    return true;
}

// The value of name="value" or name=value among a header's parameters.
static om_str parameter(om_str header, om_str name)
{
    om_str rest = header, item;
    while (om_str_split(&rest, ',', &item)) {
        om_str value = om_str_trim(item), key;
        if (!om_str_split(&value, '=', &key) || !om_str_equal_nocase(om_str_trim(key), name))
            continue;
        value = om_str_trim(value);
        bool is_quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
        return is_quoted ? om_str_sub(value, 1, value.n - 1) : value;
    }
    return OM_STR("");
}

// MD5 of texts with ':' between them.
static bool md5_joined(const om_str *parts, size_t count, char text[MD5_TEXT_SIZE])
{
    om_auto_buf buf = {0};
    om_buf_init(&buf, 4096);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            om_buf_append_char(&buf, ':');
        om_buf_append_str(&buf, parts[i]);
    }
    return md5_text(&buf, text);
}

static bool is_digest_good(const struct om_sim_auth *auth, const char *nonce, om_str method,
                           om_str given)
{
    char secret[MD5_TEXT_SIZE], what[MD5_TEXT_SIZE], want[MD5_TEXT_SIZE];
    om_str user = om_str_from(auth->user), once = om_str_from(nonce);
    if (!md5_joined((om_str[]){user, OM_STR(REALM), om_str_from(auth->password)}, 3, secret) ||
        !md5_joined((om_str[]){method, parameter(given, OM_STR("uri"))}, 2, what) ||
        !md5_joined((om_str[]){om_str_from(secret), once, om_str_from(what)}, 3, want))
        return false;
    return om_str_equal(parameter(given, OM_STR("username")), user) &&
           om_str_equal(parameter(given, OM_STR("nonce")), once) &&
           om_str_equal_nocase(parameter(given, OM_STR("response")), om_str_from(want));
}

static bool is_basic_good(const struct om_sim_auth *auth, om_str given)
{
    char plain[sizeof(auth->text) + 1], coded[2 * sizeof(plain)];
    om_auto_buf buf = {0};
    om_buf_init(&buf, sizeof(plain));
    om_buf_printf(&buf, "%s:%s", auth->user, auth->password);
    int n = EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)om_buf_text(&buf),
                            (int)buf.len);
    return om_str_equal(given, om_str_n(coded, (size_t)n));
}

bool om_sim_auth_is_good(const struct om_sim_auth *auth, const char *nonce, om_str method,
                         om_str authorization)
{
    if (!auth->user)
        return true;
    om_str given = authorization, scheme;
    if (!om_str_split(&given, ' ', &scheme))
        return false;
    if (om_str_equal_nocase(scheme, OM_STR("Digest")))
        return is_digest_good(auth, nonce, method, given);
    return om_str_equal_nocase(scheme, OM_STR("Basic")) && is_basic_good(auth, om_str_trim(given));
}
