#include "bench/streams_clip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/time.h"
#include "bench/streams_child.h"
#include "bench/streams_oracle.h"
#include "media/frame.h"
#include "media/thumb.h"
#include "motion/camera_motion.h"
#include "motion/watch.h"
#include "source/test_scene.h"

enum {
    TEST_SCENE_STEP = 5,  // its pictures are 25 a second
    TEST_PICTURES = 60 * OM_CLIP_FPS,
    STILL_SAMPLES = 31,
    NOISE_STEP = 7,  // every so many samples tell the noise
};

const char om_ffmpeg_path[] = "/usr/bin/ffmpeg";

// A camera that rides: more of its pictures than this are shifted by more than that many pixels.
static const double ride_share_max = 0.5;
static const float ride_shift_px = 3;
// From the middle deviation to the standard deviation of the noise that is drawn. Normal noise
// would be 1.48 times; what cameras send has gone through an encoder already, whose errors stand
// still for most of that, and drawing all of it anew in every picture would make quiet streams
// noisier than the moving pieces of the same clip.
static const float MIDDLE_TO_STD = 0.4F;

void om_clip_finish(struct om_clip *clip)
{
    om_free(clip->pictures);
    om_free(clip->moves);
    om_free(clip->is_quiet);
    om_free(clip->still);
    *clip = (struct om_clip){0};
}

static uint8_t *picture_at(const struct om_clip *clip, int i)
{
    return clip->pictures + (size_t)i * OM_CLIP_PICTURE_BYTES;
}

// ---- reading -----------------------------------------------------------------------------------

// As much as there is, up to `size`.
static size_t read_full(int fd, uint8_t *data, size_t size)
{
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, data + n, size - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return n;
}

static bool read_video(struct om_clip *clip, const char *path, struct om_error *err)
{
    static const char filter[] = "fps=5,scale=640:360:force_original_aspect_ratio=increase,"
                                 "crop=640:360,format=yuv420p";
    const char *const argv[] = {om_ffmpeg_path, "-nostdin", "-v", "error",    "-threads", "2",
                                "-t",           "60",       "-i", path,       "-an",      "-sn",
                                "-vf",          filter,     "-f", "rawvideo", "pipe:1",   NULL};
    const struct om_child_opts opts = {.path = om_ffmpeg_path, .argv = argv, .has_out = true};
    struct om_child child;
    if (!om_child_start(&child, &opts, err)) {
        om_error_hint(err, "the reels are made by FFmpeg: apt install ffmpeg");
        return false;
    }
    while (clip->count < OM_CLIP_PICTURES_MAX &&
           read_full(child.out_fd, picture_at(clip, clip->count), OM_CLIP_PICTURE_BYTES) ==
               OM_CLIP_PICTURE_BYTES)
        clip->count++;
    om_child_stop(&child, OM_SECOND);
    return true;
}

static void draw_test_scene(struct om_clip *clip)
{
    static_assert((int)OM_TEST_WIDTH == OM_CLIP_WIDTH && (int)OM_TEST_HEIGHT == OM_CLIP_HEIGHT,
                  "the test scene has the cameras' size");
    om_auto(om_test_scene) scene = om_test_scene_create();
    for (; clip->count < TEST_PICTURES; clip->count++)
        om_test_scene_draw(scene, (uint64_t)clip->count * TEST_SCENE_STEP,
                           picture_at(clip, clip->count));
}

struct om_frame *om_clip_frame(const uint8_t *picture)
{
    struct om_frame *frame = om_frame_alloc(OM_PIX_I420, OM_CLIP_WIDTH, OM_CLIP_HEIGHT);
    for (int p = 0; frame && p < 3; p++) {
        int width = p ? OM_CLIP_WIDTH / 2 : OM_CLIP_WIDTH;
        int height = p ? OM_CLIP_HEIGHT / 2 : OM_CLIP_HEIGHT;
        for (int y = 0; y < height; y++, picture += width)
            memcpy(om_frame_plane_mut(frame, p) + (ptrdiff_t)y * frame->stride[p], picture,
                   (size_t)width);
    }
    return frame;
}

static float shift_of(const struct om_motion *motion)
{
    // Of the picture's middle, so that a turn or a zoom around a corner counts as what is seen.
    float x = OM_CLIP_WIDTH / 2.0F, y = OM_CLIP_HEIGHT / 2.0F;
    const float *m = motion->m;
    return hypotf(m[0] * x + m[1] * y + m[2] - x, m[3] * x + m[4] * y + m[5] - y);
}

static bool camera_rides(const struct om_clip *clip)
{
    om_auto(om_camera_motion) camera = om_camera_motion_create();
    uint8_t luma[OM_THUMB_PIXELS_MAX];
    int shifted = 0;
    for (int i = 0; i < clip->count; i++) {
        struct om_thumb thumb = {.luma = luma};
        struct om_motion motion;
        om_auto_ref(om_frame) frame = om_clip_frame(picture_at(clip, i));
        if (!frame)
            return false;
        om_thumb_size(frame->width, frame->height, &thumb.width, &thumb.height);
        om_thumb_fill(&thumb, frame);
        shifted += om_camera_motion_update(camera, &thumb, frame, &motion) &&
                   shift_of(&motion) > ride_shift_px;
    }
    return shifted > ride_share_max * clip->count;
}

enum om_status om_clip_read(struct om_clip *clip, const char *path, struct om_error *err)
{
    const char *slash = strrchr(path, '/');
    *clip = (struct om_clip){0};
    (void)om_str_copy(clip->name, sizeof(clip->name), om_str_from(slash ? slash + 1 : path));
    clip->pictures = om_try_alloc(OM_CLIP_PICTURES_MAX, OM_CLIP_PICTURE_BYTES);
    if (!clip->pictures)
        return om_error_set(err, OM_NO_MEMORY, "no memory for the pictures of a clip");
    if (strcmp(path, "test:") == 0)
        draw_test_scene(clip);
    else if (!read_video(clip, path, err))
        return err->status;
    if (clip->count < OM_CLIP_PICTURES_MIN)
        om_error_set(err, OM_UNSUPPORTED, "%s: %s", clip->name,
                     clip->count ? "shorter than 2 s" : "no picture could be decoded");
    else if (camera_rides(clip))
        om_error_set(err, OM_UNSUPPORTED, "%s: the camera moves", clip->name);
    else
        return OM_OK;
    om_clip_finish(clip);
    return OM_UNSUPPORTED;
}

// ---- what moves --------------------------------------------------------------------------------

static bool look(struct om_clip *clip, struct om_oracle *oracle, struct om_oracle_view *view,
                 struct om_error *err)
{
    om_oracle_begin(oracle);
    for (int i = 0; i < clip->count; i++) {
        om_auto_ref(om_frame) frame = om_clip_frame(picture_at(clip, i));
        if (!frame) {
            om_error_set(err, OM_NO_MEMORY, "no memory for a picture");
            return false;
        }
        frame->pts_us = (int64_t)i * OM_SECOND / OM_CLIP_FPS;
        if (!om_oracle_look(oracle, frame, view, err))
            return false;
    }
    return true;
}

// Which pictures differ from the one before, or from the one a second before: what the detector
// does not know moves too, and a quiet stretch shall have none of it.
static bool find_still(struct om_clip *clip, bool *is_still)
{
    struct om_watch_opts opts;
    struct om_watch_result motion;
    static uint8_t luma[OM_THUMB_PIXELS_MAX];
    struct om_thumb thumb = {.luma = luma};
    om_watch_opts_default(&opts);
    om_auto(om_watch) watch = om_watch_create(&opts);
    for (int i = 0; i < clip->count; i++) {
        is_still[i] = true;
        om_watch_restart(watch);
        for (int k = OM_CLIP_FPS; k >= 0; k -= k == 1 ? 1 : OM_CLIP_FPS - 1) {
            om_auto_ref(om_frame) frame = om_clip_frame(picture_at(clip, OM_MAX(i - k, 0)));
            if (!frame)
                return false;
            frame->pts_us = (int64_t)(i + OM_CLIP_FPS - k) * OM_SECOND / OM_CLIP_FPS;
            om_thumb_size(frame->width, frame->height, &thumb.width, &thumb.height);
            om_thumb_fill(&thumb, frame);
            om_watch_update(watch, &thumb, &motion);
            is_still[i] = is_still[i] && !motion.has_motion;
        }
    }
    return true;
}

bool om_clip_judge(struct om_clip *clip, struct om_oracle *oracle, const char *key,
                   struct om_error *err)
{
    struct om_oracle_view view = {0};
    struct om_paths paths = {0};
    bool is_kept = om_oracle_recall(oracle, key, &view) && view.count == clip->count;
    if (!is_kept) {
        om_oracle_view_finish(&view);
        if (!look(clip, oracle, &view, err)) {
            om_oracle_view_finish(&view);
            return false;
        }
        om_oracle_remember(oracle, key, &view);
    }
    om_oracle_follow(&view, view.count, OM_CLIP_FPS, &paths);
    clip->moves = om_new_array(bool, (size_t)clip->count);
    clip->is_quiet = om_new_array(bool, (size_t)clip->count);
    if (!find_still(clip, clip->is_quiet)) {
        om_error_set(err, OM_NO_MEMORY, "no memory for a picture");
        om_paths_finish(&paths);
        om_oracle_view_finish(&view);
        return false;
    }
    int moving = 0;
    for (int i = 0; i < clip->count; i++) {
        int64_t t_us = (int64_t)i * OM_SECOND / OM_CLIP_FPS;
        clip->moves[i] = om_paths_moves(&paths, t_us);
        clip->is_quiet[i] = clip->is_quiet[i] && !om_paths_stirs(&paths, t_us);
        moving += clip->moves[i];
    }
    clip->activity = (double)moving / clip->count;
    om_paths_finish(&paths);
    om_oracle_view_finish(&view);
    return true;
}

// ---- the still picture -------------------------------------------------------------------------

static int compare_levels(const void *a, const void *b)
{
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

// Level of sample `p` at the middle of `samples` pictures, by how far it is off `from`.
static uint8_t middle_of(const struct om_clip *clip, size_t p, int from)
{
    uint8_t levels[STILL_SAMPLES] = {0};
    int samples = OM_MIN(STILL_SAMPLES, clip->count);
    for (int k = 0; k < samples; k++)
        levels[k] = (uint8_t)abs(picture_at(clip, (int)((int64_t)k * clip->count / samples))[p] -
                                 from);
    qsort(levels, (size_t)samples, 1, compare_levels);
    return levels[samples / 2];
}

// What is usual: where things pass all the time the spread is theirs, not the noise's.
static float usual_noise(const struct om_clip *clip)
{
    int64_t counts[256] = {0}, below = 0;
    int usual = 0;
    for (size_t p = 0; p < OM_CLIP_PICTURE_BYTES; p += NOISE_STEP)
        counts[middle_of(clip, p, clip->still[p])]++;
    while (below + counts[usual] < (int64_t)OM_CLIP_PICTURE_BYTES / NOISE_STEP / 2)
        below += counts[usual++];
    return MIDDLE_TO_STD * (float)usual;
}

void om_clip_make_still(struct om_clip *clip)
{
    if (clip->still)
        return;
    clip->still = om_alloc(1, OM_CLIP_PICTURE_BYTES);
    for (size_t p = 0; p < OM_CLIP_PICTURE_BYTES; p++)
        clip->still[p] = middle_of(clip, p, 0);
    clip->noise_std = usual_noise(clip);
}

// The sum of three even numbers is normal enough for noise.
void om_clip_draw_still(const struct om_clip *clip, int i, uint8_t *picture)
{
    struct om_rand rand;
    om_rand_init(&rand, (uint64_t)i);
    for (size_t p = 0; p < OM_CLIP_PICTURE_BYTES; p++) {
        uint64_t bits = om_rand_u64(&rand);
        float even = (float)(bits & 0xffff) + (float)(bits >> 16 & 0xffff) +
                     (float)(bits >> 32 & 0xffff) - 1.5F * 0xffff;
        float level = (float)clip->still[p] + 2 * clip->noise_std * even / 0xffff;
        picture[p] = (uint8_t)OM_CLAMP(level + 0.5F, 0, 255);
    }
}
