#include "decode/decoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "media/packet.h"
#include "media/picture.h"
#include "media/stream.h"

enum { GAP_US = 40 * OM_MS, PACKETS_MAX = 200, SLICE = 1, IDR = 5 };

// ---- access units of an Annex B file -----------------------------------------------------------

static size_t next_nal(const uint8_t *p, size_t n, size_t at)
{
    for (; at + 4 < n; at++) {
        if (p[at] == 0 && p[at + 1] == 0 && p[at + 2] == 1)
            return at + 3;
    }
    return n;
}

static struct om_packet *unit(const uint8_t *p, size_t from, size_t to, int i, bool is_key)
{
    struct om_packet *packet = om_packet_copy(p + from, to - from);
    packet->pts_us = packet->dts_us = (int64_t)i * GAP_US;
    packet->arrival_us = 7 + i;
    packet->is_key = is_key;
    return packet;
}

// One packet for each picture of an H.264 file without reordering.
static size_t split(const char *bytes, size_t n, struct om_packet *out[PACKETS_MAX])
{
    const uint8_t *p = (const uint8_t *)bytes;
    size_t count = 0, from = 0;
    bool has_slice = false, is_key = false;

    for (size_t at = next_nal(p, n, 0); at < n; at = next_nal(p, n, at)) {
        int type = p[at] & 31;
        bool is_slice = type == SLICE || type == IDR;
        bool starts_picture = is_slice ? p[at + 1] & 0x80 : type >= 6 && type <= 9;
        if (has_slice && starts_picture) {
            out[count] = unit(p, from, at - 3, (int)count, is_key);
            count++;
            from = at - 3;
            has_slice = is_key = false;
        }
        has_slice |= is_slice;
        is_key |= type == IDR;
    }
    out[count] = unit(p, from, n, (int)count, is_key);
    return count + 1;
}

static size_t load(const char *name, struct om_packet *out[PACKETS_MAX])
{
    char path[500];
    size_t n;
    om_auto_free char *bytes = NULL;

    snprintf(path, sizeof(path), "%s/data/videos/variants/%s", getenv("OMMA_SHARED"), name);
    om_assert(om_file_read(path, 1 << 24, &bytes, &n, NULL));
    return split(bytes, n, out);
}

static void drop(struct om_packet **packets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        om_packet_unref(&packets[i]);
}

static const struct om_stream_info h264 = {.codec = OM_CODEC_H264, .is_live = true};

static struct om_decoder *open_h264(bool show_corrupt)
{
    struct om_error err;
    const struct om_decoder_opts opts = {.threads = 1, .show_corrupt = show_corrupt};
    struct om_decoder *decoder = om_decoder_create(&h264, &opts, &err);
    om_assert(decoder);
    return decoder;
}

// On the scale 0..255.
static double luma_mean(const struct om_frame *frame)
{
    double sum = 0;
    for (int y = 0; y < frame->height; y++) {
        for (int x = 0; x < frame->width; x++)
            sum += frame->plane[0][(ptrdiff_t)y * frame->stride[0] + x];
    }
    double mean = sum / frame->width / frame->height;
    return frame->is_full_range ? mean : (mean - 16) * 255 / 219;
}

// For packets that may be refused.
static void ignore(enum om_status status)
{
    om_assert(status == OM_OK || status == OM_INVALID);
}

// Takes and drops all frames there are; how many.
static int take_all(struct om_decoder *decoder)
{
    struct om_frame *frame;
    int n = 0;

    for (; om_decoder_take(decoder, &frame) == OM_OK; n++)
        om_frame_unref(&frame);
    return n;
}

// ---- tests -------------------------------------------------------------------------------------

static void test_full(void)
{
    struct om_packet *packets[PACKETS_MAX];
    size_t n = load("h264_annexb.h264", packets);
    om_auto(om_decoder) decoder = open_h264(false);
    struct om_frame *frame, *kept = NULL;
    int frames = 0;

    om_assert(n == 60);
    for (size_t i = 0; i <= n; i++) {
        om_assert(om_decoder_send(decoder, i < n ? packets[i] : NULL) == OM_OK);
        while (om_decoder_take(decoder, &frame) == OM_OK) {
            om_assert(frame->format == OM_PIX_I420 && frame->width == 640 && frame->height == 360);
            om_assert(frame->seq == (uint64_t)frames && !frame->is_corrupt);
            double want = frames == 0 ? 118.55 : frames == 9 ? 117.3 : frames == 29 ? 110.17 : -1;
            om_assert(want < 0 || fabs(luma_mean(frame) - want) < 0.6);
            frames++;
            if (!kept)
                kept = om_frame_ref(frame);
            om_frame_unref(&frame);
        }
    }
    om_assert(frames == 60 && om_decoder_take(decoder, &frame) == OM_END);
    drop(packets, n);
    om_decoder_destroy(om_steal(&decoder));
    om_assert(fabs(luma_mean(kept) - 118.55) < 0.6);  // outlives the decoder
    om_frame_unref(&kept);
}

// The pictures come in the order of time, each with the facts of its own packet.
static void test_size_change(void)
{
    struct om_packet *packets[PACKETS_MAX];
    size_t n = load("size_change.h264", packets);
    om_auto(om_decoder) decoder = open_h264(false);
    struct om_frame *frame;
    int wide = 0, narrow = 0;

    for (size_t i = 0; i <= n; i++) {
        om_assert(om_decoder_send(decoder, i < n ? packets[i] : NULL) == OM_OK);
        while (om_decoder_take(decoder, &frame) == OM_OK) {
            om_assert(frame->width == 640 ? narrow == 0 : frame->width == 320);
            *(frame->width == 640 ? &wide : &narrow) += 1;
            om_frame_unref(&frame);
        }
    }
    om_assert(wide + narrow == 60 && wide > 0 && narrow > 0);
    drop(packets, n);
}

static void test_key_only(void)
{
    struct om_packet *packets[PACKETS_MAX];
    size_t n = load("h264_annexb.h264", packets), second_key = 1;
    om_auto(om_decoder) decoder = open_h264(false);
    int frames = 0;

    while (!packets[second_key]->is_key)
        second_key++;
    om_decoder_set_mode(decoder, OM_DECODE_KEY_ONLY);
    for (size_t i = 0; i < n; i++) {
        om_assert(om_decoder_send(decoder, packets[i]) == OM_OK);
        frames += take_all(decoder);
    }
    om_assert(frames == 2 && om_decoder_stats(decoder).skipped == 58);

    // Back to full rate: nothing before the next key frame ...
    om_decoder_set_mode(decoder, OM_DECODE_FULL);
    for (size_t i = 30; i < second_key; i++) {
        om_assert(om_decoder_send(decoder, packets[i]) == OM_OK);
        om_assert(take_all(decoder) == 0);
    }
    // ... or at once with the whole group.
    frames = 0;
    for (size_t i = second_key; i < second_key + 8; i++) {
        om_assert(om_decoder_send(decoder, packets[i]) == OM_OK);
        frames += take_all(decoder);
    }
    om_assert(om_decoder_send(decoder, NULL) == OM_OK);
    frames += take_all(decoder);
    om_assert(frames == 8);
    drop(packets, n);
}

static void test_damage(bool show_corrupt, int min, int max)
{
    struct om_packet *packets[PACKETS_MAX];
    size_t n = load("h264_annexb.h264", packets), second_key = 1;
    om_auto(om_decoder) decoder = open_h264(show_corrupt);
    int frames = 0;

    while (!packets[second_key]->is_key)
        second_key++;
    om_assert(second_key > 20);
    for (size_t i = 0; i <= n; i++) {
        if (i == 10)
            packets[i]->is_corrupt = true;
        ignore(om_decoder_send(decoder, i < n ? packets[i] : NULL));
        frames += take_all(decoder);
    }
    om_assert(frames >= min && frames <= max);
    struct om_decoder_stats stats = om_decoder_stats(decoder);
    om_assert(stats.corrupt >= second_key - 12 && stats.corrupt <= second_key);
    om_assert(show_corrupt || stats.corrupt + stats.frames == 60);
    drop(packets, n);
}

static void test_garbage(void)
{
    om_auto(om_decoder) decoder = open_h264(false);
    uint8_t noise[3000];

    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)(i * 2654435761u >> (round % 13 + 5));
        memcpy(noise, "\0\0\1\x65", 4);
        om_auto_ref(om_packet) packet = om_packet_copy(noise, sizeof(noise));
        packet->is_key = true;
        ignore(om_decoder_send(decoder, packet));
        take_all(decoder);
    }
    om_assert(om_decoder_stats(decoder).frames == 0);
}

static struct om_packet *jpeg_packet(void)
{
    om_auto_ref(om_frame) picture = om_frame_alloc(OM_PIX_I420, 320, 240);
    om_auto_buf jpeg;

    memset(om_frame_plane_mut(picture, 0), 90, (size_t)picture->stride[0] * 240);
    picture->is_full_range = true;
    om_buf_init(&jpeg, 1 << 20);
    om_assert(om_picture_encode_jpeg(picture, 0, 90, &jpeg, NULL) == OM_OK);
    struct om_packet *packet = om_packet_copy(jpeg.data, jpeg.len);
    packet->is_key = true;
    return packet;
}

static void test_hide(void)
{
    struct om_stream_info info = {.codec = OM_CODEC_MJPEG};
    const struct om_decoder_opts opts = {.threads = 1};
    om_auto(om_decoder) decoder = om_decoder_create(&info, &opts, NULL);
    om_auto_ref(om_packet) packet = jpeg_packet();
    int frames = 0;

    om_decoder_hide_until(decoder, 3 * GAP_US);
    for (int i = 0; i < 8; i++) {
        packet->pts_us = packet->dts_us = (int64_t)i * GAP_US;
        om_assert(om_decoder_send(decoder, packet) == OM_OK);
        frames += take_all(decoder);
    }
    om_assert(frames == 5);
}

static void test_mjpeg_steady(void)
{
    struct om_stream_info info = {.codec = OM_CODEC_MJPEG};
    const struct om_decoder_opts opts = {.threads = 1};
    om_auto(om_decoder) decoder = om_decoder_create(&info, &opts, NULL);
    om_auto_ref(om_packet) packet = jpeg_packet();
    uint64_t before = 0;
    for (int i = 0; i < 100; i++) {
        struct om_frame *frame;
        packet->pts_us = packet->dts_us = i;
        om_assert(om_decoder_send(decoder, packet) == OM_OK);
        om_assert(om_decoder_take(decoder, &frame) == OM_OK);
        om_assert(frame->is_full_range && frame->pts_us == i && fabs(luma_mean(frame) - 90) < 1);
        om_frame_unref(&frame);
        om_assert(om_decoder_take(decoder, &frame) == OM_AGAIN);
        if (i == 10)
            before = om_mem_alloc_count();
    }
    om_assert(om_mem_alloc_count() == before);  // nothing of our own in steady state
}

static void test_raw(void)
{
    struct om_stream_info info = {.codec = OM_CODEC_RAW,
                                  .raw_format = OM_PIX_YUYV,
                                  .width = 3,
                                  .height = 2,
                                  .rotation_deg = 90};
    const struct om_decoder_opts opts = {.threads = 1};
    static const uint8_t yuyv[] = {1, 50, 2, 60, 3, 51, 99, 61, 4, 52, 5, 62, 6, 53, 99, 63};
    om_auto_ref(om_packet) packet = om_packet_copy(yuyv, sizeof(yuyv));
    struct om_frame *frame;
    packet->is_key = true;
    {
        om_auto(om_decoder) decoder = om_decoder_create(&info, &opts, NULL);
        om_assert(om_decoder_send(decoder, packet) == OM_OK);
        om_assert(om_decoder_take(decoder, &frame) == OM_OK);
    }
    om_assert(frame->format == OM_PIX_I422 && frame->rotation_deg == 90);
    om_assert(frame->plane[0][2] == 3 && frame->plane[0][frame->stride[0]] == 4);
    om_assert(frame->plane[1][1] == 51 && frame->plane[2][frame->stride[2] + 1] == 63);
    om_frame_unref(&frame);

    info.raw_format = OM_PIX_I420;  // 6 + 2 + 2 bytes, without copying
    om_auto(om_decoder) decoder = om_decoder_create(&info, &opts, NULL);
    om_assert(om_decoder_send(decoder, packet) == OM_OK);
    om_assert(om_decoder_take(decoder, &frame) == OM_OK && frame->plane[1] == packet->data + 6);
    om_frame_unref(&frame);
    om_auto_ref(om_packet) cut = om_packet_copy(yuyv, 9);
    cut->is_key = true;
    om_assert(om_decoder_send(decoder, cut) == OM_OK);
    om_assert(om_decoder_take(decoder, &frame) == OM_AGAIN &&
              om_decoder_stats(decoder).errors == 1);
}

int main(void)
{
    test_mjpeg_steady();
    test_hide();
    test_raw();
    test_garbage();
    if (!getenv("OMMA_SHARED")) {
        puts("skipped: no ../shared");
        return 77;
    }
    test_full();
    test_size_change();
    test_key_only();
    test_damage(false, 20, 49);
    test_damage(true, 60, 60);
    return 0;
}
