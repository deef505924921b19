#include "bench/gate_timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rand.h"
#include "bench/gate_scene.h"
#include "media/thumb.h"
#include "motion/watch.h"

enum {
    PICTURES_MAX = 20000,
    ACTIVE_MAX = 15,  // pictures an object is shown for: its start is what matters
    GAP_MIN = 60,
    QUIET_ONLY = 600,  // pictures of a scene where nothing moves
    EVENT_MIN = 5,     // pictures: one second
    EVENT_MERGE = 5,
    SETTLE = 10,  // the watch learns the background
};

// ---- writing the order -------------------------------------------------------------------------

static void put(struct om_gate_timeline *timeline, int picture, const struct om_gate_object *object)
{
    if (timeline->count < PICTURES_MAX)
        timeline->shots[timeline->count++] = (struct om_gate_shot){picture, object};
}

// Picture `step` of a walk from `first` through all pictures that turns at the ends.
static int walk(int count, int first, int step)
{
    int at = (first + step) % (2 * (count - 1));
    return at < count ? at : 2 * (count - 1) - at;
}

// `n` quiet pictures or some more: first those that follow the object before, then, from a key
// frame on, those that lead to picture `next`.
static void put_quiet(struct om_gate_timeline *timeline, const struct om_gate_scene *scene,
                      int next, int n)
{
    int last = timeline->count > 0 ? timeline->shots[timeline->count - 1].picture : 0;
    int half = n / 2 + OM_GATE_GROUP - (timeline->count + n / 2) % OM_GATE_GROUP;
    for (int i = 1; i <= half; i++)
        put(timeline, walk(scene->count, last, i), NULL);
    for (int i = n - n / 2; i >= 1; i--)  // away from `next`, read from its end
        put(timeline, walk(scene->count, 2 * (scene->count - 1) - next, i), NULL);
}

static int gap_of(int active, double activity, struct om_rand *rand)
{
    double share = 0.6 + 0.8 * om_rand_unit(rand);
    return OM_MAX((int)(active * (1 / activity - 1) * share), GAP_MIN);
}

// ---- truth -------------------------------------------------------------------------------------

static void see(struct om_gate_timeline *timeline, const struct om_gate_scene *scene)
{
    uint8_t luma[OM_GATE_THUMB_PIXELS];
    struct om_watch_opts opts;
    om_watch_opts_default(&opts);
    struct om_watch *watch = om_watch_create(&opts);
    for (int i = 0; i < timeline->count; i++) {
        struct om_watch_result result;
        struct om_thumb thumb = {i * (int64_t)OM_GATE_GAP_US, OM_GATE_THUMB_WIDTH,
                                 OM_GATE_THUMB_HEIGHT, luma};
        om_gate_scene_thumb(scene, timeline->shots[i].picture, timeline->shots[i].object, luma);
        om_watch_update(watch, &thumb, &result);
        timeline->moves[i] = result.is_moving;
        timeline->moving += result.is_moving;
    }
    om_watch_destroy(watch);
}

static void find_events(struct om_gate_timeline *timeline)
{
    for (int i = SETTLE; i < timeline->count; i++) {
        if (!timeline->moves[i])
            continue;
        struct om_gate_event event = {i, i + 1};
        for (; i < timeline->count && i < event.end + EVENT_MERGE; i++) {
            if (timeline->moves[i])
                event.end = i + 1;
        }
        if (event.end - event.start >= EVENT_MIN)
            timeline->events[timeline->event_count++] = event;
        i = event.end;
    }
}

void om_gate_timeline_make(struct om_gate_timeline *timeline, const struct om_gate_scene *scene,
                           const struct om_gate_plan *plan, struct om_rand *rand)
{
    *timeline = (struct om_gate_timeline){
        .shots = om_new_array(struct om_gate_shot, PICTURES_MAX),
        .moves = om_new_array(bool, PICTURES_MAX),
        .events = om_new_array(struct om_gate_event, PICTURES_MAX / EVENT_MIN),
    };
    int n = 0;
    for (int i = 0; i < scene->object_count && n < plan->objects_max; i++) {
        const struct om_gate_object *object = &scene->objects[i];
        if (object->start == 0 && !plan->with_sudden)
            continue;
        int count = OM_MIN(object->count, ACTIVE_MAX);
        put_quiet(timeline, scene, object->start, gap_of(count, plan->activity, rand));
        for (int k = 0; k < count; k++)
            put(timeline, object->start + k, object);
        n++;
    }
    timeline->objects = n;
    put_quiet(timeline, scene, 0, n == 0 ? QUIET_ONLY : GAP_MIN);
    see(timeline, scene);
    find_events(timeline);
}

void om_gate_timeline_finish(struct om_gate_timeline *timeline)
{
    om_free(timeline->shots);
    om_free(timeline->moves);
    om_free(timeline->events);
    *timeline = (struct om_gate_timeline){0};
}

// ---- coding ------------------------------------------------------------------------------------

const char *const om_gate_variant_names[OM_GATE_VARIANT_COUNT] = {"plain", "noise", "cbr",
                                                                  "noise_cbr"};

enum { ARGUMENTS_MAX = 256, TEXT_MAX = 400 };

struct command {
    int count;
    char *items[ARGUMENTS_MAX];
};

static void add(struct command *command, const char *text)
{
    om_assert(command->count + 1 < ARGUMENTS_MAX);
    command->items[command->count++] = om_strdup(text);
}

static void add_all(struct command *command, const char *const *texts)
{
    for (; *texts; texts++)
        add(command, *texts);
}

static void add_variant(struct command *command, enum om_gate_variant variant, const char *dir,
                        uint32_t seed)
{
    static const char *const codec[] = {
        "-c:v",     "libx264",     "-preset", "ultrafast",     "-bf", "0",        "-g",
        "20",       "-keyint_min", "20",      "-sc_threshold", "0",   "-threads", "1",
        "-pix_fmt", "yuv420p",     NULL};
    static const char *const free_rate[] = {"-qp", "26", NULL};
    static const char *const fixed_rate[] = {"-b:v",     "256k", "-minrate", "256k",
                                             "-maxrate", "256k", "-bufsize", "512k",
                                             "-qmin",    "20",   NULL};
    bool has_noise = variant == OM_GATE_NOISE || variant == OM_GATE_NOISE_CBR;
    bool is_fixed = variant == OM_GATE_CBR || variant == OM_GATE_NOISE_CBR;
    char text[TEXT_MAX];
    add(command, "-map");
    add(command, "0:v");
    if (has_noise) {
        snprintf(text, sizeof(text), "noise=alls=5:allf=t:all_seed=%u", seed & 0xffff);
        add(command, "-vf");
        add(command, text);
    }
    add_all(command, codec);
    add_all(command, is_fixed ? fixed_rate : free_rate);
    add(command, "-f");
    add(command, "mpegts");
    snprintf(text, sizeof(text), "%.300s/%s.ts", dir, om_gate_variant_names[variant]);
    add(command, text);
}

static void make_command(struct command *command, const char *dir, uint32_t seed)
{
    static const char *const head[] = {
        "ffmpeg",   "-nostdin", "-v", "error",   "-y", "-threads", "1",  "-f",     "rawvideo",
        "-pix_fmt", "yuv420p",  "-s", "640x360", "-r", "5",        "-i", "pipe:0", NULL};
    add_all(command, head);
    for (int i = 0; i < OM_GATE_VARIANT_COUNT; i++)
        add_variant(command, (enum om_gate_variant)i, dir, seed);
}

static bool start(struct command *command, int input, int other_end, pid_t *ret_pid)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, other_end);
    int failed = posix_spawn(ret_pid, "/usr/bin/ffmpeg", &actions, NULL, command->items, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed == 0;
}

static bool write_all(int fd, const uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, data, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        n -= (size_t)written;
    }
    return true;
}

static bool feed(const struct om_gate_timeline *timeline, const struct om_gate_scene *scene,
                 struct om_rand *rand, int fd)
{
    uint8_t *picture = om_alloc(OM_GATE_PICTURE_BYTES, 1);
    bool is_ok = true;
    for (int i = 0; i < timeline->count && is_ok; i++) {
        const struct om_gate_shot *shot = &timeline->shots[i];
        om_gate_scene_picture(scene, shot->picture, shot->object, rand, picture);
        is_ok = write_all(fd, picture, OM_GATE_PICTURE_BYTES);
    }
    om_free(picture);
    return is_ok;
}

bool om_gate_timeline_encode(const struct om_gate_timeline *timeline,
                             const struct om_gate_scene *scene, const char *dir,
                             struct om_rand *rand, struct om_error *err)
{
    struct command command = {0};
    make_command(&command, dir, (uint32_t)om_rand_u64(rand));
    int ends[2];
    pid_t pid = -1;
    bool is_ok = pipe2(ends, O_CLOEXEC) == 0;
    if (is_ok) {
        is_ok = start(&command, ends[0], ends[1], &pid);
        (void)close(ends[0]);
        is_ok = is_ok && feed(timeline, scene, rand, ends[1]);
        (void)close(ends[1]);
    }
    int status = 0;
    if (pid > 0)
        is_ok = waitpid(pid, &status, 0) == pid && is_ok && status == 0;
    for (int i = 0; i < command.count; i++)
        om_free(command.items[i]);
    if (!is_ok) {
        om_error_set(err, OM_INTERNAL, "/usr/bin/ffmpeg could not code a timeline");
        om_error_hint(err, "install ffmpeg with libx264");
    }
    return is_ok;
}
