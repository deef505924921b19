#include "pipeline/offline.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread.h"
#include "base/time.h"
#include "infer/model.h"
#include "loop/cancel.h"
#include "media/frame.h"
#include "media/picture.h"
#include "pipeline/room_fixture.h"

struct seen {
    int items, ends, failures, objects;
    int64_t items_of_last;
    char last[512];
    double share;
    struct om_cancel *cancel;  // set at the first item
};

static void on_item(void *ctx, const struct om_offline_item *item)
{
    struct seen *seen = ctx;
    om_assert(strcmp(seen->last, item->file) == 0 || item->index == 0);
    (void)om_str_copy(seen->last, sizeof(seen->last), om_str_from(item->file));
    seen->items++;
    seen->objects += item->result->detections.count;
    if (item->share >= 0) {
        om_assert(item->share >= seen->share && item->share <= 1);
        seen->share = item->share;
    }
    if (seen->cancel)
        om_cancel_set(seen->cancel);
}

static void on_end(void *ctx, const char *file, int64_t items, struct om_traffic *traffic,
                   const struct om_error *err)
{
    (void)traffic;
    struct seen *seen = ctx;
    om_assert(file[0]);
    seen->ends++;
    seen->failures += err != NULL;
    seen->items_of_last = items;
    om_assert(!err || err->text[0]);
}

static const struct om_offline_ops ops = {.item = on_item, .input_end = on_end};

static enum om_status run(const char *const *inputs, int n, int64_t items_max, struct seen *seen)
{
    const struct om_detect_opts detect = OM_DETECT_OPTS_DEFAULT;
    const struct om_offline_opts opts = {.inputs = inputs,
                                         .input_count = n,
                                         .detect = &detect,
                                         .tracks = true,
                                         .items_max = items_max,
                                         .cancel = seen->cancel};
    struct om_error err = {0};
    enum om_status status = om_offline_run(&opts, &ops, seen, &err);
    om_assert(status == OM_OK || (err.status == status && err.text[0]));
    return status;
}

static void write_picture(const char *path)
{
    om_auto_buf jpeg;
    om_buf_init(&jpeg, 1 << 20);
    struct om_frame *frame = om_frame_alloc(OM_PIX_I420, 64, 48);
    om_assert(frame && om_picture_encode_jpeg(frame, 0, 80, &jpeg, NULL) == OM_OK);
    om_frame_unref(&frame);
    om_assert(om_file_write(path, om_buf_str(&jpeg), NULL));
}

static void test_pictures_folder_and_a_broken_one(const struct room *room)
{
    char folder[128], path[200], missing[128];
    room_text(folder, sizeof(folder), room, "pictures");
    om_assert(mkdir(folder, 0700) == 0);
    for (int i = 0; i < 12; i++) {
        snprintf(path, sizeof(path), "%s/%02d.jpg", folder, i);
        if (i == 5)
            om_assert(om_file_write(path, OM_STR("\xff\xd8\xff nothing of a picture"), NULL));
        else
            write_picture(path);
    }
    room_text(missing, sizeof(missing), room, "none.jpg");
    const char *inputs[] = {path, folder, missing, path};
    struct seen seen = {0};
    om_assert(run(inputs, 4, 0, &seen) == OM_OK);
    om_assert(seen.items == 13 && seen.ends == 15 && seen.failures == 2);
    om_assert(fabs(seen.share - 1) < 1e-9);

    char empty[128];
    room_text(empty, sizeof(empty), room, "empty");
    om_assert(mkdir(empty, 0700) == 0);
    const char *nothing[] = {empty};
    seen = (struct seen){0};
    om_assert(run(nothing, 1, 0, &seen) == OM_OK);
    om_assert(seen.items == 0 && seen.failures == 1);
}

static void test_motion_in_the_scene(void)
{
    const char *inputs[] = {"test:", "test:"};
    struct seen seen = {0};
    om_assert(run(inputs, 2, 60, &seen) == OM_OK);
    // The bound is one of each input, and ends that input in good order.
    om_assert(seen.items == 120 && seen.ends == 2 && seen.failures == 0);
    om_assert(seen.items_of_last == 60 && seen.objects > 20);
}

static void test_cancelled_between_items(void)
{
    struct om_cancel cancel;
    om_cancel_init(&cancel);
    const char *inputs[] = {"test:"};
    struct seen seen = {.cancel = &cancel};
    om_assert(run(inputs, 1, 0, &seen) == OM_CANCELLED && seen.items == 1);
    om_cancel_finish(&cancel);
}

static void cancel_soon(void *ctx)
{
    om_time_sleep_us(200 * OM_MS);
    om_cancel_set(ctx);
}

// A camera that takes the connection and never says a word.
static void test_cancelled_while_a_source_waits(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    om_assert(fd >= 0 && bind(fd, (struct sockaddr *)&addr, size) == 0 && listen(fd, 8) == 0);
    om_assert(getsockname(fd, (struct sockaddr *)&addr, &size) == 0);
    char url[64];
    snprintf(url, sizeof(url), "rtsp://127.0.0.1:%d/x", ntohs(addr.sin_port));

    struct om_cancel cancel;
    struct om_thread thread = {0};
    om_cancel_init(&cancel);
    om_assert(om_thread_start(&thread, "cancel", 0, cancel_soon, &cancel));
    const char *inputs[] = {url};
    struct seen seen = {.cancel = &cancel};
    int64_t start_us = om_time_mono_us();
    om_assert(run(inputs, 1, 0, &seen) == OM_CANCELLED && seen.items == 0);
    om_assert(om_time_mono_us() - start_us < 2 * OM_SECOND);
    om_thread_join(&thread);
    om_cancel_finish(&cancel);
    (void)close(fd);
}

int main(void)
{
    struct room room;
    room_init(&room);
    test_pictures_folder_and_a_broken_one(&room);
    test_motion_in_the_scene();
    test_cancelled_between_items();
    test_cancelled_while_a_source_waits();
    room_finish(&room);
    return 0;
}
