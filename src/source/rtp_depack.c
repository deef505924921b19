#include "source/rtp_depack.h"

#include <string.h>

#include "base/assert.h"
#include "base/attr.h"
#include "media/nal.h"
#include "media/packet.h"
#include "source/rtp_nal.h"
#include "source/rtp_pool.h"

enum { RTP_HEAD = 12, RTP_VERSION = 2, RTCP_BYE = 203, DUPLICATES_MAX = 64 };
enum { H264_STAP_A = 24, H264_STAP_B = 25, H264_FU_A = 28, H264_FU_B = 29, ORDER_BYTES = 2 };
enum { HEVC_AP = 48, HEVC_FU = 49, HEVC_PACI = 50, FU_START = 0x80, FU_END = 0x40 };

static const uint8_t start_code[4] = {0, 0, 0, 1};

// ---- heads -------------------------------------------------------------------------------------

static uint32_t read_u16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t read_u32(const uint8_t *p)
{
    return read_u16(p) << 16 | read_u16(p + 2);
}

bool om_rtp_parse(const uint8_t *data, size_t n, struct om_rtp_head *ret)
{
    if (n < RTP_HEAD || data[0] >> 6 != RTP_VERSION)
        return false;
    size_t head = RTP_HEAD + 4 * (size_t)(data[0] & 15);
    if (data[0] & 0x10) {
        if (n < head + 4)
            return false;
        head += 4 + 4 * (size_t)read_u16(data + head + 2);
    }
    size_t padding = data[0] & 0x20 ? data[n - 1] : 0;
    if (head + padding > n)
        return false;
    *ret = (struct om_rtp_head){
        .payload_type = data[1] & 0x7f,
        .has_marker = data[1] >> 7,
        .seq = (uint16_t)read_u16(data + 2),
        .time = read_u32(data + 4),
        .ssrc = read_u32(data + 8),
        .payload = data + head,
        .payload_bytes = n - head - padding,
    };
    return true;
}

bool om_rtcp_has_bye(const uint8_t *data, size_t n)
{
    for (size_t at = 0; at + 4 <= n && data[at] >> 6 == RTP_VERSION;) {
        if (data[at + 1] == RTCP_BYE)
            return true;
        at += 4 + 4 * (size_t)read_u16(data + at + 2);
    }
    return false;
}

// ---- the picture in work -----------------------------------------------------------------------

static void drop_picture(struct om_rtp_depack *depack)
{
    om_packet_unref(&depack->work.packet);
    depack->is_in_fragments = depack->has_slice = false;
}

// What was lost may be the rest of this picture, the beginning of the next one, or both.
static void note_loss(struct om_rtp_depack *depack)
{
    if (depack->work.packet)
        depack->work.packet->is_corrupt = true;
    depack->is_loss_pending = true;
    depack->is_in_fragments = false;
}

static void drop_packet(struct om_rtp_depack *depack)
{
    depack->dropped++;
    note_loss(depack);
}

// Cameras that put several units with start codes into one: look at each of them.
static void look_inside(struct om_rtp_depack *depack)
{
    struct om_packet *packet = depack->work.packet;
    struct om_nal_reader reader;
    struct om_nal nal;

    om_nal_reader_init(&reader, packet->data, packet->bytes, 0);
    while (om_nal_next(&reader, &nal)) {
        struct om_rtp_nal look = om_rtp_nal_look(depack->opts.codec, nal.p, nal.n);
        depack->has_slice |= look.is_slice;
        packet->is_key |= look.is_key;
    }
}

static void end_picture(struct om_rtp_depack *depack)
{
    struct om_packet *packet = depack->work.packet;
    size_t at = depack->ready[0].packet ? 1 : 0;

    om_assert(!depack->ready[at].packet);
    packet->is_corrupt |= depack->is_in_fragments;
    om_rtp_pool_end(packet, packet->bytes);
    depack->ready[at] = depack->work;
    depack->work.packet = NULL;
    depack->is_in_fragments = depack->has_slice = false;
}

// Room for `more` bytes in the picture in work, which begins here if there is none.
static enum om_status make_room(struct om_rtp_depack *depack, size_t more)
{
    struct om_packet *old = depack->work.packet;
    size_t used = old ? old->bytes : 0;

    if (old && om_rtp_pool_room(old) - used >= more)
        return OM_OK;
    struct om_packet *packet = NULL;
    enum om_status status = used + more > OM_RTP_PICTURE_MAX ? OM_LIMIT : OM_NO_MEMORY;
    if (status != OM_LIMIT)
        packet = om_rtp_pool_take(used + more);
    if (!packet) {
        drop_picture(depack);
        depack->is_loss_pending = true;
        return status;
    }
    if (old) {
        memcpy(om_rtp_pool_data(packet), old->data, used);
        packet->bytes = used;
        packet->is_key = old->is_key;
        packet->is_corrupt = old->is_corrupt;
        om_packet_unref(&depack->work.packet);
    } else {
        packet->is_corrupt = depack->is_loss_pending;
    }
    depack->is_loss_pending = false;
    depack->work.packet = packet;
    return OM_OK;
}

static void append(struct om_packet *packet, const uint8_t *p, size_t n)
{
    memcpy(om_rtp_pool_data(packet) + packet->bytes, p, n);
    packet->bytes += n;
}

// ---- units -------------------------------------------------------------------------------------

// A unit, or the first fragment of one.
struct unit {
    const uint8_t *head;  // rebuilt, or the first bytes of the body
    size_t head_bytes;
    const uint8_t *body;
    size_t body_bytes;
    bool is_inside;  // in an aggregate, behind its first unit: no new picture begins here
};

static struct om_rtp_nal look_at(const struct om_rtp_depack *depack, const struct unit *unit)
{
    uint8_t first[32];
    size_t n = OM_MIN(unit->body_bytes, sizeof(first) - unit->head_bytes);

    if (unit->head_bytes == 0)
        return om_rtp_nal_look(depack->opts.codec, unit->body, unit->body_bytes);
    memcpy(first, unit->head, unit->head_bytes);
    memcpy(first + unit->head_bytes, unit->body, n);
    return om_rtp_nal_look(depack->opts.codec, first, unit->head_bytes + n);
}

static enum om_status add_unit(struct om_rtp_depack *depack, uint32_t time, const struct unit *unit)
{
    struct om_rtp_nal look = look_at(depack, unit);

    if (depack->is_in_fragments)
        note_loss(depack);  // the one before never ended
    if (depack->work.packet && depack->has_slice && look.is_first && !unit->is_inside)
        end_picture(depack);
    bool goes_on = depack->has_ended && depack->ended_time == time && look.is_second &&
                   !depack->has_slice;
    enum om_status status = make_room(depack,
                                      sizeof(start_code) + unit->head_bytes + unit->body_bytes);
    if (status != OM_OK)
        return status;
    struct om_packet *packet = depack->work.packet;
    if (goes_on) {
        depack->does_marker_lie = true;
        packet->is_corrupt = true;
    }
    depack->has_slice |= look.is_slice;
    packet->is_key |= look.is_key;
    depack->work.time = time;
    append(packet, start_code, sizeof(start_code));
    if (unit->head_bytes > 0)
        append(packet, unit->head, unit->head_bytes);
    append(packet, unit->body, unit->body_bytes);
    return OM_OK;
}

static enum om_status add_single(struct om_rtp_depack *depack, uint32_t time, const uint8_t *p,
                                 size_t n)
{
    return add_unit(depack, time, &(struct unit){.body = p, .body_bytes = n});
}

// `p` has length-prefixed units; `gap` bytes of order numbers stand in front of each but the first.
static enum om_status add_aggregate(struct om_rtp_depack *depack, uint32_t time,
                                    const struct om_nal *body, size_t gap)
{
    const uint8_t *p = body->p, *end = body->p + body->n;

    for (bool is_inside = false; end - p > 2; is_inside = true) {
        if (is_inside && (size_t)(end - p) < gap + 2)
            break;
        p += is_inside ? gap : 0;
        size_t n = read_u16(p);
        p += 2;
        if (n > (size_t)(end - p)) {
            drop_packet(depack);
            return OM_OK;
        }
        if (n > 0) {
            const struct unit unit = {.body = p, .body_bytes = n, .is_inside = is_inside};
            enum om_status status = add_unit(depack, time, &unit);
            if (status != OM_OK)
                return status;
        }
        p += n;
    }
    return OM_OK;
}

// `unit` has the rebuilt head and this fragment's bytes; `flags` is the FU header.
static enum om_status add_fragment(struct om_rtp_depack *depack, uint32_t time, uint8_t flags,
                                   const struct unit *unit)
{
    enum om_status status = OM_OK;

    if (flags & FU_START) {
        status = add_unit(depack, time, unit);
    } else if (!depack->is_in_fragments) {
        drop_packet(depack);  // its beginning is missing
        return OM_OK;
    } else {
        status = make_room(depack, unit->body_bytes);
        if (status == OM_OK)
            append(depack->work.packet, unit->body, unit->body_bytes);
    }
    depack->is_in_fragments = status == OM_OK && !(flags & FU_END);
    return status;
}

// ---- payloads ----------------------------------------------------------------------------------

static size_t start_code_length(const uint8_t *p, size_t n)
{
    if (n > 4 && memcmp(p, start_code, 4) == 0)
        return 4;
    return n > 3 && memcmp(p, start_code + 1, 3) == 0 ? 3 : 0;
}

static enum om_status push_h264(struct om_rtp_depack *depack, const struct om_rtp_head *rtp)
{
    const uint8_t *p = rtp->payload;
    size_t n = rtp->payload_bytes, code = start_code_length(p, n);
    int type = p[0] & 31;

    if (code > 0)
        return add_single(depack, rtp->time, p + code, n - code);
    if (type >= 1 && type < H264_STAP_A)
        return add_single(depack, rtp->time, p, n);
    if (type == H264_STAP_A || type == H264_STAP_B) {
        size_t skip = type == H264_STAP_A ? 1 : 1 + ORDER_BYTES;
        if (n > skip)
            return add_aggregate(depack, rtp->time, &(struct om_nal){p + skip, n - skip}, 0);
    }
    if ((type == H264_FU_A || type == H264_FU_B) && n > 2) {
        uint8_t head = (uint8_t)((p[0] & 0xe0) | (p[1] & 31));
        size_t skip = type == H264_FU_B && (p[1] & FU_START) ? 2 + ORDER_BYTES : 2;
        const struct unit unit = {&head, 1, p + skip, n - skip, false};
        if (n > skip)
            return add_fragment(depack, rtp->time, p[1], &unit);
    }
    drop_packet(depack);
    return OM_OK;
}

static enum om_status push_hevc(struct om_rtp_depack *depack, const struct om_rtp_head *rtp)
{
    const uint8_t *p = rtp->payload;
    size_t n = rtp->payload_bytes, code = start_code_length(p, n);
    size_t order = depack->opts.has_order_numbers ? ORDER_BYTES : 0;
    int type = p[0] >> 1 & 63;

    if (code > 0)
        return add_single(depack, rtp->time, p + code, n - code);
    if (type < HEVC_AP && n > 2 + order) {
        const struct unit unit = {p, 2, p + 2 + order, n - 2 - order, false};
        return add_unit(depack, rtp->time, &unit);
    }
    if (type == HEVC_AP && n > 2 + order)
        return add_aggregate(depack, rtp->time, &(struct om_nal){p + 2 + order, n - 2 - order},
                             order / 2);
    if (type == HEVC_FU && n > 3) {
        const uint8_t head[2] = {(uint8_t)((p[0] & 0x81) | (p[2] & 63) << 1), p[1]};
        size_t skip = p[2] & FU_START ? 3 + order : 3;
        const struct unit unit = {head, 2, p + OM_MIN(skip, n), n - OM_MIN(skip, n), false};
        if (n > skip)
            return add_fragment(depack, rtp->time, p[2], &unit);
    }
    drop_packet(depack);
    return OM_OK;
}

// ---- packets -----------------------------------------------------------------------------------

void om_rtp_depack_init(struct om_rtp_depack *depack, const struct om_rtp_depack_opts *opts)
{
    om_assert(opts->codec == OM_CODEC_H264 || opts->codec == OM_CODEC_HEVC);
    *depack = (struct om_rtp_depack){.opts = *opts};
}

void om_rtp_depack_finish(struct om_rtp_depack *depack)
{
    om_packet_unref(&depack->work.packet);
    om_packet_unref(&depack->ready[0].packet);
    om_packet_unref(&depack->ready[1].packet);
}

// False when the packet came before.
static bool follow_numbers(struct om_rtp_depack *depack, const struct om_rtp_head *rtp)
{
    if (depack->has_seq && depack->ssrc == rtp->ssrc) {
        uint16_t ahead = (uint16_t)(rtp->seq - depack->seq_next);
        if (ahead > UINT16_MAX - DUPLICATES_MAX) {
            depack->dropped++;
            return false;
        }
        if (ahead > 0) {
            depack->lost += ahead < 0x8000 ? ahead : 1;
            note_loss(depack);
        }
    } else if (depack->has_seq) {
        note_loss(depack);
    }
    depack->has_seq = true;
    depack->ssrc = rtp->ssrc;
    depack->seq_next = (uint16_t)(rtp->seq + 1);
    return true;
}

// Another time stamp ends a picture. Parameter sets alone are none: they belong to what follows.
static void follow_time(struct om_rtp_depack *depack, uint32_t time)
{
    if (!depack->work.packet || depack->work.time == time)
        return;
    if (!depack->has_slice)
        look_inside(depack);
    if (depack->has_slice)
        end_picture(depack);
}

enum om_status om_rtp_depack_push(struct om_rtp_depack *depack, const uint8_t *data, size_t n)
{
    struct om_rtp_head rtp;

    om_assert(!depack->ready[0].packet);
    if (!om_rtp_parse(data, n, &rtp)) {
        drop_packet(depack);
        return OM_OK;
    }
    if (!follow_numbers(depack, &rtp))
        return OM_OK;
    if (rtp.payload_type != depack->opts.payload_type || rtp.payload_bytes == 0) {
        depack->dropped++;
        return OM_OK;
    }
    follow_time(depack, rtp.time);
    if (depack->work.packet)
        depack->is_loss_pending = false;
    enum om_status status = depack->opts.codec == OM_CODEC_HEVC ? push_hevc(depack, &rtp)
                                                                : push_h264(depack, &rtp);
    bool is_whole = depack->work.packet && depack->has_slice && !depack->is_in_fragments;
    if (status == OM_OK && rtp.has_marker && is_whole && !depack->does_marker_lie) {
        depack->has_ended = true;
        depack->ended_time = rtp.time;
        end_picture(depack);
    }
    return status;
}

bool om_rtp_depack_take(struct om_rtp_depack *depack, struct om_rtp_picture *ret)
{
    if (!depack->ready[0].packet)
        return false;
    *ret = depack->ready[0];
    depack->ready[0] = depack->ready[1];
    depack->ready[1].packet = NULL;
    return true;
}

void om_rtp_depack_break(struct om_rtp_depack *depack)
{
    drop_picture(depack);
    depack->has_seq = depack->has_ended = false;
    depack->is_loss_pending = true;
}
