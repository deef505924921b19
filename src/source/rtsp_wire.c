#include "source/rtsp_wire.h"

#include "base/assert.h"
#include "base/mem.h"

enum {
    START_BYTES = 16 * 1024,
    FRAME_HEAD = 4,
    ROOM_MIN = 4096,           // less is made more by moving what is there to the front
    SKIPPED_MAX = 128 * 1024,  // then it is no stream any more
};
#define NEED_MAX ((size_t)OM_RTSP_HEAD_MAX + OM_RTSP_BODY_MAX)

void om_rtsp_wire_init(struct om_rtsp_wire *wire)
{
    *wire = (struct om_rtsp_wire){.rtp_channel = -1, .rtcp_channel = -1};
}

void om_rtsp_wire_finish(struct om_rtsp_wire *wire)
{
    om_free(wire->data);
    om_rtsp_wire_init(wire);
}

uint8_t *om_rtsp_wire_room(struct om_rtsp_wire *wire, size_t *ret_bytes)
{
    size_t there = wire->to - wire->from;

    if (there == 0)
        wire->from = wire->to = 0;
    size_t want = OM_MAX(wire->need, there + 1);
    size_t room = wire->cap - wire->to;
    if (wire->from > 0 && (wire->from + want > wire->cap || room < ROOM_MIN)) {
        memmove(wire->data, wire->data + wire->from, there);
        wire->from = 0;
        wire->to = there;
    }
    if (want > wire->cap) {
        om_assert(want <= NEED_MAX + 1);
        size_t cap = OM_MAX(OM_MAX(want, (size_t)START_BYTES), OM_MIN(2 * wire->cap, NEED_MAX));
        uint8_t *data = om_try_realloc(wire->data, cap, 1);
        if (!data)
            return NULL;
        wire->data = data;
        wire->cap = cap;
    }
    *ret_bytes = wire->cap - wire->to;
    return wire->data + wire->to;
}

void om_rtsp_wire_add(struct om_rtsp_wire *wire, size_t bytes)
{
    om_assert(bytes <= wire->cap - wire->to);
    wire->to += bytes;
}

static void take(struct om_rtsp_wire *wire, size_t bytes)
{
    wire->from += bytes;
    wire->need = 0;
    wire->skipped = 0;
}

static enum om_status next_frame(struct om_rtsp_wire *wire, struct om_rtsp_event *ret)
{
    const uint8_t *p = wire->data + wire->from;
    size_t there = wire->to - wire->from;

    if (there < FRAME_HEAD)
        return OM_AGAIN;
    size_t bytes = (size_t)p[2] << 8 | p[3];
    if (there < FRAME_HEAD + bytes) {
        wire->need = FRAME_HEAD + bytes;
        return OM_AGAIN;
    }
    *ret = (struct om_rtsp_event){
        .is_frame = true, .channel = p[1], .data = p + FRAME_HEAD, .bytes = bytes};
    take(wire, FRAME_HEAD + bytes);
    return OM_OK;
}

static enum om_status next_message(struct om_rtsp_wire *wire, struct om_rtsp_event *ret)
{
    struct om_rtsp_message message;
    const uint8_t *p = wire->data + wire->from;
    size_t there = wire->to - wire->from;

    enum om_status status = om_rtsp_message_parse(om_str_n((const char *)p, there), &message);
    if (status != OM_OK)
        return status;
    size_t bytes = message.head_bytes + message.body_bytes;
    if (there < bytes) {
        wire->need = bytes;
        return OM_AGAIN;
    }
    *ret = (struct om_rtsp_event){
        .data = p + message.head_bytes, .bytes = message.body_bytes, .message = message};
    take(wire, bytes);
    wire->is_synced = true;
    return OM_OK;
}

static bool is_blank(uint8_t c)
{
    return c == '\r' || c == '\n' || c == ' ' || c == '\0';
}

// Whether something may begin here. Behind a damaged place only an answer or a frame of our own
// channels does.
static bool may_begin(const struct om_rtsp_wire *wire, const uint8_t *p, size_t there)
{
    static const char answer[] = "RTSP/";
    bool is_damaged = wire->skipped > 0;

    if (*p != '$' && is_damaged)
        return memcmp(p, answer, OM_MIN(there, sizeof(answer) - 1)) == 0;
    if (*p != '$')
        return *p >= 'A' && *p <= 'Z';
    return !is_damaged || there < 2 || p[1] == wire->rtp_channel || p[1] == wire->rtcp_channel;
}

enum om_status om_rtsp_wire_next(struct om_rtsp_wire *wire, struct om_rtsp_event *ret)
{
    while (wire->from < wire->to) {
        const uint8_t *p = wire->data + wire->from;
        bool is_kept = may_begin(wire, p, wire->to - wire->from);
        if (is_kept) {
            enum om_status status = *p == '$' ? next_frame(wire, ret) : next_message(wire, ret);
            if (status != OM_INVALID)
                return status;
        }
        // Some cameras write an empty line too many, or lose their place for a moment.
        if (!is_blank(*p) && (!wire->is_synced || ++wire->skipped > SKIPPED_MAX))
            return OM_INVALID;
        wire->from++;
    }
    return OM_AGAIN;
}
