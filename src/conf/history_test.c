#include "conf/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "conf/config.h"

static char home[] = "/tmp/omma-history-test-XXXXXX";

static const char *version_path(int version)
{
    static char path[100];
    snprintf(path, sizeof(path), "%s/config/cameras-%06d.yaml", home, version);
    return path;
}

static bool put(struct om_history *history, const char *id, const char *source)
{
    om_auto(om_conf) conf = om_conf_parse(OM_STR("cameras: {x: y}"), "t", NULL);
    struct om_conf_camera cam;
    om_conf_camera_copy(&cam, &conf->cameras[0]);
    struct om_conf_camera named = cam;
    char id_text[65], source_text[100];
    snprintf(id_text, sizeof(id_text), "%s", id);
    snprintf(source_text, sizeof(source_text), "%s", source);
    named.id = id_text;
    named.source = source_text;
    bool is_put = om_history_put(history, &named, NULL);
    om_conf_camera_finish(&cam);
    return is_put;
}

// The user's file with the history laid over it, as "id=source id=source".
static const char *laid_over(const struct om_history *history)
{
    static char text[2000];
    om_auto(om_conf) conf = om_conf_parse(OM_STR("cameras: {a: file-a, b: file-b}"), "t", NULL);
    om_assert(om_history_lay_over(history, conf, NULL));
    size_t n = 0;
    text[0] = '\0';
    for (int i = 0; i < conf->camera_count; i++) {
        int more = snprintf(text + n, sizeof(text) - n, "%s%s=%s", n ? " " : "",
                            conf->cameras[i].id, conf->cameras[i].source);
        n += (size_t)more;
    }
    return text;
}

static void test_changes_and_undo(void)
{
    struct om_error err = {0};
    om_auto(om_history) history = om_history_open(home, &err);
    om_assert(history && strcmp(laid_over(history), "a=file-a b=file-b") == 0);
    om_assert(!om_history_undo(history, &err) && err.status == OM_NOT_FOUND);

    om_assert(put(history, "c", "rtsp://u:${X}@h/"));
    om_assert(strcmp(laid_over(history), "a=file-a b=file-b c=rtsp://u:${X}@h/") == 0);
    om_assert(om_history_remove(history, OM_STR("a"), NULL));
    om_assert(put(history, "b", "api-b"));
    om_assert(strcmp(laid_over(history), "b=api-b c=rtsp://u:${X}@h/") == 0);
    om_assert(put(history, "a", "api-a"));  // back again
    om_assert(strcmp(laid_over(history), "a=api-a b=api-b c=rtsp://u:${X}@h/") == 0);

    struct stat st;
    om_assert(stat(version_path(4), &st) == 0 && (st.st_mode & 0777) == 0600);

    om_assert(om_history_undo(history, NULL));
    om_assert(strcmp(laid_over(history), "b=api-b c=rtsp://u:${X}@h/") == 0);
    om_assert(om_history_undo(history, NULL));
    om_assert(strcmp(laid_over(history), "b=file-b c=rtsp://u:${X}@h/") == 0);
    om_assert(!om_file_exists(version_path(4)) && om_file_exists(version_path(2)));
}

// A restart finds what was there.
static void test_again(void)
{
    om_auto(om_history) history = om_history_open(home, NULL);
    om_assert(strcmp(laid_over(history), "b=file-b c=rtsp://u:${X}@h/") == 0);
    om_assert(om_history_undo(history, NULL) && om_history_undo(history, NULL));
    om_assert(strcmp(laid_over(history), "a=file-a b=file-b") == 0);
    om_assert(!om_history_undo(history, NULL));
}

static void test_fifty_are_kept(void)
{
    om_auto(om_history) history = om_history_open(home, NULL);
    for (int i = 1; i <= 60; i++) {
        char source[16];
        snprintf(source, sizeof(source), "s%d", i);
        om_assert(put(history, "a", source));
    }
    om_assert(!om_file_exists(version_path(10)) && om_file_exists(version_path(11)));
    int undone = 0;
    while (om_history_undo(history, NULL))
        undone++;
    om_assert(undone == 49 && strcmp(laid_over(history), "a=s11 b=file-b") == 0);
}

static void test_damaged(void)
{
    struct om_error err = {0};
    {
        om_auto(om_history) history = om_history_open(home, NULL);
        om_assert(put(history, "a", "good"));
        om_assert(om_file_write(version_path(11), OM_STR("removed: ['\"x']\n"), NULL));
        om_assert(!om_history_undo(history, &err) && err.hint[0]);
        om_assert(strcmp(laid_over(history), "a=good b=file-b") == 0);  // nothing has changed
    }
    om_assert(om_file_write(version_path(12), OM_STR("cameras: [\n"), NULL));
    om_assert(!om_history_open(home, &err) && strstr(err.text, "cameras-000012.yaml"));
    om_assert(err.hint[0]);
}

static void test_disk_says_no(void)
{
    if (geteuid() == 0)
        return;  // root may write anywhere
    struct om_error err = {0};
    om_assert(unlink(version_path(12)) == 0 && unlink(version_path(11)) == 0);
    om_auto(om_history) history = om_history_open(home, &err);
    char folder[100];
    snprintf(folder, sizeof(folder), "%s/config", home);
    om_assert(chmod(folder, 0500) == 0);
    om_assert(!put(history, "a", "lost"));
    om_assert(strcmp(laid_over(history), "a=file-a b=file-b") == 0);
    om_assert(chmod(folder, 0700) == 0);
}

static void clean_up(void)
{
    for (int i = 0; i < 70; i++)
        (void)unlink(version_path(i));
    char folder[100];
    snprintf(folder, sizeof(folder), "%s/config", home);
    om_assert(rmdir(folder) == 0 && rmdir(home) == 0);
}

int main(void)
{
    om_assert(mkdtemp(home));
    test_changes_and_undo();
    test_again();
    test_fifty_are_kept();
    test_damaged();
    test_disk_says_no();
    clean_up();
    return 0;
}
