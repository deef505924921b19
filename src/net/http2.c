#include "net/http2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"

enum {
    STREAMS_MAX = 128,
    STREAM_WINDOW = 256 * 1024,
    CONNECTION_WINDOW = 1024 * 1024,
    HEADER_TABLE_BYTES = 4096,
    RESET_BURST = 200,   // streams the client may reset at once ...
    RESET_RATE = 20,     // ... and per second in the long run
    EMPTY_PER_S = 500,   // frames that cost work and carry nothing
    FAILED_PER_S = 200,  // streams that ended with an error, whoever reset them
    ACKS_MAX = 100,      // answers to pings and settings the client leaves unread
    LINES_COUNT_MAX = 64,
    KEEP_BYTES_MAX = 64 * 1024,    // memory a quiet stream may keep for later
    UNREAD_MAX = 8 * 1024 * 1024,  // of a body that is not wanted
};

struct om_http2 {
    nghttp2_session *session;
    struct om_http2_host host;
    struct om_list open;   // exchanges whose request is not complete
    struct om_list ready;  // complete or refused, to be dispatched
    struct om_list work;   // dispatched
    struct om_list done;   // stream over
    int streams;           // in the first three lists
    struct om_buf cookie;  // crumbs of the header that is being read
    int64_t second_us;     // start of the second that is counted
    int empty_count, failed_count;
    int64_t sent_us;  // when a body last moved on, or there was none waiting
    bool is_flooded, is_shut_down;
};

static struct om_exchange *stream_exchange(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

static void move(struct om_list *list, struct om_exchange *x)
{
    om_list_remove(&x->link);
    om_list_push(list, &x->link);
}

static void refuse(struct om_http2 *http2, struct om_exchange *x, struct om_refusal refusal)
{
    if (x->refusal.reason || x->is_dispatched)
        return;
    x->refusal = refusal;
    move(&http2->ready, x);
}

// ---- requests in -------------------------------------------------------------------------------

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct om_http2 *http2 = ctx;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    // A client that asks and asks, and does not read.
    if (atomic_load(&http2->host.flow->unsent) > http2->host.write_budget) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    const struct om_http2_host *host = &http2->host;
    struct om_exchange *x = om_exchange_create(host->hub, host->flow, host->policy);
    x->is_h2 = true;
    x->stream_id = frame->hd.stream_id;
    x->write_budget = host->write_budget;
    x->request.version = 20;
    x->request.is_tls = host->is_tls;
    om_str_copy(x->request.local_name, sizeof(x->request.local_name),
                om_str_from(host->local_name));
    om_buf_clear(&http2->cookie);
    om_list_push(&http2->open, &x->link);
    http2->streams++;
    nghttp2_session_set_stream_user_data(session, x->stream_id, x);
    return 0;
}

static bool add_pseudo(struct om_request *request, om_str name, om_str value)
{
    if (om_str_equal(name, OM_STR(":method")))
        return om_str_copy(request->method, sizeof(request->method), value);
    if (om_str_equal(name, OM_STR(":path"))) {
        om_buf_append_str(&request->target, value);
        return true;  // too long: found when the header is complete
    }
    if (om_str_equal(name, OM_STR(":authority")))
        return om_head_add(&request->head, OM_STR("host"), value);
    return true;
}

static bool add_field(struct om_http2 *http2, struct om_request *request, om_str name, om_str value)
{
    om_str host;
    if (om_str_equal(name, OM_STR("host")) && om_head_get(&request->head, "host", &host) &&
        om_str_equal_nocase(host, value))
        return true;  // says the same as :authority
    if (!om_str_equal(name, OM_STR("cookie")))
        return om_head_add(&request->head, name, value);
    // Browsers send crumbs, handlers want one cookie header.
    if (http2->cookie.len)
        om_buf_append_text(&http2->cookie, "; ");
    om_buf_append_str(&http2->cookie, value);
    return !http2->cookie.has_failed;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
    struct om_http2 *http2 = ctx;
    (void)flags;
    struct om_exchange *x = stream_exchange(session, frame->hd.stream_id);
    if (!x || frame->headers.cat != NGHTTP2_HCAT_REQUEST || x->refusal.reason)
        return 0;  // trailers are read over
    om_str field = om_str_n((const char *)name, name_n);
    om_str text = om_str_n((const char *)value, value_n);
    bool is_fine = name_n && name[0] == ':' ? add_pseudo(&x->request, field, text)
                                            : add_field(http2, &x->request, field, text);
    if (!is_fine)
        refuse(http2, x,
               (struct om_refusal){OM_REFUSED_HEADER, 431, "the header is too large",
                                   "send fewer or shorter header fields"});
    return 0;
}

// The client waits for a word before it sends the body.
static void submit_continue(struct om_http2 *http2, struct om_exchange *x)
{
    char name[] = ":status", value[] = "100";
    nghttp2_nv nv = {.name = (uint8_t *)name,
                     .namelen = sizeof(name) - 1,
                     .value = (uint8_t *)value,
                     .valuelen = sizeof(value) - 1};
    (void)nghttp2_submit_headers(http2->session, NGHTTP2_FLAG_NONE, x->stream_id, NULL, &nv, 1,
                                 NULL);
}

static void on_head(struct om_http2 *http2, struct om_exchange *x, bool has_body)
{
    struct om_request *request = &x->request;
    om_str length, expect;
    request->has_body = has_body;
    if (http2->cookie.len &&
        !om_head_add(&request->head, OM_STR("cookie"), om_buf_str(&http2->cookie)))
        refuse(http2, x,
               (struct om_refusal){OM_REFUSED_HEADER, 431, "the header is too large",
                                   "send fewer or shorter header fields"});
    if (request->target.has_failed)
        refuse(http2, x,
               (struct om_refusal){OM_REFUSED_URI, 414, "the URI is too long",
                                   "put what is long into the body"});
    if (strcmp(request->method, "CONNECT") == 0)
        refuse(http2, x,
               (struct om_refusal){OM_REFUSED_ROUTE, 405, "this is no proxy",
                                   "ask for a path of this server"});
    if (om_head_get(&request->head, "content-length", &length) &&
        !om_str_to_uint64(length, &request->body_len))
        request->body_len = UINT64_MAX;
    if (x->refusal.reason)
        return;
    struct om_refusal refusal = om_request_check(request, http2->host.policy);
    if (refusal.reason)
        refuse(http2, x, refusal);
    else if (has_body && om_head_get(&request->head, "expect", &expect))
        submit_continue(http2, x);
}

static void count_empty(struct om_http2 *http2, int *count, int max)
{
    int64_t now_us = om_time_mono_us();
    if (now_us - http2->second_us >= OM_SECOND) {
        http2->second_us = now_us;
        http2->empty_count = http2->failed_count = 0;
    }
    if (++*count > max)
        http2->is_flooded = true;
}

static bool carries_nothing(const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_WINDOW_UPDATE:
        return false;
    case NGHTTP2_DATA:
        return frame->hd.length == 0 && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    default:
        return true;
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct om_http2 *http2 = ctx;
    if (carries_nothing(frame))
        count_empty(http2, &http2->empty_count, EMPTY_PER_S);
    struct om_exchange *x = stream_exchange(session, frame->hd.stream_id);
    if (!x || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        on_head(http2, x, !is_end);
    if (is_end && !x->is_dispatched && !x->refusal.reason)
        move(&http2->ready, x);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
                   size_t n, void *ctx)
{
    struct om_http2 *http2 = ctx;
    struct om_exchange *x = stream_exchange(session, stream_id);
    (void)flags;
    if (!x)
        return 0;
    // Answered before it was complete. Clients read the answer rather when they may go on sending
    // for a while than when the stream is reset under them.
    if (x->is_dispatched || x->refusal.reason) {
        x->unread_bytes += n;
        if (x->unread_bytes > UNREAD_MAX)
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
        return 0;
    }
    if (!om_request_add_body(&x->request, om_str_n((const char *)data, n)))
        refuse(http2, x,
               (struct om_refusal){OM_REFUSED_BODY, 413, "the body is larger than this call takes",
                                   "send less"});
    else if (!om_exchange_count_body(x, http2->host.bodies_bytes_max))
        refuse(http2, x,
               (struct om_refusal){OM_REFUSED_LIMIT, 503, "too many large requests at once",
                                   "try again in a second"});
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *ctx)
{
    struct om_http2 *http2 = ctx;
    struct om_exchange *x = stream_exchange(session, stream_id);
    if (error != NGHTTP2_NO_ERROR)
        count_empty(http2, &http2->failed_count, FAILED_PER_S);
    if (!x)
        return 0;
    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    http2->streams--;
    move(&http2->done, x);
    return 0;
}

// ---- answers out -------------------------------------------------------------------------------

// Header lines as nghttp2 wants them; the names become lower case in place. Returns how many.
static size_t parse_lines(struct om_buf *lines, nghttp2_nv *nv)
{
    size_t count = 0, at = 0;
    while (at < lines->len && count < LINES_COUNT_MAX) {
        char *line = lines->data + at;
        char *end = memchr(line, '\r', lines->len - at),
             *colon = memchr(line, ':', lines->len - at);
        om_assert(end && colon && colon < end);
        for (char *c = line; c < colon; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        nv[count++] = (nghttp2_nv){.name = (uint8_t *)line,
                                   .namelen = (size_t)(colon - line),
                                   .value = (uint8_t *)colon + 2,
                                   .valuelen = (size_t)(end - colon - 2)};
        at = (size_t)(end - lines->data) + 2;
    }
    return count;
}

static void submit_trailers(nghttp2_session *session, struct om_exchange *x)
{
    nghttp2_nv nv[LINES_COUNT_MAX];
    size_t count = parse_lines(&x->trailers, nv);
    if (nghttp2_submit_trailer(session, x->stream_id, nv, count) != 0)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, x->stream_id, NGHTTP2_INTERNAL_ERROR);
}

static size_t take_body(struct om_exchange *x, uint8_t *buf, size_t n_max)
{
    size_t n = OM_MIN(om_queue_len(&x->out), n_max);
    if (n) {
        memcpy(buf, om_queue_front(&x->out).p, n);
        om_queue_drop(&x->out, n);
        atomic_fetch_sub(&x->flow->unsent, n);
        return n;
    }
    n = OM_MIN(x->asset.n, n_max);
    if (n) {
        memcpy(buf, x->asset.p, n);
        x->asset = om_str_sub(x->asset, n, x->asset.n);
    }
    return n;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t n_max,
                         uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct om_http2 *http2 = ctx;
    struct om_exchange *x = source->ptr;
    (void)stream_id;
    om_with_lock(&x->lock);
    if (x->state == OM_EXCHANGE_GONE || x->out.buf.has_failed)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t n = take_body(x, buf, n_max);
    if (n)
        http2->sent_us = om_time_mono_us();
    bool has_more = om_queue_len(&x->out) || x->asset.n || x->state == OM_EXCHANGE_STREAMING;
    if (n == 0 && has_more) {
        x->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (!has_more) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (x->trailers.len) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            submit_trailers(session, x);
        }
    }
    return (ssize_t)n;
}

static void submit(struct om_http2 *http2, struct om_exchange *x)
{
    char status[16];
    snprintf(status, sizeof(status), "%d", x->status);
    nghttp2_nv nv[LINES_COUNT_MAX + 1];
    char status_name[] = ":status";
    nv[0] = (nghttp2_nv){.name = (uint8_t *)status_name,
                         .namelen = sizeof(status_name) - 1,
                         .value = (uint8_t *)status,
                         .valuelen = strlen(status)};
    size_t count = 1 + parse_lines(&x->lines, nv + 1);
    nghttp2_data_provider provider = {.source.ptr = x, .read_callback = read_body};
    bool has_body = x->state == OM_EXCHANGE_STREAMING || om_queue_len(&x->out) || x->asset.n ||
                    (x->trailers.len && !om_request_is_head(&x->request));
    if (nghttp2_submit_response(http2->session, x->stream_id, nv, count,
                                has_body ? &provider : NULL) != 0)
        nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE, x->stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
    om_buf_finish(&x->lines);
    x->is_submitted = true;
}

void om_http2_pump(struct om_http2 *http2, struct om_exchange *x)
{
    om_with_lock(&x->lock);
    if (x->status == 0 || nghttp2_session_get_stream_user_data(http2->session, x->stream_id) != x)
        return;
    if (!x->is_submitted) {
        if (x->is_dispatched)
            submit(http2, x);
    } else if (x->is_deferred) {
        x->is_deferred = false;
        (void)nghttp2_session_resume_data(http2->session, x->stream_id);
    }
}

bool om_http2_send(struct om_http2 *http2, struct om_buf *out, size_t len_max)
{
    while (out->len < len_max) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(http2->session, &data);
        if (n < 0)
            return false;
        if (n == 0)
            break;
        om_buf_append(out, data, (size_t)n);
    }
    return !out->has_failed;
}

// ---- life --------------------------------------------------------------------------------------

static nghttp2_session *session_new(struct om_http2 *http2)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_session *session = NULL;
    om_assert(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST, RESET_RATE);
    nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, HEADER_TABLE_BYTES);
    om_assert(nghttp2_session_server_new2(&session, callbacks, http2, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

struct om_http2 *om_http2_create(const struct om_http2_host *host)
{
    struct om_http2 *http2 = om_new(struct om_http2);
    http2->host = *host;
    om_list_init(&http2->open);
    om_list_init(&http2->ready);
    om_list_init(&http2->work);
    om_list_init(&http2->done);
    om_buf_init(&http2->cookie, host->policy->header_bytes_max);
    http2->session = session_new(http2);
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)host->policy->header_bytes_max},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, HEADER_TABLE_BYTES},
    };
    om_assert(nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, settings,
                                      OM_ARRAY_LEN(settings)) == 0);
    om_assert(nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0,
                                                    CONNECTION_WINDOW) == 0);
    http2->sent_us = om_time_mono_us();
    return http2;
}

void om_http2_destroy(struct om_http2 *http2)
{
    if (!http2)
        return;
    om_assert(http2->streams == 0 && om_list_is_empty(&http2->done));
    nghttp2_session_del(http2->session);
    om_buf_finish(&http2->cookie);
    om_free(http2);
}

enum om_status om_http2_feed(struct om_http2 *http2, om_str data)
{
    // In pieces, so that a flood is noticed before all of it was worked on.
    enum { PIECE = 4096 };
    while (data.n) {
        om_str piece = om_str_sub(data, 0, PIECE);
        data = om_str_sub(data, piece.n, data.n);
        ssize_t n = nghttp2_session_mem_recv(http2->session, (const uint8_t *)piece.p, piece.n);
        if (n == NGHTTP2_ERR_FLOODED || http2->is_flooded) {
            (void)nghttp2_session_terminate_session(http2->session, NGHTTP2_ENHANCE_YOUR_CALM);
            return OM_LIMIT;
        }
        if (n != (ssize_t)piece.n)
            return OM_INVALID;
    }
    return OM_OK;
}

struct om_exchange *om_http2_take_ready(struct om_http2 *http2)
{
    struct om_exchange *x = om_list_first(&http2->ready, struct om_exchange, link);
    if (x)
        move(&http2->work, x);
    return x;
}

struct om_exchange *om_http2_take_done(struct om_http2 *http2)
{
    struct om_exchange *x = om_list_first(&http2->done, struct om_exchange, link);
    if (x)
        om_list_remove(&x->link);
    return x;
}

void om_http2_shut_down(struct om_http2 *http2)
{
    if (http2->is_shut_down)
        return;
    http2->is_shut_down = true;
    (void)nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(http2->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

bool om_http2_is_over(const struct om_http2 *http2)
{
    if (http2->is_shut_down && http2->streams == 0 && !nghttp2_session_want_write(http2->session))
        return true;
    return !nghttp2_session_want_read(http2->session) &&
           !nghttp2_session_want_write(http2->session);
}

int om_http2_stream_count(const struct om_http2 *http2)
{
    return http2->streams;
}

// Looks after an exchange that was dispatched: whether bytes of its answer wait for the client.
static bool sweep_work(struct om_http2 *http2, struct om_exchange *x, int64_t late_us)
{
    om_with_lock(&x->lock);
    if (!x->is_submitted)
        return false;
    if (om_queue_len(&x->out) || x->asset.n)
        return true;
    if (x->out.buf.cap > KEEP_BYTES_MAX)
        om_queue_finish(&x->out);
    // Refused, answered, and the client still does not finish what it began to send.
    if (x->refusal.reason && x->start_us < late_us)
        nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE, x->stream_id,
                                  NGHTTP2_NO_ERROR);
    return false;
}

bool om_http2_sweep(struct om_http2 *http2, const struct om_http_opts *opts, int64_t now_us)
{
    om_list_each(x, &http2->open, struct om_exchange, link)
    {
        int64_t waited_us = now_us - x->start_us;
        // No other frame may come between the parts of a header: the connection itself is stuck.
        if (!x->request.route && waited_us > opts->header_timeout_us)
            return false;
        int64_t due = (waited_us - opts->header_timeout_us) * opts->body_rate_min / OM_SECOND;
        if (due > 0 && (int64_t)x->request.body.len < due)
            refuse(http2, x,
                   (struct om_refusal){OM_REFUSED_SLOW, 408, "the request came too slowly",
                                       "send it again, faster"});
    }
    bool is_waiting = false;
    om_list_each(x, &http2->work, struct om_exchange, link)
        is_waiting |= sweep_work(http2, x, now_us - opts->header_timeout_us);
    if (!is_waiting)
        http2->sent_us = now_us;
    return now_us - http2->sent_us <= opts->stall_timeout_us;
}

void om_http2_abandon(struct om_http2 *http2)
{
    struct om_list *lists[] = {&http2->open, &http2->ready, &http2->work};
    for (size_t i = 0; i < OM_ARRAY_LEN(lists); i++)
        om_list_each(x, lists[i], struct om_exchange, link)
        {
            nghttp2_session_set_stream_user_data(http2->session, x->stream_id, NULL);
            move(&http2->done, x);
        }
    http2->streams = 0;
}
