#include "net/route.h"

#include <stdio.h>

#include "base/error.h"

static bool is_param(om_str segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

// How many literal segments the path shares with the pattern, plus one; 0 when they do not fit.
static int fit(om_str pattern, om_str path, struct om_route_params *params)
{
    int literals = 1;
    om_str wanted, got;
    params->count = 0;
    for (;;) {
        bool has_wanted = om_str_split(&pattern, '/', &wanted);
        bool has_got = om_str_split(&path, '/', &got);
        if (!has_wanted && !has_got)
            return literals;
        if (has_wanted != has_got)
            return 0;
        if (is_param(wanted)) {
            if (got.n == 0 || params->count == OM_ROUTE_PARAMS_MAX)
                return 0;
            params->names[params->count] = om_str_sub(wanted, 1, wanted.n - 1);
            params->values[params->count++] = got;
        } else if (om_str_equal(wanted, got)) {
            literals++;
        } else {
            return 0;
        }
    }
}

// "/a" and "/a/" are two paths; splitting alone would not tell them apart.
static bool has_same_end(om_str pattern, om_str path)
{
    return om_str_ends_with(pattern, OM_STR("/")) == om_str_ends_with(path, OM_STR("/"));
}

static void allow_add(char allow[OM_ROUTE_ALLOW_SIZE], const char *method)
{
    size_t len = strlen(allow);
    if (om_str_find(om_str_n(allow, len), om_str_from(method)) < 0)
        snprintf(allow + len, OM_ROUTE_ALLOW_SIZE - len, "%s%s", len ? ", " : "", method);
}

const struct om_route *om_route_find(const struct om_route *routes, om_str method, om_str path,
                                     struct om_route_params *ret_params,
                                     char allow[OM_ROUTE_ALLOW_SIZE])
{
    const struct om_route *best = NULL;
    int best_fit = 0;
    om_str wanted = om_str_equal(method, OM_STR("HEAD")) ? OM_STR("GET") : method;
    allow[0] = '\0';
    for (const struct om_route *route = routes; route->path; route++) {
        struct om_route_params params;
        om_str pattern = om_str_from(route->path);
        int literals = has_same_end(pattern, path) ? fit(pattern, path, &params) : 0;
        if (literals == 0)
            continue;
        allow_add(allow, route->method);
        if (om_str_equal(om_str_from(route->method), OM_STR("GET")))
            allow_add(allow, "HEAD");
        if (literals > best_fit && om_str_equal(om_str_from(route->method), wanted)) {
            best = route;
            best_fit = literals;
            *ret_params = params;
        }
    }
    if (best)
        allow[0] = '\0';
    return best;
}

static int params_count(om_str path)
{
    int count = 0;
    om_str segment;
    while (om_str_split(&path, '/', &segment))
        count += is_param(segment);
    return count;
}

bool om_route_table_check(const struct om_route *routes, struct om_error *err)
{
    for (const struct om_route *route = routes; route->path; route++) {
        bool is_whole = route->method && route->fn && route->scope && route->scope[0];
        if (!is_whole || route->path[0] != '/' ||
            params_count(om_str_from(route->path)) > OM_ROUTE_PARAMS_MAX) {
            om_error_set(err, OM_INTERNAL, "route %s lacks a method, a function or a scope",
                         route->path);
            return false;
        }
        for (const struct om_route *other = routes; other != route; other++)
            if (strcmp(other->path, route->path) == 0 &&
                strcmp(other->method, route->method) == 0) {
                om_error_set(err, OM_INTERNAL, "two routes for %s %s", route->method, route->path);
                return false;
            }
    }
    return true;
}
