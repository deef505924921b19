#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/pool.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/frame.h"
#include "media/packet.h"
#include "source/packet_pool.h"
#include "source/source_int.h"

// USB cameras through V4L2. The driver's buffers are few, so each picture is copied out of its
// buffer into a packet and the buffer goes straight back.

enum {
    BUFFERS = 4,
    DEVICES_MAX = 64,
    PACKETS_MAX = 160,
    PICTURE_BYTES_MAX = 64 * 1024 * 1024,
    WANTED_WIDTH = 1280,
    WANTED_HEIGHT = 720,
    WANTED_FPS = 30,
};

struct usb {
    int fd;  // -1 = none
    struct {
        void *p;
        size_t n;
    } buffers[BUFFERS];
    unsigned buffers_n;
    bool is_streaming, has_frame;
    struct om_pool *pool;
};

static const struct {
    uint32_t fourcc;
    enum om_codec codec;
    enum om_pixfmt raw;
} formats[] = {
    // the best first: compressed pictures get through USB 2 at full rate
    {V4L2_PIX_FMT_MJPEG, OM_CODEC_MJPEG, OM_PIX_NONE},
    {V4L2_PIX_FMT_JPEG, OM_CODEC_MJPEG, OM_PIX_NONE},
    {V4L2_PIX_FMT_YUYV, OM_CODEC_RAW, OM_PIX_YUYV},
    {V4L2_PIX_FMT_NV12, OM_CODEC_RAW, OM_PIX_NV12},
    {V4L2_PIX_FMT_YUV420, OM_CODEC_RAW, OM_PIX_I420},
    {V4L2_PIX_FMT_RGB24, OM_CODEC_RAW, OM_PIX_RGB24},
    {V4L2_PIX_FMT_GREY, OM_CODEC_RAW, OM_PIX_GREY},
    {V4L2_PIX_FMT_H264, OM_CODEC_H264, OM_PIX_NONE},
};

static int call(int fd, unsigned long request, void *arg)
{
    int rc;

    do {
        rc = ioctl(fd, request, arg);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static bool is_camera(int fd, char name[32])
{
    struct v4l2_capability cap = {0};

    if (call(fd, VIDIOC_QUERYCAP, &cap) < 0)
        return false;
    snprintf(name, 32, "%s", (const char *)cap.card);
    uint32_t can = cap.capabilities & V4L2_CAP_DEVICE_CAPS ? cap.device_caps : cap.capabilities;
    return (can & V4L2_CAP_VIDEO_CAPTURE) && (can & V4L2_CAP_STREAMING);
}

// "cameras found: /dev/video0 (HD Webcam), ..." or that there are none.
static void hint_devices(struct om_error *err)
{
    om_auto_buf found;

    om_buf_init(&found, 200);
    for (int i = 0; i < DEVICES_MAX; i++) {
        char path[32], name[32];
        snprintf(path, sizeof(path), "/dev/video%d", i);
        int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (is_camera(fd, name))
            om_buf_printf(&found, "%s%s (%s)", found.len > 0 ? ", " : "", path, name);
        (void)close(fd);
    }
    if (found.len > 0)
        om_error_hint(err, "cameras found: %s", om_buf_text(&found));
    else
        om_error_hint(err, "no camera was found; plug one in, and see that this user is in the "
                           "group video");
}

static enum om_status no_device(struct om_error *err, const char *safe, int error)
{
    enum om_status status = error == EBUSY ? OM_REFUSED : om_status_from_errno(error);

    om_error_set(err, status, "camera %s: %s", safe, om_errno_text(error));
    if (error == EBUSY)
        om_error_hint(err, "another program is using it: end that first");
    else
        hint_devices(err);
    return status;
}

static enum om_status open_device(struct om_source *source, struct om_error *err)
{
    struct usb *usb = source->priv;
    char path[64], name[32];
    const char *target = source->target;

    if (target[0] == '/')
        snprintf(path, sizeof(path), "%s", target);
    else
        snprintf(path, sizeof(path), "/dev/video%s", target);
    for (const char *c = path + strlen("/dev/video"); *c; c++) {
        if (*c < '0' || *c > '9')
            return no_device(err, source->safe, ENOENT);
    }
    usb->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (usb->fd < 0)
        return no_device(err, source->safe, errno);
    if (!is_camera(usb->fd, name)) {
        om_error_set(err, OM_INVALID, "camera %s: the device takes no pictures", source->safe);
        hint_devices(err);
        return OM_INVALID;
    }
    return OM_OK;
}

static bool offers(int fd, uint32_t fourcc)
{
    for (uint32_t i = 0; i < 100; i++) {
        struct v4l2_fmtdesc desc = {.index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        if (call(fd, VIDIOC_ENUM_FMT, &desc) < 0)
            return false;
        if (desc.pixelformat == fourcc)
            return true;
    }
    return false;
}

static void set_rate(int fd, struct om_stream_info *info)
{
    struct v4l2_streamparm parm = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};

    parm.parm.capture.timeperframe = (struct v4l2_fract){1, WANTED_FPS};
    if (call(fd, VIDIOC_S_PARM, &parm) < 0)
        return;
    struct v4l2_fract got = parm.parm.capture.timeperframe;
    info->fps = got.numerator > 0 ? (double)got.denominator / got.numerator : 0;
}

// Rows of raw pictures have to be tight.
static bool is_tight(const struct v4l2_pix_format *pix, enum om_pixfmt raw)
{
    int row_bytes, rows;

    if (raw == OM_PIX_NONE)
        return true;
    return om_pixfmt_plane(raw, 0, (int)pix->width, (int)pix->height, &row_bytes, &rows) &&
           (pix->bytesperline == 0 || (int)pix->bytesperline == row_bytes);
}

static enum om_status choose_format(struct om_source *source, struct om_error *err)
{
    struct usb *usb = source->priv;

    for (size_t i = 0; i < OM_ARRAY_LEN(formats); i++) {
        struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        format.fmt.pix.width = WANTED_WIDTH;
        format.fmt.pix.height = WANTED_HEIGHT;
        format.fmt.pix.pixelformat = formats[i].fourcc;
        format.fmt.pix.field = V4L2_FIELD_ANY;
        const struct v4l2_pix_format *pix = &format.fmt.pix;
        if (!offers(usb->fd, formats[i].fourcc) || call(usb->fd, VIDIOC_S_FMT, &format) < 0 ||
            pix->pixelformat != formats[i].fourcc || pix->sizeimage > PICTURE_BYTES_MAX ||
            om_frame_bytes(OM_PIX_RGB24, (int)pix->width, (int)pix->height) == 0 ||
            !is_tight(pix, formats[i].raw))
            continue;
        source->info = (struct om_stream_info){
            .codec = formats[i].codec,
            .raw_format = formats[i].raw,
            .width = (int)pix->width,
            .height = (int)pix->height,
            .is_live = true,
        };
        usb->pool = om_packet_pool_create(OM_MAX(pix->sizeimage, 65536u), PACKETS_MAX);
        set_rate(usb->fd, &source->info);
        return OM_OK;
    }
    om_error_set(err, OM_UNSUPPORTED, "camera %s: it offers no picture format that Omma reads",
                 source->safe);
    om_error_hint(err, "MJPEG, YUYV, NV12, I420, RGB, grey and H.264 are read: see v4l2-ctl "
                       "--list-formats");
    return OM_UNSUPPORTED;
}

static bool map_buffers(struct usb *usb)
{
    struct v4l2_requestbuffers wanted = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    if (call(usb->fd, VIDIOC_REQBUFS, &wanted) < 0)
        return false;
    for (unsigned i = 0; i < OM_MIN(wanted.count, (unsigned)BUFFERS); i++) {
        struct v4l2_buffer buffer = {
            .index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
        if (call(usb->fd, VIDIOC_QUERYBUF, &buffer) < 0)
            return false;
        void *p = mmap(NULL, buffer.length, PROT_READ, MAP_SHARED, usb->fd, buffer.m.offset);
        if (p == MAP_FAILED)
            return false;
        usb->buffers[i].p = p;
        usb->buffers[i].n = buffer.length;
        usb->buffers_n = i + 1;
        if (call(usb->fd, VIDIOC_QBUF, &buffer) < 0)
            return false;
    }
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    usb->is_streaming = usb->buffers_n > 0 && call(usb->fd, VIDIOC_STREAMON, &type) == 0;
    return usb->is_streaming;
}

static enum om_status usb_open(struct om_source *source, struct om_error *err)
{
    struct usb *usb = source->priv;

    usb->fd = -1;
    enum om_status status = open_device(source, err);
    if (status == OM_OK)
        status = choose_format(source, err);
    if (status != OM_OK)
        return status;
    if (!map_buffers(usb))
        return no_device(err, source->safe, errno);
    om_media_clock_init(&source->clock, true, 0);
    return OM_OK;
}

// Waits for a picture, for cancelling, or until it takes too long.
static enum om_status wait_for_picture(struct om_source *source, struct om_error *err)
{
    struct usb *usb = source->priv;
    int64_t patience_us = usb->has_frame ? source->opts.stall_min_us
                                         : source->opts.first_key_timeout_us;
    struct pollfd polled[2] = {{.fd = usb->fd, .events = POLLIN},
                               {.fd = source->cancel ? source->cancel->fd : -1, .events = POLLIN}};

    int n = poll(polled, 2, (int)(patience_us / OM_MS));
    if (om_cancel_is_set(source->cancel))
        return om_error_set(err, OM_CANCELLED, "cancelled");
    if (n == 0) {
        om_error_set(err, OM_TIMEOUT, "camera %s: no picture came for too long", source->safe);
        om_error_hint(err, "plug it in again, or into another USB port");
        return OM_TIMEOUT;
    }
    if (n > 0 && polled[0].revents & (POLLERR | POLLHUP | POLLNVAL)) {
        om_error_set(err, OM_UNREACHABLE, "camera %s: it was unplugged", source->safe);
        om_error_hint(err, "plug it in again");
        return OM_UNREACHABLE;
    }
    return OM_OK;
}

static struct om_packet *copy_out(struct usb *usb, const struct v4l2_buffer *buffer)
{
    struct om_packet *packet = om_packet_pool_take(usb->pool);

    if (!packet || buffer->bytesused > packet->bytes) {
        om_packet_unref(&packet);
        return NULL;
    }
    uint8_t *data = om_packet_pool_data(packet);
    memcpy(data, usb->buffers[buffer->index].p, buffer->bytesused);
    memset(data + buffer->bytesused, 0, 64);
    packet->bytes = buffer->bytesused;
    packet->is_corrupt = buffer->flags & V4L2_BUF_FLAG_ERROR;
    return packet;
}

// H.264 cameras do not always flag key frames: an IDR slice is one.
static bool has_idr(const struct om_packet *packet)
{
    for (size_t i = 0; i + 3 < packet->bytes; i++) {
        const uint8_t *p = packet->data + i;
        if (p[0] == 0 && p[1] == 0 && p[2] == 1 && (p[3] & 31) == 5)
            return true;
    }
    return false;
}

static enum om_status usb_read(struct om_source *source, struct om_packet **ret,
                               struct om_error *err)
{
    struct usb *usb = source->priv;

    for (;;) {
        struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     .memory = V4L2_MEMORY_MMAP};
        enum om_status status = wait_for_picture(source, err);
        if (status != OM_OK)
            return status;
        if (call(usb->fd, VIDIOC_DQBUF, &buffer) < 0) {
            if (errno == EAGAIN)
                continue;
            return no_device(err, source->safe, errno);
        }
        struct om_packet *packet = buffer.index < usb->buffers_n && buffer.bytesused > 0
                                       ? copy_out(usb, &buffer)
                                       : NULL;
        if (call(usb->fd, VIDIOC_QBUF, &buffer) < 0 && !packet)
            return no_device(err, source->safe, errno);
        if (!packet)
            continue;  // nobody takes the pictures fast enough: the newest ones are lost
        usb->has_frame = true;
        packet->is_key = source->info.codec != OM_CODEC_H264 ||
                         (buffer.flags & V4L2_BUF_FLAG_KEYFRAME) || has_idr(packet);
        int64_t t_us = (int64_t)buffer.timestamp.tv_sec * OM_SECOND + buffer.timestamp.tv_usec;
        om_source_stamp(source, packet, t_us, t_us);
        *ret = packet;
        return OM_OK;
    }
}

static void usb_close(struct om_source *source)
{
    struct usb *usb = source->priv;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    if (usb->is_streaming)
        call(usb->fd, VIDIOC_STREAMOFF, &type);
    for (unsigned i = 0; i < usb->buffers_n; i++)
        (void)munmap(usb->buffers[i].p, usb->buffers[i].n);
    if (usb->fd >= 0)
        (void)close(usb->fd);
    om_pool_destroy(usb->pool);
}

const struct om_source_ops om_source_usb = {
    .kind = OM_SOURCE_USB,
    .priv_size = sizeof(struct usb),
    .open = usb_open,
    .read = usb_read,
    .close = usb_close,
};
