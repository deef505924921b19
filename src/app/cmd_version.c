// omma version.

#include <sysexits.h>

#include "app/args.h"
#include "app/commands.h"

int om_cmd_version(int argc, char **argv)
{
    bool json = false;
    const struct om_arg table[] = {
        {"json", 0, OM_ARG_FLAG, &json, NULL, "as one JSON object", 0, 0},
        {0},
    };
    struct om_args args = {
        .usage = "omma version [--json]",
        .about = "Prints the version of Omma.",
        .args = table,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    om_cli_print(json ? "{\"omma\":\"%s\"}\n" : "omma %s\n", OM_VERSION);
    return EX_OK;
}
