#include "source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "source/test_scene.h"

static void test_kinds(void)
{
    static const struct {
        const char *url;
        enum om_source_kind kind;
        const char *safe;
    } rows[] = {
        {"rtsp://h/x", OM_SOURCE_RTSP, "rtsp://h/x"},
        {"rtsps://admin:secret@h/x?key=secret", OM_SOURCE_RTSP, "rtsps://h/x"},
        {"HTTP://h:81/v?token=secret", OM_SOURCE_HTTP, "http://h:81/v"},
        {"https://h/live.m3u8", OM_SOURCE_HTTP, "https://h/live.m3u8"},
        {"0", OM_SOURCE_USB, "0"},
        {"12", OM_SOURCE_USB, "12"},
        {"/dev/video3", OM_SOURCE_USB, "/dev/video3"},
        {"clip.mp4", OM_SOURCE_FILE, "clip.mp4"},
        {"./a:b,c.mp4?loop", OM_SOURCE_FILE, "./a:b,c.mp4?loop"},
        {"/tmp", OM_SOURCE_FOLDER, "/tmp"},
        {"/tmp?loop", OM_SOURCE_FOLDER, "/tmp?loop"},
        {"test:", OM_SOURCE_TEST, "test:"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        enum om_source_kind kind;
        char safe[OM_SOURCE_TEXT_SIZE];
        om_assert(om_source_classify(rows[i].url, &kind, safe, NULL) == OM_OK);
        om_assert(kind == rows[i].kind && strcmp(safe, rows[i].safe) == 0);
    }
}

// Opening must fail at once and leave no connection, file or program behind.
static const char *const attacks[] = {
    "",
    "-",
    "-i",
    "--help",
    "-rtsp://h/",
    "-f lavfi",
    "concat:/etc/passwd|/etc/hosts",
    "concat:a.ts|b.ts",
    "CONCAT:/etc/passwd",
    "concatf:/etc/passwd",
    "subfile,,start,0,end,9,,:/etc/passwd",
    "subfile,,:/etc/passwd",
    "Subfile,,start,0,end,0,,:x",
    "pipe:",
    "pipe:0",
    "pipe:1",
    "PIPE:0",
    "pipe://0",
    "fd:",
    "fd:3",
    "data:text/plain;base64,QUFB",
    "data:,x",
    "data://x",
    "file:/etc/passwd",
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "File:/etc/shadow",
    "file://localhost/etc/passwd",
    "cache:/etc/passwd",
    "cache:http://h/",
    "crypto:/etc/passwd",
    "crypto+file:/etc/passwd",
    "crypto://x",
    "async:/etc/passwd",
    "async:file:/etc/passwd",
    "md5:/tmp/x",
    "hash:x",
    "tee:x|y",
    "prompeg:",
    "ftp://h/x",
    "sftp://h/x",
    "ssh://h",
    "scp://h/x",
    "smb://h/x",
    "gopher://h:70/_x",
    "gophers://h/x",
    "dict://h:11211/stat",
    "ldap://h/x",
    "telnet://h",
    "tftp://h/x",
    "jar:http://h!/x",
    "netdoc:///etc/passwd",
    "phar://x",
    "php://filter",
    "expect://id",
    "glob:///etc/*",
    "zip:/x",
    "zlib:/x",
    "gzip:/x",
    "rtmp://h/x",
    "rtmps://h/x",
    "rtmpe://h/x",
    "rtmpt://h/x",
    "ffrtmphttp://h/x",
    "mmsh://h/x",
    "mmst://h/x",
    "rtp://h:5000",
    "srtp://h:5000",
    "udp://@239.0.0.1:1234",
    "udp://h:1",
    "udplite://h:1",
    "tcp://h:25",
    "tcp://127.0.0.1:6379",
    "tls://h:443",
    "unix:/run/x.sock",
    "unix:///run/x.sock",
    "sctp://h:1",
    "sap://h",
    "icecast://h/x",
    "srt://h:1",
    "rist://h:1",
    "zmq:tcp://h:1",
    "amqp://h",
    "ipfs://x",
    "ipns://x",
    "libsmbclient://h",
    "bluray:/x",
    "dvd:/x",
    "hls+http://h/x",
    "hls:http://h/x",
    "hls+file:///etc/passwd",
    "applehttp://h/x",
    "dash:http://h",
    "mpegdash://h",
    "lavfi:testsrc",
    "lavfi://x",
    "lavfi:movie=/etc/passwd",
    "movie:/etc/passwd",
    "x11grab::0",
    "x11grab:0.0",
    "v4l2:/dev/video0",
    "video4linux2:/dev/video0",
    "alsa:default",
    "pulse:default",
    "fbdev:/dev/fb0",
    "kmsgrab:",
    "dshow:video=x",
    "avfoundation:0",
    "gdigrab:desktop",
    "decklink:x",
    "openal:",
    "jack:x",
    "sndio:x",
    "image2:/etc/%d",
    "image2pipe:",
    "tty:/etc/passwd",
    "sdp:/x",
    "sdp://x",
    "exec:id",
    "exec://id",
    "ffmpeg:x",
    "echo:id",
    "shell:id",
    "cmd:id",
    "bash:x",
    "javascript:alert(1)",
    "vbscript:x",
    "about:blank",
    "view-source:http://h",
    "blob:http://h/x",
    "ws://h/x",
    "wss://h/x",
    "webrtc://h/x",
    "onvif://h/x",
    "ndi://x",
    "file+http://h",
    "a+b.c-1:x",
    "rtsp+tcp://h/x",
    "rtspt://h/x",
    "rtspu://h/x",
    "rtsph://h/x",
    "satip://h/x",
    "http+unix://x/y",
    "https+insecure://h",
    "httpx://h",
    "httpproxy://h",
    "httpproxy:h",
    "rtsp://",
    "rtsp:///etc/passwd",
    "http:///etc/passwd",
    "rtsp://-oProxyCommand=x/",
    "http://-h/",
    "rtsp://h:0/",
    "rtsp://h:70000/",
    "rtsp://h:5.5/",
    "rtsp://[::1/",
    "rtsp://h x/",
    "rtsp://h\r\nDESCRIBE x RTSP/1.0\r\n/",
    "rtsp://h/a\rb",
    "rtsp://h/a\nb",
    "http://h/a\r\nHost: evil\r\n",
    "http://h\t/",
    "rtsp://u:p\r\n@h/",
    "rtsp://u:p%0d%0a@h/",
    "rtsp://u%00:p@h/",
    "rtsp://u:p%1b@h/",
    "clip\n.mp4",
    "clip\r.mp4",
    "clip\x1b[31m.mp4",
    "/dev/video0\n",
    "0\n",
    "\x01",
    "http://",
    "https://",
    "https:///x",
    "http://[::1]x/",
    "http://h\\@evil/",
    "http://<h>/",
    "http://h|id/",
    "http://$(id)/",
    "http://`id`/",
    "rtsp://;id/",
    "rtsp://h;id/",
    "rtsp://h'/",
    "rtsp://h\"/",
    "rtsp://h%2f/",
    "rtsp://h,evil/",
};

static void test_attacks(void)
{
    static_assert(OM_ARRAY_LEN(attacks) >= 180, "the list only grows");
    for (size_t i = 0; i < OM_ARRAY_LEN(attacks); i++) {
        enum om_source_kind kind;
        char safe[OM_SOURCE_TEXT_SIZE];
        struct om_error err = {0};
        int64_t before_us = om_time_mono_us();
        enum om_status status = om_source_classify(attacks[i], &kind, safe, &err);
        if (status == OM_OK)
            fprintf(stderr, "not refused: %s\n", attacks[i]);
        om_assert(status == OM_INVALID || status == OM_UNSUPPORTED);
        om_assert(err.text[0] && err.hint[0] && err.status == status);
        om_assert(!om_source_open(attacks[i], &om_source_opts_default, NULL, &err));
        om_assert(om_time_mono_us() - before_us < OM_SECOND);
    }
}

static const char *sink_path(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "/tmp/omma-source-test-%d-%s", (int)getpid(), name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    om_assert(f && fwrite(text, 1, strlen(text), f) == strlen(text));
    fclose(f);
}

// Files that tell libavformat to open others.
static void test_playlists(void)
{
    static const char *const rows[][2] = {
        {"a.m3u8",
         "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"},
        {"b.m3u8", "#EXTM3U\n#EXTINF:10,\nconcat:http://127.0.0.1:9/|file:///etc/passwd\n"},
        {"c.mp4", "#EXTM3U\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n"},
        {"d.ffconcat", "ffconcat version 1.0\nfile /etc/passwd\n"},
        {"e.mp4", "ffconcat version 1.0\nfile '/etc/passwd'\n"},
        {"f.sdp",
         "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n"
         "a=rtpmap:96 H264/90000\n"},
        {"g.mpd",
         "<?xml version=\"1.0\"?><MPD type=\"static\"><Period><BaseURL>file:///etc/</BaseURL>"
         "</Period></MPD>"},
        {"h.avi", "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nhttp://127.0.0.1:9/x\n"},
        {"i.txt", "hello\n"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_error err = {0};
        const char *path = sink_path(rows[i][0]);
        write_file(path, rows[i][1]);
        struct om_source *source = om_source_open(path, &om_source_opts_default, NULL, &err);
        (void)unlink(path);
        om_assert(!source && err.text[0] && err.hint[0]);
    }
}

static void test_errors(void)
{
    static const struct {
        const char *url;
        enum om_status status;
    } rows[] = {
        {"/nonexistent/clip.mp4", OM_NOT_FOUND},
        {"/dev/video63", OM_NOT_FOUND},
        {"99", OM_NOT_FOUND},
        {"/dev/videoX", OM_NOT_FOUND},
        {"/dev/null", OM_INVALID},
        {"test:x", OM_INVALID},
        {"rtsp://admin:sEcReT@127.0.0.1:9/x", OM_UNREACHABLE},
        {"http://admin:sEcReT@127.0.0.1:9/x", OM_UNREACHABLE},
        {"rtsp://admin:sEcReT@host.invalid/x", OM_UNREACHABLE},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_error err = {0};
        om_assert(!om_source_open(rows[i].url, &om_source_opts_default, NULL, &err));
        if (err.status != rows[i].status)
            fprintf(stderr, "%s: %s (%s)\n", rows[i].url, err.text, om_status_name(err.status));
        om_assert(err.status == rows[i].status && err.hint[0]);
        om_assert(!strstr(err.text, "sEcReT") && !strstr(err.hint, "sEcReT"));
    }
}

static void test_scene_source(void)
{
    static uint8_t want[OM_TEST_WIDTH * OM_TEST_HEIGHT * 3 / 2];
    struct om_source_opts opts = om_source_opts_default;
    om_auto(om_test_scene) scene = om_test_scene_create();
    opts.as_fast_as_possible = true;
    om_auto(om_source) source = om_source_open("test:40", &opts, NULL, NULL);
    om_assert(source && om_source_info(source)->codec == OM_CODEC_RAW);
    uint64_t before = 0;
    for (int i = 0; i < 40; i++) {
        om_auto_ref(om_packet) packet = NULL;
        om_assert(om_source_read(source, &packet, NULL) == OM_OK);
        om_assert(packet->bytes == sizeof(want) && packet->pts_us == i * 40000 && packet->is_key);
        om_test_scene_draw(scene, (uint64_t)i, want);
        om_assert(memcmp(packet->data, want, sizeof(want)) == 0);
        if (i == 2)
            before = om_mem_alloc_count();
    }
    om_assert(om_mem_alloc_count() == before);  // nothing in steady state
    struct om_packet *none;
    om_assert(om_source_read(source, &none, NULL) == OM_END);
}

// The scene keeps its pace, and stops at once when cancelled.
static void test_pace(void)
{
    struct om_cancel cancel;
    om_cancel_init(&cancel);
    struct om_source_opts opts = om_source_opts_default;
    opts.test_fps = 50;
    {
        om_auto(om_source) source = om_source_open("test:", &opts, &cancel, NULL);
        int64_t from_us = om_time_mono_us();
        for (int i = 0; i < 11; i++) {
            om_auto_ref(om_packet) packet = NULL;
            om_assert(om_source_read(source, &packet, NULL) == OM_OK);
        }
        int64_t took_us = om_time_mono_us() - from_us;
        om_assert(took_us > 195 * OM_MS && took_us < 400 * OM_MS);
        om_cancel_set(&cancel);
        struct om_packet *none;
        om_assert(om_source_read(source, &none, NULL) == OM_CANCELLED);
    }
    om_cancel_finish(&cancel);
}

static void test_folder(const char *shared)
{
    char path[500];
    struct om_source_opts opts = om_source_opts_default;
    int jpegs = 0, raws = 0;

    opts.as_fast_as_possible = true;
    snprintf(path, sizeof(path), "%s/data/images/street", shared);
    om_auto(om_source) source = om_source_open(path, &opts, NULL, NULL);
    om_assert(source && om_source_kind(source) == OM_SOURCE_FOLDER);
    for (;;) {
        om_auto_ref(om_packet) packet = NULL;
        if (om_source_read(source, &packet, NULL) != OM_OK)
            break;
        bool is_jpeg = om_source_info(source)->codec == OM_CODEC_MJPEG;
        om_assert(is_jpeg == (packet->data[0] == 0xff && packet->data[1] == 0xd8));
        *(is_jpeg ? &jpegs : &raws) += 1;
    }
    om_assert(jpegs + raws == 13 && raws >= 1);
}

int main(void)
{
    const char *shared = getenv("OMMA_SHARED");

    test_kinds();
    test_attacks();
    test_playlists();
    test_errors();
    test_scene_source();
    test_pace();
    if (!shared) {
        puts("skipped: no ../shared");
        return 77;
    }
    test_folder(shared);
    return 0;
}
