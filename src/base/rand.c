#include "base/rand.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/time.h"

void om_rand_init(struct om_rand *rand, uint64_t seed)
{
    rand->state = seed;
}

// splitmix64, Steele, Lea and Flood 2014 ("Fast splittable pseudorandom number generators").
uint64_t om_rand_u64(struct om_rand *rand)
{
    uint64_t z = rand->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// Lemire 2019 ("Fast random integer generation in an interval"): rejection keeps it unbiased.
uint32_t om_rand_below(struct om_rand *rand, uint32_t bound)
{
    om_assert(bound > 0);
    uint32_t least = -bound % bound;
    for (;;) {
        uint64_t product = (om_rand_u64(rand) >> 32) * bound;
        if ((uint32_t)product >= least)
            return (uint32_t)(product >> 32);
    }
}

double om_rand_unit(struct om_rand *rand)
{
    return (double)(om_rand_u64(rand) >> 11) * 0x1p-53;
}

void om_rand_bytes(void *out, size_t n)
{
    char *at = out;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        om_assert(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

void om_rand_uuid7(char text[OM_ID_TEXT_SIZE])
{
    unsigned char b[16];
    om_rand_bytes(b, sizeof(b));
    uint64_t ms = (uint64_t)om_time_wall_us() / OM_MS;
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (8 * (5 - i)));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    snprintf(text, OM_ID_TEXT_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}
