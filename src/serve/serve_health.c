// Health: what a supervisor, Prometheus and a person with curl want to know. Everything but the
// metrics is answered on the loop, so that it answers even when every thread of the pool waits for
// a disk.

#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/time.h"
#include "pipeline/contract.h"
#include "pipeline/pipeline.h"
#include "serve/serve_int.h"
#include "sink/journal.h"

enum { MODELS_MAX = 64 };

void om_serve_get_livez(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_exchange_reply(x, 200, "text/plain; charset=utf-8", OM_STR("ok\n"));
}

void om_serve_get_readyz(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    if (atomic_load(&serve->is_ready)) {
        om_exchange_reply(x, 200, "text/plain; charset=utf-8", OM_STR("ok\n"));
        return;
    }
    om_exchange_set_header(x, "Retry-After", "1");
    om_exchange_problem(x, 503, "the cameras are being started", "try again in a second");
}

struct om_camera_status *om_serve_statuses(struct om_serve *serve, int *ret_count)
{
    // A camera more may come between the two questions; it is in the next answer.
    int n = om_pipeline_camera_count(serve->opts.pipeline);
    struct om_camera_status *statuses = om_new_array(struct om_camera_status, (size_t)n + 1);
    *ret_count = OM_MIN(n, om_pipeline_statuses(serve->opts.pipeline, statuses, n));
    return statuses;
}

// Resident bytes of this process, 0 when the kernel does not say.
static int64_t rss_bytes(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text));
    (void)close(fd);
    om_str rest = om_str_n(text, n > 0 ? (size_t)n : 0), piece = {0};
    int64_t pages = 0;
    if (!om_str_split(&rest, ' ', &piece) || !om_str_split(&rest, ' ', &piece) ||
        !om_str_to_int64(piece, &pages))
        return 0;
    return pages * sysconf(_SC_PAGESIZE);
}

// ---- models ------------------------------------------------------------------------------------

static bool is_same_model(const struct om_camera_status *a, const struct om_camera_status *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->model_version, b->model_version) == 0;
}

// Each model once, at the first camera that uses it.
static bool is_first_of_model(const struct om_camera_status *statuses, int at)
{
    for (int i = 0; i < at; i++) {
        if (is_same_model(&statuses[i], &statuses[at]))
            return false;
    }
    return statuses[at].model[0] != '\0';
}

static void write_models(struct om_json_writer *w, const struct om_camera_status *statuses, int n,
                         bool with_cameras)
{
    om_json_key(w, "models");
    om_json_array(w);
    for (int i = 0, models = 0; i < n && models < MODELS_MAX; i++) {
        if (!is_first_of_model(statuses, i))
            continue;
        models++;
        om_json_object(w);
        om_json_kv_text(w, "name", statuses[i].model);
        om_json_kv_text(w, "version", statuses[i].model_version);
        if (with_cameras) {
            om_json_key(w, "cameras");
            om_json_array(w);
            for (int c = i; c < n; c++) {
                if (is_same_model(&statuses[c], &statuses[i]))
                    om_json_text(w, statuses[c].id);
            }
            om_json_array_end(w);
        }
        om_json_object_end(w);
    }
    om_json_array_end(w);
}

void om_serve_get_models(void *ctx, struct om_exchange *x)
{
    int n = 0;
    om_auto_free struct om_camera_status *statuses = om_serve_statuses(ctx, &n);
    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_json_object(&w);
    write_models(&w, statuses, n, true);
    om_json_object_end(&w);
    om_serve_reply_json(x, 200, &out);
}

// ---- health ------------------------------------------------------------------------------------

static int count_live(const struct om_camera_status *statuses, int n)
{
    int live = 0;
    for (int i = 0; i < n; i++)
        live += statuses[i].state == OM_CAMERA_LIVE;
    return live;
}

void om_serve_get_health(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    int n = 0;
    om_auto_free struct om_camera_status *statuses = om_serve_statuses(serve, &n);
    int64_t uptime_us = om_time_mono_us() - serve->opts.start_mono_us;
    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_json_object(&w);
    om_json_kv_text(&w, "status", atomic_load(&serve->is_ready) ? "ok" : "starting");
    om_json_kv_text(&w, "version", OM_VERSION);
    om_json_kv_double(&w, "uptime_s", (double)uptime_us / OM_SECOND, 3);
    om_json_key(&w, "cameras");
    om_json_object(&w);
    om_json_kv_int(&w, "total", n);
    om_json_kv_int(&w, "live", count_live(statuses, n));
    om_json_object_end(&w);
    write_models(&w, statuses, n, false);
    om_json_key(&w, "memory");
    om_json_object(&w);
    om_json_kv_int(&w, "rss_bytes", rss_bytes());
    om_json_object_end(&w);
    om_json_key(&w, "journal");
    om_json_object(&w);
    om_json_kv_int(&w, "seq", (int64_t)om_journal_seq_committed(serve->opts.journal));
    om_json_object_end(&w);
    om_json_object_end(&w);
    om_serve_reply_json(x, 200, &out);
}

static void write_camera_health(struct om_json_writer *w, const struct om_camera_status *status)
{
    char since[OM_TIME_TEXT_SIZE];
    om_json_object(w);
    om_json_kv_text(w, "id", status->id);
    om_json_kv_text(w, "state", om_camera_state_name(status->state));
    om_json_kv_text(w, "since", om_time_text(status->state_since_wall_us, since));
    om_json_kv_text(w, "reason", status->reason);
    om_json_kv_text(w, "hint", status->hint);
    om_json_kv_double(w, "fps", status->fps, 2);
    om_json_kv_double(w, "delay_ms", status->delay_ms, 2);
    om_json_kv_int(w, "reconnects", (int64_t)status->reconnects);
    om_json_kv_int(w, "stalls", (int64_t)status->stalls);
    om_json_kv_double(w, "next_try_s", (double)status->next_try_in_us / OM_SECOND, 3);
    om_json_object_end(w);
}

// A camera that was switched off and a file that is over are as they should be.
static bool is_as_wanted(const struct om_camera_status *status)
{
    return status->state == OM_CAMERA_LIVE || status->state == OM_CAMERA_DISABLED ||
           status->state == OM_CAMERA_ENDED;
}

void om_serve_get_health_stream(void *ctx, struct om_exchange *x)
{
    int64_t is_strict = 0;
    if (!om_serve_query_int(x, "strict", 0, 1, &is_strict))
        return;
    int n = 0;
    bool is_ok = true;
    om_auto_free struct om_camera_status *statuses = om_serve_statuses(ctx, &n);
    for (int i = 0; i < n; i++)
        is_ok &= is_as_wanted(&statuses[i]);
    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_json_object(&w);
    om_json_kv_text(&w, "status", is_ok ? "ok" : "degraded");
    om_json_key(&w, "cameras");
    om_json_array(&w);
    for (int i = 0; i < n; i++)
        write_camera_health(&w, &statuses[i]);
    om_json_array_end(&w);
    om_json_object_end(&w);
    om_serve_reply_json(x, is_ok || !is_strict ? 200 : 503, &out);
}

void om_serve_get_limits(void *ctx, struct om_exchange *x)
{
    struct om_serve *serve = ctx;
    struct om_contract contract;
    if (!om_pipeline_contract(serve->opts.pipeline, &contract)) {
        om_exchange_problem(x, 503, "the cameras are being started", "try again in a second");
        return;
    }
    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_contract_write(&contract, &w);
    om_serve_reply_json(x, 200, &out);
}

void om_serve_get_metrics(void *ctx, struct om_exchange *x)
{
    (void)ctx;
    om_auto_buf out;
    om_buf_init(&out, OM_SERVE_ANSWER_MAX);
    om_metric_render(&out);
    if (out.has_failed)
        om_exchange_problem(x, 500, "the metrics are too long", "");
    else
        om_exchange_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", om_buf_str(&out));
}
