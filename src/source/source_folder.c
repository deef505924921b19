// A folder of pictures as a video: in name order, one a frame. The pictures are decoded here,
// because a file may be a JPEG, PNG, WebP, BMP or GIF; what goes on is raw.

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/picture.h"
#include "source/source_int.h"

enum { FRAME_US = OM_SECOND, NAMES_MAX = 1000 * 1000 };

struct folder {
    char *path;
    struct dirent **entries;  // scandir's
    int count, next;
    int64_t number;  // pictures given so far; the clock
    uint32_t epoch;
};

static bool is_picture(const char *path)
{
    char head[32] = "";
    struct stat st;
    FILE *file = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rbe") : NULL;
    if (!file)
        return false;
    size_t n = fread(head, 1, sizeof(head), file);
    (void)fclose(file);
    return om_picture_type_of(om_str_n(head, n)) != OM_PICTURE_UNKNOWN;
}

// Rows without the gaps between them.
static void append_plane(struct om_buf *out, const struct om_frame *frame, int plane, int width,
                         int height)
{
    for (int y = 0; y < height; y++)
        om_buf_append(out, frame->plane[plane] + (ptrdiff_t)y * frame->stride[plane],
                      (size_t)width);
}

static struct om_packet *to_packet(const struct om_frame *frame)
{
    om_auto_buf bytes;
    int w = frame->width, h = frame->height;
    om_buf_init(&bytes, (size_t)OM_FRAME_PIXELS_MAX * 3 + 1);
    bool is_rgb = frame->format == OM_PIX_RGB24;
    append_plane(&bytes, frame, 0, is_rgb ? 3 * w : w, h);
    int cw = frame->format == OM_PIX_I444 ? w : (w + 1) / 2;
    int ch = frame->format == OM_PIX_I420 ? (h + 1) / 2 : h;
    for (int p = 1; p < 3 && !is_rgb && frame->format != OM_PIX_GREY; p++)
        append_plane(&bytes, frame, p, cw, ch);
    return bytes.has_failed ? NULL : om_packet_copy(bytes.data, bytes.len);
}

// The next file of the folder that is a picture and decodes; NULL at the end.
static struct om_frame *next_picture(struct om_source *source, struct om_error *err)
{
    struct folder *folder = source->priv;
    while (folder->next < folder->count && !om_cancel_is_set(source->cancel)) {
        om_auto_buf path;
        om_buf_init(&path, 8192);
        om_buf_printf(&path, "%s/%s", folder->path, folder->entries[folder->next++]->d_name);
        if (path.has_failed || !is_picture(om_buf_text(&path)))
            continue;
        struct om_frame *frame = om_picture_load(om_buf_text(&path), err);
        if (frame)
            return frame;
    }
    return NULL;
}

static void describe(struct om_source *source, const struct om_frame *frame)
{
    source->info.codec = OM_CODEC_RAW;
    source->info.raw_format = frame->format;
    source->info.width = frame->width;
    source->info.height = frame->height;
    source->info.rotation_deg = frame->rotation_deg;
    source->info.fps = 1;
}

static bool folder_open(struct om_source *source, const char *url, struct om_error *err)
{
    struct folder *folder = source->priv;
    folder->path = om_strdup(url);
    folder->count = scandir(url, &folder->entries, NULL, alphasort);
    if (folder->count < 0) {
        folder->count = 0;
        om_error_set(err, OM_NOT_FOUND, "%s: the folder cannot be read", url);
        return false;
    }
    om_error_set(err, OM_INVALID, "%s: there are no pictures in this folder", url);
    om_error_hint(err, "JPEG, PNG, WebP, BMP and GIF files are looked for");
    om_auto_ref(om_frame) first = next_picture(source, err);
    if (!first)
        return false;
    describe(source, first);
    folder->next = 0;
    folder->epoch = 1;
    return true;
}

static void folder_close(struct om_source *source)
{
    struct folder *folder = source->priv;
    for (int i = 0; i < folder->count; i++)
        om_free(folder->entries[i]);
    om_free(folder->entries);
    om_free(folder->path);
}

static enum om_status folder_read(struct om_source *source, struct om_packet **ret,
                                  struct om_error *err)
{
    struct folder *folder = source->priv;
    om_auto_ref(om_frame) frame = next_picture(source, err);
    if (!frame)
        return om_cancel_is_set(source->cancel) ? om_error_set(err, OM_CANCELLED, "cancelled")
                                                : om_error_set(err, OM_END, "no more pictures");
    // Pictures of another size or kind are another format.
    bool is_other = frame->format != source->info.raw_format ||
                    frame->width != source->info.width || frame->height != source->info.height;
    if (is_other) {
        describe(source, frame);
        folder->epoch++;
    }
    struct om_packet *packet = to_packet(frame);
    if (!packet)
        return om_error_set(err, OM_NO_MEMORY, "no memory for a picture");
    packet->pts_us = packet->dts_us = folder->number++ * FRAME_US;
    packet->arrival_us = om_time_mono_us();
    packet->wall_us = om_time_wall_us();
    packet->epoch = folder->epoch;
    packet->is_key = true;
    *ret = packet;
    return OM_OK;
}

static bool folder_rewind(struct om_source *source)
{
    struct folder *folder = source->priv;
    folder->next = 0;
    folder->epoch++;
    return true;
}

const struct om_source_ops om_source_folder = {
    .name = "folder",
    .priv_size = sizeof(struct folder),
    .open = folder_open,
    .read = folder_read,
    .rewind = folder_rewind,
    .close = folder_close,
};
