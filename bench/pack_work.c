#include "bench/pack_work.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "bench/ap.h"
#include "bench/pictures.h"
#include "infer/round.h"
#include "media/frame.h"
#include "media/picture.h"
#include "media/thumb.h"
#include "motion/watch.h"
#include "pipeline/looks.h"
#include "scene/labels.h"
#include "scene/track.h"
#include "track/tracker.h"

enum {
    VIDEOS_MAX = 16,
    PATH_SIZE = 1024,
    PICTURES_MAX = 400,  // of one video, as it is stored
    LOOKS_OF_VIDEO = 40,
    STEP_US = 200 * OM_MS,
    LABELS_BYTES_MAX = 64 << 20,
    WARM_UP_US = 2 * OM_SECOND  // the watch learns
};

static struct om_pack_look *add_look(struct om_pack_work *work, struct om_frame *frame, int image)
{
    if (work->count == work->capacity) {
        work->capacity = OM_MAX(64, 2 * work->capacity);
        work->looks = om_realloc(work->looks, (size_t)work->capacity, sizeof(*work->looks));
    }
    struct om_pack_look *look = &work->looks[work->count++];
    *look = (struct om_pack_look){.frame = om_frame_ref(frame), .image = image};
    return look;
}

void om_pack_work_finish(struct om_pack_work *work)
{
    for (int i = 0; i < work->count; i++)
        om_frame_unref(&work->looks[i].frame);
    om_free(work->looks);
    om_free(work->truths);
    *work = (struct om_pack_work){0};
}

// ---- videos ------------------------------------------------------------------------------------

// A camera as the pipeline runs it, without its threads.
struct camera {
    struct om_watch *watch;
    struct om_tracker *tracker;
    struct om_round *round;
    struct om_pack_rules rules;
    struct om_looks looks;
    struct om_tracks *tracks;
    struct om_watch_result motion;
    uint8_t luma[OM_THUMB_PIXELS_MAX];
    struct om_thumb thumb;
    int64_t first_us, last_us, tracks_us;
    struct om_result *result;
    struct om_regions looked;
    struct om_pack_work *work;  // of this video
};

static void on_look(void *ctx, const struct om_round_look *look, const struct om_result *result,
                    enum om_status status)
{
    struct camera *cam = ctx;
    cam->result->detections.count = 0;
    if (status == OM_OK)
        cam->result->detections = result->detections;
    cam->looked = look->looked;
}

static void follow(struct camera *cam, struct om_frame *frame, const struct om_parts *parts)
{
    struct om_box looked[OM_REGIONS_MAX];
    struct om_pack_plan plan;

    om_pack_plan_make(&cam->rules, frame, parts, &plan);
    om_round_begin(cam->round, 1);
    const struct om_round_look look = {.frame = frame, .detect = OM_DETECT_OPTS_DEFAULT};
    if (!om_round_add(cam->round, &look, &plan))
        return;
    om_round_run(cam->round, on_look, cam);
    for (int i = 0; i < cam->looked.count; i++) {
        const struct om_region *r = &cam->looked.items[i];
        looked[i] = (struct om_box){(float)r->x, (float)r->y, (float)r->w, (float)r->h};
    }
    const struct om_tracker_look told = {.detections = &cam->result->detections,
                                         .looked = looked,
                                         .looked_count = cam->looked.count};
    om_tracker_update_looked(cam->tracker, frame->pts_us, 0, &told, cam->tracks, NULL);
    cam->tracks_us = frame->pts_us;
}

static bool on_picture(void *ctx, struct om_frame *frame)
{
    struct camera *cam = ctx;
    struct om_parts parts = {0};

    if (cam->last_us != OM_TIME_NONE && frame->pts_us < cam->last_us + STEP_US * 9 / 10)
        return frame->pts_us >= cam->last_us;  // the video is over when it begins again
    cam->last_us = frame->pts_us;
    if (cam->first_us == OM_TIME_NONE)
        cam->first_us = frame->pts_us;
    om_thumb_size(frame->width, frame->height, &cam->thumb.width, &cam->thumb.height);
    om_thumb_fill(&cam->thumb, frame);
    om_watch_update(cam->watch, &cam->thumb, &cam->motion);
    const struct om_look_at at = {
        .pts_us = frame->pts_us,
        .width = frame->width,
        .height = frame->height,
        .thumb_width = cam->thumb.width,
        .thumb_height = cam->thumb.height,
        .motion = &cam->motion,
        .tracks = cam->tracks,
        .tracks_pts_us = cam->tracks_us,
        .is_crowded = true,
        .stretch = 1,
    };
    enum om_look_kind kind = om_looks_decide(&cam->looks, &at, &parts);
    if (kind == OM_LOOK_PARTS || kind == OM_LOOK_WHOLE)
        follow(cam, frame, &parts);
    if (kind == OM_LOOK_PARTS && frame->pts_us - cam->first_us >= WARM_UP_US)
        add_look(cam->work, frame, -1)->parts = parts;
    return cam->work->count < LOOKS_OF_VIDEO;
}

static bool open_camera(struct camera *cam, struct om_model *model, struct om_error *err)
{
    struct om_watch_opts watch_opts;
    struct om_tracker_opts tracker_opts;
    struct om_looks_opts looks_opts;
    struct om_pack_rules rules = OM_PACK_RULES_DEFAULT;

    om_watch_opts_default(&watch_opts);
    om_tracker_opts_default(&tracker_opts);
    om_looks_opts_default(&looks_opts);
    looks_opts.mode = OM_LOOK_THRIFT;
    om_looks_init(&cam->looks, &looks_opts);
    rules.can_share = true;
    cam->rules = om_round_rules(model, &rules);
    cam->watch = om_watch_create(&watch_opts);
    cam->tracker = om_tracker_create(&tracker_opts);
    cam->tracks = om_new(struct om_tracks);
    cam->result = om_new(struct om_result);
    cam->thumb.luma = cam->luma;
    cam->first_us = cam->last_us = OM_TIME_NONE;
    cam->round = om_round_create(
        model, &(struct om_round_opts){.batch_max = 1, .rules = &cam->rules}, err);
    return cam->round;
}

static void close_camera(struct camera *cam)
{
    om_watch_destroy(cam->watch);
    om_tracker_destroy(cam->tracker);
    om_round_destroy(cam->round);
    om_free(cam->tracks);
    om_free(cam->result);
}

static bool watch_video(struct om_pack_work *work, const char *path, struct om_model *model,
                        struct om_error *err)
{
    struct camera *cam = om_new(struct camera);
    struct om_error end = {0};
    const struct om_bench_pictures_opts opts = {path, OM_PACK_WORK_WIDTH, OM_PACK_WORK_HEIGHT,
                                                PICTURES_MAX};
    cam->work = work;
    bool is_ok = open_camera(cam, model, err);
    if (is_ok)
        (void)om_bench_pictures(&opts, on_picture, cam, &end);  // a short one is no failure
    close_camera(cam);
    om_free(cam);
    return is_ok;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_videos(const char *data, char *names[VIDEOS_MAX])
{
    char folder[PATH_SIZE], path[PATH_SIZE * 2];
    int count = 0;

    snprintf(folder, sizeof(folder), "%s/videos", data);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && count < VIDEOS_MAX && (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || (strcmp(dot, ".mp4") && strcmp(dot, ".avi") && strcmp(dot, ".mkv")))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        names[count++] = om_strdup(path);
    }
    if (dir)
        closedir(dir);
    qsort(names, (size_t)count, sizeof(*names), compare_names);
    return count;
}

// One look of each in turn, as cameras come in.
static void interleave(struct om_pack_work *work, struct om_pack_work *videos, int count)
{
    for (int i = 0, left = 1; left; i++) {
        left = 0;
        for (int v = 0; v < count; v++) {
            if (i >= videos[v].count)
                continue;
            struct om_pack_look *from = &videos[v].looks[i];
            add_look(work, from->frame, -1)->parts = from->parts;
            left++;
        }
    }
}

bool om_pack_work_videos(struct om_pack_work *work, const char *data, struct om_model *model,
                         struct om_error *err)
{
    char *names[VIDEOS_MAX];
    struct om_pack_work videos[VIDEOS_MAX] = {0};
    int count = list_videos(data, names);
    bool is_ok = true;

    for (int i = 0; i < count; i++) {
        is_ok = is_ok && watch_video(&videos[i], names[i], model, err);
        work->pictures += videos[i].count > 0;
        om_free(names[i]);
    }
    interleave(work, videos, count);
    for (int i = 0; i < count; i++)
        om_pack_work_finish(&videos[i]);
    if (is_ok && work->count == 0) {
        om_error_set(err, OM_NOT_FOUND, "%s/videos has no video in which anything moves", data);
        om_error_hint(err, "give --data DIR with videos/ and images/coco.json");
        return false;
    }
    return is_ok;
}

// ---- labelled pictures -------------------------------------------------------------------------

struct labelled {
    struct om_pack_work *work;
    const struct om_json *root;
    const struct om_labels *labels;
    const char *data;
    bool is_each;
    struct om_rand rand;
};

static int class_of(const struct labelled *in, int64_t category_id)
{
    const struct om_json *all = om_json_get(in->root, "categories");
    for (size_t i = 0; i < om_json_len(all); i++) {
        const struct om_json *one = om_json_at(all, i);
        if (om_json_as_int(om_json_get(one, "id"), -1) == category_id)
            return om_labels_find(in->labels,
                                  om_json_as_str(om_json_get(one, "name"), OM_STR("")).p);
    }
    return -1;
}

static void add_truth(struct om_pack_work *work, const struct om_ap_truth *truth)
{
    size_t room = (size_t)(work->truth_count + 1);
    work->truths = om_realloc(work->truths, room, sizeof(*work->truths));
    work->truths[work->truth_count++] = *truth;
}

// Where a tracker would expect the object, give or take, with the pipeline's own margin
// (pipeline/looks.c).
static struct om_region shaken(struct labelled *in, struct om_box box)
{
    float x = box.x + ((float)om_rand_unit(&in->rand) - 0.5F) * 0.2F * box.w;
    float y = box.y + ((float)om_rand_unit(&in->rand) - 0.5F) * 0.2F * box.h;
    float least = 0.02F * OM_PACK_WORK_WIDTH;
    float dx = fmaxf(0.2F * box.w, least), dy = fmaxf(0.2F * box.h, least);
    return (struct om_region){(int)(x - dx), (int)(y - dy), (int)(box.w + 2 * dx),
                              (int)(box.h + 2 * dy)};
}

struct object {
    int class_id;
    bool is_crowd;
    struct om_box box;
};

static bool is_centre_in(const struct om_box *box, const struct om_region *region)
{
    float x = box->x + box->w / 2, y = box->y + box->h / 2;
    return x >= (float)region->x && y >= (float)region->y && x <= (float)(region->x + region->w) &&
           y <= (float)(region->y + region->h);
}

// Every object with its own surroundings; what else reaches into them is neither wanted nor wrong
// unless its middle is there too.
static void add_each(struct labelled *in, struct om_frame *frame, const struct object *objects,
                     int count)
{
    for (int i = 0; i < count; i++) {
        if (objects[i].is_crowd)
            continue;
        int image = in->work->count;
        struct om_region region = shaken(in, objects[i].box);
        add_look(in->work, frame, image)->parts.regions = (struct om_regions){1, {region}};
        for (int k = 0; k < count; k++) {
            struct om_ap_truth truth = {image, objects[k].class_id, objects[k].box,
                                        objects[k].is_crowd, objects[k].is_crowd};
            truth.is_ignored |= !is_centre_in(&objects[k].box, &region);
            add_truth(in->work, &truth);
        }
    }
}

static void add_together(struct labelled *in, struct om_frame *frame, const struct object *objects,
                         int count)
{
    int image = in->work->count;
    struct om_pack_look *look = add_look(in->work, frame, image);

    for (int i = 0; i < count; i++) {
        add_truth(in->work, &(struct om_ap_truth){image, objects[i].class_id, objects[i].box,
                                                  objects[i].is_crowd, objects[i].is_crowd});
        if (look->parts.regions.count == OM_REGIONS_MAX)
            continue;
        look->parts.regions.items[look->parts.regions.count++] = shaken(in, objects[i].box);
    }
}

static int objects_of(const struct labelled *in, int64_t image_id, double scale,
                      struct object *objects, int max)
{
    const struct om_json *all = om_json_get(in->root, "annotations");
    int count = 0;

    for (size_t i = 0; i < om_json_len(all) && count < max; i++) {
        const struct om_json *one = om_json_at(all, i), *box = om_json_get(one, "bbox");
        if (om_json_as_int(om_json_get(one, "image_id"), -1) != image_id)
            continue;
        struct object *object = &objects[count];
        float v[4];
        for (size_t k = 0; k < 4; k++)
            v[k] = (float)(om_json_as_double(om_json_at(box, k), 0) * scale);
        object->box = (struct om_box){v[0], v[1], v[2], v[3]};
        object->class_id = class_of(in, om_json_as_int(om_json_get(one, "category_id"), -1));
        object->is_crowd = om_json_as_int(om_json_get(one, "iscrowd"), 0) != 0;
        count += object->class_id >= 0;
    }
    return count;
}

static bool add_picture(struct labelled *in, const struct om_json *image, struct om_error *err)
{
    enum { OBJECTS_MAX = 256 };
    static struct object objects[OBJECTS_MAX];
    char path[PATH_SIZE];
    om_str file = om_json_as_str(om_json_get(image, "file_name"), OM_STR(""));

    snprintf(path, sizeof(path), "%s/images/coco/%.*s", in->data, OM_STR_ARG(file));
    om_auto_ref(om_frame) stored = om_picture_load(path, err);
    if (!stored)
        return false;
    double scale = fmin((double)OM_PACK_WORK_WIDTH / stored->width,
                        (double)OM_PACK_WORK_HEIGHT / stored->height);
    om_auto_ref(om_frame)
        frame = om_bench_picture_scale(stored, OM_MAX((int)rint(stored->width * scale), 2),
                                       OM_MAX((int)rint(stored->height * scale), 2));
    if (!frame)
        return false;
    int count = objects_of(in, om_json_as_int(om_json_get(image, "id"), -1), scale, objects,
                           OBJECTS_MAX);
    in->work->pictures++;
    if (in->is_each)
        add_each(in, frame, objects, count);
    else if (count)
        add_together(in, frame, objects, count);
    return true;
}

bool om_pack_work_pictures(struct om_pack_work *work, const char *data, struct om_model *model,
                           bool is_each, struct om_error *err)
{
    char path[PATH_SIZE];
    om_auto_free char *text = NULL;
    size_t n = 0;

    snprintf(path, sizeof(path), "%s/images/coco.json", data);
    if (!om_file_read(path, LABELS_BYTES_MAX, &text, &n, err))
        return false;
    om_auto_json root = om_json_parse(om_str_n(text, n), err);
    struct labelled in = {.work = work, .root = root, .data = data, .is_each = is_each};
    in.labels = om_model_manifest(model)->labels;
    om_rand_init(&in.rand, 17);
    const struct om_json *images = om_json_get(root, "images");
    for (size_t i = 0; i < om_json_len(images); i++)
        if (!add_picture(&in, om_json_at(images, i), err))
            return false;
    return root;
}
