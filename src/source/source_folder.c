#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "media/packet.h"
#include "media/picture.h"
#include "source/source_int.h"

// A folder of pictures, in the order of their names, one a second. JPEG files go on as they are;
// the others are decoded here and go on as raw pictures. When kind or size changes, a new epoch
// begins.

enum { NAMES_MAX = 100000, GAP_US = 1 * OM_SECOND };

struct folder {
    char **names;
    size_t count, next;
    struct om_packet *first;  // read while opening
    int64_t t_us;
    bool has_picture;  // since the folder was last begun
};

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool looks_like_picture(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"};
    om_str s = om_str_from(name);

    for (size_t i = 0; i < OM_ARRAY_LEN(ends); i++) {
        om_str end = om_str_from(ends[i]);
        if (s.n > end.n && om_str_equal_nocase(om_str_sub(s, s.n - end.n, s.n), end))
            return true;
    }
    return false;
}

static void list_names(struct folder *folder, DIR *dir)
{
    size_t room = 0;

    for (struct dirent *entry; (entry = readdir(dir)) && folder->count < NAMES_MAX;) {
        if (!looks_like_picture(entry->d_name))
            continue;
        if (folder->count == room) {
            room = OM_MAX(64, room * 2);
            folder->names = om_realloc(folder->names, room, sizeof(*folder->names));
        }
        folder->names[folder->count++] = om_strdup(entry->d_name);
    }
    if (folder->count > 0)
        qsort(folder->names, folder->count, sizeof(*folder->names), compare);
}

// The stream is now made of `codec` pictures of this size; a change opens an epoch.
static void set_format(struct om_source *source, const struct om_stream_info *now)
{
    struct om_stream_info *info = &source->info;
    bool is_first = info->codec == OM_CODEC_NONE;

    if (info->codec == now->codec && info->width == now->width && info->height == now->height &&
        info->raw_format == now->raw_format && info->rotation_deg == now->rotation_deg)
        return;
    *info = *now;
    if (!is_first)
        om_media_clock_restart(&source->clock);
}

static struct om_packet *raw_packet(const struct om_frame *frame)
{
    size_t bytes = om_frame_bytes(frame->format, frame->width, frame->height);
    om_auto_free uint8_t *tight = om_try_alloc(1, bytes);
    uint8_t *at = tight;
    int row_bytes, rows;

    if (!tight)
        return NULL;
    for (int p = 0;
         om_pixfmt_plane(frame->format, p, frame->width, frame->height, &row_bytes, &rows); p++) {
        for (int y = 0; y < rows; y++, at += row_bytes)
            memcpy(at, frame->plane[p] + (ptrdiff_t)y * frame->stride[p], (size_t)row_bytes);
    }
    return om_packet_copy(tight, bytes);
}

// A JPEG that libavcodec reads as well as TurboJPEG does goes on as it is.
static struct om_packet *picture_packet(struct om_source *source, om_str data, struct om_error *err)
{
    struct om_picture_info picture;
    struct om_stream_info info = {.fps = (double)OM_SECOND / GAP_US};

    if (om_picture_probe(data, &picture, err) != OM_OK)
        return NULL;
    om_auto_ref(om_frame) frame = om_picture_decode(data, err);
    if (!frame)
        return NULL;
    bool is_jpeg = picture.type == OM_PICTURE_JPEG && frame->format != OM_PIX_RGB24;
    info.codec = is_jpeg ? OM_CODEC_MJPEG : OM_CODEC_RAW;
    info.raw_format = is_jpeg ? OM_PIX_NONE : frame->format;
    info.width = frame->width;
    info.height = frame->height;
    info.rotation_deg = frame->rotation_deg;
    set_format(source, &info);
    return is_jpeg ? om_packet_copy(data.p, data.n) : raw_packet(frame);
}

// The next picture that can be read; those that cannot are passed over.
static enum om_status next_picture(struct om_source *source, struct om_packet **ret,
                                   struct om_error *err)
{
    struct folder *folder = source->priv;

    for (;;) {
        if (folder->next == folder->count) {
            if (!source->opts.loop || !folder->has_picture)
                return OM_END;
            folder->next = 0;
            folder->has_picture = false;
        }
        char path[OM_URL_SIZE + 256];
        om_auto_free char *bytes = NULL;
        size_t n;
        snprintf(path, sizeof(path), "%s/%s", source->target, folder->names[folder->next++]);
        if (!om_file_read(path, OM_PICTURE_BYTES_MAX, &bytes, &n, err))
            continue;
        *ret = picture_packet(source, om_str_n(bytes, n), err);
        if (*ret) {
            folder->has_picture = true;
            return OM_OK;
        }
    }
}

static enum om_status folder_open(struct om_source *source, struct om_error *err)
{
    struct folder *folder = source->priv;
    DIR *dir = opendir(source->target);

    if (!dir) {
        enum om_status status = om_status_from_errno(errno);
        om_error_set(err, status, "%s: %s", source->safe, om_errno_text(errno));
        om_error_hint(err, "check the path and its permissions");
        return status;
    }
    list_names(folder, dir);
    closedir(dir);
    om_media_clock_init(&source->clock, false, 0);
    source->clock.gap_us = GAP_US;
    if (folder->count > 0 && next_picture(source, &folder->first, NULL) == OM_OK)
        return OM_OK;
    om_error_set(err, OM_INVALID, "%s: there is no picture in this folder", source->safe);
    om_error_hint(err, "put JPEG, PNG, WebP, BMP or GIF files there");
    return OM_INVALID;
}

static enum om_status folder_read(struct om_source *source, struct om_packet **ret,
                                  struct om_error *err)
{
    struct folder *folder = source->priv;
    om_auto_ref(om_packet) packet = om_steal(&folder->first);

    enum om_status status = packet ? OM_OK : next_picture(source, &packet, NULL);
    if (status != OM_OK)
        return status;
    if (om_source_pace(source, folder->t_us) != OM_OK)
        return om_error_set(err, OM_CANCELLED, "cancelled");
    packet->is_key = true;
    om_source_stamp(source, packet, folder->t_us, folder->t_us);
    folder->t_us += GAP_US;
    *ret = om_steal(&packet);
    return OM_OK;
}

static void folder_close(struct om_source *source)
{
    struct folder *folder = source->priv;

    om_packet_unref(&folder->first);
    for (size_t i = 0; i < folder->count; i++)
        om_free(folder->names[i]);
    om_free(folder->names);
}

const struct om_source_ops om_source_folder = {
    .kind = OM_SOURCE_FOLDER,
    .priv_size = sizeof(struct folder),
    .open = folder_open,
    .read = folder_read,
    .close = folder_close,
};
