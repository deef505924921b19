#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/bench.h"
#include "bench/memory.h"
#include "bench/sim/sim.h"

enum { SIM_CAMERAS = 4096, SIM_START_US = 5 * OM_SECOND };

static const char ffmpeg[] = "/usr/bin/ffmpeg";
// As an IP camera codes a scene: constant quality, a key frame every four seconds.
static const char *const coding[] = {
    "-an", "-c:v", "libx264", "-preset",       "veryfast", "-bf",      "0",       "-g", "20", "-r",
    "5",   "-crf", "28",      "-sc_threshold", "0",        "-pix_fmt", "yuv420p", "-t", "20", NULL,
};

static bool run_ffmpeg(const char *const *argv)
{
    int pid = 0, status = -1;
    extern char **environ;
    if (posix_spawn(&pid, ffmpeg, NULL, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
        return false;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool make_clip(const char *path, const char *video, struct om_error *err)
{
    const char *argv[48] = {ffmpeg, "-v", "error", "-y"};
    int n = 4;
    bool is_file = om_file_exists(video);
    if (!is_file) {
        argv[n++] = "-f";
        argv[n++] = "lavfi";
    }
    argv[n++] = "-i";
    argv[n++] = is_file ? video : "color=gray:s=640x360:r=5:d=20";
    argv[n++] = "-vf";
    argv[n++] = "trim=end_frame=1,scale=640:360,loop=101:1:0,setpts=N/(5*TB),"
                "noise=alls=4:allf=t:all_seed=1";
    for (int i = 0; coding[i]; i++)
        argv[n++] = coding[i];
    argv[n++] = path;
    if (run_ffmpeg(argv))
        return true;
    om_error_set(err, OM_UNSUPPORTED, "no clip for the simulated cameras could be made");
    om_error_hint(err, "install ffmpeg with libx264 (apt install ffmpeg)");
    return false;
}

// Only in the child.
static void simulate(const char *clip, struct om_sim_stats *stats)
{
    struct om_error err;
    struct om_sim_opts opts = om_sim_opts_default;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    opts.listen = "127.0.0.1:0";
    opts.cameras = SIM_CAMERAS;
    opts.reels = &clip;
    opts.reel_count = 1;
    opts.stats = stats;
    _exit(om_sim_run(&opts, &err) ? 0 : 1);
}

bool om_quiet_scene_start(struct om_quiet_scene *scene, const char *folder,
                          const struct om_bench_opts *opts, struct om_error *err)
{
    snprintf(scene->clip, sizeof(scene->clip), "%.300s/quiet.mp4", folder);
    if (!make_clip(scene->clip, om_bench_video(opts), err))
        return false;
    struct om_sim_stats *stats = om_sim_stats_create(SIM_CAMERAS);
    int pid = stats ? fork() : -1;
    if (pid == 0)
        simulate(scene->clip, stats);
    scene->sim_pid = OM_MAX(pid, 0);
    int64_t until_us = om_time_mono_us() + SIM_START_US;
    while (pid > 0 && om_time_mono_us() < until_us && !atomic_load(&stats->port))
        om_time_sleep_us(10 * OM_MS);
    scene->port = stats ? atomic_load(&stats->port) : 0;
    om_sim_stats_destroy(stats);
    if (scene->port)
        return true;
    om_error_set(err, OM_INTERNAL, "the camera simulator does not start");
    return false;
}

void om_quiet_scene_stop(struct om_quiet_scene *scene)
{
    if (scene->sim_pid > 0) {
        (void)kill(scene->sim_pid, SIGKILL);
        (void)waitpid(scene->sim_pid, NULL, 0);
    }
    if (scene->clip[0])
        (void)unlink(scene->clip);
    *scene = (struct om_quiet_scene){0};
}
