#include "bench/streams_reel.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/progress.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/streams_child.h"
#include "bench/streams_clip.h"
#include "bench/streams_oracle.h"
#include "bench/streams_plan.h"

enum {
    CLIPS_MAX = 256,
    VARIANTS = 2,
    VARIANTS_MAX = 8,
    GOP = 20,
    PICTURES = 400,      // 80 s
    PICTURES_MAX = 600,  // for little motion, so that there is some in every reel
    ACTIVE_WANTED = 40,  // pictures with motion in a reel, if that many fit
    WARM_PICTURES = 5 * OM_CLIP_FPS,
    TRIES = 3,
    RECIPE = 5,  // counts up when the same clip would give another reel
};

static const double near_enough = 0.25;  // share of the activity that a reel may be off by

struct maker {
    const struct om_reels_opts *opts;
    struct om_reels *reels;
    struct om_progress progress;
    char *clips[CLIPS_MAX];  // owned paths
    int clip_count, done;
};

void om_reels_finish(struct om_reels *reels)
{
    for (int i = 0; i < reels->count; i++)
        om_paths_finish(&reels->items[i].oracle.paths);
    *reels = (struct om_reels){0};
}

// ---- encoding ----------------------------------------------------------------------------------

static bool write_full(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static void mirror(uint8_t *picture)
{
    for (int p = 0; p < 3; p++) {
        int width = p ? OM_CLIP_WIDTH / 2 : OM_CLIP_WIDTH;
        int height = p ? OM_CLIP_HEIGHT / 2 : OM_CLIP_HEIGHT;
        for (int y = 0; y < height; y++, picture += width) {
            for (int x = 0; x < width / 2; x++) {
                uint8_t level = picture[x];
                picture[x] = picture[width - 1 - x];
                picture[width - 1 - x] = level;
            }
        }
    }
}

struct recipe {
    struct om_clip *clip;
    const int *order;
    int length;
    bool is_mirrored;
};

static bool feed(const struct recipe *recipe, int fd)
{
    int stills = 0, n = recipe->clip->count;
    uint8_t *picture = om_alloc(1, OM_CLIP_PICTURE_BYTES);
    bool is_ok = true;
    for (int i = 0; is_ok && i < recipe->length; i++) {
        int index = recipe->order[i];
        if (index == OM_PLAN_STILL)
            om_clip_draw_still(recipe->clip, om_plan_to_and_fro(stills++, n), picture);
        else
            memcpy(picture, recipe->clip->pictures + (size_t)index * OM_CLIP_PICTURE_BYTES,
                   OM_CLIP_PICTURE_BYTES);
        if (recipe->is_mirrored)
            mirror(picture);
        is_ok = write_full(fd, picture, OM_CLIP_PICTURE_BYTES);
    }
    om_free(picture);
    return is_ok;
}

static bool encode(const struct recipe *recipe, const char *path, struct om_error *err)
{
    static_assert(GOP == 20, "as in the arguments");
    char part[520];
    snprintf(part, sizeof(part), "%s.part", path);
    const char *const argv[] = {om_ffmpeg_path,
                                "-nostdin",
                                "-y",
                                "-v",
                                "error",
                                "-f",
                                "rawvideo",
                                "-pix_fmt",
                                "yuv420p",
                                "-s",
                                "640x360",
                                "-r",
                                "5",
                                "-i",
                                "pipe:0",
                                "-c:v",
                                "libx264",
                                "-preset",
                                "veryfast",
                                "-threads",
                                "1",
                                "-bf",
                                "0",
                                "-g",
                                "20",
                                "-keyint_min",
                                "20",
                                "-sc_threshold",
                                "0",
                                "-pix_fmt",
                                "yuv420p",
                                "-f",
                                "mp4",
                                part,
                                NULL};
    const struct om_child_opts opts = {.path = om_ffmpeg_path, .argv = argv, .has_in = true};
    struct om_child child;
    if (!om_child_start(&child, &opts, err)) {
        om_error_hint(err, "the reels are made by FFmpeg: apt install ffmpeg");
        return false;
    }
    bool is_fed = feed(recipe, child.in_fd);
    om_child_end_input(&child);
    if (om_child_wait(&child) && is_fed && rename(part, path) == 0)
        return true;
    (void)unlink(part);
    om_error_set(err, OM_INTERNAL, "%s cannot write a reel to %s", om_ffmpeg_path, path);
    om_error_hint(err, "is there room, and does this ffmpeg have libx264?");
    return false;
}

// ---- one reel ----------------------------------------------------------------------------------

static int reel_length(double activity)
{
    int length = activity > 0 ? (int)OM_MIN(ACTIVE_WANTED / activity, (double)PICTURES_MAX) : 0;
    return OM_MAX(length, PICTURES) / GOP * GOP;
}

// Odd seeds give mirrored reels.
static bool make_file(const struct om_reels_opts *opts, struct om_clip *clip, uint64_t seed,
                      const char *path, struct om_error *err)
{
    int length = reel_length(opts->activity);
    int *order = om_new_array(int, (size_t)length);
    struct recipe recipe = {
        .clip = clip, .order = order, .length = length, .is_mirrored = seed % 2};
    const struct om_plan_clip of = {clip->count, clip->moves, clip->is_quiet};
    bool is_ok = om_plan_make(&of, opts->activity, seed, order, length);
    if (!is_ok)
        om_error_set(err, OM_UNSUPPORTED, "%s: nothing moves in it", clip->name);
    for (int i = 0; is_ok && i < length; i++) {
        if (order[i] == OM_PLAN_STILL)
            om_clip_make_still(clip);
    }
    is_ok = is_ok && encode(&recipe, path, err);
    om_free(order);
    return is_ok;
}

static bool ask_oracle(struct om_reel *reel, struct om_oracle *oracle, const char *key,
                       struct om_error *err)
{
    struct om_oracle_view view = {0};
    bool is_ok = om_oracle_recall(oracle, key, &view);
    if (!is_ok) {
        is_ok = om_oracle_watch(oracle, reel->path, &view, err);
        if (is_ok)
            om_oracle_remember(oracle, key, &view);
    }
    if (is_ok) {
        reel->oracle.length_us = (int64_t)view.count * OM_SECOND / OM_CLIP_FPS;
        reel->oracle.warm_us = (int64_t)WARM_PICTURES * OM_SECOND / OM_CLIP_FPS;
        om_oracle_follow(&view, view.count + WARM_PICTURES + OM_CLIP_FPS + 1, OM_CLIP_FPS,
                         &reel->oracle.paths);
        reel->activity = om_score_activity(&reel->oracle, OM_CLIP_FPS);
        for (int i = 0; i < reel->oracle.paths.path_count; i++) {
            int moment = reel->oracle.paths.paths[i].moment;
            int64_t t_us = moment < 0 ? -1 : reel->oracle.paths.points[moment].t_us;
            reel->events += t_us >= reel->oracle.warm_us &&
                            t_us < reel->oracle.warm_us + reel->oracle.length_us;
        }
    }
    om_oracle_view_finish(&view);
    return is_ok;
}

// Reads and judges the clip when that was not done yet.
static bool need_clip(const struct om_reels_opts *opts, struct om_clip *clip, const char *path,
                      const char *key, struct om_error *err)
{
    if (clip->pictures)
        return true;
    return om_clip_read(clip, path, err) == OM_OK && om_clip_judge(clip, opts->oracle, key, err);
}

// One try at a reel: another seed takes other pieces.
struct
try {
    const char *clip_path, *clip_key;
    struct om_clip *clip;
    int variant, number;
};

static bool make_try(struct maker *maker, const struct try *try, struct om_reel *reel,
                     struct om_error *err)
{
    const struct om_reels_opts *opts = maker->opts;
    const char *slash = strrchr(try->clip_path, '/');
    char key[128];
    *reel = (struct om_reel){0};
    snprintf(key, sizeof(key), "%s-a%ld-%d-%d", try->clip_key, lround(opts->activity * 1000),
             try->variant, try->number);
    snprintf(reel->name, sizeof(reel->name), "%.64s#%d", slash ? slash + 1 : try->clip_path,
             try->variant);
    snprintf(reel->path, sizeof(reel->path), "%.360s/%s.mp4", opts->folder, key);
    om_progress_label(&maker->progress, reel->name);
    uint64_t seed = (uint64_t)try->variant + 2 * (uint64_t)(try->number * VARIANTS_MAX);
    if (!om_file_exists(reel->path) &&
        (!need_clip(opts, try->clip, try->clip_path, try->clip_key, err) ||
         !make_file(opts, try->clip, seed, reel->path, err)))
        return false;
    return ask_oracle(reel, opts->oracle, key, err);
}

static double off_by(const struct om_reel *reel, double activity)
{
    return fabs(reel->activity - activity);
}

// The oracle's word on the finished reel decides: of a few tries the one that is nearest to what
// was asked, or the first that is near enough.
static bool make_reel(struct maker *maker, struct try try, struct om_error *err)
{
    double wanted = maker->opts->activity;
    struct om_reel *best = &maker->reels->items[maker->reels->count], next;
    for (try.number = 0; try.number < TRIES; try.number++) {
        if (!make_try(maker, &try, &next, err)) {
            if (try.number > 0)
                om_paths_finish(&best->oracle.paths);
            return false;
        }
        bool is_better = try.number == 0 || off_by(&next, wanted) < off_by(best, wanted);
        if (is_better && try.number > 0)
            om_paths_finish(&best->oracle.paths);
        if (is_better)
            *best = next;
        else
            om_paths_finish(&next.oracle.paths);
        if (off_by(best, wanted) <= near_enough * wanted)
            break;
    }
    maker->reels->count++;
    maker->done++;
    om_progress_show(&maker->progress, maker->done, -1);
    return true;
}

// ---- all of them -------------------------------------------------------------------------------

// Names the clip by what is in it, and by whatever else decides how its reels look.
static void clip_key(const char *path, char *key, size_t size)
{
    char hex[OM_SHA256_TEXT_SIZE] = "test";
    struct om_error err;
    if (strcmp(path, "test:") != 0 && !om_sha256_file(path, hex, &err))
        hex[0] = '\0';
    snprintf(key, size, "%.16s-r%d", hex, RECIPE);
}

static void skip(struct maker *maker, const char *skip_path, const struct om_error *err)
{
    om_buf_printf(maker->opts->skipped, "%s\n", err->text);
    (void)!om_file_write(skip_path, om_str_from(err->text), NULL);  // costs time, nothing else
}

// The reels `from` up to `to` of one clip. A clip that is no use is left out with a word.
static bool make_reels_of(struct maker *maker, const char *path, int from, int to,
                          struct om_error *err)
{
    char key[64], skip_path[600];
    om_auto_free char *reason = NULL;
    size_t n = 0;
    struct om_clip clip = {0};
    bool is_ok = true;
    clip_key(path, key, sizeof(key));
    snprintf(skip_path, sizeof(skip_path), "%.400s/%s.skip", maker->opts->folder, key);
    if (om_file_read(skip_path, 4096, &reason, &n, NULL)) {
        if (from == 0)
            om_buf_printf(maker->opts->skipped, "%s\n", reason);
        return true;
    }
    for (int v = from; is_ok && v < to && maker->reels->count < OM_REELS_MAX; v++)
        is_ok = make_reel(maker, (struct try){path, key, &clip, v, 0}, err);
    om_clip_finish(&clip);
    if (is_ok || err->status != OM_UNSUPPORTED)
        return is_ok;
    skip(maker, skip_path, err);
    return true;
}

static int is_clip(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool list_clips(struct maker *maker, struct om_error *err)
{
    struct dirent **entries;
    char folder[512];
    if (!maker->opts->data) {
        maker->clips[maker->clip_count++] = om_strdup("test:");
        return true;
    }
    snprintf(folder, sizeof(folder), "%.500s/videos", maker->opts->data);
    int n = scandir(folder, &entries, is_clip, alphasort);
    if (n < 0) {
        om_error_set(err, OM_NOT_FOUND, "%s: the folder cannot be read", folder);
        om_error_hint(err, "--data names a folder with videos/ in it");
        return false;
    }
    for (int i = 0; i < n; i++) {
        struct stat st;
        om_auto_buf path;
        om_buf_init(&path, 4096);
        om_buf_printf(&path, "%s/%s", folder, entries[i]->d_name);
        if (maker->clip_count < CLIPS_MAX && stat(om_buf_text(&path), &st) == 0 &&
            S_ISREG(st.st_mode))
            maker->clips[maker->clip_count++] = om_strdup(om_buf_text(&path));
        om_free(entries[i]);  // scandir took it from the same heap
    }
    om_free(entries);
    return true;
}

static bool make_all(struct maker *maker, struct om_error *err)
{
    int per_clip = maker->clip_count > OM_REELS_MAX / VARIANTS ? 1 : VARIANTS;
    for (int from = 0; from < VARIANTS_MAX; from += per_clip) {
        for (int i = 0; i < maker->clip_count; i++) {
            if (!make_reels_of(maker, maker->clips[i], from, from + per_clip, err))
                return false;
        }
        if (maker->reels->count == 0 || maker->reels->count >= OM_REELS_MIN)
            break;
    }
    if (maker->reels->count > 0)
        return true;
    om_error_set(err, OM_NOT_FOUND, "there is no clip to make reels of");
    om_error_hint(err, "--data DIR needs videos of more than 2 s in DIR/videos in which something "
                       "moves");
    return false;
}

bool om_reels_make(struct om_reels *reels, const struct om_reels_opts *opts, struct om_error *err)
{
    struct maker maker = {.opts = opts, .reels = reels};
    *reels = (struct om_reels){0};
    om_progress_start(&maker.progress, "reels");
    bool is_ok = list_clips(&maker, err) && make_all(&maker, err);
    om_progress_end(&maker.progress);
    for (int i = 0; i < maker.clip_count; i++)
        om_free(maker.clips[i]);
    for (int i = 0; is_ok && i < reels->count; i++)
        reels->activity += reels->items[i].activity / reels->count;
    return is_ok;
}
