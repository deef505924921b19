#include "media/ring.h"

#include "base/assert.h"
#include "base/thread.h"
#include "base/time.h"

enum { GAP_US = 40 * OM_MS };

static void put(struct om_ring *ring, int i, bool is_key, size_t bytes)
{
    static const char zeros[1000];
    om_auto_ref(om_packet) packet = om_packet_copy(zeros, bytes);
    packet->dts_us = packet->pts_us = (int64_t)i * GAP_US;
    packet->is_key = is_key;
    om_ring_put(ring, packet);
}

static size_t count_gop(struct om_ring *ring, size_t room, int first)
{
    struct om_packet *out[500];
    size_t n = om_ring_last_gop(ring, out, room);
    om_assert(n == 0 || (out[0]->is_key && out[0]->dts_us == (int64_t)first * GAP_US));
    for (size_t i = 0; i < n; i++)
        om_packet_unref(&out[i]);
    return n;
}

static void test_gops(void)
{
    om_auto(om_ring) ring = om_ring_create(10000, 100 * GAP_US);
    put(ring, 0, false, 10);
    om_assert(om_ring_bytes(ring) == 0 && count_gop(ring, 500, 0) == 0);  // starts with a key frame
    for (int i = 1; i <= 201; i++)
        put(ring, i, i % 50 == 1, 10);
    om_assert(count_gop(ring, 500, 201) == 1);
    // The group at 51 has gone: the one at 101 reaches back 100 packets.
    om_assert(om_ring_bytes(ring) == 101 * 10);
    for (int i = 202; i <= 240; i++)
        put(ring, i, false, 10);
    om_assert(count_gop(ring, 500, 201) == 40 && count_gop(ring, 39, 201) == 0);
    om_ring_clear(ring);
    om_assert(om_ring_bytes(ring) == 0 && count_gop(ring, 500, 0) == 0);
    put(ring, 241, false, 10);
    om_assert(om_ring_bytes(ring) == 0);
}

static void test_bytes(void)
{
    om_auto(om_ring) ring = om_ring_create(3000, 1000 * GAP_US);
    put(ring, 0, true, 1000);
    put(ring, 1, true, 1000);
    put(ring, 2, true, 1000);
    put(ring, 3, true, 1000);
    om_assert(om_ring_bytes(ring) == 3000 && count_gop(ring, 500, 3) == 1);
    put(ring, 4, false, 1000);
    put(ring, 5, false, 1000);
    om_assert(om_ring_bytes(ring) == 3000 && count_gop(ring, 500, 3) == 3);
    put(ring, 6, false, 1000);  // one group over the bound: nothing is left
    om_assert(om_ring_bytes(ring) == 0);
    put(ring, 7, false, 1000);
    om_assert(om_ring_bytes(ring) == 0);
    put(ring, 8, true, 1000);
    om_assert(om_ring_bytes(ring) == 1000);
}

static void read_on(void *ctx)
{
    struct om_packet *out[500];

    for (int i = 0; i < 2000; i++) {
        size_t n = om_ring_last_gop(ctx, out, 500);
        om_assert(n == 0 || out[0]->is_key);
        for (size_t k = 0; k < n; k++)
            om_packet_unref(&out[k]);
    }
}

static void test_threads(void)
{
    om_auto(om_ring) ring = om_ring_create(2000, GAP_US);
    struct om_thread reader = {0};
    om_assert(om_thread_start(&reader, "reader", 0, read_on, ring));
    for (int i = 0; i < 5000; i++)
        put(ring, i, i % 100 == 0, 10);
    om_thread_join(&reader);
}

int main(void)
{
    test_gops();
    test_bytes();
    test_threads();
    return 0;
}
