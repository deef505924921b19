// The page: files compiled into the program, each with a route of its own.

#include "serve/serve_int.h"

void om_serve_get_asset(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_reply(x, 200, "text/plain; charset=utf-8",
                      OM_STR("Omma. This build has no page; the cameras are at /api/v1/cameras\n"));
}

size_t om_serve_page_route_count(void)
{
    return 1;
}

void om_serve_page_routes(struct om_route *rows)
{
    rows[0] = (struct om_route){"GET", "/", om_serve_get_asset, "public", 0, 0, "the page"};
}
