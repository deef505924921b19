#include "source/rtsp_client.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "source/rtp_depack.h"
#include "source/rtsp_auth.h"
#include "source/rtsp_sdp.h"
#include "source/rtsp_socket.h"
#include "source/rtsp_wire.h"
#include "source/url.h"

enum {
    PORT = 554,
    REQUEST_MAX = 16 * 1024,
    ATTEMPTS_MAX = 3,  // one without credentials, one with, one with a fresh nonce
    REDIRECTS_MAX = 4,
    CLIENT_NONCE_BYTES = 8,
    SESSION_ID_SIZE = 260,
};

struct om_rtsp {
    struct om_rtsp_socket socket;
    struct om_rtsp_wire wire;
    struct om_cancel *cancel;
    const char *safe;

    struct om_url *url;             // where we are, with credentials
    char *address;                  // the same for requests, without
    char *aggregate;                // what PLAY and TEARDOWN name
    char *track;                    // what SETUP names
    char session[SESSION_ID_SIZE];  // "" before SETUP
    struct om_rtsp_auth auth;
    bool is_auth_proven;  // an answer of ours was accepted
    uint32_t cseq;

    bool has_get_parameter;
    bool is_play_pending;  // no answer to PLAY yet
    bool may_have_more;    // the last read filled its room
    int play_attempts;
    int64_t keep_alive_us;     // between two
    int64_t keep_alive_at_us;  // OM_TIME_NONE: not yet

    struct om_rtp_depack depack;
    bool is_set_up;  // depack is ready
    bool has_base;
    uint32_t base_time;  // of the first picture
    int clock_rate;
};

// ---- errors ------------------------------------------------------------------------------------

static enum om_status say(const struct om_rtsp *rtsp, struct om_error *err, enum om_status status,
                          const char *const text[2])
{
    om_error_set(err, status, "%s: %s", rtsp->safe, text[0]);
    om_error_hint(err, "%s", text[1]);
    return status;
}

static enum om_status say_cancelled(const struct om_rtsp *rtsp, struct om_error *err)
{
    return om_error_set(err, OM_CANCELLED, "%s: cancelled", rtsp->safe);
}

static enum om_status say_no_memory(const struct om_rtsp *rtsp, struct om_error *err)
{
    return om_error_set(err, OM_NO_MEMORY, "%s: no memory", rtsp->safe);
}

static enum om_status say_no_rtsp(const struct om_rtsp *rtsp, struct om_error *err)
{
    static const char *const text[] = {"the other side does not speak RTSP",
                                       "check the port; RTSP is usually at 554"};
    return say(rtsp, err, OM_INVALID, text);
}

// What went wrong on the connection while it was being made.
static enum om_status say_broken(const struct om_rtsp *rtsp, enum om_status status,
                                 struct om_error *err)
{
    static const char *const late[] = {
        "there was no answer in time",
        "check the address, the network and whether the camera is busy"};
    static const char *const broken[] = {"that host was not found, or broke off",
                                         "check the address and the network"};

    switch (status) {
    case OM_CANCELLED:
        return say_cancelled(rtsp, err);
    case OM_TIMEOUT:
        return say(rtsp, err, OM_TIMEOUT, late);
    case OM_NO_MEMORY:
        return say_no_memory(rtsp, err);
    case OM_INVALID:
        return say_no_rtsp(rtsp, err);
    default:
        return say(rtsp, err, OM_UNREACHABLE, broken);
    }
}

// What an answer that is no success means.
static enum om_status say_answer(const struct om_rtsp *rtsp, int answer, struct om_error *err)
{
    static const struct {
        int from, to;
        enum om_status status;
        const char *text[2];
    } rows[] = {
        {401,
         401,
         OM_REFUSED,
         {"the user name or password is wrong (401)",
          "check the credentials; special characters are written as %XX"}},
        {403,
         403,
         OM_REFUSED,
         {"access is forbidden (403)", "give this user the right to see the stream"}},
        {404,
         404,
         OM_NOT_FOUND,
         {"there is no such stream (404)", "check the path of the URL in the camera's manual"}},
        {453,
         453,
         OM_REFUSED,
         {"the camera has no session or bandwidth left (453)",
          "close other viewers of this camera, or use its second stream"}},
        {400,
         499,
         OM_REFUSED,
         {"the server refused the request",
          "check the URL; the camera may not allow this transport"}},
        {500,
         999,
         OM_UNREACHABLE,
         {"the server has an error of its own (5xx)", "look at the camera's or server's log"}},
        {300,
         399,
         OM_UNREACHABLE,
         {"it sends us on to other addresses without end", "check the URL; use the last one"}},
        {100, 999, OM_INVALID, {"its answer makes no sense", "check the URL"}},
    };
    size_t row = 0;

    while (row + 1 < OM_ARRAY_LEN(rows) && (answer < rows[row].from || answer > rows[row].to))
        row++;
    return say(rtsp, err, rows[row].status, rows[row].text);
}

// The stream was running.
static enum om_status say_ended(const struct om_rtsp *rtsp, enum om_status status,
                                struct om_error *err)
{
    static const char *const late[] = {"no picture came for too long",
                                       "check the camera and the network"};
    static const char *const ended[] = {"the other side ended the stream",
                                        "check whether the camera restarts"};
    static const char *const large[] = {"a picture is larger than 8 MiB",
                                        "choose a lower resolution or bit rate in the camera"};

    switch (status) {
    case OM_CANCELLED:
        return say_cancelled(rtsp, err);
    case OM_TIMEOUT:
        return say(rtsp, err, OM_TIMEOUT, late);
    case OM_LIMIT:
        return say(rtsp, err, OM_INVALID, large);
    case OM_NO_MEMORY:
        return say_no_memory(rtsp, err);
    case OM_INVALID:
        return say_no_rtsp(rtsp, err);
    default:
        return say(rtsp, err, OM_UNREACHABLE, ended);
    }
}

// ---- requests and answers ----------------------------------------------------------------------

struct request {
    const char *method;
    const char *url;
    const char *headers;  // lines with their ends
};

static enum om_status send_request(struct om_rtsp *rtsp, const struct request *request,
                                   int64_t deadline_us)
{
    unsigned char random[CLIENT_NONCE_BYTES];
    char nonce[2 * CLIENT_NONCE_BYTES + 1];
    om_auto_buf text;

    om_rand_bytes(random, sizeof(random));
    om_hex(random, sizeof(random), nonce);
    om_buf_init(&text, REQUEST_MAX);
    om_buf_printf(&text, "%s %s RTSP/1.0\r\nCSeq: %u\r\nUser-Agent: Omma/" OM_VERSION "\r\n",
                  request->method, request->url, ++rtsp->cseq);
    if (rtsp->session[0])
        om_buf_printf(&text, "Session: %s\r\n", rtsp->session);
    om_rtsp_auth_write(&rtsp->auth, request->method, request->url, nonce, &text);
    om_buf_append_text(&text, request->headers);
    om_buf_append_text(&text, "\r\n");
    if (text.has_failed)
        return OM_NO_MEMORY;
    enum om_status status = om_rtsp_socket_write(&rtsp->socket, text.data, text.len, deadline_us);
    explicit_bzero(text.data, text.cap);
    return status;
}

// What servers ask of us: whether we are there, mostly.
static enum om_status answer_request(struct om_rtsp *rtsp, const struct om_rtsp_message *request)
{
    static const char *const fine[] = {"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE",
                                       "TEARDOWN"};
    const char *line = "405 Method Not Allowed";
    om_str cseq = OM_STR("0");
    char text[256];
    om_auto_buf buf;

    for (size_t i = 0; i < OM_ARRAY_LEN(fine); i++) {
        if (om_str_equal(request->method, om_str_from(fine[i])))
            line = "200 OK";
    }
    (void)om_rtsp_header(request, "CSeq", 0, &cseq);
    if (!om_str_copy(text, sizeof(text), cseq))
        return OM_INVALID;
    om_buf_init(&buf, REQUEST_MAX);
    om_buf_printf(&buf, "RTSP/1.0 %s\r\nCSeq: %s\r\nPublic: OPTIONS, GET_PARAMETER\r\n\r\n", line,
                  text);
    enum om_status status = buf.has_failed ? OM_NO_MEMORY
                                           : om_rtsp_socket_write(&rtsp->socket, buf.data, buf.len,
                                                                  om_time_mono_us() + OM_SECOND);
    bool is_end = om_str_equal(request->method, OM_STR("TEARDOWN"));
    return status == OM_OK && is_end ? OM_END : status;
}

static enum om_status take_frame(struct om_rtsp *rtsp, const struct om_rtsp_event *event)
{
    if (!rtsp->is_set_up || event->bytes == 0)
        return OM_OK;
    if (event->channel == rtsp->wire.rtp_channel)
        return om_rtp_depack_push(&rtsp->depack, event->data, event->bytes);
    if (event->channel == rtsp->wire.rtcp_channel && om_rtcp_has_bye(event->data, event->bytes))
        return OM_END;
    return OM_OK;
}

// Reads what the connection has into the buffer.
static enum om_status receive(struct om_rtsp *rtsp, int64_t deadline_us)
{
    size_t room, n;
    uint8_t *to = om_rtsp_wire_room(&rtsp->wire, &room);

    if (!to)
        return OM_NO_MEMORY;
    for (;;) {
        if (!rtsp->may_have_more) {
            enum om_status status = om_rtsp_socket_wait(&rtsp->socket, deadline_us);
            if (status != OM_OK)
                return status;
        }
        enum om_status status = om_rtsp_socket_read(&rtsp->socket, to, room, &n);
        rtsp->may_have_more = status == OM_OK && n == room;
        if (status == OM_AGAIN)
            continue;
        if (status == OM_OK)
            om_rtsp_wire_add(&rtsp->wire, n);
        return status;
    }
}

// Until the next answer, which is left in *ret. OM_AGAIN: a picture is ready before it came.
static enum om_status wait_for_answer(struct om_rtsp *rtsp, int64_t deadline_us,
                                      struct om_rtsp_event *ret)
{
    for (;;) {
        if (rtsp->is_set_up && rtsp->depack.ready[0].packet)
            return OM_AGAIN;
        enum om_status status = om_rtsp_wire_next(&rtsp->wire, ret);
        if (status == OM_AGAIN)
            status = receive(rtsp, deadline_us);
        else if (status == OM_OK && ret->is_frame)
            status = take_frame(rtsp, ret);
        else if (status == OM_OK && ret->message.status == 0)
            status = answer_request(rtsp, &ret->message);
        else if (status == OM_OK && ret->message.status >= 200)
            return OM_OK;  // 1xx are only news
        if (status != OM_OK)
            return status;
    }
}

// Whether a 401 can be answered by asking again: it is the first one, the nonce was too old, or it
// is another one than that which worked until now. Guessing on would lock the account.
static bool may_ask_again(struct om_rtsp *rtsp, const struct om_rtsp_message *answer, int attempts)
{
    bool was_known = rtsp->auth.scheme != OM_RTSP_NO_AUTH;
    char before[OM_RTSP_NONCE_SIZE];

    if (!rtsp->auth.user || attempts >= ATTEMPTS_MAX)
        return false;
    memcpy(before, rtsp->auth.nonce, sizeof(before));
    if (!om_rtsp_auth_learn(&rtsp->auth, answer))
        return false;
    bool is_new_nonce = strcmp(before, rtsp->auth.nonce) != 0;
    bool was_proven = rtsp->is_auth_proven;
    rtsp->is_auth_proven = false;
    return !was_known || (is_new_nonce && (rtsp->auth.is_stale || was_proven));
}

// Asks until there is an answer that is no 401. Filled *ret is valid until the next receive.
static enum om_status ask(struct om_rtsp *rtsp, const struct request *request, int64_t deadline_us,
                          struct om_rtsp_event *ret)
{
    for (int attempts = 1;; attempts++) {
        enum om_status status = send_request(rtsp, request, deadline_us);
        if (status == OM_OK)
            status = wait_for_answer(rtsp, deadline_us, ret);
        if (status != OM_OK)
            return status;
        if (ret->message.status == 401 && may_ask_again(rtsp, &ret->message, attempts))
            continue;
        if (ret->message.status < 300 && rtsp->auth.scheme != OM_RTSP_NO_AUTH)
            rtsp->is_auth_proven = true;
        return OM_OK;
    }
}

static bool is_success(const struct om_rtsp_event *answer)
{
    return answer->message.status >= 200 && answer->message.status < 300;
}

// ---- opening -----------------------------------------------------------------------------------

static bool set_address(struct om_rtsp *rtsp)
{
    char text[OM_RTSP_URL_SIZE];
    struct om_url *plain = om_new(struct om_url);

    *plain = *rtsp->url;
    om_url_wipe(plain);
    bool is_written = om_url_write(plain, text, sizeof(text));
    om_free(plain);
    om_free(rtsp->address);
    rtsp->address = is_written ? om_strdup(text) : NULL;
    rtsp->auth = (struct om_rtsp_auth){0};
    rtsp->is_auth_proven = false;
    if (rtsp->url->has_user) {
        rtsp->auth.user = rtsp->url->user;
        rtsp->auth.password = rtsp->url->password;
    }
    return is_written;
}

static enum om_status connect_socket(struct om_rtsp *rtsp, int64_t deadline_us,
                                     struct om_error *err)
{
    static const char *const refused[] = {"nobody listens at that port",
                                          "check host and port, and that the camera is on"};
    int error, port = rtsp->url->port > 0 ? rtsp->url->port : PORT;
    enum om_status status = om_rtsp_socket_connect(&rtsp->socket, rtsp->url->host, port,
                                                   deadline_us, &error);

    om_rtsp_wire_finish(&rtsp->wire);
    rtsp->may_have_more = false;
    if (status == OM_OK)
        return OM_OK;
    if (status == OM_UNREACHABLE && error == ECONNREFUSED)
        return say(rtsp, err, OM_UNREACHABLE, refused);
    if (status == OM_UNREACHABLE && error != 0) {
        om_error_set(err, OM_UNREACHABLE, "%s: %s", rtsp->safe, om_errno_text(error));
        om_error_hint(err, "check that it is switched on and reachable");
        return OM_UNREACHABLE;
    }
    return say_broken(rtsp, status, err);
}

// Credentials go along to the same host only.
static enum om_status follow_redirect(struct om_rtsp *rtsp, const struct om_rtsp_event *answer,
                                      struct om_error *err)
{
    om_str location;
    struct om_url *to = om_new(struct om_url);

    if (!om_rtsp_header(&answer->message, "Location", 0, &location) ||
        om_url_parse(location, to, NULL) != OM_OK) {
        om_free(to);
        return say_answer(rtsp, answer->message.status, err);
    }
    if (!to->has_user && rtsp->url->has_user && strcmp(to->host, rtsp->url->host) == 0) {
        memcpy(to->user, rtsp->url->user, sizeof(to->user));
        memcpy(to->password, rtsp->url->password, sizeof(to->password));
        to->has_user = true;
        to->has_password = rtsp->url->has_password;
    }
    om_url_wipe(rtsp->url);
    om_free(rtsp->url);
    rtsp->url = to;
    if (strcmp(to->scheme, "rtsp") != 0)
        return om_error_set(err, OM_UNSUPPORTED, "%s: it sends us to another protocol", rtsp->safe);
    return set_address(rtsp) ? OM_AGAIN : say_answer(rtsp, answer->message.status, err);
}

// Only asked to learn how the session is kept alive; cameras that do not know it go on all the
// same.
static enum om_status ask_options(struct om_rtsp *rtsp, int64_t deadline_us, struct om_error *err)
{
    struct om_rtsp_event answer;
    om_str methods;
    const struct request request = {"OPTIONS", rtsp->address, ""};

    enum om_status status = ask(rtsp, &request, deadline_us, &answer);
    if (status != OM_OK)
        return say_broken(rtsp, status, err);
    if (answer.message.status == 401 || answer.message.status == 403)
        return say_answer(rtsp, answer.message.status, err);
    rtsp->has_get_parameter = om_rtsp_header(&answer.message, "Public", 0, &methods) &&
                              om_str_find(methods, OM_STR("GET_PARAMETER")) >= 0;
    return OM_OK;
}

// OM_AGAIN: redirected.
static enum om_status ask_description(struct om_rtsp *rtsp, int64_t deadline_us,
                                      struct om_rtsp_event *ret, struct om_error *err)
{
    const struct request request = {"DESCRIBE", rtsp->address, "Accept: application/sdp\r\n"};

    enum om_status status = ask(rtsp, &request, deadline_us, ret);
    if (status != OM_OK)
        return say_broken(rtsp, status, err);
    if (ret->message.status >= 300 && ret->message.status < 400)
        return follow_redirect(rtsp, ret, err);
    return is_success(ret) ? OM_OK : say_answer(rtsp, ret->message.status, err);
}

static enum om_status describe(struct om_rtsp *rtsp, int64_t deadline_us, struct om_rtsp_event *ret,
                               struct om_error *err)
{
    for (int redirects = 0;; redirects++) {
        enum om_status status = connect_socket(rtsp, deadline_us, err);
        if (status == OM_OK)
            status = ask_options(rtsp, deadline_us, err);
        if (status == OM_OK)
            status = ask_description(rtsp, deadline_us, ret, err);
        if (status != OM_AGAIN)
            return status;
        if (redirects == REDIRECTS_MAX)
            return say_answer(rtsp, 302, err);
    }
}

static bool set_controls(struct om_rtsp *rtsp, const struct om_rtsp_event *answer,
                         const struct om_rtsp_media *media)
{
    char url[OM_RTSP_URL_SIZE];
    om_str base;

    if ((!om_rtsp_header(&answer->message, "Content-Base", 0, &base) &&
         !om_rtsp_header(&answer->message, "Content-Location", 0, &base)) ||
        om_str_find(base, OM_STR("://")) < 0)
        base = om_str_from(rtsp->address);
    if (!om_rtsp_resolve(base, media->session_control, url))
        return false;
    rtsp->aggregate = om_strdup(url);
    if (!om_rtsp_resolve(base, media->control, url))
        return false;
    rtsp->track = om_strdup(url);
    return true;
}

static void fill_info(const struct om_rtsp_media *media, struct om_stream_info *ret)
{
    *ret = (struct om_stream_info){.codec = media->codec, .fps = media->fps, .is_live = true};
    if (media->params_bytes == 0)
        return;
    ret->extradata = om_new_array(uint8_t, media->params_bytes);
    memcpy(ret->extradata, media->params, media->params_bytes);
    ret->extradata_bytes = media->params_bytes;
}

static enum om_status read_description(struct om_rtsp *rtsp, const struct om_rtsp_event *answer,
                                       struct om_stream_info *ret_info, struct om_error *err)
{
    struct om_rtsp_media media;
    om_str text = om_str_n((const char *)answer->data, answer->bytes);

    if (om_rtsp_sdp_parse(text, &media) != OM_OK)
        return om_error_set(err, OM_UNSUPPORTED, "%s: it offers no plain H.264 or H.265",
                            rtsp->safe);
    if (!set_controls(rtsp, answer, &media))
        return om_error_set(err, OM_UNSUPPORTED, "%s: its tracks have odd addresses", rtsp->safe);
    om_rtp_depack_init(&rtsp->depack, &(struct om_rtp_depack_opts){
                                          .codec = media.codec,
                                          .payload_type = media.payload_type,
                                          .has_order_numbers = media.has_order_numbers,
                                      });
    rtsp->clock_rate = media.clock_rate;
    fill_info(&media, ret_info);
    return OM_OK;
}

static enum om_status set_up(struct om_rtsp *rtsp, int64_t deadline_us, struct om_error *err)
{
    struct om_rtsp_event answer;
    struct om_rtsp_session session;
    om_str value;
    const struct request request = {"SETUP", rtsp->track,
                                    "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"};

    enum om_status status = ask(rtsp, &request, deadline_us, &answer);
    if (status != OM_OK)
        return say_broken(rtsp, status, err);
    if (!is_success(&answer))
        return say_answer(rtsp, answer.message.status, err);
    struct om_rtsp_transport transport = {.is_interleaved = true};
    if (om_rtsp_header(&answer.message, "Transport", 0, &value))
        transport = om_rtsp_transport_parse(value);
    if (!transport.is_interleaved)
        return say_answer(rtsp, 461, err);
    rtsp->wire.rtp_channel = OM_MAX(transport.rtp_channel, 0);
    rtsp->wire.rtcp_channel = transport.rtcp_channel >= 0 ? transport.rtcp_channel
                                                          : (rtsp->wire.rtp_channel + 1) & 255;
    if (!om_rtsp_header(&answer.message, "Session", 0, &value))
        value = om_str_n("", 0);
    if (om_rtsp_session_parse(value, &session))
        om_str_copy(rtsp->session, sizeof(rtsp->session), session.id);
    rtsp->keep_alive_us = (int64_t)session.timeout_s * OM_SECOND / 2;
    rtsp->is_set_up = true;
    return OM_OK;
}

static enum om_status send_play(struct om_rtsp *rtsp, int64_t deadline_us)
{
    const struct request request = {"PLAY", rtsp->aggregate, "Range: npt=0.000-\r\n"};

    rtsp->play_attempts++;
    return send_request(rtsp, &request, deadline_us);
}

// OM_OK also when the request had to be sent once more.
static enum om_status take_play_answer(struct om_rtsp *rtsp, const struct om_rtsp_event *answer,
                                       int64_t deadline_us, struct om_error *err)
{
    if (answer->message.status == 401 &&
        may_ask_again(rtsp, &answer->message, rtsp->play_attempts)) {
        enum om_status status = send_play(rtsp, deadline_us);
        return status == OM_OK ? OM_OK : say_broken(rtsp, status, err);
    }
    rtsp->is_play_pending = false;
    if (!is_success(answer))
        return say_answer(rtsp, answer->message.status, err);
    rtsp->is_auth_proven = rtsp->auth.scheme != OM_RTSP_NO_AUTH;
    return OM_OK;
}

// Pictures may come before the answer; then the reader takes both as they come.
static enum om_status play(struct om_rtsp *rtsp, int64_t deadline_us, struct om_error *err)
{
    struct om_rtsp_event answer;

    rtsp->is_play_pending = true;
    enum om_status status = send_play(rtsp, deadline_us);
    if (status != OM_OK)
        return say_broken(rtsp, status, err);
    while (rtsp->is_play_pending) {
        status = wait_for_answer(rtsp, deadline_us, &answer);
        if (status == OM_AGAIN)
            break;
        if (status != OM_OK)
            return say_broken(rtsp, status, err);
        status = take_play_answer(rtsp, &answer, deadline_us, err);
        if (status != OM_OK)
            return status;
    }
    rtsp->keep_alive_at_us = om_time_mono_us() + rtsp->keep_alive_us;
    return OM_OK;
}

struct om_rtsp *om_rtsp_open(const struct om_rtsp_how *how, struct om_stream_info *ret_info,
                             struct om_error *err)
{
    om_auto(om_rtsp) rtsp = om_new(struct om_rtsp);
    int64_t deadline_us = om_time_mono_us() + how->timeout_us;
    struct om_rtsp_event answer;

    om_rtsp_socket_init(&rtsp->socket, how->cancel);
    om_rtsp_wire_init(&rtsp->wire);
    rtsp->cancel = how->cancel;
    rtsp->safe = how->safe;
    rtsp->url = om_new(struct om_url);
    *rtsp->url = *how->url;
    if (!set_address(rtsp)) {
        om_error_set(err, OM_INVALID, "%s: the URL is too long", rtsp->safe);
        return NULL;
    }
    if (describe(rtsp, deadline_us, &answer, err) != OM_OK ||
        read_description(rtsp, &answer, ret_info, err) != OM_OK ||
        set_up(rtsp, deadline_us, err) != OM_OK || play(rtsp, deadline_us, err) != OM_OK)
        return NULL;
    return om_steal(&rtsp);
}

void om_rtsp_destroy(struct om_rtsp *rtsp)
{
    if (!rtsp)
        return;
    if (rtsp->socket.fd >= 0 && rtsp->session[0]) {
        const struct request request = {"TEARDOWN", rtsp->aggregate, ""};
        (void)send_request(rtsp, &request, 0);  // if it does not fit, closing says the same
    }
    om_rtsp_socket_close(&rtsp->socket);
    om_rtsp_wire_finish(&rtsp->wire);
    om_rtp_depack_finish(&rtsp->depack);
    om_url_wipe(rtsp->url);
    om_free(rtsp->url);
    om_free(rtsp->address);
    om_free(rtsp->aggregate);
    om_free(rtsp->track);
    explicit_bzero(&rtsp->auth, sizeof(rtsp->auth));
    om_free(rtsp);
}

// ---- reading -----------------------------------------------------------------------------------

int64_t om_rtsp_wrap_us(const struct om_rtsp *rtsp)
{
    return (1LL << 32) * OM_SECOND / rtsp->clock_rate;
}

static enum om_status keep_alive(struct om_rtsp *rtsp)
{
    const struct request request = {rtsp->has_get_parameter ? "GET_PARAMETER" : "OPTIONS",
                                    rtsp->aggregate, ""};
    int64_t now_us = om_time_mono_us();

    rtsp->keep_alive_at_us = now_us + rtsp->keep_alive_us;
    return send_request(rtsp, &request, now_us + OM_SECOND);
}

// An answer while the stream runs: to PLAY if that came late, else to a keep-alive.
static enum om_status take_answer(struct om_rtsp *rtsp, const struct om_rtsp_event *answer,
                                  struct om_error *err)
{
    int status = answer->message.status;

    if (rtsp->is_play_pending)
        return take_play_answer(rtsp, answer, om_time_mono_us() + OM_SECOND, err);
    if (status == 454)  // the session is not known any more
        return say_ended(rtsp, OM_END, err);
    // A nonce that became too old: the next keep-alive is due at once, with the new one.
    if (status == 401 && may_ask_again(rtsp, &answer->message, 1))
        rtsp->keep_alive_at_us = om_time_mono_us();
    else if (is_success(answer))
        rtsp->is_auth_proven = rtsp->auth.scheme != OM_RTSP_NO_AUTH;
    else if (status == 405 || status == 501 || status == 551)
        rtsp->has_get_parameter = false;
    return OM_OK;
}

static enum om_status take_event(struct om_rtsp *rtsp, const struct om_rtsp_event *event,
                                 struct om_error *err)
{
    if (!event->is_frame && event->message.status >= 200)
        return take_answer(rtsp, event, err);
    if (!event->is_frame && event->message.status > 0)
        return OM_OK;
    enum om_status status = event->is_frame ? take_frame(rtsp, event)
                                            : answer_request(rtsp, &event->message);
    return status == OM_OK ? OM_OK : say_ended(rtsp, status, err);
}

// Reads more, and keeps the session alive while nothing comes.
static enum om_status read_more(struct om_rtsp *rtsp, int64_t deadline_us, struct om_error *err)
{
    int64_t until_us = OM_MIN(deadline_us, rtsp->keep_alive_at_us);
    enum om_status status = receive(rtsp, until_us);

    if (status == OM_TIMEOUT && until_us < deadline_us)
        status = keep_alive(rtsp);
    return status == OM_OK ? OM_OK : say_ended(rtsp, status, err);
}

enum om_status om_rtsp_read(struct om_rtsp *rtsp, int64_t timeout_us, struct om_packet **ret,
                            int64_t *ret_pts_us, struct om_error *err)
{
    int64_t deadline_us = om_time_mono_us() + timeout_us;
    struct om_rtp_picture picture;
    struct om_rtsp_event event;

    while (!om_rtp_depack_take(&rtsp->depack, &picture)) {
        enum om_status status = om_rtsp_wire_next(&rtsp->wire, &event);
        if (status == OM_OK)
            status = take_event(rtsp, &event, err);
        else if (status == OM_AGAIN)
            status = read_more(rtsp, deadline_us, err);
        else
            status = say_ended(rtsp, status, err);
        if (status != OM_OK)
            return status;
    }
    if (!rtsp->has_base) {
        rtsp->has_base = true;
        rtsp->base_time = picture.time;
    }
    *ret_pts_us = (int64_t)(uint32_t)(picture.time - rtsp->base_time) * OM_SECOND /
                  rtsp->clock_rate;
    *ret = picture.packet;
    return OM_OK;
}
