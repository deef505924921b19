#include "decode/packet_gate.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "media/packet.h"

enum { GAP_US = 200 * OM_MS, PACKET_MAX = 1 << 16 };

// ---- a camera that codes what it is told -------------------------------------------------------

struct writer {
    uint8_t *p;
    size_t bits;
};

static void put(struct writer *w, uint32_t value, int n)
{
    for (int i = n - 1; i >= 0; i--, w->bits++) {
        if (value >> i & 1)
            w->p[w->bits / 8] |= (uint8_t)(0x80 >> w->bits % 8);
    }
}

static void put_ue(struct writer *w, uint32_t value)
{
    int n = 32 - __builtin_clz(value + 1);
    put(w, value + 1, 2 * n - 1);
}

static void put_se(struct writer *w, int value)
{
    put_ue(w, value > 0 ? (uint32_t)(2 * value - 1) : (uint32_t)(-2 * value));
}

static size_t end_unit(struct writer *w)
{
    put(w, 1, 1);
    w->bits = (w->bits + 7) / 8 * 8;
    return w->bits / 8;
}

static struct writer start_unit(uint8_t *p, uint8_t head)
{
    struct writer w = {p, 0};
    put(&w, 1, 32);  // start code
    put(&w, head, 8);
    return w;
}

// 640x368 Baseline.
static size_t write_sets(uint8_t *p)
{
    struct writer w = start_unit(p, 0x67);
    put(&w, 66 << 16 | 30, 24);
    for (int i = 0; i < 2; i++)
        put_ue(&w, 0);
    put_ue(&w, 2);  // pic_order_cnt_type
    put_ue(&w, 1);
    put(&w, 0, 1);
    put_ue(&w, 39);
    put_ue(&w, 22);
    put(&w, 12, 4);  // whole frames; no cropping, no VUI
    size_t n = end_unit(&w);

    w = start_unit(p + n, 0x68);
    put_ue(&w, 0);
    put_ue(&w, 0);
    put(&w, 0, 2);
    for (int i = 0; i < 3; i++)
        put_ue(&w, 0);
    put(&w, 0, 3);
    for (int i = 0; i < 3; i++)
        put_se(&w, 0);
    put(&w, 0, 3);
    return n + end_unit(&w);
}

static size_t write_slice(uint8_t *p, bool is_key, int qp)
{
    struct writer w = start_unit(p, is_key ? 0x65 : 0x41);
    put_ue(&w, 0);
    put_ue(&w, is_key ? 7 : 5);
    put_ue(&w, 0);
    put(&w, 0, 4);
    if (is_key)
        put_ue(&w, 0);  // idr_pic_id
    else
        put(&w, 0, 2);
    put(&w, 0, is_key ? 2 : 1);
    put_se(&w, qp - 26);
    return end_unit(&w);
}

struct camera {
    struct om_packet_gate *gate;
    struct om_rand rand;
    int n, gop, since_key, qp;
    double cost, noise;  // bytes at quantiser 26; share by which they differ
    double key_noise;    // the same of key frames
    bool is_moving;      // what the motion watch would say
    bool is_broken;      // slices that cannot be read
    bool is_put_off;     // nobody decodes what the gate asks for
    int full, keys, ignored;
    struct om_gate_judgement last;
};

static void init(struct camera *cam)
{
    struct om_packet_gate_opts opts;
    om_packet_gate_opts_default(&opts);
    const struct om_stream_info info = {.codec = OM_CODEC_H264, .width = 640, .height = 360};
    *cam = (struct camera){.gop = 20, .qp = 26, .cost = 500, .noise = 0.05, .key_noise = 0.05};
    cam->gate = om_packet_gate_create(&info, &opts);
    om_rand_init(&cam->rand, 1);
}

static void step(struct camera *cam)
{
    static uint8_t bytes[PACKET_MAX];
    bool is_key = cam->n == 0 || cam->since_key + 1 >= cam->gop;
    cam->since_key = is_key ? 0 : cam->since_key + 1;
    memset(bytes, 0, 256);
    size_t n = is_key ? write_sets(bytes) : 0;
    n += write_slice(bytes + n, is_key, cam->qp);
    double noise = is_key ? cam->key_noise : cam->noise;
    double size = cam->cost * (1 + noise * (2 * om_rand_unit(&cam->rand) - 1)) * (is_key ? 10 : 1) *
                  __builtin_exp2((26 - cam->qp) / 6.0);
    size_t total = OM_CLAMP((size_t)size, n, sizeof(bytes));
    memset(bytes + n, 0xa5, total - n);
    if (cam->is_broken && !is_key)
        memset(bytes + 5, 0, total - 5);

    om_auto_ref(om_packet) packet = om_packet_copy(bytes, total);
    packet->pts_us = packet->dts_us = (int64_t)cam->n++ * GAP_US;
    packet->is_key = is_key;
    cam->last = om_packet_gate_judge(cam->gate, packet);
    cam->full += cam->last.verdict == OM_GATE_FULL;
    cam->keys += cam->last.verdict == OM_GATE_KEY;
    cam->ignored += cam->last.verdict == OM_GATE_IGNORE;
    if (cam->last.verdict == OM_GATE_FULL && cam->is_put_off)
        om_packet_gate_put_off(cam->gate);
    else if (cam->last.verdict != OM_GATE_IGNORE)
        om_packet_gate_saw(cam->gate, packet->pts_us, cam->is_moving);
}

static void run(struct camera *cam, int pictures)
{
    cam->full = cam->keys = cam->ignored = 0;
    for (int i = 0; i < pictures; i++)
        step(cam);
}

static void drop(struct camera *cam)
{
    om_packet_gate_destroy(cam->gate);
}

// Pictures until it is awake; -1 when it is not within `pictures`.
static int wakes_within(struct camera *cam, int pictures)
{
    for (int i = 0; i < pictures; i++) {
        step(cam);
        if (cam->last.verdict == OM_GATE_FULL)
            return i;
    }
    return -1;
}

// ---- tests -------------------------------------------------------------------------------------

static void test_quiet_then_motion(void)
{
    struct camera cam;
    init(&cam);
    step(&cam);
    om_assert(cam.last.verdict == OM_GATE_FULL && cam.last.reason == OM_GATE_START);
    run(&cam, 45);
    om_assert(cam.last.verdict == OM_GATE_IGNORE && cam.last.reason == OM_GATE_QUIET);
    run(&cam, 3000);
    om_assert(cam.full < 60 && cam.keys >= 20 && cam.keys <= 3000 * GAP_US / (20 * OM_SECOND));

    cam.cost = 2000;
    cam.is_moving = true;
    om_assert(wakes_within(&cam, 10) <= 1 && cam.last.reason == OM_GATE_PACKETS);
    run(&cam, 100);
    om_assert(cam.full == 100);
    cam.is_moving = false;
    cam.cost = 500;
    run(&cam, 20);
    om_assert(cam.ignored >= 10);
    drop(&cam);
}

// A small thing that adds 12 % to pictures that differ by 5 %.
static void test_small_and_slow(void)
{
    struct camera cam;
    init(&cam);
    run(&cam, 1000);
    cam.cost *= 1.12;
    cam.is_moving = true;
    int after = wakes_within(&cam, 50);
    om_assert(after >= 0 && after <= 20);
    drop(&cam);
}

// Rate control moves the quantiser instead of the size.
static void test_constant_bitrate(void)
{
    struct camera cam;
    init(&cam);
    run(&cam, 500);
    for (int qp = 20; qp < 34; qp++) {
        cam.qp = qp;
        run(&cam, 50);
        om_assert(cam.full <= 5);
    }
    cam.cost *= 4;
    cam.qp += 12;  // the same bytes again
    cam.is_moving = true;
    om_assert(wakes_within(&cam, 10) <= 1);
    drop(&cam);
}

static void test_group_length_changes(void)
{
    static const int gops[] = {20, 50, 10, 250, 20};
    struct camera cam;
    init(&cam);
    for (size_t i = 0; i < OM_ARRAY_LEN(gops); i++) {
        cam.gop = gops[i];
        run(&cam, 500);
        om_assert(i == 0 || cam.full < 50);
    }
    drop(&cam);
}

// The noise doubles at dusk and nothing moves: it wakes, learns and sleeps again.
static void test_restless(void)
{
    struct camera cam;
    init(&cam);
    run(&cam, 500);
    cam.cost = 1500;
    cam.noise = 0.2;
    om_assert(wakes_within(&cam, 10) >= 0);
    run(&cam, 300);
    run(&cam, 2000);
    om_assert(cam.full <= 200);
    cam.cost = 6000;
    cam.is_moving = true;
    om_assert(wakes_within(&cam, 10) >= 0);
    drop(&cam);
}

// Where the pictures between them show little, key frames tell by their size which of them are
// worth decoding.
static void test_blind(void)
{
    struct camera cam;
    init(&cam);
    cam.cost = 2000;
    cam.noise = 0.3;
    run(&cam, 500);
    run(&cam, 2000);
    int of_all = cam.keys;
    cam.key_noise = 0.003;
    run(&cam, 500);
    run(&cam, 2000);
    om_assert(of_all >= 80 && cam.keys <= 30);

    cam.since_key = cam.gop - 1;
    cam.cost *= 1.04;  // within the noise of the others
    cam.is_moving = true;
    step(&cam);
    om_assert(cam.last.verdict == OM_GATE_KEY);
    step(&cam);
    om_assert(cam.last.verdict == OM_GATE_FULL && cam.last.reason == OM_GATE_PIXELS);
    drop(&cam);
}

// Motion that the packets do not show: a key frame now and then does.
static void test_deaf(void)
{
    struct camera cam;
    init(&cam);
    run(&cam, 500);
    cam.is_moving = true;
    int after = wakes_within(&cam, 400);
    om_assert(after > 0 && after < 140 && cam.last.reason == OM_GATE_PIXELS);
    drop(&cam);
}

// An alarm that nobody follows is over with the motion, and none that was false; one that is passed
// over goes on without pixels.
static void test_put_off(void)
{
    struct camera cam;
    init(&cam);
    run(&cam, 500);
    cam.cost = 2000;
    cam.is_put_off = true;
    for (int i = 0; i < 30; i++)
        om_assert(wakes_within(&cam, 10) <= 2);
    cam.cost = 500;
    run(&cam, 15);
    om_assert(cam.full == 0);
    cam.is_put_off = false;
    cam.cost = 2000;
    cam.is_moving = true;
    om_assert(wakes_within(&cam, 10) <= 1);
    run(&cam, 10);
    cam.cost = 500;
    cam.is_moving = false;
    for (int i = 0; i < 100; i++) {
        om_packet_gate_pass_over(cam.gate, (int64_t)(cam.n - 1) * GAP_US);
        step(&cam);
        om_assert(cam.last.verdict == OM_GATE_FULL);
    }
    run(&cam, 30);
    om_assert(cam.last.verdict == OM_GATE_IGNORE);
    drop(&cam);
}

static void test_hint(void)
{
    struct camera cam;
    init(&cam);
    run(&cam, 500);
    om_packet_gate_hint(cam.gate, true);
    run(&cam, 100);
    om_assert(cam.full == 100 && cam.last.reason == OM_GATE_HINT);
    om_packet_gate_hint(cam.gate, false);
    run(&cam, 100);
    om_assert(cam.full < 20);
    drop(&cam);
}

static void test_cannot_be_judged(void)
{
    struct camera cam;
    init(&cam);
    cam.is_broken = true;
    run(&cam, 500);
    om_assert(cam.full == 500);
    cam.is_broken = false;
    run(&cam, 200);
    cam.is_broken = true;
    run(&cam, 100);
    om_assert(cam.ignored <= 5 && cam.last.reason == OM_GATE_UNJUDGED);
    drop(&cam);

    static const enum om_codec codecs[] = {OM_CODEC_MJPEG, OM_CODEC_RAW, OM_CODEC_VP9,
                                           OM_CODEC_MPEG4, OM_CODEC_AV1};
    struct om_packet_gate_opts opts;
    om_packet_gate_opts_default(&opts);
    om_auto_ref(om_packet) packet = om_packet_copy("abc", 3);
    for (size_t i = 0; i < OM_ARRAY_LEN(codecs); i++) {
        struct om_stream_info info = {.codec = codecs[i]};
        om_auto(om_packet_gate) gate = om_packet_gate_create(&info, &opts);
        for (int k = 0; k < 50; k++) {
            struct om_gate_judgement judgement = om_packet_gate_judge(gate, packet);
            om_assert(judgement.verdict == OM_GATE_FULL && judgement.reason == OM_GATE_UNJUDGED);
        }
    }
}

// Nobody reports pixels: it never dares to sleep.
static void test_without_reports(void)
{
    struct camera cam;
    init(&cam);
    static uint8_t bytes[256];
    for (int i = 0; i < 300; i++) {
        memset(bytes, 0, sizeof(bytes));
        size_t n = i % 20 == 0 ? write_sets(bytes) : 0;
        (void)write_slice(bytes + n, i % 20 == 0, 26);
        om_auto_ref(om_packet) packet = om_packet_copy(bytes, sizeof(bytes));
        packet->pts_us = packet->dts_us = (int64_t)i * GAP_US;
        packet->is_key = i % 20 == 0;
        om_assert(om_packet_gate_judge(cam.gate, packet).verdict == OM_GATE_FULL);
    }
    drop(&cam);
}

static void test_allocates_nothing(void)
{
    struct camera cam;
    init(&cam);
    run(&cam, 100);
    static uint8_t bytes[256];
    (void)write_slice(bytes, false, 26);
    om_auto_ref(om_packet) packet = om_packet_copy(bytes, sizeof(bytes));
    uint64_t before = om_mem_alloc_count();
    for (int i = 0; i < 1000; i++) {
        packet->pts_us = packet->dts_us = (int64_t)(100 + i) * GAP_US;
        struct om_gate_judgement judgement = om_packet_gate_judge(cam.gate, packet);
        om_packet_gate_saw(cam.gate, packet->pts_us, i % 3 == 0);
        om_assert(judgement.verdict != OM_GATE_KEY);
    }
    om_assert(om_mem_alloc_count() == before);
    drop(&cam);
}

int main(void)
{
    test_quiet_then_motion();
    test_small_and_slow();
    test_constant_bitrate();
    test_group_length_changes();
    test_restless();
    test_blind();
    test_deaf();
    test_put_off();
    test_hint();
    test_cannot_be_judged();
    test_without_reports();
    test_allocates_nothing();
    return 0;
}
