#include "net/exchange_int.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "loop/workers.h"

enum { EXCHANGE_MAGIC = 0x45584348, LINES_MAX = 64 * 1024 };

// The exchange whose handler this thread runs at the moment: its news need no wake-up, the loop
// looks at it as soon as the handler returns.
static _Thread_local struct om_exchange *dispatching;

// ---- hub and flow ------------------------------------------------------------------------------

struct om_hub *om_hub_create(int wake_fd)
{
    struct om_hub *hub = om_new(struct om_hub);
    atomic_init(&hub->refs, 1);
    om_mutex_init(&hub->lock);
    om_cond_init(&hub->blocking_ended);
    om_list_init(&hub->pending);
    hub->wake_fd = wake_fd;
    return hub;
}

void om_hub_unref(struct om_hub *hub)
{
    if (!hub || atomic_fetch_sub(&hub->refs, 1) != 1)
        return;
    om_cond_finish(&hub->blocking_ended);
    om_mutex_finish(&hub->lock);
    om_free(hub);
}

struct om_flow *om_flow_create(void)
{
    struct om_flow *flow = om_new(struct om_flow);
    atomic_init(&flow->refs, 1);
    return flow;
}

void om_flow_unref(struct om_flow *flow)
{
    if (flow && atomic_fetch_sub(&flow->refs, 1) == 1)
        om_free(flow);
}

static void wake(int fd)
{
    while (fd >= 0 && eventfd_write(fd, 1) < 0 && errno == EINTR)
        ;
}

// With x->lock held; false when the server is gone.
static bool list_in_hub(struct om_exchange *x)
{
    om_mutex_assert_held(&x->lock);
    om_with_lock(&x->hub->lock);
    if (x->hub->wake_fd < 0)
        return false;
    x->is_pending = true;
    atomic_fetch_add(&x->refs, 1);
    bool was_empty = om_list_is_empty(&x->hub->pending);
    om_list_push(&x->hub->pending, &x->pending_link);
    if (was_empty)
        wake(x->hub->wake_fd);
    return true;
}

void om_exchange_notify(struct om_exchange *x)
{
    if (!x->is_pending && x != dispatching && x->state != OM_EXCHANGE_GONE)
        (void)list_in_hub(x);  // no server: no client either
}

bool om_exchange_leave_closed(struct om_exchange *x, void (*closed)(void *ctx), void *ctx)
{
    x->closed = closed;
    x->peer_ctx = ctx;
    if (!closed || x->is_pending || list_in_hub(x))
        return true;
    x->closed = NULL;
    return false;
}

struct om_exchange *om_hub_take(struct om_hub *hub)
{
    struct om_exchange *x;
    {
        om_with_lock(&hub->lock);
        x = om_list_first(&hub->pending, struct om_exchange, pending_link);
        if (!x)
            return NULL;
        om_list_remove(&x->pending_link);
    }
    om_with_lock(&x->lock);
    x->is_pending = false;
    return x;
}

// ---- life --------------------------------------------------------------------------------------

struct om_exchange *om_exchange_create(struct om_hub *hub, struct om_flow *flow,
                                       const struct om_request_policy *policy)
{
    struct om_exchange *x = om_new(struct om_exchange);
    x->magic = EXCHANGE_MAGIC;
    atomic_init(&x->refs, 1);
    atomic_fetch_add(&hub->refs, 1);
    x->hub = hub;
    atomic_fetch_add(&flow->refs, 1);
    x->flow = flow;
    om_request_init(&x->request, policy);
    x->start_us = om_time_mono_us();
    om_mutex_init(&x->lock);
    om_buf_init(&x->lines, LINES_MAX);
    om_buf_init(&x->trailers, LINES_MAX);
    om_queue_init(&x->out);
    om_list_init(&x->link);
    om_list_init(&x->pending_link);
    return x;
}

struct om_exchange *om_exchange_ref(struct om_exchange *x)
{
    om_assert(x->magic == EXCHANGE_MAGIC);
    atomic_fetch_add(&x->refs, 1);
    return x;
}

void om_exchange_unref(struct om_exchange **at)
{
    struct om_exchange *x = om_steal(at);
    if (!x)
        return;
    om_assert(x->magic == EXCHANGE_MAGIC);
    if (atomic_fetch_sub(&x->refs, 1) != 1)
        return;
    om_assert(!x->conn);
    atomic_fetch_sub(&x->hub->body_bytes, x->body_counted);
    om_request_finish(&x->request);
    om_buf_finish(&x->lines);
    om_buf_finish(&x->trailers);
    om_queue_finish(&x->out);
    om_mutex_finish(&x->lock);
    om_flow_unref(x->flow);
    om_hub_unref(x->hub);
    x->magic = 0;
    om_free(x);
}

static bool is_sane_id(om_str id)
{
    if (id.n == 0 || id.n > 64)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

void om_exchange_identify(struct om_exchange *x)
{
    om_str id;
    if (x->request_id[0])
        return;
    if (om_head_get(&x->request.head, "x-request-id", &id) && is_sane_id(id))
        om_str_copy(x->request_id, sizeof(x->request_id), id);
    else
        om_rand_uuid7(x->request_id);
}

bool om_exchange_count_body(struct om_exchange *x, size_t all_max)
{
    size_t more = x->request.body.len - x->body_counted;
    x->body_counted += more;
    return atomic_fetch_add(&x->hub->body_bytes, more) + more <= all_max;
}

// Nobody but the caller and the server holds it any more, so nobody else can answer.
static void answer_if_forgotten(struct om_exchange *x, int refs_known)
{
    bool is_open;
    {
        om_with_lock(&x->lock);
        is_open = x->state == OM_EXCHANGE_OPEN;
    }
    if (is_open && atomic_load(&x->refs) <= refs_known)
        om_exchange_problem(x, 500, "the call was not answered", "this is a bug, report it");
}

struct blocking_call {
    struct om_exchange *x;
    void *ctx;
};

static void run_blocking(void *ctx)
{
    struct blocking_call *call = ctx;
    struct om_exchange *x = call->x;
    x->request.route->fn(call->ctx, x);
    om_free(call);
    answer_if_forgotten(x, 2);
    struct om_hub *hub = x->hub;
    atomic_fetch_add(&hub->refs, 1);
    om_exchange_unref(&x);
    om_mutex_lock(&hub->lock);
    hub->blocking_count--;
    om_cond_broadcast(&hub->blocking_ended);
    om_mutex_unlock(&hub->lock);
    om_hub_unref(hub);
}

static void blocking_count_add(struct om_hub *hub, int n)
{
    om_with_lock(&hub->lock);
    hub->blocking_count += n;
}

static void dispatch_blocking(struct om_exchange *x, struct om_workers *blocking, void *ctx)
{
    struct blocking_call *call = om_new(struct blocking_call);
    *call = (struct blocking_call){.x = om_exchange_ref(x), .ctx = ctx};
    blocking_count_add(x->hub, 1);
    if (blocking && om_workers_submit(blocking, run_blocking, call))
        return;
    blocking_count_add(x->hub, -1);
    om_free(call);
    struct om_exchange *ref = x;
    om_exchange_unref(&ref);
    om_exchange_set_header(x, "Retry-After", "1");
    om_exchange_problem(x, 503, "the server is busy", "try again in a second");
}

void om_exchange_dispatch(struct om_exchange *x, struct om_workers *blocking, void *ctx)
{
    x->is_dispatched = true;
    struct om_exchange *outer = dispatching;
    dispatching = x;
    if (x->refusal.reason) {
        om_exchange_refuse(x, &x->refusal);
    } else if (x->request.route->flags & OM_ROUTE_BLOCKING) {
        dispatching = outer;
        dispatch_blocking(x, blocking, ctx);
    } else {
        x->request.route->fn(ctx, x);
        answer_if_forgotten(x, 1);
    }
    dispatching = outer;
}

void om_exchange_detach(struct om_exchange *x)
{
    void (*closed)(void *) = NULL;
    {
        om_with_lock(&x->lock);
        atomic_fetch_sub(&x->flow->unsent, om_queue_len(&x->out));
        om_queue_finish(&x->out);
        x->asset = OM_STR("");
        x->state = OM_EXCHANGE_GONE;
        closed = x->ws_ops ? x->ws_ops->closed : x->closed;
        x->closed = NULL;
        x->ws_ops = NULL;
    }
    x->conn = NULL;
    om_list_remove(&x->link);
    if (closed)
        closed(x->peer_ctx);
}

// ---- the request -------------------------------------------------------------------------------

om_str om_exchange_method(const struct om_exchange *x)
{
    return om_str_from(x->request.method);
}

om_str om_exchange_path(const struct om_exchange *x)
{
    return x->request.path;
}

const struct om_route *om_exchange_route(const struct om_exchange *x)
{
    return x->request.route;
}

om_str om_exchange_param(const struct om_exchange *x, const char *name)
{
    const struct om_route_params *params = &x->request.params;
    for (int i = 0; i < params->count; i++)
        if (om_str_equal(params->names[i], om_str_from(name)))
            return params->values[i];
    return OM_STR("");
}

bool om_exchange_query(const struct om_exchange *x, const char *key, om_str *ret)
{
    for (int i = 0; i < x->request.pairs_count; i++) {
        if (!om_str_equal(x->request.pairs[i].key, om_str_from(key)))
            continue;
        *ret = x->request.pairs[i].value;
        return true;
    }
    return false;
}

bool om_exchange_header(const struct om_exchange *x, const char *name, om_str *ret)
{
    return om_head_get(&x->request.head, name, ret);
}

om_str om_exchange_body(const struct om_exchange *x)
{
    return om_buf_str(&x->request.body);
}

const char *om_exchange_request_id(const struct om_exchange *x)
{
    return x->request_id;
}
