// The engine under several cameras at once, on a small real network: the newest frame wins, results
// come in order and are counted, closing waits, nothing leaks. Run under TSan.

#include "infer/engine.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "infer/spot_model.h"
#include "media/frame.h"

enum { CAMERAS = 4, FRAMES = 60 };

struct camera {
    struct om_slot *slot;
    struct om_thread thread;
    struct om_mutex lock;
    // Under `lock`.
    uint64_t results, last_seq, failures;
    int batch_most;
};

static struct om_frame *make_frame(enum om_pixfmt format, uint64_t seq)
{
    struct om_frame *frame = om_frame_alloc(format, 40, 30);
    om_assert(frame);
    memset(om_frame_plane_mut(frame, 0), (int)(seq % 256), (size_t)frame->stride[0] * 30);
    frame->seq = seq;
    return frame;
}

static void on_result(void *ctx, struct om_slot_result *result)
{
    struct camera *cam = ctx;
    om_with_lock(&cam->lock);
    om_assert(result->frame->seq > cam->last_seq);
    cam->last_seq = result->frame->seq;
    cam->results++;
    cam->failures += result->status != OM_OK;
    om_assert(result->status != OM_OK || result->result->topk_count == 10 ||
              result->result->embedding_count == 512);
    cam->batch_most = OM_MAX(cam->batch_most, result->batch);
    om_frame_unref(&result->frame);
}

static void feed(void *ctx)
{
    struct camera *cam = ctx;
    for (uint64_t i = 1; i <= FRAMES; i++) {
        om_slot_put(cam->slot, make_frame(OM_PIX_GREY, i));
        om_time_sleep_us(300);
    }
}

static struct om_engine *start(const char *shared, const char *name, int workers)
{
    char path[1024];
    struct om_error err = {0};

    snprintf(path, sizeof(path), "%s/data/models/%s.onnx", shared, name);
    struct om_model *model = om_model_load(path, NULL, &(struct om_model_opts){.threads = 1}, &err);
    if (!model)
        printf("%s (%s)\n", err.text, err.hint);
    om_assert(model);
    struct om_engine *engine = om_engine_create(model, &(struct om_engine_opts){.workers = workers},
                                                &err);
    om_assert(engine);
    return engine;
}

static void check_cameras(const char *shared, const char *name, int workers)
{
    om_auto(om_engine) engine = start(shared, name, workers);
    struct camera cams[CAMERAS];
    const struct om_slot_opts opts = OM_SLOT_OPTS_DEFAULT;

    for (int i = 0; i < CAMERAS; i++) {
        cams[i] = (struct camera){.slot = NULL};
        om_mutex_init(&cams[i].lock);
        cams[i].slot = om_slot_open(engine, &opts, on_result, &cams[i]);
        om_assert(om_thread_start(&cams[i].thread, "feed", 0, feed, &cams[i]));
    }
    int most = 0;
    for (int i = 0; i < CAMERAS; i++) {
        om_thread_join(&cams[i].thread);
        while (om_slot_is_busy(cams[i].slot))
            om_time_sleep_us(200);
        struct om_slot_stats stats = om_slot_stats(cams[i].slot);
        om_slot_close(cams[i].slot);
        // Every frame was either run or overwritten by a newer one; the last one was run.
        om_assert(stats.put == FRAMES && stats.run + stats.overwritten == FRAMES);
        om_assert(cams[i].results == stats.run && cams[i].last_seq == FRAMES);
        om_assert(cams[i].failures == 0);
        most = OM_MAX(most, cams[i].batch_most);
        om_mutex_finish(&cams[i].lock);
    }
    om_assert(om_model_batch_max(om_engine_model(engine)) > 1 || most == 1);
    printf("%s, %d workers: batches of up to %d\n", name, workers, most);
}

// A slot closed with a frame waiting, and a frame the model cannot take beside good ones.
static void check_closing(const char *shared)
{
    om_auto(om_engine) engine = start(shared, "mnist", 1);
    struct camera good = {.slot = NULL}, bad = {.slot = NULL};
    const struct om_slot_opts opts = OM_SLOT_OPTS_DEFAULT;

    om_mutex_init(&good.lock);
    om_mutex_init(&bad.lock);
    good.slot = om_slot_open(engine, &opts, on_result, &good);
    bad.slot = om_slot_open(engine, &opts, on_result, &bad);
    struct om_frame *odd = make_frame(OM_PIX_GREY, 1);
    odd->format = OM_PIX_YUYV;
    om_slot_put(bad.slot, odd);
    om_slot_put(good.slot, make_frame(OM_PIX_GREY, 1));
    while (om_slot_is_busy(good.slot) || om_slot_is_busy(bad.slot))
        om_time_sleep_us(200);
    for (uint64_t i = 2; i < 30; i++)
        om_slot_put(good.slot, make_frame(OM_PIX_GREY, i));
    om_slot_close(good.slot);
    om_slot_close(bad.slot);
    om_slot_close(NULL);
    om_assert(good.failures == 0 && bad.failures == 1 && bad.results == 1);
    om_mutex_finish(&good.lock);
    om_mutex_finish(&bad.lock);
}

struct seen {
    atomic_int answers;
    enum om_status status;
    struct om_regions looked;
};

static void on_look(void *ctx, struct om_slot_result *result)
{
    struct seen *seen = ctx;
    seen->status = result->status;
    seen->looked = *result->looked;
    om_frame_unref(&result->frame);
    atomic_fetch_add(&seen->answers, 1);
}

static enum om_status look_at(struct om_slot *slot, struct seen *seen, const struct om_look *how)
{
    struct om_look look = *how;
    int before = atomic_load(&seen->answers);

    look.frame = make_frame(OM_PIX_GREY, 1);
    om_slot_look(slot, &look);
    om_assert(!look.frame);
    while (atomic_load(&seen->answers) == before)
        om_time_sleep_us(200);
    return seen->status;
}

// Looks at parts of a picture, at nothing of it, and too late.
static void check_looks(const char *shared)
{
    om_auto(om_engine) engine = start(shared, "mnist", 1);
    struct seen seen = {.answers = 0};
    struct om_slot *slot = om_slot_open(engine, &OM_SLOT_OPTS_DEFAULT, on_look, &seen);
    const struct om_look part = {.parts.regions = {1, {{4, 4, 20, 20}}}};
    const struct om_look outside = {.parts.regions = {1, {{40, 4, 20, 20}}}};
    const struct om_look late = {.deadline_us = om_time_mono_us() - 1};

    om_assert(look_at(slot, &seen, &part) == OM_OK && seen.looked.count == 1);
    om_assert(look_at(slot, &seen, &outside) == OM_INVALID);
    om_assert(look_at(slot, &seen, &late) == OM_TIMEOUT);
    struct om_engine_stats stats = om_engine_stats(engine);
    om_assert(stats.looks == 2 && stats.overdue == 1 && stats.waiting == 0);
    om_slot_close(slot);
}

// ---- packed, on a network made here ------------------------------------------------------------

enum { PACKED = 10, LOOKS_EACH = 200, REOPENINGS = 12 };

// A camera whose only bright spot lies at a place of its own.
struct watcher {
    struct om_slot *slot;
    struct om_frame *frame;
    struct om_region spot;
    atomic_int answers, together;
    enum om_status wanted;
};

static void on_spot(void *ctx, struct om_slot_result *result)
{
    struct watcher *w = ctx;
    const struct om_detections *found = &result->result->detections;

    om_assert(result->status == w->wanted && result->frame == w->frame);
    om_assert((result->status == OM_OK) == (found->count > 0));
    for (int i = 0; i < found->count; i++) {  // nobody gets what is another's
        float x = found->items[i].box.x + found->items[i].box.w / 2;
        float y = found->items[i].box.y + found->items[i].box.h / 2;
        om_assert(fabsf(x - (float)(w->spot.x + w->spot.w / 2)) < (float)w->spot.w);
        om_assert(fabsf(y - (float)(w->spot.y + w->spot.h / 2)) < (float)w->spot.h);
    }
    om_frame_unref(&result->frame);
    atomic_fetch_add(&w->together, result->looks > 1);
    atomic_fetch_add(&w->answers, 1);
}

static void watcher_init(struct watcher *w, struct om_engine *engine, int i)
{
    *w = (struct watcher){.spot = {60 + 40 * i, 40 + 20 * i, 40, 30}};
    w->frame = om_frame_alloc(OM_PIX_GREY, 640, 360);
    w->frame->is_full_range = true;
    uint8_t *luma = om_frame_plane_mut(w->frame, 0);
    memset(luma, 0, (size_t)w->frame->stride[0] * 360);
    for (int y = w->spot.y; y < w->spot.y + w->spot.h; y++)
        memset(luma + (ptrdiff_t)y * w->frame->stride[0] + w->spot.x, 255, (size_t)w->spot.w);
    if (i == 3) {
        w->frame->format = OM_PIX_YUYV;
        w->wanted = OM_UNSUPPORTED;
    }
    struct om_slot_opts opts = {.detect = {0.5f, 1, false, 300}, .priority = i % 2, .weight = 1};
    w->slot = om_slot_open(engine, &opts, on_spot, w);
}

static void look_once(struct watcher *w, int64_t linger_us)
{
    struct om_look look = {
        .frame = om_frame_ref(w->frame), .parts.regions = {1, {w->spot}}, .linger_us = linger_us};
    om_slot_look(w->slot, &look);
}

static void wait_idle(struct watcher *watchers, int count)
{
    for (int i = 0; i < count; i++)
        while (om_slot_is_busy(watchers[i].slot))
            om_time_sleep_us(100);
}

static void feed_spots(void *ctx)
{
    for (int i = 0; i < LOOKS_EACH; i++) {
        look_once(ctx, i % 3 ? 0 : 2000);
        om_time_sleep_us(200);
    }
}

// Opens, asks, closes, while others share its runs.
static void come_and_go(void *ctx)
{
    struct om_engine *engine = ctx;
    for (int i = 0; i < REOPENINGS; i++) {
        struct watcher w;
        watcher_init(&w, engine, i == 3 ? 4 : i);
        look_once(&w, 0);
        look_once(&w, 50000);
        if (i % 2)
            om_time_sleep_us(1000);
        om_slot_close(w.slot);
        int before = atomic_load(&w.answers);
        om_time_sleep_us(500);
        om_assert(atomic_load(&w.answers) == before);
        om_frame_unref(&w.frame);
    }
}

static void check_packed(int workers)
{
    struct om_error err;
    struct watcher watchers[PACKED];
    struct om_thread threads[PACKED + 1] = {0};
    om_auto(om_engine) engine = om_engine_create(
        spot_model_create(SPOT_CELL), &(struct om_engine_opts){.workers = workers}, &err);
    int together = 0;

    for (int i = 0; i < PACKED; i++) {
        watcher_init(&watchers[i], engine, i);
        om_assert(om_thread_start(&threads[i], "feed", 0, feed_spots, &watchers[i]));
    }
    om_assert(om_thread_start(&threads[PACKED], "visit", 0, come_and_go, engine));
    for (int i = 0; i <= PACKED; i++)
        om_thread_join(&threads[i]);
    wait_idle(watchers, PACKED);
    for (int i = 0; i < PACKED; i++) {
        struct om_slot_stats stats = om_slot_stats(watchers[i].slot);
        om_assert(stats.put == LOOKS_EACH && stats.run + stats.overwritten == LOOKS_EACH);
        om_assert((uint64_t)atomic_load(&watchers[i].answers) == stats.run && stats.run > 0);
        together += atomic_load(&watchers[i].together);
        om_slot_close(watchers[i].slot);
        om_frame_unref(&watchers[i].frame);
    }
    struct om_engine_stats stats = om_engine_stats(engine);
    om_assert(together > 0 && stats.looks > stats.runs && stats.canvases == stats.runs);
    om_assert(stats.used_px > 0 && stats.used_px < stats.canvas_px && stats.waiting == 0);
    printf("packed, %d workers: %.1f looks a run\n", workers,
           (double)stats.looks / (double)stats.runs);
}

// Once warm, a look costs no allocation; one that may wait for company does.
static void check_steady(void)
{
    struct om_error err;
    struct watcher watchers[PACKED];
    om_auto(om_engine)
        engine = om_engine_create(spot_model_create(SPOT_CELL), &(struct om_engine_opts){0}, &err);
    uint64_t allocs = 0;

    for (int i = 0; i < PACKED; i++)
        watcher_init(&watchers[i], engine, i);
    for (int round = 0; round < 30; round++) {
        if (round == 10)
            allocs = om_mem_alloc_count();
        for (int i = 0; i < PACKED; i++)
            look_once(&watchers[i], 0);
        wait_idle(watchers, PACKED);
    }
    om_assert(om_mem_alloc_count() == allocs);
    struct om_engine_stats before = om_engine_stats(engine);
    int64_t start_us = om_time_mono_us();
    look_once(&watchers[0], 30000);
    look_once(&watchers[1], 400000);
    look_once(&watchers[2], 400000);
    wait_idle(watchers, 3);
    om_assert(om_time_mono_us() - start_us >= 30000);
    om_assert(om_engine_stats(engine).runs == before.runs + 1);
    for (int i = 0; i < PACKED; i++) {
        om_slot_close(watchers[i].slot);
        om_frame_unref(&watchers[i].frame);
    }
}

int main(void)
{
    const char *shared = getenv("OMMA_SHARED");
    char path[1024];

    check_packed(1);
    check_packed(3);
    check_steady();
    snprintf(path, sizeof(path), "%s/data/models/mnist.onnx", shared ? shared : "");
    if (!shared || !om_file_exists(path)) {
        printf("skipped: no ../shared\n");
        return 77;
    }
    check_cameras(shared, "mnist", 1);
    check_cameras(shared, "mnist", 3);
    check_cameras(shared, "osnet_x0_25_msmt17", 1);
    check_closing(shared);
    check_looks(shared);
    return 0;
}
