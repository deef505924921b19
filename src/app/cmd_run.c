// omma run: the server. Start-up and shut-down in order.
//
// Up: options, journal, workers, pipeline, loop with the HTTP server (listening is said at once),
// then the cameras in a thread of their own, because loading a model takes longer than listening.
// Down: the reverse, so that nothing is told to somebody who is gone.

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/args.h"
#include "app/commands.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "conf/config.h"
#include "conf/history.h"
#include "infer/device.h"
#include "loop/loop.h"
#include "loop/workers.h"
#include "pipeline/control.h"
#include "pipeline/models.h"
#include "pipeline/options.h"
#include "pipeline/pipeline.h"
#include "serve/camera_id.h"
#include "serve/serve.h"
#include "sink/journal.h"
#include "source/source.h"

enum {
    OBSERVE_US = OM_SECOND,
    TIDY_EVERY = 5,                    // observations
    WORKER_STACK_BYTES = 1024 * 1024,  // libavcodec runs on them
    BLOCKING_WORKERS = 4,
    SOURCES_MAX = 256,
};

static const struct om_log run_log = {.name = "omma"};

struct server {
    // From the command line.
    const char *config_file;
    const char *sources[SOURCES_MAX];
    struct om_args args;

    struct om_conf *conf;
    struct om_journal *journal;
    struct om_workers *workers, *blocking;
    struct om_engines *engines;
    struct om_pipeline *pipeline;
    struct om_control *control;
    struct om_loop *loop;
    struct om_serve *serve;

    int signal_fd;
    struct om_loop_fd signal_watch;
    struct om_thread starter;     // applies the configuration
    struct om_error start_error;  // of the starter
    atomic_bool has_start_failed;
    struct om_loop_task start_failed_task;
    struct om_loop_timer observe_timer;
    int observed;  // since it was tidied
};

// ---- options -----------------------------------------------------------------------------------

static bool add_source(struct server *server, const char *source, struct om_error *err)
{
    enum om_source_kind kind;
    char safe[OM_SOURCE_TEXT_SIZE], id[OM_CAMERA_ID_SIZE];
    if (om_source_classify(source, &kind, safe, err) != OM_OK)
        return false;
    om_camera_id_suggest(server->conf, source, id);
    om_auto_free char *copy = om_strdup(source);
    const struct om_conf_camera cam = {.id = id, .source = copy, .enabled = true};
    return om_conf_put_camera(server->conf, &cam, err);
}

// The very first start, with nothing given: the test scene, so that there is something to see.
static bool add_demo(struct server *server, struct om_error *err)
{
    if (server->config_file || server->conf->camera_count > 0)
        return true;
    om_auto(om_history) history = om_history_open(server->conf->home, err);
    if (!history)
        return false;
    return !om_history_is_empty(history) || add_source(server, "test:", err);
}

static bool add_sources(struct server *server, struct om_error *err)
{
    for (int i = 0; i < server->args.positional_count; i++) {
        if (!add_source(server, server->sources[i], err))
            return false;
    }
    return add_demo(server, err);
}

struct flag {
    char name[128], value[1024];
};

// Flags wait until the file was read, because they are the stronger ones.
struct flags {
    struct flag items[64];
    int count;
};

static bool keep_flag(void *ctx, const char *name, const char *value, struct om_error *err)
{
    struct flags *flags = ctx;
    if (!value) {
        om_error_set(err, OM_INVALID, "--%s needs a value", name);
        return false;
    }
    if (flags->count == (int)OM_ARRAY_LEN(flags->items)) {
        om_error_set(err, OM_LIMIT, "too many options on the command line");
        return false;
    }
    struct flag *flag = &flags->items[flags->count++];
    (void)om_str_copy(flag->name, sizeof(flag->name), om_str_from(name));
    if (!om_str_copy(flag->value, sizeof(flag->value), om_str_from(value))) {
        om_error_set(err, OM_LIMIT, "--%s: the value is too long", name);
        return false;
    }
    return true;
}

static void apply_log_options(const struct om_conf *conf)
{
    om_log_set_level((enum om_log_level)conf->log_level);
    om_log_set_form((enum om_log_form)conf->log_form);
}

static void warn_unknown_env(void)
{
    om_auto_buf names;
    om_buf_init(&names, 4096);
    om_conf_unknown_env(&names);
    om_str rest = om_buf_str(&names), name;
    while (om_str_split(&rest, '\n', &name)) {
        if (name.n)
            om_log_warn(&run_log, "the environment variable %.*s means nothing to Omma",
                        OM_STR_ARG(name));
    }
}

static bool load_conf(struct server *server, const struct flags *flags, struct om_error *err)
{
    om_conf_register(om_pipeline_opt_groups);
    server->conf = om_conf_load(server->config_file, err);
    if (!server->conf)
        return false;
    for (int i = 0; i < flags->count; i++) {
        if (!om_conf_set(server->conf, om_str_from(flags->items[i].name),
                         om_str_from(flags->items[i].value), err))
            return false;
    }
    apply_log_options(server->conf);
    warn_unknown_env();
    return add_sources(server, err);
}

// ---- parts -------------------------------------------------------------------------------------

static bool open_journal(struct server *server, struct om_error *err)
{
    if (!om_dir_make(server->conf->home, err))
        return false;
    om_auto_buf path;
    om_buf_init(&path, 4096);
    om_buf_printf(&path, "%s/events.db", server->conf->home);
    server->journal = om_journal_open(om_buf_text(&path), &om_journal_opts_default, err);
    return server->journal;
}

static bool create_parts(struct server *server, struct om_error *err)
{
    if (!open_journal(server, err))
        return false;
    server->workers = om_workers_create("worker", 0, WORKER_STACK_BYTES);
    server->blocking = om_workers_create("blocking", BLOCKING_WORKERS, WORKER_STACK_BYTES);
    const struct om_infer_opts *infer = om_conf_section(server->conf, &om_infer_opt_group);
    struct om_device_plan plan;
    // A typing error is told at the start, not with the first model.
    if (!om_device_plan_parse(infer->providers, &plan, err))
        return false;
    const struct om_engines_opts engines = {.home = server->conf->home, .infer = infer};
    server->engines = om_engines_create(&engines);
    const struct om_camera_life_opts *life = om_conf_section(server->conf, &om_source_opt_group);
    const struct om_pipeline_opts pipeline = {
        .workers = server->workers,
        .journal = server->journal,
        .engines = server->engines,
        .connects_per_s = life->connects_per_s,
    };
    server->pipeline = om_pipeline_create(&pipeline);
    server->control = om_control_create(server->pipeline, server->conf, err);
    server->loop = server->control ? om_loop_create(err) : NULL;
    return server->loop;
}

static void tidy_work(void *ctx)
{
    struct server *server = ctx;
    om_pipeline_admit(server->pipeline);
    (void)om_mem_give_back();
}

static void on_observe(void *ctx)
{
    struct server *server = ctx;
    om_pipeline_observe(server->pipeline);
    // When it is too busy for that, the next time will do.
    if (server->observed++ >= TIDY_EVERY && om_workers_submit(server->blocking, tidy_work, server))
        server->observed = 0;
    om_loop_timer_set(server->loop, &server->observe_timer,
                      om_loop_now_us(server->loop) + OBSERVE_US);
}

static bool start_serving(struct server *server, int64_t start_us, struct om_error *err)
{
    const struct om_serve_opts opts = {
        .loop = server->loop,
        .blocking = server->blocking,
        .pipeline = server->pipeline,
        .control = server->control,
        .journal = server->journal,
        .listen = server->conf->listen,
        .start_mono_us = start_us,
    };
    server->serve = om_serve_create(&opts, err);
    if (!server->serve)
        return false;
    server->observe_timer = (struct om_loop_timer)OM_LOOP_TIMER(on_observe, server);
    on_observe(server);
    om_log_info(&run_log, "listening on %s after %.0f ms", om_serve_url(server->serve),
                (double)(om_time_mono_us() - start_us) / OM_MS);
    om_cli_print("%s\n", om_serve_url(server->serve));
    (void)fflush(stdout);
    return true;
}

static void stop_on_failure(void *ctx)
{
    struct server *server = ctx;
    om_loop_stop(server->loop);
}

// The cameras start beside the loop: models load and disks spin up without holding up the listener.
static void starter_main(void *ctx)
{
    struct server *server = ctx;
    if (om_control_start(server->control, &server->start_error)) {
        om_serve_set_ready(server->serve, true);
        return;
    }
    atomic_store(&server->has_start_failed, true);
    om_loop_post(server->loop, &server->start_failed_task);
}

// ---- signals -----------------------------------------------------------------------------------

static void reload_work(void *ctx)
{
    struct server *server = ctx;
    struct om_error err;
    if (!om_control_reload(server->control, &err)) {
        om_log_warn(&run_log, "configuration not changed: %s; %s", err.text, err.hint);
        return;
    }
    om_auto(om_conf) conf = om_control_conf(server->control);
    apply_log_options(conf);
    om_log_info(&run_log, "configuration read again");
}

static void on_signal(void *ctx, int events)
{
    (void)events;
    struct server *server = ctx;
    struct signalfd_siginfo info;
    while (read(server->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGHUP) {
            om_log_info(&run_log, "stopping");
            om_loop_stop(server->loop);
        } else if (!om_workers_submit(server->blocking, reload_work, server)) {
            om_log_error(&run_log, "too busy to read the configuration again");
        }
    }
}

static bool watch_signals(struct server *server, struct om_error *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    server->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    server->signal_watch = (struct om_loop_fd){
        .fd = server->signal_fd, .events = OM_LOOP_READ, .fn = on_signal, .ctx = server};
    if (server->signal_fd < 0 || !om_loop_fd_add(server->loop, &server->signal_watch)) {
        om_error_set(err, OM_LIMIT, "no descriptor for signals");
        return false;
    }
    return true;
}

// ---- life --------------------------------------------------------------------------------------

static void server_finish(struct server *server)
{
    om_thread_join(&server->starter);
    om_serve_destroy(server->serve);
    om_workers_destroy(server->blocking);  // a reload may still run there
    om_control_destroy(server->control);
    om_pipeline_destroy(server->pipeline);
    om_engines_destroy(server->engines);
    om_workers_destroy(server->workers);
    om_journal_close(server->journal);
    if (server->loop && server->signal_fd >= 0)
        om_loop_fd_remove(server->loop, &server->signal_watch);
    if (server->signal_fd >= 0)
        (void)close(server->signal_fd);
    om_loop_destroy(server->loop);
    om_conf_destroy(server->conf);
}

static bool server_start(struct server *server, const struct flags *flags, struct om_error *err)
{
    int64_t start_us = om_time_mono_us();
    if (!load_conf(server, flags, err) || !create_parts(server, err) ||
        !watch_signals(server, err) || !start_serving(server, start_us, err))
        return false;
    if (!om_thread_start(&server->starter, "starter", WORKER_STACK_BYTES, starter_main, server)) {
        om_error_set(err, OM_LIMIT, "no thread could be started");
        return false;
    }
    return true;
}

int om_cmd_run(int argc, char **argv)
{
    struct server *server = om_new(struct server);
    struct flags *flags = om_new(struct flags);
    server->signal_fd = -1;
    server->start_failed_task = (struct om_loop_task)OM_LOOP_TASK(stop_on_failure, server);
    const struct om_arg table[] = {
        {"config", 'c', OM_ARG_TEXT, &server->config_file, "FILE", "configuration (YAML)", 0, 0},
        {0},
    };
    om_conf_register(om_pipeline_opt_groups);
    om_auto_buf more;
    om_buf_init(&more, 1 << 16);
    om_conf_write_flags_help(&more);
    server->args = (struct om_args){
        .usage = "omma run [SOURCE...] [-c omma.yaml] [--listen ADDR:PORT] [--model NAME|FILE]",
        .about = "The server: watches cameras, shows them on a page, keeps events, answers the "
                 "API.",
        .examples = "  omma run test:\n"
                    "  omma run rtsp://user:pw@10.0.0.7/stream1 --model yolox.onnx\n"
                    "  omma run -c omma.yaml\n",
        .args = table,
        .more_help = om_buf_text(&more),
        .positionals = server->sources,
        .positional_max = SOURCES_MAX,
        .other = keep_flag,
        .ctx = flags,
    };
    enum om_args_result parsed = om_args_parse(&server->args, argc, argv);
    int code = parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    if (parsed == OM_ARGS_OK) {
        struct om_error err = {0};
        code = EX_OK;
        if (server_start(server, flags, &err))
            om_loop_run(server->loop);
        else
            code = om_cli_fail(&err);
        if (atomic_load(&server->has_start_failed))
            code = om_cli_fail(&server->start_error);
    }
    server_finish(server);
    om_free(flags);
    om_free(server);
    return code;
}
