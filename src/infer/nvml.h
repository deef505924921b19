// NVIDIA's management library: what the cards are doing. It comes with the driver and is opened at
// run time; where it is missing there are no cards to speak of, and nothing is said.
//
// Threads: any.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_buf;

enum { OM_NVML_CARDS_MAX = 32, OM_NVML_NAME_SIZE = 96 };

// A card now. What the driver does not tell is NAN or -1.
struct om_nvml_card {
    int index;
    char name[OM_NVML_NAME_SIZE];
    double busy, memory_busy, decoder_busy;  // shares of the last sampling period
    int64_t memory_bytes, memory_used_bytes;
    double celsius, watts;
};

// Reads every card. Returns how many, at most `max`; 0 where there is no library, no driver, no
// card.
int om_nvml_read(struct om_nvml_card *ret, int max);
// The name of card `index` as the driver says it. False when there is none.
bool om_nvml_name(int index, char name[OM_NVML_NAME_SIZE]);
// Version of the driver, "" when there is none; valid as long as the process.
const char *om_nvml_driver(void);
// Appends the cards' metrics; nothing where there are none.
void om_nvml_collect(struct om_buf *out);
