// The page: files compiled into the program, each with a route of its own, so that a path that is
// not there is answered like any other.

#include "serve/assets.h"
#include "serve/serve_int.h"

// Scripts, styles, pictures and connections of this server only; nobody may frame it.
static const char policy
    [] = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
         "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
         "frame-ancestors 'none'";

static void get_asset(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    const char *path = om_exchange_route(x)->path;
    const struct om_asset *asset = om_assets;
    while (strcmp(asset->path, path) != 0)
        asset++;
    om_exchange_set_header(x, "Content-Security-Policy", policy);
    om_exchange_set_header(x, "X-Frame-Options", "DENY");
    if (asset->is_immutable)
        om_exchange_set_header(x, "Cache-Control", "public, max-age=31536000, immutable");
    om_exchange_asset(x, asset->content_type, asset->identity, asset->gzip, asset->etag);
}

size_t om_serve_page_route_count(void)
{
    size_t count = 0;
    while (om_assets[count].path)
        count++;
    return count;
}

void om_serve_page_routes(struct om_route *rows)
{
    for (size_t i = 0; om_assets[i].path; i++)
        rows[i] = (struct om_route){
            .method = "GET",
            .path = om_assets[i].path,
            .fn = get_asset,
            .scope = "public",
            .summary = "the page",
        };
}
