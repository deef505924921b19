#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/time.h"
#include "media/packet.h"
#include "source/av.h"
#include "source/source_int.h"

// Media files. At the end of a loop the file is opened again: seeking does not work in every
// container and every half-broken file, opening does.

enum { OPEN_US = 20 * OM_SECOND, READ_US = 20 * OM_SECOND };

struct file {
    struct om_av *av;
    bool has_read;  // something, since it was opened
};

// Pictures, playlists and scripts of libavformat's are left out: they open other files.
static const char formats[] = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,h264,hevc,m4v,"
                              "mpegvideo,flv,ivf,obu,mjpeg,ogg,asf";

static enum om_status check_file(const struct om_source *source, struct om_error *err)
{
    struct stat st;

    if (stat(source->target, &st) != 0) {
        enum om_status status = om_status_from_errno(errno);
        om_error_set(err, status, "%s: %s", source->safe, om_errno_text(errno));
        om_error_hint(err, "check the path; URLs begin with rtsp:// or http://");
        return status;
    }
    if (!S_ISREG(st.st_mode)) {
        om_error_set(err, OM_INVALID, "%s: it is not a file", source->safe);
        om_error_hint(err, "name a media file, a folder of pictures or a /dev/videoN");
        return OM_INVALID;
    }
    if (st.st_size == 0) {
        om_error_set(err, OM_INVALID, "%s: the file is empty", source->safe);
        om_error_hint(err, "record or copy it again");
        return OM_INVALID;
    }
    return OM_OK;
}

static enum om_status open_file(struct om_source *source, struct om_error *err)
{
    struct file *file = source->priv;
    char url[OM_URL_SIZE + 8];

    enum om_status status = check_file(source, err);
    if (status != OM_OK)
        return status;
    // "file:" makes libavformat take the rest as a name, whatever is in it.
    om_str_copy(url, sizeof(url), OM_STR("file:"));
    om_str_copy(url + 5, sizeof(url) - 5, om_str_from(source->target));
    file->av = om_av_open(&(struct om_av_how){.url = url,
                                              .safe = source->safe,
                                              .protocols = "file",
                                              .formats = formats,
                                              .timeout_us = OPEN_US},
                          source->cancel, err);
    file->has_read = false;
    return file->av ? OM_OK : err ? err->status : OM_INVALID;
}

static enum om_status file_open(struct om_source *source, struct om_error *err)
{
    struct om_error own;
    struct om_error *say = err ? err : &own;
    enum om_status status = open_file(source, say);
    if (status != OM_OK)
        return status;
    struct file *file = source->priv;
    status = om_av_info(file->av, &source->info, say);
    if (status != OM_OK)
        return status;
    om_media_clock_init(&source->clock, false, om_av_wrap_us(file->av));
    if (source->info.fps > 1)
        source->clock.gap_us = (int64_t)(OM_SECOND / source->info.fps);
    return OM_OK;
}

static enum om_status next_packet(struct om_source *source, struct om_packet **ret,
                                  struct om_av_times *times, struct om_error *err)
{
    struct file *file = source->priv;

    for (;;) {
        enum om_status status = om_av_read(file->av, READ_US, ret, times, err);
        if (status == OM_OK)
            file->has_read = true;
        if (status != OM_END || !source->opts.loop)
            return status;
        if (!file->has_read)
            return om_error_set(err, OM_INVALID, "%s: there is no picture in it", source->safe);
        om_av_destroy(om_steal(&file->av));
        struct om_error own;
        status = open_file(source, err ? err : &own);
        if (status != OM_OK)
            return status;
        om_media_clock_restart(&source->clock);
    }
}

static enum om_status file_read(struct om_source *source, struct om_packet **ret,
                                struct om_error *err)
{
    om_auto_ref(om_packet) packet = NULL;
    struct om_av_times times;

    enum om_status status = next_packet(source, &packet, &times, err);
    if (status != OM_OK)
        return status;
    om_source_stamp(source, packet, times.pts_us, times.dts_us);
    status = om_source_pace(source, packet->dts_us);
    if (status != OM_OK)
        return status;
    packet->arrival_us = om_time_mono_us();
    *ret = om_steal(&packet);
    return OM_OK;
}

static void file_close(struct om_source *source)
{
    struct file *file = source->priv;
    om_av_destroy(file->av);
}

const struct om_source_ops om_source_file = {
    .kind = OM_SOURCE_FILE,
    .priv_size = sizeof(struct file),
    .open = file_open,
    .read = file_read,
    .close = file_close,
};
