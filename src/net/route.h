// The router: which row of the route table answers a method and a path. Pure; knows no sockets.

#pragma once

#include "net/http.h"

enum { OM_ROUTE_PARAMS_MAX = 8, OM_ROUTE_ALLOW_SIZE = 64 };

struct om_route_params {
    om_str names[OM_ROUTE_PARAMS_MAX];   // of the route's path
    om_str values[OM_ROUTE_PARAMS_MAX];  // of the request's path, still encoded
    int count;
};

// Whether the table (ended by a zero row) can be served: every row has a method, a path that starts
// with
// '/', a function and a scope, at most OM_ROUTE_PARAMS_MAX parameters, and no two rows say the
// same.
OM_MUST_USE bool om_route_table_check(const struct om_route *routes, struct om_error *err);

// The row for `method` and the raw path; where several fit, the one with most literal segments. A
// HEAD is answered by a GET row. NULL when there is none; then `allow` lists the methods the path
// does have, comma-separated, or is "".
const struct om_route *om_route_find(const struct om_route *routes, om_str method, om_str path,
                                     struct om_route_params *ret_params,
                                     char allow[OM_ROUTE_ALLOW_SIZE]);
