// USB and built-in cameras through V4L2, by path (/dev/video0) or index (0): Motion JPEG where the
// camera has it, else YUYV. Memory-mapped buffers; what goes on is a copy, so that the driver gets
// its buffer back at once.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/clock.h"
#include "media/packet.h"
#include "source/source_int.h"

enum { BUFFERS = 4, WIDTH_WANTED = 1280, HEIGHT_WANTED = 720 };

struct usb {
    int fd;
    bool is_streaming;
    int buffer_count;
    struct {
        void *start;
        size_t bytes;
    } buffers[BUFFERS];
    struct om_media_clock clock;
};

static int retry_ioctl(int fd, unsigned long request, void *arg)
{
    int rc;
    do {
        rc = ioctl(fd, request, arg);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

// "there are: /dev/video0, /dev/video2"
static void hint_devices(struct om_error *err)
{
    om_auto_buf text;
    om_buf_init(&text, 200);
    DIR *dir = opendir("/dev");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "video", 5) == 0 && text.len < 150)
            om_buf_printf(&text, "%s/dev/%.20s", text.len ? ", " : "", entry->d_name);
    }
    if (dir)
        (void)closedir(dir);
    if (text.len)
        om_error_hint(err, "there are: %s", om_buf_text(&text));
    else
        om_error_hint(err, "no camera is plugged in; look for /dev/video*");
}

static bool open_device(struct usb *usb, const char *url, struct om_error *err)
{
    char path[64];
    snprintf(path, sizeof(path), url[0] == '/' ? "%s" : "/dev/video%s", url);
    usb->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (usb->fd < 0) {
        om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
        if (errno == EACCES)
            om_error_hint(err, "add your user to the group video: sudo usermod -aG video $USER");
        else
            hint_devices(err);
        return false;
    }
    struct v4l2_capability cap = {0};
    bool is_camera = retry_ioctl(usb->fd, VIDIOC_QUERYCAP, &cap) == 0 &&
                     (cap.device_caps & V4L2_CAP_VIDEO_CAPTURE) &&
                     (cap.device_caps & V4L2_CAP_STREAMING);
    if (!is_camera) {
        om_error_set(err, OM_UNSUPPORTED, "%s: is no camera that gives pictures", path);
        hint_devices(err);
    }
    return is_camera;
}

static bool set_format(struct om_source *source, uint32_t pixel_format)
{
    struct usb *usb = source->priv;
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    format.fmt.pix.width = WIDTH_WANTED;
    format.fmt.pix.height = HEIGHT_WANTED;
    format.fmt.pix.pixelformat = pixel_format;
    format.fmt.pix.field = V4L2_FIELD_ANY;
    if (retry_ioctl(usb->fd, VIDIOC_S_FMT, &format) != 0 ||
        format.fmt.pix.pixelformat != pixel_format)
        return false;
    source->info.width = (int)format.fmt.pix.width;
    source->info.height = (int)format.fmt.pix.height;
    bool is_tight = format.fmt.pix.bytesperline == 2 * format.fmt.pix.width;
    return pixel_format == V4L2_PIX_FMT_MJPEG || is_tight;
}

static bool choose_format(struct om_source *source, struct om_error *err)
{
    if (set_format(source, V4L2_PIX_FMT_MJPEG)) {
        source->info.codec = OM_CODEC_MJPEG;
    } else if (set_format(source, V4L2_PIX_FMT_YUYV)) {
        source->info.codec = OM_CODEC_RAW;
        source->info.raw_format = OM_PIX_YUYV;
    } else {
        om_error_set(err, OM_UNSUPPORTED, "the camera gives neither Motion JPEG nor YUYV");
        return false;
    }
    source->info.is_live = true;
    return true;
}

static bool map_buffers(struct usb *usb)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    if (retry_ioctl(usb->fd, VIDIOC_REQBUFS, &request) != 0 || request.count == 0)
        return false;
    int count = OM_MIN((int)request.count, (int)BUFFERS);
    for (int i = 0; i < count; i++) {
        struct v4l2_buffer buffer = {
            .index = (uint32_t)i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
        if (retry_ioctl(usb->fd, VIDIOC_QUERYBUF, &buffer) != 0)
            return false;
        void *start = mmap(NULL, buffer.length, PROT_READ, MAP_SHARED, usb->fd, buffer.m.offset);
        if (start == MAP_FAILED)
            return false;
        usb->buffers[i].start = start;
        usb->buffers[i].bytes = buffer.length;
        usb->buffer_count++;
        if (retry_ioctl(usb->fd, VIDIOC_QBUF, &buffer) != 0)
            return false;
    }
    return true;
}

static bool usb_open(struct om_source *source, const char *url, struct om_error *err)
{
    struct usb *usb = source->priv;
    usb->fd = -1;
    if (!open_device(usb, url, err) || !choose_format(source, err))
        return false;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    usb->is_streaming = map_buffers(usb) && retry_ioctl(usb->fd, VIDIOC_STREAMON, &type) == 0;
    if (!usb->is_streaming) {
        om_error_set(err, om_status_from_errno(errno), "the camera does not start: %s",
                     om_errno_text(errno));
        om_error_hint(err, "another program may be using it");
        return false;
    }
    om_media_clock_init(&usb->clock, true, 0);
    return true;
}

static void usb_close(struct om_source *source)
{
    struct usb *usb = source->priv;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (usb->is_streaming)
        (void)retry_ioctl(usb->fd, VIDIOC_STREAMOFF, &type);
    for (int i = 0; i < usb->buffer_count; i++)
        (void)munmap(usb->buffers[i].start, usb->buffers[i].bytes);
    if (usb->fd >= 0)
        (void)close(usb->fd);
}

// Waits for a filled buffer: OM_OK, OM_TIMEOUT, OM_CANCELLED, or what the driver says.
static enum om_status wait_buffer(struct om_source *source, struct om_error *err)
{
    struct usb *usb = source->priv;
    int64_t until_us = om_time_mono_us() + source->opts.stall_min_us;
    for (;;) {
        int64_t left_us = until_us - om_time_mono_us();
        if (om_cancel_is_set(source->cancel))
            return om_error_set(err, OM_CANCELLED, "cancelled");
        if (left_us <= 0)
            return om_error_set(err, OM_TIMEOUT, "no picture from the camera");
        struct pollfd fds[2] = {{.fd = usb->fd, .events = POLLIN},
                                {.fd = source->cancel ? source->cancel->fd : -1, .events = POLLIN}};
        int n = poll(fds, 2, (int)(left_us / OM_MS) + 1);
        if (n > 0 && (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)))
            return om_error_set(err, OM_UNREACHABLE, "the camera was unplugged");
        if (n > 0 && (fds[0].revents & POLLIN))
            return OM_OK;
    }
}

static enum om_status usb_read(struct om_source *source, struct om_packet **ret,
                               struct om_error *err)
{
    struct usb *usb = source->priv;
    struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int rc;
    do {
        enum om_status status = wait_buffer(source, err);
        if (status != OM_OK)
            return status;
        rc = retry_ioctl(usb->fd, VIDIOC_DQBUF, &buffer);
    } while (rc != 0 && errno == EAGAIN);
    if (rc != 0 || (int)buffer.index >= usb->buffer_count)
        return om_error_set(err, OM_UNREACHABLE, "the camera was unplugged: %s",
                            om_errno_text(errno));
    struct om_packet *packet = om_packet_copy(
        usb->buffers[buffer.index].start,
        OM_MIN((size_t)buffer.bytesused, usb->buffers[buffer.index].bytes));
    bool is_corrupt = buffer.flags & V4L2_BUF_FLAG_ERROR;
    (void)retry_ioctl(usb->fd, VIDIOC_QBUF, &buffer);  // when it fails, the next dequeue says so
    if (!packet)
        return om_error_set(err, OM_NO_MEMORY, "no memory for a picture");
    packet->arrival_us = om_time_mono_us();
    struct om_media_stamp stamp = om_media_clock_stamp(
        &usb->clock, (int64_t)buffer.timestamp.tv_sec * OM_SECOND + buffer.timestamp.tv_usec,
        OM_TIME_NONE, packet->arrival_us, om_time_wall_us());
    packet->pts_us = stamp.pts_us;
    packet->dts_us = stamp.dts_us;
    packet->wall_us = stamp.wall_us;
    packet->epoch = stamp.epoch;
    packet->is_key = true;
    packet->is_corrupt = is_corrupt;
    *ret = packet;
    return OM_OK;
}

const struct om_source_ops om_source_usb = {
    .name = "usb",
    .priv_size = sizeof(struct usb),
    .open = usb_open,
    .read = usb_read,
    .close = usb_close,
};
