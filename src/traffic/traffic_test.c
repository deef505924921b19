#include "traffic/traffic.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "scene/labels.h"
#include "scene/track.h"

enum { W = 1000, H = 500, STEP_US = 100 * OM_MS, CAR = 2, PERSON = 0 };

static struct rig {
    struct om_traffic *traffic;
    struct om_labels *labels;
    struct om_shapes shapes;
    struct om_tracks tracks;
    struct om_measures measures;
    int64_t pts_us, seen_us;
} rig;

static void begin(void)
{
    om_traffic_destroy(rig.traffic);
    om_labels_unref(&rig.labels);
    rig = (struct rig){.traffic = om_traffic_create(), .labels = om_labels_coco()};
}

// From (500, 100) to (500, 400): looking down the picture, the left hand side is x > 500.
static struct om_line *add_line(const char *name)
{
    struct om_line *line = &rig.shapes.lines[rig.shapes.line_count++];
    *line = (struct om_line){.a = {0.5F, 0.2F}, .b = {0.5F, 0.8F}};
    (void)om_str_copy(line->name, sizeof(line->name), om_str_from(name));
    om_traffic_set_shapes(rig.traffic, &rig.shapes);
    return line;
}

// x from 400 to 600, y from 100 to 300.
static struct om_zone *add_zone(const char *name)
{
    struct om_zone *zone = &rig.shapes.zones[rig.shapes.zone_count++];
    *zone = (struct om_zone){.point_count = 4,
                             .points = {{0.4F, 0.2F}, {0.6F, 0.2F}, {0.6F, 0.6F}, {0.4F, 0.6F}}};
    (void)om_str_copy(zone->name, sizeof(zone->name), om_str_from(name));
    om_traffic_set_shapes(rig.traffic, &rig.shapes);
    return zone;
}

// Track `id`, a box of 40 x 40 with its foot at x, y.
static void put(uint64_t id, float x, float y, enum om_track_state state)
{
    if (state == OM_TRACK_CONFIRMED || state == OM_TRACK_TENTATIVE)
        rig.seen_us = rig.pts_us + STEP_US;
    rig.tracks.items[rig.tracks.count++] = (struct om_track){.id = id,
                                                             .state = state,
                                                             .class_id = CAR,
                                                             .box = {x - 20, y - 40, 40, 40},
                                                             .last_pts_us = rig.seen_us};
}

static int step(void)
{
    rig.pts_us += STEP_US;
    om_traffic_update(rig.traffic, &rig.tracks, W, H, rig.labels, &rig.measures);
    rig.tracks.count = 0;
    return rig.measures.count;
}

static int go(float x, float y)
{
    put(1, x, y, OM_TRACK_CONFIRMED);
    return step();
}

static struct om_count count_of(const char *shape, const char *label)
{
    static struct om_count counts[64];
    int n = om_traffic_counts(rig.traffic, counts, 64);
    for (int i = 0; i < n; i++) {
        if (strcmp(counts[i].shape, shape) == 0 && strcmp(counts[i].label, label) == 0)
            return counts[i];
    }
    return (struct om_count){0};
}

static void test_crossing(void)
{
    begin();
    add_line("gate");
    om_assert(go(450, 250) == 0 && go(480, 250) == 0);
    om_assert(go(520, 250) == 1);  // to larger x: from the right hand to the left hand side
    const struct om_measure *m = &rig.measures.items[0];
    om_assert(m->kind == OM_LINE_CROSSED && m->direction == OM_RIGHT_TO_LEFT && m->track_id == 1);
    om_assert(strcmp(m->shape, "gate") == 0 && m->class_id == CAR);
    om_assert(llabs(m->pts_us - (rig.pts_us - STEP_US / 2)) <= 1);  // half way between the two
    om_assert(go(560, 250) == 0 && go(480, 250) == 1);
    om_assert(rig.measures.items[0].direction == OM_LEFT_TO_RIGHT);
    struct om_count count = count_of("gate", "car");
    om_assert(count.is_line && count.left_to_right == 1 && count.right_to_left == 1);
}

// Standing on the line with a trembling box is no crossing, however long; going over it is one.
static void test_hysteresis(void)
{
    begin();
    add_line("gate");
    om_assert(go(450, 250) == 0);
    for (int i = 0; i < 50; i++)
        om_assert(go(i % 2 ? 497 : 503, 250) == 0);
    om_assert(go(520, 250) == 1);
    for (int i = 0; i < 50; i++)
        om_assert(go(i % 2 ? 497 : 503, 250) == 0);
    om_assert(go(540, 250) == 0);
}

static void test_segment(void)
{
    begin();
    add_line("gate");
    om_assert(go(450, 450) == 0 && go(550, 450) == 0);  // past its end
    om_assert(go(550, 250) == 0 && go(450, 250) == 1);
    // Over the endless line beside the segment while near it, then along it: no crossing.
    om_assert(go(498, 90) == 0 && go(502, 90) == 0 && go(502, 250) == 0 && go(530, 250) == 0);
}

// It begins next to the line: that side counts as where it came from.
static void test_begins_near(void)
{
    begin();
    add_line("gate");
    om_assert(go(499, 250) == 0 && go(502, 250) == 0 && go(510, 250) == 1);
}

static void test_tentative_and_lost(void)
{
    begin();
    add_line("gate");
    put(1, 480, 250, OM_TRACK_TENTATIVE);
    om_assert(step() == 0);
    put(1, 520, 250, OM_TRACK_TENTATIVE);
    om_assert(step() == 0);  // not told before it is confirmed
    om_assert(go(530, 250) == 1);
    for (int i = 0; i < 5; i++) {
        put(1, (float)(530 - 20 * i), 250, OM_TRACK_LOST);  // only expected there
        om_assert(step() == 0);
    }
    om_assert(go(540, 250) == 0);
    put(1, 440, 250, OM_TRACK_LOST);
    om_assert(step() == 0);
    om_assert(go(440, 250) == 1);  // seen there: it did cross
    om_assert(step() == 0);        // gone without an end
    om_assert(go(560, 250) == 0);  // a new story, even with the same id
}

static void test_zone(void)
{
    begin();
    add_zone("yard");
    om_assert(go(300, 200) == 0 && go(380, 200) == 0);
    for (int i = 0; i < 6; i++)
        om_assert(go(i % 2 ? 395 : 405, 200) == 0);  // trembles on the edge
    int64_t in_us = rig.pts_us + STEP_US;
    om_assert(go(450, 200) == 0 && go(460, 200) == 0 && go(470, 200) == 0 && go(480, 200) == 0);
    om_assert(go(490, 200) == 1);
    om_assert(rig.measures.items[0].kind == OM_ZONE_ENTERED &&
              rig.measures.items[0].pts_us == in_us);
    om_assert(count_of("yard", "car").inside == 1 && count_of("yard", "car").entered == 1);
    om_assert(go(640, 200) == 0 && go(500, 200) == 0);  // out for a moment only
    for (int i = 0; i < 4; i++)
        om_assert(go(700, 200) == 0);
    om_assert(go(700, 200) == 1 && rig.measures.items[0].kind == OM_ZONE_LEFT);
    om_assert(rig.measures.items[0].dwell_us == 7 * STEP_US);
    struct om_count count = count_of("yard", "car");
    om_assert(count.inside == 0 && count.left == 1 && !count.is_line);
    om_assert(count.dwell_mean_s > 0.69 && count.dwell_mean_s < 0.71);
}

static void enter_zone(void)
{
    for (int i = 0; i < 5; i++)
        (void)go(480, 200);  // whether that is a measure is not the question here
}

static void test_zone_ends(void)
{
    begin();
    add_zone("yard");
    enter_zone();
    om_assert(rig.measures.count == 1);
    put(1, 900, 200, OM_TRACK_LOST);
    om_assert(step() == 0 && count_of("yard", "car").inside == 1);
    put(1, 900, 200, OM_TRACK_ENDED);
    rig.tracks.items[0].last_pts_us = 5 * STEP_US;
    om_traffic_update(rig.traffic, &rig.tracks, 1, 1, NULL, &rig.measures);
    om_assert(rig.measures.count == 1 && rig.measures.items[0].kind == OM_ZONE_LEFT);
    om_assert(rig.measures.items[0].dwell_us == 4 * STEP_US);
    om_assert(count_of("yard", "car").inside == 0);
}

static void test_filters(void)
{
    begin();
    add_line("gate")->classes = (struct om_class_filter){.count = 1, .names = {"person"}};
    add_zone("yard")->classes = (struct om_class_filter){.count = 1, .names = {"person"}};
    om_traffic_set_shapes(rig.traffic, &rig.shapes);
    enter_zone();
    om_assert(rig.measures.count == 0 && go(450, 250) == 0 && go(550, 250) == 0);
    for (int i = 0; i < 3; i++) {
        put(2, (float)(450 + 50 * i), 350, OM_TRACK_CONFIRMED);
        rig.tracks.items[0].class_id = PERSON;
        step();
    }
    om_assert(count_of("gate", "person").right_to_left == 1);
    om_assert(count_of("gate", "car").right_to_left == 0);
}

// A new line beside an old one: the old one's counts and who stands where stay.
static void test_shapes_change(void)
{
    begin();
    add_zone("yard");
    add_line("gate");
    enter_zone();
    om_assert(go(550, 250) == 1 && go(450, 250) == 1);
    struct om_line second = {.name = "first", .a = {0.1F, 0}, .b = {0.1F, 1}};
    rig.shapes.lines[1] = rig.shapes.lines[0];
    rig.shapes.lines[0] = second;
    rig.shapes.line_count = 2;
    om_traffic_set_shapes(rig.traffic, &rig.shapes);
    om_assert(count_of("yard", "car").inside == 1 && count_of("gate", "car").left_to_right == 1);
    om_assert(go(550, 250) == 1);  // it knew on which side it was
    rig.shapes.lines[1].b.x = 0.51F;
    om_traffic_set_shapes(rig.traffic, &rig.shapes);
    om_assert(count_of("gate", "car").left_to_right == 0);  // another line of that name
    om_assert(count_of("yard", "car").inside == 1);
}

// More tracks and labels than there is room for.
static void test_bounds(void)
{
    begin();
    add_line("gate");
    char name[8] = "";
    const char *names[2000];
    for (int i = 0; i < 2000; i++)
        names[i] = name;
    om_labels_unref(&rig.labels);
    rig.labels = om_labels_create(names, 2000);
    for (int i = 0; i < 2000; i++) {
        char *own = rig.labels->names[i];
        om_free(own);
        rig.labels->names[i] = om_strdup("label0000");
        rig.labels->names[i][5] = (char)('0' + i / 1000);
        rig.labels->names[i][6] = (char)('0' + i / 100 % 10);
        rig.labels->names[i][7] = (char)('0' + i / 10 % 10);
        rig.labels->names[i][8] = (char)('0' + i % 10);
    }
    uint64_t allocs = 0;
    for (int round = 0; round < 4; round++) {
        if (round == 2)  // there was room for all tracks and all labels
            allocs = om_mem_alloc_count();
        for (int side = 0; side < 2; side++) {
            for (int i = 0; i < OM_TRACKS_MAX; i++) {
                put((uint64_t)(round * OM_TRACKS_MAX + i + 1), side ? 550 : 450, 250,
                    OM_TRACK_CONFIRMED);
                rig.tracks.items[i].class_id = (int16_t)((round * OM_TRACKS_MAX + i) % 2000);
            }
            om_assert(step() == (side ? OM_MEASURES_MAX : 0));
        }
    }
    om_assert(om_mem_alloc_count() == allocs);
    om_assert(om_traffic_dropped(rig.traffic) == 4 * (OM_TRACKS_MAX - OM_MEASURES_MAX));

    static struct om_count counts[4096];
    int n = om_traffic_counts(rig.traffic, counts, 4096);
    uint64_t total = 0;
    for (int i = 0; i < n; i++)
        total += counts[i].right_to_left;
    om_assert(total == 4 * OM_TRACKS_MAX);
}

int main(void)
{
    test_crossing();
    test_hysteresis();
    test_segment();
    test_begins_near();
    test_tentative_and_lost();
    test_zone();
    test_zone_ends();
    test_filters();
    test_shapes_change();
    test_bounds();
    om_traffic_destroy(rig.traffic);
    om_labels_unref(&rig.labels);
    return 0;
}
