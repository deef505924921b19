// omma doctor: what this machine has and lacks, one line each, with what to do.

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/args.h"
#include "app/commands.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/machine.h"
#include "conf/config.h"
#include "infer/nvml.h"
#include "infer/ort.h"
#include "pipeline/budget.h"
#include "pipeline/contract.h"
#include "pipeline/options.h"

struct check {
    const char *name;
    bool is_good;
    char text[240];
    char hint[240];
};

static void check_config(struct check *check, const struct om_conf *conf,
                         const struct om_error *err)
{
    check->is_good = conf;
    (void)om_str_copy(check->text, sizeof(check->text),
                      om_str_from(conf ? "the environment's options are right" : err->text));
    (void)om_str_copy(check->hint, sizeof(check->hint), om_str_from(conf ? "" : err->hint));
}

static void check_home(struct check *check, const struct om_conf *conf)
{
    struct om_error err = {0};
    check->is_good = om_dir_make(conf->home, &err) && access(conf->home, W_OK) == 0;
    snprintf(check->text, sizeof(check->text), "%.180s %s", conf->home,
             check->is_good ? "can be written" : "cannot be written");
    if (!check->is_good)
        snprintf(check->hint, sizeof(check->hint), "set OMMA_HOME to a folder of yours");
}

static void check_engine(struct check *check)
{
    char providers[64];
    struct om_error err = {0};
    check->is_good = om_ort_load(NULL, &err);
    if (check->is_good)
        snprintf(check->text, sizeof(check->text), "ONNX Runtime %s (%s)", om_ort_version(),
                 om_ort_providers(providers, sizeof(providers)));
    else
        snprintf(check->text, sizeof(check->text), "%s", err.text);
    snprintf(check->hint, sizeof(check->hint), "%s", err.hint);
}

static void check_files(struct check *check)
{
    enum { FILES_WANTED = 4096 };
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    check->is_good = limit.rlim_cur >= FILES_WANTED;
    snprintf(check->text, sizeof(check->text), "%llu open files allowed",
             (unsigned long long)limit.rlim_cur);
    if (!check->is_good)
        snprintf(check->hint, sizeof(check->hint),
                 "enough for a few cameras; for many: ulimit -n %d", FILES_WANTED);
}

static void check_cameras(struct check *check)
{
    check->is_good = true;
    bool has_usb = om_file_exists("/dev/video0");
    snprintf(check->text, sizeof(check->text), "%s",
             has_usb ? "/dev/video0 is there: omma run 0" : "no USB camera (none is needed)");
}

// Cards are never missed: the CPU does.
static void check_cards(struct check *check)
{
    struct om_nvml_card cards[OM_NVML_CARDS_MAX];
    int n = om_nvml_read(cards, OM_NVML_CARDS_MAX);
    om_auto_buf text;
    om_buf_init(&text, sizeof(check->text) - 1);
    for (int i = 0; i < n; i++)
        om_buf_printf(&text, "%s%d: %.40s, %.0f of %.0f GiB in use", i ? "; " : "", cards[i].index,
                      cards[i].name, (double)cards[i].memory_used_bytes / (1 << 30),
                      (double)cards[i].memory_bytes / (1 << 30));
    if (n)
        om_buf_printf(&text, "; driver %.20s", om_nvml_driver());
    check->is_good = true;
    snprintf(check->text, sizeof(check->text), "%s",
             n ? om_buf_text(&text) : "no NVIDIA card (none is needed)");
    if (n)
        snprintf(check->hint, sizeof(check->hint),
                 "--infer-providers cuda uses it, with an ONNX Runtime that has CUDA");
}

// Without a model, which only a server has loaded.
static void check_limits(struct check *check, const struct om_conf *conf)
{
    struct om_costs costs = om_costs_default;
    struct om_machine machine;
    struct om_contract contract;
    om_auto_buf text;
    om_costs_calibrate(&costs);
    om_machine_read("", &machine);
    om_auto(om_budget)
        budget = om_budget_create(om_conf_section(conf, &om_limits_opt_group), &machine, &costs);
    om_budget_contract(budget, &contract);
    om_buf_init(&text, 1024);
    om_contract_text(&contract, &text);
    check->is_good = contract.cameras_max > 0;
    snprintf(check->text, sizeof(check->text), "motion only, %.200s", om_buf_text(&text));
    if (!check->is_good)
        snprintf(check->hint, sizeof(check->hint), "raise limits.cpu or limits.memory");
}

static void print_checks(const struct check *checks, int n, bool json)
{
    om_auto_buf out;
    om_buf_init(&out, 8192);
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_json_array(&w);
    for (int i = 0; i < n; i++) {
        om_json_object(&w);
        om_json_kv_text(&w, "check", checks[i].name);
        om_json_kv_bool(&w, "ok", checks[i].is_good);
        om_json_kv_text(&w, "text", checks[i].text);
        om_json_kv_text(&w, "hint", checks[i].hint);
        om_json_object_end(&w);
    }
    om_json_array_end(&w);
    if (json)
        om_cli_print("%s\n", om_buf_text(&out));
    for (int i = 0; i < n && !json; i++)
        om_cli_print("%s  %-8s %s%s%s\n", checks[i].is_good ? "ok  " : "look", checks[i].name,
                     checks[i].text, checks[i].hint[0] ? "; " : "", checks[i].hint);
}

int om_cmd_doctor(int argc, char **argv)
{
    bool json = false;
    const struct om_arg table[] = {
        {"json", 0, OM_ARG_FLAG, &json, NULL, "as a JSON list", 0, 0},
        {0},
    };
    struct om_args args = {
        .usage = "omma doctor [--json]",
        .about = "Looks at this machine and says what is missing and what to do.",
        .args = table,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    struct check checks[7] = {{.name = "config"},
                              {.name = "home"},
                              {.name = "engine"},
                              {.name = "files"},
                              {.name = "cameras"},
                              {.name = "cards"},
                              {.name = "limits", .is_good = true}};
    struct om_error err = {0};
    om_conf_register(om_pipeline_opt_groups);
    om_auto(om_conf) conf = om_conf_load(NULL, &err);
    check_config(&checks[0], conf, &err);
    if (conf)
        check_home(&checks[1], conf);
    check_engine(&checks[2]);
    check_files(&checks[3]);
    check_cameras(&checks[4]);
    check_cards(&checks[5]);
    if (conf)
        check_limits(&checks[6], conf);
    bool is_good = true;
    for (size_t i = 0; i < OM_ARRAY_LEN(checks); i++)
        is_good = is_good && checks[i].is_good;
    print_checks(checks, OM_ARRAY_LEN(checks), json);
    return is_good ? EX_OK : EX_UNAVAILABLE;
}
