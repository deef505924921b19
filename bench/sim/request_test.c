#include "bench/sim/request.h"

#include "base/assert.h"

static void test_whole(void)
{
    struct om_sim_request r;
    om_str text = OM_STR("\r\nSETUP rtsp://h:1/cam/12/trackID=0 RTSP/1.0\r\ncseq:  7 \r\n"
                         "Transport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n"
                         "Content-Length: 3\r\nX-Other: y\r\n\r\nabcOPTIONS");
    om_assert(om_sim_request_parse(text, &r) == OM_SIM_REQUEST);
    om_assert(om_str_equal(r.method, OM_STR("SETUP")));
    om_assert(om_str_equal(r.uri, OM_STR("rtsp://h:1/cam/12/trackID=0")));
    om_assert(om_str_equal(r.cseq, OM_STR("7")));
    om_assert(om_sim_request_channel(r.transport) == 4);
    om_assert(om_str_equal(om_str_sub(text, r.bytes, text.n), OM_STR("OPTIONS")));
    // Any part of it but the whole waits for more.
    for (size_t n = 0; n < r.bytes; n++) {
        struct om_sim_request part;
        om_assert(om_sim_request_parse(om_str_sub(text, 0, n), &part) == OM_SIM_MORE);
    }
}

static void test_bad(void)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "OPTIONS\r\n\r\n",
        "OPTIONS * RTSP/1.0 more\r\n\r\n",
        "OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n",
        "OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
        "OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999\r\n\r\n",
    };
    struct om_sim_request r;
    for (size_t i = 0; i < OM_ARRAY_LEN(texts); i++)
        om_assert(om_sim_request_parse(om_str_from(texts[i]), &r) == OM_SIM_BAD);
    static char endless[OM_SIM_REQUEST_BYTES_MAX];
    memset(endless, 'x', sizeof(endless));
    om_assert(om_sim_request_parse(om_str_n(endless, sizeof(endless) - 1), &r) == OM_SIM_MORE);
    om_assert(om_sim_request_parse(om_str_n(endless, sizeof(endless)), &r) == OM_SIM_BAD);
}

static void test_interleaved(void)
{
    struct om_sim_request r;
    om_str text = OM_STR("$\1\0\4abcdOPT");
    om_assert(om_sim_request_parse(text, &r) == OM_SIM_INTERLEAVED && r.bytes == 8);
    om_assert(om_sim_request_parse(om_str_sub(text, 0, 7), &r) == OM_SIM_MORE);
    om_assert(om_sim_request_parse(om_str_sub(text, 0, 3), &r) == OM_SIM_MORE);
}

static void test_camera(void)
{
    static const struct {
        const char *uri;
        int camera;
    } rows[] = {
        {"rtsp://h/cam/0", 0},     {"rtsp://h:8554/cam/999/trackID=0", 999},
        {"rtsp://h/cam/7?x=1", 7}, {"rtsp://h/cam/", -1},
        {"rtsp://h/cam/1x", -1},   {"rtsp://h/live", -1},
        {"rtsp://h/cam/-1", -1},   {"rtsp://h/cam/99999999999", -1},
        {"rtsp://h/cam/+1", -1},   {"*", -1},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++)
        om_assert(om_sim_request_camera(om_str_from(rows[i].uri)) == rows[i].camera);
}

static void test_channel(void)
{
    static const struct {
        const char *transport;
        int channel;
    } rows[] = {
        {"RTP/AVP/TCP;unicast;interleaved=2-3", 2},
        {"RTP/AVP;unicast;client_port=5000-5001, RTP/AVP/TCP;interleaved=0-1", 0},
        {"RTP/AVP/TCP;unicast", 0},
        {"RTP/AVP/TCP;interleaved=254-255;mode=play", 254},
        {"RTP/AVP/TCP;interleaved=255-256", -1},
        {"RTP/AVP/TCP;interleaved=x", -1},
        {"RTP/AVP/TCP;interleaved=", -1},
        {"RTP/AVP;unicast;client_port=5000-5001", -1},
        {"", -1},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++)
        om_assert(om_sim_request_channel(om_str_from(rows[i].transport)) == rows[i].channel);
}

int main(void)
{
    test_whole();
    test_bad();
    test_interleaved();
    test_camera();
    test_channel();
    return 0;
}
