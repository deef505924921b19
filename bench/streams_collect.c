#include "bench/streams_collect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "scene/labels.h"

enum { EARLY_US = 500 * OM_MS };  // the server's estimate of a picture's time may be off by so much

void om_collect_init(struct om_collect *collect, int cameras, const struct om_labels *labels)
{
    *collect = (struct om_collect){
        .cameras = om_new_array(struct om_collect_camera, (size_t)OM_MAX(cameras, 1)),
        .camera_count = cameras,
        .labels = labels,
        .wall_ahead_us = om_time_wall_us() - om_time_mono_us()};
}

void om_collect_finish(struct om_collect *collect)
{
    for (int i = 0; i < collect->camera_count; i++)
        om_paths_finish(&collect->cameras[i].tracks);
    om_free(collect->cameras);
    *collect = (struct om_collect){0};
}

static struct om_collect_camera *camera_at(struct om_collect *collect, int64_t number)
{
    return number >= 0 && number < collect->camera_count ? &collect->cameras[number] : NULL;
}

// ---- results -----------------------------------------------------------------------------------

// False when it belongs to another epoch than the results before.
static bool note_epoch(struct om_collect_camera *cam, uint32_t epoch, int64_t ahead_us)
{
    if (cam->has_epoch && cam->epoch != epoch)
        return false;
    cam->ahead_us = cam->has_epoch ? OM_MIN(cam->ahead_us, ahead_us) : ahead_us;
    cam->has_epoch = true;
    cam->epoch = epoch;
    return true;
}

static float number_at(const struct om_json *array, size_t i)
{
    return (float)om_json_as_double(om_json_at(array, i), 0);
}

static void add_objects(struct om_collect *collect, struct om_collect_camera *cam,
                        const struct om_json *root, const struct om_path_point *when)
{
    const struct om_json *objects = om_json_get(root, "objects");
    for (size_t i = 0; i < om_json_len(objects); i++) {
        const struct om_json *object = om_json_at(objects, i);
        const struct om_json *box = om_json_get(object, "box");
        om_str label = om_json_as_str(om_json_get(object, "label"), OM_STR(""));
        struct om_path_point point = *when;
        point.id = (uint32_t)om_json_as_int(om_json_get(object, "id"), 0);
        point.class_id = (int16_t)om_labels_find(collect->labels, label.p);
        point.box = (struct om_box){number_at(box, 0), number_at(box, 1), number_at(box, 2),
                                    number_at(box, 3)};
        om_paths_add(&cam->tracks, &point);
    }
}

// "cam-12" is camera 12.
static int64_t camera_number(om_str id)
{
    int64_t number = -1;
    if (om_str_starts_with(id, OM_STR("cam-")) &&
        !om_str_to_int64(om_str_sub(id, strlen("cam-"), id.n), &number))
        return -1;
    return number;
}

void om_collect_result(struct om_collect *collect, om_str line)
{
    om_str out_text;
    struct om_path_point when = {0};
    if (!om_str_split(&line, ' ', &out_text) || !om_str_to_int64(out_text, &when.out_us))
        return;
    om_auto_json root = om_json_parse(line, NULL);
    om_str id = om_json_as_str(om_json_get(root, "camera"), OM_STR(""));
    om_str wall = om_json_as_str(om_json_get(root, "wall"), OM_STR(""));
    struct om_collect_camera *cam = camera_at(collect, camera_number(id));
    int64_t wall_us;
    if (!cam || !cam->has_session || !om_time_parse(wall.p, wall.n, &wall_us))
        return;
    when.t_us = om_json_as_int(om_json_get(root, "pts_us"), 0);
    int64_t taken_us = wall_us - collect->wall_ahead_us;
    if (taken_us < cam->play_us - EARLY_US || taken_us >= cam->replaced_us)
        return;
    uint32_t epoch = (uint32_t)om_json_as_int(om_json_get(root, "epoch"), 0);
    if (!note_epoch(cam, epoch, taken_us - when.t_us))
        return;
    collect->results++;
    add_objects(collect, cam, root, &when);
}

bool om_collect_file(struct om_collect *collect, const char *path, struct om_error *err)
{
    FILE *file = fopen(path, "rbe");
    char *text = NULL;
    size_t size = 0;
    ssize_t n;
    if (!file) {
        om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
        return false;
    }
    while ((n = getline(&text, &size, file)) > 0)
        om_collect_result(collect, om_str_trim(om_str_n(text, (size_t)n)));
    om_free(text);  // getline took it from the same heap
    (void)fclose(file);
    return true;
}

// ---- clocks ------------------------------------------------------------------------------------

// The first picture of a session is sent at its start and the others at equal distances, so the
// estimate is as good as the place it is nearest to.
static int64_t shift_of(const struct om_collect_camera *cam, int64_t step_us)
{
    int64_t pts_us = cam->tracks.points[0].t_us;
    int64_t at_us = pts_us + cam->ahead_us - cam->play_us;
    int64_t steps = (at_us + step_us / 2) / step_us;
    return steps * step_us - pts_us;
}

void om_collect_settle(struct om_collect *collect, int64_t step_us)
{
    for (int i = 0; i < collect->camera_count; i++) {
        struct om_collect_camera *cam = &collect->cameras[i];
        int64_t shift_us = cam->tracks.point_count ? shift_of(cam, step_us) : 0;
        for (int p = 0; p < cam->tracks.point_count; p++)
            cam->tracks.points[p].t_us += shift_us;
        om_paths_close(&cam->tracks);
    }
}
