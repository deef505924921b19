// Feeds: request targets, Host values, and the headers Range, If-None-Match and Accept-Encoding.

#include "base/assert.h"
#include "net/asset.h"
#include "net/route.h"
#include "net/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void never(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    (void)x;
}

static const struct om_route routes[] = {
    {"GET", "/", never, "public", 0, 0, ""},
    {"GET", "/a/{b}/c", never, "public", 0, 0, ""},
    {"GET", "/a/{b}/{c}", never, "public", 0, 0, ""},
    {"DELETE", "/a/b/c", never, "public", 0, 0, ""},
    {0},
};

static void try_target(om_str in)
{
    struct om_target target;
    if (!om_target_parse(in, &target))
        return;
    om_auto_buf path, query;
    om_buf_init(&path, 1 << 16);
    om_buf_init(&query, 1 << 16);
    if (om_path_has_no_dots(target.path) && om_uri_decode(target.path, false, &path)) {
        om_str text = om_buf_str(&path);
        om_assert(text.n <= target.path.n && om_utf8_is_valid(text));
        om_assert(om_str_find_char(text, '\0') < 0 && om_str_find_char(text, '\\') < 0);
        om_assert(om_str_find(text, OM_STR("/../")) < 0 && om_str_find(text, OM_STR("/./")) < 0);
        om_assert(!om_str_ends_with(text, OM_STR("/..")));
    }
    if (om_uri_decode(target.query, true, &query))
        om_assert(query.len <= target.query.n && !memchr(om_buf_text(&query), 0, query.len));
    struct om_route_params params;
    char allow[OM_ROUTE_ALLOW_SIZE];
    const struct om_route *route = om_route_find(routes, OM_STR("GET"), target.path, &params,
                                                 allow);
    om_assert(!route || params.count <= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    om_str in = om_str_n((const char *)data, size);
    try_target(in);
    struct om_authority authority;
    if (om_authority_parse(in, &authority)) {
        om_assert(authority.name.n && authority.port >= -1 && authority.port <= 65535);
        (void)om_authority_is_loopback(&authority);
    }
    size_t from, to;
    if (om_range_parse(in, 1000, &from, &to) == OM_RANGE_PART)
        om_assert(from < to && to <= 1000);
    (void)om_etag_matches(in, OM_STR("\"a\""));
    (void)om_accepts_gzip(in);
    return 0;
}
