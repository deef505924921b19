// omma track: the tracker alone, on MOTChallenge text files.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "app/args.h"
#include "app/commands.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "scene/track.h"
#include "track/mot.h"
#include "track/tracker.h"

enum { FILE_BYTES_MAX = 1 << 30, INI_BYTES_MAX = 64 * 1024 };

static const double FPS_UNKNOWN = 25;
// The detectors of tracking benchmarks are sure of what they see, unlike the small ones that
// cameras run; what they doubt is mostly half a person.
static const double SCORE_HIGH = 0.6;
static const double SCORE_NEW = 0.7;

struct figures {
    int frames, detections, left_out, rows;
    int64_t cpu_us;  // of the tracker alone
};

struct flags {
    const char *detections, *output;
    double fps;
    bool json;
};

static bool read_detections(const char *path, struct om_mot *ret, struct om_error *err)
{
    bool is_piped = strcmp(path, "-") == 0;
    om_auto_free char *text = NULL;
    size_t len = 0;
    if (!om_file_read(is_piped ? "/dev/stdin" : path, FILE_BYTES_MAX, &text, &len, err))
        return false;
    if (om_mot_parse(om_str_n(text, len), ret, err))
        return true;
    char hint[sizeof(err->hint)];
    (void)om_str_copy(hint, sizeof(hint), om_str_from(err->hint));
    om_error_prefix(err, "%s", is_piped ? "standard input" : path);
    om_error_hint(err, "%s", hint);
    return false;
}

// frameRate of the seqinfo.ini that MOTChallenge puts beside the folder of a det.txt; 0 when there
// is none.
static double fps_of_folder(const char *path, const char *relative)
{
    const char *slash = strrchr(path, '/');
    om_auto_buf ini = {0};
    om_buf_init(&ini, 4096);
    om_buf_append(&ini, path, slash ? (size_t)(slash - path) + 1 : 0);
    om_buf_append_text(&ini, relative);
    om_auto_free char *text = NULL;
    size_t len = 0;
    if (ini.has_failed || !om_file_read(om_buf_text(&ini), INI_BYTES_MAX, &text, &len, NULL))
        return 0;
    om_str rest = om_str_n(text, len), line;
    while (om_str_split(&rest, '\n', &line)) {
        double fps;
        ptrdiff_t at = om_str_find_char(line, '=');
        if (at > 0 &&
            om_str_equal_nocase(om_str_trim(om_str_sub(line, 0, (size_t)at)),
                                OM_STR("frameRate")) &&
            om_str_to_double(om_str_trim(om_str_sub(line, (size_t)at + 1, line.n)), &fps) &&
            fps >= 0.01 && fps <= 1000)
            return fps;
    }
    return 0;
}

static double guess_fps(const char *path)
{
    double fps = 0;
    if (strcmp(path, "-") != 0) {
        fps = fps_of_folder(path, "seqinfo.ini");
        fps = fps > 0 ? fps : fps_of_folder(path, "../seqinfo.ini");
    }
    return fps > 0 ? fps : FPS_UNKNOWN;
}

static void write_rows(const struct om_tracks *tracks, int frame, int64_t pts_us,
                       struct figures *figures, struct om_buf *out)
{
    for (int i = 0; i < tracks->count; i++) {
        const struct om_track *t = &tracks->items[i];
        if (t->state != OM_TRACK_CONFIRMED || t->last_pts_us != pts_us)
            continue;
        om_buf_printf(out, "%d,%lld,%.2f,%.2f,%.2f,%.2f,%.3f,-1,-1,-1\n", frame, (long long)t->id,
                      (double)t->box.x, (double)t->box.y, (double)t->box.w, (double)t->box.h,
                      (double)t->score);
        figures->rows++;
    }
}

static void track_all(const struct om_mot *mot, double fps, struct figures *figures,
                      struct om_buf *out)
{
    struct om_tracker_opts opts;
    om_tracker_opts_default(&opts);
    opts.score_high = SCORE_HIGH;
    opts.score_new = SCORE_NEW;
    om_auto(om_tracker) tracker = om_tracker_create(&opts);
    om_auto_free struct om_detections *detections = om_new(struct om_detections);
    om_auto_free struct om_tracks *tracks = om_new(struct om_tracks);
    int at = 0;
    for (int frame = 1; frame <= mot->frame_last; frame++) {
        int64_t pts_us = (int64_t)((double)frame * OM_SECOND / fps);
        figures->left_out += om_mot_take_frame(mot, frame, &at, detections);
        int64_t start_us = om_time_thread_cpu_us();
        om_tracker_update(tracker, pts_us, pts_us, detections, NULL, tracks, NULL);
        figures->cpu_us += om_time_thread_cpu_us() - start_us;
        write_rows(tracks, frame, pts_us, figures, out);
    }
    figures->frames = mot->frame_last;
    figures->detections = mot->count;
}

static bool write_output(const char *path, const struct om_buf *out, struct om_error *err)
{
    if (out->has_failed) {
        om_error_set(err, OM_LIMIT, "the output is over %d bytes", FILE_BYTES_MAX);
        return false;
    }
    if (strcmp(path, "-") != 0)
        return om_file_write(path, om_buf_str(out), err);
    if (fwrite(om_buf_text(out), 1, out->len, stdout) == out->len && fflush(stdout) == 0)
        return true;
    om_error_set(err, om_status_from_errno(errno), "standard output: %s", om_errno_text(errno));
    return false;
}

static void print_figures(const struct flags *flags, const struct figures *f)
{
    if (!flags->json)
        return;
    om_auto_buf buf = {0};
    om_buf_init(&buf, 4096);
    struct om_json_writer w;
    om_json_begin(&w, &buf);
    om_json_object(&w);
    om_json_kv_int(&w, "frames", f->frames);
    om_json_kv_int(&w, "detections", f->detections);
    om_json_kv_int(&w, "detections_left_out", f->left_out);
    om_json_kv_int(&w, "rows", f->rows);
    om_json_kv_double(&w, "fps", flags->fps, 3);
    om_json_kv_double(&w, "us_per_detection", (double)f->cpu_us / OM_MAX(f->detections, 1), 3);
    om_json_object_end(&w);
    om_cli_print("%s\n", om_buf_text(&buf));
}

static int run(struct flags *flags)
{
    struct om_error err = {0};
    struct om_mot mot;
    if (!read_detections(flags->detections, &mot, &err))
        return om_cli_fail(&err);
    if (flags->fps <= 0)
        flags->fps = guess_fps(flags->detections);
    om_mot_scale_scores(&mot);
    om_auto_buf out = {0};
    om_buf_init(&out, FILE_BYTES_MAX);
    struct figures figures = {0};
    track_all(&mot, flags->fps, &figures, &out);
    om_mot_finish(&mot);
    if (!write_output(flags->output, &out, &err))
        return om_cli_fail(&err);
    print_figures(flags, &figures);
    return EX_OK;
}

int om_cmd_track(int argc, char **argv)
{
    struct flags flags = {0};
    const struct om_arg table[] = {
        {"detections", 'd', OM_ARG_TEXT, &flags.detections, "FILE",
         "MOTChallenge det.txt: frame,-1,left,top,width,height,score; - reads standard input", 0,
         0},
        {"output", 'o', OM_ARG_TEXT, &flags.output, "FILE",
         "frame,id,left,top,width,height,score,-1,-1,-1; - writes standard output", 0, 0},
        {"fps", 0, OM_ARG_DOUBLE, &flags.fps, "N",
         "frames a second; otherwise that of a seqinfo.ini beside the file, else 25", 0.01, 1000},
        {"json", 0, OM_ARG_FLAG, &flags.json, NULL, "print counts and time as one JSON object", 0,
         0},
        {0},
    };
    struct om_args args = {
        .usage = "omma track --detections FILE --output FILE [--fps N] [--json]",
        .about = "Follows the objects of a file of detections; nothing but boxes is looked at.",
        .examples = "  omma track --detections det.txt --output tracks.txt --fps 30\n"
                    "  cat det.txt | omma track --detections - --output -\n",
        .args = table,
    };
    enum om_args_result parsed = om_args_parse(&args, argc, argv);
    if (parsed != OM_ARGS_OK)
        return parsed == OM_ARGS_DONE ? EX_OK : EX_USAGE;
    if (!flags.detections || !flags.output)
        return om_cli_usage("track", "%s is missing",
                            flags.detections ? "--output" : "--detections");
    if (flags.json && strcmp(flags.output, "-") == 0)
        return om_cli_usage("track", "--json and --output - would both write to standard output");
    return run(&flags);
}
