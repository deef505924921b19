// omma-camera-sim: N RTSP cameras out of clips, see README.md.

#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/args.h"
#include "app/interrupt.h"
#include "base/time.h"
#include "bench/sim/sim.h"

struct flags {
    struct om_arg_list reels, active, quiet;
    const char *listen, *spread;
    int cameras, packet_bytes;
    double activity, fps, seconds, backlog_mb;
    bool has_json, has_no_offset;
    const char *faults, *auth;
};

static bool parse_spread(const char *text, enum om_sim_spread *ret)
{
    static const struct {
        const char *name;
        enum om_sim_spread spread;
    } names[] = {
        {"frame", OM_SIM_SPREAD_FRAME}, {"gop", OM_SIM_SPREAD_GOP}, {"none", OM_SIM_SPREAD_NONE}};
    for (size_t i = 0; i < OM_ARRAY_LEN(names); i++) {
        if (strcmp(names[i].name, text) == 0) {
            *ret = names[i].spread;
            return true;
        }
    }
    return false;
}

static int run(const char *program, const struct flags *flags)
{
    struct om_sim_opts opts = om_sim_opts_default;
    if (flags->active.count != flags->quiet.count)
        return om_cli_usage(program, "each --active clip goes with one --quiet clip");
    if ((flags->reels.count > 0) == (flags->active.count > 0))
        return om_cli_usage(program, flags->reels.count ? "--reel and --active exclude each other"
                                                        : "no clip to play: --reel is missing");
    if (!parse_spread(flags->spread, &opts.spread))
        return om_cli_usage(program, "--spread is frame, gop or none, not \"%s\"", flags->spread);
    opts.listen = flags->listen;
    opts.cameras = flags->cameras;
    opts.reels = flags->reels.items;
    opts.reel_count = flags->reels.count;
    opts.active = flags->active.items;
    opts.quiet = flags->quiet.items;
    opts.pair_count = flags->active.count;
    opts.activity = flags->activity;
    opts.fps = flags->fps;
    opts.has_no_offset = flags->has_no_offset;
    opts.packet_bytes = flags->packet_bytes;
    opts.backlog_bytes = (int64_t)(flags->backlog_mb * 1e6);
    opts.faults = flags->faults;
    opts.auth = flags->auth;
    opts.run_us = (int64_t)(flags->seconds * OM_SECOND);
    opts.json_fd = flags->has_json ? STDOUT_FILENO : -1;
    opts.cancel = om_interrupt_start();
    struct om_error err = {0};
    return om_sim_run(&opts, &err) ? EX_OK : om_cli_fail(&err);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    struct flags flags = {
        .listen = om_sim_opts_default.listen, .spread = "frame", .cameras = 1, .activity = 0.1};
    const struct om_arg table[] = {
        {"reel", 'r', OM_ARG_LIST, &flags.reels, "FILE",
         "clip to play; camera K plays the K-th, in turn", 0, 0},
        {"cameras", 'n', OM_ARG_INT, &flags.cameras, "N", "how many (1)", 1, OM_SIM_CAMERAS_MAX},
        {"listen", 'l', OM_ARG_TEXT, &flags.listen, "IP:PORT",
         "port 0 takes a free one (127.0.0.1:8554)", 0, 0},
        {"fps", 0, OM_ARG_DOUBLE, &flags.fps, "F", "pictures a second, instead of the clip's own",
         0.01, 1000},
        {"active", 0, OM_ARG_LIST, &flags.active, "FILE", "clip with events, for --activity", 0, 0},
        {"quiet", 0, OM_ARG_LIST, &flags.quiet, "FILE", "clip without; goes with one --active", 0,
         0},
        {"activity", 0, OM_ARG_DOUBLE, &flags.activity, "S",
         "share of time the active clip plays (0.1)", 0, 1},
        {"spread", 0, OM_ARG_TEXT, &flags.spread, "HOW",
         "when cameras start: frame, gop or none (frame)", 0, 0},
        {"no-offset", 0, OM_ARG_FLAG, &flags.has_no_offset, NULL,
         "every camera starts at the clip's beginning", 0, 0},
        {"faults", 0, OM_ARG_TEXT, &flags.faults, "SPEC",
         "drop=0.001,stall=3:20:5,close=7:10,refuse=9,silent=8,jitter=30", 0, 0},
        {"auth", 0, OM_ARG_TEXT, &flags.auth, "USER:PASSWORD", "Basic and Digest", 0, 0},
        {"packet-bytes", 0, OM_ARG_INT, &flags.packet_bytes, "N", "of an RTP packet (1400)", 64,
         65535},
        {"backlog-mb", 0, OM_ARG_DOUBLE, &flags.backlog_mb, "MB",
         "a slow reader may owe this (1.05)", 0.01, 1000},
        {"seconds", 's', OM_ARG_DOUBLE, &flags.seconds, "N", "end after that; otherwise on Ctrl-C",
         0, 1e9},
        {"json", 0, OM_ARG_FLAG, &flags.has_json, NULL,
         "a line at start, at each PLAY and at the end", 0, 0},
        {0},
    };
    struct om_args args = {
        .usage = "omma-camera-sim --reel FILE... [options]",
        .about = "RTSP cameras out of clips: rtsp://IP:PORT/cam/0 and so on, for ever.",
        .examples = "  omma-camera-sim --reel street.mp4 --cameras 1000 --fps 5\n"
                    "  omma-camera-sim --active gate.mp4 --quiet night.mp4 --activity 0.05\n",
        .args = table,
    };
    char program[] = "omma-camera-sim";
    argv[0] = program;
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    return run(program, &flags);
}
