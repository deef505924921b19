#include "bench/fleet_node.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "bench/fleet_queue.h"

enum { FRAME, DONE };

struct node {
    const struct om_fleet_node_opts *opts;
    struct om_fleet_queue queue;
    struct om_rand rand;
    int64_t *waiting_us;  // arrival of the camera's waiting frame, 0 = none
    int *line;            // cameras with a waiting frame, first come first served; a ring
    int line_head, line_len, busy;
    int64_t commit_us;  // the last one, or the next
    int frames, skipped, sample_count;
    double *samples;
};

enum { NODE_SAMPLES_MAX = 1 << 16 };

// The journal commits at once after a calm, else with the others when its interval is over.
static int64_t commit(struct node *node, int64_t at_us)
{
    if (at_us > node->commit_us)
        node->commit_us = OM_MAX(at_us, node->commit_us + (int64_t)(node->opts->commit_ms * OM_MS));
    return node->commit_us;
}

static void serve_next(struct node *node, int64_t now_us)
{
    const struct om_fleet_node_opts *opts = node->opts;
    if (node->line_len == 0 || node->busy == opts->servers)
        return;
    int cam = node->line[node->line_head];
    node->line_head = (node->line_head + 1) % opts->cameras;
    node->line_len--;
    node->busy++;
    // Quiet cameras' work comes in between: the server is that much slower.
    double service_us = opts->service_ms * OM_MS / (1 - OM_MIN(opts->background, 0.95));
    int64_t done_us = now_us + (int64_t)service_us;
    int64_t committed_us = commit(node, done_us);
    if (node->sample_count < NODE_SAMPLES_MAX)
        node->samples[node->sample_count++] = (double)(committed_us - node->waiting_us[cam]) /
                                              OM_MS;
    node->waiting_us[cam] = 0;
    om_fleet_queue_put(&node->queue, (struct om_fleet_event){.at_us = done_us, .kind = DONE});
}

static void arrive(struct node *node, int cam, int64_t now_us)
{
    node->frames++;
    if (node->waiting_us[cam])
        node->skipped++;  // the newest wins, and keeps the place in the line
    else
        node->line[(node->line_head + node->line_len++) % node->opts->cameras] = cam;
    node->waiting_us[cam] = now_us;
    double jitter = 1 + node->opts->jitter * (2 * om_rand_unit(&node->rand) - 1);
    const struct om_fleet_event next = {
        .at_us = now_us + (int64_t)(jitter * OM_SECOND / node->opts->fps), .who = cam};
    om_fleet_queue_put(&node->queue, next);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Every n-th of the sorted delays, so that few samples keep the shape of many.
static int copy_samples(const struct node *node, float *samples_ms, int sample_max)
{
    int n = OM_MIN(node->sample_count, sample_max);
    for (int i = 0; samples_ms && i < n; i++)
        samples_ms[i] = (float)node->samples[(int64_t)i * node->sample_count / n];
    return n;
}

int om_fleet_node_run(const struct om_fleet_node_opts *opts, float *samples_ms, int sample_max,
                      struct om_fleet_node_result *ret)
{
    struct node node = {.opts = opts,
                        .waiting_us = om_new_array(int64_t, (size_t)opts->cameras),
                        .line = om_new_array(int, (size_t)opts->cameras),
                        .samples = om_new_array(double, NODE_SAMPLES_MAX)};
    om_rand_init(&node.rand, opts->seed);
    for (int i = 0; i < opts->cameras; i++) {
        double phase = opts->is_even ? (double)i / opts->cameras : om_rand_unit(&node.rand);
        int64_t at_us = 1 + (int64_t)(phase * OM_SECOND / opts->fps);
        om_fleet_queue_put(&node.queue, (struct om_fleet_event){.at_us = at_us, .who = i});
    }
    struct om_fleet_event event;
    while (om_fleet_queue_take(&node.queue, &event) &&
           (double)event.at_us < opts->seconds * OM_SECOND) {
        if (event.kind == FRAME)
            arrive(&node, event.who, event.at_us);
        else
            node.busy--;
        serve_next(&node, event.at_us);
    }
    qsort(node.samples, (size_t)node.sample_count, sizeof(double), compare);
    int last = OM_MAX(node.sample_count - 1, 0);
    *ret = (struct om_fleet_node_result){.frames = node.frames,
                                         .skipped = node.skipped,
                                         .p50_ms = node.samples[last / 2],
                                         .p99_ms = node.samples[(int64_t)last * 99 / 100]};
    int n = copy_samples(&node, samples_ms, sample_max);
    om_fleet_queue_finish(&node.queue);
    om_free(node.waiting_us);
    om_free(node.line);
    om_free(node.samples);
    return n;
}

int om_fleet_delays_row(double load)
{
    return OM_CLAMP((int)(load * OM_FLEET_LOAD_STEPS + 0.5), 0, OM_FLEET_LOADS - 1);
}

void om_fleet_delays_make(const struct om_fleet_node_opts *opts, struct om_fleet_delays *ret)
{
    double per_camera = opts->fps * opts->service_ms / 1000 / opts->servers;
    for (int row = 0; row < OM_FLEET_LOADS; row++) {
        double load = OM_MAX(row, 0.5) / OM_FLEET_LOAD_STEPS;
        struct om_fleet_node_opts one = *opts;
        one.cameras = OM_MAX((int)(load * (1 - opts->background) / per_camera), 1);
        one.background = OM_MIN(load, 1) * opts->background;
        one.seconds = OM_CLAMP(20000.0 / (one.cameras * one.fps), 5, 600);
        struct om_fleet_node_result result;
        int n = om_fleet_node_run(&one, ret->ms[row], OM_FLEET_SAMPLES, &result);
        for (int i = n; n > 0 && i < OM_FLEET_SAMPLES; i++)
            ret->ms[row][i] = ret->ms[row][i % n];
        ret->skipped[row] = (double)result.skipped / OM_MAX(result.frames, 1);
        ret->p99_ms[row] = result.p99_ms;
    }
}
