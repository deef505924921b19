// Feeds: what one HTTP/1.1 connection receives, at once and again in small pieces. Both must be
// read alike: a difference is how requests are smuggled.

#include "base/assert.h"
#include "base/attr.h"
#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void never(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    (void)x;
}

static const struct om_route routes[] = {
    {"GET", "/", never, "public", 0, 0, ""},
    {"POST", "/a/{id}", never, "control", 4096, 0, ""},
    {"GET", "/rpc", never, "control", 0, OM_ROUTE_WEBSOCKET, ""},
    {0},
};

static const struct om_request_policy policy = {
    .routes = routes, .header_bytes_max = 1024, .uri_max = 256, .headers_max = 10};

static void note(struct om_buf *story, const struct om_request *request, struct om_refusal refusal)
{
    om_str path = request->path, body = om_buf_str(&request->body);
    om_buf_printf(story, "%s %.*s %d %zu:", request->method, OM_STR_ARG(path), refusal.status,
                  body.n);
    om_buf_append_str(story, body);
    for (int i = 0; i < request->pairs_count; i++)
        om_buf_append_str(story, request->pairs[i].value);
}

// Reads requests until the input or the connection ends, `step` bytes at a time.
static void read_all(om_str in, size_t step, struct om_buf *story)
{
    struct om_http1 *http1 = om_http1_create(&policy);
    bool goes_on = true;
    while (goes_on && in.n) {
        struct om_request request;
        struct om_refusal refusal = {0};
        om_request_init(&request, &policy);
        om_http1_next(http1, &request);
        enum om_http1_step got = OM_HTTP1_MORE;
        while (in.n || got == OM_HTTP1_HEAD) {
            size_t used;
            got = om_http1_feed(http1, om_str_sub(in, 0, step), &used);
            om_assert(used <= step);
            in = om_str_sub(in, used, in.n);
            if (got == OM_HTTP1_HEAD)
                refusal = om_request_check(&request, &policy);
            goes_on = got != OM_HTTP1_BAD && !(refusal.reason && request.has_body);
            if (!goes_on || got == OM_HTTP1_DONE)
                break;
        }
        // Which of two faults is seen first may differ, that there is one may not.
        if (got == OM_HTTP1_BAD)
            om_buf_append_text(story, "bad");
        else if (!goes_on || got == OM_HTTP1_DONE)
            note(story, &request, refusal);
        goes_on = goes_on && got == OM_HTTP1_DONE && om_http1_keeps_alive(http1);
        om_request_finish(&request);
    }
    om_http1_destroy(http1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    om_auto_buf whole, pieces;
    om_buf_init(&whole, 1 << 22);
    om_buf_init(&pieces, 1 << 22);
    if (size == 0 || size > 16384)
        return 0;
    om_str in = om_str_n((const char *)data + 1, size - 1);
    read_all(in, SIZE_MAX, &whole);
    read_all(in, 1 + data[0] % 64, &pieces);
    om_assert(om_str_equal(om_buf_str(&whole), om_buf_str(&pieces)));
    return 0;
}
