// What is decided about a request before a handler sees it: targets, routes, hosts, origins,
// assets.

#include "net/request.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/asset.h"
#include "net/uri.h"

static void never(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    (void)x;
}

// ---- targets -----------------------------------------------------------------------------------

static void test_decode(void)
{
    static const struct {
        om_str raw;
        bool is_query;
        const char *text;  // NULL: refused
    } cases[] = {
        {OM_STR("/a%20b"), false, "/a b"},
        {OM_STR("K%C3%B6ln"), false, "K\xc3\xb6ln"},
        {OM_STR("a+b"), false, "a+b"},
        {OM_STR("a+b"), true, "a b"},
        {OM_STR("a%2Fb"), true, "a/b"},
        {OM_STR("a%0Ab"), true, "a\nb"},
        {OM_STR(""), false, ""},
        {OM_STR("a%2Fb"), false, NULL},
        {OM_STR("a%5cb"), false, NULL},
        {OM_STR("a\\b"), false, NULL},
        {OM_STR("a%00b"), false, NULL},
        {OM_STR("a%00b"), true, NULL},
        {OM_STR("a%0Ab"), false, NULL},
        {OM_STR("a%7f"), false, NULL},
        {OM_STR("a%"), false, NULL},
        {OM_STR("a%2"), false, NULL},
        {OM_STR("a%g0"), false, NULL},
        {OM_STR("%c3%28"), false, NULL},
        {OM_STR("%c0%af"), false, NULL},
        {OM_STR("%ed%a0%80"), false, NULL},
        {OM_STR("%f4%90%80%80"), false, NULL},
        {OM_STR("\xff"), true, NULL},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        om_auto_buf out;
        om_buf_init(&out, 100);
        bool is_fine = om_uri_decode(cases[i].raw, cases[i].is_query, &out);
        if (is_fine != (cases[i].text != NULL))
            fprintf(stderr, "decode case %zu: %.*s\n", i, OM_STR_ARG(cases[i].raw));
        om_assert(is_fine == (cases[i].text != NULL));
        om_assert(!is_fine || om_str_equal(om_buf_str(&out), om_str_from(cases[i].text)));
    }
    om_auto_buf small;
    om_buf_init(&small, 3);
    om_assert(!om_uri_decode(OM_STR("abcd"), false, &small));
}

static void test_target(void)
{
    struct om_target target;
    om_assert(om_target_parse(OM_STR("/a/b?c=d?e"), &target));
    om_assert(om_str_equal(target.path, OM_STR("/a/b")));
    om_assert(om_str_equal(target.query, OM_STR("c=d?e")) && target.authority.n == 0);
    om_assert(om_target_parse(OM_STR("HTTP://host:1/x"), &target));
    om_assert(om_str_equal(target.authority, OM_STR("host:1")));
    om_assert(om_target_parse(OM_STR("/a?u=http://b/"), &target) && target.authority.n == 0);
    static const char *const refused[] = {
        "", "a", "http://", "http:///a", "ftp://h/a", "/a#b", "http://host", "*a", "?a"};
    for (size_t i = 0; i < OM_ARRAY_LEN(refused); i++)
        om_assert(!om_target_parse(om_str_from(refused[i]), &target));
    static const char *const dotted[] = {"/.", "/a/..", "/a/../b", "/%2e", "/a/%2E./b", "/.%2e"};
    for (size_t i = 0; i < OM_ARRAY_LEN(dotted); i++)
        om_assert(!om_path_has_no_dots(om_str_from(dotted[i])));
    om_assert(om_path_has_no_dots(OM_STR("/a.b/.c/...")));
}

static void test_authority(void)
{
    static const struct {
        const char *text;
        bool is_fine, is_loopback;
        int port;
    } cases[] = {
        {"localhost", true, true, -1},
        {"LOCALHOST:80", true, true, 80},
        {"a.localhost:1", true, true, 1},
        {"127.0.0.1", true, true, -1},
        {"127.9.8.7:65535", true, true, 65535},
        {"[::1]:0", true, true, 0},
        {"10.0.0.1", true, false, -1},
        {"evil.example", true, false, -1},
        {"localhost.evil.example", true, false, -1},
        {"127.0.0.1.evil.example", true, false, -1},
        {"notlocalhost", true, false, -1},
        {"[fe80::1]", true, false, -1},
        {"localhost:", false, false, 0},
        {"localhost:65536", false, false, 0},
        {"localhost:+1", false, false, 0},
        {"[::1", false, false, 0},
        {"[::1]x", false, false, 0},
        {"[evil]", false, false, 0},
        {"a@b", false, false, 0},
        {"a b", false, false, 0},
        {"", false, false, 0},
        {":80", false, false, 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct om_authority authority;
        bool is_fine = om_authority_parse(om_str_from(cases[i].text), &authority);
        if (is_fine != cases[i].is_fine)
            fprintf(stderr, "authority \"%s\"\n", cases[i].text);
        om_assert(is_fine == cases[i].is_fine);
        om_assert(!is_fine || authority.port == cases[i].port);
        om_assert(!is_fine || om_authority_is_loopback(&authority) == cases[i].is_loopback);
    }
}

// ---- routes ------------------------------------------------------------------------------------

static const struct om_route routes[] = {
    {"GET", "/", never, "public", 0, 0, ""},
    {"GET", "/cameras", never, "read", 0, 0, ""},
    {"POST", "/cameras", never, "control", 100, 0, ""},
    {"GET", "/cameras/{id}", never, "read", 0, 0, ""},
    {"GET", "/cameras/all", never, "read", 0, 0, ""},
    {"DELETE", "/cameras/{id}", never, "control", 0, 0, ""},
    {"GET", "/cameras/{id}/shots/{shot}", never, "read", 0, 0, ""},
    {"GET", "/rpc", never, "control", 0, OM_ROUTE_WEBSOCKET, ""},
    {0},
};

static void test_routes(void)
{
    static const struct {
        const char *method, *path;
        int row;  // -1: none
        const char *allow, *value;
    } cases[] = {
        {"GET", "/", 0, "", NULL},
        {"HEAD", "/cameras", 1, "", NULL},
        {"POST", "/cameras", 2, "", NULL},
        {"GET", "/cameras/gate", 3, "", "gate"},
        {"GET", "/cameras/all", 4, "", NULL},
        {"DELETE", "/cameras/all", 5, "", "all"},
        {"GET", "/cameras/gate/shots/7", 6, "", "7"},
        {"PUT", "/cameras", -1, "GET, HEAD, POST", NULL},
        {"GET", "/cameras/", -1, "", NULL},
        {"GET", "/cameras//shots/7", -1, "", NULL},
        {"GET", "//", -1, "", NULL},
        {"GET", "/camera", -1, "", NULL},
        {"GET", "/cameras/gate/shots", -1, "", NULL},
        {"get", "/", -1, "GET, HEAD", NULL},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct om_route_params params = {.count = 0};
        char allow[OM_ROUTE_ALLOW_SIZE];
        const struct om_route *route = om_route_find(routes, om_str_from(cases[i].method),
                                                     om_str_from(cases[i].path), &params, allow);
        bool is_fine = route == (cases[i].row < 0 ? NULL : &routes[cases[i].row]) &&
                       strcmp(allow, cases[i].allow) == 0;
        if (!is_fine)
            fprintf(stderr, "%s %s: %s, allow %s\n", cases[i].method, cases[i].path,
                    route ? route->path : "none", allow);
        om_assert(is_fine);
        if (cases[i].value)
            om_assert(om_str_equal(params.values[params.count - 1], om_str_from(cases[i].value)));
    }
    struct om_error err;
    om_assert(om_route_table_check(routes, &err));
    const struct om_route twice[] = {routes[1], routes[1], {0}};
    om_assert(!om_route_table_check(twice, &err));
    const struct om_route open[] = {{"GET", "/a", never, NULL, 0, 0, ""}, {0}};
    om_assert(!om_route_table_check(open, &err));
}

// ---- hosts and origins -------------------------------------------------------------------------

static const char *const names[] = {"omma.example", NULL};
static const struct om_request_policy policy = {.routes = routes,
                                                .header_bytes_max = 4096,
                                                .uri_max = 1024,
                                                .headers_max = 20,
                                                .host_names = names};

struct ask {
    const char *method, *target, *host, *origin, *site;
    bool is_tls;
    int status;  // 0: goes on
};

static int check(const struct ask *ask)
{
    struct om_request request;
    om_request_init(&request, &policy);
    request.version = 11;
    request.is_tls = ask->is_tls;
    om_str_copy(request.method, sizeof(request.method), om_str_from(ask->method));
    om_str_copy(request.local_name, sizeof(request.local_name), OM_STR("192.168.1.5"));
    om_buf_append_text(&request.target, ask->target);
    om_assert(om_head_add(&request.head, OM_STR("HOST"), om_str_from(ask->host)));
    if (ask->origin)
        om_assert(om_head_add(&request.head, OM_STR("origin"), om_str_from(ask->origin)));
    if (ask->site)
        om_assert(om_head_add(&request.head, OM_STR("sec-fetch-site"), om_str_from(ask->site)));
    int status = om_request_check(&request, &policy).status;
    om_request_finish(&request);
    return status;
}

static void test_hosts_and_origins(void)
{
    static const struct ask asks[] = {
        {"GET", "/", "localhost:8080", NULL, NULL, false, 0},
        {"GET", "/", "192.168.1.5:8080", NULL, NULL, false, 0},
        {"GET", "/", "192.168.1.6:8080", NULL, NULL, false, 421},
        {"GET", "/", "OMMA.example", NULL, NULL, false, 0},
        {"GET", "/", "evil.example", NULL, NULL, false, 421},
        {"GET", "/", "localhost, evil", NULL, NULL, false, 400},
        {"GET", "http://evil.example/", "localhost", NULL, NULL, false, 421},
        {"GET", "http://localhost/", "evil.example", NULL, NULL, false, 0},
        // Reading is harmless: a foreign page cannot see the answer.
        {"GET", "/", "localhost", "http://evil.example", "cross-site", false, 0},
        {"POST", "/cameras", "localhost:8080", NULL, NULL, false, 0},
        {"POST", "/cameras", "localhost:8080", "http://localhost:8080", "same-origin", false, 0},
        {"POST", "/cameras", "localhost", "http://localhost:80", NULL, false, 0},
        {"POST", "/cameras", "localhost:443", "https://localhost", NULL, true, 0},
        {"POST", "/cameras", "localhost:8080", "http://localhost:3000", "same-site", false, 403},
        {"POST", "/cameras", "localhost:8080", "http://evil.example", NULL, false, 403},
        {"POST", "/cameras", "localhost:8080", "https://localhost:8080", NULL, false, 403},
        {"POST", "/cameras", "localhost:8080", "null", NULL, false, 403},
        {"POST", "/cameras", "localhost:8080", "", NULL, false, 403},
        {"POST", "/cameras", "localhost:8080", "file://", NULL, false, 403},
        {"POST", "/cameras", "localhost:8080", NULL, "cross-site", false, 403},
        {"POST", "/cameras", "localhost:8080", NULL, "same-site", false, 403},
        {"POST", "/cameras", "localhost:8080", NULL, "none", false, 0},
        {"DELETE", "/cameras/a", "localhost:8080", "http://evil.example", NULL, false, 403},
        // Behind a proxy that ends TLS.
        {"POST", "/cameras", "omma.example", "https://omma.example", "same-origin", false, 0},
        {"POST", "/cameras", "omma.example", "https://evil.example", NULL, false, 403},
        {"POST", "/cameras", "omma.example", "https://omma.example:444", NULL, false, 403},
        {"GET", "/rpc", "localhost", NULL, NULL, false, 426},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(asks); i++) {
        int status = check(&asks[i]);
        if (status != asks[i].status)
            fprintf(stderr, "ask %zu: %d, not %d\n", i, status, asks[i].status);
        om_assert(status == asks[i].status);
    }
}

static void add_fields(struct om_head *head, const char *const *fields)
{
    for (; *fields; fields += 2)
        om_assert(om_head_add(head, om_str_from(fields[0]), om_str_from(fields[1])));
}

static void test_websocket(void)
{
    static const char *const fine[] = {"host",
                                       "localhost",
                                       "upgrade",
                                       "WebSocket",
                                       "connection",
                                       "keep-alive, Upgrade",
                                       "sec-websocket-version",
                                       "13",
                                       "sec-websocket-key",
                                       "dGhlIHNhbXBsZSBub25jZQ==",
                                       NULL};
    static const struct {
        int at;  // which value is replaced
        const char *value;
        int status;
    } cases[] = {{3, "websocket", 0},
                 {3, "h2c", 426},
                 {5, "keep-alive", 426},
                 {7, "12", 426},
                 {9, "c2hvcnQ=", 400}};
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        const char *fields[OM_ARRAY_LEN(fine)];
        memcpy(fields, fine, sizeof(fine));
        fields[cases[i].at] = cases[i].value;
        struct om_request request;
        om_request_init(&request, &policy);
        request.version = 11;
        om_str_copy(request.method, sizeof(request.method), OM_STR("GET"));
        om_buf_append_text(&request.target, "/rpc");
        add_fields(&request.head, fields);
        om_assert(om_request_check(&request, &policy).status == cases[i].status);
        om_request_finish(&request);
    }
    // From a foreign page.
    struct om_request request;
    om_request_init(&request, &policy);
    request.version = 11;
    om_str_copy(request.method, sizeof(request.method), OM_STR("GET"));
    om_buf_append_text(&request.target, "/rpc");
    add_fields(&request.head, fine);
    om_assert(om_head_add(&request.head, OM_STR("origin"), OM_STR("http://evil.example")));
    om_assert(om_request_check(&request, &policy).status == 403);
    om_request_finish(&request);
}

static void test_query(void)
{
    struct om_request request;
    om_request_init(&request, &policy);
    request.version = 10;
    om_str_copy(request.method, sizeof(request.method), OM_STR("GET"));
    om_buf_append_text(&request.target, "/cameras/x%20y?a=1&&b&c=%26%3D&a=2&=d");
    om_assert(!om_request_check(&request, &policy).reason && request.pairs_count == 5);
    om_assert(om_str_equal(request.pairs[2].value, OM_STR("&=")));
    om_assert(om_str_equal(request.pairs[1].key, OM_STR("b")) && request.pairs[1].value.n == 0);
    om_assert(om_str_equal(request.path, OM_STR("/cameras/x y")));
    om_assert(om_str_equal(request.params.values[0], OM_STR("x y")));
    om_request_finish(&request);
    om_request_init(&request, &policy);
    request.version = 10;
    om_str_copy(request.method, sizeof(request.method), OM_STR("GET"));
    om_buf_append_text(&request.target, "/cameras?");
    for (int i = 0; i <= OM_QUERY_PAIRS_MAX; i++)
        om_buf_append_text(&request.target, "a=1&");
    om_assert(om_request_check(&request, &policy).status == 400);
    om_request_finish(&request);
}

// ---- heads and assets --------------------------------------------------------------------------

static void test_head(void)
{
    struct om_head head;
    om_str value;
    om_head_init(&head, 20, 3);
    om_assert(om_head_add_name(&head, OM_STR("Na")) && om_head_add_name(&head, OM_STR("me")));
    om_assert(om_head_add_value(&head, OM_STR(" va")) && om_head_add_value(&head, OM_STR("lue ")));
    om_assert(om_head_get(&head, "name", &value) && om_str_equal(value, OM_STR("value")));
    om_assert(om_head_add(&head, OM_STR("e"), OM_STR("")));
    om_assert(om_head_get(&head, "E", &value) && value.n == 0);
    om_assert(!om_head_get(&head, "nam", &value) && om_head_count(&head, "name") == 1);
    om_assert(!om_head_add(&head, OM_STR("long"), OM_STR("0123456789")) && head.is_too_long);
    om_head_finish(&head);
    om_head_init(&head, 100, 1);
    om_assert(om_head_add(&head, OM_STR("a"), OM_STR("b")));
    om_assert(!om_head_add(&head, OM_STR("c"), OM_STR("d")));
    om_head_finish(&head);
    om_assert(om_head_list_has(OM_STR("a, B ;q=1,c"), "b") && !om_head_list_has(OM_STR("ab"), "a"));
}

static void test_ranges(void)
{
    static const struct {
        const char *header;
        enum om_range kind;
        size_t from, to;
    } cases[] = {
        {"bytes=0-0", OM_RANGE_PART, 0, 1},
        {"bytes=5-", OM_RANGE_PART, 5, 100},
        {"bytes=5-900", OM_RANGE_PART, 5, 100},
        {"Bytes=-10", OM_RANGE_PART, 90, 100},
        {"bytes=-900", OM_RANGE_PART, 0, 100},
        {"bytes=100-", OM_RANGE_OUTSIDE, 0, 0},
        {"bytes=-0", OM_RANGE_OUTSIDE, 0, 0},
        {"bytes=2-1", OM_RANGE_ALL, 0, 0},
        {"bytes=0-1,3-4", OM_RANGE_ALL, 0, 0},
        {"items=0-1", OM_RANGE_ALL, 0, 0},
        {"bytes=", OM_RANGE_ALL, 0, 0},
        {"bytes=a-b", OM_RANGE_ALL, 0, 0},
        {"bytes=-", OM_RANGE_ALL, 0, 0},
        {"bytes=+1-2", OM_RANGE_ALL, 0, 0},
        {"bytes=99999999999999999999-", OM_RANGE_ALL, 0, 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        size_t from = 0, to = 0;
        enum om_range kind = om_range_parse(om_str_from(cases[i].header), 100, &from, &to);
        om_assert(kind == cases[i].kind && from == cases[i].from && to == cases[i].to);
    }
    om_assert(om_range_parse(OM_STR("bytes=0-"), 0, &(size_t){0}, &(size_t){0}) ==
              OM_RANGE_OUTSIDE);
    om_assert(om_etag_matches(OM_STR("\"x\", W/\"a\""), OM_STR("\"a\"")));
    om_assert(om_etag_matches(OM_STR("*"), OM_STR("\"a\"")));
    om_assert(!om_etag_matches(OM_STR("\"ab\""), OM_STR("\"a\"")));
    om_assert(om_accepts_gzip(OM_STR("deflate, GZIP;q=0.1")));
    om_assert(!om_accepts_gzip(OM_STR("gzip; q=0.0, br")) && !om_accepts_gzip(OM_STR("gzipped")));
    char date[OM_HTTP_DATE_SIZE];
    om_assert(strcmp(om_http_date(784111777000000, date), "Sun, 06 Nov 1994 08:49:37 GMT") == 0);
}

int main(void)
{
    test_decode();
    test_target();
    test_authority();
    test_routes();
    test_hosts_and_origins();
    test_websocket();
    test_query();
    test_head();
    test_ranges();
    return 0;
}
