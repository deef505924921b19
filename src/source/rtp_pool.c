#include "source/rtp_pool.h"

#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"
#include "media/packet.h"

// Sizes: 512, 768, 1024, 1536, 2048 ... 8 MiB. A picture fills its block to two thirds at least.
enum {
    PADDING = 64,  // libavcodec's bit readers look this far ahead
    SMALLEST = 512,
    GRADES = 29,
    KEPT_MIN = 8,   // blocks of a grade that are kept whatever is in use
    WINDOW = 1024,  // blocks given back
};

struct block {
    struct om_packet packet;  // first
    struct block *next;       // while it is kept
    int grade;
    _Alignas(64) uint8_t data[];
};

struct grade {
    struct om_mutex lock;
    // Under `lock`.
    struct block *kept;
    size_t kept_n, out_n;
    size_t peak_n, peak_before_n;  // the most that were out in this window and the one before
    unsigned given_n;
};

static struct grade grades[GRADES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static size_t room_of(int grade)
{
    size_t even = (size_t)SMALLEST << (grade / 2);
    return grade % 2 ? even + even / 2 : even;
}

static int grade_for(size_t bytes)
{
    int grade = 0;

    while (room_of(grade) < bytes)
        grade++;
    return grade;
}

static void set_up(void)
{
    static_assert((SMALLEST << (GRADES / 2)) == OM_RTP_PICTURE_MAX, "the last grade is the bound");
    for (int i = 0; i < GRADES; i++)
        om_mutex_init(&grades[i].lock);
}

// As many are kept as were out at once lately: rings give whole groups of pictures back and need
// them again at once. A burst that does not come again is forgotten, and goes back to the system.
static bool is_worth_keeping(struct grade *grade)
{
    if (++grade->given_n % WINDOW == 0) {
        grade->peak_before_n = grade->peak_n;
        grade->peak_n = grade->out_n;
    }
    size_t peak = OM_MAX(grade->peak_n, grade->peak_before_n);
    return grade->out_n + grade->kept_n <= OM_MAX(peak, (size_t)KEPT_MIN);
}

static void give_back(struct om_packet *packet)
{
    struct block *block = (struct block *)packet;
    struct grade *grade = &grades[block->grade];
    bool is_kept;
    {
        om_with_lock(&grade->lock);
        om_assert(grade->out_n > 0);
        is_kept = is_worth_keeping(grade);
        grade->out_n--;
        if (is_kept) {
            block->next = grade->kept;
            grade->kept = block;
            grade->kept_n++;
        }
    }
    if (!is_kept)
        om_free(block);
}

static const struct om_packet_ops block_ops = {.release = give_back};

static struct block *take_kept(struct grade *grade)
{
    om_with_lock(&grade->lock);
    struct block *block = grade->kept;
    if (block) {
        grade->kept = block->next;
        grade->kept_n--;
    }
    grade->out_n++;
    grade->peak_n = OM_MAX(grade->peak_n, grade->out_n);
    return block;
}

struct om_packet *om_rtp_pool_take(size_t bytes)
{
    om_assert(bytes <= OM_RTP_PICTURE_MAX);
    pthread_once(&once, set_up);
    int number = grade_for(bytes);
    struct grade *grade = &grades[number];
    struct block *block = take_kept(grade);
    if (!block) {
        block = om_try_alloc_aligned(sizeof(struct block) + room_of(number) + PADDING);
        if (!block) {
            om_with_lock(&grade->lock);
            grade->out_n--;
            return NULL;
        }
    }
    om_packet_init(&block->packet, &block_ops);
    block->grade = number;
    block->packet.data = block->data;
    return &block->packet;
}

size_t om_rtp_pool_room(const struct om_packet *packet)
{
    return room_of(((const struct block *)packet)->grade);
}

uint8_t *om_rtp_pool_data(struct om_packet *packet)
{
    return ((struct block *)packet)->data;
}

void om_rtp_pool_end(struct om_packet *packet, size_t bytes)
{
    om_assert(bytes <= om_rtp_pool_room(packet));
    memset(om_rtp_pool_data(packet) + bytes, 0, PADDING);
    packet->bytes = bytes;
}

void om_rtp_pool_stats(struct om_rtp_pool_stats *ret)
{
    *ret = (struct om_rtp_pool_stats){0};
    pthread_once(&once, set_up);
    for (int i = 0; i < GRADES; i++) {
        om_with_lock(&grades[i].lock);
        ret->out += grades[i].out_n;
        ret->kept += grades[i].kept_n;
        ret->bytes_out += grades[i].out_n * room_of(i);
        ret->bytes_kept += grades[i].kept_n * room_of(i);
    }
}
