#include "bench/sim/auth.h"

#include <string.h>

#include "base/assert.h"

// By another implementation: md5(md5(user:realm:password):nonce:md5(method:uri)).
#define RESPONSE "99a7971b3b6da2e64b8fa74af37c22fe"

static void test_answers(void)
{
    static const struct {
        const char *given;
        bool is_good;
    } rows[] = {
        {"", false},
        {"Basic dmlld2VyOnNlOmNyZXQ=", true},
        {"basic  dmlld2VyOnNlOmNyZXQ=", true},
        {"Basic dmlld2VyOnNlOmNyZXQ", false},
        {"Basic", false},
        {"Bearer dmlld2VyOnNlOmNyZXQ=", false},
        {"Digest username=\"viewer\", realm=\"omma-camera-sim\", nonce=\"abc\", "
         "uri=\"rtsp://h/cam/1\", response=\"" RESPONSE "\"",
         true},
        {"Digest response=" RESPONSE ",uri=rtsp://h/cam/1,nonce=abc,username=viewer", true},
        // Another user, nonce, uri or response.
        {"Digest username=\"viewe\", nonce=\"abc\", uri=\"rtsp://h/cam/1\", response=\"" RESPONSE
         "\"",
         false},
        {"Digest username=\"viewer\", nonce=\"abd\", uri=\"rtsp://h/cam/1\", response=\"" RESPONSE
         "\"",
         false},
        {"Digest username=\"viewer\", nonce=\"abc\", uri=\"rtsp://h/cam/2\", response=\"" RESPONSE
         "\"",
         false},
        {"Digest username=\"viewer\", nonce=\"abc\", uri=\"rtsp://h/cam/1\", response=\"\"", false},
        {"Digest", false},
    };
    struct om_sim_auth auth;
    om_assert(om_sim_auth_init(&auth, "viewer:se:cret", NULL));
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++)
        om_assert(om_sim_auth_is_good(&auth, "abc", OM_STR("DESCRIBE"),
                                      om_str_from(rows[i].given)) == rows[i].is_good);
}

static void test_init(void)
{
    struct om_sim_auth auth;
    struct om_error err = {0};
    om_assert(om_sim_auth_init(&auth, NULL, &err) && !auth.user);
    om_assert(om_sim_auth_is_good(&auth, "abc", OM_STR("PLAY"), OM_STR("")));  // open to all
    static char longer[200];
    memset(longer, ':', sizeof(longer) - 1);
    const char *const bad[] = {"", "viewer", ":secret", longer};
    for (size_t i = 0; i < OM_ARRAY_LEN(bad); i++)
        om_assert(!om_sim_auth_init(&auth, bad[i], &err) && err.status == OM_INVALID);
    om_assert(!strstr(err.text, "secret"));
}

int main(void)
{
    test_answers();
    test_init();
    return 0;
}
