#include "net/request.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "net/uri.h"

#define REFUSE(reason_, status_, detail_, hint_)                                                   \
    ((struct om_refusal){.reason = OM_REFUSED_##reason_,                                           \
                         .status = (status_),                                                      \
                         .detail = (detail_),                                                      \
                         .hint = (hint_)})
#define ACCEPT ((struct om_refusal){0})

void om_request_init(struct om_request *request, const struct om_request_policy *policy)
{
    *request = (struct om_request){0};
    om_buf_init(&request->target, policy->uri_max);
    om_head_init(&request->head, policy->header_bytes_max, policy->headers_max);
    om_buf_init(&request->body, 0);
    // Decoding never grows a text; the path, the query and the parameters each come once.
    om_buf_init(&request->text, 3 * policy->uri_max + 16);
}

void om_request_finish(struct om_request *request)
{
    om_buf_finish(&request->target);
    om_head_finish(&request->head);
    om_buf_finish(&request->body);
    om_buf_finish(&request->text);
    om_free(request->pairs);
    *request = (struct om_request){0};
}

bool om_request_is_head(const struct om_request *request)
{
    return strcmp(request->method, "HEAD") == 0;
}

bool om_request_is_safe(const struct om_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ||
           strcmp(request->method, "OPTIONS") == 0;
}

bool om_request_wants_websocket(const struct om_request *request)
{
    om_str upgrade, connection;
    return request->version == 11 && om_head_get(&request->head, "upgrade", &upgrade) &&
           om_head_get(&request->head, "connection", &connection) &&
           om_head_list_has(upgrade, "websocket") && om_head_list_has(connection, "upgrade");
}

// ---- what is asked for -------------------------------------------------------------------------

// Appends the decoded text and gives it as a slice of request->text, which was reserved whole
// before: a slice must not move.
static bool decode(struct om_request *request, om_str raw, bool is_query, om_str *ret)
{
    size_t from = request->text.len;
    if (!om_uri_decode(raw, is_query, &request->text))
        return false;
    *ret = om_str_sub(om_buf_str(&request->text), from, request->text.len);
    return true;
}

static bool read_query(struct om_request *request, om_str query)
{
    om_str piece;
    while (om_str_split(&query, '&', &piece)) {
        if (piece.n == 0)
            continue;
        if (request->pairs_count == OM_QUERY_PAIRS_MAX)
            return false;
        if (request->pairs_count % 8 == 0)
            request->pairs = om_realloc(request->pairs, (size_t)request->pairs_count + 8,
                                        sizeof(*request->pairs));
        ptrdiff_t equals = om_str_find_char(piece, '=');
        om_str key = equals < 0 ? piece : om_str_sub(piece, 0, (size_t)equals);
        om_str value = equals < 0 ? OM_STR("") : om_str_sub(piece, (size_t)equals + 1, piece.n);
        struct om_query_pair *pair = &request->pairs[request->pairs_count];
        if (!decode(request, key, true, &pair->key) || !decode(request, value, true, &pair->value))
            return false;
        request->pairs_count++;
    }
    return true;
}

static struct om_refusal read_target(struct om_request *request, struct om_target *target)
{
    if (!om_target_parse(om_buf_str(&request->target), target) ||
        !om_path_has_no_dots(target->path))
        return REFUSE(SYNTAX, 400, "the request target is malformed",
                      "a path starts with '/' and has no '.' or '..' segments");
    if (!om_buf_reserve(&request->text, 3 * request->target.len))
        return REFUSE(LIMIT, 503, "no memory for this request", "try again later");
    if (!decode(request, target->path, false, &request->path) ||
        !read_query(request, target->query))
        return REFUSE(SYNTAX, 400, "the request target is not properly percent-encoded",
                      "encode it as UTF-8; no NUL, control byte or slash inside a segment, at most "
                      "64 query parameters");
    return ACCEPT;
}

// ---- whether we are meant ----------------------------------------------------------------------

static bool is_listed(const struct om_request_policy *policy, om_str name)
{
    for (const char *const *at = policy->host_names; at && *at; at++)
        if (om_str_equal_nocase(om_str_from(*at), name))
            return true;
    return false;
}

// Every request names the server it means; a web page that had its own name rebound to our address
// still sends its own name. An address cannot be rebound, so the one the connection came to is
// fine.
static struct om_refusal check_host(struct om_request *request,
                                    const struct om_request_policy *policy, om_str from_target)
{
    om_str host = OM_STR("");
    int count = om_head_count(&request->head, "host");
    bool has_host = om_head_get(&request->head, "host", &host);
    if (count > 1 || (request->version == 11 && !has_host))
        return REFUSE(SYNTAX, 400, "a request names its host exactly once", "send one Host header");
    request->authority = from_target.n ? from_target : host;
    if (request->authority.n == 0 && request->version == 10)
        return ACCEPT;
    struct om_authority authority;
    if (!om_authority_parse(request->authority, &authority))
        return REFUSE(SYNTAX, 400, "the host name is malformed", "send a name or an address");
    if (om_authority_is_loopback(&authority) || is_listed(policy, authority.name) ||
        om_str_equal_nocase(authority.name, om_str_from(request->local_name)))
        return ACCEPT;
    return REFUSE(HOST, 421, "this server does not go by that name",
                  "use localhost or the listen address, or list the name in the option host-names");
}

// ---- whether a foreign page sent it ------------------------------------------------------------

static bool is_same_origin(const struct om_request *request, const struct om_request_policy *policy,
                           om_str origin)
{
    bool is_https = om_str_starts_with(origin, OM_STR("https://"));
    if (!is_https && !om_str_starts_with(origin, OM_STR("http://")))
        return false;
    om_str text = om_str_sub(origin, is_https ? 8 : 7, origin.n);
    struct om_authority from, to;
    if (!om_authority_parse(text, &from) || !om_authority_parse(request->authority, &to) ||
        !om_str_equal_nocase(from.name, to.name))
        return false;
    // Behind a proxy that ends TLS the page is https and the connection is not; such a name is
    // listed.
    bool to_https = request->is_tls || (is_https && is_listed(policy, to.name));
    int from_port = from.port >= 0 ? from.port : is_https ? 443 : 80;
    int to_port = to.port >= 0 ? to.port : to_https ? 443 : 80;
    return is_https == to_https && from_port == to_port;
}

static struct om_refusal check_origin(const struct om_request *request,
                                      const struct om_request_policy *policy)
{
    if (om_request_is_safe(request) && !om_request_wants_websocket(request))
        return ACCEPT;
    om_str origin, site;
    bool is_foreign = om_head_get(&request->head, "origin", &origin) &&
                      !is_same_origin(request, policy, origin);
    is_foreign = is_foreign || om_head_count(&request->head, "origin") > 1;
    if (om_head_get(&request->head, "sec-fetch-site", &site))
        is_foreign = is_foreign || !(om_str_equal(site, OM_STR("same-origin")) ||
                                     om_str_equal(site, OM_STR("none")));
    if (is_foreign)
        return REFUSE(ORIGIN, 403, "a page of another origin may not do that",
                      "open the page of this server itself, or call it from outside a browser");
    return ACCEPT;
}

// ---- the rest ----------------------------------------------------------------------------------

static struct om_refusal check_websocket(const struct om_request *request)
{
    if (!(request->route->flags & OM_ROUTE_WEBSOCKET))
        return ACCEPT;
    if (!om_request_wants_websocket(request))
        return REFUSE(ROUTE, 426, "this address speaks WebSocket only",
                      "connect with a WebSocket client over HTTP/1.1");
    om_str version, key;
    if (!om_head_get(&request->head, "sec-websocket-version", &version) ||
        !om_str_equal(version, OM_STR("13")))
        return REFUSE(ROUTE, 426, "only version 13 of WebSocket is spoken here",
                      "send Sec-WebSocket-Version: 13");
    if (!om_head_get(&request->head, "sec-websocket-key", &key) || key.n != 24 ||
        om_head_count(&request->head, "sec-websocket-key") != 1)
        return REFUSE(SYNTAX, 400, "the WebSocket key is malformed",
                      "send 16 random bytes in base64");
    return ACCEPT;
}

static struct om_refusal check_body(const struct om_request *request)
{
    om_str expect;
    if (om_head_get(&request->head, "expect", &expect) &&
        !om_str_equal_nocase(expect, OM_STR("100-continue")))
        return REFUSE(SYNTAX, 417, "only 100-continue can be expected", "leave Expect out");
    if (request->has_body && request->body_len > request->route->body_max)
        return REFUSE(BODY, 413, "the body is larger than this call takes", "send less");
    return ACCEPT;
}

static struct om_refusal find_route(struct om_request *request,
                                    const struct om_request_policy *policy, om_str path)
{
    request->route = om_route_find(policy->routes, om_str_from(request->method), path,
                                   &request->params, request->allow);
    if (!request->route && request->allow[0])
        return REFUSE(ROUTE, 405, "this address does not take that method",
                      "the header Allow lists those it takes");
    if (!request->route)
        return REFUSE(ROUTE, 404, "nothing is here", "/openapi.json lists every address");
    for (int i = 0; i < request->params.count; i++)
        if (!decode(request, request->params.values[i], false, &request->params.values[i]))
            return REFUSE(SYNTAX, 400, "the path is malformed", "percent-encode it as UTF-8");
    return ACCEPT;
}

struct om_refusal om_request_check(struct om_request *request,
                                   const struct om_request_policy *policy)
{
    om_assert(!request->route && request->text.len == 0);
    struct om_target target;
    struct om_refusal refusal = read_target(request, &target);
    if (!refusal.reason)
        refusal = check_host(request, policy, target.authority);
    if (!refusal.reason)
        refusal = check_origin(request, policy);
    if (!refusal.reason)
        refusal = find_route(request, policy, target.path);
    if (!refusal.reason)
        refusal = check_websocket(request);
    if (!refusal.reason)
        refusal = check_body(request);
    if (!refusal.reason)
        om_buf_init(&request->body, request->route->body_max);
    return refusal;
}

bool om_request_add_body(struct om_request *request, om_str piece)
{
    // A short body is taken whole at once; a long one must come before it costs anything.
    enum { AT_ONCE_MAX = 256 * 1024 };
    if (request->body.len == 0 && request->body_len <= request->body.len_max)
        (void)!om_buf_reserve(&request->body, OM_MIN((size_t)request->body_len, AT_ONCE_MAX));
    om_buf_append_str(&request->body, piece);
    return !request->body.has_failed;
}

const char *om_refused_name(enum om_refused reason)
{
    static const char *const names[OM_REFUSED_COUNT] = {
        [OM_REFUSED_NOT] = "not",       [OM_REFUSED_SYNTAX] = "syntax", [OM_REFUSED_HOST] = "host",
        [OM_REFUSED_ORIGIN] = "origin", [OM_REFUSED_ROUTE] = "route",   [OM_REFUSED_URI] = "uri",
        [OM_REFUSED_HEADER] = "header", [OM_REFUSED_BODY] = "body",     [OM_REFUSED_SLOW] = "slow",
        [OM_REFUSED_LIMIT] = "limit",   [OM_REFUSED_FLOOD] = "flood",
    };
    return names[reason];
}
