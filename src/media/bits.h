// Bit reader for parameter sets of H.264 and HEVC: bounded, and it steps over the emulation
// prevention bytes (00 00 03) on the way, so nothing is copied. Reading past the end gives zeros
// and sets a sticky failure that callers check once.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct om_bits {
    const uint8_t *p, *end;
    uint8_t byte;  // the one being read
    int left;      // bits of `byte` not read yet
    int zeros;     // zero bytes in a row before p
    bool has_failed;
};

void om_bits_init(struct om_bits *bits, const uint8_t *p, size_t n);
// u(n), n in [0, 32].
uint32_t om_bits_u(struct om_bits *bits, int n);
void om_bits_skip(struct om_bits *bits, int n);  // n in [0, 1024]
// ue(v) and se(v), Exp-Golomb.
uint32_t om_bits_ue(struct om_bits *bits);
int32_t om_bits_se(struct om_bits *bits);
