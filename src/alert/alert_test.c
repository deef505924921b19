#include "alert/alert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/opt.h"
#include "event/event.h"
#include "scene/labels.h"
#include "scene/measure.h"
#include "scene/track.h"

enum { TOLD_MAX = 2048, PERSON = 0, CAR = 2 };

#define T OM_TRACK_TENTATIVE
#define C OM_TRACK_CONFIRMED
#define L OM_TRACK_LOST
#define E OM_TRACK_ENDED

static struct om_event told[TOLD_MAX];
static int told_count;

static void on_event(void *ctx, const struct om_event *event)
{
    om_assert(ctx == told && told_count < TOLD_MAX);
    told[told_count++] = *event;
}

static struct om_labels *labels;
static struct om_tracks tracks;
static struct om_measures measures;

static struct om_alert_frame frame_at(int64_t pts_us)
{
    return (struct om_alert_frame){
        .camera = "gate",
        .model_name = "nano",
        .model_version = "abc",
        .labels = labels,
        .pts_us = pts_us,
        .wall_us = 1000000000 + pts_us,
        .epoch = 3,
        .width = 640,
        .height = 480,
        .request_id = "019e0b3c-6f1d-7a02-8e11-5c9d7b3f0e42",
        .latency_total_ms = 12.5,
    };
}

static struct om_track *add_track(uint64_t id, enum om_track_state state, int16_t class_id)
{
    struct om_track *track = &tracks.items[tracks.count++];
    *track = (struct om_track){.id = id,
                               .state = state,
                               .class_id = class_id,
                               .score = 0.5F,
                               .box = {10, 20, 30, 40},
                               .vx = 5};
    return track;
}

// Shows what is in `tracks` and `measures` at `ms`, and empties both.
static void show(struct om_alert *alert, int64_t ms)
{
    struct om_alert_frame frame = frame_at(ms * OM_MS);
    for (int i = 0; i < tracks.count; i++)
        tracks.items[i].last_pts_us = frame.pts_us;
    told_count = 0;
    om_alert_update(alert, &frame, &tracks, &measures, on_event, told);
    tracks.count = measures.count = 0;
}

// ---- one track through its life ----------------------------------------------------------------

struct step {
    int ms;
    enum om_track_state state;
    int16_t class_id;
    const char *says;  // the types told, short, separated by a blank
};

static const struct story {
    const char *name;
    int64_t update_ms;
    struct step steps[10];
} stories[] = {
    {"a whole life",
     1000,
     {{0, T, PERSON, ""},
      {100, T, PERSON, ""},
      {200, C, PERSON, "track.started"},
      {300, C, PERSON, ""},
      {1199, C, PERSON, ""},
      {1200, C, PERSON, "track.updated"},
      {1300, C, PERSON, ""},
      {2200, C, PERSON, "track.updated"},
      {2300, E, PERSON, "track.ended"},
      {2400, E, PERSON, ""}}},
    {"never confirmed", 1000, {{0, T, PERSON, ""}, {100, T, PERSON, ""}, {200, E, PERSON, ""}}},
    {"lost and found again",
     1000,
     {{0, C, PERSON, "track.started"},
      {1100, L, PERSON, ""},
      {2200, L, PERSON, ""},
      {2300, C, PERSON, "track.updated"},
      {2400, L, PERSON, ""},
      {2500, E, PERSON, "track.ended"}}},
    {"another label",
     1000,
     {{0, C, PERSON, "track.started"},
      {100, C, CAR, "track.updated"},
      {200, C, CAR, ""},
      {1100, C, CAR, "track.updated"},
      {1200, E, CAR, "track.ended"}}},
    {"no updates",
     0,
     {{0, C, PERSON, "track.started"},
      {5000, C, PERSON, ""},
      {6000, C, CAR, ""},
      {7000, E, CAR, "track.ended"}}},
    {"confirmed at once, ended at once",
     1000,
     {{0, C, PERSON, "track.started"}, {10, E, PERSON, "track.ended"}}},
};

static void told_text(char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < told_count; i++) {
        om_str name = om_event_type_brief(told[i].type);
        at += (size_t)snprintf(text + at, size - at, "%s%.*s", i ? " " : "", OM_STR_ARG(name));
    }
}

static void test_stories(void)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(stories); i++) {
        const struct om_alert_opts opts = {.update_us = stories[i].update_ms * OM_MS};
        om_auto(om_alert) alert = om_alert_create(&opts);
        for (size_t k = 0; k < OM_ARRAY_LEN(stories[i].steps) && stories[i].steps[k].says; k++) {
            const struct step *step = &stories[i].steps[k];
            char text[200];
            add_track(17, step->state, step->class_id);
            show(alert, step->ms);
            told_text(text, sizeof(text));
            if (strcmp(text, step->says) != 0)
                fprintf(stderr, "%s, at %d ms: \"%s\"\n", stories[i].name, step->ms, text);
            om_assert(strcmp(text, step->says) == 0);
        }
    }
}

// ---- what an event holds -----------------------------------------------------------------------

static void test_fields(void)
{
    const struct om_alert_opts opts = {.update_us = OM_SECOND};
    om_auto(om_alert) alert = om_alert_create(&opts);
    add_track(7, C, PERSON)->first_pts_us = -2 * OM_SECOND;
    show(alert, 0);
    const struct om_event *event = &told[0];
    om_assert(told_count == 1 && event->track_id == 7 && event->epoch == 3 && !event->id[0]);
    om_assert(strcmp(event->camera, "gate") == 0 && strcmp(event->label, "person") == 0);
    om_assert(strcmp(event->model_name, "nano") == 0 && strcmp(event->model_version, "abc") == 0);
    om_assert(strncmp(event->request_id, "019e0b3c", 8) == 0);
    om_assert(event->has_box && event->box.w == 30 && event->frame_width == 640);
    om_assert(event->vx == 5 && event->age_us == 2 * OM_SECOND);
    om_assert(event->latency_total_ms == 12.5 && event->wall_us == 1000000000);
    om_assert(event->topk_count == 1 && event->topk[0].score == 0.5F);
    om_auto_buf json;
    struct om_error err = {0};
    om_buf_init(&json, 1 << 16);
    struct om_event copy = *event;
    memcpy(copy.id, event->request_id, sizeof(copy.id));
    om_event_to_json(&copy, &json);
    om_assert(om_event_validate(om_buf_str(&json), &err) == OM_OK);

    struct om_alert_frame frame = frame_at(OM_SECOND);
    frame.model_name = frame.model_version = NULL;  // motion only
    frame.labels = NULL;
    add_track(8, C, PERSON)->box.x = NAN;
    told_count = 0;
    om_alert_update(alert, &frame, &tracks, NULL, on_event, told);
    tracks.count = 0;
    om_assert(told_count == 1 && !told[0].model_name[0] && !told[0].has_box);
    om_assert(strcmp(told[0].label, "unknown") == 0);
}

static void test_topk(void)
{
    const struct om_alert_opts opts = {.update_us = 1};
    om_auto(om_alert) alert = om_alert_create(&opts);
    static const struct {
        int16_t class_id;
        float score;
    } looks[] = {{CAR, 0.5F}, {PERSON, 0.75F}, {CAR, 0.5F}, {PERSON, 0.75F}};
    for (size_t i = 0; i < OM_ARRAY_LEN(looks); i++) {
        add_track(1, C, looks[i].class_id)->score = looks[i].score;
        show(alert, (int64_t)i * 100);
    }
    om_assert(told[0].topk_count == 2);
    om_assert(strcmp(told[0].topk[0].label, "person") == 0 && told[0].topk[0].score == 0.375F);
    om_assert(strcmp(told[0].topk[1].label, "car") == 0 && told[0].topk[1].score == 0.25F);
    add_track(1, L, CAR);  // not seen: counts for nothing
    add_track(1, L, CAR);
    show(alert, 400);
    for (int16_t i = 0; i < 40; i++) {  // more classes than there is place for
        add_track(1, C, (int16_t)(i + 10))->score = 0.01F;
        show(alert, 500 + i * 100);
        om_assert(told[0].topk_count <= OM_EVENT_TOPK);
    }
    om_assert(strcmp(told[0].topk[0].label, "person") == 0 && told[0].topk_count == OM_EVENT_TOPK);
    om_assert(fabsf(told[0].topk[0].score - 1.5F / 44) < 1e-6F);
}

static void add_measure(enum om_measure_kind kind, uint64_t track_id, const char *shape)
{
    struct om_measure *measure = &measures.items[measures.count++];
    *measure = (struct om_measure){
        .kind = kind, .track_id = track_id, .class_id = CAR, .pts_us = 90 * OM_MS};
    (void)om_str_copy(measure->shape, sizeof(measure->shape), om_str_from(shape));
}

static void test_measures(void)
{
    const struct om_alert_opts opts = {.update_us = OM_SECOND};
    om_auto(om_alert) alert = om_alert_create(&opts);
    char text[300];
    add_track(1, C, PERSON);
    add_track(2, C, PERSON);
    add_track(3, T, PERSON);
    show(alert, 0);
    add_track(1, C, PERSON);
    add_track(2, E, PERSON);
    add_track(4, C, CAR);
    add_measure(OM_ZONE_ENTERED, 1, "door");
    add_measure(OM_ZONE_LEFT, 2, "yard");
    measures.items[1].dwell_us = 4 * OM_SECOND;
    add_measure(OM_LINE_CROSSED, 4, "in");
    measures.items[2].direction = OM_RIGHT_TO_LEFT;
    add_measure(OM_LINE_CROSSED, 99, "out");  // of a track that is gone
    measures.items[3].direction = OM_LEFT_TO_RIGHT;
    show(alert, 1000);
    told_text(text, sizeof(text));
    om_assert(strcmp(text, "track.started zone.entered zone.left line.crossed line.crossed"
                           " track.updated track.ended") == 0);
    om_assert(told[0].track_id == 4 && !told[0].shape[0]);
    om_assert(strcmp(told[1].shape, "door") == 0 && told[1].track_id == 1 && told[1].has_box);
    om_assert(told[1].pts_us == 90 * OM_MS && told[1].wall_us == 1000000000 + 90 * OM_MS);
    om_assert(told[2].dwell_us == 4 * OM_SECOND && told[2].track_id == 2);
    om_assert(strcmp(told[3].direction, "right_to_left") == 0 && told[3].track_id == 4);
    om_assert(strcmp(told[4].direction, "left_to_right") == 0 && told[4].track_id == 99);
    om_assert(strcmp(told[4].label, "car") == 0 && !told[4].has_box && told[4].topk_count == 0);
    om_assert(told[5].track_id == 1 && told[6].track_id == 2);
    om_assert(!told[5].shape[0] && !told[5].direction[0] && told[5].dwell_us == 0);
    om_assert(told[5].pts_us == OM_SECOND && told[6].wall_us == 1000000000 + OM_SECOND);
}

// As many tracks as there may be, all new in each frame, then all gone: once there was room
// for so many, nothing is allocated or kept.
static void test_many(void)
{
    const struct om_alert_opts opts = {.update_us = OM_SECOND};
    om_auto(om_alert) alert = om_alert_create(&opts);
    uint64_t id = 1, allocs = 0;
    for (int round = 0; round < 20; round++) {
        if (round == 1)
            allocs = om_mem_alloc_count();
        uint64_t first = id;
        for (int i = 0; i < OM_TRACKS_MAX; i++)
            add_track(id++ * 4096, C, PERSON);  // ids that fall together
        show(alert, round * 10);
        om_assert(told_count == OM_TRACKS_MAX);
        for (uint64_t i = first; i < id; i++)
            add_track(i * 4096, round % 2 ? C : E, PERSON);
        show(alert, round * 10 + 5);
        om_assert(told_count == (round % 2 ? 0 : OM_TRACKS_MAX));
    }
    om_assert(om_mem_alloc_count() == allocs);
}

static void test_options(void)
{
    struct om_alert_opts opts = {0};
    om_opt_defaults(&om_alert_opt_group, &opts);
    om_assert(opts.update_us == OM_SECOND);
}

int main(void)
{
    labels = om_labels_coco();
    test_stories();
    test_fields();
    test_topk();
    test_measures();
    test_many();
    test_options();
    om_labels_unref(&labels);
    return 0;
}
