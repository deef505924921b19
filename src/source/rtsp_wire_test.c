#include "source/rtsp_wire.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rand.h"

#define ANSWER "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nbody"
#define REQUEST "OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n"
#define FRAME "$\0\0\3abc"

// What came, a letter each: A answer, R request, F frame on channel 0, G another frame; then '!'
// when it was no RTSP.
static void read_all(struct om_rtsp_wire *wire, char *out, size_t *at)
{
    struct om_rtsp_event event;
    enum om_status status;

    while ((status = om_rtsp_wire_next(wire, &event)) == OM_OK) {
        if (event.is_frame)
            out[(*at)++] = event.channel == 0 && event.bytes == 3 ? 'F' : 'G';
        else
            out[(*at)++] = event.message.status ? 'A' : 'R';
        om_assert(event.is_frame || event.message.status == 0 ||
                  (event.bytes == 4 && memcmp(event.data, "body", 4) == 0));
    }
    if (status == OM_INVALID)
        out[(*at)++] = '!';
}

static const char *feed(const char *data, size_t n, size_t step)
{
    static char out[64];
    struct om_rtsp_wire wire;
    size_t at = 0;

    om_rtsp_wire_init(&wire);
    wire.rtp_channel = 0;
    wire.rtcp_channel = 1;
    for (size_t from = 0; from < n && (at == 0 || out[at - 1] != '!');) {
        size_t room;
        uint8_t *to = om_rtsp_wire_room(&wire, &room);
        om_assert(to && room > 0);
        size_t some = OM_MIN(OM_MIN(step, room), n - from);
        memcpy(to, data + from, some);
        om_rtsp_wire_add(&wire, some);
        from += some;
        read_all(&wire, out, &at);
    }
    out[at] = '\0';
    om_rtsp_wire_finish(&wire);
    return out;
}

static void test_events(void)
{
    static const struct {
        const char *data;
        size_t bytes;
        const char *want;
    } rows[] = {
#define ROW(text, want) {text, sizeof(text) - 1, want}
        ROW(ANSWER, "A"),
        ROW(ANSWER FRAME FRAME REQUEST ANSWER, "AFFRA"),
        ROW("\r\n\r\n" ANSWER "\r\n\r\n" FRAME "\0\0" FRAME, "AFF"),
        ROW(FRAME ANSWER, "FA"),
        ROW(ANSWER "$\1\0\2xy"
                   "$\7\0\0" FRAME,
            "AGGF"),
        ROW(ANSWER "\x80\x60garbage" FRAME, "AF"),
        ROW(ANSWER "\x80$\x55\xff\xff" FRAME, "AF"),  // no channel of ours
        ROW(ANSWER "\x80RTSP/9\n" FRAME ANSWER, "AFA"),
        ROW("HTTP/1.1 400 Bad Request\r\n\r\n", "!"),
        ROW("220 ftp ready\r\n", "!"),
        ROW("\x16\x03\x01", "!"),
        ROW("RTSP/1.0 200 OK\r\nContent-Length: -4\r\n\r\n", "!"),
        ROW(ANSWER "$\0\377\377cut off", "A"),
#undef ROW
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        for (size_t step = 1; step <= 64; step *= 4) {
            const char *got = feed(rows[i].data, rows[i].bytes, step);
            if (strcmp(got, rows[i].want) != 0)
                fprintf(stderr, "%zu in steps of %zu: %s\n", i, step, got);
            om_assert(strcmp(got, rows[i].want) == 0);
        }
    }
}

// The longest frames, one behind the other in odd pieces, through a buffer that stays small.
static void test_long_frames(void)
{
    static char data[4 * 65539 + 100];
    size_t n = 0;

    memcpy(data, ANSWER, sizeof(ANSWER) - 1);
    n += sizeof(ANSWER) - 1;
    for (int i = 0; i < 4; i++, n += 65539)
        memcpy(data + n, "$\0\377\377", 4);
    om_assert(strcmp(feed(data, n, 1460), "AGGGG") == 0);
    om_assert(strcmp(feed(data, n, 65536), "AGGGG") == 0);
}

static void test_endless(void)
{
    static char data[300000];

    memcpy(data, "RTSP/1.0 200 OK\r\nX: ", 20);
    memset(data + 20, 'x', sizeof(data) - 20);
    om_assert(strcmp(feed(data, sizeof(data), 1000), "!") == 0);
    memset(data, '\x81', sizeof(data));
    memcpy(data, ANSWER, sizeof(ANSWER) - 1);
    om_assert(strcmp(feed(data, sizeof(data), 1000), "A!") == 0);
}

// Small frames do not make the buffer grow, however they come.
static void test_memory(void)
{
    struct om_rtsp_wire wire;
    struct om_rtsp_event event;
    struct om_rand rand;
    size_t sent = 0, got = 0;

    om_rand_init(&rand, 1);
    om_rtsp_wire_init(&wire);
    for (int i = 0; i < 100000; i++) {
        size_t room;
        uint8_t *to = om_rtsp_wire_room(&wire, &room);
        size_t n = OM_MIN(room, (size_t)om_rand_below(&rand, 3000) + 1);
        for (size_t k = 0; k < n; k++, sent++) {
            static const uint8_t head[4] = {'$', 0, 1400 >> 8, 1400 & 255};
            to[k] = sent % 1404 < 4 ? head[sent % 1404] : (uint8_t)(sent / 1404);
        }
        om_rtsp_wire_add(&wire, n);
        while (om_rtsp_wire_next(&wire, &event) == OM_OK) {
            om_assert(event.bytes == 1400 && event.data[0] == (uint8_t)got &&
                      event.data[1399] == (uint8_t)got);
            got++;
        }
    }
    om_assert(got == sent / 1404 && wire.cap == 16 * 1024);
    om_rtsp_wire_finish(&wire);
}

int main(void)
{
    test_events();
    test_long_frames();
    test_endless();
    test_memory();
    return 0;
}
