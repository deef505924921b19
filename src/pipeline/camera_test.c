#include "pipeline/camera.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alert/alert.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/config.h"
#include "conf/opt.h"
#include "media/frame.h"
#include "media/picture.h"
#include "motion/watch.h"
#include "pipeline/gate.h"
#include "pipeline/pipeline.h"
#include "pipeline/room_fixture.h"
#include "pipeline/stages.h"
#include "source/source.h"
#include "track/tracker.h"

static struct room room;
static struct om_connect_gate gate;

static struct om_camera *start_or_refuse(const char *source, const char *fallback, bool enabled,
                                         const struct om_error *refusal)
{
    struct om_watch_opts watch;
    struct om_tracker_opts tracker;
    struct om_alert_opts alert;
    om_opt_defaults(&om_watch_opt_group, &watch);
    om_opt_defaults(&om_tracker_opt_group, &tracker);
    om_opt_defaults(&om_alert_opt_group, &alert);
    struct om_source_opts source_opts = om_source_opts_default;
    source_opts.as_fast_as_possible = true;
    const struct om_stages_opts stages = {.watch = &watch,
                                          .tracker = &tracker,
                                          .alert = &alert,
                                          .workers = room.workers,
                                          .journal = room.journal};
    char id[] = "gate";
    om_auto_free char *source_copy = om_strdup(source), *fallback_copy = om_strdup(fallback);
    const struct om_conf_camera conf = {
        .id = id, .source = source_copy, .fallback = fallback_copy, .enabled = enabled};
    const struct om_camera_opts opts = {.conf = &conf,
                                        .source = &source_opts,
                                        .stages = &stages,
                                        .gate = &gate,
                                        .backoff_min_us = 50 * OM_MS,
                                        .backoff_max_us = 100 * OM_MS,
                                        .refusal = refusal};
    return om_camera_create(&opts);
}

static struct om_camera *start(const char *source, const char *fallback, bool enabled)
{
    return start_or_refuse(source, fallback, enabled, NULL);
}

static struct om_camera_status wait_for(struct om_camera *cam, enum om_camera_state state)
{
    struct om_camera_status status;
    for (int i = 0; i < 1000; i++) {
        om_camera_status(cam, &status);
        if (status.state == state)
            return status;
        om_time_sleep_us(5 * OM_MS);
    }
    (void)fprintf(stderr, "is %s, not %s: %s\n", om_camera_state_name(status.state),
                  om_camera_state_name(state), status.reason);
    abort();
}

static void test_scene_lives(void)
{
    om_auto(om_camera) cam = start("test:", NULL, true);
    struct om_camera_status status = wait_for(cam, OM_CAMERA_LIVE);
    om_assert(status.width == 640 && status.height == 360 && status.packets > 0);
    om_assert(status.reconnects == 0 && status.reason[0] == '\0');
    struct om_frame *frame = om_stages_snapshot(om_camera_stages(cam));
    om_assert(frame && frame->width == 640);
    om_frame_unref(&frame);
}

static void test_file_ends(const char *shared)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/data/videos/tud_campus.mp4", shared);
    om_auto(om_camera) cam = start(path, NULL, true);
    struct om_camera_status status = wait_for(cam, OM_CAMERA_ENDED);
    // The state says so only once the last picture is through.
    om_assert(status.frames_decoded == status.packets && status.packets > 60);
    om_assert(status.reconnects == 0 && status.fps == 0);
}

static void test_missing_file_backs_off(void)
{
    char path[128];
    om_auto(om_camera) cam = start(room_text(path, sizeof(path), &room, "no.mp4"), NULL, true);
    struct om_camera_status status = wait_for(cam, OM_CAMERA_BACKOFF);
    om_assert(status.reason[0] && status.hint[0]);
    om_time_sleep_us(400 * OM_MS);
    om_camera_status(cam, &status);
    om_assert(status.state == OM_CAMERA_BACKOFF && status.reconnects >= 3);
}

static int listener(int *ret_port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    om_assert(fd >= 0 && bind(fd, (struct sockaddr *)&addr, size) == 0 && listen(fd, 8) == 0);
    om_assert(getsockname(fd, (struct sockaddr *)&addr, &size) == 0);
    *ret_port = ntohs(addr.sin_port);
    return fd;
}

static void test_goes_while_it_connects(void)
{
    int port;
    int fd = listener(&port);  // takes the connection and never says a word
    char url[64];
    snprintf(url, sizeof(url), "rtsp://127.0.0.1:%d/x", port);
    struct om_camera *cam = start(url, NULL, true);
    om_time_sleep_us(150 * OM_MS);
    int64_t start_us = om_time_mono_us();
    om_camera_destroy(cam);
    om_assert(om_time_mono_us() - start_us < 2 * OM_SECOND);
    (void)close(fd);
}

static void test_refused(void)
{
    int port;
    (void)close(listener(&port));
    char url[64];
    snprintf(url, sizeof(url), "rtsp://user:secret@127.0.0.1:%d/x", port);
    om_auto(om_camera) cam = start(url, NULL, true);
    struct om_camera_status status = wait_for(cam, OM_CAMERA_BACKOFF);
    om_assert(status.reason[0] && !strstr(status.reason, "secret"));
    om_assert(!strstr(status.source, "secret"));
}

static void test_fallback_picture(void)
{
    char missing[128], picture[128];
    om_auto_buf jpeg;
    om_buf_init(&jpeg, 1 << 20);
    struct om_frame *frame = om_frame_alloc(OM_PIX_I420, 48, 32);
    om_assert(frame && om_picture_encode_jpeg(frame, 0, 80, &jpeg, NULL) == OM_OK);
    om_frame_unref(&frame);
    room_text(missing, sizeof(missing), &room, "no.mp4");
    room_text(picture, sizeof(picture), &room, "away.jpg");
    om_assert(om_file_write(picture, om_buf_str(&jpeg), NULL));

    om_auto(om_camera) cam = start(missing, picture, true);
    (void)wait_for(cam, OM_CAMERA_FALLBACK);
    frame = om_stages_snapshot(om_camera_stages(cam));
    om_assert(frame && frame->width == 48);
    om_frame_unref(&frame);

    // One that cannot be shown is not said to be shown.
    om_auto(om_camera) other = start(missing, missing, true);
    (void)wait_for(other, OM_CAMERA_BACKOFF);
}

// A fallback video plays, and is neither detected in nor taken for the camera.
static void test_fallback_video(const char *shared)
{
    char missing[128], video[512];
    snprintf(video, sizeof(video), "%s/data/videos/tud_campus.mp4", shared);
    om_auto(om_camera)
        cam = start(room_text(missing, sizeof(missing), &room, "no.mp4"), video, true);
    (void)wait_for(cam, OM_CAMERA_FALLBACK);
    struct om_camera_status status;
    do {
        om_time_sleep_us(5 * OM_MS);
        om_camera_status(cam, &status);
    } while (status.frames_decoded == 0);
    om_assert(status.state == OM_CAMERA_FALLBACK && status.frames_detected == 0);
}

static void test_disabled(void)
{
    om_auto(om_camera) off = start("test:", NULL, false);
    om_auto(om_camera) wrong = start("ftp://nowhere", NULL, true);
    struct om_camera_status status = wait_for(off, OM_CAMERA_DISABLED);
    om_assert(status.reason[0] == '\0');
    status = wait_for(wrong, OM_CAMERA_DISABLED);
    om_assert(status.reason[0] && status.hint[0]);
}

// It does not fit: it stands there with the reason, until there is room.
static void test_no_room(void)
{
    struct om_error why;
    om_error_set(&why, OM_LIMIT, "camera gate refused: it would exceed 2.0 GiB");
    om_error_hint(&why, "raise limits.memory");
    om_auto(om_camera) cam = start_or_refuse("test:", NULL, true, &why);
    struct om_camera_status status = wait_for(cam, OM_CAMERA_REFUSED);
    om_assert(strcmp(status.reason, why.text) == 0 && strcmp(status.hint, why.hint) == 0);
    om_camera_admit(cam);
    status = wait_for(cam, OM_CAMERA_LIVE);
    om_assert(status.reason[0] == '\0');
    om_camera_admit(cam);  // one that runs goes on
    om_auto(om_camera) off = start_or_refuse("test:", NULL, false, &why);
    om_assert(wait_for(off, OM_CAMERA_DISABLED).reason[0] == '\0');
}

int main(void)
{
    const char *shared = getenv("OMMA_SHARED");
    bool has_shared = shared && access(shared, R_OK) == 0;
    room_init(&room);
    om_connect_gate_init(&gate, 1000);
    test_scene_lives();
    test_missing_file_backs_off();
    test_goes_while_it_connects();
    test_refused();
    test_fallback_picture();
    test_disabled();
    test_no_room();
    if (has_shared) {
        test_file_ends(shared);
        test_fallback_video(shared);
    }
    om_connect_gate_finish(&gate);
    room_finish(&room);
    if (!has_shared)
        puts("skipped: no ../shared");
    return has_shared ? 0 : 77;
}
