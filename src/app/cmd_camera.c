// omma camera: what a source is, without a server.

#include <string.h>
#include <sysexits.h>

#include "app/args.h"
#include "app/commands.h"
#include "app/interrupt.h"
#include "base/json.h"
#include "base/time.h"
#include "media/packet.h"
#include "media/stream.h"
#include "source/source.h"

struct probe {
    char safe[OM_SOURCE_TEXT_SIZE];
    double open_ms, first_packet_ms;
    const struct om_stream_info *info;
};

static void print_probe(const struct probe *probe, bool json)
{
    const struct om_stream_info *info = probe->info;
    om_auto_buf out;
    om_buf_init(&out, 8192);
    if (!json) {
        om_cli_print("%s\n  codec    %s\n  picture  %d x %d\n  fps      %g\n"
                     "  opened   in %.0f ms, first packet after %.0f ms\n",
                     probe->safe, om_codec_name(info->codec), info->width, info->height, info->fps,
                     probe->open_ms, probe->first_packet_ms);
        return;
    }
    struct om_json_writer w;
    om_json_begin(&w, &out);
    om_json_object(&w);
    om_json_kv_text(&w, "source", probe->safe);
    om_json_kv_text(&w, "codec", om_codec_name(info->codec));
    om_json_kv_int(&w, "width", info->width);
    om_json_kv_int(&w, "height", info->height);
    om_json_kv_double(&w, "fps", info->fps, 3);
    om_json_kv_bool(&w, "live", info->is_live);
    om_json_kv_double(&w, "open_ms", probe->open_ms, 1);
    om_json_kv_double(&w, "first_packet_ms", probe->first_packet_ms, 1);
    om_json_object_end(&w);
    om_cli_print("%s\n", om_buf_text(&out));
}

static int probe_source(const char *url, bool json)
{
    struct om_error err = {0};
    struct probe probe = {0};
    enum om_source_kind kind;
    if (om_source_classify(url, &kind, probe.safe, &err) != OM_OK)
        return om_cli_fail(&err);
    int64_t start_us = om_time_mono_us();
    om_auto(om_source)
        source = om_source_open(url, &om_source_opts_default, om_interrupt_start(), &err);
    if (!source)
        return om_cli_fail(&err);
    probe.open_ms = (double)(om_time_mono_us() - start_us) / OM_MS;
    om_auto_ref(om_packet) packet = NULL;
    if (om_source_read(source, &packet, &err) != OM_OK)
        return om_cli_fail(&err);
    probe.first_packet_ms = (double)(om_time_mono_us() - start_us) / OM_MS;
    probe.info = om_source_info(source);
    print_probe(&probe, json);
    return EX_OK;
}

int om_cmd_camera(int argc, char **argv)
{
    bool json = false;
    const struct om_arg table[] = {
        {"json", 0, OM_ARG_FLAG, &json, NULL, "as one JSON object", 0, 0},
        {0},
    };
    const char *positionals[2];
    struct om_args args = {
        .usage = "omma camera probe SOURCE [--json]",
        .about = "Opens a source once and says what comes out of it.",
        .examples = "  omma camera probe rtsp://user:pw@10.0.0.7/stream1\n"
                    "  omma camera probe 0\n",
        .args = table,
        .positionals = positionals,
        .positional_max = 2,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    if (args.positional_count != 2 || strcmp(positionals[0], "probe") != 0)
        return om_cli_usage("camera", "say what to do: omma camera probe SOURCE");
    return probe_source(positionals[1], json);
}
