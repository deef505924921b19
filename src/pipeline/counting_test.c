// Detections of two real clips through tracker and traffic: vehicles counted against those counted
// by eye.

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "scene/detection.h"
#include "scene/labels.h"
#include "scene/track.h"
#include "track/tracker.h"
#include "traffic/traffic.h"

enum { SKIPPED = 77 };

static struct om_detections detections;
static struct om_tracks tracks;
static struct om_measures measures;

struct clip {
    const char *file;
    int width, height;
    double fps;
    float y, x_from, x_to;
    bool is_down;
    int truth;
};

static void read_detections(const struct om_json *row, struct om_detections *ret)
{
    const struct om_json *list = om_json_get(row, "d");
    ret->count = OM_MIN((int)om_json_len(list), (int)OM_DETECTIONS_MAX);
    for (int i = 0; i < ret->count; i++) {
        const struct om_json *d = om_json_at(list, (size_t)i);
        float v[6];
        for (size_t j = 0; j < 6; j++)
            v[j] = (float)om_json_as_double(om_json_at(d, j), 0);
        ret->items[i] = (struct om_detection){.box = {v[2], v[3], v[4] - v[2], v[5] - v[3]},
                                              .score = v[1],
                                              .class_id = (int16_t)v[0]};
    }
}

static void count_clip(const struct clip *clip, om_str text)
{
    float w = (float)clip->width, h = (float)clip->height;
    static struct om_shapes shapes;
    shapes = (struct om_shapes){.line_count = 1};
    shapes.lines[0] = (struct om_line){
        .name = "line", .a = {clip->x_from / w, clip->y / h}, .b = {clip->x_to / w, clip->y / h}};
    om_auto(om_traffic) traffic = om_traffic_create();
    om_traffic_set_shapes(traffic, &shapes);
    struct om_labels *labels = om_labels_coco();
    struct om_tracker_opts opts;
    om_tracker_opts_default(&opts);
    om_auto(om_tracker) tracker = om_tracker_create(&opts);
    int right_way = 0, wrong_way = 0;
    om_str row;
    while (om_str_split(&text, '\n', &row)) {
        om_auto_json json = om_json_parse(row, NULL);
        read_detections(json, &detections);
        int64_t pts_us = (int64_t)((double)om_json_as_int(om_json_get(json, "f"), 0) *
                                   (double)OM_SECOND / clip->fps);
        om_tracker_update(tracker, pts_us, 0, &detections, NULL, &tracks, NULL);
        om_traffic_update(traffic, &tracks, clip->width, clip->height, labels, &measures);
        for (int i = 0; i < measures.count; i++) {
            bool is_down = measures.items[i].direction == OM_LEFT_TO_RIGHT;
            right_way += is_down == clip->is_down;
            wrong_way += is_down != clip->is_down;
        }
    }
    om_labels_unref(&labels);
    om_assert(abs(right_way - clip->truth) <= OM_MAX(1, clip->truth / 10));
    om_assert(wrong_way == 0);
}

// The figure that people look at: vehicles counted against those counted by eye.
static void test_clips(const char *shared)
{
    static const struct clip clips[] = {
        {"traffic_motorway.mp4", 960, 540, 30000.0 / 1001, 400, 100, 870, true, 11},
        {"motorway_curve.avi", 320, 240, 25, 150, 90, 255, false, 22},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(clips); i++) {
        om_auto_buf path = {0};
        om_buf_init(&path, 4096);
        om_buf_printf(&path, "%s/data/expected/videos/%s.jsonl", shared, clips[i].file);
        struct om_error err = {0};
        om_auto_free char *text = NULL;
        size_t len = 0;
        bool is_read = om_file_read(om_buf_text(&path), 8 << 20, &text, &len, &err);
        om_assert(is_read);
        count_clip(&clips[i], om_str_n(text, len));
    }
}

int main(void)
{
    const char *shared = getenv("OMMA_SHARED");
    if (!shared || !om_file_exists(shared)) {
        puts("skipped: no ../shared");
        return SKIPPED;
    }
    test_clips(shared);
    return 0;
}
