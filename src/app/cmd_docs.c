// omma docs: pages generated from the tables of the program.

#include <string.h>
#include <sysexits.h>

#include "app/args.h"
#include "app/commands.h"
#include "base/buf.h"
#include "conf/config.h"
#include "pipeline/options.h"

int om_cmd_docs(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(struct om_buf *out);
    } pages[] = {
        {"options", om_conf_write_docs},
        {"example", om_conf_write_example},
        {"schema", om_conf_write_schema},
    };
    static const struct om_arg table[] = {{0}};
    const char *positionals[1];
    struct om_args args = {
        .usage = "omma docs options|example|schema",
        .about = "Prints a generated page: the options, an example omma.yaml, its JSON schema.",
        .examples = "  omma docs example > omma.yaml\n",
        .args = table,
        .positionals = positionals,
        .positional_max = 1,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    om_conf_register(om_pipeline_opt_groups);
    for (size_t i = 0; args.positional_count && i < OM_ARRAY_LEN(pages); i++) {
        if (strcmp(pages[i].name, positionals[0]) != 0)
            continue;
        om_auto_buf out;
        om_buf_init(&out, 1 << 20);
        pages[i].write(&out);
        om_cli_print("%s\n", om_buf_text(&out));
        return EX_OK;
    }
    return om_cli_usage("docs", "name a page: options, example or schema");
}
