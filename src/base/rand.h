// Randomness. A seeded generator for everything that tests must be able to repeat (jitter,
// synthetic scenes), and bytes from the kernel for what nobody may guess (ids, tokens).

#pragma once

#include <stddef.h>
#include <stdint.h>

struct om_rand {
    uint64_t state;
};

void om_rand_init(struct om_rand *rand, uint64_t seed);
uint64_t om_rand_u64(struct om_rand *rand);                    // splitmix64
uint32_t om_rand_below(struct om_rand *rand, uint32_t bound);  // [0, bound), bound > 0, unbiased
double om_rand_unit(struct om_rand *rand);                     // [0, 1)

// From getrandom(2); aborts when the kernel has none.
void om_rand_bytes(void *out, size_t n);

enum { OM_ID_TEXT_SIZE = 37 };
// A UUID version 7 of now (sorts by time), lower case. Safe from any thread.
void om_rand_uuid7(char text[OM_ID_TEXT_SIZE]);
