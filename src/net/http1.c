#include "net/http1.h"

#include <llhttp.h>

#include "base/assert.h"
#include "base/mem.h"

enum { CHUNK_EXTRA_MAX = 4096 };  // bytes of chunk extensions and trailers in one request

struct om_http1 {
    llhttp_t parser;
    struct om_request *request;  // NULL between requests
    size_t uri_max;
    struct om_refusal refusal;
    size_t extra_bytes;  // chunk extensions and trailers so far
    bool has_begun, has_head, is_done;
    bool keeps_alive, expects_continue;
};

static struct om_http1 *self(llhttp_t *parser)
{
    return parser->data;
}

// Ends parsing with `refusal`; what a callback returns.
static int refuse(struct om_http1 *http1, struct om_refusal refusal)
{
    http1->refusal = refusal;
    return HPE_USER;
}

static int refuse_header(struct om_http1 *http1)
{
    return refuse(http1, (struct om_refusal){OM_REFUSED_HEADER, 431, "the header is too large",
                                             "send fewer or shorter header fields"});
}

static int on_message_begin(llhttp_t *parser)
{
    self(parser)->has_begun = true;
    return HPE_OK;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct om_http1 *http1 = self(parser);
    http1->has_begun = true;
    om_buf_append(&http1->request->target, at, n);
    if (http1->request->target.has_failed)
        return refuse(http1, (struct om_refusal){OM_REFUSED_URI, 414, "the URI is too long",
                                                 "put what is long into the body"});
    return HPE_OK;
}

// Trailers are read over and not kept; extensions of chunks neither. Both are bounded.
static int count_extra(struct om_http1 *http1, size_t n)
{
    http1->extra_bytes += n + 1;
    return http1->extra_bytes > CHUNK_EXTRA_MAX ? refuse_header(http1) : HPE_OK;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
    struct om_http1 *http1 = self(parser);
    if (http1->has_head)
        return count_extra(http1, n);
    return om_head_add_name(&http1->request->head, om_str_n(at, n)) ? HPE_OK : refuse_header(http1);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    struct om_http1 *http1 = self(parser);
    if (http1->has_head)
        return count_extra(http1, n);
    return om_head_add_value(&http1->request->head, om_str_n(at, n)) ? HPE_OK
                                                                     : refuse_header(http1);
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t n)
{
    (void)at;
    return count_extra(self(parser), n);
}

// Chunked once, and nothing else: the body under any other coding would not be what it says it is.
static bool is_plainly_chunked(const struct om_head *head)
{
    om_str value;
    return om_head_count(head, "transfer-encoding") == 1 &&
           om_head_get(head, "transfer-encoding", &value) &&
           om_str_equal_nocase(value, OM_STR("chunked"));
}

static int on_headers_complete(llhttp_t *parser)
{
    struct om_http1 *http1 = self(parser);
    struct om_request *request = http1->request;
    http1->has_head = true;
    request->version = parser->http_major * 10 + parser->http_minor;
    om_str_copy(request->method, sizeof(request->method),
                om_str_from(llhttp_method_name((llhttp_method_t)parser->method)));
    bool is_chunked = parser->flags & F_CHUNKED;
    if (request->version != 11 && request->version != 10)
        return refuse(http1, (struct om_refusal){OM_REFUSED_SYNTAX, 505,
                                                 "that version of HTTP is not spoken here",
                                                 "use HTTP/1.1 or HTTP/2"});
    // A proxy in front that knows only HTTP/1.0 would not see the chunks: two readings, so none.
    if ((parser->flags & F_TRANSFER_ENCODING) &&
        (request->version == 10 || !is_plainly_chunked(&request->head)))
        return refuse(http1, (struct om_refusal){OM_REFUSED_SYNTAX, 400,
                                                 "that transfer encoding is not understood",
                                                 "send a Content-Length, or chunks in HTTP/1.1"});
    request->has_body = is_chunked || (parser->flags & F_CONTENT_LENGTH && parser->content_length);
    request->body_len = is_chunked ? 0 : request->has_body ? parser->content_length : 0;
    http1->keeps_alive = llhttp_should_keep_alive(parser);
    http1->expects_continue = om_head_count(&request->head, "expect") > 0 &&
                              request->version == 11 && request->has_body;
    // An upgrade is the caller's business, not the parser's: the body rules stay those of HTTP.
    parser->upgrade = 0;
    return parser->method == HTTP_CONNECT
               ? refuse(http1, (struct om_refusal){OM_REFUSED_ROUTE, 405, "this is no proxy",
                                                   "ask for a path of this server"})
               : HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct om_http1 *http1 = self(parser);
    if (om_request_add_body(http1->request, om_str_n(at, n)))
        return HPE_OK;
    return refuse(http1,
                  (struct om_refusal){OM_REFUSED_BODY, 413,
                                      "the body is larger than this call takes", "send less"});
}

static int on_message_complete(llhttp_t *parser)
{
    self(parser)->is_done = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_chunk_extension_name = on_chunk_extension,
    .on_chunk_extension_value = on_chunk_extension,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

struct om_http1 *om_http1_create(const struct om_request_policy *policy)
{
    struct om_http1 *http1 = om_new(struct om_http1);
    http1->uri_max = policy->uri_max;
    llhttp_init(&http1->parser, HTTP_REQUEST, &settings);
    http1->parser.data = http1;
    return http1;
}

void om_http1_destroy(struct om_http1 *http1)
{
    om_free(http1);
}

void om_http1_next(struct om_http1 *http1, struct om_request *request)
{
    om_assert(!http1->request);
    llhttp_reset(&http1->parser);
    http1->request = request;
    http1->has_begun = http1->has_head = http1->is_done = false;
    http1->keeps_alive = http1->expects_continue = false;
    http1->extra_bytes = 0;
}

static struct om_refusal refusal_of(const struct om_http1 *http1)
{
    if (http1->refusal.reason)
        return http1->refusal;
    return (struct om_refusal){OM_REFUSED_SYNTAX, 400, "the request is not proper HTTP/1.1",
                               llhttp_get_error_reason(&http1->parser)};
}

enum om_http1_step om_http1_feed(struct om_http1 *http1, om_str data, size_t *ret_used)
{
    om_assert(http1->request);
    *ret_used = 0;
    bool had_head = http1->has_head;
    // Behind a header without a body the parser has one step left to go, also without a byte.
    if (llhttp_get_errno(&http1->parser) == HPE_PAUSED)
        llhttp_resume(&http1->parser);
    else if (data.n == 0)
        return OM_HTTP1_MORE;
    llhttp_errno_t error = llhttp_execute(&http1->parser, data.p, data.n);
    if (error == HPE_OK) {
        *ret_used = data.n;
        return OM_HTTP1_MORE;
    }
    if (error != HPE_PAUSED) {
        http1->refusal = refusal_of(http1);
        http1->request = NULL;
        return OM_HTTP1_BAD;
    }
    *ret_used = (size_t)(llhttp_get_error_pos(&http1->parser) - data.p);
    if (!had_head && !http1->is_done)
        return OM_HTTP1_HEAD;
    http1->request = NULL;
    return OM_HTTP1_DONE;
}

struct om_refusal om_http1_refusal(const struct om_http1 *http1)
{
    return http1->refusal;
}

bool om_http1_has_begun(const struct om_http1 *http1)
{
    return http1->has_begun;
}

bool om_http1_keeps_alive(const struct om_http1 *http1)
{
    return http1->keeps_alive;
}

bool om_http1_expects_continue(const struct om_http1 *http1)
{
    return http1->expects_continue;
}
