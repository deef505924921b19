#include "bench/streams_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"

enum { ENV_MAX = 1024, PROC_BYTES_MAX = 64 * 1024, POLL_US = 10 * OM_MS, MODE = 0600 };

extern char **environ;

// ---- start -------------------------------------------------------------------------------------

static bool is_same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return strncmp(a, b, n + 1) == 0;
}

// This process's environment without what `set` sets, and `set`.
static void make_env(const char *const *set, const char *env[ENV_MAX])
{
    int n = 0;
    for (char **at = environ; *at && n < ENV_MAX / 2; at++) {
        bool is_set = false;
        for (int i = 0; set && set[i]; i++)
            is_set |= is_same_name(set[i], *at);
        if (!is_set)
            env[n++] = *at;
    }
    for (int i = 0; set && set[i] && n < ENV_MAX - 1; i++)
        env[n++] = set[i];
    env[n] = NULL;
}

struct pipes {
    int in[2], out[2];  // read end, write end
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static bool open_pipes(struct pipes *pipes, const struct om_child_opts *opts)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}};
    return (!opts->has_in || pipe2(pipes->in, O_CLOEXEC) == 0) &&
           (!opts->has_out || pipe2(pipes->out, O_CLOEXEC) == 0);
}

static void set_actions(posix_spawn_file_actions_t *actions, const struct pipes *pipes,
                        const struct om_child_opts *opts)
{
    if (opts->has_in)
        (void)posix_spawn_file_actions_adddup2(actions, pipes->in[0], STDIN_FILENO);
    else
        (void)posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (opts->has_out)
        (void)posix_spawn_file_actions_adddup2(actions, pipes->out[1], STDOUT_FILENO);
    else
        (void)posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addopen(actions, STDERR_FILENO,
                                           opts->log_path ? opts->log_path : "/dev/null",
                                           O_WRONLY | O_CREAT | O_APPEND, MODE);
}

static int spawn(struct om_child *child, const struct om_child_opts *opts,
                 const struct pipes *pipes)
{
    const char *env[ENV_MAX];
    pid_t pid = 0;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    make_env(opts->set_env, env);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    // A thread of ours may have signals blocked; the child starts with none.
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    set_actions(&actions, pipes, opts);
    int code = posix_spawn(&pid, opts->path, &actions, &attributes,
                           (char *const *)(uintptr_t)opts->argv, (char *const *)(uintptr_t)env);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    child->pid = code == 0 ? (int)pid : 0;
    return code;
}

bool om_child_start(struct om_child *child, const struct om_child_opts *opts, struct om_error *err)
{
    struct pipes pipes;
    *child = (struct om_child){.in_fd = -1, .out_fd = -1};
    bool is_open = open_pipes(&pipes, opts);
    int code = is_open ? spawn(child, opts, &pipes) : 0;
    close_fd(&pipes.in[0]);
    close_fd(&pipes.out[1]);
    if (child->pid > 0) {
        child->in_fd = pipes.in[1];
        child->out_fd = pipes.out[0];
        return true;
    }
    close_fd(&pipes.in[1]);
    close_fd(&pipes.out[0]);
    om_error_set(err, is_open ? om_status_from_errno(code) : OM_LIMIT, "%s: cannot be started: %s",
                 opts->path, is_open ? om_errno_text(code) : "no pipe");
    return false;
}

bool om_child_fork(struct om_child *child, void (*fn)(void *ctx), void *ctx, struct om_error *err)
{
    *child = (struct om_child){.in_fd = -1, .out_fd = -1};
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            fn(ctx);
        _exit(0);
    }
    child->pid = (int)OM_MAX(pid, 0);
    if (pid < 0)
        om_error_set(err, OM_LIMIT, "no process could be started: %s", om_errno_text(errno));
    return pid > 0;
}

// ---- end ---------------------------------------------------------------------------------------

void om_child_end_input(struct om_child *child)
{
    close_fd(&child->in_fd);
}

bool om_child_wait(struct om_child *child)
{
    int status = 0;
    if (child->pid <= 0)
        return false;
    close_fd(&child->in_fd);
    close_fd(&child->out_fd);
    bool is_done = waitpid(child->pid, &status, 0) == child->pid;
    child->pid = 0;
    return is_done && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Once it was seen to have ended it is waited for and gone.
bool om_child_is_running(struct om_child *child)
{
    if (child->pid > 0 && waitpid(child->pid, NULL, WNOHANG) != 0)
        child->pid = 0;
    return child->pid > 0;
}

void om_child_stop(struct om_child *child, int64_t patience_us)
{
    int64_t until_us = om_time_mono_us() + patience_us;
    if (child->pid <= 0)
        return;
    close_fd(&child->in_fd);
    (void)kill(child->pid, SIGTERM);
    while (om_child_is_running(child) && om_time_mono_us() < until_us)
        om_time_sleep_us(POLL_US);
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
        child->pid = 0;
    }
    close_fd(&child->out_fd);
}

// ---- usage -------------------------------------------------------------------------------------

// /proc/PID/stat: "pid (name) state ppid ..."; utime and stime are the 14th and 15th field.
static int64_t cpu_us_of(om_str text)
{
    enum { AFTER_NAME = 3, UTIME = 14, STIME = 15 };
    int64_t ticks = 0;
    size_t at = text.n;
    while (at > 0 && text.p[at - 1] != ')')
        at--;
    om_str rest = om_str_trim(om_str_sub(text, at, text.n)), piece;
    for (int field = AFTER_NAME; om_str_split(&rest, ' ', &piece) && field <= STIME; field++) {
        int64_t value;
        if (field >= UTIME && om_str_to_int64(piece, &value))
            ticks += value;
    }
    return ticks * OM_SECOND / sysconf(_SC_CLK_TCK);
}

// "VmRSS:     1234 kB" of /proc/PID/status.
static int64_t status_number(om_str text, const char *key)
{
    om_str line;
    int64_t value = 0;
    while (om_str_split(&text, '\n', &line)) {
        if (!om_str_starts_with(line, om_str_from(key)))
            continue;
        om_str rest = om_str_trim(om_str_sub(line, strlen(key), line.n)), number;
        if (om_str_split(&rest, ' ', &number) && om_str_to_int64(om_str_trim(number), &value))
            return value;
    }
    return 0;
}

static char *read_proc(int pid, const char *name, size_t *ret_len)
{
    char path[64], *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return om_file_read(path, PROC_BYTES_MAX, &text, ret_len, NULL) ? text : NULL;
}

void om_child_usage(const struct om_child *child, struct om_child_usage *ret)
{
    size_t n = 0;
    *ret = (struct om_child_usage){0};
    if (child->pid <= 0)
        return;
    om_auto_free char *stat = read_proc(child->pid, "stat", &n);
    ret->cpu_us = stat ? cpu_us_of(om_str_n(stat, n)) : 0;
    om_auto_free char *status = read_proc(child->pid, "status", &n);
    if (!status)
        return;
    om_str text = om_str_n(status, n);
    ret->rss_bytes = status_number(text, "VmRSS:") * 1024;
    ret->rss_max_bytes = status_number(text, "VmHWM:") * 1024;
    ret->threads = (int)status_number(text, "Threads:");
}
