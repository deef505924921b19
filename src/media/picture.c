#include "media/picture.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "media/picture_int.h"

static const struct om_picture_ops *const formats[] = {
    &om_picture_jpeg, &om_picture_png, &om_picture_webp, &om_picture_bmp, &om_picture_gif,
};

static bool has_at(om_str data, size_t at, const char *bytes, size_t n)
{
    return data.n >= at + n && memcmp(data.p + at, bytes, n) == 0;
}

enum om_picture_type om_picture_type_of(om_str data)
{
    if (has_at(data, 0, "\xff\xd8\xff", 3))
        return OM_PICTURE_JPEG;
    if (has_at(data, 0, "\x89PNG\r\n\x1a\n", 8))
        return OM_PICTURE_PNG;
    if (has_at(data, 0, "RIFF", 4) && has_at(data, 8, "WEBP", 4))
        return OM_PICTURE_WEBP;
    if (has_at(data, 0, "GIF87a", 6) || has_at(data, 0, "GIF89a", 6))
        return OM_PICTURE_GIF;
    if (has_at(data, 0, "BM", 2) && data.n >= 26 && om_u32le(om_bytes(data) + 14) <= 124)
        return OM_PICTURE_BMP;
    return OM_PICTURE_UNKNOWN;
}

enum om_status om_picture_check_size(int64_t width, int64_t height, struct om_error *err)
{
    if (width < 1 || height < 1) {
        om_error_set(err, OM_INVALID, "the picture is broken: its size is %lld x %lld",
                     (long long)width, (long long)height);
        om_error_hint(err, "save the picture again");
        return OM_INVALID;
    }
    if (width > OM_FRAME_SIDE_MAX || height > OM_FRAME_SIDE_MAX ||
        width * height > OM_FRAME_PIXELS_MAX) {
        om_error_set(err, OM_LIMIT, "the picture is too large: %lld x %lld pixels",
                     (long long)width, (long long)height);
        om_error_hint(err, "at most %d pixels a side and %d million in all: scale it down first",
                      OM_FRAME_SIDE_MAX, OM_FRAME_PIXELS_MAX / 1000000);
        return OM_LIMIT;
    }
    return OM_OK;
}

enum om_status om_picture_broken(struct om_error *err, const char *format, const char *why)
{
    om_error_set(err, OM_INVALID, "the %s picture is broken: %s", format, why);
    om_error_hint(err, "save the picture again");
    return OM_INVALID;
}

static enum om_status refuse_unknown(om_str data, struct om_error *err)
{
    if (data.n == 0)
        om_error_set(err, OM_INVALID, "the picture is empty");
    else if (has_at(data, 4, "ftyp", 4))
        om_error_set(err, OM_UNSUPPORTED, "AVIF and HEIF pictures are not read");
    else if (has_at(data, 0, "II*\0", 4) || has_at(data, 0, "MM\0*", 4))
        om_error_set(err, OM_UNSUPPORTED, "TIFF pictures are not read");
    else
        om_error_set(err, OM_INVALID, "this is not a picture that Omma knows");
    om_error_hint(err, "JPEG, PNG, WebP, BMP and GIF are read: convert it to one of them");
    return data.n == 0 || !err ? OM_INVALID : err->status;
}

static enum om_status probe(om_str data, const struct om_picture_ops **ret_ops,
                            struct om_picture_info *ret, struct om_error *err)
{
    enum om_picture_type type = om_picture_type_of(data);

    if (data.n > OM_PICTURE_BYTES_MAX) {
        om_error_set(err, OM_LIMIT, "the picture file is too large: %zu bytes", data.n);
        om_error_hint(err, "at most %d MiB: scale it down first",
                      OM_PICTURE_BYTES_MAX / 1024 / 1024);
        return OM_LIMIT;
    }
    for (size_t i = 0; i < OM_ARRAY_LEN(formats); i++) {
        if (formats[i]->type != type)
            continue;
        *ret_ops = formats[i];
        *ret = (struct om_picture_info){.type = type, .orientation = 1};
        enum om_status status = formats[i]->probe(data, ret, err);
        return status != OM_OK ? status : om_picture_check_size(ret->width, ret->height, err);
    }
    return refuse_unknown(data, err);
}

enum om_status om_picture_probe(om_str data, struct om_picture_info *ret, struct om_error *err)
{
    const struct om_picture_ops *ops;
    return probe(data, &ops, ret, err);
}

// EXIF counts eight ways to hold a camera; a frame says them as a flip and a clockwise turn.
static void set_orientation(struct om_frame *frame, int orientation)
{
    static const struct {
        int rotation_deg;
        bool is_mirrored;
    } turns[9] = {
        [1] = {0, false},  [2] = {0, true},   [3] = {180, false}, [4] = {180, true},
        [5] = {270, true}, [6] = {90, false}, [7] = {90, true},   [8] = {270, false},
    };
    frame->rotation_deg = turns[orientation].rotation_deg;
    frame->is_mirrored = turns[orientation].is_mirrored;
}

struct om_frame *om_picture_decode(om_str data, struct om_error *err)
{
    const struct om_picture_ops *ops;
    struct om_picture_info info;

    if (probe(data, &ops, &info, err) != OM_OK)
        return NULL;
    struct om_frame *frame = ops->decode(data, &info, err);
    if (!frame)
        return NULL;
    set_orientation(frame, info.orientation);
    frame->is_key = true;
    return frame;
}

struct om_frame *om_picture_load(const char *path, struct om_error *err)
{
    om_auto_free char *bytes = NULL;
    size_t n;

    if (!om_file_read(path, OM_PICTURE_BYTES_MAX, &bytes, &n, err))
        return NULL;
    return om_picture_decode(om_str_n(bytes, n), err);
}
