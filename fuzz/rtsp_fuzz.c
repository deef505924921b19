// Feeds: the bytes of an RTSP connection in pieces (messages, frames, damage), and what a client
// reads in them: transports, sessions, challenges, session descriptions, addresses.
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "source/rtsp_auth.h"
#include "source/rtsp_sdp.h"
#include "source/rtsp_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_visible(const char *text)
{
    for (const char *c = text; *c; c++)
        om_assert(*c > ' ' && *c < 0x7f);
}

static void read_headers(const struct om_rtsp_message *message)
{
    struct om_rtsp_auth auth = {.user = "user", .password = "password"};
    struct om_rtsp_session session;
    om_str value;
    om_auto_buf out;

    if (om_rtsp_header(message, "Transport", 0, &value)) {
        struct om_rtsp_transport transport = om_rtsp_transport_parse(value);
        om_assert(transport.rtp_channel >= -1 && transport.rtp_channel <= 255);
        om_assert(transport.rtcp_channel >= -1 && transport.rtcp_channel <= 255);
    }
    if (om_rtsp_header(message, "Session", 0, &value) && om_rtsp_session_parse(value, &session))
        om_assert(session.id.n > 0 && session.timeout_s >= 5 && session.timeout_s <= 3600);
    if (!om_rtsp_auth_learn(&auth, message))
        return;
    om_buf_init(&out, 1 << 16);
    om_rtsp_auth_write(&auth, "DESCRIBE", "rtsp://h/x", "0011", &out);
    om_assert(!out.has_failed && om_str_ends_with(om_buf_str(&out), OM_STR("\r\n")));
    om_assert(om_str_find_char(om_str_sub(om_buf_str(&out), 0, out.len - 2), '\n') < 0);
}

static void read_body(om_str text)
{
    static struct om_rtsp_media media;
    char url[OM_RTSP_URL_SIZE];

    if (om_rtsp_sdp_parse(text, &media) != OM_OK)
        return;
    om_assert(media.params_bytes <= sizeof(media.params) && media.clock_rate > 0);
    om_assert(media.codec == OM_CODEC_H264 || media.codec == OM_CODEC_HEVC);
    if (om_rtsp_resolve(OM_STR("rtsp://h/x/"), media.control, url))
        check_visible(url);
    if (om_rtsp_resolve(OM_STR("rtsp://h/x?y"), media.session_control, url))
        check_visible(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_rtsp_wire wire;
    struct om_rtsp_event event;
    enum om_status status = OM_AGAIN;
    size_t step = size > 0 ? (size_t)data[0] * 4 + 1 : 1;

    read_body(om_str_n((const char *)data, size));
    om_rtsp_wire_init(&wire);
    wire.rtp_channel = 0;
    wire.rtcp_channel = 1;
    for (size_t at = 1; at < size && status == OM_AGAIN;) {
        size_t room;
        uint8_t *to = om_rtsp_wire_room(&wire, &room);
        om_assert(to);
        size_t n = OM_MIN(OM_MIN(step, room), size - at);
        memcpy(to, data + at, n);
        om_rtsp_wire_add(&wire, n);
        at += n;
        while ((status = om_rtsp_wire_next(&wire, &event)) == OM_OK) {
            if (event.is_frame)
                continue;
            read_headers(&event.message);
            read_body(om_str_n((const char *)event.data, event.bytes));
        }
    }
    om_rtsp_wire_finish(&wire);
    return 0;
}
