// omma bench: the runner.

#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/args.h"
#include "app/commands.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "bench/commit.h"

enum { REPORT_BYTES_MAX = 1 << 20, CPUINFO_BYTES_MAX = 1 << 22 };

static const struct om_bench *const benches[] = {
    &om_bench_engine, &om_bench_latency, &om_bench_decode, &om_bench_memory,  &om_bench_reconnect,
    &om_bench_fleet,  &om_bench_rtsp,    &om_bench_gate,   &om_bench_streams, &om_bench_pack,
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double om_bench_median(double *values, int n)
{
    if (n == 0)
        return NAN;
    qsort(values, (size_t)n, sizeof(*values), compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

const char *om_bench_video(const struct om_bench_opts *opts)
{
    static char path[4096];
    if (opts->video)
        return opts->video;
    if (opts->data) {
        snprintf(path, sizeof(path), "%s/videos/traffic_motorway.mp4", opts->data);
        if (om_file_exists(path))
            return path;
    }
    return "test:";
}

// A line of /proc/cpuinfo: "model name\t: Intel ...".
static om_str cpuinfo(om_str text, const char *key)
{
    om_str line;
    while (om_str_split(&text, '\n', &line)) {
        ptrdiff_t colon = om_str_find_char(line, ':');
        if (colon > 0 &&
            om_str_equal(om_str_trim(om_str_sub(line, 0, (size_t)colon)), om_str_from(key)))
            return om_str_trim(om_str_sub(line, (size_t)colon + 1, line.n));
    }
    return OM_STR("");
}

static void write_machine(struct om_json_writer *w)
{
    char *text = NULL;
    size_t n = 0;
    struct utsname name;
    om_json_key(w, "machine");
    om_json_object(w);
    if (om_file_read("/proc/cpuinfo", CPUINFO_BYTES_MAX, &text, &n, NULL)) {
        om_json_kv_str(w, "cpu", cpuinfo(om_str_n(text, n), "model name"));
        om_json_kv_str(w, "flags", cpuinfo(om_str_n(text, n), "flags"));
    }
    om_json_kv_int(w, "cores", sysconf(_SC_NPROCESSORS_ONLN));
    if (uname(&name) == 0)
        om_json_kv_text(w, "kernel", name.release);
    om_json_kv_text(w, "omma", OM_VERSION);
    om_json_object_end(w);
    om_free(text);
}

static bool run_bench(const struct om_bench *bench, const struct om_bench_opts *opts,
                      struct om_buf *out, struct om_error *err)
{
    om_auto_buf workload, figures;
    om_buf_init(&workload, REPORT_BYTES_MAX);
    om_buf_init(&figures, REPORT_BYTES_MAX);
    struct om_json_writer workload_writer, figures_writer, w;
    om_json_begin(&workload_writer, &workload);
    om_json_object(&workload_writer);
    om_json_begin(&figures_writer, &figures);
    om_json_object(&figures_writer);
    struct om_bench_report report = {.workload = &workload_writer, .figures = &figures_writer};
    if (!bench->run(opts, &report, err))
        return false;
    om_json_object_end(&workload_writer);
    om_json_object_end(&figures_writer);

    om_json_begin(&w, out);
    om_json_object(&w);
    om_json_kv_text(&w, "bench", bench->name);
    om_json_kv_text(&w, "commit", OM_COMMIT);
    write_machine(&w);
    om_json_key(&w, "workload");
    om_json_raw(&w, om_buf_str(&workload));
    om_json_kv_text(&w, "reference", report.reference);
    om_json_key(&w, "figures");
    om_json_raw(&w, om_buf_str(&figures));
    om_json_object_end(&w);
    return true;
}

static void print_cell(const struct om_json *value, const char *key)
{
    int width = (int)OM_MAX(strlen(key), 12u);
    if (om_json_type(value) == OM_JSON_STRING)
        om_cli_print("  %-*.*s", 18, OM_STR_ARG(om_json_as_str(value, OM_STR(""))));
    else
        om_cli_print("  %*g", width, om_json_as_double(value, NAN));
}

// An array of objects of the same members: names above, a line each.
static void print_table(const char *name, const struct om_json *rows)
{
    om_cli_print("  %s\n", name);
    for (size_t i = 0; i < om_json_len(rows); i++) {
        void *at = NULL;
        const char *key;
        const struct om_json *value;
        while (i == 0 && om_json_next(om_json_at(rows, 0), &at, &key, &value)) {
            bool is_text = om_json_type(value) == OM_JSON_STRING;
            om_cli_print(is_text ? "  %-18s" : "  %12s", key);
        }
        om_cli_print(i == 0 ? "\n" : "");
        at = NULL;
        while (om_json_next(om_json_at(rows, i), &at, &key, &value))
            print_cell(value, key);
        om_cli_print("\n");
    }
}

// "share_of_bare": 0.93 -> one line each, for people.
static void print_plain(om_str json)
{
    om_auto_json root = om_json_parse(json, NULL);
    om_cli_print("%.*s  (against %.*s)\n",
                 OM_STR_ARG(om_json_as_str(om_json_get(root, "bench"), OM_STR(""))),
                 OM_STR_ARG(om_json_as_str(om_json_get(root, "reference"), OM_STR(""))));
    const struct om_json *figures = om_json_get(root, "figures");
    const char *key;
    const struct om_json *value;
    void *at = NULL;
    while (om_json_next(figures, &at, &key, &value)) {
        if (om_json_type(value) == OM_JSON_NUMBER)
            om_cli_print("  %-28s %g\n", key, om_json_as_double(value, 0));
        else if (om_json_type(value) == OM_JSON_ARRAY)
            print_table(key, value);
    }
}

static int run_named(const char *name, const struct om_bench_opts *opts, bool json)
{
    bool runs_all = strcmp(name, "all") == 0, was_found = false;
    int code = EX_OK;
    for (size_t i = 0; i < OM_ARRAY_LEN(benches); i++) {
        if (!runs_all && strcmp(benches[i]->name, name) != 0)
            continue;
        was_found = true;
        om_auto_buf out;
        om_buf_init(&out, REPORT_BYTES_MAX);
        struct om_error err = {0};
        if (!run_bench(benches[i], opts, &out, &err)) {
            om_error_prefix(&err, "bench %s", benches[i]->name);
            code = om_cli_fail(&err);
            continue;
        }
        if (json)
            om_cli_print("%s\n", om_buf_text(&out));
        else
            print_plain(om_buf_str(&out));
    }
    if (!was_found)
        return om_cli_usage("bench", "there is no benchmark \"%s\"", name);
    return code;
}

int om_cmd_bench(int argc, char **argv)
{
    enum { SECONDS = 5 };
    struct om_bench_opts opts = {
        .cycles = 200, .activity = 0.1, .packets = 10 * 1000 * 1000, .adds = 10 * 1000};
    bool json = false;
    const struct om_arg table[] = {
        {"data", 'd', OM_ARG_TEXT, &opts.data, "DIR",
         "folder with videos/; without it: the test scene", 0, 0},
        {"model", 'm', OM_ARG_TEXT, &opts.model, "NAME|FILE", "the detector to measure with", 0, 0},
        {"video", 0, OM_ARG_TEXT, &opts.video, "FILE", "one video to use", 0, 0},
        {"seconds", 's', OM_ARG_INT, &opts.seconds, "N",
         "length of one measurement (5; streams: 600)", 1, 86400},
        {"cycles", 0, OM_ARG_INT, &opts.cycles, "N", "reconnect: outages (200)", 1, 1000000},
        {"cameras", 0, OM_ARG_INT, &opts.cameras, "N", "cameras (fleet: 10000, streams: 10)", 1,
         1000000},
        {"activity", 0, OM_ARG_DOUBLE, &opts.activity, "SHARE",
         "streams: share of the time in which something moves (0.1)", 0, 1},
        {"packets", 0, OM_ARG_INT, &opts.packets, "N",
         "memory: packets pumped (10000000); 0 = none", 0, 1000000000},
        {"adds", 0, OM_ARG_INT, &opts.adds, "N",
         "memory: cameras added and removed (10000); 0 = none", 0, 10000000},
        {"costs", 0, OM_ARG_TEXT, &opts.costs, "FILE",
         "fleet: what other benchmarks printed with --json", 0, 0},
        {"chart", 0, OM_ARG_TEXT, &opts.chart, "FILE", "fleet: draw the day as SVG", 0, 0},
        {"json", 0, OM_ARG_FLAG, &json, NULL, "one JSON object a benchmark", 0, 0},
        {0},
    };
    om_auto_buf more;
    om_buf_init(&more, 4096);
    for (size_t i = 0; i < OM_ARRAY_LEN(benches); i++)
        om_buf_printf(&more, "  %-10s %s\n", benches[i]->name, benches[i]->help);
    const char *names[16];
    struct om_args args = {
        .usage = "omma bench NAME... [options]   (all = every one)",
        .about = "Benchmarks: ratios against a reference measured in the same run.",
        .examples = "  omma bench engine --model yolox.onnx --video street.mp4\n"
                    "  omma bench all --json\n",
        .args = table,
        .more_help = om_buf_text(&more),
        .positionals = names,
        .positional_max = OM_ARRAY_LEN(names),
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    if (args.positional_count == 0)
        return om_cli_usage("bench", "name a benchmark, or \"all\"");
    opts.has_seconds = opts.seconds > 0;
    opts.seconds = opts.has_seconds ? opts.seconds : SECONDS;
    om_log_set_level(OM_LOG_ERROR);  // cameras that come and go are the workload, not news
    int code = EX_OK;
    for (int i = 0; i < args.positional_count; i++) {
        int one = run_named(names[i], &opts, json);
        code = code ? code : one;
    }
    return code;
}
