#include "source/source.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "source/source_int.h"
#include "source/url.h"

const struct om_source_opts om_source_opts_default = {
    .rtsp_transport = OM_RTSP_TCP,
    .connect_timeout_us = 5 * OM_SECOND,
    .first_key_timeout_us = 10 * OM_SECOND,
    .stall_min_us = 2 * OM_SECOND,
    .test_fps = 25,
};

static const struct om_source_ops *const ops_of[] = {
    [OM_SOURCE_RTSP] = &om_source_libav,    [OM_SOURCE_HTTP] = &om_source_libav,
    [OM_SOURCE_USB] = &om_source_usb,       [OM_SOURCE_FILE] = &om_source_libav,
    [OM_SOURCE_FOLDER] = &om_source_folder, [OM_SOURCE_TEST] = &om_source_test,
};

// ---- what is it --------------------------------------------------------------------------------

// Length of "scheme" when the text starts with "scheme:", else 0 (RFC 3986, section 3.1).
static size_t scheme_len(om_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (c == ':')
            return i;
        if (!is_alpha && !(i > 0 && is_other))
            return 0;
    }
    return 0;
}

static bool has_control(om_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7f)
            return true;
    }
    return false;
}

static bool is_usb(om_str text)
{
    int64_t index;
    om_str number = om_str_starts_with(text, OM_STR("/dev/video"))
                        ? om_str_sub(text, sizeof("/dev/video") - 1, text.n)
                        : text;
    return number.n > 0 && number.n <= 3 && number.p[0] != '-' && number.p[0] != '+' &&
           om_str_to_int64(number, &index);
}

static enum om_status classify_network(om_str text, enum om_source_kind *ret_kind,
                                       char safe[OM_SOURCE_TEXT_SIZE], struct om_error *err)
{
    struct om_url url;
    if (!om_url_parse(text, &url, err))
        return OM_INVALID;
    om_auto_buf buf;
    om_buf_init(&buf, 4096);
    om_url_write(&url, false, &buf);
    (void)om_str_copy(safe, OM_SOURCE_TEXT_SIZE, om_buf_str(&buf));
    *ret_kind = url.scheme[0] == 'r' ? OM_SOURCE_RTSP : OM_SOURCE_HTTP;
    return OM_OK;
}

static enum om_status refuse_scheme(om_str text, size_t n, struct om_error *err)
{
    om_error_set(err, OM_UNSUPPORTED, "\"%.*s:\" is no kind of source", (int)OM_MIN(n, (size_t)16),
                 text.p);
    om_error_hint(err,
                  "use rtsp://, rtsps://, http://, https://, a camera index, a file, a folder, "
                  "or test: (a file with a colon in its name: ./name)");
    return OM_UNSUPPORTED;
}

static enum om_status classify_path(om_str text, enum om_source_kind *ret_kind,
                                    struct om_error *err)
{
    if (text.p[0] == '-') {
        om_error_set(err, OM_INVALID, "a source cannot start with \"-\"");
        om_error_hint(err, "write ./%.*s", (int)OM_MIN(text.n, (size_t)60), text.p);
        return OM_INVALID;
    }
    char path[4096];
    struct stat st;
    bool fits = om_str_copy(path, sizeof(path), text);
    bool is_folder = fits && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    *ret_kind = is_folder ? OM_SOURCE_FOLDER : OM_SOURCE_FILE;
    return OM_OK;
}

enum om_status om_source_classify(const char *text, enum om_source_kind *ret_kind,
                                  char safe[OM_SOURCE_TEXT_SIZE], struct om_error *err)
{
    om_str s = om_str_from(text);
    if (s.n == 0 || s.n > 4000 || has_control(s)) {
        om_error_set(err, OM_INVALID,
                     s.n == 0 ? "the source is empty"
                              : "the source is too long or has control characters");
        om_error_hint(err, "give an address such as rtsp://10.0.0.7/stream1, a file, or test:");
        return OM_INVALID;
    }
    (void)om_str_copy(safe, OM_SOURCE_TEXT_SIZE, s);
    size_t scheme = scheme_len(s);
    if (om_str_equal(s, OM_STR("test:"))) {
        *ret_kind = OM_SOURCE_TEST;
        return OM_OK;
    }
    if (is_usb(s)) {
        *ret_kind = OM_SOURCE_USB;
        return OM_OK;
    }
    if (scheme == 0)
        return classify_path(s, ret_kind, err);
    om_str name = om_str_sub(s, 0, scheme);
    bool is_network = om_str_equal_nocase(name, OM_STR("rtsp")) ||
                      om_str_equal_nocase(name, OM_STR("rtsps")) ||
                      om_str_equal_nocase(name, OM_STR("http")) ||
                      om_str_equal_nocase(name, OM_STR("https"));
    return is_network ? classify_network(s, ret_kind, safe, err) : refuse_scheme(s, scheme, err);
}

// ---- life --------------------------------------------------------------------------------------

// "clip.mp4?loop" -> "clip.mp4", unless a file of the whole name is there.
static char *strip_loop(const char *url, bool *ret_loops)
{
    struct stat st;
    om_str s = om_str_from(url);
    if (!om_str_ends_with(s, OM_STR("?loop")) || stat(url, &st) == 0)
        return om_strdup(url);
    *ret_loops = true;
    return om_strndup(url, s.n - sizeof("?loop") + 1);
}

struct om_source *om_source_open(const char *url, const struct om_source_opts *opts,
                                 struct om_cancel *cancel, struct om_error *err)
{
    struct om_error ignored;
    err = err ? err : &ignored;
    char safe[OM_SOURCE_TEXT_SIZE];
    enum om_source_kind kind;
    bool loops = opts->loop;
    om_auto_free char *plain = strip_loop(url, &loops);
    if (om_source_classify(plain, &kind, safe, err) != OM_OK)
        return NULL;
    struct om_source *source = om_new(struct om_source);
    source->ops = ops_of[kind];
    source->kind = kind;
    source->opts = *opts;
    source->cancel = cancel;
    source->loops = loops;
    source->pace_base_us = OM_TIME_NONE;
    source->priv = om_alloc(1, source->ops->priv_size);
    if (source->ops->open(source, plain, err))
        return source;
    om_source_close(source);
    return NULL;
}

void om_source_close(struct om_source *source)
{
    if (!source)
        return;
    source->ops->close(source);
    om_stream_info_finish(&source->info);
    om_free(source->priv);
    om_free(source);
}

enum om_source_kind om_source_kind(const struct om_source *source)
{
    return source->kind;
}

const struct om_stream_info *om_source_info(const struct om_source *source)
{
    return &source->info;
}

// ---- reading -----------------------------------------------------------------------------------

// Waits until the packet is due. A jump of more than a few seconds starts the pacing anew.
static bool pace(struct om_source *source, const struct om_packet *packet)
{
    enum { JUMP_US = 5 * OM_SECOND };
    int64_t now_us = om_time_mono_us();
    int64_t due_us = source->pace_base_us + (packet->dts_us - source->pace_pts_us);
    bool starts = source->pace_base_us == OM_TIME_NONE || due_us > now_us + JUMP_US ||
                  due_us < now_us - JUMP_US;
    if (starts) {
        source->pace_base_us = now_us;
        source->pace_pts_us = packet->dts_us;
        return true;
    }
    if (source->cancel)
        return !om_cancel_sleep_until(source->cancel, due_us);
    om_time_sleep_us(due_us - now_us);
    return true;
}

enum om_status om_source_read(struct om_source *source, struct om_packet **ret,
                              struct om_error *err)
{
    struct om_error ignored;
    err = err ? err : &ignored;
    struct om_packet *packet = NULL;
    enum om_status status = source->ops->read(source, &packet, err);
    if (status == OM_END && source->loops && source->ops->rewind && source->ops->rewind(source))
        status = source->ops->read(source, &packet, err);
    if (status != OM_OK)
        return status;
    bool paces = !source->info.is_live && !source->opts.as_fast_as_possible;
    if (paces) {
        if (!pace(source, packet)) {
            om_packet_unref(&packet);
            return om_error_set(err, OM_CANCELLED, "cancelled");
        }
        packet->arrival_us = om_time_mono_us();
        packet->wall_us = om_time_wall_us();
    }
    *ret = packet;
    return OM_OK;
}
