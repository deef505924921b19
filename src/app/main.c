// omma: the command table.

#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "app/args.h"
#include "app/commands.h"
#include "base/mem.h"

static const struct command {
    const char *name;
    int (*fn)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", om_cmd_run, "the server: cameras in, live page, API and events out"},
    {"detect", om_cmd_detect, "pictures, folders and videos to JSON lines"},
    {"track", om_cmd_track, "the tracker alone, on MOTChallenge text files"},
    {"model", om_cmd_model, "add, list, show, verify, remove models"},
    {"camera", om_cmd_camera, "probe a source"},
    {"events", om_cmd_events, "follow or replay the events of a server"},
    {"bench", om_cmd_bench, "benchmarks with ratios measured in the same run"},
    {"check", om_cmd_check, "check a configuration file"},
    {"doctor", om_cmd_doctor, "look at this machine and say what is missing"},
    {"docs", om_cmd_docs, "print generated pages: options, example, schema"},
    {"version", om_cmd_version, "the version of Omma"},
};

static void print_help(void)
{
    om_cli_print("Omma: cameras in, detections, tracks, events and a live page out.\n\n"
                 "  omma run test:                          see it work, no camera needed\n"
                 "  omma run rtsp://user:pw@10.0.0.7/live   watch a camera in the browser\n"
                 "  omma detect picture.jpg --model m.onnx  one picture to JSON\n\n"
                 "usage: omma COMMAND [options]\n\n");
    for (size_t i = 0; i < OM_ARRAY_LEN(commands); i++)
        om_cli_print("  %-9s %s\n", commands[i].name, commands[i].help);
    om_cli_print("\n'omma COMMAND --help' says more. State lies in $OMMA_HOME.\n");
}

static const char *nearest(const char *name)
{
    const char *best = NULL;
    int best_distance = 3;
    for (size_t i = 0; i < OM_ARRAY_LEN(commands); i++) {
        int distance = om_str_distance(om_str_from(commands[i].name), om_str_from(name));
        if (distance < best_distance) {
            best_distance = distance;
            best = commands[i].name;
        }
    }
    return best;
}

int main(int argc, char **argv)
{
    // A closed pipe is an error of that write, not the end of the program.
    (void)signal(SIGPIPE, SIG_IGN);
    om_mem_share_arenas();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help();
        return EX_OK;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    for (size_t i = 0; i < OM_ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].fn(argc - 1, argv + 1);
    }
    const char *meant = nearest(name);
    return om_cli_usage("", "there is no command \"%s\"%s%s%s", name,
                        meant ? " (did you mean \"" : "", meant ? meant : "", meant ? "\"?)" : "");
}
