#include "bench/streams_score.h"

#include <math.h>

#include "base/assert.h"
#include "base/attr.h"
#include "base/time.h"

enum { FRAME_US = 200 * OM_MS, CAR = 2, PERSON = 0 };

// A 20 x 20 object that goes right from `x` by `dx` pixels a picture, from picture `from` on.
struct walk {
    uint32_t id;
    int16_t class_id;
    int from, count;
    float x, dx;
};

static void add_walk(struct om_paths *paths, const struct walk *walk, int every, int64_t late_us)
{
    for (int i = 0; i < walk->count; i += every) {
        int64_t t_us = (int64_t)(walk->from + i) * FRAME_US;
        const struct om_path_point point = {
            .id = walk->id,
            .class_id = walk->class_id,
            .box = {walk->x + (float)i * walk->dx, 100, 20, 20},
            .t_us = t_us,
            .out_us = t_us + late_us,
        };
        om_paths_add(paths, &point);
    }
}

static int64_t moment_of(const struct walk *walk)
{
    struct om_paths paths = {0};
    add_walk(&paths, walk, 1, 0);
    om_paths_close(&paths);
    om_assert(paths.path_count == 1);
    int moment = paths.paths[0].moment;
    int64_t t_us = moment < 0 ? -1 : paths.points[moment].t_us;
    om_paths_finish(&paths);
    return t_us;
}

static void test_moments(void)
{
    static const struct {
        struct walk walk;
        int64_t moment_us;
    } cases[] = {
        {{1, CAR, 0, 6, 0, 5}, 5 * FRAME_US},     // half its size after 2, a second after 5
        {{1, CAR, 10, 20, 0, 1}, 20 * FRAME_US},  // a second after 15, half its size after 20
        {{1, CAR, 0, 5, 0, 50}, -1},              // 0.8 s only
        {{1, CAR, 0, 50, 7, 0}, -1},              // stands still
        {{1, CAR, 0, 10, 0, 1}, -1},              // 9 pixels of the 10
        {{1, CAR, 0, 11, 0, -1}, 10 * FRAME_US},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++)
        om_assert(moment_of(&cases[i].walk) == cases[i].moment_us);
}

static void test_spots_between_points(void)
{
    struct om_paths paths = {0};
    struct om_path_spot spot;
    for (int i = 0; i < 3; i++) {
        static const int64_t times_us[] = {3 * OM_SECOND, OM_SECOND, 6 * OM_SECOND};
        const struct om_path_point point = {.id = 4,
                                            .class_id = CAR,
                                            .box = {(float)times_us[i] / OM_SECOND, 0, 10, 10},
                                            .t_us = times_us[i],
                                            .out_us = times_us[i] + 7};
        om_paths_add(&paths, &point);
        om_paths_add(&paths, &point);  // told twice
    }
    om_paths_close(&paths);
    om_assert(paths.point_count == 3);
    const struct om_path *path = &paths.paths[0];
    om_assert(!om_path_at(&paths, path, OM_SECOND - 1, &spot));
    om_assert(om_path_at(&paths, path, OM_SECOND, &spot) && spot.seen_us == OM_SECOND);
    om_assert(om_path_at(&paths, path, 2 * OM_SECOND, &spot));
    om_assert(fabsf(spot.box.x - 2) < 1e-3F && spot.out_us == 3 * OM_SECOND + 7);
    om_assert(!om_path_at(&paths, path, 4 * OM_SECOND, &spot));  // three seconds apart
    om_assert(om_path_at(&paths, path, 6 * OM_SECOND, &spot));
    om_assert(!om_path_at(&paths, path, 6 * OM_SECOND + 1, &spot));
    om_paths_finish(&paths);
}

static void test_motion(void)
{
    struct om_paths paths = {0};
    add_walk(&paths, &(struct walk){1, CAR, 10, 20, 0, 5}, 1, 0);
    add_walk(&paths, &(struct walk){2, CAR, 30, 20, 50, 0}, 1, 0);  // stands
    add_walk(&paths, &(struct walk){3, CAR, 60, 4, 0, 5}, 1, 0);    // too short for an event
    om_paths_close(&paths);
    om_assert(!om_paths_moves(&paths, 9 * FRAME_US));
    om_assert(!om_paths_moves(&paths, 10 * FRAME_US));  // its first picture: not yet
    om_assert(om_paths_moves(&paths, 11 * FRAME_US));
    om_assert(om_paths_moves(&paths, 29 * FRAME_US));
    om_assert(!om_paths_moves(&paths, 40 * FRAME_US));
    om_assert(!om_paths_moves(&paths, 62 * FRAME_US) && om_paths_stirs(&paths, 62 * FRAME_US));
    om_assert(!om_paths_stirs(&paths, 40 * FRAME_US));
    struct om_score_reel reel = {.length_us = 100 * FRAME_US, .warm_us = 0};
    reel.paths = paths;
    om_assert(fabs(om_score_activity(&reel, 5) - 0.19) < 1e-9);
    om_paths_finish(&paths);
}

// A reel of 100 pictures: a car and, later, a person. The session begins at picture 50 and lasts
// for two reels and a half.
struct scene {
    struct om_score_reel reel;
    struct om_paths tracks;
    struct om_score score;
};

enum { REEL = 100, WARM = 25, OFFSET = 50, SESSION = 250 };

static const struct walk car = {1, CAR, 30, 20, 0, 5};
static const struct walk person = {2, PERSON, 80, 15, 200, 3};

static void scene_init(struct scene *scene)
{
    *scene = (struct scene){0};
    scene->reel.length_us = REEL * FRAME_US;
    scene->reel.warm_us = WARM * FRAME_US;
    add_walk(&scene->reel.paths, &car, 1, 0);
    add_walk(&scene->reel.paths, &person, 1, 0);
    om_paths_close(&scene->reel.paths);
}

// `walk` of the reel as a session that began at OFFSET reports it, every time it is shown.
static void report(struct scene *scene, struct walk walk, int every, int64_t late_us)
{
    for (int at = walk.from - OFFSET - REEL; at < SESSION; at += REEL) {
        if (at < 0)
            continue;
        walk.from = at;
        walk.id += 10;
        add_walk(&scene->tracks, &walk, every, late_us);
    }
}

static void count_slip(void *ctx, const struct om_score_slip *slip)
{
    int64_t *reel_us = ctx;
    *reel_us = slip->reel_us;
    om_assert(slip->is_missed ? slip->class_id == PERSON : slip->class_id == CAR);
}

static void score(struct scene *scene, int64_t *slip_reel_us)
{
    om_paths_close(&scene->tracks);
    const struct om_score_session session = {.reel = &scene->reel,
                                             .offset_us = OFFSET * FRAME_US,
                                             .start_us = 0,
                                             .from_us = 0,
                                             .to_us = SESSION * FRAME_US,
                                             .tracks = &scene->tracks};
    om_score_add(&scene->score, &session, slip_reel_us ? count_slip : NULL, slip_reel_us);
}

static void scene_finish(struct scene *scene)
{
    om_paths_finish(&scene->reel.paths);
    om_paths_finish(&scene->tracks);
    om_score_finish(&scene->score);
}

static void test_all_found(void)
{
    struct scene scene;
    scene_init(&scene);
    report(&scene, car, 1, 90 * OM_MS);
    report(&scene, person, 1, 90 * OM_MS);
    score(&scene, NULL);
    // Car at 35 + k * 100 - 50 (85, 185), person at 85 - 50 (35, 135, 235).
    om_assert(scene.score.events == 5 && scene.score.found == 5);
    om_assert(scene.score.own_events == 5 && scene.score.own_true == 5);
    om_assert(om_score_recall(&scene.score) == 1 && om_score_precision(&scene.score) == 1);
    om_assert(om_score_delay_ms(&scene.score, 0.95) == 90);
    scene_finish(&scene);
}

// Every third picture only: the oracle's places between two reports are on the line.
static void test_few_reports(void)
{
    struct scene scene;
    scene_init(&scene);
    report(&scene, car, 3, 90 * OM_MS);
    report(&scene, person, 3, 90 * OM_MS);
    score(&scene, NULL);
    om_assert(scene.score.found == 5 && scene.score.own_true == 5);
    scene_finish(&scene);
}

static void test_missed_and_made_up(void)
{
    struct scene scene;
    int64_t slip_us = -1;
    scene_init(&scene);
    report(&scene, car, 1, 0);
    struct walk wrong = person;
    wrong.class_id = CAR;  // seen as another class
    report(&scene, wrong, 1, 0);
    score(&scene, &slip_us);
    om_assert(scene.score.events == 5 && scene.score.found == 2);
    om_assert(scene.score.own_events == 5 && scene.score.own_true == 2);
    om_assert(slip_us == 85 * FRAME_US);
    scene_finish(&scene);
}

// Found only when the moment has passed: from the sending of the moment's picture.
static void test_found_late(void)
{
    static const struct {
        int pictures_later;
        bool is_found;
        double delay_ms;
    } cases[] = {{-3, true, 50}, {2, true, 450}, {5, true, 1050}, {6, false, 0}};
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct scene scene;
        scene_init(&scene);
        int at = 5 + cases[i].pictures_later;  // the car's moment is its picture 5
        const struct walk late = {7,     CAR, car.from + at - OFFSET + REEL, 1, (float)at * car.dx,
                                  car.dx};
        add_walk(&scene.tracks, &late, 1, 50 * OM_MS);
        score(&scene, NULL);
        om_assert(scene.score.found == cases[i].is_found);
        om_assert(!cases[i].is_found || om_score_delay_ms(&scene.score, 1) == cases[i].delay_ms);
        scene_finish(&scene);
    }
}

// The measured part decides by the moment; scores add up.
static void test_window_and_merge(void)
{
    struct scene scene;
    struct om_score sum = {0};
    scene_init(&scene);
    report(&scene, car, 1, 0);
    om_paths_close(&scene.tracks);
    struct om_score_session session = {.reel = &scene.reel,
                                       .offset_us = OFFSET * FRAME_US,
                                       .from_us = 85 * FRAME_US,
                                       .to_us = 85 * FRAME_US + 1,
                                       .tracks = &scene.tracks};
    om_score_add(&scene.score, &session, NULL, NULL);
    om_assert(scene.score.events == 1 && scene.score.own_events == 1 && scene.score.found == 1);
    session.from_us++;
    om_score_add(&scene.score, &session, NULL, NULL);
    om_assert(scene.score.events == 1);
    om_score_merge(&sum, &scene.score);
    om_score_merge(&sum, &scene.score);
    om_assert(sum.events == 2 && sum.found == 2 && sum.delay_count == 2 && sum.own_true == 2);
    om_assert(isnan(om_score_recall(&(struct om_score){0})));
    om_score_finish(&sum);
    scene_finish(&scene);
}

int main(void)
{
    test_moments();
    test_spots_between_points();
    test_motion();
    test_all_found();
    test_few_reports();
    test_missed_and_made_up();
    test_found_late();
    test_window_and_merge();
    return 0;
}
