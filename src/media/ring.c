#include "media/ring.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"

// Packets stand in a circle that doubles when full, up to SLOTS_MAX. Positions count up for ever;
// the slot is position & mask. Only the writer drops packets, and it does so in small batches, so
// that no release runs under the lock.
enum { SLOTS_MIN = 64, SLOTS_MAX = 1 << 15, BATCH = 64 };

struct om_ring {
    size_t bytes_max;  // constant
    int64_t keep_us;   // constant

    struct om_mutex lock;  // over all that follows
    struct om_packet **slots;
    size_t slots_n;
    uint64_t first, end;  // positions
    uint64_t last_key;    // position of the newest key frame; == end when there is none
    size_t bytes;
};

struct om_ring *om_ring_create(size_t bytes_max, int64_t keep_us)
{
    struct om_ring *ring = om_new(struct om_ring);
    ring->bytes_max = bytes_max;
    ring->keep_us = keep_us;
    om_mutex_init(&ring->lock);
    ring->slots = om_new_array(struct om_packet *, SLOTS_MIN);
    ring->slots_n = SLOTS_MIN;
    return ring;
}

void om_ring_destroy(struct om_ring *ring)
{
    if (!ring)
        return;
    om_ring_clear(ring);
    om_mutex_finish(&ring->lock);
    om_free(ring->slots);
    om_free(ring);
}

static struct om_packet **slot(struct om_ring *ring, uint64_t at)
{
    return &ring->slots[at & (ring->slots_n - 1)];
}

static void grow(struct om_ring *ring)
{
    struct om_packet **wider = om_new_array(struct om_packet *, ring->slots_n * 2);
    for (uint64_t at = ring->first; at < ring->end; at++)
        wider[at & (ring->slots_n * 2 - 1)] = *slot(ring, at);
    om_free(ring->slots);
    ring->slots = wider;
    ring->slots_n *= 2;
}

// Takes up to BATCH packets before position `until` out; how many.
static size_t take_out(struct om_ring *ring, uint64_t until, struct om_packet *out[BATCH])
{
    size_t n = 0;

    om_with_lock(&ring->lock);
    for (; n < BATCH && ring->first < until; n++, ring->first++) {
        out[n] = om_steal(slot(ring, ring->first));
        ring->bytes -= out[n]->bytes;
    }
    if (ring->last_key < ring->first)
        ring->last_key = ring->end;
    return n;
}

static void drop_until(struct om_ring *ring, uint64_t until)
{
    struct om_packet *gone[BATCH];
    size_t n;

    while ((n = take_out(ring, until, gone)) > 0) {
        for (size_t i = 0; i < n; i++)
            om_packet_unref(&gone[i]);
    }
}

// Where the second group of pictures starts; `end` when there is one only.
static uint64_t second_key(struct om_ring *ring)
{
    for (uint64_t at = ring->first + 1; at < ring->end; at++) {
        if ((*slot(ring, at))->is_key)
            return at;
    }
    return ring->end;
}

// The position up to which packets have to go for the bounds to hold, one group at a time.
static uint64_t due_until(struct om_ring *ring)
{
    om_with_lock(&ring->lock);
    if (ring->first == ring->end)
        return ring->first;
    uint64_t second = second_key(ring);
    if (ring->bytes > ring->bytes_max || ring->end - ring->first >= SLOTS_MAX)
        return second;
    if (second == ring->end)
        return ring->first;
    int64_t newest_us = (*slot(ring, ring->end - 1))->dts_us;
    return (*slot(ring, second))->dts_us <= newest_us - ring->keep_us ? second : ring->first;
}

static bool append(struct om_ring *ring, struct om_packet *packet)
{
    om_with_lock(&ring->lock);
    if (ring->first == ring->end && !packet->is_key)
        return false;
    if (ring->end - ring->first == ring->slots_n)
        grow(ring);
    if (packet->is_key)
        ring->last_key = ring->end;
    *slot(ring, ring->end) = om_packet_ref(packet);
    if (!packet->is_key && ring->last_key == ring->end)
        ring->last_key++;  // "none" is always the end
    ring->end++;
    ring->bytes += packet->bytes;
    return true;
}

void om_ring_put(struct om_ring *ring, struct om_packet *packet)
{
    if (!append(ring, packet))
        return;
    for (uint64_t until; (until = due_until(ring)) > ring->first;)
        drop_until(ring, until);
}

size_t om_ring_last_gop(struct om_ring *ring, struct om_packet **out, size_t n)
{
    om_with_lock(&ring->lock);
    uint64_t count = ring->end - ring->last_key;
    if (count > n)
        return 0;
    for (uint64_t i = 0; i < count; i++)
        out[i] = om_packet_ref(*slot(ring, ring->last_key + i));
    return count;
}

size_t om_ring_last_gop_count(struct om_ring *ring)
{
    om_with_lock(&ring->lock);
    return ring->end - ring->last_key;
}

void om_ring_clear(struct om_ring *ring)
{
    drop_until(ring, ring->end);
}

size_t om_ring_bytes(struct om_ring *ring)
{
    om_with_lock(&ring->lock);
    return ring->bytes;
}
