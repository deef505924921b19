#include "source/source.h"

#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "source/source_int.h"

enum { LATE_US = 1 * OM_SECOND };  // a file that fell further behind does not rush to catch up

const struct om_source_opts om_source_opts_default = {
    .rtsp_transport = OM_RTSP_TCP,
    .connect_timeout_us = 5 * OM_SECOND,
    .first_key_timeout_us = 10 * OM_SECOND,
    .stall_min_us = 2 * OM_SECOND,
    .test_fps = 25,
};

static const struct om_source_ops *const kinds[] = {
    &om_source_rtsp, &om_source_http,   &om_source_usb,
    &om_source_file, &om_source_folder, &om_source_test,
};

// ---- what kind a text is -----------------------------------------------------------------------

static bool has_odd_bytes(om_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return true;
    }
    return false;
}

static bool is_number(om_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    }
    return text.n > 0 && text.n <= 3;
}

// Length of a leading "scheme:" or "scheme,": how libav would be told to do something else than
// open a file. 0 when there is none.
static size_t scheme_length(om_str text)
{
    size_t n = 0;

    while (n < text.n &&
           ((text.p[n] >= 'a' && text.p[n] <= 'z') || (text.p[n] >= 'A' && text.p[n] <= 'Z') ||
            (n > 0 && ((text.p[n] >= '0' && text.p[n] <= '9') || text.p[n] == '+' ||
                       text.p[n] == '.' || text.p[n] == '-'))))
        n++;
    return n > 0 && n < text.n && (text.p[n] == ':' || text.p[n] == ',') ? n : 0;
}

static enum om_status refuse(struct om_error *err, enum om_status status, const char *why,
                             const char *hint)
{
    om_error_set(err, status, "this source cannot be used: %s", why);
    om_error_hint(err, "%s", hint);
    return status;
}

static const char every_kind[] = "use rtsp://, rtsps://, http://, https://, /dev/videoN, a "
                                 "camera's number, a file, a folder of "
                                 "pictures or test:";

static enum om_status classify_url(om_str text, enum om_source_kind *ret_kind, struct om_url *url,
                                   struct om_error *err)
{
    static const struct {
        const char *scheme;
        enum om_source_kind kind;
    } schemes[] = {
        {"rtsp", OM_SOURCE_RTSP},
        {"rtsps", OM_SOURCE_RTSP},
        {"http", OM_SOURCE_HTTP},
        {"https", OM_SOURCE_HTTP},
    };
    om_str scheme = om_str_sub(text, 0, (size_t)om_str_find_char(text, ':'));

    for (size_t i = 0; i < OM_ARRAY_LEN(schemes); i++) {
        if (om_str_equal_nocase(scheme, om_str_from(schemes[i].scheme))) {
            *ret_kind = schemes[i].kind;
            return om_url_parse(text, url, err);
        }
    }
    return refuse(err, OM_UNSUPPORTED, "its scheme is not among those allowed", every_kind);
}

static enum om_source_kind kind_of_path(const char *path)
{
    struct stat st;

    if (strncmp(path, "/dev/video", 10) == 0)
        return OM_SOURCE_USB;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? OM_SOURCE_FOLDER : OM_SOURCE_FILE;
}

static bool is_fit_for_path(om_str text, enum om_status *ret, struct om_error *err)
{
    size_t scheme = scheme_length(text);

    if (text.p[0] == '-')
        *ret = refuse(err, OM_INVALID, "it begins with '-'",
                      "for a file with such a name write ./ in front of it");
    else if (scheme > 0)
        *ret = refuse(err, OM_UNSUPPORTED, "it asks for a protocol that is not allowed",
                      "for a file with a colon or comma in its name write ./ in front of it");
    else
        return true;
    return false;
}

static om_str without_loop(om_str text)
{
    return om_str_ends_with(text, OM_STR("?loop")) ? om_str_sub(text, 0, text.n - 5) : text;
}

// `url` is filled for kinds that have one.
static enum om_status classify(const char *text, enum om_source_kind *ret_kind, struct om_url *url,
                               char safe[OM_SOURCE_TEXT_SIZE], struct om_error *err)
{
    om_str s = om_str_from(text);
    enum om_status status;

    om_str_copy(safe, OM_SOURCE_TEXT_SIZE, OM_STR("(refused)"));
    if (s.n == 0)
        return refuse(err, OM_INVALID, "it is empty", every_kind);
    if (s.n >= OM_URL_SIZE)
        return refuse(err, OM_INVALID, "it is too long", every_kind);
    if (has_odd_bytes(s))
        return refuse(err, OM_INVALID, "it has control characters",
                      "remove line breaks and the like");
    if (om_str_starts_with(s, OM_STR("test:"))) {
        *ret_kind = OM_SOURCE_TEST;
    } else if (om_str_find(s, OM_STR("://")) > 0 && scheme_length(s) > 0) {
        status = classify_url(s, ret_kind, url, err);
        if (status == OM_OK)
            om_url_write_safe(url, safe, OM_SOURCE_TEXT_SIZE);
        return status;
    } else if (is_number(s)) {
        *ret_kind = OM_SOURCE_USB;
    } else if (!is_fit_for_path(s, &status, err)) {
        return status;
    } else {
        char path[OM_URL_SIZE];
        om_str_copy(path, sizeof(path), without_loop(s));
        *ret_kind = kind_of_path(path);
    }
    om_str_copy(safe, OM_SOURCE_TEXT_SIZE, s);
    return OM_OK;
}

enum om_status om_source_classify(const char *url, enum om_source_kind *ret_kind,
                                  char safe[OM_SOURCE_TEXT_SIZE], struct om_error *err)
{
    struct om_url parts = {0};
    enum om_status status = classify(url, ret_kind, &parts, safe, err);

    om_url_wipe(&parts);
    return status;
}

// ---- open, read, close -------------------------------------------------------------------------

static const struct om_source_ops *ops_of(enum om_source_kind kind)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(kinds); i++) {
        if (kinds[i]->kind == kind)
            return kinds[i];
    }
    return NULL;
}

static enum om_status set_target(struct om_source *source, const char *url,
                                 enum om_source_kind *kind, struct om_error *err)
{
    struct om_url parts = {0};
    enum om_status status = classify(url, kind, &parts, source->safe, err);

    if (status == OM_OK && (*kind == OM_SOURCE_RTSP || *kind == OM_SOURCE_HTTP)) {
        source->url = om_new(struct om_url);
        *source->url = parts;
    } else if (status == OM_OK) {
        om_str target = om_str_from(url);
        if (*kind == OM_SOURCE_FILE || *kind == OM_SOURCE_FOLDER) {
            source->opts.loop |= om_str_ends_with(target, OM_STR("?loop"));
            target = without_loop(target);
        }
        source->target = om_strndup(target.p, target.n);
    }
    om_url_wipe(&parts);
    return status;
}

struct om_source *om_source_open(const char *url, const struct om_source_opts *opts,
                                 struct om_cancel *cancel, struct om_error *err)
{
    om_auto(om_source) source = om_new(struct om_source);
    enum om_source_kind kind;

    source->opts = *opts;
    source->cancel = cancel;
    source->pace_from_us = OM_TIME_NONE;
    if (set_target(source, url, &kind, err) != OM_OK)
        return NULL;
    source->ops = ops_of(kind);
    source->priv = om_alloc(1, source->ops->priv_size);
    om_media_clock_init(&source->clock, false, 0);
    if (source->ops->open(source, err) != OM_OK)
        return NULL;
    if (source->url)
        om_url_wipe(source->url);
    return om_steal(&source);
}

void om_source_close(struct om_source *source)
{
    if (!source)
        return;
    if (source->priv)
        source->ops->close(source);
    if (source->url)
        om_url_wipe(source->url);
    om_free(source->url);
    om_free(source->target);
    om_free(source->priv);
    om_stream_info_finish(&source->info);
    om_free(source);
}

enum om_source_kind om_source_kind(const struct om_source *source)
{
    return source->ops->kind;
}

const struct om_stream_info *om_source_info(const struct om_source *source)
{
    return &source->info;
}

enum om_status om_source_read(struct om_source *source, struct om_packet **ret_packet,
                              struct om_error *err)
{
    if (om_cancel_is_set(source->cancel))
        return om_error_set(err, OM_CANCELLED, "cancelled");
    return source->ops->read(source, ret_packet, err);
}

void om_source_stamp(struct om_source *source, struct om_packet *packet, int64_t pts_us,
                     int64_t dts_us)
{
    packet->arrival_us = om_time_mono_us();
    struct om_media_stamp stamp = om_media_clock_stamp(&source->clock, pts_us, dts_us,
                                                       packet->arrival_us, om_time_wall_us());
    packet->is_pts_guessed = pts_us == OM_TIME_NONE;
    packet->pts_us = stamp.pts_us;
    packet->dts_us = stamp.dts_us;
    packet->wall_us = stamp.wall_us;
    packet->epoch = stamp.epoch;
}

enum om_status om_source_pace(struct om_source *source, int64_t dts_us)
{
    int64_t now_us = om_time_mono_us();

    if (source->opts.as_fast_as_possible)
        return OM_OK;
    if (source->pace_from_us == OM_TIME_NONE || now_us - (source->pace_from_us + dts_us) > LATE_US)
        source->pace_from_us = now_us - dts_us;
    int64_t due_us = source->pace_from_us + dts_us;
    if (!source->cancel) {
        om_time_sleep_us(due_us - now_us);
        return OM_OK;
    }
    return om_cancel_sleep_until(source->cancel, due_us) ? OM_CANCELLED : OM_OK;
}
