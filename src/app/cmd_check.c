// omma check: is this configuration right, and which cameras does it name.

#include <sysexits.h>

#include "app/args.h"
#include "app/commands.h"
#include "base/json.h"
#include "conf/config.h"
#include "infer/device.h"
#include "net/uri.h"
#include "pipeline/options.h"
#include "source/source.h"

static bool check_sources(const struct om_conf *conf, struct om_error *err)
{
    for (int i = 0; i < conf->camera_count; i++) {
        const struct om_conf_camera *cam = &conf->cameras[i];
        enum om_source_kind kind;
        char safe[OM_SOURCE_TEXT_SIZE];
        if (om_source_classify(cam->source, &kind, safe, err) != OM_OK) {
            char hint[sizeof(err->hint)];
            (void)om_str_copy(hint, sizeof(hint), om_str_from(err->hint));
            om_error_prefix(err, "%s:%d: camera \"%s\"", conf->path, cam->line_number, cam->id);
            om_error_hint(err, "%s", hint);
            return false;
        }
    }
    return true;
}

static bool check_listen(const struct om_conf *conf, struct om_error *err)
{
    struct om_authority authority;
    if (om_authority_parse(om_str_from(conf->listen), &authority) && authority.port >= 0)
        return true;
    om_error_set(err, OM_INVALID, "%s: listen: \"%s\" is not ADDRESS:PORT", conf->path,
                 conf->listen);
    om_error_hint(err, "write it like 127.0.0.1:8080 or [::1]:8080");
    return false;
}

static bool check_providers(const struct om_conf *conf, struct om_error *err)
{
    const struct om_infer_opts *infer = om_conf_section(conf, &om_infer_opt_group);
    struct om_device_plan plan;
    if (om_device_plan_parse(infer->providers, &plan, err))
        return true;
    char hint[sizeof(err->hint)];
    (void)om_str_copy(hint, sizeof(hint), om_str_from(err->hint));
    om_error_prefix(err, "%s: infer: providers", conf->path);
    om_error_hint(err, "%s", hint);
    return false;
}

int om_cmd_check(int argc, char **argv)
{
    const char *file = NULL;
    bool json = false;
    const struct om_arg table[] = {
        {"config", 'c', OM_ARG_TEXT, &file, "FILE", "configuration (omma.yaml)", 0, 0},
        {"json", 0, OM_ARG_FLAG, &json, NULL, "as one JSON object", 0, 0},
        {0},
    };
    const char *positionals[1];
    struct om_args args = {
        .usage = "omma check [-c] [FILE]",
        .about = "Checks a configuration file without starting anything.",
        .examples = "  omma check omma.yaml\n",
        .args = table,
        .positionals = positionals,
        .positional_max = 1,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    if (args.positional_count)
        file = positionals[0];
    struct om_error err = {0};
    om_conf_register(om_pipeline_opt_groups);
    om_auto(om_conf) conf = om_conf_load(file ? file : "omma.yaml", &err);
    if (!conf || !check_listen(conf, &err) || !check_providers(conf, &err) ||
        !check_sources(conf, &err))
        return om_cli_fail(&err);
    om_cli_print(json ? "{\"ok\":true,\"cameras\":%d}\n" : "right: %d camera(s)\n",
                 conf->camera_count);
    return EX_OK;
}
