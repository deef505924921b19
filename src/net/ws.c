#include "net/ws.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <wslay/wslay.h>

#include "base/assert.h"
#include "base/mem.h"

// Each piece of a message costs memory of its own, however small it is.
enum { PIECES_MAX = 4096 };

struct om_ws {
    wslay_event_context_ptr context;
    om_ws_message_fn *fn;
    void *ctx;
    om_str in;           // during a feed
    struct om_buf *out;  // during a feed
    int pieces;          // of the message at hand
    bool has_closed;
};

static ssize_t on_recv(wslay_event_context_ptr context, uint8_t *buf, size_t n_max, int flags,
                       void *ctx)
{
    struct om_ws *ws = ctx;
    size_t n = OM_MIN(ws->in.n, n_max);
    (void)flags;
    if (n == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(buf, ws->in.p, n);
    ws->in = om_str_sub(ws->in, n, ws->in.n);
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr context, const uint8_t *data, size_t n, int flags,
                       void *ctx)
{
    struct om_ws *ws = ctx;
    (void)flags;
    om_buf_append(ws->out, data, n);
    if (!ws->out->has_failed)
        return (ssize_t)n;
    wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void on_frame_start(wslay_event_context_ptr context,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *ctx)
{
    struct om_ws *ws = ctx;
    if (wslay_is_ctrl_frame(arg->opcode))
        return;
    ws->pieces = arg->opcode == WSLAY_CONTINUATION_FRAME ? ws->pieces + 1 : 1;
    if (ws->pieces <= PIECES_MAX)
        return;
    static const char reason[] = "too many fragments";
    (void)wslay_event_queue_close(context, WSLAY_CODE_POLICY_VIOLATION, (const uint8_t *)reason,
                                  sizeof(reason) - 1);
    wslay_event_shutdown_read(context);
}

static void on_message(wslay_event_context_ptr context,
                       const struct wslay_event_on_msg_recv_arg *arg, void *ctx)
{
    struct om_ws *ws = ctx;
    (void)context;
    if (arg->opcode == WSLAY_CONNECTION_CLOSE)
        ws->has_closed = true;
    else if (!wslay_is_ctrl_frame(arg->opcode) && !ws->has_closed)
        ws->fn(ws->ctx, arg->opcode == WSLAY_TEXT_FRAME,
               om_str_n(arg->msg_length ? (const char *)arg->msg : "", arg->msg_length));
}

struct om_ws *om_ws_create(size_t message_max, om_ws_message_fn *fn, void *ctx)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_frame_start,
        .on_msg_recv_callback = on_message,
    };
    struct om_ws *ws = om_new(struct om_ws);
    ws->fn = fn;
    ws->ctx = ctx;
    om_assert(wslay_event_context_server_init(&ws->context, &callbacks, ws) == 0);
    wslay_event_config_set_max_recv_msg_length(ws->context, message_max);
    return ws;
}

void om_ws_destroy(struct om_ws *ws)
{
    if (!ws)
        return;
    wslay_event_context_free(ws->context);
    om_free(ws);
}

bool om_ws_feed(struct om_ws *ws, om_str data, struct om_buf *out)
{
    ws->in = data;
    ws->out = out;
    bool is_fine = true;
    while (is_fine && ws->in.n && wslay_event_want_read(ws->context))
        is_fine = wslay_event_recv(ws->context) == 0;
    // Also after a failure: the close frame says which.
    is_fine &= wslay_event_send(ws->context) == 0;
    ws->in = OM_STR("");
    ws->out = NULL;
    return is_fine && wslay_event_want_read(ws->context) && !ws->has_closed;
}

void om_ws_put_frame(struct om_buf *out, enum om_ws_opcode opcode, om_str data)
{
    om_buf_append_u8(out, (uint8_t)(0x80 | opcode));
    if (data.n < 126) {
        om_buf_append_u8(out, (uint8_t)data.n);
    } else if (data.n <= UINT16_MAX) {
        om_buf_append_u8(out, 126);
        om_buf_append_u16be(out, (uint16_t)data.n);
    } else {
        om_buf_append_u8(out, 127);
        om_buf_append_u64be(out, data.n);
    }
    om_buf_append_str(out, data);
}

void om_ws_accept_key(om_str key, char text[OM_WS_ACCEPT_SIZE])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    enum { KEY_LEN = 24 };
    unsigned char joined[KEY_LEN + sizeof(magic)], digest[SHA_DIGEST_LENGTH];
    om_assert(key.n == KEY_LEN);
    memcpy(joined, key.p, KEY_LEN);
    memcpy(joined + KEY_LEN, magic, sizeof(magic));
    SHA1(joined, KEY_LEN + sizeof(magic) - 1, digest);
    static_assert(OM_WS_ACCEPT_SIZE > (SHA_DIGEST_LENGTH + 2) / 3 * 4, "base64 of the digest fits");
    EVP_EncodeBlock((unsigned char *)text, digest, sizeof(digest));
}
