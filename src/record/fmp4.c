#include "record/fmp4.h"

#include "base/assert.h"
#include "base/mem.h"
#include "media/packet.h"
#include "media/param_sets.h"
#include "media/stream.h"
#include "record/mp4_box.h"

enum {
    TIMESCALE = 1000000,  // the media clock's own unit: no time is ever rounded
    VIDEO_TRACK = 1,
    METADATA_TRACK = 2,
    FLAGS_KEY = 0x02000000,      // depends on no other sample
    FLAGS_NOT_KEY = 0x01010000,  // depends on others, is no sync sample
    TRUN_ENTRY_BYTES = 16,
};

struct om_fmp4 {
    struct om_param_sets sets;
    int length_bytes;  // of the packets' length prefixes, 0 = Annex B
    int rotation_deg;
    bool has_metadata;
    bool keeps_sets;  // parameter sets stay in the pictures: some differ from the init segment's
    uint32_t sequence;
    char codecs[OM_FMP4_CODECS_SIZE];
};

static void refresh(struct om_fmp4 *mux)
{
    if (om_param_sets_is_complete(&mux->sets))
        (void)om_param_sets_codecs(&mux->sets, mux->codecs, sizeof(mux->codecs));
}

struct om_fmp4 *om_fmp4_create(const struct om_stream_info *info, bool with_metadata,
                               struct om_error *err)
{
    if (info->codec != OM_CODEC_H264 && info->codec != OM_CODEC_HEVC) {
        om_error_set(err, OM_UNSUPPORTED, "MP4 is made of H.264 and HEVC only, this stream is %s",
                     om_codec_name(info->codec));
        om_error_hint(err, "let the camera send H.264");
        return NULL;
    }
    struct om_fmp4 *mux = om_new(struct om_fmp4);
    om_param_sets_init(&mux->sets, info->codec);
    mux->has_metadata = with_metadata;
    mux->rotation_deg = info->rotation_deg;
    if (om_param_sets_load(&mux->sets, info->extradata, info->extradata_bytes,
                           &mux->length_bytes) != OM_OK) {
        om_error_set(err, OM_INVALID, "the stream's %s configuration record is cut off",
                     om_codec_name(info->codec));
        om_error_hint(err, "the file or the camera's description is damaged");
        om_fmp4_destroy(mux);
        return NULL;
    }
    refresh(mux);
    return mux;
}

void om_fmp4_destroy(struct om_fmp4 *mux)
{
    if (!mux)
        return;
    om_param_sets_finish(&mux->sets);
    om_free(mux);
}

bool om_fmp4_learn(struct om_fmp4 *mux, const struct om_packet *packet)
{
    if (!om_param_sets_learn(&mux->sets, packet->data, packet->bytes, mux->length_bytes))
        return false;
    refresh(mux);
    return om_param_sets_is_complete(&mux->sets);
}

bool om_fmp4_is_ready(const struct om_fmp4 *mux)
{
    return om_param_sets_is_complete(&mux->sets);
}

const char *om_fmp4_codecs(const struct om_fmp4 *mux)
{
    return mux->codecs;
}

// What was appended since `start` goes again when something failed.
static enum om_status close_segment(struct om_buf *out, size_t start)
{
    if (!out->has_failed && out->len - start <= UINT32_MAX / 2)
        return OM_OK;
    out->len = start;
    return OM_LIMIT;
}

// ---- init segment ------------------------------------------------------------------------------

static void write_ftyp(struct om_buf *out)
{
    size_t ftyp = om_mp4_begin(out, "ftyp");
    om_buf_append_text(out, "iso6");
    om_buf_append_u32be(out, 0);
    om_buf_append_text(out, "iso6iso5mp41");
    om_mp4_end(out, ftyp);
}

static void write_identity_matrix(struct om_buf *out)
{
    static const uint32_t matrix[9] = {0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000};
    for (int i = 0; i < 9; i++)
        om_buf_append_u32be(out, matrix[i]);
}

static void write_mvhd(struct om_buf *out)
{
    size_t mvhd = om_mp4_begin_full(out, "mvhd", 0, 0);
    om_mp4_zeros(out, 8);  // creation and modification
    om_buf_append_u32be(out, TIMESCALE);
    om_buf_append_u32be(out, 0);        // duration: that of the fragments
    om_buf_append_u32be(out, 0x10000);  // rate 1.0
    om_buf_append_u16be(out, 0x100);    // volume 1.0
    om_mp4_zeros(out, 10);
    write_identity_matrix(out);
    om_mp4_zeros(out, 24);
    om_buf_append_u32be(out, METADATA_TRACK + 1);  // next track's id
    om_mp4_end(out, mvhd);
}

// The turn that makes the picture upright; [a b u, c d v, x y w] with x' = ax + cy + x0.
static void write_matrix(struct om_buf *out, int rotation_deg, uint32_t width, uint32_t height)
{
    const uint32_t one = 0x10000, minus = 0xffff0000;
    uint32_t m[9] = {one, 0, 0, 0, one, 0, 0, 0, 0x40000000};
    if (rotation_deg == 90) {
        m[0] = m[4] = 0;
        m[1] = one;
        m[3] = minus;
        m[6] = height << 16;
    } else if (rotation_deg == 180) {
        m[0] = m[4] = minus;
        m[6] = width << 16;
        m[7] = height << 16;
    } else if (rotation_deg == 270) {
        m[0] = m[4] = 0;
        m[1] = minus;
        m[3] = one;
        m[7] = width << 16;
    }
    for (int i = 0; i < 9; i++)
        om_buf_append_u32be(out, m[i]);
}

static void write_tkhd(const struct om_fmp4 *mux, bool is_video, struct om_buf *out)
{
    const struct om_sps *sps = &mux->sets.sps;
    uint32_t width = 0, height = 0;
    if (is_video) {
        width = (uint32_t)((int64_t)sps->width * sps->sar_width / sps->sar_height) & 0xffff;
        height = (uint32_t)sps->height;
    }
    size_t tkhd = om_mp4_begin_full(out, "tkhd", 0, 3);  // enabled, in movie
    om_mp4_zeros(out, 8);
    om_buf_append_u32be(out, is_video ? VIDEO_TRACK : METADATA_TRACK);
    om_mp4_zeros(out, 4 + 4 + 8 + 2 + 2 + 2 + 2);  // duration, layer, group, volume
    write_matrix(out, is_video ? mux->rotation_deg : 0, width, height);
    om_buf_append_u32be(out, width << 16);
    om_buf_append_u32be(out, height << 16);
    om_mp4_end(out, tkhd);
}

static void write_video_entry(const struct om_fmp4 *mux, struct om_buf *out)
{
    const struct om_sps *sps = &mux->sets.sps;
    bool is_hevc = mux->sets.codec == OM_CODEC_HEVC;
    size_t entry = om_mp4_begin(out, is_hevc ? "hvc1" : "avc1");
    om_mp4_zeros(out, 6);
    om_buf_append_u16be(out, 1);  // data reference
    om_mp4_zeros(out, 16);
    om_buf_append_u16be(out, (uint16_t)sps->width);
    om_buf_append_u16be(out, (uint16_t)sps->height);
    om_buf_append_u32be(out, 0x480000);  // 72 dpi
    om_buf_append_u32be(out, 0x480000);
    om_mp4_zeros(out, 4);
    om_buf_append_u16be(out, 1);  // one picture in a sample
    om_mp4_zeros(out, 32);        // compressor's name
    om_buf_append_u16be(out, 24);
    om_buf_append_u16be(out, 0xffff);
    size_t config = om_mp4_begin(out, is_hevc ? "hvcC" : "avcC");
    om_param_sets_write(&mux->sets, out);
    om_mp4_end(out, config);
    if (sps->sar_width != sps->sar_height) {
        size_t pasp = om_mp4_begin(out, "pasp");
        om_buf_append_u32be(out, (uint32_t)sps->sar_width);
        om_buf_append_u32be(out, (uint32_t)sps->sar_height);
        om_mp4_end(out, pasp);
    }
    om_mp4_end(out, entry);
}

static void write_metadata_entry(struct om_buf *out)
{
    static const char mime[] = "application/json";
    size_t entry = om_mp4_begin(out, "mett");
    om_mp4_zeros(out, 6);
    om_buf_append_u16be(out, 1);
    om_buf_append_u8(out, 0);  // no content encoding
    om_buf_append(out, mime, sizeof(mime));
    om_mp4_end(out, entry);
}

// The sample tables are empty: all samples are in the fragments.
static void write_stbl(const struct om_fmp4 *mux, bool is_video, struct om_buf *out)
{
    size_t stbl = om_mp4_begin(out, "stbl");
    size_t stsd = om_mp4_begin_full(out, "stsd", 0, 0);
    om_buf_append_u32be(out, 1);
    if (is_video)
        write_video_entry(mux, out);
    else
        write_metadata_entry(out);
    om_mp4_end(out, stsd);
    static const struct {
        char type[5];
        uint8_t zeros;
    } empty[] = {{"stts", 4}, {"stsc", 4}, {"stsz", 8}, {"stco", 4}};
    for (size_t i = 0; i < OM_ARRAY_LEN(empty); i++) {
        size_t table = om_mp4_begin_full(out, empty[i].type, 0, 0);
        om_mp4_zeros(out, empty[i].zeros);
        om_mp4_end(out, table);
    }
    om_mp4_end(out, stbl);
}

static void write_minf(const struct om_fmp4 *mux, bool is_video, struct om_buf *out)
{
    size_t minf = om_mp4_begin(out, "minf");
    size_t head = om_mp4_begin_full(out, is_video ? "vmhd" : "nmhd", 0, is_video ? 1 : 0);
    om_mp4_zeros(out, is_video ? 8 : 0);
    om_mp4_end(out, head);
    size_t dinf = om_mp4_begin(out, "dinf");
    size_t dref = om_mp4_begin_full(out, "dref", 0, 0);
    om_buf_append_u32be(out, 1);
    size_t url = om_mp4_begin_full(out, "url ", 0, 1);  // in this very file
    om_mp4_end(out, url);
    om_mp4_end(out, dref);
    om_mp4_end(out, dinf);
    write_stbl(mux, is_video, out);
    om_mp4_end(out, minf);
}

static void write_trak(const struct om_fmp4 *mux, bool is_video, struct om_buf *out)
{
    size_t trak = om_mp4_begin(out, "trak");
    write_tkhd(mux, is_video, out);
    size_t mdia = om_mp4_begin(out, "mdia");
    size_t mdhd = om_mp4_begin_full(out, "mdhd", 0, 0);
    om_mp4_zeros(out, 8);
    om_buf_append_u32be(out, TIMESCALE);
    om_buf_append_u32be(out, 0);
    om_buf_append_u16be(out, 0x55c4);  // language: und
    om_buf_append_u16be(out, 0);
    om_mp4_end(out, mdhd);
    size_t hdlr = om_mp4_begin_full(out, "hdlr", 0, 0);
    om_mp4_zeros(out, 4);
    om_buf_append_text(out, is_video ? "vide" : "meta");
    om_mp4_zeros(out, 12);
    om_buf_append_text(out, is_video ? "video" : "boxes");
    om_buf_append_u8(out, 0);
    om_mp4_end(out, hdlr);
    write_minf(mux, is_video, out);
    om_mp4_end(out, mdia);
    om_mp4_end(out, trak);
}

static void write_trex(uint32_t track, struct om_buf *out)
{
    size_t trex = om_mp4_begin_full(out, "trex", 0, 0);
    om_buf_append_u32be(out, track);
    om_buf_append_u32be(out, 1);  // sample description
    om_mp4_zeros(out, 12);        // duration, size, flags: every fragment says its own
    om_mp4_end(out, trex);
}

enum om_status om_fmp4_init_segment(struct om_fmp4 *mux, struct om_buf *out)
{
    if (!om_fmp4_is_ready(mux))
        return OM_AGAIN;
    size_t start = out->len;
    mux->keeps_sets = false;
    write_ftyp(out);
    size_t moov = om_mp4_begin(out, "moov");
    write_mvhd(out);
    write_trak(mux, true, out);
    if (mux->has_metadata)
        write_trak(mux, false, out);
    size_t mvex = om_mp4_begin(out, "mvex");
    write_trex(VIDEO_TRACK, out);
    if (mux->has_metadata)
        write_trex(METADATA_TRACK, out);
    om_mp4_end(out, mvex);
    om_mp4_end(out, moov);
    return close_segment(out, start);
}

// ---- fragments ---------------------------------------------------------------------------------

// What one fragment is made from, and the places in `out` that are filled in later.
struct fragment {
    struct om_packet *const *packets;
    size_t count;  // of packets; `kept` of them have a picture
    size_t kept;
    int64_t duration_us;
    om_str metadata;
    size_t moof, entries, video_offset_at, metadata_offset_at;
};

// A packet without a slice is no sample: a player would stop at it.
static bool has_picture(const struct om_fmp4 *mux, const struct om_packet *packet)
{
    struct om_nal_reader reader;
    struct om_nal nal;
    om_nal_reader_init(&reader, packet->data, packet->bytes, mux->length_bytes);
    while (om_nal_next(&reader, &nal)) {
        if (om_nal_kind_of(mux->sets.codec, nal) == OM_NAL_PICTURE)
            return true;
    }
    return false;
}

// Decode times are unsigned in MP4; a stream that starts below zero is pressed to it (its pts
// stay).
static int64_t decode_time_us(const struct om_packet *packet)
{
    return OM_MAX(packet->dts_us, (int64_t)0);
}

static size_t next_picture(const struct om_fmp4 *mux, const struct fragment *f, size_t i)
{
    while (i < f->count && !has_picture(mux, f->packets[i]))
        i++;
    return i;
}

static void write_traf_head(uint32_t track, int64_t time_us, struct om_buf *out)
{
    size_t tfhd = om_mp4_begin_full(out, "tfhd", 0, 0x020000);  // offsets count from the moof
    om_buf_append_u32be(out, track);
    om_mp4_end(out, tfhd);
    size_t tfdt = om_mp4_begin_full(out, "tfdt", 1, 0);
    om_buf_append_u64be(out, (uint64_t)time_us);
    om_mp4_end(out, tfdt);
}

static uint32_t duration_within(int64_t us)
{
    return (uint32_t)OM_CLAMP(us, (int64_t)0, (int64_t)UINT32_MAX);
}

static void write_video_traf(const struct om_fmp4 *mux, struct fragment *f, struct om_buf *out)
{
    size_t at = next_picture(mux, f, 0);
    size_t traf = om_mp4_begin(out, "traf");
    write_traf_head(VIDEO_TRACK, decode_time_us(f->packets[at]), out);
    size_t trun = om_mp4_begin_full(out, "trun", 1, 0xf01);
    om_buf_append_u32be(out, (uint32_t)f->kept);
    f->video_offset_at = out->len;
    om_buf_append_u32be(out, 0);
    f->entries = out->len;
    while (at < f->count) {
        const struct om_packet *packet = f->packets[at];
        at = next_picture(mux, f, at + 1);
        int64_t dts_us = decode_time_us(packet);
        int64_t duration_us = at < f->count ? decode_time_us(f->packets[at]) - dts_us
                                            : f->duration_us;
        int64_t shift_us = OM_CLAMP(packet->pts_us - dts_us, (int64_t)INT32_MIN,
                                    (int64_t)INT32_MAX);
        om_buf_append_u32be(out, duration_within(duration_us));
        om_buf_append_u32be(out, 0);  // size: known when the sample was written
        om_buf_append_u32be(out, packet->is_key ? FLAGS_KEY : FLAGS_NOT_KEY);
        om_buf_append_u32be(out, (uint32_t)(int32_t)shift_us);
    }
    om_mp4_end(out, trun);
    om_mp4_end(out, traf);
}

static void write_metadata_traf(const struct om_fmp4 *mux, struct fragment *f, struct om_buf *out)
{
    const struct om_packet *first = f->packets[next_picture(mux, f, 0)];
    const struct om_packet *last = f->packets[f->count - 1];
    int64_t time_us = OM_MAX(first->pts_us, (int64_t)0);
    size_t traf = om_mp4_begin(out, "traf");
    write_traf_head(METADATA_TRACK, time_us, out);
    size_t trun = om_mp4_begin_full(out, "trun", 0, 0x301);
    om_buf_append_u32be(out, 1);
    f->metadata_offset_at = out->len;
    om_buf_append_u32be(out, 0);
    om_buf_append_u32be(out, duration_within(last->dts_us - first->dts_us + f->duration_us));
    om_buf_append_u32be(out, (uint32_t)f->metadata.n);
    om_mp4_end(out, trun);
    om_mp4_end(out, traf);
}

static void write_moof(struct om_fmp4 *mux, struct fragment *f, struct om_buf *out)
{
    f->moof = om_mp4_begin(out, "moof");
    size_t mfhd = om_mp4_begin_full(out, "mfhd", 0, 0);
    om_buf_append_u32be(out, ++mux->sequence);
    om_mp4_end(out, mfhd);
    write_video_traf(mux, f, out);
    if (f->metadata.n > 0)
        write_metadata_traf(mux, f, out);
    om_mp4_end(out, f->moof);
}

// Parameter sets that the init segment has are left out; once a picture brings others, all stay,
// since the decoder then has to see each change.
static bool is_left_out(struct om_fmp4 *mux, struct om_nal nal)
{
    enum om_nal_kind kind = om_nal_kind_of(mux->sets.codec, nal);
    if (kind != OM_NAL_VPS && kind != OM_NAL_SPS && kind != OM_NAL_PPS)
        return false;
    if (!mux->keeps_sets && !om_param_sets_has(&mux->sets, nal))
        mux->keeps_sets = true;
    return !mux->keeps_sets;
}

static void write_sample(struct om_fmp4 *mux, const struct om_packet *packet, struct om_buf *out)
{
    struct om_nal_reader reader;
    struct om_nal nal;
    om_nal_reader_init(&reader, packet->data, packet->bytes, mux->length_bytes);
    while (om_nal_next(&reader, &nal)) {
        if (is_left_out(mux, nal))
            continue;
        om_buf_append_u32be(out, (uint32_t)nal.n);
        om_buf_append(out, nal.p, nal.n);
    }
}

static void write_mdat(struct om_fmp4 *mux, const struct fragment *f, struct om_buf *out)
{
    size_t mdat = om_mp4_begin(out, "mdat");
    om_mp4_patch_u32be(out, f->video_offset_at, (uint32_t)(out->len - f->moof));
    size_t entry = f->entries;
    for (size_t i = next_picture(mux, f, 0); i < f->count; i = next_picture(mux, f, i + 1)) {
        size_t sample = out->len;
        write_sample(mux, f->packets[i], out);
        om_mp4_patch_u32be(out, entry + 4, (uint32_t)(out->len - sample));
        entry += TRUN_ENTRY_BYTES;
    }
    if (f->metadata.n > 0) {
        om_mp4_patch_u32be(out, f->metadata_offset_at, (uint32_t)(out->len - f->moof));
        om_buf_append_str(out, f->metadata);
    }
    om_mp4_end(out, mdat);
}

enum om_status om_fmp4_fragment(struct om_fmp4 *mux, struct om_packet *const *packets, size_t count,
                                int64_t duration_us, om_str metadata, struct om_buf *out)
{
    if (!om_fmp4_is_ready(mux))
        return OM_AGAIN;
    struct fragment f = {.packets = packets, .count = count, .duration_us = duration_us};
    f.metadata = mux->has_metadata ? metadata : OM_STR("");
    for (size_t i = 0; i < count; i++)
        f.kept += has_picture(mux, packets[i]);
    if (f.kept == 0)
        return OM_INVALID;
    size_t start = out->len;
    write_moof(mux, &f, out);
    write_mdat(mux, &f, out);
    return close_segment(out, start);
}
