#include "record/fmp4.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/md5.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "media/packet.h"
#include "media/stream.h"

enum { PICTURES_MAX = 33, OUT_MAX = 64 << 20 };

// A clip as a source would hand it over, and what libavcodec makes of it.
struct clip {
    struct om_stream_info info;
    AVCodecParameters *par;
    int count;
    struct om_packet *packets[PICTURES_MAX];
    bool is_damaged;
    int decoded;
    uint8_t md5[16];
};

// ---- libav, the witness ------------------------------------------------------------------------

struct decoded {
    int count;
    struct AVMD5 *md5;
};

static void hash_frames(AVCodecContext *dec, AVFrame *frame, struct decoded *d)
{
    while (avcodec_receive_frame(dec, frame) == 0) {
        int bytes = frame->width * (dec->pix_fmt == AV_PIX_FMT_YUV420P10LE ? 2 : 1);
        for (int y = 0; y < frame->height; y++)
            av_md5_update(d->md5, frame->data[0] + (ptrdiff_t)y * frame->linesize[0],
                          (size_t)bytes);
        d->count++;
    }
}

struct packet_list {
    int count;
    AVPacket *items[PICTURES_MAX + 1];
};

static void packet_list_finish(struct packet_list *list)
{
    for (int i = 0; i < list->count; i++)
        av_packet_free(&list->items[i]);
}

static int decode_all(const AVCodecParameters *par, const struct packet_list *list, uint8_t md5[16])
{
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    AVCodecContext *dec = avcodec_alloc_context3(codec);
    om_assert(dec && avcodec_parameters_to_context(dec, par) >= 0);
    dec->thread_count = 2;
    om_assert(avcodec_open2(dec, codec, NULL) == 0);
    struct decoded d = {.md5 = av_md5_alloc()};
    av_md5_init(d.md5);
    AVFrame *frame = av_frame_alloc();
    for (int i = 0; i < list->count; i++) {
        (void)avcodec_send_packet(dec, list->items[i]);  // damaged ones are part of some clips
        hash_frames(dec, frame, &d);
    }
    (void)avcodec_send_packet(dec, NULL);
    hash_frames(dec, frame, &d);
    av_md5_final(d.md5, md5);
    av_free(d.md5);
    av_frame_free(&frame);
    avcodec_free_context(&dec);
    return d.count;
}

// ---- clips -------------------------------------------------------------------------------------

static int rotation_of(const AVStream *stream)
{
    const void *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    int turn = matrix ? -(int)av_display_rotation_get(matrix) : 0;  // ours count clockwise
    return (turn % 360 + 360) % 360;
}

static void fill_info(struct clip *clip, const AVStream *stream)
{
    const AVCodecParameters *par = stream->codecpar;
    clip->info.codec = par->codec_id == AV_CODEC_ID_HEVC ? OM_CODEC_HEVC : OM_CODEC_H264;
    clip->info.width = par->width;
    clip->info.height = par->height;
    clip->info.rotation_deg = rotation_of(stream);
    clip->info.extradata = om_alloc((size_t)par->extradata_size + 1, 1);
    memcpy(clip->info.extradata, par->extradata, (size_t)par->extradata_size);
    clip->info.extradata_bytes = (size_t)par->extradata_size;
    clip->par = avcodec_parameters_alloc();
    om_assert(avcodec_parameters_copy(clip->par, par) >= 0);
}

// Times as the media clock would give them: from zero on, dts increasing, pts not below.
static void stamp(struct clip *clip, const AVPacket *in, AVRational base, int64_t *offset_us)
{
    struct om_packet *packet = om_packet_copy(in->data, (size_t)in->size);
    om_assert(packet);
    int64_t last_us = clip->count ? clip->packets[clip->count - 1]->dts_us : -1;
    AVRational us = {1, 1000000};
    int64_t dts_us = in->dts == AV_NOPTS_VALUE ? last_us + 40000 - *offset_us
                                               : av_rescale_q(in->dts, base, us);
    if (clip->count == 0 || dts_us + *offset_us <= last_us)
        *offset_us = last_us + 40000 - dts_us;
    packet->dts_us = dts_us + *offset_us;
    int64_t pts_us = in->pts == AV_NOPTS_VALUE ? dts_us : av_rescale_q(in->pts, base, us);
    packet->pts_us = OM_MAX(pts_us + *offset_us, packet->dts_us);
    packet->is_key = in->flags & AV_PKT_FLAG_KEY;
    clip->packets[clip->count++] = packet;
}

static bool clip_load(struct clip *clip, const char *path)
{
    *clip = (struct clip){0};
    AVFormatContext *format = NULL;
    om_assert(avformat_open_input(&format, path, NULL, NULL) == 0);
    om_assert(avformat_find_stream_info(format, NULL) >= 0);
    int at = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    om_assert(at >= 0);
    fill_info(clip, format->streams[at]);
    struct packet_list list = {0};
    AVPacket *packet = av_packet_alloc();
    int64_t offset_us = 0;
    while (list.count < PICTURES_MAX && av_read_frame(format, packet) == 0) {
        if (packet->stream_index == at && packet->size > 0) {
            stamp(clip, packet, format->streams[at]->time_base, &offset_us);
            packet->flags &= AV_PKT_FLAG_KEY;  // what an edit list hides is decoded too
            list.items[list.count++] = av_packet_clone(packet);
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    avformat_close_input(&format);
    clip->decoded = decode_all(clip->par, &list, clip->md5);
    packet_list_finish(&list);
    return clip->count > 0;
}

static void clip_finish(struct clip *clip)
{
    for (int i = 0; i < clip->count; i++)
        om_packet_unref(&clip->packets[i]);
    avcodec_parameters_free(&clip->par);
    om_stream_info_finish(&clip->info);
}

// ---- mux and read back -------------------------------------------------------------------------

static int64_t gap_us(const struct clip *clip, int i)
{
    return i + 1 < clip->count ? clip->packets[i + 1]->dts_us - clip->packets[i]->dts_us : 40000;
}

// One fragment per picture (live) or per group of pictures; `out` starts with the init segment.
static void mux_clip(const struct clip *clip, bool is_live, bool with_metadata, struct om_buf *out)
{
    struct om_error err;
    om_auto(om_fmp4) mux = om_fmp4_create(&clip->info, with_metadata, &err);
    om_assert(mux);
    for (int i = 0; !om_fmp4_is_ready(mux) && i < clip->count; i++)
        (void)om_fmp4_learn(mux, clip->packets[i]);
    om_assert(om_fmp4_init_segment(mux, out) == OM_OK);
    om_str metadata = OM_STR("{\"objects\":[]}");
    for (int from = 0, to; from < clip->count; from = to) {
        to = from + 1;
        while (!is_live && to < clip->count && !clip->packets[to]->is_key)
            to++;
        om_assert(om_fmp4_fragment(mux, clip->packets + from, (size_t)(to - from),
                                   gap_us(clip, to - 1), with_metadata ? metadata : OM_STR(""),
                                   out) == OM_OK);
    }
}

struct memory_file {
    const struct om_buf *buf;
    size_t at;
};

static int read_memory(void *ctx, uint8_t *to, int n)
{
    struct memory_file *file = ctx;
    size_t take = OM_MIN((size_t)n, file->buf->len - file->at);
    if (take == 0)
        return AVERROR_EOF;
    memcpy(to, file->buf->data + file->at, take);
    file->at += take;
    return (int)take;
}

static AVFormatContext *open_memory(struct memory_file *file)
{
    AVFormatContext *format = avformat_alloc_context();
    format->pb = avio_alloc_context(av_malloc(65536), 65536, 0, file, read_memory, NULL, NULL);
    om_assert(avformat_open_input(&format, "", av_find_input_format("mp4"), NULL) == 0);
    return format;
}

static void close_memory(AVFormatContext *format)
{
    AVIOContext *io = format->pb;
    avformat_close_input(&format);
    av_freep(&io->buffer);
    avio_context_free(&io);
}

static void check_stream(const struct clip *clip, const AVStream *stream)
{
    const AVCodecParameters *par = stream->codecpar;
    om_assert(par->codec_id == clip->par->codec_id);
    om_assert(par->width == clip->par->width && par->height == clip->par->height);
    om_assert(stream->time_base.num == 1 && stream->time_base.den == 1000000);
    om_assert(rotation_of(stream) == clip->info.rotation_deg);
}

static void check_pixels(const struct clip *clip, const AVCodecParameters *par,
                         const struct packet_list *list)
{
    uint8_t md5[16];
    int decoded = decode_all(par, list, md5);
    if (!clip->is_damaged) {  // then errors may be covered up in another way
        om_assert(decoded == clip->decoded);
        om_assert(memcmp(md5, clip->md5, sizeof(md5)) == 0);
    }
}

// Reads the file back: same pictures, same times to the microsecond, same pixels.
static void check_file(const struct clip *clip, const struct om_buf *buf, int metadata_count,
                       bool with_pixels)
{
    struct memory_file file = {.buf = buf};
    AVFormatContext *format = open_memory(&file);
    om_assert(format->nb_streams == (metadata_count ? 2 : 1));
    check_stream(clip, format->streams[0]);
    struct packet_list list = {0};
    AVPacket *packet = av_packet_alloc();
    while (av_read_frame(format, packet) == 0) {
        if (packet->stream_index == 1) {
            om_assert(memcmp(packet->data, "{\"objects\":[]}", (size_t)packet->size) == 0);
            metadata_count--;
        } else {
            om_assert(list.count < clip->count);
            const struct om_packet *want = clip->packets[list.count];
            om_assert(packet->dts == want->dts_us && packet->pts == want->pts_us);
            om_assert(want->is_key == ((packet->flags & AV_PKT_FLAG_KEY) != 0));
            list.items[list.count++] = av_packet_clone(packet);
        }
        av_packet_unref(packet);
    }
    om_assert(list.count == clip->count && metadata_count == 0);
    if (with_pixels)
        check_pixels(clip, format->streams[0]->codecpar, &list);
    av_packet_free(&packet);
    packet_list_finish(&list);
    close_memory(format);
}

// ---- by hand ----------------------------------------------------------------------------------

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// The first box of that type in [p, end), which must be made of whole boxes only.
static const uint8_t *find_box(const uint8_t *p, const uint8_t *end, const char *type)
{
    while (p < end) {
        om_assert(end - p >= 8 && u32(p) >= 8 && u32(p) <= (size_t)(end - p));
        if (memcmp(p + 4, type, 4) == 0)
            return p;
        p += u32(p);
    }
    return NULL;
}

static const uint8_t *find_within(const uint8_t *box, const char *type)
{
    return find_box(box + 8, box + u32(box), type);
}

// Checks one moof and the mdat behind it: offsets, sizes, durations. Returns how many pictures it
// has.
static int check_fragment(const struct clip *clip, int at, const uint8_t *moof)
{
    const uint8_t *mdat = moof + u32(moof), *traf = find_within(moof, "traf");
    om_assert(memcmp(mdat + 4, "mdat", 4) == 0);
    const uint8_t *tfdt = find_within(traf, "tfdt"), *trun = find_within(traf, "trun");
    om_assert(tfdt[8] == 1 && u32(tfdt + 12) == 0);
    om_assert(u32(tfdt + 16) == clip->packets[at]->dts_us);
    int count = (int)u32(trun + 12);
    om_assert(u32(trun) == 20 + 16 * (uint32_t)count);
    om_assert(moof + u32(trun + 16) == mdat + 8);
    const uint8_t *sample = mdat + 8;
    for (int i = 0; i < count; i++) {
        const uint8_t *entry = trun + 20 + 16 * i;
        om_assert(u32(entry) == gap_us(clip, at + i));
        om_assert(u32(entry + 8) == (clip->packets[at + i]->is_key ? 0x02000000 : 0x01010000));
        for (const uint8_t *nal = sample; nal < sample + u32(entry + 4); nal += 4 + u32(nal))
            om_assert(u32(nal) > 0);
        sample += u32(entry + 4);
    }
    const uint8_t *metadata = find_box(traf + u32(traf), mdat, "traf");
    if (metadata) {
        const uint8_t *run = find_within(metadata, "trun");
        om_assert(moof + u32(run + 16) == sample);
        sample += u32(run + 24);
    }
    om_assert(sample == mdat + u32(mdat));
    return count;
}

static void check_boxes(const struct clip *clip, const struct om_buf *buf)
{
    const uint8_t *p = (const uint8_t *)buf->data, *end = p + buf->len;
    om_assert(find_box(p, end, "nothing there") == NULL);  // whole boxes to the end
    const uint8_t *moov = find_box(p, end, "moov");
    om_assert(find_within(moov, "mvex") && find_within(moov, "trak"));
    int at = 0;
    uint32_t sequence = 0;
    for (p = find_box(p, end, "moof"); p; p = find_box(p + u32(p), end, "moof")) {
        om_assert(u32(find_within(p, "mfhd") + 12) == ++sequence);
        at += check_fragment(clip, at, p);
    }
    om_assert(at == clip->count);
}

static int key_count(const struct clip *clip)
{
    int n = !clip->packets[0]->is_key;  // what comes before the first key frame is a group too
    for (int i = 0; i < clip->count; i++)
        n += clip->packets[i]->is_key;
    return n;
}

// ---- tests -------------------------------------------------------------------------------------

static void test_clip(const char *folder, const char *name, const char *codecs)
{
    om_auto_buf path, buf;
    om_buf_init(&path, 4096);
    om_buf_init(&buf, OUT_MAX);
    om_buf_printf(&path, "%s/data/videos/%s", folder, name);
    struct clip clip;
    om_assert(clip_load(&clip, om_buf_text(&path)));
    clip.is_damaged = om_str_find(om_str_from(name), OM_STR("broken")) >= 0;

    om_auto(om_fmp4) mux = om_fmp4_create(&clip.info, false, NULL);
    om_assert(mux);
    for (int i = 0; !om_fmp4_is_ready(mux) && i < clip.count; i++)
        (void)om_fmp4_learn(mux, clip.packets[i]);
    om_assert(strcmp(om_fmp4_codecs(mux), codecs) == 0);

    mux_clip(&clip, true, false, &buf);
    check_boxes(&clip, &buf);
    check_file(&clip, &buf, 0, false);
    om_buf_clear(&buf);
    mux_clip(&clip, false, true, &buf);
    check_boxes(&clip, &buf);
    check_file(&clip, &buf, key_count(&clip), true);

    // In-band parameter sets alone do as well.
    if (clip.info.extradata[0] != 1) {
        clip.info.extradata_bytes = 0;
        om_buf_clear(&buf);
        mux_clip(&clip, false, false, &buf);
        check_file(&clip, &buf, 0, true);
    }
    clip_finish(&clip);
}

static void test_unsupported(void)
{
    struct om_error err;
    struct om_stream_info info = {.codec = OM_CODEC_MJPEG};
    om_assert(!om_fmp4_create(&info, false, &err) && err.status == OM_UNSUPPORTED && err.hint[0]);
    uint8_t cut[] = {1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 26, 0x67};
    info = (struct om_stream_info){
        .codec = OM_CODEC_H264, .extradata = cut, .extradata_bytes = sizeof(cut)};
    om_assert(!om_fmp4_create(&info, false, &err) && err.status == OM_INVALID && err.hint[0]);
}

// A mid-stream change of size: the key frame teaches it, and a new init segment says so.
static void test_size_change(const char *folder)
{
    om_auto_buf path, buf;
    om_buf_init(&path, 4096);
    om_buf_init(&buf, OUT_MAX);
    om_buf_printf(&path, "%s/data/videos/variants/size_change.h264", folder);
    struct clip clip;
    om_assert(clip_load(&clip, om_buf_text(&path)));
    om_auto(om_fmp4) mux = om_fmp4_create(&clip.info, false, NULL);
    int inits = 0;
    for (int i = 0; i < clip.count; i++) {
        bool is_new = om_fmp4_learn(mux, clip.packets[i]);
        if (i == 0 || is_new) {
            om_assert(om_fmp4_init_segment(mux, &buf) == OM_OK);
            inits++;
        }
        om_assert(i == 0 || is_new == (i == 30));
    }
    om_assert(inits == 2 && strcmp(om_fmp4_codecs(mux), "avc1.64000d") == 0);
    clip_finish(&clip);
}

// Once its buffer has grown, a fragment costs no allocation.
static void test_allocates_nothing(const char *folder)
{
    om_auto_buf path, buf;
    om_buf_init(&path, 4096);
    om_buf_init(&buf, OUT_MAX);
    om_buf_printf(&path, "%s/data/videos/variants/h264_bframes.ts", folder);
    struct clip clip;
    om_assert(clip_load(&clip, om_buf_text(&path)));
    om_auto(om_fmp4) mux = om_fmp4_create(&clip.info, true, NULL);
    uint64_t before = 0;
    for (int round = 0; round < 2; round++) {
        before = om_mem_alloc_count();
        for (int i = 0; i < clip.count; i++) {
            om_buf_clear(&buf);
            om_assert(!om_fmp4_learn(mux, clip.packets[i]));
            om_assert(om_fmp4_fragment(mux, &clip.packets[i], 1, 40000, OM_STR("{}"), &buf) ==
                      OM_OK);
        }
    }
    om_assert(om_mem_alloc_count() == before);
    clip_finish(&clip);
}

// Odd packets: below zero, without a picture, cut off, too large for the buffer.
static void test_odd_packets(const char *folder)
{
    om_auto_buf path, buf;
    om_buf_init(&path, 4096);
    om_buf_init(&buf, OUT_MAX);
    om_buf_printf(&path, "%s/data/videos/variants/h264_vfr.mp4", folder);
    struct clip clip;
    om_assert(clip_load(&clip, om_buf_text(&path)));
    om_auto(om_fmp4) mux = om_fmp4_create(&clip.info, false, NULL);
    for (int i = 0; i < 2; i++) {
        clip.packets[i]->dts_us = -80000 + i * 40000;
        clip.packets[i]->pts_us = i * 40000;
    }
    om_assert(om_fmp4_fragment(mux, clip.packets, 2, 40000, OM_STR(""), &buf) == OM_OK);
    const uint8_t *traf = find_within((const uint8_t *)buf.data, "traf");
    om_assert(u32(find_within(traf, "tfdt") + 12) == 0 && u32(find_within(traf, "tfdt") + 16) == 0);
    const uint8_t *trun = find_within(traf, "trun");
    om_assert(u32(trun + 20 + 12) == 0 && u32(trun + 36 + 12) == 40000);  // pts stay

    size_t len = buf.len;
    struct om_packet *sei = om_packet_copy("\0\0\0\2\6\5", 6),
                     *cut = om_packet_copy("\0\0\1\0e", 5);
    om_assert(om_fmp4_fragment(mux, &sei, 1, 1, OM_STR(""), &buf) == OM_INVALID);
    om_assert(om_fmp4_fragment(mux, &cut, 1, 1, OM_STR(""), &buf) == OM_INVALID);
    om_assert(om_fmp4_fragment(mux, NULL, 0, 1, OM_STR(""), &buf) == OM_INVALID && buf.len == len);
    struct om_packet *mixed[3] = {sei, clip.packets[0], cut};
    om_buf_clear(&buf);
    om_assert(om_fmp4_fragment(mux, mixed, 3, 7, OM_STR(""), &buf) == OM_OK);
    trun = find_within(find_within((const uint8_t *)buf.data, "traf"), "trun");
    om_assert(u32(trun + 12) == 1 && u32(trun + 20) == 7);

    om_auto_buf small;
    om_buf_init(&small, 200);
    om_assert(om_fmp4_fragment(mux, clip.packets, 1, 1, OM_STR(""), &small) == OM_LIMIT);
    om_assert(small.len == 0);
    om_packet_unref(&sei);
    om_packet_unref(&cut);
    clip_finish(&clip);
}

int main(void)
{
    test_unsupported();
    const char *shared = getenv("OMMA_SHARED");
    if (!shared) {
        puts("skipped: no ../shared");
        return 77;
    }
    av_log_set_level(AV_LOG_QUIET);
    static const struct {
        const char *name, *codecs;
    } clips[] = {
        {"car-detection.mp4", "avc1.428016"},
        {"dashcam_short.mp4", "avc1.64001f"},
        {"person-bicycle-car-detection.mp4", "avc1.428016"},
        {"traffic_motorway.mp4", "avc1.64081f"},
        {"tud_campus.mp4", "avc1.64001e"},
        {"shop_hevc_a.mp4", "hvc1.1.6.L120.90"},
        {"variants/h264_322x242.mp4", "avc1.64000d"},
        {"variants/h264_444.mp4", "avc1.f4001e"},
        {"variants/h264_alaw.mov", "avc1.64001e"},
        {"variants/h264_annexb.h264", "avc1.64001e"},
        {"variants/h264_bframes.ts", "avc1.64001e"},
        {"variants/h264_fragmented.mp4", "avc1.64001e"},
        {"variants/h264_fullrange_aac.mp4", "avc1.64001e"},
        {"variants/h264_interlaced.ts", "avc1.64001e"},
        {"variants/h264_intra.mkv", "avc1.64101e"},
        {"variants/h264_one_key.mp4", "avc1.42c01e"},
        {"variants/h264_pts_wrap.ts", "avc1.64001e"},
        {"variants/h264_vfr.mp4", "avc1.64001e"},
        {"variants/hevc.mp4", "hvc1.1.6.L63.90"},
        {"variants/hevc_main10.mkv", "hvc1.2.4.L63.90"},
        {"variants/joined_discontinuity.ts", "avc1.64001e"},
        {"variants/rotate90.mp4", "avc1.64001e"},
        {"variants/broken_bitflips.ts", "avc1.64001e"},
        {"variants/broken_lost_packets.ts", "avc1.64001e"},
        {"variants/broken_tail_cut.mp4", "avc1.64001e"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(clips); i++)
        test_clip(shared, clips[i].name, clips[i].codecs);
    test_size_change(shared);
    test_allocates_nothing(shared);
    test_odd_packets(shared);
    return 0;
}
