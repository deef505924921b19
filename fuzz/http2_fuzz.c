// Feeds: what one HTTP/2 connection receives after the preface, in pieces; every request is
// answered.

#include "base/assert.h"
#include "base/error.h"
#include "base/time.h"
#include "net/http2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void never(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    (void)x;
}

static const struct om_route routes[] = {
    {"GET", "/", never, "public", 0, 0, ""},
    {"POST", "/a/{id}", never, "control", 4096, 0, ""},
    {0},
};

static const struct om_request_policy policy = {
    .routes = routes, .header_bytes_max = 1024, .uri_max = 256, .headers_max = 10};

static void answer(struct om_http2 *http2, struct om_exchange *x)
{
    x->is_dispatched = true;
    om_exchange_identify(x);
    if (x->refusal.reason) {
        om_exchange_refuse(x, &x->refusal);
    } else if (om_request_is_safe(&x->request)) {
        om_exchange_stream(x, 200, "text/event-stream", NULL, NULL);
        om_http2_pump(http2, x);
        (void)!om_exchange_write(x, OM_STR("data: x\n\n"));
        om_exchange_set_trailer(x, "grpc-status", "0");
        om_exchange_end(x);
    } else {
        om_exchange_reply(x, 200, "text/plain", om_exchange_body(x));
    }
    om_http2_pump(http2, x);
}

static bool work(struct om_http2 *http2, om_str piece)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    bool goes_on = om_http2_feed(http2, piece) == OM_OK;
    for (struct om_exchange *x; (x = om_http2_take_ready(http2));)
        answer(http2, x);
    om_assert(om_http2_send(http2, &out, 65536));
    for (struct om_exchange *x; (x = om_http2_take_done(http2));) {
        om_exchange_detach(x);
        om_exchange_unref(&x);
    }
    return goes_on && !om_http2_is_over(http2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 16384)
        return 0;
    struct om_hub *hub = om_hub_create(-1);
    struct om_flow *flow = om_flow_create();
    struct om_http2_host host = {.hub = hub,
                                 .flow = flow,
                                 .policy = &policy,
                                 .write_budget = 1 << 16,
                                 .bodies_bytes_max = 1 << 20,
                                 .local_name = "127.0.0.1"};
    struct om_http2 *http2 = om_http2_create(&host);
    om_str in = om_str_n((const char *)data + 1, size - 1);
    size_t step = data[0] ? data[0] : SIZE_MAX;
    bool goes_on = work(http2, OM_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"));
    while (goes_on && in.n) {
        goes_on = work(http2, om_str_sub(in, 0, step));
        in = om_str_sub(in, OM_MIN(step, in.n), in.n);
    }
    (void)om_http2_sweep(http2, &om_http_opts_default, om_time_mono_us() + 60 * OM_SECOND);
    om_http2_abandon(http2);
    (void)work(http2, OM_STR(""));
    om_http2_destroy(http2);
    om_assert(atomic_load(&flow->unsent) == 0);
    om_flow_unref(flow);
    om_hub_unref(hub);
    return 0;
}
