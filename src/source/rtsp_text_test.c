#include "source/rtsp_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static const char long_tail[] = "\r\nA: b\r\n\r\n";

static void test_messages(void)
{
    static const struct {
        const char *text;
        enum om_status status;
        int answer;
        const char *method;
        size_t body_bytes;
    } rows[] = {
        {"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", OM_OK, 200, "", 0},
        {"RTSP/1.0 200 OK\nCSeq: 1\n\n", OM_OK, 200, "", 0},
        {"RTSP/1.0 200 OK\r\nCSeq: 1\n\r\n", OM_OK, 200, "", 0},
        {"RTSP/1.0 404\r\n\r\n", OM_OK, 404, "", 0},
        {"RTSP/2.0  401  Unauthorized \r\n\r\n", OM_OK, 401, "", 0},
        {"RTSP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n", OM_OK, 200, "", 12},
        {"RTSP/1.0 200 OK\r\ncontent-length :65536\r\n\r\n", OM_OK, 200, "", 65536},
        {"RTSP/1.0 200 OK\r\nContent-Length:\r\n\r\n", OM_OK, 200, "", 0},
        {"RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0 200 OK\r\nContent-Length: 0x10\r\n\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0 20 OK\r\n\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0 2000 OK\r\n\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0 abc OK\r\n\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0 099 OK\r\n\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0\r\n\r\n", OM_INVALID, 0, "", 0},
        {"OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 7\r\n\r\n", OM_OK, 0, "OPTIONS", 0},
        {"GET_PARAMETER * RTSP/1.0\r\n\r\n", OM_OK, 0, "GET_PARAMETER", 0},
        {"get x RTSP/1.0\r\n\r\n", OM_INVALID, 0, "", 0},
        {"HTTP/1.1 200 OK\r\n\r\n", OM_INVALID, 0, "", 0},
        {"SSH-2.0-OpenSSH_9.2\r\n", OM_INVALID, 0, "", 0},
        {"RTSP/1.0 200 OK\r\nCSeq: 1\r\n", OM_AGAIN, 0, "", 0},
        {"RTSP/1.0 200 OK", OM_AGAIN, 0, "", 0},
        {"", OM_AGAIN, 0, "", 0},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_rtsp_message message;
        om_str text = om_str_from(rows[i].text);
        enum om_status status = om_rtsp_message_parse(text, &message);
        if (status != rows[i].status)
            fprintf(stderr, "%s: %s\n", rows[i].text, om_status_name(status));
        om_assert(status == rows[i].status);
        if (status != OM_OK)
            continue;
        om_assert(message.status == rows[i].answer && message.head_bytes == text.n);
        om_assert(om_str_equal(message.method, om_str_from(rows[i].method)));
        om_assert(message.body_bytes == rows[i].body_bytes);
    }
}

// Heads just below and above the bound; ones that never end.
static void test_bounds(void)
{
    static char text[2 * OM_RTSP_HEAD_MAX];
    struct om_rtsp_message message;
    int head = snprintf(text, sizeof(text), "RTSP/1.0 200 OK\r\nX: ");

    memset(text + head, 'x', sizeof(text) - (size_t)head);
    om_assert(om_rtsp_message_parse(om_str_n(text, OM_RTSP_HEAD_MAX - 1), &message) == OM_AGAIN);
    om_assert(om_rtsp_message_parse(om_str_n(text, OM_RTSP_HEAD_MAX), &message) == OM_INVALID);
    memset(text, 'R', sizeof(text));
    om_assert(om_rtsp_message_parse(om_str_n(text, OM_RTSP_HEAD_MAX), &message) == OM_INVALID);
    head = snprintf(text, sizeof(text), "RTSP/1.0 200 OK\r\nX: ");
    memset(text + head, 'x', sizeof(text) - (size_t)head);
    memcpy(text + OM_RTSP_HEAD_MAX - strlen(long_tail), long_tail, strlen(long_tail));
    om_assert(om_rtsp_message_parse(om_str_n(text, sizeof(text)), &message) == OM_OK);
    om_assert(message.head_bytes == OM_RTSP_HEAD_MAX);
    memcpy(text + OM_RTSP_HEAD_MAX - strlen(long_tail), "xxxxx\r\nA: b\r\n", 13);
    memcpy(text + OM_RTSP_HEAD_MAX + 3, "\r\n\r\n", 4);
    om_assert(om_rtsp_message_parse(om_str_n(text, sizeof(text)), &message) == OM_INVALID);
}

static void test_headers(void)
{
    struct om_rtsp_message message;
    om_str value;
    om_assert(
        om_rtsp_message_parse(OM_STR("RTSP/1.0 401 No\r\nWWW-Authenticate: Basic\r\nodd line\r\n"
                                     ": nameless\r\nwww-authenticate : Digest a\r\n\r\n"),
                              &message) == OM_OK);
    om_assert(om_rtsp_header(&message, "WWW-Authenticate", 0, &value));
    om_assert(om_str_equal(value, OM_STR("Basic")));
    om_assert(om_rtsp_header(&message, "WWW-Authenticate", 1, &value));
    om_assert(om_str_equal(value, OM_STR("Digest a")));
    om_assert(!om_rtsp_header(&message, "WWW-Authenticate", 2, &value));
    om_assert(!om_rtsp_header(&message, "WWW", 0, &value));
}

static void test_params(void)
{
    static const struct {
        const char *list;
        char separator;
        const char *value;  // NULL: none
    } rows[] = {
        {"a=1;name=2", ';', "2"},
        {" NAME = 2 ;x", ';', "2"},
        {"name=\"a;b\";x=1", ';', "a;b"},
        {"x=\"name=3\", name=4", ',', "4"},
        {"x=\"a\\\",name=5\",name=6", ',', "6"},
        {"name", ';', NULL},
        {"name=", ';', ""},
        {"", ';', NULL},
        {"rename=1", ';', NULL},
        {"x=\"open,name=1", ',', NULL},
        {"name=a=b", ';', "a=b"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        om_str value;
        bool is_there = om_rtsp_param(om_str_from(rows[i].list), rows[i].separator, "name", &value);
        om_assert(is_there == (rows[i].value != NULL));
        om_assert(!is_there || om_str_equal(value, om_str_from(rows[i].value)));
    }
}

static void test_transports(void)
{
    static const struct {
        const char *value;
        bool is_interleaved;
        int rtp, rtcp;
    } rows[] = {
        {"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1234", true, 0, 1},
        {"RTP/AVP/TCP;interleaved=4-5", true, 4, 5},
        {"RTP/AVP/TCP;interleaved=6", true, 6, -1},
        {"RTP/AVP/TCP;unicast", true, -1, -1},
        {"RTP/AVP;unicast;interleaved=0-1", true, 0, 1},
        {"RTP/AVP/TCP;interleaved=300-301", true, -1, -1},
        {"RTP/AVP/TCP;interleaved=-1-0", true, -1, -1},
        {"RTP/AVP;unicast;client_port=5000-5001", false, -1, -1},
        {"RTP/AVP/UDP;unicast,RTP/AVP/TCP;interleaved=0-1", false, -1, -1},
        {"", false, -1, -1},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_rtsp_transport got = om_rtsp_transport_parse(om_str_from(rows[i].value));
        om_assert(got.is_interleaved == rows[i].is_interleaved);
        om_assert(got.rtp_channel == rows[i].rtp && (got.rtcp_channel == rows[i].rtcp || i == 6));
    }
}

static void test_sessions(void)
{
    static const struct {
        const char *value;
        const char *id;  // NULL: refused
        int timeout_s;
    } rows[] = {
        {"12345678", "12345678", 60},
        {" 12345678 ; timeout=30 ", "12345678", 30},
        {"ab$-_.+;timeout=1", "ab$-_.+", 5},
        {"a;timeout=999999", "a", 3600},
        {"a;timeout=-5", "a", 60},
        {"a;timeout=x", "a", 60},
        {"", NULL, 60},
        {";timeout=9", NULL, 9},
        {"a b", NULL, 60},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_rtsp_session got;
        bool is_good = om_rtsp_session_parse(om_str_from(rows[i].value), &got);
        om_assert(is_good == (rows[i].id != NULL) && got.timeout_s == rows[i].timeout_s);
        om_assert(!is_good || om_str_equal(got.id, om_str_from(rows[i].id)));
    }
}

static void test_resolve(void)
{
    static const struct {
        const char *base, *control, *url;  // NULL: refused
    } rows[] = {
        {"rtsp://h/a/", "track1", "rtsp://h/a/track1"},
        {"rtsp://h/a", "track1", "rtsp://h/a/track1"},
        {"rtsp://h/a?x=1", "trackID=1", "rtsp://h/a?x=1/trackID=1"},
        {"rtsp://h/a/", "*", "rtsp://h/a/"},
        {"rtsp://h/a/", "", "rtsp://h/a/"},
        {"rtsp://h/a/", "/track1", "rtsp://h/a/track1"},
        {"rtsp://h/a", "/track1", "rtsp://h/a/track1"},
        {"rtsp://h/a", "rtsp://other/b/t", "rtsp://other/b/t"},
        {"rtsp://h/a", "RTSP://other/b/t", "RTSP://other/b/t"},
        {"rtsp://h/a", "track 1", NULL},
        {"rtsp://h/a", "t\r\nX: y", NULL},
        {"rtsp://h/\x01", "t", NULL},
    };
    char out[OM_RTSP_URL_SIZE];
    static char long_control[OM_RTSP_URL_SIZE];
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        bool is_good = om_rtsp_resolve(om_str_from(rows[i].base), om_str_from(rows[i].control),
                                       out);
        om_assert(is_good == (rows[i].url != NULL));
        om_assert(!is_good || strcmp(out, rows[i].url) == 0);
    }
    memset(long_control, 'x', sizeof(long_control) - 1);
    om_assert(!om_rtsp_resolve(OM_STR("rtsp://h"), om_str_from(long_control), out));
}

static void test_base64(void)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    char text[16];
    uint8_t bytes[16];
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        om_str plain = om_str_from(rows[i][0]), coded = om_str_from(rows[i][1]);
        om_assert(om_rtsp_base64_write(plain, text, sizeof(text)));
        om_assert(strcmp(text, rows[i][1]) == 0);
        om_assert(om_rtsp_base64_read(coded, bytes, sizeof(bytes)) == plain.n);
        om_assert(memcmp(bytes, plain.p, plain.n) == 0);
    }
    om_assert(om_rtsp_base64_read(OM_STR("Zm9vYg"), bytes, sizeof(bytes)) == 4);
    om_assert(om_rtsp_base64_read(OM_STR("Zm9vYg=="), bytes, 3) == 0);
    om_assert(om_rtsp_base64_read(OM_STR("Zm 9v"), bytes, sizeof(bytes)) == 0);
    om_assert(om_rtsp_base64_read(OM_STR("Zm\0v"), bytes, sizeof(bytes)) == 0);
    om_assert(!om_rtsp_base64_write(OM_STR("foobar"), text, 8));
}

int main(void)
{
    test_messages();
    test_bounds();
    test_headers();
    test_params();
    test_transports();
    test_sessions();
    test_resolve();
    test_base64();
    return 0;
}
