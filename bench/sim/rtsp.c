// The requests of a client. Only what RTP over the same connection needs: one camera a connection,
// no pause, no seeking, as most cameras have it.

#include <stdio.h>

#include "base/assert.h"
#include "bench/sim/auth.h"
#include "bench/sim/conn.h"
#include "bench/sim/faults.h"
#include "bench/sim/request.h"
#include "bench/sim/sim.h"
#include "bench/sim/sim_int.h"
#include "bench/sim/timeline.h"

enum { ANSWER_BYTES_MAX = 80 * 1024 };

#define METHODS "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"

// What is being answered.
struct answer {
    struct om_sim_conn *conn;
    const struct om_sim_request *request;
    int camera;  // that the URI names, -1 = none
    struct om_buf buf;
};

static void begin(struct answer *a, const char *status)
{
    om_buf_clear(&a->buf);
    om_buf_printf(&a->buf,
                  "RTSP/1.0 %s\r\nCSeq: %.*s\r\nServer: omma-camera-sim/" OM_VERSION "\r\n", status,
                  OM_STR_ARG(a->request->cseq));
    if (a->conn->state == OM_SIM_CONN_READY || a->conn->state == OM_SIM_CONN_PLAYING)
        om_buf_printf(&a->buf, "Session: %08x;timeout=60\r\n", a->conn->id);
}

static void end(struct answer *a)
{
    om_buf_append_text(&a->buf, "\r\n");
}

static void answer_status(struct answer *a, const char *status)
{
    begin(a, status);
    end(a);
}

static const struct om_sim_timeline *timeline_of(const struct om_sim *sim, int camera)
{
    return &sim->timelines[camera % sim->timeline_count];
}

// ---- DESCRIBE ----------------------------------------------------------------------------------

static void write_sdp(const struct om_sim_timeline *timeline, int camera, struct om_buf *out)
{
    const struct om_sim_reel *reel = timeline->reel;
    double fps = OM_SIM_TICKS / (double)timeline->interval;
    om_buf_printf(out,
                  "v=0\r\no=- %d 1 IN IP4 127.0.0.1\r\ns=Camera %d\r\nc=IN IP4 0.0.0.0\r\n"
                  "t=0 0\r\na=range:npt=now-\r\na=control:*\r\n",
                  camera + 1, camera);
    om_buf_printf(out, "m=video 0 RTP/AVP %d\r\na=rtpmap:%d %s/%d\r\na=fmtp:%d %s\r\n",
                  OM_SIM_PAYLOAD_TYPE, OM_SIM_PAYLOAD_TYPE,
                  reel->codec == OM_CODEC_H264 ? "H264" : "H265", OM_SIM_TICKS, OM_SIM_PAYLOAD_TYPE,
                  om_buf_text(&reel->fmtp));
    om_buf_printf(out, "a=framerate:%.3f\r\na=x-dimensions:%d,%d\r\na=control:trackID=0\r\n", fps,
                  reel->width, reel->height);
}

static void answer_describe(struct answer *a)
{
    om_auto_buf sdp = {0};
    om_buf_init(&sdp, ANSWER_BYTES_MAX);
    write_sdp(timeline_of(a->conn->sim, a->camera), a->camera, &sdp);
    begin(a, "200 OK");
    om_buf_printf(&a->buf, "Content-Base: %.*s/\r\nContent-Type: application/sdp\r\n",
                  OM_STR_ARG(a->request->uri));
    om_buf_printf(&a->buf, "Content-Length: %zu\r\n", sdp.len);
    end(a);
    om_buf_append_str(&a->buf, om_buf_str(&sdp));
}

// ---- the others --------------------------------------------------------------------------------

static void answer_options(struct answer *a)
{
    begin(a, "200 OK");
    om_buf_append_text(&a->buf, "Public: " METHODS "\r\n");
    end(a);
}

static void answer_setup(struct answer *a)
{
    struct om_sim_conn *conn = a->conn;
    int channel = om_sim_request_channel(a->request->transport);
    if (conn->state == OM_SIM_CONN_PLAYING) {
        answer_status(a, "455 Method Not Valid in This State");
        return;
    }
    if (channel < 0) {
        answer_status(a, "461 Unsupported Transport");
        return;
    }
    struct om_sim *sim = conn->sim;
    conn->state = OM_SIM_CONN_READY;
    conn->camera = a->camera;
    conn->timeline = timeline_of(sim, a->camera);
    conn->stamp = (struct om_sim_stamp){
        .channel = (uint8_t)channel,
        .seq = (uint16_t)om_rand_u64(&sim->rand),
        .ssrc = (uint32_t)om_rand_u64(&sim->rand),
    };
    conn->stamp_base = (uint32_t)om_rand_u64(&sim->rand);
    begin(a, "200 OK");
    om_buf_printf(&a->buf, "Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d;ssrc=%08X\r\n",
                  channel, channel + 1, conn->stamp.ssrc);
    end(a);
}

static void answer_play(struct answer *a)
{
    struct om_sim_conn *conn = a->conn;
    if (conn->state != OM_SIM_CONN_READY) {
        answer_status(a, conn->state == OM_SIM_CONN_PLAYING ? "200 OK"
                                                            : "455 Method Not Valid in This State");
        return;
    }
    begin(a, "200 OK");
    om_str uri = a->request->uri;
    om_buf_printf(&a->buf, "Range: npt=now-\r\nRTP-Info: url=%.*s%strackID=0;seq=%u;rtptime=%u\r\n",
                  OM_STR_ARG(uri), om_str_ends_with(uri, OM_STR("/")) ? "" : "/", conn->stamp.seq,
                  conn->stamp_base);
    end(a);
    om_sim_play_start(conn);
}

static void answer_teardown(struct answer *a)
{
    answer_status(a, "200 OK");
    om_sim_play_stop(a->conn);
    a->conn->state = OM_SIM_CONN_CLOSING;
}

static void answer_parameter(struct answer *a)
{
    answer_status(a, "200 OK");
}

static const struct method {
    om_str name;
    void (*fn)(struct answer *a);
    bool needs_camera, is_refused;  // may be refused, see faults.h
} methods[] = {
    {{"OPTIONS", 7}, answer_options, false, false},
    {{"DESCRIBE", 8}, answer_describe, true, true},
    {{"SETUP", 5}, answer_setup, true, true},
    {{"PLAY", 4}, answer_play, true, false},
    {{"GET_PARAMETER", 13}, answer_parameter, false, false},
    {{"SET_PARAMETER", 13}, answer_parameter, false, false},
    {{"TEARDOWN", 8}, answer_teardown, false, false},
};

static const struct method *find_method(om_str name)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(methods); i++) {
        if (om_str_equal(methods[i].name, name))
            return &methods[i];
    }
    return NULL;
}

static void answer_unauthorized(struct answer *a)
{
    begin(a, "401 Unauthorized");
    om_sim_auth_challenge(a->conn->nonce, &a->buf);
    end(a);
}

static void answer(struct answer *a)
{
    struct om_sim *sim = a->conn->sim;
    const struct method *method = find_method(a->request->method);
    if (!method)
        answer_status(a, "501 Not Implemented");
    else if (!om_sim_auth_is_good(sim->auth, a->conn->nonce, a->request->method,
                                  a->request->authorization))
        answer_unauthorized(a);
    else if (method->needs_camera && a->camera < 0)
        answer_status(a, "404 Not Found");
    else if (method->is_refused && om_sim_faults_rule(sim->faults, OM_SIM_REFUSE, a->camera))
        answer_status(a, "453 Not Enough Bandwidth");
    else
        method->fn(a);
}

bool om_sim_rtsp_answer(struct om_sim_conn *conn, const struct om_sim_request *request)
{
    struct answer a = {conn, request, om_sim_request_camera(request->uri), {0}};
    if (a.camera >= conn->sim->opts->cameras)
        a.camera = -1;
    if (a.camera >= 0 && om_sim_faults_rule(conn->sim->faults, OM_SIM_SILENT, a.camera)) {
        conn->state = OM_SIM_CONN_SILENT;
        return true;
    }
    om_buf_init(&a.buf, ANSWER_BYTES_MAX);
    answer(&a);
    om_assert(!a.buf.has_failed);  // all its parts are bounded
    bool is_open = om_sim_conn_send(conn, om_buf_text(&a.buf), a.buf.len);
    om_buf_finish(&a.buf);
    if (!is_open || conn->state != OM_SIM_CONN_CLOSING || conn->out.len > 0)
        return is_open;
    om_sim_conn_destroy(conn);
    return false;
}
