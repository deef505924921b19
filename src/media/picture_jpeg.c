#include <string.h>
#include <turbojpeg.h>

#include "base/mem.h"
#include "media/picture_int.h"

// JPEG files are walked marker by marker first: size, sampling, EXIF and the number of scans come
// from there, so that nothing is allocated for a file that is not going to be decoded. A
// progressive file may repeat scans over the whole picture; their number times the pixels bounds
// the work.
enum {
    SCANS_MAX = 64,
    SOF0 = 0xc0,
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
    SOF15 = 0xcf,
    RST0 = 0xd0,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP1 = 0xe1,
    TEM = 0x01,
};
#define SCAN_PIXELS_MAX (1000LL * 1000 * 1000)

struct walk {
    struct om_picture_info *info;
    int scans;
    bool has_size, is_lossless;
};

static bool is_frame_header(int marker)
{
    return marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC;
}

static void take_segment(struct walk *walk, int marker, om_str body)
{
    const uint8_t *p = om_bytes(body);

    if (is_frame_header(marker) && body.n >= 6 && !walk->has_size) {
        walk->has_size = true;
        walk->is_lossless = (marker & 3) == 3 || p[0] != 8;
        walk->info->height = (int)om_u16be(p + 1);
        walk->info->width = (int)om_u16be(p + 3);
    } else if (marker == APP1 && body.n >= 6 && memcmp(p, "Exif\0", 6) == 0) {
        walk->info->orientation = om_exif_orientation(om_str_sub(body, 6, body.n));
    } else if (marker == SOS) {
        walk->scans++;
    }
}

// Index of the next marker's code, or data.n: an 0xff that is followed by neither a stuffed zero
// nor a restart nor a fill byte.
static size_t next_marker(om_str data, size_t at)
{
    const uint8_t *p = om_bytes(data);

    while (at + 1 < data.n) {
        const uint8_t *ff = memchr(p + at, 0xff, data.n - at - 1);
        if (!ff)
            break;
        at = (size_t)(ff - p) + 1;
        if (p[at] != 0 && p[at] != 0xff && !(p[at] >= RST0 && p[at] < SOI) && p[at] != TEM)
            return at;
    }
    return data.n;
}

static void walk_markers(struct walk *walk, om_str data)
{
    const uint8_t *p = om_bytes(data);
    size_t at = next_marker(data, 2);

    while (at < data.n && p[at] != EOI && walk->scans <= SCANS_MAX) {
        if (data.n - at < 3 || om_u16be(p + at + 1) < 2)
            return;
        size_t end = at + 1 + om_u16be(p + at + 1);
        take_segment(walk, p[at], om_str_sub(data, at + 3, end));
        if (end >= data.n)
            return;
        at = next_marker(data, end);
    }
}

static enum om_status probe(om_str data, struct om_picture_info *ret, struct om_error *err)
{
    struct walk walk = {.info = ret};

    walk_markers(&walk, data);
    if (!walk.has_size || walk.scans == 0)
        return om_picture_broken(err, "JPEG", "there is no picture in it");
    if (walk.is_lossless) {
        om_error_set(err, OM_UNSUPPORTED, "lossless and 12-bit JPEG pictures are not read");
        om_error_hint(err, "convert it to an 8-bit JPEG or PNG");
        return OM_UNSUPPORTED;
    }
    if (walk.scans > SCANS_MAX ||
        (walk.scans > 1 && (int64_t)walk.scans * ret->width * ret->height > SCAN_PIXELS_MAX)) {
        om_error_set(err, OM_LIMIT, "the JPEG picture has too many scans");
        om_error_hint(err, "at most %d: save it as a plain JPEG", SCANS_MAX);
        return OM_LIMIT;
    }
    return OM_OK;
}

static enum om_pixfmt planar_format(int subsampling, int colour_space)
{
    if (colour_space == TJCS_GRAY)
        return OM_PIX_GREY;
    if (colour_space != TJCS_YCbCr)
        return OM_PIX_RGB24;
    return subsampling == TJSAMP_420   ? OM_PIX_I420
           : subsampling == TJSAMP_422 ? OM_PIX_I422
           : subsampling == TJSAMP_444 ? OM_PIX_I444
                                       : OM_PIX_RGB24;
}

// Adobe stores inks inverted, as everybody does since: 255 is no ink.
static void ink_to_rgb(const uint8_t *restrict cmyk, uint8_t *restrict rgb, int width)
{
    for (int x = 0; x < width; x++) {
        for (int c = 0; c < 3; c++)
            rgb[3 * x + c] = (uint8_t)((cmyk[4 * x + c] * cmyk[4 * x + 3] + 127) / 255);
    }
}

static int decode_cmyk(tjhandle tj, om_str data, struct om_frame *frame)
{
    size_t row = (size_t)frame->width * 4;
    om_auto_free uint8_t *inks = om_try_alloc(frame->height, row);
    if (!inks)
        return -1;
    int rc = tjDecompress2(tj, om_bytes(data), data.n, inks, frame->width, (int)row, frame->height,
                           TJPF_CMYK, TJFLAG_LIMITSCANS);
    for (int y = 0; y < frame->height; y++)
        ink_to_rgb(inks + row * y, om_frame_plane_mut(frame, 0) + (ptrdiff_t)y * frame->stride[0],
                   frame->width);
    return rc;
}

static int decode_into(tjhandle tj, om_str data, struct om_frame *frame, int colour_space)
{
    if (frame->format == OM_PIX_RGB24 && (colour_space == TJCS_CMYK || colour_space == TJCS_YCCK))
        return decode_cmyk(tj, data, frame);
    if (frame->format == OM_PIX_RGB24)
        return tjDecompress2(tj, om_bytes(data), data.n, om_frame_plane_mut(frame, 0), frame->width,
                             frame->stride[0], frame->height, TJPF_RGB, TJFLAG_LIMITSCANS);
    uint8_t *planes[3] = {om_frame_plane_mut(frame, 0), om_frame_plane_mut(frame, 1),
                          om_frame_plane_mut(frame, 2)};
    return tjDecompressToYUVPlanes(tj, om_bytes(data), data.n, planes, frame->width, frame->stride,
                                   frame->height, TJFLAG_LIMITSCANS);
}

static struct om_frame *decode_with(tjhandle tj, om_str data, const struct om_picture_info *info,
                                    struct om_error *err)
{
    int width, height, subsampling, colour_space;

    if (tjDecompressHeader3(tj, om_bytes(data), data.n, &width, &height, &subsampling,
                            &colour_space) != 0 ||
        width != info->width || height != info->height) {
        om_picture_broken(err, "JPEG", tjGetErrorStr2(tj));
        return NULL;
    }
    // TurboJPEG writes whole chroma samples: odd sides need room for one more row and column.
    enum om_pixfmt format = planar_format(subsampling, colour_space);
    int pad_x = format == OM_PIX_I420 || format == OM_PIX_I422 ? width & 1 : 0;
    int pad_y = format == OM_PIX_I420 ? height & 1 : 0;
    om_auto_ref(om_frame) frame = om_frame_alloc(format, width + pad_x, height + pad_y);
    if (!frame) {
        om_error_set(err, OM_NO_MEMORY, "no memory for a picture of %d x %d", width, height);
        return NULL;
    }
    frame->width = width;
    frame->height = height;
    frame->is_full_range = true;
    frame->matrix = OM_MATRIX_BT601;
    if (decode_into(tj, data, frame, colour_space) != 0) {
        if (tjGetErrorCode(tj) != TJERR_WARNING) {
            om_picture_broken(err, "JPEG", tjGetErrorStr2(tj));
            return NULL;
        }
        frame->is_corrupt = true;  // cut short or damaged; the rest is concealed
    }
    return om_steal(&frame);
}

static struct om_frame *decode(om_str data, const struct om_picture_info *info,
                               struct om_error *err)
{
    tjhandle tj = tjInitDecompress();
    if (!tj) {
        om_error_set(err, OM_NO_MEMORY, "no memory for the JPEG decoder");
        return NULL;
    }
    struct om_frame *frame = decode_with(tj, data, info, err);
    tjDestroy(tj);
    return frame;
}

const struct om_picture_ops om_picture_jpeg = {OM_PICTURE_JPEG, "JPEG", probe, decode};
