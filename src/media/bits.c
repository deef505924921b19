#include "media/bits.h"

#include "base/assert.h"

void om_bits_init(struct om_bits *bits, const uint8_t *p, size_t n)
{
    *bits = (struct om_bits){.p = p, .end = p + n};
}

static void next_byte(struct om_bits *bits)
{
    if (bits->zeros >= 2 && bits->p < bits->end && *bits->p == 3) {
        bits->p++;
        bits->zeros = 0;
    }
    if (bits->p == bits->end) {
        bits->has_failed = true;
        bits->byte = 0;
    } else {
        bits->byte = *bits->p++;
        bits->zeros = bits->byte == 0 ? bits->zeros + 1 : 0;
    }
    bits->left = 8;
}

static uint32_t one_bit(struct om_bits *bits)
{
    if (bits->left == 0)
        next_byte(bits);
    bits->left--;
    return (bits->byte >> bits->left) & 1;
}

uint32_t om_bits_u(struct om_bits *bits, int n)
{
    om_assert(n >= 0 && n <= 32);
    uint32_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 1 | one_bit(bits);
    return value;
}

void om_bits_skip(struct om_bits *bits, int n)
{
    om_assert(n >= 0 && n <= 1024);
    for (int i = 0; i < n; i++)
        (void)one_bit(bits);
}

uint32_t om_bits_ue(struct om_bits *bits)
{
    int zeros = 0;
    while (zeros < 32 && !bits->has_failed && one_bit(bits) == 0)
        zeros++;
    if (zeros == 32) {
        bits->has_failed = true;
        return 0;
    }
    return (UINT32_C(1) << zeros) - 1 + om_bits_u(bits, zeros);
}

int32_t om_bits_se(struct om_bits *bits)
{
    uint32_t code = om_bits_ue(bits);
    int32_t half = (int32_t)(code / 2 + code % 2);
    return code % 2 ? half : -half;
}
