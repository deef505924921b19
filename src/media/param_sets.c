#include "media/param_sets.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"

void om_param_sets_init(struct om_param_sets *sets, enum om_codec codec)
{
    om_assert(codec == OM_CODEC_H264 || codec == OM_CODEC_HEVC);
    *sets = (struct om_param_sets){.codec = codec};
}

void om_param_sets_finish(struct om_param_sets *sets)
{
    for (int i = 0; i < sets->count; i++) {
        om_free(sets->items[i].data);
        sets->items[i] = (struct om_param_set){0};
    }
    sets->count = 0;
}

// ---- keeping -----------------------------------------------------------------------------------

static struct om_param_set *find(struct om_param_sets *sets, enum om_nal_kind kind, uint32_t id)
{
    for (int i = 0; i < sets->count; i++) {
        if (sets->items[i].kind == kind && sets->items[i].id == id)
            return &sets->items[i];
    }
    return NULL;
}

static bool is_same(const struct om_param_set *set, struct om_nal nal)
{
    return set->n == nal.n && memcmp(set->data, nal.p, nal.n) == 0;
}

static int count_kind(const struct om_param_sets *sets, enum om_nal_kind kind)
{
    int n = 0;
    for (int i = 0; i < sets->count; i++)
        n += sets->items[i].kind == kind;
    return n;
}

// How many of a kind avcC (5 bits for SPS, 8 for PPS) can name; more would be no real stream.
static int kind_max(enum om_nal_kind kind)
{
    return kind == OM_NAL_PPS ? 32 : 16;
}

bool om_param_sets_has(const struct om_param_sets *sets, struct om_nal nal)
{
    enum om_nal_kind kind = om_nal_kind_of(sets->codec, nal);
    for (int i = 0; i < sets->count; i++) {
        if (sets->items[i].kind == kind && is_same(&sets->items[i], nal))
            return true;
    }
    return false;
}

bool om_param_sets_is_complete(const struct om_param_sets *sets)
{
    return count_kind(sets, OM_NAL_SPS) > 0 && count_kind(sets, OM_NAL_PPS) > 0 &&
           (sets->codec != OM_CODEC_HEVC || count_kind(sets, OM_NAL_VPS) > 0);
}

static bool is_param_set(enum om_nal_kind kind)
{
    return kind == OM_NAL_VPS || kind == OM_NAL_SPS || kind == OM_NAL_PPS;
}

// Parses the first SPS again after a change.
static void refresh(struct om_param_sets *sets)
{
    for (int i = 0; i < sets->count; i++) {
        const struct om_param_set *set = &sets->items[i];
        if (set->kind == OM_NAL_SPS &&
            om_sps_parse(sets->codec, (struct om_nal){set->data, set->n}, &sets->sps))
            return;
    }
}

static bool put(struct om_param_sets *sets, struct om_nal nal)
{
    enum om_nal_kind kind = om_nal_kind_of(sets->codec, nal);
    uint32_t id;
    if (!is_param_set(kind) || nal.n > OM_PARAM_SET_BYTES_MAX ||
        !om_nal_param_id(sets->codec, nal, &id))
        return false;
    struct om_param_set *set = find(sets, kind, id);
    if (set && is_same(set, nal))
        return false;
    if (!set && (sets->count == OM_PARAM_SETS_MAX || count_kind(sets, kind) >= kind_max(kind)))
        return false;
    uint8_t *copy = om_try_alloc(nal.n, 1);
    if (!copy)
        return false;
    memcpy(copy, nal.p, nal.n);
    if (!set)
        set = &sets->items[sets->count++];
    om_free(set->data);
    *set = (struct om_param_set){kind, id, nal.n, copy};
    return true;
}

// ---- learning ----------------------------------------------------------------------------------

// Whether a set of the packet is at odds with one that is kept, though the packet by itself is
// whole.
static bool starts_anew(struct om_param_sets *sets, const uint8_t *data, size_t n, int length_bytes)
{
    bool has_conflict = false, has[OM_NAL_KIND_COUNT] = {false};
    struct om_nal_reader reader;
    struct om_nal nal;
    om_nal_reader_init(&reader, data, n, length_bytes);
    while (om_nal_next(&reader, &nal)) {
        enum om_nal_kind kind = om_nal_kind_of(sets->codec, nal);
        uint32_t id;
        if (!is_param_set(kind) || !om_nal_param_id(sets->codec, nal, &id))
            continue;
        const struct om_param_set *set = find(sets, kind, id);
        has_conflict |= kind == OM_NAL_SPS && set && !is_same(set, nal);
        has[kind] = true;
    }
    bool is_whole = has[OM_NAL_SPS] && has[OM_NAL_PPS] &&
                    (has[OM_NAL_VPS] || sets->codec != OM_CODEC_HEVC);
    return has_conflict && is_whole;
}

// Without a parameter set that is not kept yet, a packet has nothing to teach: the usual case,
// answered before anything else is looked at. Sets come before the first slice.
static bool has_news(const struct om_param_sets *sets, const uint8_t *data, size_t n,
                     int length_bytes)
{
    struct om_nal_reader reader;
    struct om_nal nal;
    om_nal_reader_init(&reader, data, n, length_bytes);
    while (om_nal_next(&reader, &nal)) {
        enum om_nal_kind kind = om_nal_kind_of(sets->codec, nal);
        if (kind == OM_NAL_PICTURE)
            return false;
        if (is_param_set(kind) && !om_param_sets_has(sets, nal))
            return true;
    }
    return false;
}

bool om_param_sets_learn(struct om_param_sets *sets, const uint8_t *data, size_t n,
                         int length_bytes)
{
    if (!has_news(sets, data, n, length_bytes))
        return false;
    if (starts_anew(sets, data, n, length_bytes))
        om_param_sets_finish(sets);

    bool has_changed = false;
    struct om_nal_reader reader;
    struct om_nal nal;
    om_nal_reader_init(&reader, data, n, length_bytes);
    while (om_nal_next(&reader, &nal))
        has_changed |= put(sets, nal);
    if (has_changed)
        refresh(sets);
    return has_changed;
}

// ---- avcC, hvcC: in ----------------------------------------------------------------------------

struct cursor {
    const uint8_t *p, *end;
    bool has_failed;
};

static unsigned take(struct cursor *at, size_t n)
{
    if ((size_t)(at->end - at->p) < n) {
        at->has_failed = true;
        at->p = at->end;
        return 0;
    }
    unsigned value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | at->p[i];
    at->p += n;
    return value;
}

static void take_sets(struct om_param_sets *sets, struct cursor *at, unsigned count)
{
    for (unsigned i = 0; i < count && !at->has_failed; i++) {
        size_t n = take(at, 2);
        if ((size_t)(at->end - at->p) < n) {
            at->has_failed = true;
            return;
        }
        (void)put(sets, (struct om_nal){at->p, n});  // a broken one is left out
        at->p += n;
    }
}

static bool load_avcc(struct om_param_sets *sets, struct cursor *at, int *ret_length_bytes)
{
    (void)take(at, 4);
    *ret_length_bytes = (int)(take(at, 1) & 3) + 1;
    take_sets(sets, at, take(at, 1) & 0x1f);
    take_sets(sets, at, take(at, 1));
    return !at->has_failed;
}

static bool load_hvcc(struct om_param_sets *sets, struct cursor *at, int *ret_length_bytes)
{
    (void)take(at, 21);
    *ret_length_bytes = (int)(take(at, 1) & 3) + 1;
    unsigned arrays = take(at, 1);
    for (unsigned i = 0; i < arrays && !at->has_failed; i++) {
        (void)take(at, 1);
        take_sets(sets, at, take(at, 2));
    }
    return !at->has_failed;
}

static bool is_annexb(const uint8_t *data, size_t n)
{
    return n >= 3 && data[0] == 0 && data[1] == 0 &&
           (data[2] == 1 || (n >= 4 && !data[2] && data[3] == 1));
}

enum om_status om_param_sets_load(struct om_param_sets *sets, const uint8_t *data, size_t n,
                                  int *ret_length_bytes)
{
    *ret_length_bytes = 0;
    if (n == 0 || is_annexb(data, n)) {
        (void)om_param_sets_learn(sets, data, n, 0);
        return OM_OK;
    }
    struct cursor at = {data, data + n, false};
    bool is_whole = sets->codec == OM_CODEC_HEVC ? load_hvcc(sets, &at, ret_length_bytes)
                                                 : load_avcc(sets, &at, ret_length_bytes);
    refresh(sets);
    return is_whole ? OM_OK : OM_INVALID;
}

// ---- avcC, hvcC: out ---------------------------------------------------------------------------

static void write_sets(const struct om_param_sets *sets, enum om_nal_kind kind, struct om_buf *out)
{
    for (int i = 0; i < sets->count; i++) {
        const struct om_param_set *set = &sets->items[i];
        if (set->kind != kind)
            continue;
        om_buf_append_u16be(out, (uint16_t)set->n);
        om_buf_append(out, set->data, set->n);
    }
}

static void write_avcc(const struct om_param_sets *sets, struct om_buf *out)
{
    const struct om_sps *sps = &sets->sps;
    om_buf_append_u8(out, 1);
    om_buf_append_u8(out, sps->profile);
    om_buf_append_u8(out, sps->compatibility);
    om_buf_append_u8(out, sps->level);
    om_buf_append_u8(out, 0xfc | 3);
    om_buf_append_u8(out, (uint8_t)(0xe0 | count_kind(sets, OM_NAL_SPS)));
    write_sets(sets, OM_NAL_SPS, out);
    om_buf_append_u8(out, (uint8_t)count_kind(sets, OM_NAL_PPS));
    write_sets(sets, OM_NAL_PPS, out);
    if (sps->profile == 66 || sps->profile == 77 || sps->profile == 88)
        return;
    om_buf_append_u8(out, (uint8_t)(0xfc | sps->chroma_format));
    om_buf_append_u8(out, (uint8_t)(0xf8 | (sps->bit_depth_luma - 8)));
    om_buf_append_u8(out, (uint8_t)(0xf8 | (sps->bit_depth_chroma - 8)));
    om_buf_append_u8(out, 0);  // no SPS extensions
}

static void write_hvcc(const struct om_param_sets *sets, struct om_buf *out)
{
    static const struct {
        enum om_nal_kind kind;
        uint8_t type;
    } arrays[] = {{OM_NAL_VPS, 32}, {OM_NAL_SPS, 33}, {OM_NAL_PPS, 34}};

    const struct om_sps *sps = &sets->sps;
    om_buf_append_u8(out, 1);
    om_buf_append(out, sps->profile_tier_level, sizeof(sps->profile_tier_level));
    om_buf_append_u16be(out, 0xf000);  // min_spatial_segmentation_idc: unknown
    om_buf_append_u8(out, 0xfc);       // parallelismType: unknown
    om_buf_append_u8(out, (uint8_t)(0xfc | sps->chroma_format));
    om_buf_append_u8(out, (uint8_t)(0xf8 | (sps->bit_depth_luma - 8)));
    om_buf_append_u8(out, (uint8_t)(0xf8 | (sps->bit_depth_chroma - 8)));
    om_buf_append_u16be(out, 0);  // avgFrameRate: unknown
    om_buf_append_u8(out,
                     (uint8_t)(sps->temporal_layers << 3 | (sps->is_temporal_nested ? 4 : 0) | 3));
    om_buf_append_u8(out, OM_ARRAY_LEN(arrays));
    for (size_t i = 0; i < OM_ARRAY_LEN(arrays); i++) {
        om_buf_append_u8(out, 0x80 | arrays[i].type);  // all sets of that type are here
        om_buf_append_u16be(out, (uint16_t)count_kind(sets, arrays[i].kind));
        write_sets(sets, arrays[i].kind, out);
    }
}

void om_param_sets_write(const struct om_param_sets *sets, struct om_buf *out)
{
    om_assert(om_param_sets_is_complete(sets));
    if (sets->codec == OM_CODEC_HEVC)
        write_hvcc(sets, out);
    else
        write_avcc(sets, out);
}

// ---- codec string ------------------------------------------------------------------------------

static uint32_t reversed(uint32_t value)
{
    uint32_t ret = 0;
    for (int i = 0; i < 32; i++)
        ret |= ((value >> i) & 1) << (31 - i);
    return ret;
}

// ISO/IEC 14496-15, annex E.3: profile, compatibility flags reversed, tier and level, constraint
// bytes without the zero ones at the end.
static void hevc_codecs(const uint8_t ptl[12], char *text, size_t size)
{
    static const char space[4][2] = {"", "A", "B", "C"};
    uint32_t flags = (uint32_t)ptl[1] << 24 | (uint32_t)ptl[2] << 16 | (uint32_t)ptl[3] << 8 |
                     ptl[4];
    int len = snprintf(text, size, "hvc1.%s%d.%X.%c%d", space[ptl[0] >> 6], ptl[0] & 0x1f,
                       (unsigned)reversed(flags), ptl[0] & 0x20 ? 'H' : 'L', ptl[11]);
    int last = 10;
    while (last > 4 && ptl[last] == 0)
        last--;
    for (int i = 5; i <= last; i++)
        len += snprintf(text + len, size - (size_t)len, ".%X", ptl[i]);
}

const char *om_param_sets_codecs(const struct om_param_sets *sets, char *text, size_t size)
{
    om_assert(size >= 48);  // the longest there is
    const struct om_sps *sps = &sets->sps;
    if (sets->codec == OM_CODEC_HEVC)
        hevc_codecs(sps->profile_tier_level, text, size);
    else
        snprintf(text, size, "avc1.%02x%02x%02x", sps->profile, sps->compatibility, sps->level);
    return text;
}
