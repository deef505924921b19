#include "source/url.h"

#include <string.h>

#include "base/assert.h"

static void test_written_again(void)
{
    static const char *const rows[][3] = {
        // as the user wrote it, for libraries, for people
        {"rtsp://10.0.0.7/stream1", "rtsp://10.0.0.7/stream1", "rtsp://10.0.0.7/stream1"},
        {"RTSP://Cam-1.Example:8554/A?x=1&y=2#frag", "rtsp://cam-1.example:8554/A?x=1&y=2",
         "rtsp://cam-1.example:8554/A"},
        {"rtsp://u:p@h/s", "rtsp://u:p@h/s", "rtsp://h/s"},
        {"rtsp://u:p%40%2F%3a@h/s", "rtsp://u:p%40%2F%3A@h/s", "rtsp://h/s"},
        {"rtsp://u:p@ss@h/s", "rtsp://u:p%40ss@h/s", "rtsp://h/s"},
        {"rtsp://u:100%@h/s", "rtsp://u:100%25@h/s", "rtsp://h/s"},
        {"rtsp://u@h", "rtsp://u@h", "rtsp://h"},
        {"rtsp://u:@h", "rtsp://u:@h", "rtsp://h"},
        {"rtsp://[2001:DB8::1]:554/x", "rtsp://[2001:db8::1]:554/x", "rtsp://[2001:db8::1]:554/x"},
        {"http://h?action=stream", "http://h?action=stream", "http://h"},
        {"http://h/a b\"<>\\^`{|}", "http://h/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D",
         "http://h/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D"},
        {"http://h/\xc3\xa4?\xc3\xa4", "http://h/%C3%A4?%C3%A4", "http://h/%C3%A4"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_url url;
        char full[4 * OM_URL_SIZE], safe[256];
        om_assert(om_url_parse(om_str_from(rows[i][0]), &url, NULL) == OM_OK);
        om_assert(om_url_write(&url, full, sizeof(full)));
        om_assert(strcmp(full, rows[i][1]) == 0);
        om_url_write_safe(&url, safe, sizeof(safe));
        om_assert(strcmp(safe, rows[i][2]) == 0);

        // What was written is read back to the same.
        struct om_url back;
        char twice[4 * OM_URL_SIZE];
        om_assert(om_url_parse(om_str_from(full), &back, NULL) == OM_OK);
        om_assert(om_url_write(&back, twice, sizeof(twice)) && strcmp(full, twice) == 0);
        om_assert(strcmp(url.password, back.password) == 0 && strcmp(url.user, back.user) == 0);
    }
}

static void test_refused(void)
{
    static const char *const rows[] = {
        "",
        "rtsp",
        "rtsp:",
        "rtsp:/h",
        "rtsp://",
        "rtsp:///x",
        "rtsp://:554/x",
        "rtsp://h:0/",
        "rtsp://h:65536/",
        "rtsp://h:99999999999999999999/",
        "rtsp://h:5x/",
        "rtsp://h:/",
        "rtsp://-h/",
        "rtsp://.h/",
        "rtsp://h h/",
        "rtsp://h\"/",
        "rtsp://h%41/",
        "rtsp://h\\x/",
        "rtsp://[::1/",
        "rtsp://[::1]x/",
        "rtsp://[gg::]/",
        "rtsp://[]/",
        "rtsp://u:p%0d%0aX@h/",
        "rtsp://u:p\r\nX@h/",
        "rtsp://h/a\nb",
        "rtsp://h/a\tb",
        "rtsp://h/\x7f",
        "rtsp://u:pa#ss@h/",
        "1rtsp://h/",
        "rt-sp://h/",
        "://h/",
        "-rtsp://h/",
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_url url;
        struct om_error err = {0};
        om_assert(om_url_parse(om_str_from(rows[i]), &url, &err) == OM_INVALID);
        om_assert(err.text[0] && err.hint[0]);
        om_assert(!strstr(err.text, "ss@") && !strstr(err.text, "p%0d"));
    }
}

static void test_wipe(void)
{
    struct om_url url;
    om_assert(om_url_parse(OM_STR("rtsp://u:secret@h/"), &url, NULL) == OM_OK);
    om_url_wipe(&url);
    om_assert(!memmem(&url, sizeof(url), "secret", 6));
}

int main(void)
{
    test_written_again();
    test_refused();
    test_wipe();
    return 0;
}
