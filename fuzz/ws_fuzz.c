// Feeds: what one WebSocket receives, at once and again in small pieces; both must give the same
// messages.

#include "base/assert.h"
#include "net/uri.h"
#include "net/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 1000 };

static void on_message(void *ctx, bool is_text, om_str data)
{
    struct om_buf *story = ctx;
    om_assert(data.n <= MESSAGE_MAX);
    om_assert(!is_text || om_utf8_is_valid(data));
    om_buf_printf(story, "%d %zu:", is_text, data.n);
    om_buf_append_str(story, data);
}

static void read_all(om_str in, size_t step, struct om_buf *story)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    struct om_ws *ws = om_ws_create(MESSAGE_MAX, on_message, story);
    bool goes_on = true;
    while (goes_on && in.n) {
        goes_on = om_ws_feed(ws, om_str_sub(in, 0, step), &out);
        in = om_str_sub(in, OM_MIN(step, in.n), in.n);
    }
    om_ws_destroy(ws);
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
